"""All settings, read from the environment (or a `.env` file beside manage.py).

`.env.example` has every variable with its default. With nothing set the project runs on SQLite and
the embedded channel layer, on one machine. With `DATABASE_URL` and `REDIS_URL` (or `REDIS_HOST`) it
runs on PostgreSQL and Redis, on any number of servers.
"""

import os
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import environ
from corsheaders.defaults import default_headers

from authentication.rules import signing_keys
from banking.rules.nacha import originators
from be.configuration import databases, enum_names, environment, key_files, local_hosts, log, mail
from be.configuration.admin_look import UNFOLD  # noqa: F401 - read by django-unfold
from be.configuration.environment import Misconfigured, parse_setting
from be.configuration.schema_texts import DESCRIPTION, TAGS
from be.configuration.trusted_proxies import TrustedProxies
from be.kernel import encryption
from be.pages import policies

BASE_DIR = Path(__file__).resolve().parent.parent
ENV_FILE = Path(os.environ.get("ENV_FILE", BASE_DIR / ".env"))
if ENV_FILE.exists():
    parse_setting("ENV_FILE", lambda: environ.Env.read_env(ENV_FILE), "See .env.example.")
elif "ENV_FILE" in os.environ:
    raise Misconfigured("ENV_FILE", f"{ENV_FILE} does not exist.", "Correct the path, or unset it.")
env = environment.Environment(os.environ)

VERSION = "0.1.0"

# Core -------------------------------------------------------------------------------------------
DEVELOPMENT_SECRET_KEY = "development-only-secret-key-never-use-it-in-production"  # noqa: S105
LOCAL_HOSTS = ["localhost", "127.0.0.1", "[::1]"]

DEBUG = env.bool("DEBUG", default=True)
SECRET_KEY = env.str("SECRET_KEY", default=DEVELOPMENT_SECRET_KEY)
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=LOCAL_HOSTS)
if DEBUG:  # add to them: with a private address for a phone, localhost goes on working
    ALLOWED_HOSTS = [*dict.fromkeys([*LOCAL_HOSTS, *ALLOWED_HOSTS])]
environment.require_hosts(ALLOWED_HOSTS)
# While ALLOWED_HOSTS names only this machine, no proxy with TLS is expected.
EXPECTS_TLS = not DEBUG and any(host not in LOCAL_HOSTS for host in ALLOWED_HOSTS)
# Where people reach this server: links in mails begin with it, passkeys are made for its domain.
PUBLIC_URL = env.str("PUBLIC_URL", default=environment.public_url(ALLOWED_HOSTS, tls=EXPECTS_TLS))
environment.require_origins("PUBLIC_URL", env.list("PUBLIC_URL", default=[]), wildcards=False)

VAR_DIR = Path(env.str("VAR_DIR", default=str(BASE_DIR / "var")))
parse_setting(
    "VAR_DIR", lambda: VAR_DIR.mkdir(parents=True, exist_ok=True), "Name a folder to write into."
)

INSTALLED_APPS = [
    "be",  # first: its runserver extends Daphne's
    "daphne",
    "be.desk",  # before unfold: some of its templates are replaced
    "unfold.apps.BasicAppConfig",
    "be.desk.admin_config.AdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "channels",
    "corsheaders",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "be.api",
    "authentication",
    "banking",
    "exchange",
    "portfolio",
]

MIDDLEWARE = [
    "be.api.request_id.middleware",
    "corsheaders.middleware.CorsMiddleware",  # before all that may refuse or redirect
    "django.middleware.security.SecurityMiddleware",
    "be.serving.page_headers.PageHeaders",
    "be.serving.static_files.StaticFilesMiddleware",
    "be.serving.page_middleware.Sessions",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "be.serving.page_middleware.Users",
    "be.serving.page_middleware.Messages",
    "be.serving.page_middleware.OddLookups",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]

ROOT_URLCONF = "be.urls"
ASGI_APPLICATION = "be.asgi.application"
AUTH_USER_MODEL = "authentication.User"
TEST_RUNNER = "be.test_runner.PytestRunner"  # of manage.py test
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "be" / "pages" / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]

