"""Random numbers by address: the draws of tick n are a function of (seed, stream, n) alone.

Philox is a counter-based generator: it turns a counter into random bits (Salmon et al., "Parallel
random numbers: as easy as 1, 2, 3", SC'11). Each tick owns a range of the counter. So there is no
generator state to store, and a run draws the same numbers however it is cut into blocks.

Normals come from the Box-Muller transform, which always spends two uniforms on two normals. A
rejection method would spend a number that varies.
"""

import numpy as np

from exchange.simulator.model.arrays import FloatArray

_WORDS_PER_COUNT = 4  # Philox4x64 gives four 64-bit words for each value of its counter
_MANTISSA_SHIFT = np.uint64(11)
_ULP = 2.0**-53


def uniforms(*, seed: int, stream: int, tick: int, ticks: int, width: int) -> FloatArray:
    """Uniforms strictly between 0 and 1 for `ticks` ticks from `tick` on, shape (ticks, width).

    `seed` and `stream` are each in [0, 2**64). A stream must always be read at the same width.
    """
    counts = -(-width // _WORDS_PER_COUNT)
    key = np.array([seed, stream], dtype=np.uint64)
    words = np.random.Philox(key=key, counter=tick * counts).random_raw(
        ticks * counts * _WORDS_PER_COUNT
    )
    rows = words.reshape(ticks, counts * _WORDS_PER_COUNT)[:, :width]
    unit: FloatArray = (rows >> _MANTISSA_SHIFT).astype(np.float64)
    unit *= _ULP
    unit += _ULP / 2
    return unit


def normals(uniform: FloatArray) -> FloatArray:
    """Standard normals from uniforms of shape (n, an even number), the same shape (Box-Muller)."""
    half = uniform.shape[1] // 2
    radius = np.sqrt(-2.0 * np.log(np.ascontiguousarray(uniform[:, :half])))
    angle = (2.0 * np.pi) * np.ascontiguousarray(uniform[:, half:])
    return np.concatenate([radius * np.cos(angle), radius * np.sin(angle)], axis=1)


def even(count: int) -> int:
    """The number of uniforms to spend on `count` normals."""
    return count + count % 2
