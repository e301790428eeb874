"""What is stored of a model between two rounds: arrays by name, so that a catalogue may grow."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from exchange.simulator.model.draws import FloatArray

FORMAT = 2
"""Of the state: the first had prices in the shares of its day."""


def by_name(names: Sequence[str], values: FloatArray) -> dict[str, Any]:
    """The rows of an array as JSON has them."""
    return dict(zip(names, values.tolist(), strict=True))


def merged(
    names: Sequence[str], current: FloatArray, given: Mapping[str, float | list[float]]
) -> FloatArray:
    """`current` with the values that are `given` by name. Raises ValueError for a bad one."""
    merged = current.copy()
    for number, name in enumerate(names):
        if name in given:
            merged[number] = given[name]
    if not np.isfinite(merged).all():
        raise ValueError("the state of the market is not finite")
    return merged