LANGUAGE_CODE = "en-us"
TIME_ZONE = "UTC"
# In the pages of the admin; the API has formats of its own.
FORMAT_MODULE_PATH = "be.desk.formats"
USE_I18N = False
USE_TZ = True

# Database and threads -----------------------------------------------------------------------------
DATABASE_URL = env.str("DATABASE_URL", default="")
USES_POSTGRESQL = DATABASE_URL.startswith(("postgres://", "postgresql://"))
DATABASE_POOL_SIZE = env.int("DATABASE_POOL_SIZE", default=20, at_least=1)
# Connections for sign-ins, which have threads of their own, and for sockets.
OTHER_CONNECTIONS = 4
# HTTP_THREADS threads answer requests, with a connection each. HTTP_QUEUE further requests wait for
# a thread, for HTTP_QUEUE_SECONDS at most; beyond that the answer is a 503. SQLite has one writer
# at a time: there, requests that write have as many threads of their own, so that they don't keep
# reading requests waiting.
HTTP_THREADS = env.int(
    "HTTP_THREADS",
    default=min(16, max(DATABASE_POOL_SIZE - OTHER_CONNECTIONS, 1)) if USES_POSTGRESQL else 16,
    at_least=1,
    at_most=1024,
)
HTTP_WRITING_THREADS = 0 if USES_POSTGRESQL else HTTP_THREADS
HTTP_QUEUE = env.int("HTTP_QUEUE", default=256)
HTTP_QUEUE_SECONDS = env.float("HTTP_QUEUE_SECONDS", default=5.0)
if USES_POSTGRESQL and DATABASE_POOL_SIZE < HTTP_THREADS + OTHER_CONNECTIONS:
    raise Misconfigured(
        "DATABASE_POOL_SIZE",
        f"It is {DATABASE_POOL_SIZE}: {HTTP_THREADS} HTTP_THREADS would wait for connections.",
        f"Make it HTTP_THREADS + {OTHER_CONNECTIONS} at least, or HTTP_THREADS smaller.",
    )

# How long a transaction waits for SQLite's write lock.
SQLITE_LOCK_SECONDS = env.float("SQLITE_LOCK_SECONDS", default=5.0, at_most=60)

if USES_POSTGRESQL:
    environment.require_database_url(DATABASE_URL)
    DATABASES = {"default": databases.postgresql(DATABASE_URL, pool_size=DATABASE_POOL_SIZE)}
elif not DATABASE_URL or DATABASE_URL.startswith("sqlite:///"):
    path = (
        DATABASE_URL.removeprefix("sqlite:///")
        if DATABASE_URL
        else str(VAR_DIR / "brokerpro.sqlite3")
    )
    environment.require_folder_of("DATABASE_URL", path)
    DATABASES = {"default": databases.sqlite(path, lock_seconds=SQLITE_LOCK_SECONDS)}
else:
    raise Misconfigured(
        "DATABASE_URL",
        "It starts with neither postgresql:// nor sqlite:///.",
        "Write one of them, or nothing for SQLite in VAR_DIR.",
    )

# Channel layer ----------------------------------------------------------------------------------
REDIS_HOST = env.str("REDIS_HOST", default="")
REDIS_PORT = env.int("REDIS_PORT", default=6379, at_least=1, at_most=environment.PORTS)
REDIS_DB = env.int("REDIS_DB", default=0)
REDIS_URL = env.str("REDIS_URL", default="") or (
    f"redis://{REDIS_HOST}:{REDIS_PORT}/{REDIS_DB}" if REDIS_HOST else ""
)
if REDIS_URL:
    environment.require_redis_url(REDIS_URL)
CHANNEL_PREFIX = env.str("CHANNEL_PREFIX", default="brokerpro")
WEB_CONCURRENCY = env.int("WEB_CONCURRENCY", default=1, at_least=1)

