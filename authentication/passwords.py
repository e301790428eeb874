"""Passwords: validation and hashing. To verify one costs the same for users who do not exist."""

import os
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

from django.contrib.auth import hashers, password_validation
from django.core.exceptions import ValidationError

from authentication.models import User
from be.kernel.refusals import Invalid

# Argon2 takes 100 MiB and several cores for each password. A burst of sign-ins waits here, so that
# other requests keep memory; and what hashes runs at low priority, so that they keep the cores.
HASHES_AT_ONCE = 2
NICENESS = 15


def _give_way() -> None:
    """Lower the priority of this thread, and so of those that Argon2 starts, where it has one."""
    if sys.platform == "linux":  # elsewhere only a whole process has a priority
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICENESS)


_hashing = ThreadPoolExecutor(HASHES_AT_ONCE, "hashing", initializer=_give_way)


class UnacceptablePassword(Invalid):
    """The password breaks one of AUTH_PASSWORD_VALIDATORS; `detail` says which and how."""

    code = "unacceptable_password"
    title = "Choose another password"


def check_acceptable(password: str, *, user: User, field: str) -> None:
    """Raise UnacceptablePassword, naming `field`, unless `user` may have this password."""
    try:
        password_validation.validate_password(password, user)
    except ValidationError as error:
        raise UnacceptablePassword(" ".join(error.messages), field=field) from error


def hashed(password: str) -> str:
    """The encoded hash that is stored."""
    return _hashing.submit(hashers.make_password, password).result()


def verify(password: str, encoded: str | None) -> tuple[bool, bool]:
    """Whether `password` matches `encoded`, and whether `encoded` should be hashed anew.

    `encoded` is None for a user who does not exist; that costs a hash too.
    """
    stored = encoded or hashers.UNUSABLE_PASSWORD_PREFIX
    return _hashing.submit(hashers.verify_password, password, stored).result()
