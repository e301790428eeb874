"""The SQL of the daily sums: how they are read together with new postings, stored and compared."""

from collections.abc import Collection
from datetime import timedelta

from banking import flows
from banking.models import EntryKind
from banking.rules.assets import USD
from portfolio.instants import instant_sql, microseconds, since_sql

DAY = microseconds(timedelta(days=1))


def _texts(kinds: Collection[EntryKind]) -> str:
    return ", ".join(sorted(f"'{kind.value}'" for kind in kinds))


# Entries of these only move units between the buckets of an account.
INTERNAL = _texts((EntryKind.HOLD, EntryKind.RELEASE, EntryKind.DEBT_PAYMENT))
FLOWS = _texts(flows.KINDS)
TRADE, SPLIT = EntryKind.TRADE.value, EntryKind.SPLIT.value

_FIRST_SINCE = (
    "(SELECT min(stored.first_posting) - 1 FROM portfolio_dailymovement stored "
    "WHERE stored.owner_id = %s AND stored.day >= %s)"
)
# The days are values, so that the database knows how few rows there are since.
STORED = (
    "SELECT coalesce(max(through), 0), CASE WHEN max(latest_at) > %s THEN CAST(%s AS bigint) "
    "ELSE CAST(%s AS bigint) END, coalesce(CASE WHEN max(latest_at) > %s "
    f"THEN {_FIRST_SINCE} ELSE {_FIRST_SINCE} END, max(through), 0) "
    "FROM portfolio_ledgerfold WHERE owner_id = %s"
)
"""What is stored of an owner, as `daily.Stored`."""


def with_fold(sql: str) -> str:
    """The rows of a statement, with how far the sums are in front; at least one row."""
    return (
        "SELECT fold.through, answer.* FROM (SELECT coalesce(max(through), 0) AS through "
        "FROM portfolio_ledgerfold WHERE owner_id = %s) AS fold "
        f"LEFT JOIN ({sql}) AS answer ON true"
    )


_LINE = f"posting.id, posting.entry_id, posting.units, {instant_sql('posting.created_at')} AS at"


def lines_sql(condition: str, source: str = "banking_posting posting") -> str:
    """An owner's postings, each with its asset, and its entry's columns."""
    return (
        f"SELECT {_LINE}, account.asset, entry.kind, entry.reference FROM {source} "
        "JOIN banking_ledgeraccount account ON account.id = posting.account_id "
        "JOIN banking_journalentry entry ON entry.id = posting.entry_id "
        f"WHERE posting.owner_id = %s AND {condition}"
    )


def entries_sql(lines: str) -> str:
    """Postings added up by entry: units of a security (each entry has one at most), and cents."""
    security, cents = f"asset <> '{USD.code}'", f"asset = '{USD.code}'"
    return (
        f"SELECT entry_id, at, kind, reference, max(CASE WHEN {security} THEN asset END) AS symbol,"
        f" sum(CASE WHEN {security} THEN units ELSE 0 END) AS units, "
        f"sum(CASE WHEN {cents} THEN units ELSE 0 END) AS cents "
        f"FROM {lines} GROUP BY entry_id, at, kind, reference"
    )


def trades_sql(lines: str) -> str:
    """CTEs for the owner's side of the trades among postings; takes the owner.

    An entry has the id of its trade, and an execution's own id begins with its time.
    """
    return (
        f"trades AS (SELECT reference, min(at) AS at FROM {lines} "
        f"WHERE kind = '{TRADE}' GROUP BY reference), "
        "executions AS (SELECT instrument.symbol AS asset, execution.price, execution.fee_cents, "
        f"{instant_sql('execution.executed_at')} AS price_at, trades.at AS booked_at, "
        "execution.id AS price_id "
        "FROM trades JOIN exchange_execution execution ON execution.trade_id = trades.reference "
        "JOIN exchange_order placed ON placed.id = execution.order_id "
        "JOIN exchange_instrument instrument ON instrument.id = placed.instrument_id "
        "WHERE execution.owner_id = %s "
        f"AND {since_sql('execution.id', '(SELECT min(at) FROM trades)')})"
    )


# The postings of one fold.
_FOLDED = f"posting.id > %s AND posting.id <= %s AND entry.kind NOT IN ({INTERNAL})"
_LINES = f"lines AS ({lines_sql(_FOLDED)})"

# Income names no security: its reference is an entitlement, or what was taken back of one.
_SYMBOL = (
    "JOIN exchange_corporateaction action ON action.id = entitlement.action_id "
    "JOIN exchange_instrument instrument ON instrument.id = action.instrument_id "
    f"WHERE entries.symbol IS NULL AND entries.kind NOT IN ({FLOWS})"
)

