"""What the load generator and the compared servers need to know; imports no Django."""

import pickle  # nosec B403  # reads the file that bench.market wrote
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec

QUANTITY = Decimal("0.1")


@dataclass(frozen=True, slots=True)
class Slot:
    """The place of a value that differs from order to order."""

    name: str


@dataclass(frozen=True, slots=True)
class Statement:
    """SQL with `$1`, and its values: constants, slots, and lists of both; `Rows` become JSON."""

    sql: str
    values: list[Any]

    def filled(self, given: Mapping[str, Any]) -> list[Any]:
        return [_filled(value, given) for value in self.values]


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows that are sent as one JSON document."""

    rows: list[list[Any]]


_encoder = msgspec.json.Encoder(decimal_format="string", uuid_format="canonical")


def _filled(value: Any, given: Mapping[str, Any]) -> Any:
    if type(value) is Slot:
        return given[value.name]
    if type(value) is list:
        return [_filled(each, given) for each in value]
    if type(value) is Rows:
        return _encoder.encode([_filled(row, given) for row in value.rows]).decode()
    return value


@dataclass(frozen=True, slots=True)
class Recording:
    """A market order to buy QUANTITY from the street, statement by statement.

    `session` is the query that every request begins with. `quote_columns` and `account_columns`
    name the columns in the rows of `lock_market` and `lock_accounts`.
    """

    session: Statement
    lock_market: Statement
    lookups: list[Statement]
    lock_accounts: Statement
    write: Statement
    quote_columns: list[str]
    account_columns: list[str]


@dataclass(frozen=True, slots=True)
class Customer:
    owner_id: UUID
    token: str
    symbol: str


@dataclass(frozen=True, slots=True)
class Scene:
    """Customers, each with an instrument of their own, and the statements of an order."""

    customers: list[Customer]
    recording: Recording


def account_slot(*, house: str, is_cash: bool) -> str:
    """The slot of an account: the owner's (no `house`) or the house's, of cash or of the asset."""
    return f"{house or 'owner'} {'cash' if is_cash else 'asset'}"


def read(path: str) -> Scene:
    scene: Scene = pickle.loads(Path(path).read_bytes())  # noqa: S301 - our own file
    return scene
