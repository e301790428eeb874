"""Sessions: opened by a sign-in, continued by refresh tokens, ended for an EndReason.

Every change of a session is one conditional UPDATE, so that of any number of racing requests
exactly one succeeds.
"""

import hashlib
import logging
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from functools import partial
from typing import Any, ClassVar

from django.conf import settings
from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet

from authentication import attempts, audit, factor_tokens, factors, outbox, passwords, tokens
from authentication.grants import AccessGrant
from authentication.models import Session, User
from authentication.outbox import Kind
from authentication.recent_checks import Live, reader, recent_checks
from authentication.tokens import InvalidToken
from be.database import statements, transactions
from be.database.rows import Reader
from be.kernel.identifiers import uuid7
from be.kernel.refusals import NotFound, Refusal

logger = logging.getLogger(__name__)

# Runs with every request: as SQL it costs a quarter of what the ORM takes to build the query.
_users = Reader(User)
_USER_OF_SESSION = (
    f"SELECT {_users.columns('person')} FROM authentication_session AS session "  # noqa: S608
    "JOIN authentication_user AS person ON person.id = session.user_id "
    "WHERE session.id = %s AND session.user_id = %s AND session.ended_at IS NULL "
    "AND session.expires_at > %s AND person.is_active"
)


class EndReason(StrEnum):
    """Why a session ended, as stored in `Session.end_reason`."""

    LOGGED_OUT = "logged_out"
    ENDED_BY_USER = "ended_by_user"
    ENDED_BY_ADMIN = "ended_by_admin"
    PASSWORD_CHANGED = "password_changed"  # noqa: S105
    DEACTIVATED = "deactivated"
    FACTORS_RESET = "factors_reset"
    REUSE = "reuse"


class InvalidCredentials(Refusal):
    """No active user has this e-mail and password; the answer does not say which is wrong."""

    code = "invalid_credentials"
    status = 401
    title = "E-mail or password is wrong"
    auth_header: ClassVar[str] = "Bearer"

    def __init__(self) -> None:
        super().__init__("No active account has this e-mail and password.")


class EmailNotVerified(Refusal):
    """The password is right, and the e-mail has to be verified before a sign-in."""

    code = "email_not_verified"
    status = 403
    title = "The e-mail is not verified"

    def __init__(self) -> None:
        super().__init__(
            "Open the link in the mail that we sent you, or ask for another one; then sign in."
        )


class WrongPassword(Refusal):
    """The current password, which a change of password requires, is wrong."""

    code = "wrong_password"
    status = 422
    title = "The current password is wrong"

    def __init__(self) -> None:
        super().__init__("This is not your current password.", field="current_password")


@dataclass(frozen=True, kw_only=True)
class Tokens:
    """What a client needs to act for `user`. `expires_in`: seconds until the access token ends."""

    user: User
    access_token: str
    refresh_token: str
    expires_in: int
    token_type: str = "Bearer"  # noqa: S105


@dataclass(frozen=True, kw_only=True)
class SecondFactorAsked:
    """The password was right; `factor_token` and one of `methods` open a session.

    `expires_in`: seconds until the token ends.
    """

    factor_token: str
    methods: list[str]
    expires_in: int


def open_session(*, user: User, user_agent: str, ip_address: str | None, now: datetime) -> Tokens:
    """Sign `user` in on one more device. The caller has verified all factors that the user has.

    That counts as a step-up (`authentication.step_up`).
    """
    session_id = uuid7(now)
    pair = tokens.issue(user_id=user.pk, session_id=session_id, now=now)
    Session.objects.create(
        id=session_id,
        user=user,
        refresh_jti=pair.refresh_jti,
        user_agent=user_agent,
        ip_address=ip_address,
        created_at=now,
        last_used_at=now,
        stepped_up_at=now,
        expires_at=pair.refresh_expires_at,
    )
    audit.record("signed in", actor=user, subject=user, at=now, session_id=session_id)
    return _tokens_for(user, pair)


