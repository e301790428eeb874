"""Keys that sign tokens: a JWK set (RFC 7517), newest first, each good for one algorithm.

A key has two times: `iat`, when it was made, and `nbf`, from when it signs. Before that it verifies
only, so that every server knows a key before the first token is signed with it. Afterwards it goes
on verifying for as long as its tokens last.

Which algorithm a token was signed with is known from its key, and never from the token.
"""

import base64
import hashlib
import json
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from jwt import PyJWK
from jwt.algorithms import Algorithm, get_default_algorithms
from jwt.exceptions import InvalidKeyError, PyJWKError

Document = dict[str, Any]

HS256, RS256, ES256, EDDSA = "HS256", "RS256", "ES256", "EdDSA"
ALGORITHMS = (HS256, RS256, ES256, EDDSA)
SECRET_BYTES = 32
RSA_BITS = 2048
# A longer signature would make a token longer than `authentication.tokens` reads.
MAX_RSA_BITS = 4096
ID_LENGTH = 16
MAX_KEYS = 16


class InvalidSigningKeys(ValueError):
    """The keys can't be used; the message gives a key's position, never its value."""


@dataclass(frozen=True, slots=True)
class SigningKey:
    """What signs and verifies with one algorithm; `id` is the `kid` of its tokens."""

    id: str
    algorithm: str
    signing: Any = field(repr=False)
    verifying: Any = field(repr=False)
    made_at: datetime
    signs_from: datetime

    @property
    def is_public(self) -> bool:
        """Whether the verifying half may be published."""
        return self.algorithm != HS256


@dataclass(frozen=True, eq=False)
class SigningKeys:
    """The keys of one server. Compared by identity: whoever remembers results does so by it.

    `fallback` is the key of SECRET_KEY. It signs while there is no other to do it. Tokens without
    `kid`, from versions that wrote none, are its too.
    """

    keys: tuple[SigningKey, ...]
    fallback: SigningKey
    algorithm: str

    def to_sign(self, now: datetime) -> SigningKey:
        """The newest key whose time has come, of the chosen algorithm if there is one."""
        ready = [key for key in self.keys if key.signs_from <= now]
        chosen = [key for key in ready if key.algorithm == self.algorithm]
        return next(iter(chosen or ready), self.fallback)

    def to_verify(self, key_id: str | None) -> SigningKey | None:
        """The key of a token's `kid`; None if there is none."""
        if key_id is None:
            return self.fallback
        return next((key for key in (*self.keys, self.fallback) if key.id == key_id), None)

    def accepts(self, key: SigningKey, expires_at: datetime, *, lifetime: timedelta) -> bool:
        """Whether a token of this key may be as old as its end says.

        The fallback signs nothing once there is another key to sign. Whatever it signed before has
        ended after `lifetime`, the longest of any token, so that a SECRET_KEY that became known
        opens nothing after that.
        """
        if key is not self.fallback or not self.keys:
            return True
        return expires_at <= min(each.signs_from for each in self.keys) + lifetime


def check(text: str | None, *, algorithm: str) -> None:
    """Raise InvalidSigningKeys unless tokens can be signed with the algorithm.

    Without keys SECRET_KEY signs, which is for HS256.
    """
    if text is not None:
        parse(text, algorithm=algorithm)
    elif algorithm != HS256:
        raise InvalidSigningKeys(f"it is unset, and JWT_ALGORITHM is {algorithm}")


def parse(text: str, *, algorithm: str | None = None) -> tuple[SigningKey, ...]:
    """The keys of a JWK set, newest first. Raises InvalidSigningKeys.

    One of them at least is of `algorithm`, if that is given.
    """
    keys = [_key(each, position) for position, each in enumerate(_documents(text), 1)]
    if len({key.id for key in keys}) != len(keys):
        raise InvalidSigningKeys("two keys have the same kid")
    if algorithm and not any(key.algorithm == algorithm for key in keys):
        raise InvalidSigningKeys(f"there is no key for JWT_ALGORITHM, which is {algorithm}")
    return tuple(sorted(keys, key=lambda key: key.signs_from, reverse=True))


def _documents(text: str) -> list[Document]:
    try:
        documents = json.loads(text)["keys"]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise InvalidSigningKeys('it is no JWK set: {"keys": [...]}') from error
    if not isinstance(documents, list) or not 0 < len(documents) <= MAX_KEYS:
        raise InvalidSigningKeys(f"it has not from 1 to {MAX_KEYS} keys")
    return documents


