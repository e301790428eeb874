"""How much of an account's return each of its parts has earned, by NumPy.

In one interval, without deposits or withdrawals inside, a part contributes what it gained over what
the account was worth at the interval's start; the contributions of all parts add up to its return.
Over several intervals they do not, since returns are linked by multiplication. The method of GRAP
(Groupe de Recherche en Attribution de Performance, "Synthèse des modèles d'attribution de
performance", Paris 1997; Carl Bacon, Practical Portfolio Performance Measurement and Attribution,
2nd ed. 2008, chapter 8) gives each interval t a factor, for which they do:

    factor(t) = (1 + r(1)) ... (1 + r(t-1)) × (1 + b(t+1)) ... (1 + b(n))

r are the returns of the account and b those of what it is compared with. An account that is
compared with nothing (b = 0) has earned in interval t what one dollar, there from the start and
left alone, gained in it. So a total loss needs no logarithm, and no factor depends on what comes
later.
"""

import math
from collections.abc import Sequence
from decimal import Decimal

import numpy as np
from numpy.typing import NDArray

from portfolio.rules import grids, returns
from portfolio.rules.grids import Integers


def factors(own: Sequence[float], other: Sequence[float] | None = None) -> NDArray[np.float64]:
    """What an effect of each interval counts in the whole, by the formula of this module.

    `own` are the returns of the account from the first point up to each point, as
    `returns.twr_series` gives them; `other` are those of what it is compared with, or None.
    """
    before: NDArray[np.float64] = 1 + np.array(own[:-1], np.float64)
    if other is None:
        return before
    growth = 1 + np.array(other, np.float64)
    found: NDArray[np.float64] = before * growth[-1] / growth[1:]
    return found


def contributions(
    gains: Sequence[Integers], *, worth: Sequence[int], flows: Sequence[int]
) -> list[float] | None:
    """What each part has added to the time-weighted return; None if there is no such return.

    `worth` and `flows` are the account's, as `returns.twr_of_cents` takes them, and `gains` the
    cents that each part gained in each interval between their points; they add up to the account's
    gains (otherwise: ValueError). An interval that starts with nothing in the account adds nothing,
    whatever was gained in it. The sum is the return, but for the rounding of floats.
    """
    totals = [each for each in returns.twr_of_cents(worth, flows) if each is not None]
    if len(totals) < max(len(worth), 2):
        return None
    before = grids.integers(worth[:-1])
    gained = grids.integers(worth[1:]) - grids.integers(flows[1:]) - before
    if (sum(gains, np.zeros_like(gained)) != gained).any():
        raise ValueError("The gains of the parts do not add up to those of the account.")
    had_money = before > 0
    weights = np.zeros(len(before))
    weights[had_money] = factors(totals)[had_money] / before[had_money].astype(np.float64)
    return [math.fsum((gain * weights).tolist()) for gain in gains]


def rounded(parts: Sequence[float], *, total: float, places: int) -> list[Decimal]:
    """The parts with so many decimals, so that they add up to the rounded total exactly.

    Each is within one unit of the last place of what it was: the parts that lose most by rounding
    down are rounded up. `total` is their sum, but for the rounding of floats.
    """
    unit = Decimal(1).scaleb(-places)
    exact = [Decimal(part).scaleb(places) for part in parts]
    units = [math.floor(part) for part in exact]
    missing = int(Decimal(total).quantize(unit).scaleb(places)) - sum(units)
    by_loss = sorted(range(len(parts)), key=lambda place: units[place] - exact[place])
    for place in by_loss[:missing]:
        units[place] += 1
    return [Decimal(each) * unit for each in units]