def log_in(
    *, email: str, password: str, user_agent: str, ip_address: str | None, now: datetime
) -> Tokens | SecondFactorAsked:
    """Open a session for the user with this e-mail and password, or ask for the second factor.

    Unknown e-mails, inactive users and wrong passwords get the same answer after the same work.
    Raises InvalidCredentials, TooManyAttempts after too many of them, and EmailNotVerified.
    """
    email = email.strip().lower()
    attempts.check(email=email, ip_address=ip_address, now=now)
    user = User.objects.filter(email=email, is_active=True).first()
    correct, outdated = passwords.verify(password, user.password if user else None)
    if user is None or not correct:
        audit.record("sign-in refused", actor=None, subject=user, at=now)
        attempts.record_failure(email=email, ip_address=ip_address, now=now)
        raise InvalidCredentials
    attempts.check(email=email, ip_address=ip_address, now=now)
    _require_verified(user)
    new_hash = passwords.hashed(password) if outdated else user.password
    if user.has_second_factor:
        return _ask_second_factor(user, new_hash, now)
    result = open_unless_changed(
        user=user,
        new_hash=new_hash,
        user_agent=user_agent,
        ip_address=ip_address,
        now=now,
    )
    attempts.clear(email=email, ip_address=ip_address)
    return result


def _ask_second_factor(user: User, new_hash: str, now: datetime) -> SecondFactorAsked:
    """The failures that were counted stay so until the second factor is right, too."""
    unchanged = User.objects.filter(pk=user.pk, password=user.password, is_active=True)
    if new_hash != user.password and not unchanged.update(password=new_hash):
        raise InvalidCredentials
    user.password = new_hash
    return SecondFactorAsked(
        factor_token=factor_tokens.issue(user=user, now=now),
        methods=factors.methods(user),
        expires_in=int(factor_tokens.LIFETIME.total_seconds()),
    )


def _require_verified(user: User) -> None:
    if settings.REQUIRE_VERIFIED_EMAIL and not user.email_verified:
        raise EmailNotVerified


@transactions.atomic
def open_unless_changed(
    *, user: User, new_hash: str, user_agent: str, ip_address: str | None, now: datetime
) -> Tokens:
    """Open a session if what was verified is still all that the user has to bring.

    The UPDATE locks the user against `change_password`, which ends all sessions: a session opened
    with the old password is either seen by it or not opened. The same holds for a first factor that
    is added meanwhile. Raises InvalidCredentials, and EmailNotVerified.
    """
    _require_verified(user)
    unchanged = User.objects.filter(
        pk=user.pk,
        password=user.password,
        is_active=True,
        has_second_factor=user.has_second_factor,
    )
    if not unchanged.update(last_login=now, password=new_hash):
        raise InvalidCredentials
    return open_session(user=user, user_agent=user_agent, ip_address=ip_address, now=now)


def refresh(
    *, refresh_token: str, user_agent: str, ip_address: str | None, now: datetime
) -> Tokens:
    """Exchange a refresh token for new tokens; it works once.

    Of racing requests one succeeds. A token that was used before is held by two parties, one of
    whom may be a thief: the session ends with all its tokens, and the user signs in again. An
    exception is a repeat from the same address and user agent within REFRESH_GRACE_SECONDS (0
    unless set), which gets the same answer as the first request. Raises InvalidToken.
    """
    claims = tokens.read_refresh(refresh_token, now=now)
    request = _request_digest(claims, user_agent, ip_address)
    result = _rotate(claims, request, now) or _repeated(claims, request, now)
    if result is None:
        # Committed separately, before the refusal: a rollback would reopen the stolen session.
        _end_if_reused(claims, now)
        raise InvalidToken
    return result


@transactions.atomic
def _rotate(claims: tokens.Claims, request: str, now: datetime) -> Tokens | None:
    pair = tokens.issue(user_id=claims.user_id, session_id=claims.session_id, now=now)
    # EXISTS and not a join: Django would turn a join into `id IN (SELECT …)`, which PostgreSQL does
    # not evaluate again after waiting for a racing UPDATE, so that both requests would succeed.
    active = User.objects.filter(pk=OuterRef("user_id"), is_active=True)
    rotated = (
        Session.objects.filter(
            Exists(active), pk=claims.session_id, refresh_jti=claims.jti, user_id=claims.user_id
        )
        .filter(ended_at=None, expires_at__gt=now)
        .update(
            refresh_jti=pair.refresh_jti,
            refreshed_by=request,
            last_used_at=now,
            expires_at=pair.refresh_expires_at,
        )
    )
    if not rotated:
        return None
    return _tokens_for(User.objects.get(pk=claims.user_id), pair)


