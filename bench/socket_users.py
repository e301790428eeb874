"""python -m bench.socket_users FILE USERS: a seeded market, and users for its sockets.

Writes JSON to FILE: the quotes of a first round, and an access token for each user.
"""

import json
import os
import sys
from pathlib import Path
from uuid import uuid4

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "be.settings")
django.setup()  # first: what follows imports models

from django.core.management import call_command  # noqa: E402
from django.utils import timezone  # noqa: E402

from authentication import sessions  # noqa: E402
from authentication.models import User  # noqa: E402
from exchange.market import quotes  # noqa: E402
from exchange.seeding import seeding  # noqa: E402


def main(path: str, users: str) -> None:
    call_command("migrate", verbosity=0)
    now = timezone.now()
    seeding.seed(now=now, seed=1, days=2, fine_days=0, people=False, progress=seeding.NoProgress())
    created = User.objects.bulk_create(
        User(email=f"{uuid4().hex}@example.com") for _ in range(int(users))
    )
    tokens = [
        sessions.open_session(user=user, user_agent="", ip_address=None, now=now).access_token
        for user in created
    ]
    documents = [quotes.document(quote) for quote in quotes.current()]
    Path(path).write_text(json.dumps({"quotes": documents, "tokens": tokens}))


if __name__ == "__main__":
    main(*sys.argv[1:])
