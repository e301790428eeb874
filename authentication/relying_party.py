"""The relying party of WebAuthn: for which domain passkeys are made, and on which pages used."""

import re
from urllib.parse import urlsplit

from django.conf import settings

NAME = "BrokerPro"
# Browsers take pages of one's own machine for safe, on any port.
_LOCAL_PAGE = re.compile(r"http://localhost(:[0-9]{1,5})?", re.ASCII)


def rp_id() -> str:
    """The domain that passkeys are bound to: WEBAUTHN_RP_ID, or the host of PUBLIC_URL."""
    configured: str = settings.WEBAUTHN_RP_ID
    return configured or urlsplit(settings.PUBLIC_URL).hostname or "localhost"


def is_own_page(origin: str) -> bool:
    """Whether a passkey may be used on pages of this origin.

    These are PUBLIC_URL, the front ends of CORS_ALLOWED_ORIGINS, and while DEBUG is on localhost on
    any port. A browser lets only pages of the domain `rp_id()` and below use its passkeys at all.
    """
    parts = urlsplit(settings.PUBLIC_URL)
    if origin in (f"{parts.scheme}://{parts.netloc}", *settings.CORS_ALLOWED_ORIGINS):
        return True
    return bool(settings.DEBUG and _LOCAL_PAGE.fullmatch(origin))