def _repeated(claims: tokens.Claims, request: str, now: datetime) -> Tokens | None:
    """The answer to the session's last refresh, if this repeats it within the grace; else None.

    The same tokens are issued again from the stored `refresh_jti` and time. Once the new refresh
    token has been used in its turn, `refreshed_by` is the digest of that request and no longer of
    this one.
    """
    grace = timedelta(seconds=settings.REFRESH_GRACE_SECONDS)
    if not (grace and request):
        return None
    session = (
        _live(now)
        .filter(pk=claims.session_id, refreshed_by=request, last_used_at__gt=now - grace)
        .select_related("user")
        .first()
    )
    if session is None:
        return None
    logger.info("refresh repeated within the grace; session %s goes on", session.pk)
    pair = tokens.issue(
        user_id=session.user_id,
        session_id=session.pk,
        now=session.last_used_at,
        refresh_jti=session.refresh_jti,
    )
    return _tokens_for(session.user, pair, age=max(now - session.last_used_at, timedelta(0)))


def _request_digest(claims: tokens.Claims, user_agent: str, ip_address: str | None) -> str:
    """Identifies a refresh request: its token, address and agent. Empty without an address.

    A used token's `jti` is random and stored nowhere else, so the address cannot be guessed from
    the digest.
    """
    if ip_address is None:
        return ""
    return hashlib.sha256("\n".join((claims.jti, ip_address, user_agent)).encode()).hexdigest()


@transactions.atomic
def _end_if_reused(claims: tokens.Claims, now: datetime) -> None:
    family = Session.objects.filter(pk=claims.session_id).exclude(refresh_jti=claims.jti)
    if _end(family, claims.user_id, EndReason.REUSE, now, actor=None):
        logger.warning("refresh token used twice; session %s ended", claims.session_id)


def log_out(*, refresh_token: str, now: datetime) -> None:
    """End the session of this refresh token, with all its tokens; repeating it is no error.

    Raises InvalidToken for anything but an unexpired refresh token, so that a client which sends
    the wrong token learns that it is not signed out.
    """
    claims = tokens.read_refresh(refresh_token, now=now)
    family = Session.objects.filter(pk=claims.session_id)
    _end(family, claims.user_id, EndReason.LOGGED_OUT, now, actor=claims.user_id)


def end_session(
    *,
    user: User,
    session_id: uuid.UUID,
    now: datetime,
    reason: EndReason = EndReason.ENDED_BY_USER,
    actor: User | None = None,
) -> None:
    """End one live session of `user`, by the user or by another `actor`.

    Raises NotFound for a foreign, ended or missing one.
    """
    family, who = live_of(user=user, now=now).filter(pk=session_id), (actor or user).pk
    if not _end(family, user.pk, reason, now, actor=who):
        raise NotFound("You have no such session.")


def end_all(
    *,
    user: User,
    now: datetime,
    reason: EndReason,
    actor: User | None = None,
    note: str = "",
) -> int:
    """End every session of `user`; returns how many were ended.

    The audit log says who did it, if the caller knows, and keeps the `note` of staff.
    """
    details = {"reason": note} if note else {}
    family, who = Session.objects.filter(user=user), None if actor is None else actor.pk
    return _end(family, user.pk, reason, now, actor=who, details=details)


def change_password(
    *,
    user: User,
    current_password: str,
    new_password: str,
    ip_address: str | None,
    now: datetime,
) -> None:
    """Set a new password and end every session, the one of this request included.

    Wrong current passwords count as failed sign-ins. Raises WrongPassword, UnacceptablePassword or
    TooManyAttempts.
    """
    attempts.check(email=user.email, ip_address=ip_address, now=now)
    correct, _ = passwords.verify(current_password, user.password)
    if not correct:
        attempts.record_failure(email=user.email, ip_address=ip_address, now=now)
        raise WrongPassword
    attempts.check(email=user.email, ip_address=ip_address, now=now)
    passwords.check_acceptable(new_password, user=user, field="new_password")
    _replace_password(user=user, new_hash=passwords.hashed(new_password), now=now)


