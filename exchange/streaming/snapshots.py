"""What the hub reads from the database; each call runs in a thread, off the event loop."""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import ParamSpec, TypeVar
from uuid import UUID

from channels.db import database_sync_to_async
from django.db.models import Count, F, Q, Sum

from authentication import api_keys as keys_of_programs
from authentication.models import Session
from exchange.market import quotes, revisions
from exchange.models import SIMULATOR, Instrument, OrderFeed, Quote, Simulator

P = ParamSpec("P")
R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class NewerPrices:
    """The last round, the symbols of all quotes in the database's order, and the newer quotes."""

    rounds: int
    symbols: tuple[str, ...]
    documents: list[quotes.Document]


async def prices_since(known: Mapping[str, int]) -> NewerPrices:
    """The number of the last round, and all quotes newer than the sequences in `known`."""
    return await _run(_prices_since, dict(known))


async def prices_of(symbols: Collection[str]) -> tuple[set[str], list[quotes.Document]]:
    """Which of these symbols exist, and the quotes of those that have one."""
    return await _run(_prices_of, symbols)


async def order_counts(users: Collection[UUID]) -> dict[UUID, int]:
    """The number of each user's last order update; users who never had one are left out."""
    return await _run(_order_counts, users)


@dataclass(frozen=True, slots=True)
class PricesState:
    """How far prices are: the last round, how many quotes there are, and their sequences' sum.

    `taken` has what customers took of each quote since its round: sequence, and units of both sides
    together, which only rise while the sequence stays; `revision` the last change without a round.
    Both are None if they were not asked for.
    """

    rounds: int = 0
    count: int = 0
    sequences: int = 0
    taken: Mapping[str, tuple[int, int]] | None = None
    revision: int | None = None


@dataclass(frozen=True, slots=True)
class DatabaseState:
    """What a hub compares itself with: live sessions and keys, prices, and last order updates."""

    live_sessions: set[UUID]
    live_api_keys: set[UUID]
    prices: PricesState
    order_counts: dict[UUID, int]


async def state(
    *,
    sessions: Collection[UUID],
    api_keys: Collection[UUID],
    users: Collection[UUID],
    now: datetime,
    with_taken: bool,
) -> DatabaseState:
    """Which of these sessions and keys (of active users) are live, how far rounds and updates are.

    What customers took of the quotes, and the last revision, are read `with_taken` only.
    """
    return await _run(_state, sessions, api_keys, users, now, with_taken)


async def _run(function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    # Not thread-sensitive: those calls share a single thread, and a slow one would hold up prices.
    result: R = await database_sync_to_async(function, thread_sensitive=False)(*args, **kwargs)
    return result


def _rounds() -> int:
    rounds = Simulator.objects.filter(name=SIMULATOR).values_list("rounds", flat=True)
    return rounds.first() or 0


def _prices_state(with_taken: bool) -> PricesState:
    rounds = _rounds()
    figures = Quote.objects.aggregate(count=Count("pk"), sequences=Sum("sequence"))
    return PricesState(
        rounds=rounds,
        count=figures["count"],
        sequences=figures["sequences"] or 0,
        taken=_taken() if with_taken else None,
        revision=revisions.last() if with_taken else None,
    )


def _taken() -> dict[str, tuple[int, int]]:
    rows = (
        Quote.objects.filter(Q(bid_taken__gt=0) | Q(ask_taken__gt=0))
        .annotate(taken=F("bid_taken") + F("ask_taken"))
        .values_list("instrument__symbol", "sequence", "taken")
    )
    return {symbol: (sequence, units) for symbol, sequence, units in rows}


def _prices_since(known: Mapping[str, int]) -> NewerPrices:
    rounds = _rounds()  # first: the quotes are then of this round or newer
    found = quotes.current()
    return NewerPrices(
        rounds=rounds,
        symbols=tuple(quote.instrument.symbol for quote in found),
        documents=[
            quotes.document(quote)
            for quote in found
            if quote.sequence > known.get(quote.instrument.symbol, -1)
        ],
    )


def _prices_of(symbols: Collection[str]) -> tuple[set[str], list[quotes.Document]]:
    instruments = list(
        Instrument.objects.filter(symbol__in=_storable(symbols)).select_related("quote", "bond")
    )
    documents = [quotes.document(quote) for quote in _quotes_of(instruments)]
    return {instrument.symbol for instrument in instruments}, documents


def _quotes_of(instruments: Iterable[Instrument]) -> Iterable[Quote]:
    for instrument in instruments:
        try:
            yield instrument.quote
        except Quote.DoesNotExist:  # no round has reached it yet
            continue


def _storable(symbols: Collection[str]) -> list[str]:
    """PostgreSQL has no text with NUL in it, and refuses to compare with one."""
    return [symbol for symbol in symbols if "\0" not in symbol]


def _state(
    sessions: Collection[UUID],
    api_keys: Collection[UUID],
    users: Collection[UUID],
    now: datetime,
    with_taken: bool,
) -> DatabaseState:
    return DatabaseState(
        _live_sessions(sessions, now),
        _live_api_keys(api_keys, now),
        _prices_state(with_taken),
        _order_counts(users),
    )


def _order_counts(users: Collection[UUID]) -> dict[UUID, int]:
    if not users:
        return {}
    return dict(OrderFeed.objects.filter(owner__in=users).values_list("owner", "sequence"))


def _live_sessions(session_ids: Collection[UUID], now: datetime) -> set[UUID]:
    return set(
        Session.objects.filter(
            pk__in=session_ids, ended_at=None, expires_at__gt=now, user__is_active=True
        ).values_list("pk", flat=True)
    )


def _live_api_keys(api_key_ids: Collection[UUID], now: datetime) -> set[UUID]:
    if not api_key_ids:
        return set()
    return set(keys_of_programs.live(now).filter(pk__in=api_key_ids).values_list("pk", flat=True))
