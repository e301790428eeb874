"""Levels of the street's side of the book."""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal


@dataclass(frozen=True, slots=True)
class Level:
    """Units that the street displays at a price."""

    price: Decimal
    units: int


def without(levels: Iterable[Level], taken: int) -> list[Level]:
    """The levels that are left when `taken` units have been taken from the best on."""
    left: list[Level] = []
    for level in levels:
        used = min(taken, level.units)
        taken -= used
        if used < level.units:
            left.append(Level(level.price, level.units - used))
    return left
