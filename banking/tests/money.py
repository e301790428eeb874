"""Balances in the ledger, and the check that it adds up."""

from authentication.models import User
from banking import integrity
from banking.models import HouseAccount, LedgerAccount, Posting
from banking.rules.assets import USD


def dollars(owner: User) -> tuple[str, str]:
    """Available and held dollars, as the ledger has them."""
    account = LedgerAccount.objects.filter(owner=owner, asset="USD").first()
    if account is None:
        return "0.00", "0.00"
    return f"{USD.amount(account.available)}", f"{USD.amount(account.held)}"


def house_dollars(role: HouseAccount) -> str:
    """The balance of a house account: the sum of its postings."""
    units = Posting.objects.filter(account__house=role, account__asset="USD").values_list(
        "units", flat=True
    )
    return f"{USD.amount(sum(units))}"


def assert_books_are_right() -> None:
    assert list(integrity.check()) == []
