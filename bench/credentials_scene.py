"""python -m bench.credentials_scene FOLDER: customers who sign in, one of them by all credentials.

It migrates the database at hand, and writes the files `token` and `key`, what one customer sends as
an access token and as an API key.
"""

import os
import sys
from datetime import timedelta
from pathlib import Path

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "be.settings")
django.setup()  # first: what follows imports models

from django.core.management import call_command  # noqa: E402
from django.utils import timezone  # noqa: E402

from authentication import api_keys, passwords, sessions  # noqa: E402
from authentication.models import User  # noqa: E402
from authentication.rules.scopes import EVERY_SCOPE  # noqa: E402
from bench.sign_ins import PASSWORD, email  # noqa: E402
from exchange.seeding import seeding  # noqa: E402

CUSTOMERS = 200


def main(folder: str) -> None:
    call_command("migrate", verbosity=0)
    now = timezone.now()
    seeding.seed(now=now, seed=1, days=2, fine_days=0, people=False, progress=seeding.NoProgress())
    # One hash for all: making 200 would take longer than the measurement.
    hashed = passwords.hashed(PASSWORD)
    users = [User(email=email(number), password=hashed) for number in range(CUSTOMERS)]
    User.objects.bulk_create(users)
    tokens = sessions.open_session(user=users[0], user_agent="", ip_address=None, now=now)
    made = api_keys.make(
        user=users[0],
        name="bench",
        scopes=EVERY_SCOPE,
        addresses=["127.0.0.0/8"],
        expires_at=now + timedelta(days=1),
        now=now,
    )
    Path(folder, "token").write_text(tokens.access_token)
    Path(folder, "key").write_text(f"{made.key.key_id}.{made.secret}")


if __name__ == "__main__":
    main(*sys.argv[1:])
