"""What customers owe: a deposit that the bank has returned after its money was spent.

A debt is a balance of the customer's own dollar account, beside what is available and held, and
below zero in the ledger. So entries sum to zero, and whoever adds up the postings of a customer has
the debt in it: equity, returns and statements need no rule of their own. `banking.ledger` pays it
by whatever comes in.
"""

from uuid import UUID

from banking import ledger
from banking.ledger import Line
from banking.models import Bucket, LedgerAccount


def line_taking(account: LedgerAccount, cents: int) -> Line:
    """The line that takes `cents` from an account that the caller has locked.

    Where that much is not available, all of it becomes a debt, of which the ledger at once pays
    what is available. So it is one posting in either case, as portfolios expect of a flow.
    """
    bucket = Bucket.AVAILABLE if account.available >= cents else Bucket.DEBT
    return Line(account, -cents, bucket)


def owners() -> list[UUID]:
    """The customers who owe something. There is an index of them alone."""
    rows = LedgerAccount.objects.filter(debt__gt=0).order_by("owner_id")
    return [owner_id for owner_id in rows.values_list("owner_id", flat=True) if owner_id]


def require_none(account: LedgerAccount) -> None:
    """Refuse when the account, which the caller has locked, owes money. Raises AccountInDebt."""
    if account.debt:
        raise ledger.in_debt(account)
