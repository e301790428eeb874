"""Signed tokens (JWT, HS256): issued in pairs, and read back into claims.

A token names its session (`sid`), its user and itself (`jti`). A token that reads without error is
signed by this server and has not expired; `authentication.sessions` knows whether its session is
still live.
"""

import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, ClassVar, cast

from rest_framework_simplejwt.exceptions import TokenError
from rest_framework_simplejwt.tokens import AccessToken, RefreshToken, Token

from be.kernel.refusals import Refusal

# Tokens issued here are about 400 characters. A longer one is rejected before its JSON is parsed.
MAX_LENGTH = 1000
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

    The same `refresh_jti` and time give the same tokens: whoever has the signing key can issue a
    session's tokens again from what the session stores.
    """
    jti = refresh_jti or uuid.uuid4().hex
    refresh: RefreshToken = _new(RefreshToken, user_id, session_id, now, jti)
    access: AccessToken = _new(AccessToken, user_id, session_id, now, _access_jti(jti))
    return Pair(
        access_token=str(access),
        refresh_token=str(refresh),
        refresh_jti=jti,
        refresh_expires_at=_expiry(refresh),
    )


def read_access(text: str, *, now: datetime) -> Claims:
    """The claims of an access token. Raises InvalidToken."""
    return _unexpired(_verified_access(text), now)


@lru_cache(maxsize=CACHED_TOKENS)
def _verified_access(text: str) -> Claims:
    return _read(AccessToken, text)


def read_refresh(text: str, *, now: datetime) -> Claims:
    """The claims of a refresh token. Raises InvalidToken."""
    return _unexpired(_read(RefreshToken, text), now)


def _access_jti(refresh_jti: str) -> str:
    return uuid.uuid5(uuid.NAMESPACE_OID, refresh_jti).hex


def _new(
    kind: type[Any], user_id: uuid.UUID, session_id: uuid.UUID, now: datetime, jti: str
) -> Any:
    token = kind()
    token["jti"] = jti
    token.set_iat(at_time=now)
    token.set_exp(from_time=now)
    token["user_id"] = str(user_id)
    token["sid"] = str(session_id)
    return token


def _read(kind: type[Token], text: str) -> Claims:
    if len(text) > MAX_LENGTH or not text.isascii():
        raise InvalidToken
    try:
        token = kind(cast(Any, text))
        return Claims(
            session_id=uuid.UUID(str(token["sid"])),
            user_id=uuid.UUID(str(token["user_id"])),
            jti=token["jti"],
            expires_at=_expiry(token),
        )
    # KeyError, ValueError: signed with our key, but not issued by this module.
    except (TokenError, KeyError, ValueError) as error:
        raise InvalidToken from error


def _unexpired(claims: Claims, now: datetime) -> Claims:
    if claims.expires_at <= now:
        raise InvalidToken
    return claims


def _expiry(token: Token) -> datetime:
    return datetime.fromtimestamp(token["exp"], UTC)
