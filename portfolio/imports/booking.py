"""An import from the file to the ledger, or only shown: all of it or nothing.

Lots are valued at the present prices, which are locked meanwhile, so that the value that comes in
is the one that the account then has.
"""

import threading
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from uuid import UUID

from django.conf import settings

from authentication import restrictions
from authentication.models import User
from banking import transfers_in
from banking.models import TransferIn
from banking.rules.assets import USD
from banking.transfers_in import BroughtLot, Delivery
from be.database.transactions import atomic
from be.kernel.refusals import Refusal
from exchange.market import instruments, quotes
from exchange.models import Instrument, Quote
from portfolio import securities, valuation
from portfolio.imports import files
from portfolio.imports.files import BadImportFile, FileFormat
from portfolio.imports.rules import reduction
from portfolio.imports.rules.records import USUAL, BadFile, ReadOptions
from portfolio.imports.rules.reduction import Listed, OpeningLot, Reduced
from portfolio.rules import lots
from portfolio.rules.lots import TAX_ZONE, LotMethod


class ImportsOff(Refusal):
    code = "imports_off"
    status = 403
    title = "Imports are off"


class ImportsBusy(Refusal):
    code = "imports_busy"
    status = 503
    title = "Too many imports at once"


class ImportTooLarge(Refusal):
    code = "import_too_large"
    title = "The import is too large"


class NothingToImport(Refusal):
    code = "nothing_to_import"
    title = "There is nothing to import"


class NoPrice(Refusal):
    code = "no_price"
    status = 409
    title = "A security has no price"


# Of customers, in a process: a file may take a minute to read, in a thread that others wait for.
OWN_AT_ONCE = 4

_places = threading.BoundedSemaphore(OWN_AT_ONCE)


class ImportStatus(StrEnum):
    """What has become of an import."""

    PREVIEWED = "previewed"
    BOOKED = "booked"
    BOOKED_BEFORE = "booked_before"


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportRequest:
    """What to import, and how to read it; without a format, the file shows which it is."""

    content: bytes
    file_format: FileFormat | None = None
    lot_method: LotMethod = LotMethod.FIFO
    options: ReadOptions = USUAL


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportedLot:
    """One opening lot, in dollars; `id` is None in a preview. The value is that on arrival."""

    id: UUID | None
    instrument: Instrument
    quantity: Decimal
    cost_basis: Decimal
    market_value: Decimal
    acquired_at: datetime
    line: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """What was booked, or would be, in dollars. `net_deposit` is the flow that it counts as."""

    id: UUID | None
    status: ImportStatus
    file_format: str
    cash: Decimal
    market_value: Decimal
    booked_at: datetime | None
    lots: Sequence[ImportedLot]

    @property
    def net_deposit(self) -> Decimal:
        return self.cash + self.market_value

    @property
    def cost_basis(self) -> Decimal:
        return sum((lot.cost_basis for lot in self.lots), Decimal(0))


def import_own(*, owner: User, request: ImportRequest, dry_run: bool, now: datetime) -> Imported:
    """Import into the customer's own account, if few others do so now.

    Raises ImportsOff, ImportsBusy, what restrictions.require_may_transfer and `import_file` raise.
    """
    restrictions.require_may_transfer(owner)
    if not settings.PORTFOLIO_IMPORTS:
        raise ImportsOff(
            "Ask who runs this broker to import the file (manage.py import_portfolio)."
        )
    if not _places.acquire(blocking=False):
        raise ImportsBusy("Other files are being imported. Nothing was changed; try again.")
    try:
        return import_file(owner=owner, request=request, dry_run=dry_run, now=now)
    finally:
        _places.release()


def import_file(*, owner: User, request: ImportRequest, dry_run: bool, now: datetime) -> Imported:
    """Read a file and book what it leaves as opening lots and cash; a dry run only shows them.

    The same content is booked once: later calls answer with what was booked. Raises
    files.ImportFileTooLarge and files.BadImportFile, transfers_in.AccountNotNew, NothingToImport,
    NoPrice and ImportTooLarge; then nothing is booked.
    """
    found, file = files.read(
        request.content, file_format=request.file_format, options=request.options
    )
    listed = {each.symbol: each for each in instruments.all_of() if each.tradable}
    try:
        reduced = reduction.reduce(
            file,
            {symbol: _terms(each) for symbol, each in listed.items()},
            method=request.lot_method,
            renamed=request.options.symbols,
            today=now.astimezone(TAX_ZONE).date(),
        )
    except BadFile as error:
        raise BadImportFile(f"{error}.", field="file") from error
    if earlier := transfers_in.find(owner.pk, reduced.digest):
        return _booked(earlier, ImportStatus.BOOKED_BEFORE)
    transfers_in.require_new(owner.pk)
    if dry_run:
        return _preview(found, reduced, _deliveries(reduced, now), listed)
    return _book(owner, found, reduced, now)