if REDIS_URL:
    CHANNEL_LAYERS: dict[str, Any] = {
        "default": {
            "BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer",
            "CONFIG": {"hosts": [REDIS_URL], "prefix": CHANNEL_PREFIX},
        }
    }
else:
    CHANNEL_LAYERS = {
        "default": {
            "BACKEND": "be.embedded.channel_layer.EmbeddedChannelLayer",
            "CONFIG": {"path": str(VAR_DIR / "channels.sqlite3")},
        }
    }

# Users and tokens -------------------------------------------------------------------------------
ACCESS_TOKEN_LIFETIME = timedelta(
    seconds=env.int("ACCESS_TOKEN_LIFETIME_SECONDS", default=900, at_least=1)
)
REFRESH_TOKEN_LIFETIME = timedelta(
    seconds=env.int("REFRESH_TOKEN_LIFETIME_SECONDS", default=14 * 24 * 3600, at_least=1)
)
# A refresh that is repeated from the same address and agent within REFRESH_GRACE_SECONDS gets the
# first answer again, instead of ending the session: docs/decisions/sessions.md has the risks.
LONGEST_REFRESH_GRACE = 60
REFRESH_GRACE_SECONDS = env.int("REFRESH_GRACE_SECONDS", default=0, at_most=LONGEST_REFRESH_GRACE)
# What signs tokens: JWT_SIGNING_KEYS is a JWK set, or a file that has one, which servers read again
# when it changes. Without it SECRET_KEY signs. docs/keys.md.
JWT_ALGORITHM = env.choice(
    "JWT_ALGORITHM", default=signing_keys.HS256, among=signing_keys.ALGORITHMS
)
JWT_SIGNING_KEYS = env.str("JWT_SIGNING_KEYS", default="")
parse_setting(
    "JWT_SIGNING_KEYS",
    lambda: signing_keys.check(key_files.text_of(JWT_SIGNING_KEYS), algorithm=JWT_ALGORITHM),
    f"Make them: JWT_ALGORITHM= python manage.py rotate_signing_key --algorithm {JWT_ALGORITHM}",
)
# Second factors ---------------------------------------------------------------------------------
# The domain of passkeys, if it is not the host of PUBLIC_URL but one above it.
WEBAUTHN_RP_ID = env.str("WEBAUTHN_RP_ID", default="")
REQUIRE_SECOND_FACTOR_FOR_TRANSFERS = env.bool("REQUIRE_SECOND_FACTOR_FOR_TRANSFERS", default=False)

# Identity ---------------------------------------------------------------------------------------
# Whether customers trade and transfer only once their identity is approved, and who approves it:
# the sandbox, which believes everybody, or staff in the admin.
KYC_REQUIRED = env.bool("KYC_REQUIRED", default=not DEBUG)
IDENTITY_PROVIDER = env.choice(
    "IDENTITY_PROVIDER", default="sandbox" if DEBUG else "staff", among=("sandbox", "staff")
)

# Passwords --------------------------------------------------------------------------------------
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.Argon2PasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}Validator"}
    for name in ("UserAttributeSimilarity", "MinimumLength", "CommonPassword", "NumericPassword")
]

# Mail -------------------------------------------------------------------------------------------
# While DEBUG is on, mails are printed. In production nothing is sent unless EMAIL_URL says how: a
# log is no place for links that let somebody in.
EMAIL_URL = env.str("EMAIL_URL", default="console://" if DEBUG else "")
SENDS_MAIL = bool(EMAIL_URL)
globals().update(parse_setting("EMAIL_URL", lambda: mail.parse(EMAIL_URL), mail.REMEDY))
EMAIL_FROM = env.str("EMAIL_FROM", default=f"BrokerPro <no-reply@{urlsplit(PUBLIC_URL).hostname}>")
# Whether an e-mail has to be verified before the first sign-in.
REQUIRE_VERIFIED_EMAIL = env.bool("REQUIRE_VERIFIED_EMAIL", default=not DEBUG)
# Registrations, requests for a new password and for another link, each of them: an hour from one
# address. A developer's own tests all come from one.
SIGN_UPS_PER_ADDRESS = env.int("SIGN_UPS_PER_ADDRESS", default=10_000 if DEBUG else 30, at_least=1)

