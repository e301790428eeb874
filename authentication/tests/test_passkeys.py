"""Passkeys: added, asked for at sign-in, used alone and for a step-up; and all that is no passkey.

The authenticator is one in software, which can be bent. `be/tests/test_account_security.py` uses a
browser's.
"""

import base64
import json
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest
import time_machine
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from rest_framework.test import APIClient

from authentication.models import AuditEvent, Passkey, PasskeyChallenge, RecoveryCode
from authentication.tests.api_client import client_with, signed_in_client
from authentication.tests.authenticator import PRESENT, VERIFIED, Authenticator, encoded
from authentication.tests.factories import UserFactory
from authentication.tests.problems import assert_problem
from authentication.tests.second_factors import (
    FACTOR,
    FACTORS,
    STEP_UP,
    add_passkey,
    begin_sign_in,
    ok,
    set_up_app,
    set_up_passkey,
)
from banking.tests.parallel import at_once

NOW = datetime(2026, 3, 2, 14, 30, tzinfo=UTC)
ALONE = "/api/auth/login/passkey/"
BENT: dict[str, dict[str, Any]] = {
    "another origin": {"origin": "http://localhost.evil.example"},
    "no TLS elsewhere": {"origin": "http://broker.example"},
    "another domain": {"rp_id": "evil.example"},
    "nobody there": {"flags": VERIFIED},
    "not verified": {"flags": PRESENT},
    "in a frame": {"cross_origin": True},
}


@pytest.fixture
def clock():
    with time_machine.travel(NOW, tick=False) as clock:
        yield clock


@pytest.fixture(autouse=True)
def _development(settings):
    settings.DEBUG = True


@pytest.fixture
def client(alice, clock):
    return signed_in_client(alice)


@pytest.fixture
def passkey(client):
    return set_up_passkey(client)


def options(client, path, body=None):
    return ok(client.post(path, body))["public_key"]


def second_stage(client, email, authenticator):
    """The answer to a sign-in by password and this authenticator."""
    token = begin_sign_in(client, email)["factor_token"]
    asked = options(client, f"{ALONE}options/", {"factor_token": token})
    return client.post(FACTOR, {"factor_token": token, "passkey": authenticator.get(asked)})


def alone(client, authenticator):
    """The answer to a sign-in by this authenticator and nothing else."""
    asked = options(client, f"{ALONE}options/", {})
    return client.post(ALONE, {"passkey": authenticator.get(asked)})


def sign_in_alone(body):
    return APIClient().post(ALONE, body).status_code


def step_up(client, authenticator):
    asked = options(client, f"{STEP_UP}passkey/options/")
    return client.post(STEP_UP, {"passkey": authenticator.get(asked)})


def test_a_passkey_is_added_and_listed(client, alice):
    authenticator = Authenticator()

    answer = add_passkey(client, authenticator, "Alice's phone")

    added = ok(answer, 201)
    assert answer["Cache-Control"] == "no-store"
    assert len(added.pop("recovery_codes")) == 10
    assert added == {
        "id": str(Passkey.objects.get().pk),
        "name": "Alice's phone",
        "created_at": "2026-03-02T14:30:00.000000Z",
        "last_used_at": None,
    }
    shown = ok(client.get(FACTORS))
    assert (shown["second_factor"], shown["passkeys"]) == (True, [added])
    assert Passkey.objects.get().transports == ["hybrid", "internal"]


def test_the_options_ask_for_verification_and_name_what_is_known(client, passkey, alice):
    asked = options(client, f"{FACTORS}passkeys/options/")

    assert asked["rp"] == {"name": "BrokerPro", "id": "localhost"}
    assert asked["user"]["name"] == alice.email
    assert asked["attestation"] == "none"
    selection = asked["authenticatorSelection"]
    assert (selection["userVerification"], selection["residentKey"]) == ("required", "required")
    assert [known["id"] for known in asked["excludeCredentials"]] == [
        encoded(passkey.credential_id)
    ]


def test_only_the_first_factor_brings_codes(client, alice, clock):
    set_up_app(client, NOW)

    assert ok(add_passkey(client, Authenticator()), 201)["recovery_codes"] == []
    assert RecoveryCode.objects.count() == 10


@pytest.mark.parametrize("bent", BENT)
def test_what_is_not_as_it_should_be_is_not_added(client, bent):
    answer = add_passkey(client, Authenticator(**BENT[bent]))

    assert_problem(answer, status=422, code="passkey_refused", field="credential")
    assert not Passkey.objects.exists()
    assert not ok(client.get("/api/auth/me/"))["second_factor"]


