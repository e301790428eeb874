"""manage.py import_portfolio"""

import io
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError
from django.utils import timezone
from rich.console import Console
from rich.table import Table

from authentication.models import User
from be.database.base_commands import DatabaseCommand
from be.kernel import formats
from be.kernel.refusals import Refusal
from portfolio.imports import booking, files
from portfolio.imports.booking import Imported, ImportRequest, ImportStatus
from portfolio.imports.files import FileFormat
from portfolio.imports.rules import options as read_options
from portfolio.imports.rules.records import ReadOptions
from portfolio.rules.lots import TAX_ZONE, LotMethod

SAID = {
    ImportStatus.PREVIEWED: "Nothing was booked: this is a dry run.",
    ImportStatus.BOOKED: "Booked.",
    ImportStatus.BOOKED_BEFORE: "The same content was booked before; nothing was booked now.",
}


class Command(DatabaseCommand):
    help = (
        "Import what a customer has elsewhere into the customer's new account: lots with their "
        "cost and day, and cash. All of it or nothing; the same content is booked once."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", nargs="?", type=Path, help="see docs/import.md")
        parser.add_argument("--user", metavar="EMAIL", help="whose account it is")
        parser.add_argument(
            "--format", choices=[each.value for each in FileFormat], help="what kind of file it is"
        )
        parser.add_argument("--dry-run", action="store_true", help="show it, and book nothing")
        parser.add_argument(
            "--lot-method",
            choices=[method.value for method in LotMethod],
            default=LotMethod.FIFO.value,
            help="which lots the sales in a history have taken from",
        )
        parser.add_argument("--account", help="which account of an OFX or beancount file")
        parser.add_argument("--date-format", metavar="FORMAT", help="of dates, as %%d.%%m.%%Y")
        parser.add_argument(
            "--map", metavar="THEIRS=OURS,...", default="", help="symbols of the file with ours"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if options["file"] is None or options["user"] is None:
            raise CommandError("Say which file, and whose: import_portfolio FILE --user EMAIL")
        owner = User.objects.filter(email__iexact=options["user"]).first()
        if owner is None:
            raise CommandError(f"There is no customer {options['user']}.")
        try:
            found = booking.import_file(
                owner=owner,
                request=_request(options),
                dry_run=options["dry_run"],
                now=timezone.now(),
            )
        except Refusal as refusal:
            raise CommandError(f"{options['file']}: {refusal.detail}") from refusal
        self._show(found)

    def _show(self, found: Imported) -> None:
        table = Table("symbol", "quantity", "cost", "worth", "acquired", "line", box=None)
        for column in table.columns[1:]:
            column.justify = "right"
        for lot in found.lots:
            table.add_row(
                lot.instrument.symbol,
                formats.plain(lot.quantity),
                formats.money(lot.cost_basis),
                formats.money(lot.market_value),
                f"{lot.acquired_at.astimezone(TAX_ZONE):%Y-%m-%d}",
                str(lot.line),
            )
        cash = formats.money(found.cash)
        table.add_row("USD", cash, cash, cash, "", "")
        text = io.StringIO()
        Console(file=text, width=100, highlight=False).print(table)
        self.stdout.write(text.getvalue())
        self.stdout.write(
            f"{len(found.lots)} lots that cost {formats.money(found.cost_basis)} USD; with cash "
            f"they count as a deposit of {formats.money(found.net_deposit)} USD."
        )
        self.stdout.write(SAID[found.status])


def _request(options: dict[str, Any]) -> ImportRequest:
    dates = options["date_format"]
    return ImportRequest(
        content=_content(options["file"]),
        file_format=FileFormat(options["format"]) if options["format"] else None,
        lot_method=LotMethod(options["lot_method"]),
        options=ReadOptions(
            account=options["account"],
            date_format=None if dates is None else read_options.date_format(dates),
            symbols=read_options.symbols(options["map"]),
        ),
    )


def _content(path: Path) -> bytes:
    """The file, and one byte more at most than may be read."""
    try:
        with path.open("rb") as file:
            return file.read(files.MAX_BYTES + 1)
    except OSError as error:
        raise CommandError(f"{path}: {error.strerror}") from error
