"""Authentication for sockets: once with a token, then again and again by session."""

import uuid

from channels.db import database_sync_to_async
from django.utils import timezone

from authentication import sessions
from authentication.sessions import AccessGrant


async def authenticate(token: str) -> AccessGrant:
    """Whom an access token stands for. Raises InvalidToken.

    The grant ends at `expires_at`, or earlier with its session: ask `is_live` from time to time.
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
