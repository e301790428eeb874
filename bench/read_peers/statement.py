"""A page of the lines of the user's ledger."""

from typing import Any

from fastapi import Request
from fastapi.responses import JSONResponse

from bench.read_peers.fastapi_app import CurrentUser, application, rows
from bench.read_peers.pages import PageSize, amount, money, page, time

LINES = (
    "SELECT p.id, p.bucket, p.units, a.asset, a.scale, e.kind, e.reference, e.created_at "
    "FROM (SELECT * FROM banking_posting WHERE owner_id = %s ORDER BY id DESC LIMIT %s) p "
    "JOIN banking_ledgeraccount a ON a.id = p.account_id "
    "JOIN banking_journalentry e ON e.id = p.entry_id ORDER BY p.id DESC"
)


@application.get("/api/banking/statement/")
async def statement(user: CurrentUser, request: Request, page_size: PageSize = 50) -> JSONResponse:
    found = await rows(LINES, user, page_size + 1)
    return JSONResponse(page(request, found, page_size, _line))


def _line(row: dict[str, Any]) -> dict[str, Any]:
    dollars = row["asset"] == "USD"
    return {
        "id": str(row["id"]),
        "asset": row["asset"],
        "bucket": row["bucket"],
        "amount": money(row["units"]) if dollars else amount(row["units"], row["scale"]),
        "kind": row["kind"],
        "reference": str(row["reference"]),
        "created_at": time(row["created_at"]),
    }
