"""Each view reads the clock, makes one call into the domain and serializes the result."""

from functools import partial
from typing import Any, cast

from django.http import HttpResponseBase
from django.utils import timezone
from drf_spectacular.helpers import forced_singular_serializer
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import GenericViewSet

from authentication import step_up
from authentication.api import caller
from banking import bank_accounts, bank_rows, statement, transactions, transfer_limits
from banking.api import documents, statement_csv, statement_lines
from banking.api.serializers import (
    BalancesSerializer,
    BankAccountSerializer,
    BankTransactionSerializer,
    LinkBankAccountSerializer,
    NewBankTransactionSerializer,
    StatementFilterSerializer,
    StatementLineSerializer,
    TransactionFilterSerializer,
    TransferLimitsSerializer,
    VerifyBankAccountSerializer,
)
from banking.models import BankAccount, BankTransaction, LedgerAccount, Posting, TransactionType
from banking.rules import rails
from be.api.auto_schema import IDEMPOTENCY_KEY, problems
from be.api.content_negotiation import format_parameter
from be.api.idempotency import idempotent
from be.api.json_answers import answer
from be.api.pagination import Bounds, FixedPages
from be.api.strict_requests import StrictView
from be.kernel import identifiers

TAGS = ["Banking"]
ACCOUNT_ID = OpenApiParameter(
    "id", OpenApiTypes.UUID, OpenApiParameter.PATH, description="The id of the bank account."
)
TRANSACTION_ID = OpenApiParameter(
    "id", OpenApiTypes.UUID, OpenApiParameter.PATH, description="The id of the bank transaction."
)
REPLAYED = OpenApiParameter(
    "Idempotency-Replayed",
    str,
    OpenApiParameter.HEADER,
    response=[201],
    description="`true` when this answer was given before, to the same Idempotency-Key.",
)

ACCOUNT_EXAMPLE = {
    "id": "01936f5c-7b20-7c31-9d0e-2f6f5c1f0a11",
    "account_holder": "Ada Lovelace",
    "bank_name": "First Example Bank",
    "account_type": "checking",
    "account_number_last4": "6789",
    "status": "verified",
    "verification_tries_left": None,
    "verification_expires_at": None,
    "created_at": "2026-03-02T14:30:00.000000Z",
}
LINK_EXAMPLE = {
    "account_holder": "Ada Lovelace",
    "bank_name": "First Example Bank",
    "account_type": "checking",
    "account_number": "123456789",
    "routing_number": "021000021",
}
TRANSACTION_EXAMPLE = {
    "id": "01936f5d-02a8-7d55-8f60-6f1f9f1f7c42",
    "account": ACCOUNT_EXAMPLE["id"],
    "type": "deposit",
    "amount": "250.00",
    "currency": "USD",
    "status": "completed",
    "failure_reason": None,
    "review": None,
    "settles_on": "2026-03-03",
    "created_at": "2026-03-02T14:31:00.000000Z",
    "completed_at": "2026-03-02T14:31:00.000000Z",
}
DEPOSIT_EXAMPLE = {"account": ACCOUNT_EXAMPLE["id"], "type": "deposit", "amount": "250.00"}
BALANCES_EXAMPLE = {
    "results": [
        {"asset": "USD", "total": "250.00", "available": "200.00", "held": "50.00"},
        {"asset": "AAPL", "total": "1.5", "available": "1.5", "held": "0"},
    ]
}
ALLOWANCE_EXAMPLE = {
    "transaction": {"limit": "1000000.00"},
    "day": {"limit": "5000000.00", "used": "250.00", "left": "4999750.00"},
    "month": {"limit": "20000000.00", "used": "1250.00", "left": "19998750.00"},
}
LIMITS_EXAMPLE = {
    "deposit": ALLOWANCE_EXAMPLE,
    "withdrawal": ALLOWANCE_EXAMPLE,
    "day_ends_at": "2026-03-03T05:00:00.000000Z",
    "month_ends_at": "2026-04-01T04:00:00.000000Z",
    "approved_above": "100000.00",
    "account_age_days": 0,
}
LINE_EXAMPLE = {
    "id": "1042",
    "asset": "USD",
    "bucket": "available",
    "amount": "250.00",
    "kind": "deposit",
    "reference": TRANSACTION_EXAMPLE["id"],
    "created_at": "2026-03-02T14:31:00.000000Z",
}


