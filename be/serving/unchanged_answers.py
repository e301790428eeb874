"""304s that Django has given, and gives again while the document is what it was.

A request that is asked again, word for word, gets Django's answer of before: until something
changes that its document depends on (exchange/api/unchanged.py).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from exchange.api import unchanged
from exchange.api.unchanged import DependsOn, Moment

Headers = Sequence[tuple[bytes, bytes]]
# All of a request that its answer follows from.
Words = tuple[object, ...]

OWN = frozenset({b"authorization", b"x-request-id"})
MAX_ANSWERS = 2048
LONGEST = 1000


@dataclass(frozen=True, slots=True)
class _Given:
    """Django's answer, and how far the hub was before the document was read for it."""

    headers: Headers
    depends_on: DependsOn
    since: Moment


class UnchangedAnswers:
    """The headers of 304s by the words of their requests; the oldest make place for new ones."""

    def __init__(self) -> None:
        self._given: dict[Words, _Given] = {}

    def find(self, words: Words) -> Headers | None:
        """The headers of the 304; None if Django has to look."""
        given = self._given.get(words)
        if given is None:
            return None
        if unchanged.holds(given.depends_on, given.since):
            return given.headers
        del self._given[words]
        return None

    def keep(self, words: Words, headers: Headers, depends_on: DependsOn, since: Moment) -> None:
        """Remember a 304 of Django's; `since` is from before it was asked."""
        self._given.pop(words, None)
        if len(self._given) >= MAX_ANSWERS:
            del self._given[next(iter(self._given))]
        self._given[words] = _Given(headers, depends_on, since)


def words_of(scope: Mapping[str, Any], read: Mapping[bytes, bytes]) -> Words | None:
    """The words of a request for market data that has an ETag; None of any other."""
    if b"if-none-match" not in read or not scope["path"].startswith(unchanged.PATHS):
        return None
    own = tuple(item for item in read.items() if item[0] not in OWN)
    length = len(scope["query_string"]) + sum(len(value) for _, value in own)
    if length > LONGEST:
        return None
    return scope.get("scheme", "http"), scope["path"][:LONGEST], scope["query_string"], own
