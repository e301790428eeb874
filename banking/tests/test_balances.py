"""What a customer owns."""

import uuid

from banking import holds, ledger
from banking.models import LedgerAccount
from banking.rules.assets import Asset
from banking.tests.factories import NOW, give

URL = "/api/banking/balances/"


def test_somebody_new_has_no_dollars_and_nothing_is_opened_by_looking(api):
    assert api.get(URL).json() == {
        "results": [{"asset": "USD", "total": "0.00", "available": "0.00", "held": "0.00"}]
    }
    assert not LedgerAccount.objects.exists()


def test_every_asset_is_shown_in_its_own_decimals_dollars_first(api, alice):
    give(alice, "1.5", Asset("AAPL", 6))
    give(alice, "0.00000001", Asset("BTC-USD", 8))
    holds.hold(account=give(alice, "250.10"), units=5000, reference=uuid.uuid4(), at=NOW)

    assert api.get(URL).json()["results"] == [
        {"asset": "USD", "total": "250.10", "available": "200.10", "held": "50.00"},
        {"asset": "AAPL", "total": "1.5", "available": "1.5", "held": "0"},
        {"asset": "BTC-USD", "total": "0.00000001", "available": "0.00000001", "held": "0"},
    ]


def test_securities_that_are_gone_are_not_shown(api, alice):
    ledger.account_of(alice.pk, Asset("AAPL", 6))

    assert [line["asset"] for line in api.get(URL).json()["results"]] == ["USD"]


def test_large_amounts_are_written_out(api, alice):
    give(alice, "90000000000000000.01")

    assert api.get(URL).json()["results"][0]["total"] == "90000000000000000.01"


def test_nobody_sees_what_others_own(api, bobs_api, alice):
    give(alice, "250.00")

    assert bobs_api.get(URL).json()["results"][0]["total"] == "0.00"