def example(name: str, value: object, *, request: bool = False) -> OpenApiExample:
    return OpenApiExample(name, value, request_only=request, response_only=not request)


def checked(serializer: serializers.Serializer[Any]) -> dict[str, Any]:
    serializer.is_valid(raise_exception=True)
    return cast(dict[str, Any], serializer.validated_data)


# Made once: each new serializer copies all its fields, which costs more than the validation.
TRANSACTION_FILTER, STATEMENT_FILTER = TransactionFilterSerializer(), StatementFilterSerializer()


class BankAccountViewSet(StrictView, GenericViewSet[BankAccount]):
    queryset = BankAccount.objects.none()
    serializer_class = BankAccountSerializer

    @extend_schema(
        operation_id="banking_accounts_list",
        summary="List linked bank accounts",
        tags=TAGS,
        responses={200: BankAccountSerializer(many=True), **problems(400, 401, 503)},
        examples=[example("Bank account", ACCOUNT_EXAMPLE)],
    )
    def list(self, request: Request) -> HttpResponseBase:
        owner, pages = caller.user(request), FixedPages(BankAccount._meta.pk)
        page = pages.read(
            request,
            lambda of: bank_rows.accounts(
                owner.pk, at_most=of.at_most, below=of.below, above=of.above
            ),
        )
        return answer(request, pages.document([documents.account(row) for row in page]))

    @extend_schema(
        operation_id="banking_accounts_create",
        summary="Link a bank account",
        description=(
            "The sandbox verifies an account at once. These account numbers force an outcome:\n"
            + rails.SANDBOX_GUIDE
        ),
        tags=TAGS,
        request=LinkBankAccountSerializer,
        responses={201: BankAccountSerializer, **problems(400, 401, 409, 429, 503)},
        examples=[
            example("Link", LINK_EXAMPLE, request=True),
            example("Bank account", ACCOUNT_EXAMPLE),
        ],
    )
    def create(self, request: Request) -> Response:
        wanted = checked(LinkBankAccountSerializer(data=request.data))
        account = bank_accounts.link(owner=caller.user(request), now=timezone.now(), **wanted)
        return Response(documents.account(account), status=201)

    @extend_schema(
        operation_id="banking_accounts_retrieve",
        summary="Show a linked bank account",
        tags=TAGS,
        parameters=[ACCOUNT_ID],
        responses={200: BankAccountSerializer, **problems(401, 404, 503)},
        examples=[example("Bank account", ACCOUNT_EXAMPLE)],
    )
    def retrieve(self, request: Request, id: str) -> HttpResponseBase:
        account = bank_accounts.get(owner=caller.user(request), account_id=identifiers.parse(id))
        return answer(request, documents.account(account))

    @extend_schema(
        operation_id="banking_accounts_destroy",
        summary="Unlink a bank account",
        description=(
            "Its transactions stay, its number is destroyed. Refused with 409 while a transaction "
            "is pending. Who has a second factor steps up first."
        ),
        tags=TAGS,
        parameters=[ACCOUNT_ID],
        responses={204: None, **problems(401, 403, 404, 409, 503)},
    )
    def destroy(self, request: Request, id: str) -> Response:
        now = timezone.now()
        step_up.require(caller.grant(request), now=now)
        bank_accounts.unlink(owner=caller.user(request), account_id=identifiers.parse(id), now=now)
        return Response(status=204)

    @extend_schema(
        operation_id="banking_accounts_verify",
        summary="Verify a bank account by its micro-deposits",
        description=(
            "An account that is verified already stays so; amounts are not needed then. Wrong "
            "amounts use up one of `verification_tries_left`. Without a try, or after "
            "`verification_expires_at`, unlink the account and link it again (409, "
            "`verification_tries_exhausted` or `verification_expired`). A customer's wrong tries "
            "of a day are bounded, too (429, `too_many_verifications`)."
        ),
        tags=TAGS,
        parameters=[ACCOUNT_ID],
        request=VerifyBankAccountSerializer,
        responses={200: BankAccountSerializer, **problems(400, 401, 404, 409, 422, 429, 503)},
        examples=[
            example(
                "Amounts", {"amounts": [str(one) for one in rails.MICRO_DEPOSITS]}, request=True
            ),
            example("Bank account", ACCOUNT_EXAMPLE),
        ],
    )
    @action(detail=True, methods=["post"])
    def verify(self, request: Request, id: str) -> Response:
        wanted = checked(VerifyBankAccountSerializer(data=request.data))
        account = bank_accounts.verify(
            owner=caller.user(request),
            account_id=identifiers.parse(id),
            amounts=wanted["amounts"],
            now=timezone.now(),
        )
        return Response(documents.account(account))


