"""The tables of users, their credentials and sessions, and of the audit log; no rule in `save`."""

from authentication.models.audit import AuditEvent, AuditLink, UnlinkedAuditEvent
from authentication.models.users import (
    ApiKey,
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
    "ApiKey",
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
