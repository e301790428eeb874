"""Recovery codes: 80 random bits as 16 letters and digits, so long that nobody guesses them.

That is why a plain hash of them may be stored: all codes that there are can't be tried.
"""

import base64
import hashlib
import re
from uuid import UUID

COUNT = 10
RANDOM_BYTES = 10
_SPELLED = re.compile(r"[a-z2-7]{16}", re.ASCII)
_GROUP = 4


def code_of(random: bytes) -> str:
    """A code of RANDOM_BYTES random bytes: `k7pd-ma2f-xq5w-h3ze`."""
    letters = base64.b32encode(random).decode().lower()
    return "-".join(letters[at : at + _GROUP] for at in range(0, len(letters), _GROUP))


def parse(text: str) -> str | None:
    """The letters of a code, however it was typed; None if it can't be a code."""
    letters = re.sub(r"[\s-]", "", text).lower()
    return letters if _SPELLED.fullmatch(letters) else None


def digest(letters: str, *, user_id: UUID) -> str:
    """What is stored of a code, from the letters that `parse` has found; in hex."""
    return hashlib.sha256(user_id.bytes + letters.encode()).hexdigest()
