"""Payment rails: the port to banks, its adapters, and the one that is in use (BANK_RAIL).

`current` is set once, when the app starts; pure, like all that is here.
"""

from banking.rules.rails.port import (
    BankDetails,
    Completed,
    Payment,
    Pending,
    Rail,
    Refused,
    Returned,
)
from banking.rules.rails.sandbox import (
    DELAYED,
    MICRO_DEPOSITS,
    NEEDS_MICRO_DEPOSITS,
    REFUSED,
    RETURNED_AFTER,
    RETURNED_FREE,
    RETURNED_LATER,
    SANDBOX_GUIDE,
    SETTLES_AFTER,
    SandboxRail,
)

__all__ = [
    "DELAYED",
    "MICRO_DEPOSITS",
    "NEEDS_MICRO_DEPOSITS",
    "REFUSED",
    "RETURNED_AFTER",
    "RETURNED_FREE",
    "RETURNED_LATER",
    "SANDBOX_GUIDE",
    "SETTLES_AFTER",
    "BankDetails",
    "Completed",
    "Payment",
    "Pending",
    "Rail",
    "Refused",
    "Returned",
    "SandboxRail",
]

current: Rail = SandboxRail()
