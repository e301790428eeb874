"""Price levels of the order book."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal


@dataclass(frozen=True, slots=True)
class Level:
    """The units displayed at a price."""

    price: Decimal
    units: int


def without(levels: Iterable[Level], taken: int) -> Iterator[Level]:
    """The levels that are left after `taken` units were taken, from the best level on."""
    for level in levels:
        used = min(taken, level.units)
        taken -= used
        if not used:
            yield level
        elif used < level.units:
            yield Level(level.price, level.units - used)
