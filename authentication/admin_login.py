"""The admin's forms for signing in and changing one's password, with the rules of the API.

Wrong passwords and codes are counted, who has a second factor has to bring it, and a new password
ends every session.
"""

import json
from datetime import datetime
from typing import TYPE_CHECKING, Any

from django import forms
from django.core.exceptions import ValidationError
from django.http import HttpRequest
from django.utils import timezone

from authentication import attempts, audit, factors, passkeys, sessions
from authentication.api import origin
from authentication.api.factor_serializers import MAX_CODE_LENGTH, MAX_CREDENTIAL_LENGTH
from authentication.challenges import Purpose
from authentication.factors import Proof, WrongFactor
from authentication.models import User
from authentication.sessions import EndReason
from be.database import transactions

if TYPE_CHECKING:  # unfold has no types; these are what it extends
    from django.contrib.admin.forms import AdminAuthenticationForm, AdminPasswordChangeForm
    from django.forms import TextInput
else:
    from unfold.forms import AdminOwnPasswordChangeForm as AdminPasswordChangeForm
    from unfold.forms import AuthenticationForm as AdminAuthenticationForm
    from unfold.widgets import UnfoldAdminTextInputWidget as TextInput

# What the browser's session of the admin notes.
PASSED = "second_factor_passed"


def note_sign_in(request: HttpRequest) -> None:
    """Note in the browser's session that who has just signed in there has brought all factors."""
    if request.user.is_authenticated:
        request.session[PASSED] = request.user.has_second_factor


def has_brought_all(request: HttpRequest) -> bool:
    """Whether the user of a browser's session has no second factor, or has signed in by it.

    So a session that was opened before the factor was set up is worth nothing after it.
    """
    user = request.user
    return user.is_authenticated and (
        not user.has_second_factor or request.session.get(PASSED, False) is True
    )


class SecondFactorFields(forms.Form):
    """A code, or the answer of a passkey, which the page's script fills in."""

    code = forms.CharField(
        label="Code",
        help_text="Of your app, or a recovery code; only if you have set up a second factor.",
        required=False,
        max_length=MAX_CODE_LENGTH,
        widget=TextInput(attrs={"autocomplete": "one-time-code"}),
    )
    passkey = forms.CharField(
        required=False, max_length=MAX_CREDENTIAL_LENGTH, widget=forms.HiddenInput
    )

    def clean_passkey(self) -> dict[str, Any] | None:
        text = self.cleaned_data["passkey"]
        if not text:
            return None
        try:
            credential = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise ValidationError("This is no passkey.") from error
        if not isinstance(credential, dict) or not credential:
            raise ValidationError("This is no passkey.")
        return credential

    def require_second_factor(self, user: User, ip_address: str | None, now: datetime) -> None:
        """Refuse what is not a factor of this user, which is counted. Raises ValidationError."""
        code, passkey = self.cleaned_data.get("code"), self.cleaned_data.get("passkey")
        if passkey:
            if owner_of(passkey, now) != user:
                attempts.record_failure(email=user.email, ip_address=ip_address, now=now)
                raise ValidationError(WrongFactor().detail)
        elif not code:
            raise ValidationError("You have a second factor: type its code, or use your passkey.")
        else:
            self._use_code(user, code, ip_address, now)

    def _use_code(self, user: User, code: str, ip_address: str | None, now: datetime) -> None:
        try:
            factors.check(
                user=user,
                proof=Proof(code=code),
                purpose=Purpose.SIGN_IN,
                ip_address=ip_address,
                now=now,
            )
        except WrongFactor as refusal:
            raise ValidationError(refusal.detail, code=refusal.code) from refusal


def owner_of(passkey: dict[str, Any], now: datetime) -> User | None:
    """Whose passkey has answered the page's question, which names nobody."""
    return passkeys.use(passkey, user=None, purpose=Purpose.SIGN_IN, now=now)


class ThrottledLoginForm(SecondFactorFields, AdminAuthenticationForm):
    """The admin's sign-in form: e-mail, password and second factor, or a passkey alone.

    It is throttled after too many wrong ones.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.data.get("passkey"):
            for name in ("username", "password"):
                self.fields[name].required = False

    def clean(self) -> dict[str, Any]:
        if self.cleaned_data.get("passkey"):
            return self._clean_passkey_alone(timezone.now())
        email = str(self.cleaned_data.get("username", "")).strip().lower()
        ip_address = origin.ip_address_of(self.request) if self.request else None
        try:
            return self._clean_and_count(email, ip_address, timezone.now())
        except attempts.TooManyAttempts as refusal:
            raise ValidationError(refusal.detail, code=refusal.code) from refusal

    def _clean_passkey_alone(self, now: datetime) -> dict[str, Any]:
        """A passkey says by itself whose it is, and is two factors at once."""
        user = owner_of(self.cleaned_data["passkey"], now)
        if user is None:
            audit.record("sign-in refused", actor=None, subject=None, at=now, to="admin")
            raise ValidationError(WrongFactor().detail)
        self.user_cache = user
        self.confirm_login_allowed(user)
        audit.record("signed in", actor=user, subject=user, at=now, to="admin")
        return self.cleaned_data

    def _clean_and_count(self, email: str, ip_address: str | None, now: datetime) -> dict[str, Any]:
        attempts.check(email=email, ip_address=ip_address, now=now)
        try:
            cleaned: dict[str, Any] = super().clean()
        except ValidationError:
            user = User.objects.filter(email=email).first()
            audit.record("sign-in refused", actor=None, subject=user, at=now, to="admin")
            attempts.record_failure(email=email, ip_address=ip_address, now=now)
            raise
        attempts.check(email=email, ip_address=ip_address, now=now)
        user = self.user_cache
        if user is None:  # something is missing or malformed, and nothing was tried
            raise self.get_invalid_login_error()
        if user.has_second_factor:
            self.require_second_factor(user, ip_address, now)
        # Not before: with the password alone, guesses at codes would never come to an end.
        attempts.clear(email=email, ip_address=ip_address)
        audit.record("signed in", actor=user, subject=user, at=now, to="admin")
        return cleaned


class OwnPasswordForm(SecondFactorFields, AdminPasswordChangeForm):
    """Changes an administrator's own password, and ends the sessions opened with the old one.

    Who has a second factor brings it, as in the API, where that is a step-up.
    """

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        if self.user.has_second_factor and not self.errors:
            try:
                self.require_second_factor(self.user, None, timezone.now())
            except attempts.TooManyAttempts as refusal:
                raise ValidationError(refusal.detail, code=refusal.code) from refusal
        return cleaned

    @transactions.atomic
    def save(self, commit: bool = True) -> User:
        user: User = super().save(commit)
        now = timezone.now()
        audit.record("password changed", actor=user, subject=user, at=now, to="admin")
        sessions.end_all(user=user, now=now, reason=EndReason.PASSWORD_CHANGED, actor=user)
        return user
