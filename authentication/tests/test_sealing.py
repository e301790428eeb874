"""Sealed values open for their purpose and row only, and by any key of the ring."""

import base64
from uuid import UUID

import pytest

from authentication import sealing
from be.kernel.encryption import Unreadable

ROW, OTHER_ROW = UUID(int=1), UUID(int=2)
OLD = base64.urlsafe_b64encode(b"o" * 32).decode()
NEW = base64.urlsafe_b64encode(b"n" * 32).decode()


def test_a_value_opens_for_its_purpose_and_row_only():
    sealed = sealing.seal("JBSWY3DP", purpose=b"one", row_id=ROW)

    assert b"JBSWY3DP" not in sealed
    assert sealing.unseal(sealed, purpose=b"one", row_id=ROW) == "JBSWY3DP"
    for purpose, row_id in [(b"two", ROW), (b"one", OTHER_ROW)]:
        with pytest.raises(Unreadable):
            sealing.unseal(sealed, purpose=purpose, row_id=row_id)


def test_an_old_value_opens_until_its_key_is_gone(settings):
    settings.IDENTITY_ENCRYPTION_KEY = OLD
    sealed = sealing.seal("JBSWY3DP", purpose=b"one", row_id=ROW)

    settings.IDENTITY_ENCRYPTION_KEY = f"{NEW},{OLD}"
    assert sealing.unseal(sealed, purpose=b"one", row_id=ROW) == "JBSWY3DP"
    assert not sealing.is_current(sealed)

    settings.IDENTITY_ENCRYPTION_KEY = NEW
    with pytest.raises(Unreadable):
        sealing.unseal(sealed, purpose=b"one", row_id=ROW)
