"""`/api/portfolio/imports/`: a file in the body, as it is or as a part of a form."""

from collections.abc import Mapping
from typing import IO, Any, cast

from django.core.files.uploadedfile import UploadedFile
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiExample, OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.parsers import BaseParser, MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response

from authentication.api import caller
from be.api.auto_schema import ProblemSerializer, problems
from be.api.fields import ChoiceField
from be.api.strict_requests import Body, StrictView
from portfolio.api import queries
from portfolio.api.fields import MoneyField, QuantityField, TimeField
from portfolio.api.serializers import InstrumentRowSerializer
from portfolio.imports import booking
from portfolio.imports.booking import ImportRequest, ImportStatus
from portfolio.imports.files import FileFormat
from portfolio.imports.rules import options
from portfolio.imports.rules.records import ReadOptions
from portfolio.rules.lots import LotMethod

# What a file is by its media type; None are those that say nothing.
MEDIA_TYPES: Mapping[str, FileFormat | None] = {
    "text/csv": FileFormat.CSV,
    "application/x-ofx": FileFormat.OFX,
    "text/x-beancount": FileFormat.BEANCOUNT,
    "application/octet-stream": None,
}

# Where a body that is a file stands in the place of a form. Names of a form are texts, and may be
# empty; this is none.
RAW: Any = object()


