"""Who the customer is, and from where they are signed in."""

from datetime import datetime

from authentication.models import (
    ApiKey,
    AuditEvent,
    AuthenticatorApp,
    IdentityApplication,
    Passkey,
    Session,
    User,
)
from be.desk.story import parts
from be.desk.story.parts import Cell, Facts, Table


def identity(customer: User, now: datetime) -> Facts:
    """Name, address, and the flags that decide what they may do."""
    name = f"{customer.first_name} {customer.last_name}".strip()
    return Facts(
        "Identity",
        [
            ("E-mail", Cell(customer.email)),
            ("E-mail verified", _since(customer.email_verified_at)),
            ("Name", Cell(name or "-")),
            ("Id", Cell(str(customer.pk))),
            ("Joined", parts.time(customer.date_joined)),
            ("Active", _yes(customer.is_active)),
            ("Identity verified", _since(customer.identity_verified_at)),
            ("Application", _application(customer)),
            ("Frozen", _frozen(customer)),
            ("Second factor", _factors(customer)),
            ("Staff", Cell("yes" if customer.is_staff else "no")),
        ],
    )


def _frozen(customer: User) -> Cell:
    if customer.frozen_at is None:
        return Cell("no", mark="good")
    return Cell(f"since {customer.frozen_at:%Y-%m-%d %H:%M:%S}", mark="bad")


def _since(moment: datetime | None) -> Cell:
    return Cell("no") if moment is None else Cell(f"{moment:%Y-%m-%d %H:%M:%S}", mark="good")


def _application(customer: User) -> Cell:
    """The newest application to be known as a person."""
    newest = IdentityApplication.objects.filter(user=customer.pk).order_by("-pk").first()
    return Cell(newest.status.replace("_", " ") if newest else "none")


def _factors(customer: User) -> Cell:
    if not customer.has_second_factor:
        return Cell("none")
    app = AuthenticatorApp.objects.filter(user=customer.pk, confirmed_at__isnull=False).exists()
    keys = Passkey.objects.filter(user=customer.pk).count()
    kinds = [*(["app"] if app else []), *([f"passkeys: {keys}"] if keys else [])]
    return Cell(", ".join(kinds) or "yes", mark="good")


def _yes(value: bool) -> Cell:
    return Cell("yes", mark="good") if value else Cell("no", mark="bad")


def sessions(customer: User, now: datetime) -> Table:
    """Where they are signed in, and were."""
    rows, cut = parts.first(Session.objects.filter(user=customer.pk).order_by("-pk"))
    return parts.table(
        "Sessions",
        "Signed in|Last used|Address|Agent|State",
        [
            [
                parts.page(row, f"{row.created_at:%Y-%m-%d %H:%M:%S}"),
                parts.time(row.last_used_at),
                *parts.texts(row.ip_address, row.user_agent[:60]),
                _state(row, now),
            ]
            for row in rows
        ],
        more=parts.listed(Session, user__id__exact=customer.pk),
        cut=cut,
    )


def _state(session: Session, now: datetime) -> Cell:
    if session.ended_at is not None:
        return Cell(session.end_reason.replace("_", " ") or "ended")
    return Cell("live", mark="good") if session.expires_at > now else Cell("expired")


def api_keys(customer: User, now: datetime) -> Table:
    """What their programs sign in with; never a secret."""
    rows, cut = parts.first(ApiKey.objects.filter(user=customer.pk).order_by("-pk"))
    return parts.table(
        "API keys",
        "Key|Name|Scopes|Made|Last used|State",
        [
            [
                parts.page(row, row.key_id),
                *parts.texts(row.name, row.scopes),
                parts.time(row.created_at),
                parts.time(row.last_used_at),
                _key_state(row, now),
            ]
            for row in rows
        ],
        more=parts.listed(ApiKey, user__id__exact=customer.pk),
        cut=cut,
    )


def _key_state(key: ApiKey, now: datetime) -> Cell:
    if key.revoked_at is not None:
        return Cell("revoked")
    return (
        Cell("expired") if key.expires_at and key.expires_at <= now else Cell("live", mark="good")
    )


def audit_events(customer: User, now: datetime) -> Table:
    """What was done to the account, by its owner and by others."""
    found = AuditEvent.objects.filter(subject=customer.pk).select_related("actor")
    rows, cut = parts.first(found.order_by("-pk"))
    return parts.table(
        "Audit log",
        "Time|Event|By|Address|Reason",
        [
            [
                parts.page(row, f"{row.at:%Y-%m-%d %H:%M:%S}"),
                *parts.texts(row.event, _who(row, customer), row.client),
                *parts.texts(row.details.get("reason")),
            ]
            for row in rows
        ],
        more=parts.listed(AuditEvent, subject__id__exact=customer.pk),
        cut=cut,
    )


def _who(event: AuditEvent, customer: User) -> str:
    if event.actor_id is None:
        return "-"
    if event.actor_id == customer.pk:
        return "the customer"
    return event.actor.email if event.actor else str(event.actor_id)
