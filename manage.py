#!/usr/bin/env python
"""Django's command-line entry point."""

import os
import sys

INTERRUPTED = 130  # what a shell reports of a program that Ctrl+C ended


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "be.settings")
    from django.core.management import execute_from_command_line

    try:
        execute_from_command_line(sys.argv)
    except KeyboardInterrupt:
        # What was begun is undone: commands write in transactions, and can be started again.
        print("\nStopped.", file=sys.stderr)  # noqa: T201
        sys.exit(INTERRUPTED)


if __name__ == "__main__":
    main()
