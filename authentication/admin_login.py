"""The admin's forms for signing in and changing one's password, with the rules of the API.

Wrong passwords are counted, and a new password ends every session.
"""

from datetime import datetime
from typing import TYPE_CHECKING, Any

from django.core.exceptions import ValidationError
from django.utils import timezone

from authentication import attempts, sessions
from authentication.api import origin
from authentication.models import User
from authentication.sessions import EndReason
from be.logs import events

if TYPE_CHECKING:  # unfold has no types; these are what it extends
    from django.contrib.admin.forms import AdminAuthenticationForm, AdminPasswordChangeForm
else:
    from unfold.forms import AdminOwnPasswordChangeForm as AdminPasswordChangeForm
    from unfold.forms import AuthenticationForm as AdminAuthenticationForm


class ThrottledLoginForm(AdminAuthenticationForm):
    """The admin's sign-in form, throttled after too many wrong passwords."""

    def clean(self) -> dict[str, Any]:
        email = str(self.cleaned_data.get("username", "")).strip().lower()
        ip_address = origin.ip_address_of(self.request) if self.request else None
        try:
            return self._clean_and_count(email, ip_address, timezone.now())
        except attempts.TooManyAttempts as refusal:
            raise ValidationError(refusal.detail, code=refusal.code) from refusal

    def _clean_and_count(self, email: str, ip_address: str | None, now: datetime) -> dict[str, Any]:
        attempts.check(email=email, ip_address=ip_address, now=now)
        try:
            cleaned: dict[str, Any] = super().clean()
        except ValidationError:
            events.log("sign-in refused", client=ip_address, to="admin")
            attempts.record_failure(email=email, ip_address=ip_address, now=now)
            raise
        attempts.check(email=email, ip_address=ip_address, now=now)
        attempts.clear(email=email, ip_address=ip_address)
        user = self.get_user()
        events.log("signed in", user_id=user and user.pk, client=ip_address, to="admin")
        return cleaned


class OwnPasswordForm(AdminPasswordChangeForm):
    """Changes an administrator's own password, and ends the sessions opened with the old one."""

    def save(self, commit: bool = True) -> User:
        user: User = super().save(commit)
        sessions.end_all(user=user, now=timezone.now(), reason=EndReason.PASSWORD_CHANGED)
        return user
