"""What must be true of orders and money at any time, read from the database alone.

Nothing here relies on the code under test: prices, cents and limits are computed independently,
with fractions.
"""

from collections.abc import Iterator

from banking import integrity
from exchange.tests.invariants import exits, market, money, orders
from exchange.tests.invariants.market import left_behind
from exchange.tests.invariants.state import State
from exchange.trading.settlement import reconciliation

__all__ = ["State", "left_behind", "violations"]


def violations(before: State, after: State) -> Iterator[str]:
    """One sentence for each rule that is broken, in `after` itself or by the step from `before`."""
    yield from integrity.check()
    yield from reconciliation.check()
    yield from money.nothing_is_overdrawn(after)
    yield from money.every_asset_sums_to_zero(after)
    yield from orders.moves_are_legal(before, after)
    yield from orders.sequences_never_fall(before, after)
    for order in after.orders.values():
        yield from orders.status_agrees_with_fills(order)
        yield from orders.does_not_wait_longer(order)
        yield from orders.fills_keep_to_the_order(after, order)
        yield from money.cents_are_rounded_once(after, order)
        yield from money.is_held_for(after, order)
        yield from exits.exits_agree(after, order)
    yield from exits.legs_sell_what_was_bought(before, after)
    yield from market.nobody_trades_with_himself(after)
    yield from market.the_street_sells_once(after)
    yield from market.the_book_is_not_crossed(after)
    yield from market.better_comes_first(before, after)
    yield from money.cash_comes_from_somewhere(before, after)
    yield from money.the_house_has_its_share(after)
