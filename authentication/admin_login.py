"""Signing in to the admin counts wrong passwords as signing in to the API does."""

from datetime import datetime
from typing import Any

from django.contrib.admin.forms import AdminAuthenticationForm
from django.core.exceptions import ValidationError
from django.utils import timezone

from authentication import attempts
from authentication.api import origin


class ThrottledLoginForm(AdminAuthenticationForm):
    """The admin's form, closed for a while after too many wrong passwords."""

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
            attempts.record_failure(email=email, ip_address=ip_address, now=now)
            raise
        attempts.check(email=email, ip_address=ip_address, now=now)
        attempts.forget(email=email, ip_address=ip_address)
        return cleaned
