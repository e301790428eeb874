"""Finding an instrument by its symbol or id."""

from banking.rules.assets import canonical
from be.kernel import identifiers
from be.kernel.refusals import Invalid
from exchange.models import Instrument


class UnknownSymbol(Invalid):
    code = "unknown_symbol"
    title = "Unknown symbol"


def find(name: str) -> Instrument:
    """The instrument with this symbol (upper or lower case) or id. Raises UnknownSymbol."""
    instruments = Instrument.objects.select_related("bond")
    instrument = None if "\x00" in name else instruments.filter(symbol=canonical(name)).first()
    if instrument is None and (key := identifiers.parse_or_none(name)):
        instrument = instruments.filter(pk=key).first()
    if instrument is None:
        raise UnknownSymbol(f"There is no {name[:20]}.", field="symbol")
    return instrument
