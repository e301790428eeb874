"""Access grants: who acts, by which session or API key, with which scopes and until when."""

import uuid
from dataclasses import dataclass
from datetime import datetime

from authentication.models import User
from authentication.rules.scopes import EVERY_SCOPE, Scope
from be.kernel.refusals import Refusal


@dataclass(frozen=True, kw_only=True)
class AccessGrant:
    """The right to act as `user`, as long as the session or API key is live.

    One of `session_id` and `api_key_id` is set. A session has every scope. `expires_at` is when the
    access token or the key ends; None for a key without an end.
    """

    user: User
    session_id: uuid.UUID | None = None
    api_key_id: uuid.UUID | None = None
    scopes: frozenset[Scope] = EVERY_SCOPE
    expires_at: datetime | None


class InsufficientScope(Refusal):
    """The API key is valid, and lacks the scope that this request needs."""

    code = "insufficient_scope"
    status = 403
    title = "The API key may not do this"

    def __init__(self, needed: Scope) -> None:
        super().__init__(
            f"This API key has not the scope {needed}; make one that has it, and use that."
        )
        self.auth_header = f'Bearer error="insufficient_scope", scope="{needed}"'


class SessionRequired(Refusal):
    """Only a person who has signed in may do this, and no API key."""

    code = "session_required"
    status = 403
    title = "This needs a session"

    def __init__(self) -> None:
        super().__init__("No API key may do this; sign in, and use the access token.")
