"""Freezing accounts: by whom, with which reason, and what is written of it."""

from datetime import UTC, datetime
from typing import Any

import pytest

from authentication import restrictions
from authentication.models import AuditEvent, User
from authentication.restrictions import AccountFrozen, FreezeRefused
from authentication.tests.api_client import signed_in_client
from authentication.tests.factories import UserFactory
from be.kernel.refusals import Invalid

NOW = datetime(2026, 3, 2, 15, 0, tzinfo=UTC)

pytestmark = pytest.mark.django_db


@pytest.fixture
def officer() -> User:
    return UserFactory.create(email="officer@example.com", is_staff=True)


def freeze(actor: User, subject: User, **changes: Any) -> None:
    restrictions.freeze(
        **{"actor": actor, "subject": subject, "reason": "a court order", "now": NOW, **changes}
    )


def unfreeze(actor: User, subject: User, **changes: Any) -> None:
    restrictions.unfreeze(
        **{"actor": actor, "subject": subject, "reason": "it was lifted", "now": NOW, **changes}
    )


def test_a_frozen_customer_signs_in_and_sees_it(alice: User, officer: User):
    freeze(officer, alice)
    client = signed_in_client(alice)
    assert client.get("/api/auth/me/").json()["frozen"] is True
    unfreeze(officer, alice)
    assert client.get("/api/auth/me/").json()["frozen"] is False


def test_the_gates_close_and_open(alice: User, officer: User):
    freeze(officer, alice)
    for gate in (restrictions.require_may_trade, restrictions.require_may_transfer):
        with pytest.raises(AccountFrozen):
            gate(alice)
    unfreeze(officer, alice)
    restrictions.require_may_trade(alice)
    restrictions.require_may_transfer(alice)


def test_both_are_in_the_audit_log_with_the_reason(alice: User, officer: User):
    freeze(officer, alice, reason=" a court order ")
    unfreeze(officer, alice)
    frozen, unfrozen = AuditEvent.objects.order_by("id")
    assert (frozen.event, unfrozen.event) == ("account frozen", "account unfrozen")
    assert {(each.actor, each.subject) for each in (frozen, unfrozen)} == {(officer, alice)}
    assert frozen.details == {"reason": "a court order"}
    since = "2026-03-02T15:00:00.000000Z"
    assert (frozen.before, frozen.after) == ({"frozen_at": None}, {"frozen_at": since})
    assert (unfrozen.before, unfrozen.after) == ({"frozen_at": since}, {"frozen_at": None})


@pytest.mark.parametrize("reason", ["", "  ", "x" * 501])
def test_a_freeze_needs_a_reason(alice: User, officer: User, reason: str):
    with pytest.raises(Invalid) as refused:
        freeze(officer, alice, reason=reason)
    assert refused.value.field == "reason"
    assert_untouched(alice)


def test_nobody_freezes_whoever_has_more_rights(officer: User):
    boss = UserFactory.create(email="boss@example.com", is_staff=True, is_superuser=True)
    with pytest.raises(FreezeRefused):
        freeze(officer, boss)
    assert_untouched(boss)


def test_once_is_enough(alice: User, officer: User):
    freeze(officer, alice)
    with pytest.raises(FreezeRefused):
        freeze(officer, alice, now=NOW.replace(hour=16))
    alice.refresh_from_db()
    assert alice.frozen_at == NOW
    unfreeze(officer, alice)
    with pytest.raises(FreezeRefused):
        unfreeze(officer, alice)
    assert AuditEvent.objects.count() == 2


def assert_untouched(user: User) -> None:
    user.refresh_from_db()
    assert user.frozen_at is None
    assert not AuditEvent.objects.exists()
