"""Contributions that are linked over several intervals add up to the return."""

from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from portfolio.rules import contribution, returns

# Carl Bacon, Practical Portfolio Performance Measurement and Attribution, 2nd ed. 2008, chapter 8:
# four quarters of UK, Japanese and US equities, in percent. The weights and returns are those of
# the chapter, of which R's PortfolioAttribution tests its tables too.
WEIGHTS = np.array([[40, 30, 30], [70, 20, 10], [30, 50, 20], [30, 50, 20]]) / 100
RETURNS = np.array([[20, -5, 6], [-5, 3, -5], [-20, 8, -15], [10, -7, 25]]) / 100
BENCHMARK_WEIGHTS = np.array([[40, 20, 40], [40, 30, 30], [50, 40, 10], [40, 40, 20]]) / 100
BENCHMARK = np.array([[10, -4, 8], [-7, 4, -10], [-25, 5, -20], [5, -5, 10]]) / 100


def since_the_start(each):
    return [0.0, *(np.cumprod(1 + each) - 1)]


def contributions(gains, worth, flows):
    """There are some."""
    found = contribution.contributions([*gains], worth=worth, flows=flows)
    assert found is not None
    return found


def test_bacons_four_quarters_are_linked_as_in_his_table_of_the_grap_method():
    own = (WEIGHTS * RETURNS).sum(axis=1)
    benchmark = (BENCHMARK_WEIGHTS * BENCHMARK).sum(axis=1)
    assert own[0] == pytest.approx(0.083)
    assert benchmark[0] == pytest.approx(0.064)
    allocation = (WEIGHTS - BENCHMARK_WEIGHTS) * (BENCHMARK - benchmark[:, None])
    selection = WEIGHTS * (RETURNS - BENCHMARK)

    factors = contribution.factors(since_the_start(own), since_the_start(benchmark))

    assert since_the_start(own)[-1] == pytest.approx(0.0386, abs=5e-5)
    assert since_the_start(benchmark)[-1] == pytest.approx(-0.0941, abs=5e-5)
    # Table 8.4: 1.24 % by allocation and 12.03 % by selection, of 13.27 %.
    assert factors @ allocation.sum(axis=1) == pytest.approx(0.0124, abs=5e-5)
    assert factors @ selection.sum(axis=1) == pytest.approx(0.1203, abs=5e-5)


def test_the_same_four_quarters_beside_nothing_add_up_to_the_return():
    # A million pounds, to the penny.
    worth: list[int] = [100_000_000]
    gains: list[list[int]] = [[], [], []]
    for weights, rates in zip(WEIGHTS, RETURNS, strict=True):
        earned = [round(worth[-1] * part) for part in weights * rates]
        worth.append(worth[-1] + sum(earned))
        for each, gain in zip(gains, earned, strict=True):
            each.append(gain)

    found = contributions([np.array(each) for each in gains], worth, [0] * 5)

    # Without flows, each is what it gained of the first million.
    assert found == pytest.approx([sum(each) / 100_000_000 for each in gains], abs=1e-15)
    assert sum(found) == pytest.approx(0.0386, abs=5e-5)


def test_a_deposit_makes_what_is_gained_before_it_count_for_more():
    # 10 % by the first part on 100, then 1,000 come, and 10 % by the second on 1,110.
    worth, flows = [10_000, 111_000, 122_100], [0, 100_000, 0]
    gains = [np.array([1_000, 0]), np.array([0, 11_100])]

    found = contributions(gains, worth, flows)

    assert found == pytest.approx([0.10, 1.10 * 0.10])
    assert sum(found) == pytest.approx(0.21)


def test_after_a_total_loss_nothing_adds_to_the_return():
    worth, flows = [100, 0, 50, 60], [0, 0, 50, 0]
    gains = [np.array([-60, 0, 0]), np.array([-40, 0, 10])]

    assert contribution.contributions(gains, worth=worth, flows=flows) == pytest.approx(
        [-0.6, -0.4]
    )


def test_what_was_gained_out_of_nothing_adds_nothing():
    # As in the return: no money was in the account at the start of the first interval.
    found = contributions([np.array([5, 1])], [0, 10, 11], [0, 5, 0])

    assert found == [pytest.approx(0.1)]


@pytest.mark.parametrize("worth", [[], [100], [-5, 5], [100, -5, 5]])
def test_without_a_return_there_are_no_contributions(worth):
    gains = np.diff(np.array(worth, np.int64)) if worth else np.zeros(0, np.int64)

    assert contribution.contributions([gains], worth=worth, flows=[0] * len(worth)) is None


def test_gains_that_are_not_the_accounts_are_an_error():
    with pytest.raises(ValueError, match="do not add up"):
        contribution.contributions([np.array([4])], worth=[100, 105], flows=[0, 0])


INTERVALS = st.lists(
    st.tuples(st.lists(st.integers(-300, 600), min_size=3, max_size=3), st.integers(-200, 10**6)),
    min_size=1,
    max_size=30,
)


@given(INTERVALS)
def test_the_contributions_of_any_account_add_up_to_its_return(intervals):
    """Each interval: what three parts gain, and what comes (or goes) at its end."""
    worth, flows, gains = [1_000], [0], []
    for wanted, flow in intervals:
        # Neither a loss nor a withdrawal takes more than there is.
        gained = [max(each, -worth[-1] // 4) for each in wanted]
        after = worth[-1] + sum(gained)
        flows.append(max(flow, -after))
        worth.append(after + flows[-1])
        gains.append(gained)
    total = returns.twr_of_cents(worth, flows)[-1]

    found = contributions(np.array(gains).T, worth, flows)

    assert sum(found) == pytest.approx(total, rel=1e-12, abs=1e-12)


@given(st.lists(st.floats(-1e6, 1e6), max_size=20))
def test_rounded_parts_add_up_and_are_off_by_less_than_a_unit(parts):
    total = float(sum(map(Decimal, parts)))

    found = contribution.rounded(parts, total=total, places=6)

    assert sum(found, Decimal(0)) == Decimal(f"{total:.6f}")
    assert all(
        abs(each - Decimal(part)) < Decimal("0.000001")
        for each, part in zip(found, parts, strict=True)
    )
