"""manage.py runserver: Daphne's, which ends with an error when its port is taken.

Daphne's own command goes on without serving anything then, or ends without an error.
"""

import os
from typing import Any

from daphne.management.commands.runserver import Command as DaphneRunserver
from django.utils.autoreload import DJANGO_AUTORELOAD_ENV

from be.management.ports import require_free_port


class Command(DaphneRunserver):  # type: ignore[misc]  # it has no types
    help = "Run the server, and start it anew whenever code changes."

    def run(self, **options: Any) -> None:
        # The reloader starts this command again after each change; the port was checked at first.
        if os.environ.get(DJANGO_AUTORELOAD_ENV) != "true":
            require_free_port(self.addr, int(self.port))
        super().run(**options)