def test_a_passkey_is_added_once_by_anybody(client, passkey, bob):
    for other in (client, signed_in_client(bob)):
        answer = add_passkey(other, passkey)
        assert_problem(answer, status=409, code="passkey_exists", field="credential")

    assert Passkey.objects.count() == 1


def test_the_challenge_of_another_user_or_purpose_adds_nothing(client, bob, passkey):
    bobs = options(signed_in_client(bob), f"{FACTORS}passkeys/options/")
    own = options(client, f"{FACTORS}passkeys/options/")
    signing_in = options(client, f"{STEP_UP}passkey/options/")
    for challenge in (bobs["challenge"], signing_in["challenge"], encoded(b"made up" * 5)):
        credential = Authenticator().create({**own, "challenge": challenge})
        answer = client.post(f"{FACTORS}passkeys/", {"name": "x", "credential": credential})
        assert_problem(answer, status=422, code="passkey_refused", field="credential")


def test_a_challenge_is_answered_once_and_within_five_minutes(client, clock):
    asked = options(client, f"{FACTORS}passkeys/options/")
    body = {"name": "x", "credential": Authenticator().create(asked)}
    ok(client.post(f"{FACTORS}passkeys/", body), 201)
    again = {"name": "x", "credential": Authenticator().create(asked)}
    answer = client.post(f"{FACTORS}passkeys/", again)
    assert_problem(answer, status=422, code="passkey_refused", field="credential")

    asked = options(client, f"{FACTORS}passkeys/options/")
    clock.move_to(NOW + timedelta(minutes=4, seconds=59))
    late = {"name": "x", "credential": Authenticator().create(asked)}
    PasskeyChallenge.objects.update(expires_at=NOW + timedelta(minutes=4, seconds=59))
    answer = client.post(f"{FACTORS}passkeys/", late)
    assert_problem(answer, status=422, code="passkey_refused", field="credential")


def test_old_challenges_are_forgotten_and_few_may_wait(client, clock):
    for _ in range(30):
        options(client, f"{FACTORS}passkeys/options/")
    answer = client.post(f"{FACTORS}passkeys/options/")
    assert_problem(answer, status=429, code="too_many_challenges")
    assert int(answer["Retry-After"]) > 0

    clock.move_to(NOW + timedelta(minutes=5))
    ok(client.post(STEP_UP, {"password": "a horse, a staple"}))
    options(client, f"{FACTORS}passkeys/options/")
    assert PasskeyChallenge.objects.count() == 1


def test_an_address_that_asks_and_never_answers_keeps_no_other_from_signing_in(anonymous, alice):
    for _ in range(30):
        options(anonymous, f"{ALONE}options/", {})
    answer = anonymous.post(f"{ALONE}options/", {})
    assert_problem(answer, status=429, code="too_many_challenges")

    assert anonymous.post(f"{ALONE}options/", {}, REMOTE_ADDR="192.0.2.9").status_code == 200


def test_there_may_be_twenty(client, alice):
    for number in range(20):
        Passkey.objects.create(
            user=alice,
            name="x",
            credential_id=bytes([number]),
            public_key=b"",
            sign_count=0,
            created_at=NOW,
        )

    answer = client.post(f"{FACTORS}passkeys/options/")

    assert_problem(answer, status=409, code="too_many_passkeys")


def test_signing_in_takes_the_password_and_then_the_passkey(anonymous, alice, passkey):
    begun = begin_sign_in(anonymous, alice.email)
    assert begun["methods"] == ["passkey", "recovery_code"]

    tokens = ok(second_stage(anonymous, alice.email, passkey))

    assert tokens["user"]["id"] == str(alice.pk)
    row = Passkey.objects.get()
    assert (row.sign_count, row.last_used_at) == (1, NOW)


def test_a_passkey_alone_signs_its_owner_in(anonymous, alice, passkey):
    asked = options(anonymous, f"{ALONE}options/", {})
    assert asked["allowCredentials"] == []
    assert asked["userVerification"] == "required"

    tokens = ok(anonymous.post(ALONE, {"passkey": passkey.get(asked)}))

    assert tokens["user"]["id"] == str(alice.pk)
    assert ok(client_with(tokens["access_token"]).get(FACTORS))["stepped_up_until"] is not None


def test_the_passkey_of_somebody_deactivated_signs_nobody_in(anonymous, alice, passkey):
    type(alice).objects.update(is_active=False)

    assert_problem(alone(anonymous, passkey), status=422, code="wrong_factor", field="passkey")


