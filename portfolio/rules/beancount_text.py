"""The text of a plain ledger, as beancount 3 reads it: directives, and the names of commodities.

Whatever a text has in it, it can't end its line or its string, so it can't become a directive.
"""

import re
from collections.abc import Iterable, Mapping
from datetime import date
from decimal import Decimal
from typing import NamedTuple

CASH = "Assets:BrokerPro:Cash"
SECURITIES = "Assets:BrokerPro:Securities"
BANK = "Equity:BrokerPro:Bank"
OTHER = "Equity:BrokerPro:Other"
ROUNDING = "Equity:BrokerPro:Rounding"
GAINS = "Income:BrokerPro:Gains"
DIVIDENDS = "Income:BrokerPro:Dividends"
COUPONS = "Income:BrokerPro:Coupons"
FEES = "Expenses:BrokerPro:Fees"

# Lots are named by their labels, so each sale says from which it is taken.
_OPENED = (
    f'{CASH} USD "NONE"',
    f'{SECURITIES} "STRICT"',
    *(BANK, OTHER, ROUNDING, GAINS, DIVIDENDS, COUPONS, FEES),
)

_VALID = re.compile(r"[A-Z]([A-Z0-9._-]*[A-Z0-9])?", re.ASCII)
# What the lexer of beancount reads as another token.
_WORDS = frozenset({"TRUE", "FALSE", "NULL", "USD"})
_ESCAPED = "X'"
_NO_TEXT = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")


class Leg(NamedTuple):
    """A posting: an account, and what it gains or loses, as beancount writes it."""

    account: str
    amount: str


def commodity(symbol: str) -> str:
    """The name of an instrument: its symbol, or what `symbol_of` makes the symbol of again.

    >>> commodity("BTC-USD"), commodity("brk/b")
    ('BTC-USD', "X'62726B2F62")
    """
    if _VALID.fullmatch(symbol) and symbol not in _WORDS:
        return symbol
    return _ESCAPED + symbol.encode().hex().upper()


def symbol_of(name: str) -> str:
    """The symbol that a commodity has been named for."""
    if not name.startswith(_ESCAPED):
        return name
    return bytes.fromhex(name.removeprefix(_ESCAPED)).decode()


def quoted(text: str) -> str:
    """A text as a string of beancount, in one line."""
    plain = _NO_TEXT.sub(" ", text).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{plain}"'


def dollars(amount: Decimal) -> str:
    """An amount of dollars with both cents, and more decimals if it has some."""
    places = max(2, -int(amount.normalize().as_tuple().exponent)) if amount else 2
    return f"{amount:.{places}f} USD"


def heading(first: date) -> str:
    """Options, and the accounts, which are opened on that day."""
    options = (
        'option "title" "BrokerPro"',
        'option "operating_currency" "USD"',
        # For entries that move no dollars, such as splits.
        'option "inferred_tolerance_default" "USD:0.005"',
    )
    opened = [f"{first} open {account}" for account in _OPENED]
    return "\n".join([*options, "", *opened, f"{first} commodity USD"]) + "\n"


def listed(day: date, symbol: str, name: str) -> str:
    """The directive of a commodity."""
    return (
        f"\n{day} commodity {commodity(symbol)}\n"
        f"  symbol: {quoted(symbol)}\n  name: {quoted(name)}\n"
    )


def transaction(day: date, narration: str, notes: Mapping[str, str], legs: Iterable[Leg]) -> str:
    """A transaction; `notes` are its metadata, whose values are written as they are."""
    lines = [f"{day} * {quoted(narration)}"]
    lines += [f"  {name}: {value}" for name, value in notes.items()]
    lines += [f"  {leg.account}  {leg.amount}" for leg in legs]
    return "\n" + "\n".join(lines) + "\n"


def balances(day: date, amounts: Iterable[tuple[str, str, str]]) -> str:
    """What accounts have as the day begins, exactly: (account, number, commodity) of each."""
    return "\n" + "".join(
        f"{day} balance {account}  {number} ~ 0 {name}\n" for account, number, name in amounts
    )
