"""Authentication of WebSockets: by a token at first, then by session at intervals."""

import uuid

from channels.db import database_sync_to_async
from django.utils import timezone

from authentication import sessions
from authentication.sessions import AccessGrant


async def authenticate(token: str) -> AccessGrant:
    """The user and session of an access token. Raises InvalidToken.

    The grant ends at `expires_at`, or earlier with its session: check `is_live` at intervals.
    """
    grant: AccessGrant = await database_sync_to_async(sessions.authenticate_access)(
        token, timezone.now()
    )
    return grant


async def is_live(session_id: uuid.UUID) -> bool:
    """Whether a socket of this session may stay open."""
    live: bool = await database_sync_to_async(sessions.is_live)(
        session_id=session_id, now=timezone.now()
    )
    return live
