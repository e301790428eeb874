"""The form of an API key: a public id and a secret, sent together as `<key_id>.<secret>`.

The secret has 256 random bits. So it can't be guessed from its hash, and a plain SHA-256 is enough:
a slow hash protects passwords, which people choose.
"""

import base64
import hashlib
import hmac
import ipaddress
import re
import secrets
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

from be.kernel import addresses

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

# No access token begins so: they begin with the base64 of "{".
PREFIX = "BK"
RANDOM_BYTES_OF_ID = 10
SECRET_BYTES = 32
FORM = re.compile(r"(BK[A-Z2-7]{16})\.([A-Za-z0-9_-]{43})")


class Pair(NamedTuple):
    """An API key as its owner has it. The secret is stored nowhere."""

    key_id: str
    secret: str


def new_pair() -> Pair:
    """A new key, from the operating system's randomness."""
    key_id = base64.b32encode(secrets.token_bytes(RANDOM_BYTES_OF_ID)).decode("ascii")
    return Pair(PREFIX + key_id, secrets.token_urlsafe(SECRET_BYTES))


class Presented(NamedTuple):
    """A key as the server looks it up: by its id, and the hash of its secret."""

    key_id: str
    secret_hash: str


# A program sends its key with every request.
@lru_cache(maxsize=4096)
def parse(credential: str) -> Presented | None:
    """What `<key_id>.<secret>` has to be looked up by; None if it has not this form."""
    found = FORM.fullmatch(credential)
    return None if found is None else Presented(found[1], hashed(found[2]))


def hashed(secret: str) -> str:
    """What is stored of a secret: SHA-256, in hex."""
    return hashlib.sha256(secret.encode()).hexdigest()


def same(given: str, stored: str) -> bool:
    """Whether two hashes are the same, in constant time."""
    return hmac.compare_digest(given, stored)


def networks(text: str) -> tuple[Network, ...]:
    """The networks of a list with blanks between them. Raises ValueError for what is none.

    An address is a network of one; the bits of a host in a network do not count.
    """
    return tuple(ipaddress.ip_network(word, strict=False) for word in text.split())


def listed(given: Sequence[Network]) -> str:
    """The list that `networks` reads."""
    return " ".join(map(str, given))


@lru_cache(maxsize=4096)
def is_from(address: str, text: str) -> bool:
    """Whether a client's address is in one of the networks; an empty list is everywhere."""
    if not text:
        return True
    client = addresses.parse(address)
    return client is not None and any(client in network for network in networks(text))
