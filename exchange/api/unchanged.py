"""Whether a document of market data is still what it was when it was read.

The hub knows which quotes rounds have changed since, and once a second how many other changes there
were (exchange/market/revisions.py); those of this process are known at once. Call it in the event
loop.
"""

from dataclasses import dataclass

from exchange.market import revisions
from exchange.streaming import hub

PATHS = "/api/exchange/api/v1/market-data/"
# The book changes with each order, and the window of statistics with the clock.
_NEVER = ("/book/", "/statistics/")


@dataclass(frozen=True, slots=True)
class DependsOn:
    """What changes a document: rounds of one symbol, of any, or none; and in any case revisions."""

    symbol: str | None = None
    all_quotes: bool = False


@dataclass(frozen=True, slots=True)
class Moment:
    """How far the hub was before a document was read."""

    revision: int
    own_changes: int
    mark: int
    edition: object


def may_hold(path: str) -> bool:
    """Whether a document of this address may be one that is the same when it is asked again."""
    return path.startswith(PATHS) and not path.endswith(_NEVER)


def moment() -> Moment | None:
    """Now; None while quotes may be older here than in the database."""
    prices = hub.current().prices_to_read()
    if prices is None or prices.revision is None:
        return None
    return Moment(prices.revision, revisions.of_this_process(), prices.mark, prices.edition)


def holds(document: DependsOn, since: Moment) -> bool:
    """Whether a document that was read after `since` would be the same now."""
    prices = hub.current().prices_to_read()
    if prices is None or prices.revision != since.revision:
        return False
    if revisions.of_this_process() != since.own_changes:
        return False
    if document.all_quotes:
        return prices.edition is since.edition
    if document.symbol is None:
        return True
    changed = prices.marks.get(document.symbol)
    return changed is not None and changed <= since.mark
