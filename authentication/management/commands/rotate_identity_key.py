"""manage.py rotate_identity_key: what identifies people under the newest key."""

from functools import partial
from typing import Any

from django.core.management.base import CommandError
from django.db.models import Model

from authentication import identity, sealing, totp
from authentication.models import AuthenticatorApp, IdentityApplication, IdentityDocument
from be.database import reencryption
from be.database.base_commands import DatabaseCommand

# Every column that is sealed, and for what. A test compares it with the columns of all tables.
SEALED: tuple[tuple[type[Model], str, bytes], ...] = (
    (AuthenticatorApp, "secret_encrypted", totp.PURPOSE),
    (IdentityApplication, "tax_id_encrypted", identity.TAX_ID),
    (IdentityDocument, "content_encrypted", identity.DOCUMENT),
)


class Command(DatabaseCommand):
    """Bring all that is sealed under the first key of IDENTITY_ENCRYPTION_KEY.

    Run it after a new key was put first and all servers have it; then the old keys can be dropped.
    It works in batches while the servers run, and says how far it is. Stopped or killed, it goes on
    with the rows that are left when it is run again.
    """

    help = (
        "Re-encrypts the secrets of authenticator apps, tax ids and documents under the first key "
        "of IDENTITY_ENCRYPTION_KEY. Afterwards the other keys can be removed."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        ring = sealing.key_ring()
        rotated, unreadable = 0, list[str]()
        for model, column, purpose in SEALED:
            result = reencryption.run(
                model._default_manager.all(),
                column=column,
                ring=ring,
                reencrypt=partial(sealing.reseal, column=column, purpose=purpose),
                progress=partial(self._tell, model),
            )
            rotated += result.rows
            unreadable += map(str, result.unreadable)
        self.stdout.write(f"{rotated} values were re-encrypted.")
        if unreadable:
            raise CommandError(
                "No key of the ring opens these rows; keep the old keys and add the one that is "
                f"missing: {', '.join(unreadable)}"
            )

    def _tell(self, model: type[Model], done: int) -> None:
        self.stdout.write(f"{model._meta.verbose_name_plural}: {done}")
