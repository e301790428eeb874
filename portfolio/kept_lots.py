"""A customer's lots: what is stored of them, and on top of it what has been booked since.

The stored lots are complete up to a posting. All that has been booked later is folded in memory by
each read, so a read never answers with less than has been booked. When there is much of it, the
read stores what it has folded, and later reads begin there. All that is stored of a customer by a
method may be removed at any time, together.
"""

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TypeVar
from uuid import UUID

from django.db import DatabaseError

from banking import ledger
from portfolio import lot_rows, trades
from portfolio.lot_rows import Stored
from portfolio.rules import lot_methods
from portfolio.rules.lot_methods import Matching
from portfolio.rules.lots import Fold, LotMethod, MissingLots, OpenLot, Totals
from portfolio.trades import Fresh, History

logger = logging.getLogger(__name__)

# Postings since the stored ones, and lots, that a read takes without storing what comes of them.
FOLDED_BY_A_READ = 200
# Postings that are folded and stored together, so that memory stays small.
STORED_AT_ONCE = 20_000
MAX_READS = 5

EVER = 2**63 - 1
_ALL = 2**31

T = TypeVar("T")


@dataclass(slots=True)
class Lots:
    """One customer's lots as they are matched. `folds` are those of instruments with new events."""

    stored: Stored
    matching: Matching
    folds: dict[str, Fold] = field(default_factory=dict)
    lots_read: int = 0

    def add(self, history: History) -> None:
        """Add events that were booked after the stored ones."""
        for symbol, events in history.items():
            fold = self.fold_of(symbol)
            for event in events:
                fold.add(event)

    def totals(self, symbol: str) -> Totals:
        """The sums of one instrument; zero for one that was never held."""
        if symbol in self.folds:
            return self.folds[symbol].totals
        return self.stored.totals.get(symbol) or Totals()

    def loses_rows(self) -> bool:
        """Whether the new events show that a history is incomplete whose lots are stored."""
        stored = self.stored.totals
        return any(
            not fold.totals.complete and symbol in stored and stored[symbol].complete
            for symbol, fold in self.folds.items()
        )

    def fold_of(self, symbol: str) -> Fold:
        """The fold of one instrument; begun where the stored one ended, if nothing is new in it."""
        if symbol in self.folds:
            return self.folds[symbol]
        totals = replace(self.stored.totals.get(symbol) or Totals())
        self.folds[symbol] = fold = lot_methods.begin(self.matching, totals)
        if totals.units:
            fold.stored = self._read(symbol, fold.method)
            fold.stored_lot = partial(self._read_one, symbol)
        return fold

    def _read(self, symbol: str, method: LotMethod) -> Iterator[OpenLot]:
        for lot in lot_rows.in_order(self.stored, symbol, method):
            self.lots_read += 1
            yield lot

    def _read_one(self, symbol: str, lot_id: str) -> OpenLot | None:
        self.lots_read += 1
        return lot_rows.one(self.stored, symbol, lot_id)


def read(
    *, owner_id: UUID, lot_method: Matching, answer: Callable[[Lots], T], has_rows: bool = False
) -> T:
    """What `answer` makes of the owner's lots, which are of one moment.

    It is called again when the stored lots have gone on while it read them; with `has_rows` it
    reads some by itself.
    """
    for _ in range(MAX_READS):
        try:
            lots = _folded(owner_id, lot_method)
            found = answer(lots)
        except MissingLots:
            continue
        if lots.loses_rows():
            if not _is_caught_up(owner_id, lot_method):
                break
            continue
        if (lots.lots_read or has_rows) and not lot_rows.is_current(lots.stored):
            continue
        if lots.lots_read > FOLDED_BY_A_READ:
            _is_caught_up(owner_id, lot_method)
        return found
    return answer(_folded_on(lot_rows.nothing(owner_id, lot_method), owner_id, lot_method))


