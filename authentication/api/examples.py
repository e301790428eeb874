"""Examples of requests and responses for the schema."""

from drf_spectacular.utils import OpenApiExample

USER = {
    "id": "019a0b6e-5a00-7c3d-9f21-4be2c1f0a9d3",
    "email": "alice@example.com",
    "email_verified": True,
    "first_name": "Alice",
    "last_name": "Archer",
    "frozen": False,
    "second_factor": False,
}
SESSION = {
    "id": "019a0b6e-5a00-7c3d-9f21-4be2c1f0a9d4",
    "user_agent": "Mozilla/5.0 (X11; Linux x86_64)",
    "ip_address": "192.0.2.7",
    "created_at": "2026-03-02T14:30:00.000000Z",
    "last_used_at": "2026-03-02T15:15:00.000000Z",
    "current": True,
}
TOKENS = {
    "user": USER,
    "access_token": "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJ0b2tlbl90eXBlIjoiYWNjZXNzIn0.c2ln",
    "refresh_token": "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJ0b2tlbl90eXBlIjoicmVmcmVzaCJ9.c2ln",
    "token_type": "Bearer",
    "expires_in": 900,
}
PASSWORD = "a horse, a staple"  # noqa: S105

REGISTER = OpenApiExample(
    "Alice registers",
    value={
        "email": USER["email"],
        "password": PASSWORD,
        "first_name": USER["first_name"],
        "last_name": USER["last_name"],
    },
    request_only=True,
)
LOGIN = OpenApiExample(
    "Alice signs in", value={"email": USER["email"], "password": PASSWORD}, request_only=True
)
REFRESH_TOKEN = OpenApiExample(
    "The newest refresh token",
    value={"refresh_token": TOKENS["refresh_token"]},
    request_only=True,
)
PROFILE = OpenApiExample("A new last name", value={"last_name": "Baker"}, request_only=True)
PASSWORD_CHANGE = OpenApiExample(
    "A new password",
    value={"current_password": PASSWORD, "new_password": "a battery, a window"},
    request_only=True,
)


_KEY = {
    "id": "019a0b6e-5a00-7c3d-9f21-4be2c1f0a9d5",
    "key_id": "BKQ7D3ZT5M2XWA6N4E",
    "name": "Momentum bot",
    "scopes": ["read", "trade"],
    "addresses": ["192.0.2.0/24"],
    "created_at": "2026-03-02T14:30:00.000000Z",
    "expires_at": None,
    "last_used_at": None,
}
_NEW_KEY = {name: _KEY[name] for name in ("name", "scopes", "addresses")}
NEW_API_KEY = OpenApiExample("A key for a bot", value=_NEW_KEY, request_only=True)
API_KEY_NAME = OpenApiExample("Another name", value={"name": _KEY["name"]}, request_only=True)
API_KEY_MADE = OpenApiExample(
    "The key with its secret",
    value={**_KEY, "secret": "kT3v9sQ0mZJ1x7cW5dY2bL8nR4pH6fG0aEuIoKjMqXs"},
    response_only=True,
    status_codes=["201"],
)
API_KEY = OpenApiExample("The key", value=_KEY, response_only=True, status_codes=["200"])
API_KEY_LISTED = OpenApiExample("A key", value=_KEY, response_only=True, status_codes=["200"])


def tokens(status: str) -> OpenApiExample:
    """The response of register (201), login and refresh (200)."""
    return OpenApiExample("Tokens", value=TOKENS, response_only=True, status_codes=[status])


ME = OpenApiExample("Alice", value=USER, response_only=True, status_codes=["200"])
SESSION_LISTED = OpenApiExample(
    "This session", value=SESSION, response_only=True, status_codes=["200"]
)


