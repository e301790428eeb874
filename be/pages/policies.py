"""What browsers may load and do on each kind of page: its Content-Security-Policy.

`be/serving/page_headers.py` sends them, by django-csp. A page that has none of its own gets STRICT.
On no page does anything come from another host.
"""

from typing import Any

Directives = dict[str, Any]

SELF, NONE = "'self'", "'none'"
DATA, BLOB = "data:", "blob:"

# Own files only, nothing inline, no form that a browser sends by itself, and no text that becomes
# markup (Trusted Types). 'self' of connect-src is the socket's ws: and wss: of this host, too.
STRICT: Directives = {
    "default-src": [NONE],
    "script-src": [SELF],
    "style-src": [SELF],
    "img-src": [SELF, DATA],
    "connect-src": [SELF],
    "base-uri": [NONE],
    "form-action": [NONE],
    "frame-ancestors": [NONE],
    "require-trusted-types-for": ["'script'"],
    "trusted-types": [NONE],
}

# Swagger UI and ReDoc make markup of texts, which Trusted Types would stop.
SWAGGER: Directives = {
    name: sources for name, sources in STRICT.items() if "trusted-types" not in name
}
# ReDoc adds style sheets, an empty one that it fills by script and a fixed one, which are known by
# their hashes (its option `nonce` reaches neither), and searches in a worker.
REDOC: Directives = {
    **SWAGGER,
    "style-src": [
        SELF,
        "'sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU='",
        "'sha256-QMIg+bpjm3JdElJ388KYke01izlUW0UoNOeKjpMxdgc='",
    ],
    "worker-src": [BLOB],
}
# Alpine.js evaluates attributes of the admin's templates ('unsafe-eval'), which set styles by
# attributes as well; style sheets are files. Forms go to the admin itself.
ADMIN: Directives = {
    **SWAGGER,
    "script-src": [SELF, "'unsafe-eval'"],
    "style-src-attr": ["'unsafe-inline'"],
    "font-src": [SELF],
    "form-action": [SELF],
}