def peek(*, owner_id: UUID, lot_method: Matching, answer: Callable[[Lots], T]) -> T:
    """What `answer` makes of the owner's lots; nothing is stored, and no lock is taken."""
    for _ in range(MAX_READS):
        with suppress(MissingLots):
            stored = lot_rows.stored(owner_id, lot_method)
            lots = _folded_on(stored, owner_id, lot_method)
            found = answer(lots)
            if not lots.loses_rows() and lot_rows.is_current(stored):
                return found
    return answer(_folded_on(lot_rows.nothing(owner_id, lot_method), owner_id, lot_method))


def _folded(owner_id: UUID, lot_method: Matching) -> Lots:
    for _ in range(MAX_READS):
        stored = lot_rows.stored(owner_id, lot_method)
        since = trades.fresh(owner_id=owner_id, after=stored.through, at_most=FOLDED_BY_A_READ + 1)
        if len(since) <= FOLDED_BY_A_READ:
            return _with(stored, lot_method, owner_id, since)
        if not _is_caught_up(owner_id, lot_method):
            break
    return _folded_on(lot_rows.stored(owner_id, lot_method), owner_id, lot_method)


def _folded_on(stored: Stored, owner_id: UUID, lot_method: Matching) -> Lots:
    """With everything that has been booked since, however much it is."""
    since = trades.fresh(owner_id=owner_id, after=stored.through, at_most=_ALL)
    return _with(stored, lot_method, owner_id, since)


def _with(stored: Stored, lot_method: Matching, owner_id: UUID, booked: Sequence[Fresh]) -> Lots:
    lots = Lots(stored, lot_method)
    lots.add(trades.events(owner_id=owner_id, of=booked, fees_in_cost=stored.fees_in_cost))
    return lots


def _is_caught_up(owner_id: UUID, lot_method: Matching) -> bool:
    """Store the lots, if they can be stored now; no read fails with it, as each can do without."""
    try:
        catch_up(owner_id=owner_id, lot_method=lot_method)
    except (DatabaseError, MissingLots) as error:
        logger.warning("lots of %s are stored another time: %s", owner_id, error)
        return False
    return True


def catch_up(*, owner_id: UUID, lot_method: Matching) -> None:
    """Store the owner's lots as they are after all that is booked by now, piece by piece.

    If another process does the same, one of them goes on. It waits for transactions that post for
    the owner, and is to be called outside of one.
    """
    bound = ledger.settled_through(owner_id)
    if not (before := lot_rows.stored(owner_id, lot_method)).key:
        lot_rows.begin(owner_id, lot_method, fees_in_cost=before.fees_in_cost)
    while (stored := lot_rows.stored(owner_id, lot_method)).key and stored.through < bound:
        booked, through = piece(owner_id=owner_id, after=stored.through, bound=bound)
        try:
            lots = _with(stored, lot_method, owner_id, booked)
        except MissingLots:
            if lot_rows.is_current(stored):
                raise
            return
        if not lot_rows.advance(stored, through, lots.folds):
            return


def pieces(owner_id: UUID) -> Iterator[list[Fresh]]:
    """All postings of the owner by now, piece by piece; none is empty."""
    after = 0
    while after < EVER:
        booked, after = piece(owner_id=owner_id, after=after, bound=EVER)
        if booked:
            yield booked


def piece(*, owner_id: UUID, after: int, bound: int) -> tuple[list[Fresh], int]:
    """Postings after one, and the id of the last; no entry of theirs has any after these.

    At the last piece, that id is `bound`, up to which postings are read.

    Postings of one statement have ids in any order, so all of them belong to one piece. They have
    the same time.
    """
    at_most = STORED_AT_ONCE
    while True:
        found = trades.fresh(owner_id=owner_id, after=after, at_most=at_most)
        if len(found) < at_most or found[-1].id > bound:
            return [each for each in found if each.id <= bound], bound
        whole = len(found)
        while whole and found[whole - 1].at == found[-1].at:
            whole -= 1
        if whole:
            return found[:whole], found[whole - 1].id
        at_most *= 2
