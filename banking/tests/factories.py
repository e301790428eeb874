"""Bank accounts and money, for the tests of this app and of the apps above it."""

import uuid
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from factory.declarations import Sequence, SubFactory
from factory.django import DjangoModelFactory

from authentication.models import User
from authentication.tests.factories import UserFactory
from banking import bank_accounts, ledger
from banking.ledger import Line
from banking.models import BankAccount, EntryKind, HouseAccount, LedgerAccount
from banking.rules.assets import USD, Asset

NOW = datetime(2026, 3, 2, 14, 30, tzinfo=UTC)

# JPMorgan Chase, New York: the check digit fits.
ROUTING_NUMBER = "021000021"


class BankAccountFactory(DjangoModelFactory[BankAccount]):
    """A linked account; give `account_number` one of `banking.rules.rails` to force an outcome."""

    class Meta:
        model = BankAccount

    owner = SubFactory(UserFactory)
    account_holder = "Alice Archer"
    bank_name = "First Example Bank"
    account_type = "checking"
    account_number = Sequence(lambda n: f"{55000000 + n}")
    routing_number = ROUTING_NUMBER
    now = NOW

    @classmethod
    def _create(cls, model_class: type[BankAccount], *args: Any, **kwargs: Any) -> BankAccount:
        return bank_accounts.link(*args, **kwargs)


def give(owner: User, amount: str, asset: Asset = USD) -> LedgerAccount:
    """Post `amount` of the asset to the owner's available balance."""
    account = ledger.account_of(owner.pk, asset)
    role = HouseAccount.BANK_CLEARING if asset == USD else HouseAccount.MARKET
    units = asset.units(Decimal(amount))
    ledger.post(
        kind=EntryKind.DEPOSIT if asset == USD else EntryKind.TRADE,
        reference=uuid.uuid4(),
        lines=[Line(ledger.house_account(role, asset), -units), Line(account, units)],
        at=NOW,
    )
    return account
