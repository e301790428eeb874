"""A round meets the orders: bounded transactions, and a defect in one order is nobody else's.

A round of prices is recorded first, for everybody to see; the quotes that orders wait for are
marked `unworked`. Here they are worked, one instrument and one batch at a time. An order that
arrives in between has its instrument's work done first, so that it never overtakes.
"""

import logging
from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from django.db import InterfaceError, OperationalError, transaction

from be.database import statements, transactions
from exchange.market import quotes
from exchange.trading import working
from exchange.trading.rows import markets
from exchange.trading.rows.markets import Market
from exchange.trading.working import Progress

logger = logging.getLogger(__name__)

# Orders of one kind in one transaction.
BATCH = 500


def work_off(instrument_id: UUID, *, now: datetime, batch: int = BATCH) -> int:
    """Work an unworked quote to its end; returns how many orders have changed.

    An order whose work fails for a reason of its own is logged and left as it is, until the next
    quote; the others go on.
    """
    changed, skip = 0, set[UUID]()
    while True:
        progress = Progress()
        try:
            _work_one_batch(instrument_id, batch, skip, now, progress)
        except (OperationalError, InterfaceError):
            raise
        except Exception as error:
            if batch > 1:
                batch = 1  # one at a time, to find which one it is
            elif progress.current is None:
                raise
            else:
                logger.exception("order %s cannot be worked: %s", progress.current, error)
                skip.add(progress.current)
            continue
        changed += progress.changed
        if not progress.more:
            return changed


@transactions.atomic
def _work_one_batch(
    instrument_id: UUID, batch: int, skip: Collection[UUID], now: datetime, progress: Progress
) -> None:
    progress.changed, progress.more, progress.current = 0, False, None
    market = markets.lock_market(instrument_id=instrument_id)
    if market is not None and market.quote.unworked:
        _work(market, batch, skip, now, progress)


def _work(
    market: Market, batch: int, skip: Collection[UUID], now: datetime, progress: Progress
) -> None:
    # Read after the lock, which a halt takes too; nobody trades at a price of long ago.
    markets.read_status(market)
    if market.is_active and quotes.is_fresh(market.quote, now):
        working.work_batch(market, at_most=batch, skip=skip, now=now, progress=progress)
    if not progress.more:
        market.quote.unworked = False
        statements.run((markets.CHANGE_QUOTES, [markets.changed_quote(market.quote)]))


def work_first(market: Market, *, now: datetime) -> Market:
    """Do an instrument's outstanding work inside the transaction of an order that arrives.

    Returns the market as it is then. What fails is left to the simulator.
    """
    if not market.quote.unworked:
        return market
    try:
        with transaction.atomic():
            progress = Progress(more=True)
            while progress.more:
                progress.more = False
                _work(market, BATCH, (), now, progress)
    except (OperationalError, InterfaceError):
        raise
    except Exception:
        logger.exception("orders in %s could not be worked", market.instrument.symbol)
    return markets.lock_market(instrument_id=market.instrument.pk) or market