# HTTP API ---------------------------------------------------------------------------------------
CORS_ALLOWED_ORIGINS = env.list("CORS_ALLOWED_ORIGINS", default=[])
environment.require_origins("CORS_ALLOWED_ORIGINS", CORS_ALLOWED_ORIGINS, wildcards=False)
# In development a front end may be on any port of the developer's machine and network.
CORS_ALLOWED_ORIGIN_REGEXES = [local_hosts.origins(ALLOWED_HOSTS)] if DEBUG else []
CORS_EXPOSE_HEADERS = ["X-Request-ID", "Idempotency-Replayed", "Retry-After", "ETag"]
CORS_ALLOW_HEADERS = [*default_headers, "idempotency-key", "if-none-match", "x-request-id"]
CSRF_TRUSTED_ORIGINS = env.list("CSRF_TRUSTED_ORIGINS", default=[])
environment.require_origins("CSRF_TRUSTED_ORIGINS", CSRF_TRUSTED_ORIGINS, wildcards=True)
DATA_UPLOAD_MAX_MEMORY_SIZE = 1024 * 1024

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["authentication.api.bearer.BearerAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["be.api.json_parser.ExactJSONParser"],
    "DEFAULT_CONTENT_NEGOTIATION_CLASS": "be.api.content_negotiation.Negotiation",
    # An unknown format would be a 404; be/api/content_negotiation.py reads it.
    "URL_FORMAT_OVERRIDE": None,
    "DEFAULT_PAGINATION_CLASS": "be.api.pagination.NewestFirst",
    "DEFAULT_SCHEMA_CLASS": "be.api.auto_schema.ProblemAutoSchema",
    "EXCEPTION_HANDLER": "be.api.problems.exception_handler",
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
    # As be.kernel.formats.time_text writes them; TIME_ZONE is UTC. Pandas and others read
    # a column of times with different widths as text.
    "DATETIME_FORMAT": "%Y-%m-%dT%H:%M:%S.%fZ",
    # ASCII only: an error may echo half of a surrogate pair, which UTF-8 can't encode.
    "UNICODE_JSON": False,
    "UNAUTHENTICATED_USER": "django.contrib.auth.models.AnonymousUser",
}

SPECTACULAR_SETTINGS = {
    "TITLE": "BrokerPro",
    "DESCRIPTION": DESCRIPTION,
    "VERSION": VERSION,
    "OAS_VERSION": "3.1.0",
    "LICENSE": {"name": "MIT", "identifier": "MIT"},
    "TAGS": TAGS,
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_PUBLIC": True,
    "SERVE_PERMISSIONS": ["rest_framework.permissions.AllowAny"],
    "SERVE_AUTHENTICATION": [],
    "COMPONENT_SPLIT_REQUEST": True,
    "COMPONENT_SPLIT_PATCH": False,  # serializers say what a PATCH may leave out
    "SCHEMA_PATH_PREFIX": r"/api/",
    "ENUM_NAME_OVERRIDES": enum_names.NAMES,
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "be.api.openapi_document.finish",
    ],
}