def _terms(instrument: Instrument) -> Listed:
    return Listed(instrument.asset, instrument.quantity_increment, instrument.price_divisor)


@atomic
def _book(owner: User, found: FileFormat, reduced: Reduced, now: datetime) -> Imported:
    # Locks in their order: quotes, then the accounts, which `transfers_in` locks.
    symbols = [*{lot.symbol for lot in reduced.lots}]
    quoted = Quote.objects.filter(instrument__symbol__in=symbols).order_by("pk")
    list(quoted.select_for_update().values_list("pk"))
    transfer, is_new = transfers_in.book(
        owner=owner,
        source=found.value,
        digest=reduced.digest,
        cents=reduced.cents,
        deliveries=_deliveries(reduced, now),
        now=now,
    )
    return _booked(transfer, ImportStatus.BOOKED if is_new else ImportStatus.BOOKED_BEFORE)


def _deliveries(reduced: Reduced, now: datetime) -> list[Delivery]:
    """The lots by security, with what they are worth now. Raises what `import_file` raises."""
    of_symbol: dict[str, list[OpeningLot]] = defaultdict(list)
    for lot in reduced.lots:
        of_symbol[lot.symbol].append(lot)
    found = [_delivery(each, of_symbol[each.symbol], now) for each in _priced(of_symbol)]
    value = sum(each.value_cents for each in found) + reduced.cents
    cost = sum(lot.cost_cents for lot in reduced.lots) + reduced.cents
    limit = Decimal(settings.PORTFOLIO_IMPORT_MAX_DOLLARS)
    if value == 0:
        raise NothingToImport("The file leaves no cash, and nothing that is worth a cent.")
    for what, cents in (("is worth", value), ("has cost", cost)):
        if USD.amount(cents) > limit:
            raise ImportTooLarge(
                f"What is imported {what} {USD.amount(cents)} USD; at most {limit} USD are taken."
            )
    return found


def _priced(symbols: Mapping[str, object]) -> list[Instrument]:
    found = securities.by_symbols(sorted(symbols))
    for instrument in found:
        if getattr(instrument, "quote", None) is None:
            raise NoPrice(f"{instrument.symbol} has no price yet; try again when it is quoted.")
    return found


def _delivery(instrument: Instrument, brought: Sequence[OpeningLot], now: datetime) -> Delivery:
    """The lots of a security, which are worth together what the position will be."""
    units = [lot.units for lot in brought]
    value = valuation.market_value(
        instrument,
        sum(units),
        price=instrument.quote.price,
        accrued=quotes.accrued_interest(instrument, now),
    )
    values = lots.spread(USD.units(value), by=units)
    return Delivery(
        instrument.asset,
        [
            BroughtLot(lot.units, lot.cost_cents, cents, lot.acquired_at, lot.line)
            for lot, cents in zip(brought, values, strict=True)
        ],
    )


def _preview(
    found: FileFormat,
    reduced: Reduced,
    deliveries: Sequence[Delivery],
    listed: Mapping[str, Instrument],
) -> Imported:
    shown = [
        _lot(None, listed[delivery.asset.code], lot)
        for delivery in deliveries
        for lot in delivery.lots
    ]
    return Imported(
        id=None,
        status=ImportStatus.PREVIEWED,
        file_format=found.value,
        cash=USD.amount(reduced.cents),
        market_value=USD.amount(sum(each.value_cents for each in deliveries)),
        booked_at=None,
        lots=shown,
    )


def _booked(transfer: TransferIn, status: ImportStatus) -> Imported:
    """What a transfer has booked, from its rows."""
    stored = list(transfer.lots.order_by("asset", "pk"))
    traded = {
        each.symbol: each for each in securities.by_symbols(sorted({lot.asset for lot in stored}))
    }
    shown = [
        _lot(
            lot.pk,
            traded[lot.asset],
            BroughtLot(lot.units, lot.cost_cents, lot.value_cents, lot.acquired_at, lot.line),
        )
        for lot in stored
    ]
    return Imported(
        id=transfer.pk,
        status=status,
        file_format=transfer.source,
        cash=USD.amount(transfer.cents),
        market_value=USD.amount(transfer.value_cents),
        booked_at=transfer.created_at,
        lots=shown,
    )


def _lot(key: UUID | None, instrument: Instrument, lot: BroughtLot) -> ImportedLot:
    return ImportedLot(
        id=key,
        instrument=instrument,
        quantity=instrument.asset.amount(lot.units),
        cost_basis=USD.amount(lot.cost_cents),
        market_value=USD.amount(lot.value_cents),
        acquired_at=lot.acquired_at,
        line=lot.line,
    )
