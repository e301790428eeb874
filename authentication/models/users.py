"""The tables of users, their factors, sessions and API keys, and attempts to sign in."""

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
        """Whoever runs a command on the server vouches for the e-mail: it counts as verified."""
        verified: dict[str, object] = {"email_verified_at": timezone.now()}
        user = self.model(email=email.strip().lower(), **verified | fields)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def create_superuser(self, email: str, password: str, **fields: object) -> "User":
        return self.create_user(email, password, is_staff=True, is_superuser=True, **fields)


class User(AbstractBaseUser, PermissionsMixin):
    """A user, identified by e-mail without regard to case.

    `has_second_factor` says whether there is an authenticator app or a passkey. It changes together
    with them, under a lock of this row, so that an UPDATE of the row can depend on it.
    `email_verified_at` is when the user proved to read mail at this address; None until then.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    email = models.EmailField(unique=True)
    first_name = models.CharField(max_length=150, blank=True)
    last_name = models.CharField(max_length=150, blank=True)
    is_staff = models.BooleanField(default=False)
    is_active = models.BooleanField(default=True)
    date_joined = models.DateTimeField(default=timezone.now)
    # Set by `authentication.restrictions`.
    frozen_at = models.DateTimeField(null=True, editable=False)
    # Set by `authentication.identity`.
    identity_verified_at = models.DateTimeField(null=True, editable=False)
    has_second_factor = models.BooleanField(default=False, editable=False)
    email_verified_at = models.DateTimeField(null=True, blank=True, editable=False)

    objects: ClassVar[UserManager] = UserManager()

    USERNAME_FIELD = "email"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    class Meta:
        constraints = [
            models.UniqueConstraint(Lower("email"), name="user_email_once_in_any_case"),
        ]
        permissions = [("reset_factors", "Can remove the second factors of users")]

    def __str__(self) -> str:
        return self.email

    @property
    def is_frozen(self) -> bool:
        return self.frozen_at is not None

    @property
    def email_verified(self) -> bool:
        return self.email_verified_at is not None


class Session(models.Model):
    """One sign-in on one device: the family of all refresh tokens that descend from it.

    Only the newest refresh token works, and once: `refresh_jti` identifies it. An older one ends
    the session, because two parties hold copies. Access tokens name their session and end with it.
    `refreshed_by` is a digest of the last refresh request (its token, address and user agent), so
    that a repeat of it is recognised. `stepped_up_at` is when its user last proved who they are, by
    signing in or by a step-up; null if that does not count any more.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="sessions")
    refresh_jti = models.CharField(max_length=64)
    refreshed_by = models.CharField(max_length=64, blank=True, default="", editable=False)
    user_agent = models.CharField(max_length=255, blank=True)
    ip_address = models.GenericIPAddressField(null=True, blank=True)
    created_at = models.DateTimeField()
    last_used_at = models.DateTimeField()
    stepped_up_at = models.DateTimeField(null=True, blank=True, editable=False)
    expires_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True)
    end_reason = models.CharField(max_length=32, blank=True)

    class Meta:
        indexes = [models.Index(fields=["user", "ended_at"], name="session_live_by_user")]

    def __str__(self) -> str:
        return f"{self.user_id} since {self.created_at:%Y-%m-%d %H:%M}"


class ApiKey(models.Model):
    """What a program signs in with, for its user: an id and a secret, of which a hash is stored.

    `scopes` and `addresses` are words with blanks between them (`authentication.rules`); without
    addresses the key may be used from anywhere. The row of a revoked key stays.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="api_keys")
    key_id = models.CharField(max_length=32, unique=True)
    secret_hash = models.CharField(max_length=64, editable=False)
    name = models.CharField(max_length=100)
    scopes = models.CharField(max_length=64)
    addresses = models.TextField(blank=True, default="")
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)
    revoke_reason = models.CharField(max_length=32, blank=True)

    class Meta:
        verbose_name = "API key"
        indexes = [models.Index(fields=["user", "revoked_at"], name="api_key_live_by_user")]

    def __str__(self) -> str:
        return f"{self.key_id} ({self.name})"


class LoginAttempt(models.Model):
    """A try that counts, kept as long as `authentication.attempts` counts it.

    `action` says what was tried: a sign-in with a wrong password, a registration, a request for
    mail. `account` is a keyed digest of the e-mail that was typed, and not the text itself: people
    type passwords into the wrong field.
    """

    action = models.CharField(max_length=16, default="sign_in")
    account = models.CharField(max_length=64)
    ip_address = models.GenericIPAddressField(null=True, blank=True)
    failed_at = models.DateTimeField(db_index=True)

    class Meta:
        indexes = [
            models.Index(fields=["account", "failed_at"], name="login_attempt_by_account"),
            models.Index(
                fields=["action", "ip_address", "failed_at"], name="login_attempt_by_address"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.action} at {self.failed_at:%Y-%m-%d %H:%M:%S}"


class AuthenticatorApp(models.Model):
    """An app that shows codes by the clock (TOTP): a second factor once it is confirmed.

    `secret_encrypted` is bound to this row (`authentication.totp`). `last_step` is the time step of
    the newest code that was used; that code and older ones work no more.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    user = models.OneToOneField(User, on_delete=models.CASCADE, related_name="authenticator_app")
    secret_encrypted = models.BinaryField()
    last_step = models.BigIntegerField(null=True)
    created_at = models.DateTimeField()
    confirmed_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"authenticator app of {self.user_id}"


class Passkey(models.Model):
    """A passkey (WebAuthn): its public half, and how often its authenticator says it has signed.

    `transports` are the words by which a browser finds the authenticator again.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="passkeys")
    name = models.CharField(max_length=64)
    credential_id = models.BinaryField(unique=True, max_length=1023)
    public_key = models.BinaryField()
    sign_count = models.BigIntegerField()
    transports = models.JSONField(default=list)
    created_at = models.DateTimeField()
    last_used_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"{self.name} of {self.user_id}"


class PasskeyChallenge(models.Model):
    """Random bytes that a passkey has been asked to sign: once, for one purpose, for a while.

    `user` is null where the passkey itself says who signs in. `ip_address` is who asked.
    """

    challenge = models.BinaryField(unique=True, max_length=64)
    purpose = models.CharField(max_length=16)
    user = models.ForeignKey(User, null=True, on_delete=models.CASCADE)
    ip_address = models.GenericIPAddressField(null=True)
    expires_at = models.DateTimeField(db_index=True)

    def __str__(self) -> str:
        return f"{self.purpose} until {self.expires_at:%Y-%m-%d %H:%M:%S}"


class RecoveryCode(models.Model):
    """A digest of a code that works once in the place of a second factor."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="recovery_codes")
    digest = models.CharField(max_length=64)
    used_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["user", "digest"], name="recovery_code_once"),
        ]

    def __str__(self) -> str:
        return f"recovery code of {self.user_id}"
