"""What must be right before the server starts."""

from typing import Any

from django.core.checks import CheckMessage, Error

from banking import bank_accounts, encryption


def encryption_key(**_: Any) -> list[CheckMessage]:
    """A key ring that can't be read would be found out by the first customer otherwise."""
    try:
        bank_accounts.key_ring()
    except encryption.InvalidKeyRing as error:
        return [
            Error(
                f"BANKING_ENCRYPTION_KEY can't be used: {error}",
                hint="See .env.example for how to make one.",
                id="banking.E001",
            )
        ]
    return []
