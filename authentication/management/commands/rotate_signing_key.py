"""manage.py rotate_signing_key: a new key for tokens, without a request that fails."""

from argparse import ArgumentParser
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.core.management.base import CommandError
from django.utils import timezone

from authentication import audit, signing
from authentication.rules import signing_keys
from be.configuration import key_files
from be.database import transactions
from be.database.base_commands import PlainCommand

SECONDS_TO_WAIT = 600
# Every server has looked at the file by then.
LEAST_SECONDS = int(3 * signing.LOOK_SECONDS)


class Command(PlainCommand):
    """Put a new key into the JWK set of JWT_SIGNING_KEYS; see docs/keys.md.

    In a file it is found by running servers, which verify with it at once, and sign with it after
    `--after` seconds. Keys whose last token has ended are left out.
    """

    help = (
        "Makes a new key that signs tokens. With JWT_SIGNING_KEYS in a file, running servers take "
        "it by themselves; otherwise the new value of the setting is printed."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--file", help="the file with the JWK set, made if missing; default: JWT_SIGNING_KEYS"
        )
        parser.add_argument(
            "--algorithm", choices=signing_keys.ALGORITHMS, default=settings.JWT_ALGORITHM
        )
        parser.add_argument(
            "--after",
            type=int,
            default=SECONDS_TO_WAIT,
            metavar="SECONDS",
            help="from when it signs; every server must know it by then (default: %(default)s)",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if options["after"] < LEAST_SECONDS:
            raise CommandError(
                f"--after {options['after']} is too soon: a server may look at the file only every "
                f"{signing.LOOK_SECONDS:g} seconds. Write {LEAST_SECONDS} or more."
            )
        given = settings.JWT_SIGNING_KEYS
        path = options["file"] or ("" if key_files.is_inline(given) else given)
        now = timezone.now()
        signs_from = now + timedelta(seconds=options["after"])
        try:
            text = signing_keys.rotated(
                key_files.text_in(path) if path else given,
                algorithm=options["algorithm"],
                now=now,
                signs_from=signs_from,
                lifetime=settings.REFRESH_TOKEN_LIFETIME,
            )
            if given:
                _record(text, path, now)
            elif path:
                key_files.write(path, text)
        except (OSError, signing_keys.InvalidSigningKeys) as error:
            raise CommandError(f"The keys could not be rotated: {error}.") from error
        if path:
            self._say_of_file(path, signs_from)
        else:
            self.stdout.write(signing_keys.one_line(text))
            self._say_of_setting(options["algorithm"], signs_from)

    def _say_of_file(self, path: str, signs_from: datetime) -> None:
        self.stdout.write(
            f"{path} has a new key. It verifies tokens now, and signs them from "
            f"{signs_from:%Y-%m-%d %H:%M:%S} UTC. Servers with this file take it by themselves; "
            "copy it to all others before that time."
        )
        if path != settings.JWT_SIGNING_KEYS:
            self.stdout.write(f"Set JWT_SIGNING_KEYS={path} for every server before that time.")

    def _say_of_setting(self, algorithm: str, signs_from: datetime) -> None:
        """To the standard error, so that the standard output is the secret and nothing else."""
        self.stderr.write(
            "This is the new JWT_SIGNING_KEYS. It is secret. Set it"
            f"{'' if algorithm == settings.JWT_ALGORITHM else f', and JWT_ALGORITHM={algorithm},'} "
            "and restart the servers one after the other, the last one before "
            f"{signs_from:%Y-%m-%d %H:%M:%S} UTC, when its new key begins to sign (--after)."
        )


@transactions.atomic
def _record(text: str, path: str, now: datetime) -> None:
    """Write the file, if there is one, and in the audit log that the keys were rotated."""
    newest = signing_keys.parse(text)[0]
    audit.record(
        "signing key rotated",
        actor=None,
        subject=None,
        at=now,
        kid=newest.id,
        algorithm=newest.algorithm,
        signs_from=newest.signs_from,
    )
    if path:
        key_files.write(path, text)
