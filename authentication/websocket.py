"""Authentication of WebSockets: by an access token or API key at first, then at intervals."""

from channels.db import database_sync_to_async
from django.utils import timezone

from authentication import access
from authentication.grants import AccessGrant
from authentication.last_uses import last_uses
from authentication.rules.scopes import Scope


async def authenticate(credential: str, *, address: str) -> AccessGrant:
    """The grant of an access token or API key, which may read.

    `address` is the client's; "" for none. Raises InvalidToken and InsufficientScope. The grant
    ends at `expires_at`, or earlier with its session or key: the hub asks at intervals.
    """
    grant: AccessGrant = await database_sync_to_async(_authenticate)(credential, address)
    return grant


def _authenticate(credential: str, address: str) -> AccessGrant:
    grant = access.authenticate(credential, address=address, now=timezone.now())
    access.require_scope(grant, Scope.READ)
    if last_uses.are_waiting():
        last_uses.write()
    return grant