def problem(status: int, code: str, title: str, detail: str) -> OpenApiExample:
    """A problem document without input errors."""
    return OpenApiExample(
        code,
        value={
            "type": f"urn:brokerpro:problem:{code}",
            "title": title,
            "status": status,
            "code": code,
            "detail": detail,
            "request_id": "5b0f6a0e9f5c4a4c8f1d2b3a4c5d6e7f",
            "errors": [],
        },
        response_only=True,
        status_codes=[str(status)],
        media_type="application/problem+json",
    )


_STATED = {
    "first_name": "Alice",
    "last_name": "Archer",
    "birth_date": "1990-05-17",
    "street": "12 Wall Street",
    "city": "New York",
    "region": "NY",
    "postal_code": "10005",
    "country": "US",
}
NEW_IDENTITY = OpenApiExample(
    "Alice says who she is", value={**_STATED, "tax_id": "123-45-6789"}, request_only=True
)
_IDENTITY = {
    "status": "approved",
    "reason": "",
    "documents_asked": [],
    "documents": [],
    **_STATED,
    "tax_id_last4": "6789",
    "submitted_at": "2026-03-02T14:30:00.000000Z",
    "decided_at": "2026-03-02T14:30:00.000000Z",
}
IDENTITY = OpenApiExample("Approved", value=_IDENTITY, response_only=True, status_codes=["200"])
IDENTITY_SUBMITTED = OpenApiExample(
    "Approved at once", value=_IDENTITY, response_only=True, status_codes=["201"]
)
INVALID_CREDENTIALS = problem(
    401,
    "invalid_credentials",
    "E-mail or password is wrong",
    "No active account has this e-mail and password.",
)
INVALID_TOKEN = problem(
    401,
    "invalid_token",
    "The token is not valid",
    "The token is malformed, expired, already used or revoked; sign in again.",
)
SESSION_REQUIRED = problem(
    403,
    "session_required",
    "This needs a session",
    "No API key may do this; sign in, and use the access token.",
)
REGISTRATION_REFUSED = problem(
    422,
    "registration_refused",
    "Registration was refused",
    "Could not register with these data; if you have an account, sign in or reset the password.",
)
TOO_MANY_ATTEMPTS = problem(
    429,
    "too_many_attempts",
    "Too many attempts",
    "Too many wrong passwords for this account; wait, then try again.",
)
TOO_MANY_REGISTRATIONS = problem(
    429,
    "too_many_attempts",
    "Too many attempts",
    "Too many registrations; wait, then try again.",
)
TOO_MANY_MAILS = problem(
    429,
    "too_many_attempts",
    "Too many attempts",
    "Too many requests for a mail; wait, then try again.",
)
EMAIL_NOT_VERIFIED = problem(
    403,
    "email_not_verified",
    "The e-mail is not verified",
    "Open the link in the mail that we sent you, or ask for another one; then sign in.",
)
INVALID_LINK = problem(
    422,
    "invalid_link",
    "The link is not valid",
    "This link has expired or was used before; ask for a new mail.",
)
SENDS_NO_MAIL = problem(
    422,
    "sends_no_mail",
    "This server sends no mail",
    "This server sends no mail; ask whoever runs it.",
)
LINK_TOKEN = "eyJmb3IiOiJ2ZXJpZnkiLCJ1c2VyIjoiMDE5YTBiNmUifQ:mR0xq3v2Wc"  # noqa: S105
LINK = OpenApiExample("What follows the #", value={"token": LINK_TOKEN}, request_only=True)
PASSWORD_RESET = OpenApiExample(
    "What follows the #, and a new password",
    value={"token": LINK_TOKEN, "new_password": "a battery, a window"},
    request_only=True,
)
EMAIL = OpenApiExample("Alice", value={"email": USER["email"]}, request_only=True)
NEW_EMAIL = OpenApiExample(
    "A new address",
    value={"email": "alice@work.example", "current_password": PASSWORD},
    request_only=True,
)
VERIFICATION_SENT = OpenApiExample(
    "Look into your mail",
    value={"status": "verification_sent"},
    response_only=True,
    status_codes=["202"],
)