class BankTransactionViewSet(StrictView, GenericViewSet[BankTransaction]):
    queryset = BankTransaction.objects.none()
    serializer_class = BankTransactionSerializer

    @extend_schema(
        operation_id="banking_transactions_list",
        summary="List deposits and withdrawals",
        tags=TAGS,
        parameters=[TransactionFilterSerializer],
        responses={200: BankTransactionSerializer(many=True), **problems(400, 401, 503)},
        examples=[example("Deposit", TRANSACTION_EXAMPLE)],
    )
    def list(self, request: Request) -> HttpResponseBase:
        filters = TRANSACTION_FILTER.run_validation(request.query_params.dict())
        owner, pages = caller.user(request), FixedPages(BankTransaction._meta.pk)
        page = pages.read(
            request,
            lambda of: bank_rows.transactions(
                owner.pk, **filters, at_most=of.at_most, below=of.below, above=of.above
            ),
        )
        return answer(request, pages.document([documents.transaction(row) for row in page]))

    @extend_schema(
        operation_id="banking_transactions_create",
        summary="Deposit or withdraw money",
        description=(
            "The sandbox settles at once and does not wait for `settles_on`: look at `status` and "
            "`failure_reason` of the answer. A withdrawal reserves its money until it has settled. "
            "A large one waits for approval first (`review`); `limits/` shows which one is. Who "
            "has a second factor steps up before a withdrawal.\n\n"
            "What is beyond a limit is refused (`transfer_limit_exceeded`), and so is a withdrawal "
            "of somebody who owes money (`account_in_debt`), or to an account that was verified a "
            "short time ago (`bank_account_too_new`)."
        ),
        tags=TAGS,
        parameters=[IDEMPOTENCY_KEY, REPLAYED],
        request=NewBankTransactionSerializer,
        responses={201: BankTransactionSerializer, **problems(400, 401, 403, 404, 409, 422, 503)},
        examples=[
            example("New deposit", DEPOSIT_EXAMPLE, request=True),
            example("Deposit", TRANSACTION_EXAMPLE),
        ],
    )
    @idempotent
    def create(self, request: Request) -> Response:
        wanted = checked(NewBankTransactionSerializer(data=request.data))
        now, deposits = timezone.now(), wanted["type"] == TransactionType.DEPOSIT
        if not deposits:
            step_up.require_for_withdrawal(caller.grant(request), now=now)
        move = transactions.deposit if deposits else transactions.withdraw
        row = move(
            owner=caller.user(request),
            account_id=wanted["account"],
            amount=wanted["amount"],
            now=now,
        )
        return Response(documents.transaction(row), status=201)

    @extend_schema(
        operation_id="banking_transactions_retrieve",
        summary="Show a deposit or withdrawal",
        tags=TAGS,
        parameters=[TRANSACTION_ID],
        responses={200: BankTransactionSerializer, **problems(401, 404, 503)},
        examples=[example("Deposit", TRANSACTION_EXAMPLE)],
    )
    def retrieve(self, request: Request, id: str) -> HttpResponseBase:
        row = transactions.get(owner=caller.user(request), transaction_id=identifiers.parse(id))
        return answer(request, documents.transaction(row))

    @extend_schema(
        operation_id="banking_transactions_cancel",
        summary="Cancel a pending deposit or withdrawal",
        tags=TAGS,
        parameters=[TRANSACTION_ID],
        request=None,
        responses={200: BankTransactionSerializer, **problems(401, 404, 409, 503)},
        examples=[
            example(
                "Canceled deposit",
                {**TRANSACTION_EXAMPLE, "status": "canceled", "completed_at": None},
            )
        ],
    )
    @action(detail=True, methods=["post"])
    def cancel(self, request: Request, id: str) -> Response:
        row = transactions.cancel(
            owner=caller.user(request), transaction_id=identifiers.parse(id), now=timezone.now()
        )
        return Response(documents.transaction(row))


