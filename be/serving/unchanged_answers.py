"""Answers that Django has given, and that are given again while the document is what it was.

A request for market data that is asked again, word for word, gets Django's answer of before, the
document or a 304: until something changes that the document depends on (exchange/api/unchanged.py).
Such a document is the same for everybody who has a session, and only its view says that it is one.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from exchange.api import unchanged
from exchange.api.unchanged import DependsOn, Moment

Headers = Sequence[tuple[bytes, bytes]]
# All of a request that its answer follows from.
Words = tuple[object, ...]

OWN = frozenset({b"authorization", b"x-request-id"})
MAX_ANSWERS = 2048
LONGEST = 1000
# Of bodies, in a process. One that would push out most of the others is not kept.
MAX_BYTES = 16 * 1024 * 1024
LONGEST_BODY = MAX_BYTES // 4


class Answer(NamedTuple):
    """What is sent."""

    status: int
    headers: Headers
    body: bytes


@dataclass(frozen=True, slots=True)
class _Given:
    """Django's answer, and how far the hub was before the document was read for it."""

    answer: Answer
    depends_on: DependsOn
    since: Moment


class UnchangedAnswers:
    """Answers by the words of their requests; the oldest make place for new ones."""

    def __init__(self) -> None:
        self._given: dict[Words, _Given] = {}
        self._bytes = 0

    def find(self, words: Words) -> Answer | None:
        """The answer; None if Django has to look."""
        given = self._given.get(words)
        if given is None:
            return None
        if unchanged.holds(given.depends_on, given.since):
            return given.answer
        self._drop(words)
        return None

    def keep(self, words: Words, answer: Answer, depends_on: DependsOn, since: Moment) -> None:
        """Remember an answer of Django's; `since` is from before it was asked."""
        self._drop(words)
        if len(answer.body) > LONGEST_BODY:
            return
        self._bytes += len(answer.body)
        while self._given and (len(self._given) >= MAX_ANSWERS or self._bytes > MAX_BYTES):
            self._drop(next(iter(self._given)))
        self._given[words] = _Given(answer, depends_on, since)

    def _drop(self, words: Words) -> None:
        if (given := self._given.pop(words, None)) is not None:
            self._bytes -= len(given.answer.body)


def words_of(scope: Mapping[str, Any], read: Mapping[bytes, bytes]) -> Words | None:
    """The words of a request for market data that may be kept; None of any other."""
    if not unchanged.may_hold(scope["path"]):
        return None
    own = tuple(item for item in read.items() if item[0] not in OWN)
    length = len(scope["query_string"]) + sum(len(value) for _, value in own)
    if length > LONGEST:
        return None
    return scope.get("scheme", "http"), scope["path"][:LONGEST], scope["query_string"], own
