"""CSV: the columns that are read, and that all else is refused by line."""

from contextlib import suppress
from datetime import date, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from banking.rules.assets import Asset
from exchange.simulator.sources.replay.rules import cells
from portfolio.imports import files
from portfolio.imports.files import BadImportFile, FileFormat
from portfolio.imports.rules import reduction
from portfolio.imports.rules.records import MAX_RECORDS, BadFile, ReadOptions
from portfolio.imports.rules.reduction import Listed
from portfolio.rules.lots import LotMethod

TODAY = date(2026, 3, 2)
ONE = Decimal(1)
LISTED = {
    "AAPL": Listed(Asset("AAPL", 6), Decimal("0.000001"), ONE),
    "BRK-B": Listed(Asset("BRK-B", 6), Decimal("0.000001"), ONE),
    "BTC-USD": Listed(Asset("BTC-USD", 8), Decimal("0.00000001"), ONE),
    "ACME-2033": Listed(Asset("ACME-2033", 2), Decimal(1000), Decimal(100)),
}


def left(content, *, method=LotMethod.FIFO, renamed=None, **options):
    data = content if isinstance(content, bytes) else content.encode()
    _, file = files.read(data, file_format=FileFormat.CSV, options=ReadOptions(**options))
    return reduction.reduce(file, LISTED, method=method, renamed=renamed or {}, today=TODAY)


def rows(found):
    return [(lot.symbol, lot.units, lot.cost_cents, f"{lot.day}", lot.line) for lot in found.lots]


def refused(content, **options):
    with pytest.raises((BadImportFile, BadFile)) as refusal:
        left(content, **options)
    return str(refusal.value)


@pytest.mark.parametrize(
    ("header", "row"),
    [
        ("symbol,quantity,cost,acquired", "AAPL,2,300.5,2024-05-06"),
        ("Ticker\tShares\tUnit Cost\tPurchase Date", "aapl\t2\t150.25\tMay 06, 2024"),
        ("DATE;SYMBOL;UNITS;COST_BASIS;CURRENCY;NOTE", "6.5.2024;AAPL;2.0;$300.50;USD;x,y"),
        ("Date Acquired|Qty|Name|Symbol|Price|Commission", "20240506|2|Apple|AAPL|150|0.5"),
        ("symbol,quantity,cost,acquired", '"AAPL","2","$3,00.50","2024-05-06T23:59:00"'),
    ],
)
def test_columns_are_found_by_name(header, row):
    if "3,00" in row:
        assert "line 2" in refused(f"{header}\n{row}\n")
        row = row.replace("3,00", "300")
    assert rows(left(f"{header}\n{row}\n")) == [("AAPL", 2_000_000, 30050, "2024-05-06", 2)]


def test_symbols_are_found_as_sources_spell_them_or_by_a_name_that_is_given():
    content = "symbol,quantity,cost,acquired\nBRK.B,1,1,2024-01-02\nXBTUSD,1,1,2024-01-02\n"
    assert [lot.symbol for lot in left(content).lots] == ["BRK-B", "BTC-USD"]
    named = left(content.replace("XBTUSD", "Bitcoin"), renamed={"BITCOIN": "BTC-USD"})
    assert [lot.symbol for lot in named.lots] == ["BRK-B", "BTC-USD"]


