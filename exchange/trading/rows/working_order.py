"""A working order: an order's locked row, with all the rows that a fill of it changes."""

from dataclasses import dataclass, field

from banking.models import Hold, LedgerAccount
from exchange.models import Execution, Order, Side
from exchange.trading.rules import amounts


@dataclass(slots=True, eq=False)
class WorkingOrder:
    """A locked (or new) order with the accounts, hold and fills that a fill of it changes.

    `fills` are its executions, oldest first; those from `fills_before` on were made in this
    transaction. `partner` is the other exit of its pair. `legs` wait for its end.
    """

    order: Order
    cash: LedgerAccount
    position: LedgerAccount
    hold: Hold | None
    totals: amounts.Totals
    fills: list[Execution]
    is_new: bool = False
    status_before: str = ""
    fills_before: int = 0
    partner: "WorkingOrder | None" = None
    legs: "list[WorkingOrder]" = field(default_factory=list)

    def __post_init__(self) -> None:
        self.status_before = self.order.status
        self.fills_before = len(self.fills)

    @property
    def buys(self) -> bool:
        return self.order.side == Side.BUY

    @property
    def new_fills(self) -> list[Execution]:
        return self.fills[self.fills_before :]
