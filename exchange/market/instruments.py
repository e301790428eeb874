"""Finding instruments, and what clients see of them."""

from collections.abc import Iterable
from functools import lru_cache
from typing import Any

from banking.rules.assets import canonical
from be.database import statements
from be.database.rows import Reader, set_absent
from be.kernel import formats, identifiers
from be.kernel.refusals import Invalid
from exchange.models import Bond, Instrument

_instruments, _bonds = Reader(Instrument), Reader(Bond)
_SELECT = (
    f"SELECT {_instruments.columns('instrument')}, {_bonds.columns('bond')} "  # noqa: S608
    "FROM exchange_instrument instrument "
    "LEFT JOIN exchange_bond bond ON bond.instrument_id = instrument.id"
)
# Numbers of the rules repeat from one instrument to the next.
plain = lru_cache(maxsize=1024)(formats.plain)


class UnknownSymbol(Invalid):
    code = "unknown_symbol"
    title = "Unknown symbol"


def find(name: str) -> Instrument:
    """The instrument with this symbol (upper or lower case) or id. Raises UnknownSymbol."""
    found = [] if "\x00" in name else _read("WHERE instrument.symbol = %s", canonical(name))
    if not found and (key := identifiers.parse_or_none(name)):
        found = _read("WHERE instrument.id = %s", key)
    if not found:
        raise UnknownSymbol(f"There is no {name[:20]}.", field="symbol")
    return found[0]


def all_of(asset_class: str | None = None) -> list[Instrument]:
    """All instruments, or those of a class, ordered by symbol."""
    if asset_class is None:
        return _read("ORDER BY instrument.symbol")
    return _read("WHERE instrument.asset_class = %s ORDER BY instrument.symbol", asset_class)


def _read(which: str, *values: Any) -> list[Instrument]:
    return [_made(row) for row in statements.query(f"{_SELECT} {which}", values)]


def _made(row: statements.Row) -> Instrument:
    instrument = _instruments.make(row[: _instruments.width])
    if row[_instruments.width] is None:
        set_absent(instrument, "bond")
    else:
        _bonds.make(row[_instruments.width :]).instrument = instrument
    return instrument


def documents(found: Iterable[Instrument]) -> list[dict[str, Any]]:
    """The instruments of the public API, as `InstrumentSerializer` describes them."""
    return [document(instrument) for instrument in found]


def document(instrument: Instrument) -> dict[str, Any]:
    return {
        "id": str(instrument.pk),
        "symbol": instrument.symbol,
        "name": instrument.name,
        "asset_class": instrument.asset_class,
        "currency": instrument.currency,
        "price_increment": plain(instrument.price_increment),
        "quantity_increment": plain(instrument.quantity_increment),
        "min_quantity": plain(instrument.min_quantity),
        "tradable": instrument.tradable,
        "status": instrument.status,
        "bond": _bond_document(instrument),
    }


def _bond_document(instrument: Instrument) -> dict[str, Any] | None:
    bond: Bond | None = getattr(instrument, "bond", None)
    if bond is None:
        return None
    return {
        "coupon_rate": plain(bond.coupon_rate),
        "maturity_date": bond.maturity_date.isoformat(),
        "frequency": bond.frequency,
        "day_count": bond.day_count,
        "face_value": plain(bond.face_value),
    }
