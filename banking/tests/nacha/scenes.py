"""What tests of files to banks begin with; also called in processes of their own."""

import os
import signal
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from importlib import import_module
from pathlib import Path
from typing import Any

from django.core.management import call_command
from django.utils import timezone

from authentication.models import User
from banking import transactions
from banking.models import BankAccount, BankTransaction, NachaEntry, NachaFile
from banking.rules.nacha.outgoing import Originator
from banking.tests.factories import BankAccountFactory, give
from banking.tests.nacha import published_layout

# A Monday, at 11:30 in New York.
NOW = datetime(2026, 3, 2, 16, 30, tzinfo=UTC)
# When files are written, if a test says nothing else.
LATER = NOW + timedelta(minutes=1)
BROKER = Originator(
    company_name="BrokerPro",
    company_id="1234567890",
    destination="021000021",
    destination_name="First Example Bank",
    origin="1234567890",
    origin_name="BrokerPro Inc",
    odfi="021000021",
)
ENVIRONMENT = {
    "BANK_RAIL": "nacha",
    "NACHA_COMPANY_NAME": "BrokerPro",
    "NACHA_COMPANY_ID": "1234567890",
    "NACHA_DESTINATION": "021000021",
    "NACHA_DESTINATION_NAME": "First Example Bank",
    "NACHA_ORIGIN_NAME": "BrokerPro Inc",
}


def verified(owner: User, **number: Any) -> BankAccount:
    """An account that its owner has verified, so that money moves."""
    account = BankAccountFactory.create(owner=owner, routing_number="111000025", **number)
    BankAccount.objects.filter(pk=account.pk).update(
        status="verified", verified_at=account.created_at
    )
    account.refresh_from_db()
    return account


def deposit(account: BankAccount, amount: str = "100", now: datetime = NOW) -> BankTransaction:
    return transactions.deposit(
        owner=account.owner, account_id=account.pk, amount=Decimal(amount), now=now
    )


def withdraw(account: BankAccount, amount: str = "40", now: datetime = NOW) -> BankTransaction:
    return transactions.withdraw(
        owner=account.owner, account_id=account.pk, amount=Decimal(amount), now=now
    )


def read(path: Path) -> Any:
    return published_layout.read(path.read_bytes().decode("ascii"))


def entries(path: Path) -> list[dict[str, str]]:
    _, batches, _ = read(path)
    return [entry for _, found in batches for entry in found]


def die_while_writing(*, at: str) -> None:
    """Write files until this process kills itself at a point of the way, as by `kill -9`."""
    module, name = at.split(":")
    setattr(import_module(module), name, lambda *_: os.kill(os.getpid(), signal.SIGKILL))
    call_command("write_nacha_file")


def many_transfers(*, count: int) -> list[str]:
    """So many deposits of a customer, the first of 1.00, the second of 2.00, and so on."""
    owner = User.objects.create_user(email="alice@example.com", password="a long pass-phrase")
    account = verified(owner)
    give(owner, "1000")
    now = timezone.now() - timedelta(days=7)  # no cut-off is so long ago
    rows = [deposit(account, str(dollars), now=now) for dollars in range(1, count + 1)]
    return [str(row.pk) for row in rows]


def state() -> dict[str, Any]:
    """The transfers that were sent, and the files that were decided."""
    return {
        "entries": NachaEntry.objects.count(),
        "files": [str(file) for file in NachaFile.objects.order_by("pk")],
        "unwritten": NachaFile.objects.filter(written_at=None).count(),
        "not_sent": BankTransaction.objects.filter(sent_at=None).count(),
        "due": BankTransaction.objects.filter(due_at__isnull=False).count(),
    }