class _FileParser(BaseParser):
    """The body as it is, in the place of a part of a form."""

    def parse(
        self,
        stream: IO[bytes],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> dict[Any, bytes]:
        return {RAW: stream.read()}


FILE_PARSERS = [type(f"{name}Parser", (_FileParser,), {"media_type": name}) for name in MEDIA_TYPES]


class ImportQuery(serializers.Serializer[Any]):
    dry_run = serializers.BooleanField(
        default=False, help_text="Only show what would be booked, at the present prices."
    )
    file_format = ChoiceField(
        [each.value for each in FileFormat],
        required=False,
        help_text="Which kind of file it is, where neither its type nor its content says so.",
    )
    lot_method = ChoiceField(
        [method.value for method in LotMethod],
        default=LotMethod.FIFO.value,
        help_text="Which lots the sales in a history have taken from.",
    )
    date_format = serializers.CharField(
        required=False,
        max_length=40,
        help_text="How dates are written where that is not obvious, as `%d.%m.%Y`.",
    )
    account = serializers.CharField(
        required=False,
        max_length=200,
        help_text="Which account of an OFX or beancount file; all of them when left out.",
    )
    symbols = serializers.CharField(
        required=False,
        max_length=2000,
        help_text="Symbols of the file with those here: `BRK.B=BRK-B,BTC=BTC-USD`.",
    )


class ImportForm(Body):
    file = serializers.FileField(allow_empty_file=True)


class ImportedLotSerializer(InstrumentRowSerializer):
    """A lot that was acquired elsewhere."""

    id = serializers.UUIDField(
        allow_null=True, help_text="That of the lot in `lots/`; null in a dry run."
    )
    quantity = QuantityField(help_text="Shares, coins, or dollars of face value.")
    cost_basis = MoneyField(help_text="What it cost elsewhere, fees included.")
    market_value = MoneyField(help_text="What it was worth on arrival.")
    acquired_at = TimeField(help_text="The beginning of that day in New York.")
    line = serializers.IntegerField(help_text="The line of the file that says so.")


class ImportedSerializer(serializers.Serializer[Any]):
    id = serializers.UUIDField(
        allow_null=True, help_text="The `reference` in the statement; null in a dry run."
    )
    status = ChoiceField(
        [status.value for status in ImportStatus],
        help_text="`booked_before`: the same content has been booked already, and nothing was now.",
    )
    file_format = serializers.CharField()
    cash = MoneyField()
    market_value = MoneyField(help_text="Of all lots, on arrival.")
    net_deposit = MoneyField(
        help_text="Cash and market value: what counts as a deposit in all returns."
    )
    cost_basis = MoneyField(help_text="What all lots have cost.")
    booked_at = TimeField(allow_null=True, help_text="Null in a dry run.")
    lots = ImportedLotSerializer(many=True)


FILE = "symbol,quantity,cost,acquired\nAAPL,10,1200.00,2024-05-06\nUSD,500,,\n"
ANSWER = {
    "id": "0195575a-2b4c-7d3e-8f10-1a2b3c4d5e6f",
    "status": "booked",
    "file_format": "csv",
    "cash": "500.00",
    "market_value": "1900.00",
    "net_deposit": "2400.00",
    "cost_basis": "1200.00",
    "booked_at": "2026-03-02T15:00:00.000000Z",
    "lots": [
        {
            "symbol": "AAPL",
            "name": "Apple Inc.",
            "asset_class": "stock",
            "id": "018f4bd5-c880-7000-8a20-6f5e4d3c2b1a",
            "quantity": "10",
            "cost_basis": "1200.00",
            "market_value": "1900.00",
            "acquired_at": "2024-05-06T04:00:00.000000Z",
            "line": 2,
        }
    ],
}


class ImportsView(StrictView):
    parser_classes = (MultiPartParser, *FILE_PARSERS)

    @extend_schema(
        operation_id="portfolio_imports_create",
        summary="Bring what you have elsewhere",
        description=(
            "Reads a file of lots, or of a whole history, and books what is left at its end as "
            "opening lots, with their own cost and day, and cash. The account must be new: no "
            "security may ever have been in it. All is booked or nothing; `bad_import_file` names "
            "the lines that can't be read. The same content is booked once: then the answer is "
            "what was booked, with 200."
        ),
        tags=["Portfolio"],
        parameters=[ImportQuery],
        request={
            "multipart/form-data": ImportForm,
            **dict.fromkeys(MEDIA_TYPES, OpenApiTypes.BINARY),
        },
        responses={
            200: OpenApiResponse(
                ImportedSerializer, description="What would be booked, or was booked before."
            ),
            201: OpenApiResponse(ImportedSerializer, description="What was booked."),
            (415, "application/problem+json"): OpenApiResponse(
                ProblemSerializer, description="The body is none of these types."
            ),
            **problems(400, 401, 403, 409, 413, 422, 503),
        },
        examples=[
            OpenApiExample("Lots and cash", value=FILE, request_only=True, media_type="text/csv"),
            OpenApiExample("Booked", value=ANSWER, response_only=True, status_codes=["201"]),
        ],
    )
    def post(self, request: Request) -> Response:
        asked = queries.valid(ImportQuery, request)
        found = booking.import_own(
            owner=caller.user(request),
            request=ImportRequest(
                content=_content(request),
                file_format=_file_format(request, asked),
                lot_method=LotMethod(asked["lot_method"]),
                options=_options(asked),
            ),
            dry_run=asked["dry_run"],
            now=timezone.now(),
        )
        status = 201 if found.status is ImportStatus.BOOKED else 200
        return Response(ImportedSerializer(found).data, status=status)


def _content(request: Request) -> bytes:
    if RAW in request.data:
        return cast(bytes, request.data[RAW])
    form = ImportForm(data=request.data)
    form.is_valid(raise_exception=True)
    file: UploadedFile = form.validated_data["file"]
    return cast(bytes, file.read())


def _file_format(request: Request, asked: Mapping[str, Any]) -> FileFormat | None:
    if name := asked.get("file_format"):
        return FileFormat(name)
    media_type = (request.content_type or "").partition(";")[0].strip().lower()
    return MEDIA_TYPES.get(media_type)


def _options(asked: Mapping[str, Any]) -> ReadOptions:
    dates = asked.get("date_format")
    return ReadOptions(
        account=asked.get("account"),
        date_format=None if dates is None else options.date_format(dates),
        symbols=options.symbols(asked.get("symbols", "")),
    )
