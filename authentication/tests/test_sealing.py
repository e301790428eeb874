"""Sealed values open for their purpose and row only, and by any key of the ring."""

import base64
from uuid import UUID

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from authentication import factors, sealing, totp
from authentication.models import AuthenticatorApp
from be.kernel.encryption import Unreadable

ROW, OTHER_ROW = UUID(int=1), UUID(int=2)
OLD = base64.urlsafe_b64encode(b"o" * 32).decode()
NEW = base64.urlsafe_b64encode(b"n" * 32).decode()


def test_a_value_opens_for_its_purpose_and_row_only():
    sealed = sealing.seal("JBSWY3DP", purpose=b"one", row_id=ROW)

    assert b"JBSWY3DP" not in sealed
    assert sealing.unseal(sealed, purpose=b"one", row_id=ROW) == "JBSWY3DP"
    for purpose, row_id in [(b"two", ROW), (b"one", OTHER_ROW)]:
        with pytest.raises(Unreadable):
            sealing.unseal(sealed, purpose=purpose, row_id=row_id)


def test_an_old_value_opens_until_its_key_is_gone(settings):
    settings.IDENTITY_ENCRYPTION_KEY = OLD
    sealed = sealing.seal("JBSWY3DP", purpose=b"one", row_id=ROW)

    settings.IDENTITY_ENCRYPTION_KEY = f"{NEW},{OLD}"
    assert sealing.unseal(sealed, purpose=b"one", row_id=ROW) == "JBSWY3DP"

    settings.IDENTITY_ENCRYPTION_KEY = NEW
    with pytest.raises(Unreadable):
        sealing.unseal(sealed, purpose=b"one", row_id=ROW)


def secret_of(app: AuthenticatorApp) -> str:
    app.refresh_from_db()
    return sealing.unseal(bytes(app.secret_encrypted), purpose=totp.PURPOSE, row_id=app.pk)


def test_rotation_makes_the_old_key_superfluous(alice, settings, capsys):
    settings.IDENTITY_ENCRYPTION_KEY = OLD
    secret = factors.begin_app(user=alice, now=timezone.now())
    app = AuthenticatorApp.objects.get()

    settings.IDENTITY_ENCRYPTION_KEY = f"{NEW},{OLD}"
    call_command("rotate_identity_key")
    call_command("rotate_identity_key")

    assert capsys.readouterr().out.split()[::4] == ["1", "0"]
    settings.IDENTITY_ENCRYPTION_KEY = NEW
    assert secret_of(app) == secret


def test_what_no_key_opens_is_named(alice, settings):
    settings.IDENTITY_ENCRYPTION_KEY = OLD
    factors.begin_app(user=alice, now=timezone.now())
    app = AuthenticatorApp.objects.get()

    settings.IDENTITY_ENCRYPTION_KEY = NEW
    with pytest.raises(CommandError, match=str(app.pk)):
        call_command("rotate_identity_key")


def test_a_value_that_is_changed_meanwhile_is_left_alone(alice, settings):
    settings.IDENTITY_ENCRYPTION_KEY = OLD
    factors.begin_app(user=alice, now=timezone.now())
    stale = AuthenticatorApp.objects.get()
    settings.IDENTITY_ENCRYPTION_KEY = f"{NEW},{OLD}"
    AuthenticatorApp.objects.update(secret_encrypted=b"another one")

    assert not sealing.reseal(stale, "secret_encrypted", purpose=totp.PURPOSE)

    assert bytes(AuthenticatorApp.objects.get().secret_encrypted) == b"another one"