# Security headers, strict when not in development ------------------------------------------------
SECURE_SSL_REDIRECT = env.bool("SECURE_SSL_REDIRECT", default=EXPECTS_TLS)
# Proxies whose X-Forwarded-For, X-Real-IP and X-Forwarded-Proto count: see be/serving/proxies.py.
# SECURE_PROXY_SSL_HEADER is not set: it would believe everybody's X-Forwarded-Proto.
TRUSTED_PROXIES = parse_setting(
    "TRUSTED_PROXIES",
    lambda: TrustedProxies.parse(env.list("TRUSTED_PROXIES", default=[])),
    "Write addresses and networks: 127.0.0.1,10.0.0.0/8.",
)
SECURE_HSTS_SECONDS = env.int("SECURE_HSTS_SECONDS", default=0 if DEBUG else 31_536_000)
SECURE_HSTS_INCLUDE_SUBDOMAINS = not DEBUG
SECURE_HSTS_PRELOAD = not DEBUG
# Load balancers probe the status over plain HTTP.
SECURE_REDIRECT_EXEMPT = [r"^api/exchange/api/v1/status/$"]
CONTENT_SECURITY_POLICY = {"DIRECTIVES": policies.STRICT}
ADMIN_CONTENT_SECURITY_POLICY = policies.ADMIN
SESSION_COOKIE_SECURE = EXPECTS_TLS
CSRF_COOKIE_SECURE = EXPECTS_TLS
# No other host of the domain, and nothing over plain HTTP, can set cookies with this prefix.
SESSION_COOKIE_NAME = "__Host-sessionid" if EXPECTS_TLS else "sessionid"
CSRF_COOKIE_NAME = "__Host-csrftoken" if EXPECTS_TLS else "csrftoken"
CSRF_COOKIE_HTTPONLY = True  # forms have the token inside; no script reads it
LOGIN_REDIRECT_URL = "/admin/"
SESSION_COOKIE_AGE = 12 * 3600  # of the admin's sessions: a working day
SESSION_EXPIRE_AT_BROWSER_CLOSE = True

# Static files -----------------------------------------------------------------------------------
STATIC_URL = "/static/"
STATIC_ROOT = BASE_DIR / "static_root"
STATICFILES_DIRS = [BASE_DIR / "be" / "pages" / "static"]
# Files are served from where they are. `collectstatic` is needed only where another server has
# them.
WHITENOISE_USE_FINDERS = True
WHITENOISE_AUTOREFRESH = DEBUG

# Secrets at rest ---------------------------------------------------------------------------------
# Keys of 32 bytes in url-safe base64; several, comma-separated, rotate: the first one encrypts, all
# of them decrypt. In development they may be empty. One ring is for account numbers; the other is
# for what identifies people: the secrets of their authenticator apps, and the like.
BANKING_ENCRYPTION_KEY = env.str("BANKING_ENCRYPTION_KEY", default="")
IDENTITY_ENCRYPTION_KEY = env.str("IDENTITY_ENCRYPTION_KEY", default="")
ENCRYPTION_KEYS = {
    "BANKING_ENCRYPTION_KEY": BANKING_ENCRYPTION_KEY,
    "IDENTITY_ENCRYPTION_KEY": IDENTITY_ENCRYPTION_KEY,
}
NEW_KEY = (
    "Make one: python -c "
    '"import base64, os; print(base64.urlsafe_b64encode(os.urandom(32)).decode())"'
)
for name, keys in ENCRYPTION_KEYS.items():
    if keys:
        parse_setting(name, partial(encryption.parse_key_ring, keys), NEW_KEY)

# Wrong tries to verify a bank account, those of a customer in a day (UTC), to how many accounts a
# day one customer has micro-deposits sent, and for how many days an account waits for its amounts.
MICRO_DEPOSIT_TRIES = env.int("MICRO_DEPOSIT_TRIES", default=3, at_least=1, at_most=10)
MICRO_DEPOSIT_TRIES_A_DAY = env.int("MICRO_DEPOSIT_TRIES_A_DAY", default=10, at_least=1)
MICRO_DEPOSIT_STARTS_A_DAY = env.int("MICRO_DEPOSIT_STARTS_A_DAY", default=5, at_least=1)
MICRO_DEPOSIT_DAYS = env.int("MICRO_DEPOSIT_DAYS", default=10, at_least=1, at_most=365)
# How money moves: by the sandbox, or by files, and how long deposits are held: docs/nacha.md.
BANK_RAIL = env.choice("BANK_RAIL", default="sandbox", among=("sandbox", "nacha"))
DEPOSIT_HOLD_DAYS = env.int("DEPOSIT_HOLD_DAYS", default=3, at_most=60)
NACHA = originators.originator(env) if BANK_RAIL == "nacha" else None
NACHA_CUTOFF = originators.cutoff(env)
NACHA_FOLDER = Path(env.str("NACHA_FOLDER", default=str(VAR_DIR / "nacha")))

