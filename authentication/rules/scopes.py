"""What an API key may do, by the address and method of a request. Denied is what is not listed.

A session may do everything that its user may. An API key may do what its scopes allow, and never
what makes other credentials or changes the account itself.
"""

from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum


class Scope(StrEnum):
    """A right that an API key is given when it is made."""

    READ = "read"
    TRADE = "trade"
    TRANSFER = "transfer"


EVERY_SCOPE = frozenset(Scope)

SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
UNSAFE = frozenset({"POST", "PUT", "PATCH", "DELETE"})


@dataclass(frozen=True, slots=True)
class Rule:
    """These methods need `scope` at `address`, and below it unless it is `exact`.

    Without a scope they need a session.
    """

    methods: Collection[str]
    address: str
    scope: Scope | None
    exact: bool = False

    def fits(self, method: str, path: str) -> bool:
        there = path == self.address if self.exact else path.startswith(self.address)
        return there and method in self.methods


# The first that fits decides.
RULES = (
    Rule(SAFE, "/api/auth/me/", Scope.READ, exact=True),
    Rule(SAFE | UNSAFE, "/api/auth/", None),
    Rule(SAFE, "/api/", Scope.READ),
    Rule(UNSAFE, "/api/exchange/api/v1/orders/", Scope.TRADE),
    Rule(UNSAFE, "/api/portfolio/holdings/", Scope.TRADE),
    Rule(UNSAFE, "/api/banking/transactions/", Scope.TRANSFER),
)


def needed(method: str, path: str) -> Scope | None:
    """The scope that an API key needs for a request; None if no API key may make it."""
    for rule in RULES:
        if rule.fits(method, path):
            return rule.scope
    return None
