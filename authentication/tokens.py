"""Signed tokens (JWT): issued in pairs, and read back into claims.

A token names its session (`sid`), its user and itself (`jti`); its header names the key that signed
it (`authentication.signing`). A token that reads without error is signed by this server and has not
expired; `authentication.sessions` knows whether its session is still live.
"""

import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, ClassVar, Literal

import jwt
from django.conf import settings

from authentication import signing
from authentication.rules.signing_keys import SigningKeys
from be.kernel.refusals import Refusal

ISSUER = "brokerpro"
Kind = Literal["access", "refresh"]

# Tokens issued here are about 400 characters, and 1,100 with RSA's longest keys. A longer one is
# rejected before its JSON is parsed.
MAX_LENGTH = 1200
# A client sends its access token with every request, and a valid signature stays valid.
CACHED_TOKENS = 4096


class InvalidToken(Refusal):
    """The token is malformed, forged, of the wrong type, expired, spent, or its session ended."""

    code = "invalid_token"
    status = 401
    title = "The token is not valid"
    auth_header: ClassVar[str] = 'Bearer error="invalid_token"'

    def __init__(self) -> None:
        super().__init__("The token is malformed, expired, already used or revoked; sign in again.")


@dataclass(frozen=True, kw_only=True)
class Pair:
    """An encoded access and refresh token, and what the session stores of the refresh token."""

    access_token: str
    refresh_token: str
    refresh_jti: str
    refresh_expires_at: datetime


@dataclass(frozen=True, kw_only=True)
class Claims:
    """The contents of a token with a valid signature, type and expiry."""

    session_id: uuid.UUID
    user_id: uuid.UUID
    jti: str
    expires_at: datetime


def issue(
    *, user_id: uuid.UUID, session_id: uuid.UUID, now: datetime, refresh_jti: str | None = None
) -> Pair:
    """Tokens for a session. The refresh token works once the session stores its `refresh_jti`.

    The same `refresh_jti` and time give tokens with the same claims: whoever has the signing key
    can issue a session's tokens again from what the session stores.
    """
    jti = refresh_jti or uuid.uuid4().hex
    issued = int(now.timestamp())
    claims = {"iat": issued, "user_id": str(user_id), "sid": str(session_id)}
    access_ends = issued + int(settings.ACCESS_TOKEN_LIFETIME.total_seconds())
    refresh_ends = issued + int(settings.REFRESH_TOKEN_LIFETIME.total_seconds())
    access = {**claims, "jti": _access_jti(jti), "exp": access_ends}
    refresh = {**claims, "jti": jti, "exp": refresh_ends}
    return Pair(
        access_token=_signed("access", access, now),
        refresh_token=_signed("refresh", refresh, now),
        refresh_jti=jti,
        refresh_expires_at=datetime.fromtimestamp(refresh_ends, UTC),
    )


def _access_jti(refresh_jti: str) -> str:
    return uuid.uuid5(uuid.NAMESPACE_OID, refresh_jti).hex


def _signed(kind: Kind, claims: dict[str, Any], now: datetime) -> str:
    key = signing.current().to_sign(now)
    return jwt.encode(
        {"token_type": kind, "iss": ISSUER, **claims},
        key.signing,
        algorithm=key.algorithm,
        headers={"kid": key.id},
    )


def read_access(text: str, *, now: datetime) -> Claims:
    """The claims of an access token. Raises InvalidToken."""
    return _unexpired(_verified_access(text, signing.current()), now)


@lru_cache(maxsize=CACHED_TOKENS)
def _verified_access(text: str, keys: SigningKeys) -> Claims:
    return _read("access", text, keys)


def read_refresh(text: str, *, now: datetime) -> Claims:
    """The claims of a refresh token. Raises InvalidToken."""
    return _unexpired(_read("refresh", text, signing.current()), now)


def _read(kind: Kind, text: str, keys: SigningKeys) -> Claims:
    if len(text) > MAX_LENGTH or not text.isascii():
        raise InvalidToken
    try:
        key = keys.to_verify(jwt.get_unverified_header(text).get("kid"))
        if key is None:
            raise InvalidToken
        # The key alone says which algorithm it is for, whatever the token says.
        claims = jwt.decode(
            text,
            key.verifying,
            algorithms=[key.algorithm],
            issuer=ISSUER,
            options={"require": ["exp", "iat", "iss", "jti"]},
        )
        found = Claims(
            session_id=uuid.UUID(str(claims["sid"])),
            user_id=uuid.UUID(str(claims["user_id"])),
            jti=claims["jti"],
            expires_at=datetime.fromtimestamp(claims["exp"], UTC),
        )
    # The others: signed with our key, but not issued by this module.
    except (
        jwt.PyJWTError,
        KeyError,
        ValueError,
        TypeError,
        OverflowError,
        RecursionError,
    ) as error:
        raise InvalidToken from error
    is_kind = claims.get("token_type") == kind
    lifetime = settings.REFRESH_TOKEN_LIFETIME
    if not is_kind or not keys.accepts(key, found.expires_at, lifetime=lifetime):
        raise InvalidToken
    return found


def _unexpired(claims: Claims, now: datetime) -> Claims:
    if claims.expires_at <= now:
        raise InvalidToken
    return claims
