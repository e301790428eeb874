"""Ids in paths, filters and bodies."""

from uuid import UUID

NOBODY = UUID(int=0)


def parse(text: str) -> UUID:
    """The id that `text` spells. A malformed one is the nil UUID, which no row has.

    So it is answered exactly like the id of something missing, or of somebody else's.
    """
    try:
        return UUID(text)
    except ValueError:
        return NOBODY
