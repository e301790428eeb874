"""Specific identification: whether the lots that an order to sell names are there.

The exchange does not know lots. An app that does installs a `keeper` here at start-up, as one that
values accounts does in `banking/flows.py`. Only orders that name lots ask it.
"""

from collections import Counter
from collections.abc import Collection, Mapping
from typing import Protocol
from uuid import UUID

from be.kernel.formats import plain
from be.kernel.refusals import Refusal
from exchange.models import OPEN_STATUSES, Instrument, Order
from exchange.trading.intake.requests import OrderRequest
from exchange.trading.rules import naming


class LotsNotThere(Refusal):
    code = "lots_not_there"
    status = 422
    title = "The order names lots that are not there"


class Keeper(Protocol):
    """Knows the lots of customers."""

    def prepare(self, owner_id: UUID) -> None:
        """Called before the transaction of an order that names lots; may take its time."""

    def units_left(
        self, owner_id: UUID, symbol: str, lot_ids: Collection[str]
    ) -> Mapping[str, int]:
        """The units left of those of these lots that the owner holds.

        Called while the instrument's quote is locked, so nothing of it is traded meanwhile.
        """


class _NotInstalled:
    def prepare(self, owner_id: UUID) -> None:
        raise RuntimeError("nobody keeps lots: no keeper is installed")

    def units_left(
        self, owner_id: UUID, symbol: str, lot_ids: Collection[str]
    ) -> Mapping[str, int]:
        raise RuntimeError("nobody keeps lots: no keeper is installed")


keeper: Keeper = _NotInstalled()


def check(owner_id: UUID, request: OrderRequest, instrument: Instrument) -> None:
    """Refuse (LotsNotThere) lots of which the owner has less than is named.

    Less what the owner's other open orders name. The caller has locked the quote, so two orders
    can't name the same lot at once.
    """
    wanted = {str(lot.id): instrument.asset.units(lot.quantity) for lot in request.lots}
    there = keeper.units_left(owner_id, instrument.symbol, wanted.keys())
    named = _named_elsewhere(owner_id, instrument)
    for lot_id, units in wanted.items():
        if units <= (free := there.get(lot_id, 0) - named[lot_id]):
            continue
        if lot_id not in there:
            detail = f"You hold no lot {lot_id} of {instrument.symbol}."
        else:
            left = plain(instrument.asset.amount(max(free, 0)))
            detail = f"Of the lot {lot_id}, {left} {instrument.symbol} is there to be named"
            detail += "; other open orders name the rest." if named[lot_id] else "."
        raise LotsNotThere(detail, field="lots")


def _named_elsewhere(owner_id: UUID, instrument: Instrument) -> Counter[str]:
    """The units of each lot that the owner's open orders name and have not sold yet."""
    found = Order.objects.filter(
        owner_id=owner_id, instrument=instrument, status__in=OPEN_STATUSES, lots__isnull=False
    )
    named = Counter[str]()
    for lots, filled in found.values_list("lots", "filled_quantity"):
        for lot_id, units in naming.left(naming.units_of(lots or ()), filled=filled):
            named[lot_id] += units
    return named
