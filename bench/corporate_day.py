"""python -m bench.corporate_day: a look at the day's corporate actions when none is due.

Prints the CPU-milliseconds of this process and of the database, on the database of DATABASE_URL.
The first look of the day, which announces what comes, is not counted.
"""

import os
import sys

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "be.settings")
django.setup()  # first: what follows imports models

from django.utils import timezone  # noqa: E402

from bench.cost import compare  # noqa: E402
from bench.trading import backends  # noqa: E402
from exchange.corporate import processing  # noqa: E402


def main() -> None:
    now = timezone.now()

    def look() -> int:
        if processing.run(now=now):
            raise RuntimeError("something was due")
        return 1

    look()  # it leaves a connection open, whose backend is measured
    (looks,) = compare([look], backends=backends())
    here, together = 1000 / looks.here, 1000 / looks.together
    sys.stdout.write(f"{here} {together - here}\n")


if __name__ == "__main__":
    main()