@transactions.atomic
def _replace_password(*, user: User, new_hash: str, now: datetime) -> None:
    """Replace the hash that was verified. Raises WrongPassword if it has changed meanwhile."""
    if not User.objects.filter(pk=user.pk, password=user.password).update(password=new_hash):
        raise WrongPassword
    audit.record("password changed", actor=user, subject=user, at=now)
    end_all(user=user, now=now, reason=EndReason.PASSWORD_CHANGED, actor=user)
    outbox.post(kind=Kind.PASSWORD_CHANGED, address=user.email, user_id=user.pk, now=now)


def authenticate_access(token: str, now: datetime) -> AccessGrant:
    """The user and session of an access token, by one query. Raises InvalidToken.

    The session must be live and the user active, so ending either one ends the token at once.
    """
    claims = tokens.read_access(token, now=now)
    began = recent_checks.begin()
    rows = statements.query(_USER_OF_SESSION, (claims.session_id, claims.user_id, now))
    if not rows:
        raise InvalidToken
    recent_checks.note(began, _check(claims), Live(claims.user_id))
    return AccessGrant(
        user=_users.make(rows[0]), session_id=claims.session_id, expires_at=claims.expires_at
    )


def authenticate_reader(token: str, now: datetime) -> AccessGrant:
    """As `authenticate_access`, for what is the same for everybody. Raises InvalidToken.

    A session that this process found live in the last second is not looked up again. The user then
    has an id alone; whatever else is asked of it is read from the database at first use.
    """
    claims = tokens.read_access(token, now=now)
    if recent_checks.find(_check(claims)) is None:
        return authenticate_access(token, now)
    return AccessGrant(
        user=reader(claims.user_id), session_id=claims.session_id, expires_at=claims.expires_at
    )


def was_live_just_now(token: str, now: datetime) -> bool:
    """Whether an access token is valid, and this process found its session live in the last second.

    For what is the same for everybody, without a query. Raises InvalidToken.
    """
    return recent_checks.find(_check(tokens.read_access(token, now=now))) is not None


def _check(claims: tokens.Claims) -> tuple[uuid.UUID, uuid.UUID]:
    return claims.session_id, claims.user_id


def is_live(*, session_id: uuid.UUID, now: datetime) -> bool:
    """Whether the session has not ended or expired, and its user is active."""
    return _live(now).filter(pk=session_id).exists()


def live_of(*, user: User, now: datetime) -> QuerySet[Session]:
    """The live sessions of `user`."""
    return Session.objects.filter(user=user, ended_at=None, expires_at__gt=now)


def _live(now: datetime) -> QuerySet[Session]:
    return Session.objects.filter(ended_at=None, expires_at__gt=now, user__is_active=True)


@transactions.atomic
def _end(
    family: QuerySet[Session],
    user_id: uuid.UUID,
    reason: EndReason,
    now: datetime,
    *,
    actor: uuid.UUID | None,
    details: Mapping[str, Any] | None = None,
) -> int:
    ended = family.filter(ended_at=None).update(ended_at=now, end_reason=reason)
    transaction.on_commit(partial(recent_checks.forget, user_id))
    if ended:
        audit.record(
            "sessions ended",
            actor=actor,
            subject=user_id,
            at=now,
            end_reason=reason,
            sessions=ended,
            **(details or {}),
        )
    return ended


def _tokens_for(user: User, pair: tokens.Pair, *, age: timedelta = timedelta(0)) -> Tokens:
    """The client's view of a `pair` that was issued `age` ago."""
    return Tokens(
        user=user,
        access_token=pair.access_token,
        refresh_token=pair.refresh_token,
        expires_in=max(int((settings.ACCESS_TOKEN_LIFETIME - age).total_seconds()), 0),
    )