def test_a_step_up_by_passkey(client, passkey, clock):
    clock.move_to(NOW + timedelta(minutes=6))

    ok(step_up(client, passkey))

    assert client.post(f"{FACTORS}recovery-codes/").status_code == 201


@pytest.mark.parametrize("bent", BENT)
def test_what_is_not_as_it_should_be_signs_nobody_in(anonymous, client, alice, passkey, bent):
    for name, value in BENT[bent].items():
        setattr(passkey, name, value)

    for answer in (
        second_stage(anonymous, alice.email, passkey),
        alone(anonymous, passkey),
        step_up(client, passkey),
    ):
        assert_problem(answer, status=422, code="wrong_factor", field="passkey")
    assert Passkey.objects.get().sign_count == 0


def test_a_key_that_is_not_the_passkeys_signs_nobody_in(anonymous, alice, passkey):
    passkey.key = Authenticator().key

    assert_problem(alone(anonymous, passkey), status=422, code="wrong_factor", field="passkey")


def test_the_passkey_of_another_user_is_none_of_mine(anonymous, client, alice, bob, passkey):
    bobs = set_up_passkey(signed_in_client(bob))

    for answer in (second_stage(anonymous, alice.email, bobs), step_up(client, bobs)):
        assert_problem(answer, status=422, code="wrong_factor", field="passkey")
    tokens = ok(alone(anonymous, bobs))
    assert tokens["user"]["id"] == str(bob.pk)


def test_an_answer_for_one_purpose_is_none_for_another(anonymous, client, alice, passkey):
    token = begin_sign_in(anonymous, alice.email)["factor_token"]
    for_sign_in = options(anonymous, f"{ALONE}options/", {"factor_token": token})
    for_step_up = options(client, f"{STEP_UP}passkey/options/")
    for_anybody = options(anonymous, f"{ALONE}options/", {})

    def refused(client, path, body, asked):
        answer = client.post(path, {**body, "passkey": passkey.get(asked)})
        assert_problem(answer, status=422, code="wrong_factor", field="passkey")

    refused(client, STEP_UP, {}, for_sign_in)
    refused(client, STEP_UP, {}, for_anybody)
    refused(anonymous, FACTOR, {"factor_token": token}, for_step_up)
    refused(anonymous, FACTOR, {"factor_token": token}, for_anybody)
    refused(anonymous, ALONE, {}, for_sign_in)


def test_a_replayed_answer_signs_nobody_in(anonymous, passkey):
    asked = options(anonymous, f"{ALONE}options/", {})
    body = {"passkey": passkey.get(asked)}
    ok(anonymous.post(ALONE, body))

    answer = anonymous.post(ALONE, body)

    assert_problem(answer, status=422, code="wrong_factor", field="passkey")


def test_a_clone_is_found_by_its_counter(anonymous, passkey):
    ok(alone(anonymous, passkey))
    ok(alone(anonymous, passkey))
    passkey.count = 0  # the clone was made before

    for _ in range(2):  # it says 1, then 2, and the owner was at 2
        answer = alone(anonymous, passkey)
        assert_problem(answer, status=422, code="wrong_factor", field="passkey")

    assert AuditEvent.objects.filter(event="passkey refused as a clone").count() == 2
    assert Passkey.objects.get().sign_count == 2
    ok(alone(anonymous, passkey))  # the owner goes on


def test_a_passkey_that_is_kept_on_several_devices_counts_nothing(anonymous, client):
    passkey = set_up_passkey(client, count=None)

    for _ in range(2):
        ok(alone(anonymous, passkey))


def test_wrong_answers_are_counted_and_only_both_factors_clear_them(anonymous, alice, passkey):
    key, passkey.key = passkey.key, Authenticator().key
    for _ in range(10):
        assert second_stage(anonymous, alice.email, passkey).status_code == 422

    passkey.key = key
    answer = anonymous.post(
        "/api/auth/login/", {"email": alice.email, "password": "a horse, a staple"}
    )
    assert_problem(answer, status=429, code="too_many_attempts")


