"""The API has percentages and fractions, so the schema names the unit of every ratio."""

import json
import re
from datetime import timedelta
from decimal import Decimal

import pytest
import time_machine
import yaml
from django.test import Client

from authentication.tests.api_client import signed_in_client
from be.kernel import units
from exchange.tests.market import NOW, make_bond, make_instrument, set_quote
from portfolio.tests.accounts import buy, open_account, reprice, shown

UNITS = (units.PERCENT, units.FRACTION, units.NUMBER)
RATIO = re.compile(
    r"percent|ratio|return|rate|yield|weight|volatil|drawdown|alpha|beta|bps|fraction|change|share"
    r"|growth|margin|leverage|correlation"
)
DOLLARS = {"change", "day_change", "price_change", "price_change_value", "returned_deposits"}
LISTS = {"corporate_actions"}


def ratios(node, path=""):
    """Where each property is that is a ratio by its name, and its schema."""
    if isinstance(node, list):
        node = dict(enumerate(node))
    if not isinstance(node, dict):
        return
    for name, schema in node.get("properties", {}).items():
        if RATIO.search(name) and name not in DOLLARS | LISTS:
            yield f"{path}/{name}", schema
    for name, below in node.items():
        yield from ratios(below, f"{path}/{name}")


def is_object(schema):
    return "allOf" in schema or "oneOf" in schema or "$ref" in schema or "properties" in schema


@pytest.fixture(scope="module")
def documents():
    openapi = yaml.safe_load(Client().get("/api/schema/").content)
    asyncapi = json.loads(Client().get("/api/asyncapi/").content)
    return {"openapi": openapi["components"], "asyncapi": asyncapi["components"]}


@pytest.mark.parametrize("name", ["openapi", "asyncapi"])
def test_every_ratio_says_what_it_is_counted_in(documents, name):
    found = dict(ratios(documents[name]))

    assert len(found) >= {"openapi": 30, "asyncapi": 2}[name]
    assert [
        where
        for where, schema in found.items()
        if not schema.get("description", "").endswith(UNITS) and not is_object(schema)
    ] == []


def test_what_is_called_percent_is_percent_and_a_name_that_misleads_is_deprecated(documents):
    for where, schema in ratios(documents["openapi"]):
        if "percent" in where.rpartition("/")[2]:
            assert schema["description"].endswith(units.PERCENT), where
        elif schema.get("description", "").endswith(units.PERCENT):
            assert schema["deprecated"] is True, where
            assert f"{where}_percent" in dict(ratios(documents["openapi"]))


@pytest.mark.django_db
def test_the_figures_are_in_the_units_that_they_are_said_to_be_in():
    aapl, bond = make_instrument(), make_bond()
    set_quote(bond, "98.400", "98.400", size="100000")
    alice = open_account("alice@example.com", deposits="1000", at=NOW)
    buy(alice, aapl, "5", "100.01", at=NOW)
    reprice(aapl, "80.00", at=NOW)
    reprice(aapl, "90.00", at=NOW)

    (holding,) = shown(alice, "holdings")["results"]
    parts = {each["symbol"]: each for each in shown(alice, "allocation")["by_instrument"]}
    assert holding["weight"] == "0.473709"  # 450.00 of 949.95
    assert parts["AAPL"]["percent"] == "47.37"
    assert holding["price_change_percent"] == "-10.0000"  # from 100.00

    market = "/api/exchange/api/v1/market-data"
    with time_machine.travel(NOW + timedelta(minutes=1), tick=False):
        client = signed_in_client(alice)
        quotes = {
            each["symbol"]: each
            for each in client.get(f"{market}/current_prices/").json()["results"]
        }
        figures = client.get(f"{market}/statistics/", {"symbol": "AAPL", "period": "30d"}).json()
        listed = client.get(f"{market}/supported_symbols/").json()["results"]
    assert quotes["AAPL"]["change_percent"] == "-10.0000"
    assert 0.06 < Decimal(quotes["ACME-2033"]["yield_to_maturity"]) < 0.07
    assert figures["max_drawdown_percent"] == figures["max_drawdown"]
    (terms,) = (each["bond"] for each in listed if each["bond"])
    assert terms["coupon_rate"] == "0.06"
