"""manage.py rotate_identity_key: what identifies people under the newest key."""

from typing import Any

from django.core.management.base import CommandError
from django.db.models import Model

from authentication import sealing, totp
from authentication.models import AuthenticatorApp
from be.database.base_commands import DatabaseCommand
from be.kernel import encryption

# Every column that is sealed, and for what.
SEALED: tuple[tuple[type[Model], str, bytes], ...] = (
    (AuthenticatorApp, "secret_encrypted", totp.PURPOSE),
)


class Command(DatabaseCommand):
    """Bring all that is sealed under the first key of IDENTITY_ENCRYPTION_KEY.

    Run it after a new key was put first and all servers have it; then the old keys can be dropped.
    It may be stopped and run again, also while the servers run.
    """

    help = (
        "Re-encrypts the secrets of authenticator apps under the first key of "
        "IDENTITY_ENCRYPTION_KEY. Afterwards the other keys can be removed."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        rotated, unreadable = 0, []
        for model, column, purpose in SEALED:
            for row in model._default_manager.order_by("pk").iterator():
                try:
                    rotated += sealing.reseal(row, column, purpose=purpose)
                except encryption.Unreadable:
                    unreadable.append(str(row.pk))
        self.stdout.write(f"{rotated} values were re-encrypted.")
        if unreadable:
            raise CommandError(
                "No key of the ring opens these rows; keep the old keys and add the one that is "
                f"missing: {', '.join(unreadable)}"
            )