# What a customer may deposit and withdraw, in dollars: at once, a day and a month of New York.
TRANSFER_LIMITS = {
    "deposit": {
        "transaction": env.int("DEPOSIT_LIMIT_TRANSACTION", default=1_000_000),
        "day": env.int("DEPOSIT_LIMIT_DAY", default=5_000_000),
        "month": env.int("DEPOSIT_LIMIT_MONTH", default=20_000_000),
    },
    "withdrawal": {
        "transaction": env.int("WITHDRAWAL_LIMIT_TRANSACTION", default=1_000_000),
        "day": env.int("WITHDRAWAL_LIMIT_DAY", default=5_000_000),
        "month": env.int("WITHDRAWAL_LIMIT_MONTH", default=20_000_000),
    },
}
# A withdrawal of more dollars waits until two administrators have approved it.
LARGE_WITHDRAWAL_DOLLARS = env.int("LARGE_WITHDRAWAL_DOLLARS", default=100_000)
# For how many days an account has to be verified before money is sent to it.
WITHDRAWAL_ACCOUNT_AGE_DAYS = env.int(
    "WITHDRAWAL_ACCOUNT_AGE_DAYS", default=0 if DEBUG else 3, at_most=365
)

# Exchange ---------------------------------------------------------------------------------------
SHORTEST_RETENTION_DAYS = 8
LONGEST_RETENTION_DAYS = 36_500
SIMULATOR_INTERVAL_SECONDS = env.float("SIMULATOR_INTERVAL_SECONDS", default=2.0)
SIMULATOR_SEED = env.int("SIMULATOR_SEED", default=42, at_most=2**63 - 1)
SIMULATOR_LEASE_SECONDS = env.float("SIMULATOR_LEASE_SECONDS", default=10.0)
# Whether stocks, ETFs and bonds trade only in the sessions of their markets (docs/calendars.md).
EXCHANGE_MARKET_HOURS = env.bool("EXCHANGE_MARKET_HOURS", default=False)
# A quote older than this is not traded on: orders wait as `accepted` for the next one.
QUOTE_MAX_AGE_SECONDS = env.float("QUOTE_MAX_AGE_SECONDS", default=30.0)
# A dividend, split or reversal of this amount or more needs a second administrator.
SECOND_LOOK_DOLLARS = env.int("SECOND_LOOK_DOLLARS", default=10_000)
# How far from the quote a market order may trade; the rest of it is canceled.
MARKET_ORDER_COLLAR_PERCENT = env.int(
    "MARKET_ORDER_COLLAR_PERCENT", default=5, at_least=1, at_most=99
)
# How long candles are kept, in days, by interval; 0 is for ever. Daily candles are always kept.
# A year, for Sharpe ratios and alpha; if unset, what the next bill yields, or 0 without bills.
RISK_FREE_RATE = env.fraction("RISK_FREE_RATE")
CANDLE_RETENTION_DAYS = {
    "1m": env.int("CANDLE_RETENTION_DAYS_1M", default=30, at_most=LONGEST_RETENTION_DAYS),
    "5m": env.int("CANDLE_RETENTION_DAYS_5M", default=90, at_most=LONGEST_RETENTION_DAYS),
    "15m": env.int("CANDLE_RETENTION_DAYS_15M", default=365, at_most=LONGEST_RETENTION_DAYS),
    "1h": env.int("CANDLE_RETENTION_DAYS_1H", default=1095, at_most=LONGEST_RETENTION_DAYS),
}
for name, days in CANDLE_RETENTION_DAYS.items():
    # Statistics of a week read candles of an hour, those of a day candles of 5 minutes.
    if 0 < days < SHORTEST_RETENTION_DAYS:
        raise Misconfigured(
            f"CANDLE_RETENTION_DAYS_{name.upper()}",
            f"It is {days}, and statistics need {SHORTEST_RETENTION_DAYS} days.",
            f"Write {SHORTEST_RETENTION_DAYS} or more, or 0 for ever.",
        )