def _key(document: Document, position: int) -> SigningKey:
    fault = f"key {position} "
    try:
        id, algorithm = document["kid"], document["alg"]
        made_at = datetime.fromtimestamp(int(document["iat"]), UTC)
        signs_from = datetime.fromtimestamp(int(document["nbf"]), UTC)
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise InvalidSigningKeys(f"{fault}has no kid, alg, iat and nbf") from error
    if algorithm not in ALGORITHMS or not isinstance(id, str) or not id:
        raise InvalidSigningKeys(f"{fault}is not for one of {', '.join(ALGORITHMS)}")
    try:
        signing = PyJWK(document, algorithm=algorithm).key
    except (PyJWKError, InvalidKeyError, ValueError, TypeError, KeyError) as error:
        raise InvalidSigningKeys(f"{fault}does not fit its algorithm") from error
    verifying = _verifying(signing, algorithm, fault)
    return SigningKey(id, algorithm, signing, verifying, made_at, signs_from)


def _verifying(signing: Any, algorithm: str, fault: str) -> Any:
    """The half that verifies. Raises InvalidSigningKeys for a weak key, and for a public one."""
    match algorithm, signing:
        case ("HS256", bytes()):
            if len(signing) < SECRET_BYTES:
                raise InvalidSigningKeys(f"{fault}is shorter than {SECRET_BYTES} bytes")
            return signing
        case ("RS256", rsa.RSAPrivateKey()):
            if not RSA_BITS <= signing.key_size <= MAX_RSA_BITS:
                raise InvalidSigningKeys(f"{fault}has not from {RSA_BITS} to {MAX_RSA_BITS} bits")
            return signing.public_key()
        case ("ES256", ec.EllipticCurvePrivateKey()) if isinstance(signing.curve, ec.SECP256R1):
            return signing.public_key()
        case ("EdDSA", ed25519.Ed25519PrivateKey()):
            return signing.public_key()
    raise InvalidSigningKeys(f"{fault}is no private key for {algorithm}")


def of_secret_key(secret_key: str) -> SigningKey:
    """The key that Django's SECRET_KEY is, for HS256."""
    secret = secret_key.encode()
    long_ago = datetime.fromtimestamp(0, UTC)
    id = _id({"kty": "oct", "k": base64.urlsafe_b64encode(secret).decode()})
    return SigningKey(id, HS256, secret, secret, long_ago, long_ago)


def made(algorithm: str, *, now: datetime, signs_from: datetime) -> Document:
    """A new key as a JWK, from the operating system's randomness."""
    document = _jwk(algorithm, _new(algorithm))
    document.pop("key_ops", None)
    return {
        "kid": _id(document),
        "alg": algorithm,
        "use": "sig",
        "iat": int(now.timestamp()),
        "nbf": int(signs_from.timestamp()),
        **{name: value for name, value in document.items() if name not in ("kid", "alg", "use")},
    }


def _new(algorithm: str) -> Any:
    match algorithm:
        case "RS256":
            return rsa.generate_private_key(public_exponent=65537, key_size=RSA_BITS)
        case "ES256":
            return ec.generate_private_key(ec.SECP256R1())
        case "EdDSA":
            return ed25519.Ed25519PrivateKey.generate()
    return secrets.token_bytes(SECRET_BYTES)


def rotated(
    text: str, *, algorithm: str, now: datetime, signs_from: datetime, lifetime: timedelta
) -> str:
    """The JWK set with a new key, and without those whose last token has ended.

    `text` is the set until now, or empty; `lifetime` is the longest of any token. Raises
    InvalidSigningKeys.
    """
    new = made(algorithm, now=now, signs_from=signs_from)
    old = []
    if text:
        known = parse(text)
        kept = {key.id for key in known if not _is_over(key, known, now - lifetime)}
        old = [each for each in _documents(text) if each["kid"] in kept]
    return json.dumps({"keys": [new, *old]}, indent=1) + "\n"


def _is_over(key: SigningKey, keys: Sequence[SigningKey], since: datetime) -> bool:
    """Whether another key of its algorithm signs in its place, and did so at `since` already."""
    return any(
        key.algorithm == other.algorithm and key.signs_from < other.signs_from <= since
        for other in keys
    )


def one_line(text: str) -> str:
    """The set as a setting."""
    return json.dumps(json.loads(text), separators=(",", ":"))


def public_set(keys: Sequence[SigningKey]) -> Document:
    """What anybody may know: the verifying halves (RFC 7517 section 5)."""
    return {
        "keys": [
            {
                "kid": key.id,
                "use": "sig",
                **_jwk(key.algorithm, key.verifying),
                "alg": key.algorithm,
                "key_ops": ["verify"],
            }
            for key in keys
            if key.is_public
        ]
    }


def _jwk(algorithm: str, key: Any) -> Document:
    kind: type[Algorithm] = type(get_default_algorithms()[algorithm])
    document: Document = kind.to_jwk(key, as_dict=True)
    return document


def _id(document: Document) -> str:
    """A part of the key's thumbprint (RFC 7638), which tells nothing about a secret of 256 bits."""
    named = {"kty", "crv", "x", "y", "n", "e", "k"}
    canonical = json.dumps(
        {name: document[name] for name in sorted(named & document.keys())}, separators=(",", ":")
    )
    digest = hashlib.sha256(canonical.encode()).digest()
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")[:ID_LENGTH]
