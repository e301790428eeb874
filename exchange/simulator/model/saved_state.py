"""The saved form of the model's state: values by name, as JSON holds them.

By name, so that a state is still usable when the catalogue has grown.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from exchange.simulator.model.arrays import FloatArray

FORMAT = 2
"""The version of the saved state. Version 1 counted prices in the shares of its day."""


def by_name(names: Sequence[str], values: FloatArray) -> dict[str, Any]:
    """The rows of an array as plain numbers and lists."""
    return dict(zip(names, values.tolist(), strict=True))


def merged(
    names: Sequence[str], current: FloatArray, saved: Mapping[str, float | list[float]]
) -> FloatArray:
    """A copy of `current` with the rows that are `saved`. Raises ValueError for a bad value."""
    merged = current.copy()
    for number, name in enumerate(names):
        if name in saved:
            merged[number] = saved[name]
    if not np.isfinite(merged).all():
        raise ValueError("the state of the market is not finite")
    return merged
