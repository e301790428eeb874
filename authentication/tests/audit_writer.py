"""A process that writes events: `python -m authentication.tests.audit_writer NAME COUNT`.

It begins when its standard input is closed, so that several begin at the same moment.
"""

import sys
from datetime import UTC, datetime

import django

django.setup()

from authentication import audit  # noqa: E402 - Django first

name, count = sys.argv[1], int(sys.argv[2])
print("ready", flush=True)  # noqa: T201
sys.stdin.read()
for number in range(count):
    audit.record(f"{name}-{number}", actor=None, subject=None, at=datetime.now(UTC))