# Whether customers may bring what they have elsewhere into a new account, and how much of it.
PORTFOLIO_IMPORTS = env.bool("PORTFOLIO_IMPORTS", default=True)
PORTFOLIO_IMPORT_MAX_DOLLARS = env.int(
    "PORTFOLIO_IMPORT_MAX_DOLLARS", default=10_000_000, at_least=1
)
WEBSOCKET_AUTH_TIMEOUT_SECONDS = env.float("WEBSOCKET_AUTH_TIMEOUT_SECONDS", default=10.0)
WEBSOCKET_HEARTBEAT_SECONDS = env.float("WEBSOCKET_HEARTBEAT_SECONDS", default=15.0)
# A socket is closed when its client has read next to nothing for so long.
WEBSOCKET_STALL_SECONDS = env.float("WEBSOCKET_STALL_SECONDS", default=20.0)

# The demo that `make run` and `make seed` create, only while DEBUG is on -------------------------
DEMO_EMAIL = "demo@brokerpro.example"
DEMO_PASSWORD = env.str("DEMO_PASSWORD", default="paper-money-2026")
ADMIN_EMAIL = "admin@brokerpro.example"
ADMIN_PASSWORD = env.str("ADMIN_PASSWORD", default="paper-admin-2026")

# Logging ----------------------------------------------------------------------------------------
LOG_LEVEL = env.choice("LOG_LEVEL", default="INFO", among=environment.LOG_LEVELS)
LOG_FORMAT = env.choice("LOG_FORMAT", default="text", among=("text", "json"))
LOGGING = log.configured(level=LOG_LEVEL, format=LOG_FORMAT)


def refuse_unsafe_production() -> None:
    """Raise Misconfigured for settings that are unsafe in production, with the variable to set."""
    public = [host for host in ALLOWED_HOSTS if not local_hosts.is_private(host)]
    if DEBUG and public:
        raise Misconfigured(
            "ALLOWED_HOSTS",
            f"DEBUG is on, but it names {', '.join(public)}.",
            "Set DEBUG=false; or name private addresses and hosts of your own network only.",
        )
    if DEBUG:
        return
    if (
        SECRET_KEY == DEVELOPMENT_SECRET_KEY
        or len(SECRET_KEY) < 50  # noqa: PLR2004
        or environment.is_guessable(SECRET_KEY)
    ):
        raise Misconfigured(
            "SECRET_KEY",
            "It is missing, shorter than 50 characters, or easy to guess.",
            'Make one: python -c "import secrets; print(secrets.token_urlsafe(50))"',
        )
    if any(host in ("*", ".") for host in ALLOWED_HOSTS):
        raise Misconfigured(
            "ALLOWED_HOSTS", "A wildcard lets every host in.", "Name hosts: broker.example"
        )
    for name, keys in ENCRYPTION_KEYS.items():
        _refuse_weak_keys(name, keys)
    if REQUIRE_VERIFIED_EMAIL and not SENDS_MAIL:
        raise Misconfigured(
            "EMAIL_URL",
            "New users have to verify their e-mail, and no mail can be sent without it.",
            f"{mail.REMEDY} Or set REQUIRE_VERIFIED_EMAIL=false.",
        )
    if WEB_CONCURRENCY > 1 and not REDIS_URL:
        raise Misconfigured(
            "REDIS_URL", "Several workers share ticks over Redis.", "Set it, or WEB_CONCURRENCY=1."
        )


def _refuse_weak_keys(name: str, keys: str) -> None:
    if not keys:
        raise Misconfigured(name, "It is missing.", NEW_KEY)
    if environment.is_guessable(encryption.parse_key_ring(keys).newest.secret):
        raise Misconfigured(name, "Its first key is easy to guess.", NEW_KEY)


refuse_unsafe_production()
