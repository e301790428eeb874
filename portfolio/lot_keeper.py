"""What the exchange asks of lots when an order names some: how much is left of them."""

from collections.abc import Collection, Mapping
from uuid import UUID

from django.db import connection

from portfolio import kept_lots, lot_settings
from portfolio.kept_lots import Lots


def prepare(owner_id: UUID) -> None:
    """Store what has been booked since lots were stored, so that `units_left` has little to fold.

    Only outside of a transaction: it waits for those that post for the owner.
    """
    if not connection.in_atomic_block:
        own = lot_settings.matching(owner_id)
        kept_lots.read(owner_id=owner_id, lot_method=own, answer=lambda lots: None)


def units_left(owner_id: UUID, symbol: str, lot_ids: Collection[str]) -> Mapping[str, int]:
    """The units left of those of these lots that the owner holds, by the owner's lot method."""

    def left(lots: Lots) -> dict[str, int]:
        fold = lots.fold_of(symbol)
        if not fold.totals.complete:
            return {}
        found = [fold.lot(lot_id) for lot_id in lot_ids]
        return {lot.id: lot.units_left for lot in found if lot is not None and lot.units_left}

    own = lot_settings.matching(owner_id)
    return kept_lots.peek(owner_id=owner_id, lot_method=own, answer=left)
