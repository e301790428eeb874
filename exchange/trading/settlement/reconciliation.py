"""Proof that orders and executions agree with the ledger, to go with `banking.integrity`."""

from collections import Counter, defaultdict
from collections.abc import Iterator

from django.db.models import Case, F, Sum, When

from banking.models import BankTransaction, EntryKind, Hold, Posting
from exchange.models import (
    OPEN_STATUSES,
    ActionKind,
    Clawback,
    Entitlement,
    Execution,
    Order,
    OrderStatus,
    Side,
)


def check() -> Iterator[str]:
    """One sentence for each thing that is wrong; nothing when all agree."""
    yield from _fills_add_up()
    yield from _executions_equal_postings()
    yield from _entitlements_equal_postings()
    yield from _clawbacks_equal_postings()
    yield from _holds_belong_to_open_orders()


def _fills_add_up() -> Iterator[str]:
    orders = Order.objects.annotate(executed=Sum("executions__quantity", default=0))
    for order in orders.exclude(filled_quantity=F("executed")):
        yield (
            f"Order {order.pk} counts {order.filled_quantity} units filled; "
            f"its executions say {order.executed}."
        )


def _executions_equal_postings() -> Iterator[str]:
    """For each customer and security, what was executed is what the trade entries posted."""
    signed = Case(When(order__side=Side.BUY, then=F("quantity")), default=-F("quantity"))
    executed: Counter[tuple[object, str]] = Counter()
    rows = Execution.objects.values("order__owner_id", "order__instrument__symbol").annotate(
        units=Sum(signed)
    )
    for row in rows:
        executed[row["order__owner_id"], row["order__instrument__symbol"]] = row["units"]
    posted: Counter[tuple[object, str]] = Counter()
    postings = (
        Posting.objects.filter(entry__kind=EntryKind.TRADE, account__owner__isnull=False)
        .exclude(account__asset="USD")
        .values("account__owner_id", "account__asset")
        .annotate(total=Sum("units"))
    )
    for row in postings:
        posted[row["account__owner_id"], row["account__asset"]] = row["total"]
    for key in executed.keys() | posted.keys():
        if executed[key] != posted[key]:
            owner, symbol = key
            yield (
                f"User {owner} executed {executed[key]} units of {symbol}; "
                f"the ledger posted {posted[key]}."
            )


def _entitlements_equal_postings() -> Iterator[str]:
    """What a corporate action gave and took is what its entry posted to the holder."""
    postings = Posting.objects.filter(
        entry__kind__in=ActionKind.values, account__owner__isnull=False
    )
    posted: dict[object, Counter[bool]] = defaultdict(Counter)
    rows = postings.values_list("entry__reference", "account__asset").annotate(units=Sum("units"))
    for reference, asset, units in rows:
        posted[reference][asset == "USD"] += units
    for each in Entitlement.objects.all():
        found = posted.pop(each.pk, Counter())
        if (found[False], found[True]) != (each.units_after - each.units, each.cents):
            yield (
                f"Entitlement {each.pk} is of {each.units_after - each.units:+d} units and "
                f"{each.cents} cents; the ledger posted {found[False]:+d} and {found[True]}."
            )
    for reference in posted:
        yield f"An entry for {reference} is of a corporate action, and there is no entitlement."


def _clawbacks_equal_postings() -> Iterator[str]:
    """What was taken back is what was posted, and with what is owed all that had been paid."""
    postings = Posting.objects.filter(
        entry__kind=EntryKind.REVERSAL, account__owner__isnull=False, account__asset="USD"
    )
    posted = dict(postings.values_list("entry__reference").annotate(units=Sum("units")))
    charged = Counter[object]()
    for each in Clawback.objects.select_related("entitlement"):
        charged[each.entitlement] += each.cents + each.charged_cents
        if posted.get(each.pk, 0) != -each.cents:
            yield (
                f"Clawback {each.pk} is of {each.cents} cents; the ledger posted "
                f"{posted.get(each.pk, 0)}."
            )
    reversed_ = Entitlement.objects.filter(action__reversed_at__isnull=False)
    for entitlement in reversed_:
        if charged[entitlement] != entitlement.cents:
            yield (
                f"Entitlement {entitlement.pk} paid {entitlement.cents} cents, and is reversed; "
                f"{charged[entitlement]} were taken back or charged."
            )


def _holds_belong_to_open_orders() -> Iterator[str]:
    live = set(Hold.objects.filter(ended_at__isnull=True).values_list("reference", flat=True))
    open_orders = Order.objects.filter(status__in=OPEN_STATUSES).exclude(status=OrderStatus.HELD)
    needed = {pair or pk: pk for pk, pair in open_orders.values_list("pk", "pair_id")}
    transfers = set(BankTransaction.objects.filter(pk__in=live).values_list("pk", flat=True))
    for reference in live - needed.keys() - transfers:
        yield f"A hold for {reference} is live, but no open order or transfer has that id."
    for reference in needed.keys() - live:
        yield f"Order {needed[reference]} is open and has no hold."
