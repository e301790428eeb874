"""The example in docs/life-of-an-order.md, posting by posting."""

from decimal import Decimal

import pytest
from django.conf import settings

from authentication.models import User
from banking.models import JournalEntry, Posting
from exchange.models import Instrument
from exchange.tests.market import advance, balance, place, tick

NAMES = {"alice@example.com": "Alice", "bob@example.com": "Bob"}


def entries() -> list[list[str]]:
    """Every entry but the opening ones, as `account | bucket | units` rows of the page."""
    found = JournalEntry.objects.filter(kind__in=["hold", "trade"]).order_by("pk")
    return [[row(posting) for posting in entry.postings.order_by("pk")] for entry in found]


def row(posting: Posting) -> str:
    account = posting.account
    sign = "+" if posting.units > 0 else "−"
    units = f"{sign}{abs(posting.units):,}"
    if account.owner is None:
        role = account.house + (f" {account.asset}" if account.house == "market" else "")
        return f"house, {role} | | {units}"
    return f"{NAMES[account.owner.email]} {account.asset} | {posting.bucket} | {units}"


@pytest.mark.usefixtures("books_must_agree")
def test_the_page_shows_the_postings_that_are_made(alice: User, bob: User, aapl: Instrument):
    place(alice, "buy", "1.5")
    before = len(entries())
    place(bob, "buy", "1", limit="190.01")
    place(alice, "sell", "0.4")
    advance(tick("AAPL", "189.50", "189.52"))
    made = entries()[before:]
    page = (settings.BASE_DIR / "docs" / "life-of-an-order.md").read_text()
    assert len(made) == 3
    for entry in made:
        for line in entry:
            assert f"| {line} |" in page, line
    assert balance(bob) == (Decimal("9810.28"), 0)
    assert balance(bob, aapl.asset) == (1, 0)
