"""Codes by the clock (TOTP, RFC 6238): six digits by HMAC-SHA1, new every 30 seconds.

These are the parameters that every authenticator app knows.
"""

import base64
import hmac
from datetime import datetime

import pyotp

PERIOD = 30  # seconds
DIGITS = 6
# A code of one period before or after counts too: clocks differ, and people type slowly.
WINDOW = 1
SECRET_BYTES = 20  # as long as the hash, as RFC 4226 recommends


def secret_of(random: bytes) -> str:
    """A secret as apps read it: base32, from SECRET_BYTES random bytes."""
    return base64.b32encode(random).decode()


def step_at(at: datetime) -> int:
    """How many periods have begun since 1970."""
    return int(at.timestamp()) // PERIOD


def code_at(secret: str, step: int) -> str:
    """The code of one period."""
    return pyotp.TOTP(secret, digits=DIGITS, interval=PERIOD).generate_otp(step)


def matching_step(secret: str, code: str, at: datetime) -> int | None:
    """The period that `code` is of, the newest first; None if it is of none that counts at `at`.

    All of them are compared, so that the time that this takes tells nothing.
    """
    now = step_at(at)
    steps = range(now + WINDOW, now - WINDOW - 1, -1)
    matching = [
        step for step in steps if hmac.compare_digest(code_at(secret, step).encode(), code.encode())
    ]
    return matching[0] if matching else None


def uri(secret: str, *, account: str, issuer: str) -> str:
    """The `otpauth:` address that a QR code shows to an app."""
    app = pyotp.TOTP(secret, digits=DIGITS, interval=PERIOD, name=account, issuer=issuer)
    return app.provisioning_uri()