@pytest.mark.parametrize(
    ("row", "says"),
    [
        ("AAPL,1,1,2027-01-01", "line 3: 2027-01-01 is in the future"),
        ("AAPL,1,1,2026-03-03", "line 3: 2026-03-03 is in the future"),
        ("AAPL,1,1,1969-12-31", "line 3: 1969-12-31 is before 1970-01-01"),
        ("AAPL,1,1,soon", "line 3: 'soon' is no time that is known"),
        ("AAPL,1,1,01/02/2024", "line 3: 01/02/2024 may have its day or its month first"),
        ("AAPL,1,1,", "line 3: '' is no time"),
        ("AAPL,1,1", "line 3: it has 3 cells, and the header has 4"),
        ("AAPL,0,1,2024-01-02", "line 3: it has no quantity"),
        ("AAPL,,1,2024-01-02", "line 3: it has no quantity"),
        ("AAPL,-2,1,2024-01-02", "line 3: a quantity of -2 is a short position"),
        ("AAPL,1,-1,2024-01-02", "line 3: cost is -1"),
        ("AAPL,1,,2024-01-02", "line 3: it needs either"),
        ("AAPL,1e2,1,2024-01-02", "line 3: '1e2' is no number in plain notation"),
        ("AAPL,1e999999999,1,2024-01-02", "line 3: '1e999999999' is no number"),
        ("AAPL,NaN,1,2024-01-02", "line 3: it has no quantity"),
        ("AAPL,Infinity,1,2024-01-02", "line 3: 'Infinity' is no number"),
        ("AAPL,1_0,1,2024-01-02", "line 3: '1_0' is no number"),
        ("AAPL,\u0661,1,2024-01-02", "line 3: '\u0661' is no number"),
        (f"AAPL,{'9' * 41},1,2024-01-02", "line 3: '99999999999999999999' is no number"),
        ("AAPL,999999999999999,1,2024-01-02", "line 3: that is more than can be counted"),
        ("AAPL,1000000000000000,1,2024-01-02", "line 3: 1000000000000000 is too large"),
        ("AAPL,1,999999999999999.99,2024-01-02", "line 3: that is more"),
        (
            "AAPL,0.0000001,1,2024-01-02",
            "line 3: a quantity of 0.0000001 is no multiple of 0.000001",
        ),
        ("ACME-2033,1500,1,2024-01-02", "no multiple of 1000, in which ACME-2033 is traded"),
        ("MSFT,1,1,2024-01-02", "line 3: MSFT is not listed here"),
        (",1,1,2024-01-02", "line 3: it has no symbol"),
        ("USD,-5,,", "line 3: cash of -5 is not above zero"),
        ('"AAPL,1,1,2024-01-02', "line 3: it is no CSV"),
    ],
)
def test_a_row_that_can_not_be_is_named_by_its_line(row, says):
    assert says in refused(f"symbol,quantity,cost,acquired\nAAPL,1,1,2024-01-02\n{row}\n")


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("", "it is empty"),
        (" \n\n", "it is empty"),
        ("symbol,quantity,cost\n", "line 1: the header has no column acquired"),
        ("\nsymbol,quantity,date\n", "line 2: lots have a column cost or price"),
        ("symbol,quantity,date,cost,price\n", "this file has both"),
        ("symbol,quantity,date,cost,ratio\n", "a ratio is of splits"),
        ("symbol,quantity,date,cost,market value\n", "there is no column 'market value'"),
        ("symbol,quantity,date,cost,shares\n", "quantity and shares are the same column"),
        (b"symbol,quantity,cost,acquired\nAAPL,1,\xff,2024-01-02\n", "line 2: it is no UTF-8"),
        (b"symbol\x00", "it is no text"),
    ],
)
def test_a_file_without_its_columns_is_refused(content, says):
    assert says in refused(content)


def test_a_file_of_too_many_records_lots_or_symbols_is_refused():
    header = "symbol,quantity,cost,acquired\n"
    row = "AAPL,1,1,2024-01-02\n"
    assert f"more than {MAX_RECORDS} records" in refused(header + row * (MAX_RECORDS + 1))
    assert "it leaves 2001 lots" in refused(header + row * 2001)
    assert "it has 501 symbols" in refused(
        header + "".join(f"A{number},1,1,2024-01-02\n" for number in range(501))
    )


def history(*lines):
    return "date,action,symbol,quantity,price,amount,fees,ratio\n" + "".join(
        f"{line}\n" for line in lines
    )


@pytest.mark.parametrize(
    ("method", "expected"),
    [
        (LotMethod.FIFO, [("2024-02-01", 2, 40000), ("2024-03-01", 2, 20000)]),
        (LotMethod.LIFO, [("2024-01-02", 2, 20000), ("2024-02-01", 2, 40000)]),
        (LotMethod.HIFO, [("2024-01-02", 2, 20000), ("2024-03-01", 2, 20000)]),
        # Each share has cost 800 / 6 on average; which lots are left follows the first in.
        (LotMethod.AVERAGE, [("2024-02-01", 2, 26666), ("2024-03-01", 2, 26667)]),
    ],
)
def test_sales_take_lots_by_the_method(method, expected):
    content = history(
        "2024-01-02,buy,AAPL,2,,-200,,",
        "2024-02-01,buy,AAPL,2,200,,,",
        "2024-03-01,buy,AAPL,2,,200,,",
        "2024-04-01,sell,AAPL,-2,500,,,",
    )
    found = left(content, method=method)
    assert [(f"{lot.day}", lot.units // 10**6, lot.cost_cents) for lot in found.lots] == expected
    assert found.cents == 0


def test_a_history_with_the_newest_first_is_read_from_its_end():
    lines = [
        "2024-03-01,sell,AAPL,1,10,,,",
        "2024-02-01,split,AAPL,,,,,2",
        "2024-02-01,buy,AAPL,1,10,,,",  # before the split of that day
        "2024-01-02,buy,AAPL,1,9,,,",
    ]
    expected = [
        ("AAPL", 1_000_000, 450, "2024-01-02", 5),
        ("AAPL", 2_000_000, 1000, "2024-02-01", 4),
    ]
    assert rows(left(history(*lines))) == expected
    assert [row[:4] for row in rows(left(history(*lines[::-1])))] == [row[:4] for row in expected]


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("2024-02-01,sell,AAPL,3,1,,,", "line 3: it sells 3.000000 AAPL, and there are 2.000000"),
        ("2023-02-01,sell,AAPL,1,1,,,", "line 3: it sells 1.000000 AAPL, and there are 0.000000"),
        ("2024-02-01,split,BTC-USD,,,,,2", "line 3: there is no BTC-USD to be split"),
        ("2024-02-01,split,AAPL,,,,,", "line 3: a split needs a ratio"),
        ("2024-02-01,split,AAPL,,,,,0:1", "line 3: ratio is 0"),
        ("2024-02-01,split,AAPL,,,,,999999999999:1", "line 3: that is more than can be counted"),
        ("2024-02-01,short,AAPL,1,1,,,", "line 3: there is no action 'short'"),
        ("2024-02-01,buy,USD,1,1,,,", "line 3: cash is a deposit"),
        ("2024-02-01,buy,AAPL,1,1,1,,", "line 3: it needs either"),
        ("2024-02-01,sell,AAPL,1,1,,2,", "line 3: its fees are more than it brought"),
        ("2024-02-01,sell,AAPL,1,,-1,,", "line 3: a sale for -1 is below zero"),
        ("2024-02-01,deposit,,,,1,,", "its cash ends at -19.00: a deposit is missing"),
    ],
)
def test_a_history_that_can_not_be_is_refused_by_its_line(line, says):
    assert says in refused(history("2024-01-02,buy,AAPL,2,10,,,", line))


