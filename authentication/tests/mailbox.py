"""What people find in their mail, in tests that send nothing."""

import re
from typing import Any

from django.core import mail
from django.utils import timezone

from authentication import mailing


def read_mails(address: str) -> list[Any]:
    """Send what is due; all mails that this address has got so far, the oldest first."""
    mailing.send_due(timezone.now)
    return [message for message in mail.outbox if message.to == [address]]


def token_in(message: Any) -> str:
    """What follows the # of the link in a mail."""
    found = re.search(r"^http\S+#(\S+)$", message.body, re.MULTILINE)
    assert found is not None, message.body
    return found[1]


def token_for(address: str) -> str:
    """The token of the newest mail."""
    return token_in(read_mails(address)[-1])
