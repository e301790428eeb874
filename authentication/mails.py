"""What is in each mail: subject, text and HTML, for a row of the outbox at the time of sending."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.template.loader import render_to_string

from authentication import links
from authentication.links import Purpose
from authentication.models import OutgoingMail, User
from authentication.outbox import Kind


@dataclass(frozen=True, kw_only=True)
class Mail:
    """A mail that is ready to be sent."""

    address: str
    subject: str
    text: str
    html: str


ALREADY_REGISTERED = "already_registered"
# Those about a user by id, whatever the address; the others are about whoever has the address.
ABOUT_AN_ID = (Kind.PASSWORD_CHANGED, Kind.CHANGE_EMAIL, Kind.EMAIL_CHANGED)
PURPOSES = {
    Kind.RESET_PASSWORD: Purpose.RESET_PASSWORD,
    Kind.CHANGE_EMAIL: Purpose.CHANGE_EMAIL,
    Kind.PASSWORD_CHANGED: None,
    Kind.EMAIL_CHANGED: None,
}
# The path of each link's page; a link's token is in the fragment.
PAGES = {
    Purpose.VERIFY_EMAIL: "/verify/",
    Purpose.CHANGE_EMAIL: "/verify/",
    Purpose.RESET_PASSWORD: "/reset/",
}


def compose(row: OutgoingMail, now: datetime) -> Mail | None:
    """The mail that this row asks for; None if there is nobody or nothing to write to."""
    user = _user_of(row)
    if user is None:
        return None
    template, purpose = _template_and_link(row, user)
    if template is None:
        return None
    context = {"user": user, "address": row.address, "site": settings.PUBLIC_URL}
    if purpose is not None:
        new_email = row.address if purpose == Purpose.CHANGE_EMAIL else ""
        token = links.make(purpose, user, now=now, new_email=new_email)
        context["link"] = f"{settings.PUBLIC_URL}{PAGES[purpose]}#{token}"
        context["lifetime"] = _words(links.LIFETIMES[purpose])
    subject, _, text = render_to_string(f"mails/{template}.txt", context).partition("\n")
    html = render_to_string(f"mails/{template}.html", context | {"subject": subject})
    return Mail(address=row.address, subject=subject, text=text.lstrip("\n"), html=html)


def _user_of(row: OutgoingMail) -> User | None:
    """The active user whom a mail is about; None too where a new e-mail has somebody already."""
    active = User.objects.filter(is_active=True)
    if row.kind not in ABOUT_AN_ID:
        return active.filter(email=row.address).first()
    if row.kind == Kind.CHANGE_EMAIL and User.objects.filter(email=row.address).exists():
        return None
    return active.filter(id=row.user_id).first() if row.user_id else None


def _template_and_link(row: OutgoingMail, user: User) -> tuple[str | None, Purpose | None]:
    """Which mail it is, and what its link does; no template where there is nothing to say."""
    kind = Kind(row.kind)
    if kind in PURPOSES:
        return kind, PURPOSES[kind]
    purpose = None if user.email_verified else Purpose.VERIFY_EMAIL
    if kind == Kind.SIGN_UP and user.pk != row.user_id:
        # Somebody has registered with an e-mail that is taken: its owner gets to know.
        return ALREADY_REGISTERED, purpose
    return (Kind.VERIFY_EMAIL if purpose else None), purpose


def _words(lifetime: timedelta) -> str:
    """ "3 days" or "1 hour"."""
    count, unit = (lifetime.days, "day") if lifetime.days else (lifetime.seconds // 3600, "hour")
    return f"{count} {unit}{'s' if count != 1 else ''}"