def test_removing_is_for_the_owner_only_and_the_last_one_takes_the_codes(
    anonymous, client, bob, passkey
):
    set_up_passkey(signed_in_client(bob))
    own, bobs = Passkey.objects.order_by("created_at", "id")

    answer = client.delete(f"{FACTORS}passkeys/{bobs.pk}/")
    assert_problem(answer, status=404, code="not_found")
    assert client.delete(f"{FACTORS}passkeys/{own.pk}/").status_code == 204

    assert ok(client.get(FACTORS))["second_factor"] is False
    assert RecoveryCode.objects.filter(user=bob).count() == RecoveryCode.objects.count() == 10
    assert_problem(alone(anonymous, passkey), status=422, code="wrong_factor", field="passkey")


def test_while_one_factor_is_left_the_codes_stay(client, passkey):
    set_up_app(client, NOW)

    assert client.delete(f"{FACTORS}passkeys/{Passkey.objects.get().pk}/").status_code == 204

    shown = ok(client.get(FACTORS))
    assert (shown["second_factor"], shown["recovery_codes_left"]) == (True, 10)
    assert client.delete(f"{FACTORS}totp/").status_code == 204
    assert not RecoveryCode.objects.exists()


def test_in_production_only_pages_of_its_own_may_use_passkeys(client, settings):
    settings.DEBUG = False
    settings.PUBLIC_URL, settings.WEBAUTHN_RP_ID = "https://desk.broker.example", "broker.example"
    settings.CORS_ALLOWED_ORIGINS = ["https://app.broker.example"]

    def added(origin):
        made = Authenticator(origin=origin, rp_id="broker.example")
        return add_passkey(client, made).status_code

    assert added("https://desk.broker.example") == 201
    assert added("https://app.broker.example") == 201
    for origin in ("http://localhost:8000", "https://evil.broker.example", "null", ""):
        assert added(origin) == 422


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=8,
)


def _changed(document, path, value):
    changed = json.loads(json.dumps(document))
    where = changed
    for name in path[:-1]:
        where = where[name]
    where[path[-1]] = value
    return changed


PATHS = [
    ("id",),
    ("rawId",),
    ("type",),
    ("response",),
    ("response", "clientDataJSON"),
    ("response", "authenticatorData"),
    ("response", "signature"),
    ("response", "userHandle"),
    ("response", "attestationObject"),
    ("response", "transports"),
    ("authenticatorAttachment",),
]


@hypothesis_settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    path=st.sampled_from(PATHS),
    value=json_values | st.binary(max_size=80).map(lambda raw: base64.b64encode(raw).decode()),
)
def test_whatever_comes_as_a_passkey_is_refused_or_right(client, path, value):
    """What anybody may write is never an error of the server."""
    PasskeyChallenge.objects.all().delete()
    Passkey.objects.all().delete()
    asked = options(client, f"{FACTORS}passkeys/options/")
    credential = _changed(Authenticator().create(asked), path, value)
    answer = client.post(
        f"{FACTORS}passkeys/",
        data=json.dumps({"name": "x", "credential": credential}),
        content_type="application/json",
    )
    assert answer.status_code in (201, 400, 409, 422)
    anybody = APIClient()
    asked = options(anybody, f"{ALONE}options/", {})
    credential = _changed(Authenticator().get(asked), path, value)
    answer = anybody.post(
        ALONE, data=json.dumps({"passkey": credential}), content_type="application/json"
    )
    assert answer.status_code in (400, 422)


def test_a_credential_that_is_too_long_is_refused(client):
    body = {"name": "x", "credential": {"id": "x" * 20_000}}

    answer = client.post(f"{FACTORS}passkeys/", body)

    assert_problem(answer, status=400, code="invalid", field="credential")


@pytest.mark.django_db(transaction=True)
def test_of_parallel_uses_of_one_answer_exactly_one_signs_in(settings):
    settings.DEBUG = True
    passkey = set_up_passkey(signed_in_client(UserFactory.create()))
    asked = options(APIClient(), f"{ALONE}options/", {})
    body = {"passkey": passkey.get(asked)}

    answers = at_once([partial(sign_in_alone, body)] * 8)

    assert sorted(answers) == [200] + [422] * 7


@pytest.mark.django_db(transaction=True)
def test_of_parallel_answers_with_one_count_exactly_one_signs_in(settings):
    """The owner and a clone, at the same moment, with two challenges."""
    settings.DEBUG = True
    passkey = set_up_passkey(signed_in_client(UserFactory.create()))
    bodies = []
    for _ in range(6):
        passkey.count = 0
        bodies.append({"passkey": passkey.get(options(APIClient(), f"{ALONE}options/", {}))})

    answers = at_once([partial(sign_in_alone, body) for body in bodies])

    assert sorted(answers) == [200] + [422] * 5
