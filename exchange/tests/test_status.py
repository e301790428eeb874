"""GET status/: public, and degraded or down when something is missing."""

from datetime import timedelta

import time_machine
from channels.layers import channel_layers
from django.db import DatabaseError, connection
from rest_framework.test import APIClient

from exchange.models import Instrument, Quote
from exchange.tests import market

URL = "/api/exchange/api/v1/status/"


def test_with_fresh_quotes_all_is_well(aapl: Instrument, now):
    answer = APIClient().get(URL)
    assert answer.status_code == 200
    document = answer.json()
    assert document["status"] == "ok"
    assert document["checks"]["market_data"]["age_seconds"] == 0
    assert document["checks"]["market_data"]["last_quote_at"] == "2026-03-02T15:00:00.000000Z"


def test_without_ticks_it_is_degraded(aapl: Instrument):
    with time_machine.travel(market.NOW + timedelta(minutes=5), tick=False):
        document = APIClient().get(URL).json()
    assert document["status"] == "degraded"
    assert document["checks"]["market_data"]["status"] == "stale"


def test_a_bad_token_does_not_matter(aapl: Instrument, now):
    answer = APIClient(headers={"Authorization": "Bearer nonsense"}).get(URL)
    assert answer.status_code == 200


def test_without_a_channel_layer_it_is_degraded(aapl: Instrument, now, settings, monkeypatch):
    class Broken:
        async def group_send(self, group, message):
            raise OSError("no such file")

    monkeypatch.setitem(channel_layers.backends, "default", Broken())
    document = APIClient().get(URL).json()
    assert (document["status"], document["checks"]["channel_layer"]) == ("degraded", "down")


def test_without_a_database_it_is_down(db, now, monkeypatch):
    def fail(**_):
        raise DatabaseError("gone")

    monkeypatch.setattr(Quote.objects, "aggregate", fail)
    monkeypatch.setattr(connection, "close", lambda: None)
    answer = APIClient().get(URL)
    assert answer.status_code == 503
    assert answer["Retry-After"] == "5"
    assert answer.json()["status"] == "down"
