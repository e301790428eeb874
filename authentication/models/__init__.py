"""The tables of users, their factors and sessions, and of the audit log; no rule in `save`."""

from authentication.models.audit import AuditEvent, AuditLink, UnlinkedAuditEvent
from authentication.models.users import (
    AuthenticatorApp,
    LoginAttempt,
    Passkey,
    PasskeyChallenge,
    RecoveryCode,
    Session,
    User,
    UserManager,
    new_id,
)

__all__ = [
    "AuditEvent",
    "AuditLink",
    "AuthenticatorApp",
    "LoginAttempt",
    "Passkey",
    "PasskeyChallenge",
    "RecoveryCode",
    "Session",
    "UnlinkedAuditEvent",
    "User",
    "UserManager",
    "new_id",
]
