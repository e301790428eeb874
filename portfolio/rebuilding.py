"""Stored lots and sums made anew, or compared with what follows from all that was ever booked."""

from collections.abc import Iterator
from uuid import UUID

from banking.models import TransferIn
from exchange.models import Execution
from portfolio import daily, kept_lots, lot_rows, lot_settings, trades
from portfolio.kept_lots import Lots
from portfolio.models import LedgerFold, LotFold
from portfolio.rules import lot_methods
from portfolio.rules.lot_methods import Matching
from portfolio.rules.lots import Fold, LotMethod, OpenLot, Sale, Totals
from portfolio.trades import History

# Trades go on while they are compared: a difference is one only if it lasts.
MAX_COMPARISONS = 3
SALES_AT_ONCE = 500

# The sums, open lots and sales of one instrument.
Figures = tuple[Totals, list[OpenLot], list[Sale]]
_NOTHING: Figures = (Totals(), [], [])


def owners() -> list[UUID]:
    """Everybody who has traded or brought lots, or of whom something is stored, by id."""
    traded = Execution.objects.values_list("owner", flat=True)
    brought = TransferIn.objects.values_list("owner", flat=True)
    stored = LedgerFold.objects.values_list("owner", flat=True)
    return sorted({*traded.distinct(), *brought, *stored})


def rebuild(owner_id: UUID) -> None:
    """Remove the owner's sums and lots, of all methods asked for so far, and store them again.

    Answers stay right meanwhile; what is not stored is folded when it is read.
    """
    methods = _methods(owner_id) or [lot_settings.matching(owner_id)]
    lot_rows.remove(owner_id)
    for method in methods:
        kept_lots.catch_up(owner_id=owner_id, lot_method=method)
    daily.forget(owner_id)
    daily.advance(owner_id)


def differences(owner_id: UUID) -> list[str]:
    """Where answers differ from what follows from the owner's whole history, a line each."""
    found = daily.check(owner_id)
    for method in _methods(owner_id):
        for _ in range(MAX_COMPARISONS):
            lines = list(_compare(owner_id, method))
            if not lines:
                break
        found += lines
    return found


def _methods(owner_id: UUID) -> list[Matching]:
    """By what lots are stored that somebody may read."""
    stored = {*LotFold.objects.filter(owner=owner_id).values_list("lot_method", flat=True)}
    own, fees_in_cost = lot_settings.chosen(owner_id)
    all_ = {lot_rows.name(method, fees_in_cost): method for method in (*LotMethod, own)}
    return [all_[name] for name in sorted(stored & all_.keys())]


def _compare(owner_id: UUID, method: Matching) -> Iterator[str]:
    fees_in_cost, answered = kept_lots.peek(
        owner_id=owner_id,
        lot_method=method,
        answer=lambda lots: (lots.stored.fees_in_cost, _figures(lots)),
    )
    history = trades.whole_history(owner_id=owner_id, fees_in_cost=fees_in_cost)
    followed = _from_the_start(history, method)
    for symbol in sorted(answered.keys() | followed.keys()):
        ours, right = answered.get(symbol, _NOTHING), followed.get(symbol, _NOTHING)
        for name, mine, theirs in zip(("sums", "lots", "sales"), ours, right, strict=True):
            if mine != theirs:
                yield (
                    f"owner {owner_id}, {method.value}: the stored {name} of {symbol} "
                    f"are not those of its history"
                )


def _figures(lots: Lots) -> dict[str, Figures]:
    """All that is answered, from stored lots and what was booked since."""
    found = {}
    for symbol in lots.stored.totals.keys() | lots.folds.keys():
        fold = lots.fold_of(symbol)
        sales = [*_stored_sales(lots, symbol), *fold.sales]
        found[symbol] = _sorted(fold, sales)
    return found


def _stored_sales(lots: Lots, symbol: str) -> Iterator[Sale]:
    page = lot_rows.Page(symbol, SALES_AT_ONCE, above=UUID(int=0))
    while rows := lot_rows.page_of_sales(lots.stored, page):
        yield from (sale for _, sale in rows)
        page = page._replace(above=UUID(rows[-1][1].id))


def _from_the_start(history: History, method: Matching) -> dict[str, Figures]:
    found = {}
    for symbol, events in history.items():
        fold = lot_methods.fold(events, method)
        found[symbol] = _sorted(fold, fold.sales)
    return found


def _sorted(fold: Fold, sales: list[Sale]) -> Figures:
    """Figures that can be compared: sales are sorted by their ids."""
    return fold.totals, fold.all_lots(), sorted(sales, key=lambda sale: sale.id)