MOVEMENT_COLUMNS = (
    "day, asset, units, last_at, first_posting, last_posting, traded, spent, received, fees, splits"
)
MOVEMENTS = (
    f"WITH {_LINES}, {trades_sql('lines')}, entries AS ({entries_sql('lines')}), parts AS ("
    f"SELECT (at - 1) / {DAY} AS day, asset, units, at AS last_at, id AS posting, "
    "0 AS traded, 0 AS spent, 0 AS received, 0 AS fees, 0 AS splits FROM lines UNION ALL "
    f"SELECT (at - 1) / {DAY}, symbol, 0, NULL, NULL, units, "
    "CASE WHEN cents < 0 THEN -cents ELSE 0 END, CASE WHEN cents > 0 THEN cents ELSE 0 END, 0, "
    f"CASE WHEN kind = '{SPLIT}' THEN 1 ELSE 0 END "
    f"FROM entries WHERE symbol IS NOT NULL AND kind NOT IN ({FLOWS}) UNION ALL "
    f"SELECT (at - 1) / {DAY}, instrument.symbol, 0, NULL, NULL, 0, 0, entries.cents, 0, 0 "
    "FROM entries JOIN exchange_entitlement entitlement ON entitlement.id = entries.reference "
    f"{_SYMBOL} "
    f"UNION ALL SELECT (at - 1) / {DAY}, instrument.symbol, 0, NULL, NULL, 0, 0, entries.cents, "
    "0, 0 "
    "FROM entries JOIN exchange_clawback clawback ON clawback.id = entries.reference "
    f"JOIN exchange_entitlement entitlement ON entitlement.id = clawback.entitlement_id {_SYMBOL} "
    f"UNION ALL SELECT (booked_at - 1) / {DAY}, asset, 0, NULL, NULL, 0, 0, 0, fee_cents, 0 "
    "FROM executions WHERE fee_cents <> 0"
    ") SELECT day, asset, sum(units) AS units, max(last_at) AS last_at, "
    "min(posting) AS first_posting, max(posting) AS last_posting, sum(traded) AS traded, "
    "sum(spent) AS spent, sum(received) AS received, sum(fees) AS fees, sum(splits) AS splits "
    "FROM parts GROUP BY day, asset"
)
"""Of (owner, after a posting, through a posting, owner): the sums of each day and asset."""

PRICE_COLUMNS = "day, asset, price, price_at, price_id"
PRICES = (
    f"WITH {_LINES}, {trades_sql('lines')}, "
    f"placed AS (SELECT (price_at - 1) / {DAY} AS day, asset, price, price_at, price_id, "
    f"row_number() OVER (PARTITION BY asset, (price_at - 1) / {DAY} "
    "ORDER BY price_at DESC, price_id DESC) AS place FROM executions) "
    f"SELECT {PRICE_COLUMNS} FROM placed WHERE place = 1"
)
"""Of (owner, after a posting, through a posting, owner): the newest trade by day and symbol."""

FLOW_COLUMNS = "posting_id, entry_id, at, cents"
BANK_FLOWS = (
    f"WITH {_LINES} SELECT id, entry_id, at, units FROM lines "
    f"WHERE kind IN ({FLOWS}) AND asset = '{USD.code}'"
)
"""Of (owner, after a posting, through a posting)."""


def _insert(table: str, columns: str, selected: str, suffix: str = "") -> str:
    """Add the rows of a SELECT to an owner's, whose id comes before its parameters."""
    # WHERE keeps ON CONFLICT from being read as a join condition.
    return (
        f"INSERT INTO {table} AS old (owner_id, {columns}) "
        f"SELECT %s, given.* FROM ({selected}) AS given WHERE true {suffix}"
    )


def _later(column: str, sign: str) -> str:
    return (
        f"{column} = CASE WHEN old.{column} IS NULL OR excluded.{column} {sign} old.{column} "
        f"THEN excluded.{column} ELSE old.{column} END"
    )


_SUMS = ("units", "traded", "spent", "received", "fees", "splits")
ADD_MOVEMENTS = _insert(
    "portfolio_dailymovement",
    MOVEMENT_COLUMNS,
    MOVEMENTS,
    "ON CONFLICT (owner_id, day, asset) DO UPDATE SET "
    + ", ".join(f"{name} = old.{name} + excluded.{name}" for name in _SUMS)
    + f", {_later('last_at', '>')}, {_later('first_posting', '<')}, {_later('last_posting', '>')}",
)
ADD_PRICES = _insert(
    "portfolio_dailymovement",
    f"{PRICE_COLUMNS}, {', '.join(_SUMS)}",
    f"SELECT newest.*, 0, 0, 0, 0, 0, 0 FROM ({PRICES}) AS newest",
    "ON CONFLICT (owner_id, day, asset) DO UPDATE SET price = excluded.price, "
    "price_at = excluded.price_at, price_id = excluded.price_id WHERE old.price_at IS NULL "
    "OR excluded.price_at > old.price_at "
    "OR (excluded.price_at = old.price_at AND excluded.price_id > old.price_id)",
)
ADD_FLOWS = _insert("portfolio_bankflow", FLOW_COLUMNS, BANK_FLOWS)

STORED_MOVEMENTS = f"SELECT {MOVEMENT_COLUMNS} FROM portfolio_dailymovement WHERE owner_id = %s"
STORED_PRICES = f"SELECT {PRICE_COLUMNS} FROM portfolio_dailymovement WHERE owner_id = %s"
STORED_FLOWS = f"SELECT {FLOW_COLUMNS} FROM portfolio_bankflow WHERE owner_id = %s"
