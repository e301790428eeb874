"""Signed tokens (JWT): issued in pairs, and read back into claims.

A token names its session (`sid`), its user and itself (`jti`); its header names the key that signed
it (`authentication.signing`). A token that reads without error is signed by this server and has not
expired; `authentication.sessions` knows whether its session is still live.
"""

import uuid
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any, ClassVar

import jwt
from django.conf import settings
from rest_framework_simplejwt.exceptions import TokenBackendError, TokenError
from rest_framework_simplejwt.tokens import AccessToken, RefreshToken, Token

from authentication import signing
from authentication.rules.signing_keys import SigningKeys
from be.kernel.refusals import Refusal

ISSUER = "brokerpro"

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
    access, refresh = _Access(), _Refresh()
    for token, token_id in ((access, _access_jti(jti)), (refresh, jti)):
        token["jti"] = token_id
        token["user_id"] = str(user_id)
        token["sid"] = str(session_id)
        token.set_iat(at_time=now)
    access.set_exp(from_time=now, lifetime=settings.ACCESS_TOKEN_LIFETIME)
    refresh.set_exp(from_time=now, lifetime=settings.REFRESH_TOKEN_LIFETIME)
    return Pair(
        access_token=str(access),
        refresh_token=str(refresh),
        refresh_jti=jti,
        refresh_expires_at=_expiry(refresh),
    )


def _access_jti(refresh_jti: str) -> str:
    return uuid.uuid5(uuid.NAMESPACE_OID, refresh_jti).hex


def read_access(text: str, *, now: datetime) -> Claims:
    """The claims of an access token. Raises InvalidToken."""
    return _unexpired(_verified_access(text, signing.current()), now)


@lru_cache(maxsize=CACHED_TOKENS)
def _verified_access(text: str, keys: SigningKeys) -> Claims:
    """`keys` is what a token was read with: with other keys it is read again."""
    return _read(_Access, text)


def read_refresh(text: str, *, now: datetime) -> Claims:
    """The claims of a refresh token. Raises InvalidToken."""
    return _unexpired(_read(_Refresh, text), now)


def _read(kind: type[Token], text: str) -> Claims:
    if len(text) > MAX_LENGTH or not text.isascii():
        raise InvalidToken
    try:
        token: Any = kind(text)  # type: ignore[arg-type]
        return Claims(
            session_id=uuid.UUID(str(token["sid"])),
            user_id=uuid.UUID(str(token["user_id"])),
            jti=token["jti"],
            expires_at=_expiry(token),
        )
    # KeyError, ValueError: signed with our key, but not issued by this module.
    except (TokenError, KeyError, ValueError, TypeError, OverflowError) as error:
        raise InvalidToken from error


class _Signatures:
    """What the tokens of simplejwt are signed and read with: the keys of `authentication.signing`.

    Its own backend knows one key, no `kid`, and not Ed25519.
    """

    def encode(self, payload: dict[str, Any]) -> str:
        key = signing.current().to_sign(datetime.fromtimestamp(payload["iat"], UTC))
        return jwt.encode(
            {**payload, "iss": ISSUER},
            key.signing,
            algorithm=key.algorithm,
            headers={"kid": key.id},
        )

    def decode(self, token: str, verify: bool = True) -> dict[str, Any]:
        keys = signing.current()
        try:
            key = keys.to_verify(jwt.get_unverified_header(token).get("kid"))
            if key is None:
                raise TokenBackendError("no such key")
            # The key alone says which algorithm it is for, whatever the token says.
            claims: dict[str, Any] = jwt.decode(
                token,
                key.verifying,
                algorithms=[key.algorithm],
                issuer=ISSUER,
                options={"require": ["exp", "iat", "iss", "jti"]},
            )
            expires_at = datetime.fromtimestamp(claims["exp"], UTC)
        except (jwt.PyJWTError, ValueError, TypeError, OverflowError, RecursionError) as error:
            raise TokenBackendError("not one of this server's tokens") from error
        if not keys.accepts(key, expires_at, lifetime=settings.REFRESH_TOKEN_LIFETIME):
            raise TokenBackendError("signed before the keys changed")
        return claims

    def get_leeway(self) -> timedelta:
        return timedelta(0)


class _Access(AccessToken):
    _token_backend: Any = _Signatures()


class _Refresh(RefreshToken):
    _token_backend: Any = _Signatures()


def _unexpired(claims: Claims, now: datetime) -> Claims:
    if claims.expires_at <= now:
        raise InvalidToken
    return claims


def _expiry(token: Token) -> datetime:
    return datetime.fromtimestamp(token["exp"], UTC)
