"""Removing the factors of somebody who has lost them: by staff with the right to do it."""

import pytest
from django.contrib.auth.models import Permission
from django.utils import timezone

from authentication import factor_reset
from authentication.factor_reset import MayNotReset
from authentication.models import AuthenticatorApp, RecoveryCode, User
from authentication.tests.api_client import signed_in, signed_in_client
from authentication.tests.factories import PASSWORD, UserFactory
from authentication.tests.second_factors import LOGIN, ok, set_up_app


def staff(*permissions: str) -> User:
    member = UserFactory.create(is_staff=True)
    member.user_permissions.set(Permission.objects.filter(codename__in=permissions))
    return member


@pytest.fixture
def lost(alice):
    """Alice, who has a factor and does not have it any more."""
    set_up_app(signed_in_client(alice), timezone.now())
    alice.refresh_from_db()
    return alice


def test_staff_with_the_right_remove_every_factor_and_end_the_sessions(anonymous, lost):
    signed_in(lost)

    assert factor_reset.reset(actor=staff("reset_factors"), subject=lost, now=timezone.now())

    assert not AuthenticatorApp.objects.exists()
    assert not RecoveryCode.objects.exists()
    assert {session.end_reason for session in lost.sessions.all()} == {"factors_reset"}
    tokens = ok(anonymous.post(LOGIN, {"email": lost.email, "password": PASSWORD}))
    assert tokens["user"]["second_factor"] is False


def test_of_somebody_without_factors_nothing_is_removed(alice):
    signed_in(alice)

    assert not factor_reset.reset(actor=staff("reset_factors"), subject=alice, now=timezone.now())

    assert not alice.sessions.exclude(ended_at=None).exists()


def assert_refused(actor, subject):
    with pytest.raises(MayNotReset):
        factor_reset.reset(actor=actor, subject=subject, now=timezone.now())
    assert AuthenticatorApp.objects.filter(user=subject).exists()
    subject.refresh_from_db()
    assert subject.has_second_factor


def test_without_the_right_nobody_does(lost, bob):
    assert_refused(staff("change_user"), lost)
    assert_refused(bob, lost)


def test_nobody_does_it_to_who_has_more_rights(lost):
    actor = staff("reset_factors")
    for more in ({"is_superuser": True}, {"is_staff": True}):
        User.objects.filter(pk=lost.pk).update(is_superuser=False, is_staff=False)
        User.objects.filter(pk=lost.pk).update(**more)
        lost.user_permissions.set(Permission.objects.filter(codename="change_user"))
        lost.refresh_from_db()
        assert_refused(actor, lost)


@pytest.mark.django_db
def test_nobody_does_it_to_themselves():
    root = UserFactory.create(is_staff=True, is_superuser=True)
    set_up_app(signed_in_client(root), timezone.now())
    root.refresh_from_db()

    assert_refused(root, root)
