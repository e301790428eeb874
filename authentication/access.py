"""Access by any credential: the access token of a session, or an API key.

The two differ in their first letters. Whatever asks here treats both alike; what an API key may do
is in `authentication.rules.scopes`.
"""

from datetime import datetime

from authentication import api_keys, sessions
from authentication.grants import AccessGrant, InsufficientScope, SessionRequired
from authentication.rules import api_key, scopes
from authentication.rules.scopes import Scope


def authenticate(credential: str, *, address: str, now: datetime) -> AccessGrant:
    """The grant of a credential, by one query. Raises InvalidToken.

    `address` is the client's, as the connection or a trusted proxy tells it; "" for none.
    """
    if credential.startswith(api_key.PREFIX):
        return api_keys.authenticate(credential, address=address, now=now)
    return sessions.authenticate_access(credential, now)


def authenticate_reader(credential: str, *, address: str, now: datetime) -> AccessGrant:
    """As `authenticate`, for what is the same for everybody: a check of the last second is enough.

    Raises InvalidToken.
    """
    if credential.startswith(api_key.PREFIX):
        return api_keys.authenticate_reader(credential, address=address, now=now)
    return sessions.authenticate_reader(credential, now)


def may_read_just_now(credential: str, *, address: str, now: datetime) -> bool:
    """Whether this process found the credential live in the last second, and it may read.

    For what is the same for everybody, without a query. Raises InvalidToken.
    """
    if credential.startswith(api_key.PREFIX):
        return api_keys.may_read_just_now(credential, address=address, now=now)
    return sessions.was_live_just_now(credential, now)


def require(grant: AccessGrant, *, method: str, path: str) -> None:
    """Refuse a request that an API key may not make: SessionRequired, InsufficientScope."""
    if grant.api_key_id is not None:
        needed = scopes.needed(method, path)
        if needed is None:
            raise SessionRequired
        require_scope(grant, needed)


def require_scope(grant: AccessGrant, scope: Scope) -> None:
    """Raise InsufficientScope if the grant has not this scope."""
    if scope not in grant.scopes:
        raise InsufficientScope(scope)
