"""Sealed values open for their purpose and row only, and by any key of the ring."""

import base64
from uuid import UUID

import pytest
from django.apps import apps
from django.core.management import CommandError, call_command
from django.db.models import BinaryField
from django.utils import timezone

from authentication import factors, identity, sealing, totp
from authentication.management.commands.rotate_identity_key import SEALED
from authentication.models import AuthenticatorApp, IdentityApplication
from authentication.tests import test_identity
from authentication.tests.api_client import signed_in_client
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

    assert capsys.readouterr().out.splitlines() == [
        "authenticator apps: 1",
        "1 values were re-encrypted.",
        "0 values were re-encrypted.",
    ]
    settings.IDENTITY_ENCRYPTION_KEY = NEW
    assert secret_of(app) == secret


def test_tax_ids_and_documents_rotate_too(alice, settings):
    settings.IDENTITY_ENCRYPTION_KEY = OLD
    client = signed_in_client(alice)
    test_identity.apply(client, "900-00-0001")
    assert test_identity.send(client).status_code == 201

    settings.IDENTITY_ENCRYPTION_KEY = f"{NEW},{OLD}"
    call_command("rotate_identity_key")

    settings.IDENTITY_ENCRYPTION_KEY = NEW
    application = IdentityApplication.objects.get()
    sealed = bytes(application.tax_id_encrypted)
    tax_id = sealing.unseal(sealed, purpose=identity.TAX_ID, row_id=application.pk)
    assert tax_id.replace("-", "") == "900000001"
    assert identity.content_of(application.documents.get()) == test_identity.PNG


def test_every_sealed_column_is_rotated():
    sealed = {
        (model, field.name)
        for model in apps.get_app_config("authentication").get_models()
        for field in model._meta.get_fields()
        if isinstance(field, BinaryField) and field.name.endswith("_encrypted")
    }
    assert sealed == {(model, column) for model, column, _ in SEALED}


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
