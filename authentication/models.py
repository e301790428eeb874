"""The tables of users, their sessions, and attempts to sign in."""

from typing import ClassVar

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.auth.models import PermissionsMixin
from django.db import models
from django.db.models.functions import Lower
from django.utils import timezone

from be.kernel.identifiers import uuid7


def new_id() -> object:
    return uuid7(timezone.now())


class UserManager(BaseUserManager["User"]):
    """What Django's own commands need. Customers register by `authentication.registration`."""

    def get_by_natural_key(self, username: str | None) -> "User":
        return self.get(email__iexact=username)

    def create_user(self, email: str, password: str | None = None, **fields: object) -> "User":
        user = self.model(email=email.strip().lower(), **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def create_superuser(self, email: str, password: str, **fields: object) -> "User":
        return self.create_user(email, password, is_staff=True, is_superuser=True, **fields)


class User(AbstractBaseUser, PermissionsMixin):
    """A user, identified by e-mail without regard to case."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    email = models.EmailField(unique=True)
    first_name = models.CharField(max_length=150, blank=True)
    last_name = models.CharField(max_length=150, blank=True)
    is_staff = models.BooleanField(default=False)
    is_active = models.BooleanField(default=True)
    date_joined = models.DateTimeField(default=timezone.now)

    objects: ClassVar[UserManager] = UserManager()

    USERNAME_FIELD = "email"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    class Meta:
        constraints = [
            models.UniqueConstraint(Lower("email"), name="user_email_once_in_any_case"),
        ]

    def __str__(self) -> str:
        return self.email


class Session(models.Model):
    """One sign-in on one device: the family of all refresh tokens that descend from it.

    Only the newest refresh token works, and once: `refresh_jti` identifies it. An older one ends
    the session, because two parties hold copies. Access tokens name their session and end with it.
    `refreshed_by` is a digest of the last refresh request (its token, address and user agent), so
    that a repeat of it is recognised.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="sessions")
    refresh_jti = models.CharField(max_length=64)
    refreshed_by = models.CharField(max_length=64, blank=True, default="", editable=False)
    user_agent = models.CharField(max_length=255, blank=True)
    ip_address = models.GenericIPAddressField(null=True, blank=True)
    created_at = models.DateTimeField()
    last_used_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True)
    end_reason = models.CharField(max_length=32, blank=True)

    class Meta:
        indexes = [models.Index(fields=["user", "ended_at"], name="session_live_by_user")]

    def __str__(self) -> str:
        return f"{self.user_id} since {self.created_at:%Y-%m-%d %H:%M}"


class LoginAttempt(models.Model):
    """A wrong password, kept as long as `authentication.attempts` counts it.

    `account` is a keyed digest of the e-mail that was typed, and not the text itself: people type
    passwords into the wrong field.
    """

    account = models.CharField(max_length=64)
    ip_address = models.GenericIPAddressField(null=True, blank=True)
    failed_at = models.DateTimeField(db_index=True)

    class Meta:
        indexes = [models.Index(fields=["account", "failed_at"], name="login_attempt_by_account")]

    def __str__(self) -> str:
        return f"wrong password at {self.failed_at:%Y-%m-%d %H:%M:%S}"
