"""manage.py import_portfolio."""

from io import StringIO

import pytest
import time_machine
from django.core.management import CommandError, call_command

from banking.models import JournalEntry, TransferIn
from exchange.tests.market import NOW, make_customer, set_quote

pytestmark = pytest.mark.django_db

LOTS = (
    "symbol,quantity,cost,acquired\nAAPL,4,400.00,02.06.2025\nAAPL,6,900.00,06.05.2024\nUSD,500,,\n"
)


@pytest.fixture
def alice(aapl):
    set_quote(aapl)
    return make_customer("alice@example.com", dollars="0")


@pytest.fixture
def lots(tmp_path):
    path = tmp_path / "lots.csv"
    path.write_text(LOTS)
    return path


def run(path, user="Alice@example.com", **options):
    out = StringIO()
    with time_machine.travel(NOW, tick=False):
        call_command("import_portfolio", path, user=user, stdout=out, **options)
    return [" ".join(line.split()) for line in out.getvalue().splitlines()]


TABLE = [
    "symbol quantity cost worth acquired line",
    "AAPL 6 900.00 1140.00 2024-05-06 3",
    "AAPL 4 400.00 760.00 2025-06-02 2",
    "USD 500.00 500.00 500.00",
    "2 lots that cost 1300.00 USD; with cash they count as a deposit of 2400.00 USD.",
]


def test_a_dry_run_then_the_import_then_the_same_again(alice, lots, settings):
    settings.PORTFOLIO_IMPORTS = False  # that is for customers
    assert run(lots, dry_run=True) == [*TABLE, "Nothing was booked: this is a dry run."]
    assert not JournalEntry.objects.exists()
    assert run(lots) == [*TABLE, "Booked."]
    assert TransferIn.objects.get().owner == alice
    assert run(lots)[-1] == "The same content was booked before; nothing was booked now."
    assert TransferIn.objects.count() == 1


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"user": "bob@example.com"}, "There is no customer bob@example.com."),
        ({"user": None}, "import_portfolio FILE --user EMAIL"),
        ({"date_format": "%x"}, "Send a format of"),
        ({"map": "AAPL"}, "BRK.B=BRK-B"),
        ({"map": "AAPL=MSFT"}, "lots.csv: lines 2 to 3: AAPL is not listed here."),
    ],
)
def test_what_can_not_be_done_is_said_in_a_line(alice, lots, options, says):
    with pytest.raises(CommandError) as refused:
        run(lots, **options)
    assert says in str(refused.value)
    assert not JournalEntry.objects.exists()


def test_a_file_that_is_not_there_is_said_in_a_line(alice, tmp_path):
    with pytest.raises(CommandError, match=r"gone\.csv: No such file"):
        run(tmp_path / "gone.csv")