quantities = st.integers(1, 10**9)
days = st.integers(0, 3000).map(lambda number: date(2015, 1, 1) + timedelta(days=number))


@given(
    st.lists(st.tuples(days, quantities, st.integers(0, 10**9), st.booleans()), max_size=30),
    st.sampled_from(list(LotMethod)),
)
def test_units_and_costs_add_up_and_the_cash_is_what_was_paid(steps, method):
    """What was bought is held or sold, and the lots that are left cost what is left of the cost."""
    held, bought, cash = 0, 0, 9_999_999_999_999_900
    lines = ["2014-01-01,deposit,,,,99999999999999.00,,"]
    for day, units, cents, sells in sorted(steps):
        sold = min(units, held) if sells else 0
        action, count = ("sell", sold) if sold else ("buy", units)
        held += units if not sold else -sold
        cash += cents if sold else -cents
        bought += 0 if sold else cents
        quantity, amount = Decimal(count).scaleb(-6), Decimal(cents).scaleb(-2)
        lines.append(f"{day},{action},AAPL,{quantity:f},,{amount:f},,")

    found = left(history(*lines), method=method)

    assert sum(lot.units for lot in found.lots) == held
    assert found.cents == cash
    assert 0 <= sum(lot.cost_cents for lot in found.lots) <= bought
    assert all(lot.units > 0 for lot in found.lots)
    assert [lot.day for lot in found.lots] == sorted(lot.day for lot in found.lots)
    if held == 0:
        assert found.lots == []


@given(st.binary(max_size=300))
def test_any_bytes_are_read_or_refused(content):
    header = b"date,action,symbol,quantity,price,amount,fees,ratio\n"
    for each in (content, header + content):
        with suppress(BadImportFile, BadFile):
            left(each)


def test_more_splits_of_more_lots_than_take_moments_are_refused(monkeypatch):
    monkeypatch.setattr(reduction, "MAX_SPLIT_LOTS", 5)
    head, bought = "action,symbol,quantity,cost,acquired,ratio", "buy,AAPL,2,10,2024-01-02,"
    split = "split,AAPL,,,2024-01-03,2:1"
    assert len(left("\n".join([head, bought, bought, split, split])).lots) == 2
    says = refused("\n".join([head, bought, bought, split, split, split]))
    assert "line 6: that is one split too many" in says


def test_a_symbol_as_it_is_listed_is_that_one_and_not_another_of_like_spelling():
    listed = {name: Listed(Asset(name, 6), Decimal("0.000001"), ONE) for name in ("AB-C", "ABC")}
    content = b"symbol,quantity,cost,acquired\nABC,1,1,2024-01-02\nab/c,1,1,2024-01-02\n"
    _, file = files.read(content, file_format=FileFormat.CSV, options=ReadOptions())
    found = reduction.reduce(file, listed, method=LotMethod.FIFO, renamed={}, today=TODAY)
    assert [lot.symbol for lot in found.lots] == ["AB-C", "ABC"]


@pytest.mark.parametrize("start", ["2024-01-02", "01/13/2024"])
def test_a_cell_that_is_longer_than_any_time_is_not_looked_through_for_one(start):
    """A million spaces would take an hour, in which the server answers nobody."""
    line = f'AAPL,1,1,"{start}{" " * 1_000}\nx"'
    says = refused(f"symbol,quantity,cost,acquired\n{line}\n")
    assert f"line 3: '{start}          ' is too long for a time" in says
    assert cells.day_first([f"13/01/2024{' ' * 1_000}x", "01/13/2024"]) is False
