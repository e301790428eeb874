"""Tables of users, their credentials and sessions, of mails, and of the audit log; no rules."""

from authentication.models.audit import AuditEvent, AuditLink, UnlinkedAuditEvent
from authentication.models.identity import IdentityApplication, IdentityDocument
from authentication.models.mail import OutgoingMail
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
    "IdentityApplication",
    "IdentityDocument",
    "LoginAttempt",
    "OutgoingMail",
    "Passkey",
    "PasskeyChallenge",
    "RecoveryCode",
    "Session",
    "UnlinkedAuditEvent",
    "User",
    "UserManager",
    "new_id",
]