# One object, although the operation is a list.
BALANCES: Any = forced_singular_serializer(BalancesSerializer)  # type: ignore[no-untyped-call]


class BalanceViewSet(StrictView, GenericViewSet[LedgerAccount]):
    queryset = LedgerAccount.objects.none()
    serializer_class = BalancesSerializer
    pagination_class = None

    @extend_schema(
        operation_id="banking_balances_list",
        summary="Show what you own",
        description="Dollars always, then each security of which there is some.",
        tags=TAGS,
        responses={200: BALANCES, **problems(401, 503)},
        examples=[example("Balances", BALANCES_EXAMPLE)],
    )
    def list(self, request: Request) -> Response:
        owned = statement.balances(owner=caller.user(request))
        return Response(BalancesSerializer({"results": owned}).data)


# One object, although the operation is a list.
LIMITS: Any = forced_singular_serializer(TransferLimitsSerializer)  # type: ignore[no-untyped-call]


class TransferLimitsViewSet(StrictView, GenericViewSet[BankTransaction]):
    queryset = BankTransaction.objects.none()
    serializer_class = TransferLimitsSerializer
    pagination_class = None

    @extend_schema(
        operation_id="banking_limits_list",
        summary="Show how much you may deposit and withdraw",
        description="Days and months are those of New York.",
        tags=TAGS,
        responses={200: LIMITS, **problems(401, 503)},
        examples=[example("Limits", LIMITS_EXAMPLE)],
    )
    def list(self, request: Request) -> Response:
        found = transfer_limits.read(caller.user(request), now=timezone.now())
        return Response(documents.limits(found))


class StatementViewSet(StrictView, GenericViewSet[Posting]):
    queryset = Posting.objects.none()
    serializer_class = StatementLineSerializer
    renderer_classes = [JSONRenderer, statement_csv.CSVRenderer]

    @extend_schema(
        operation_id="banking_statement_list",
        summary="List the lines of the ledger, newest first",
        description=(
            "With `Accept: text/csv` (or `?format=csv`) all lines come as one CSV file. "
            "A hold and its release are two lines each: out of one bucket, into the other."
        ),
        tags=TAGS,
        parameters=[StatementFilterSerializer, format_parameter("json", "csv")],
        responses={
            (200, "application/json"): StatementLineSerializer(many=True),
            (200, "text/csv"): OpenApiTypes.STR,
            **problems(400, 401, 503),
        },
        examples=[
            OpenApiExample("Line", LINE_EXAMPLE, response_only=True, media_type="application/json")
        ],
    )
    def list(self, request: Request) -> HttpResponseBase:
        found = self._found(request)
        if request.accepted_renderer.format == statement_csv.CSVRenderer.format:
            return statement_csv.response(request._request, found)
        pages = FixedPages(Posting._meta.pk)
        page = pages.read(request, partial(_lines, found))
        return answer(request, pages.document([statement_lines.document(line) for line in page]))

    def _found(self, request: Request) -> statement.Lines:
        filters = STATEMENT_FILTER.run_validation(request.query_params.dict())
        return statement.lines(owner=caller.user(request), **filters)


def _lines(found: statement.Lines, of: Bounds) -> list[statement.Line]:
    if of.above is not None:
        return found.oldest(of.at_most, above=of.above)
    return found.newest(of.at_most, below=of.below)
