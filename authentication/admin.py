from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.forms import (
    AdminPasswordChangeForm,
    AdminUserCreationForm,
    UserChangeForm,
)
from django.db.models import QuerySet
from django.forms import ModelForm
from django.http import HttpRequest
from django.utils import timezone

from authentication import sessions
from authentication.admin_login import ThrottledLoginForm
from authentication.models import Session, User
from authentication.sessions import EndReason
from be.api.refusals import NotFound

if TYPE_CHECKING:  # generic for the type checker only
    SessionModelAdmin = admin.ModelAdmin[Session]
    UserModelAdmin = DjangoUserAdmin[Any]
    UserModelForm = UserChangeForm[User]
    UserPasswordForm = AdminPasswordChangeForm[User]
else:
    SessionModelAdmin = admin.ModelAdmin
    UserModelAdmin = DjangoUserAdmin
    UserModelForm = UserChangeForm
    UserPasswordForm = AdminPasswordChangeForm


class NewUserForm(AdminUserCreationForm):
    class Meta:
        model = User
        fields = ("email",)

    def clean_email(self) -> str:
        return str(self.cleaned_data["email"]).lower()


class UserForm(UserModelForm):
    class Meta:
        model = User
        fields = "__all__"

    def clean_email(self) -> str:
        return str(self.cleaned_data["email"]).lower()


class PasswordForm(UserPasswordForm):
    def save(self, commit: bool = True) -> User:
        user: User = super().save(commit)
        sessions.end_all(user=user, now=timezone.now(), reason=EndReason.PASSWORD_CHANGED)
        return user


admin.site.login_form = ThrottledLoginForm


@admin.register(User)
class UserAdmin(UserModelAdmin):
    """Users by e-mail. A new password and deactivation end the user's sessions here too."""

    form = UserForm
    add_form = NewUserForm
    change_password_form = PasswordForm
    ordering = ("email",)
    list_display = ("email", "first_name", "last_name", "is_active", "is_staff", "date_joined")
    search_fields = ("email", "first_name", "last_name")
    readonly_fields = ("last_login", "date_joined")
    fieldsets = (
        (None, {"fields": ("email", "password")}),
        ("Name", {"fields": ("first_name", "last_name")}),
        (
            "Permissions",
            {"fields": ("is_active", "is_staff", "is_superuser", "groups", "user_permissions")},
        ),
        ("Dates", {"fields": ("last_login", "date_joined")}),
    )
    add_fieldsets = ((None, {"fields": ("email", "usable_password", "password1", "password2")}),)

    def save_model(
        self, request: HttpRequest, obj: User, form: "ModelForm[User]", change: bool
    ) -> None:
        super().save_model(request, obj, form, change)
        if change and not obj.is_active:
            sessions.end_all(user=obj, now=timezone.now(), reason=EndReason.DEACTIVATED)


@admin.register(Session)
class SessionAdmin(SessionModelAdmin):
    """Who is signed in where: to look at, and to end."""

    list_display = ("user", "ip_address", "created_at", "last_used_at", "ended_at", "end_reason")
    list_filter = ("end_reason",)
    list_select_related = ("user",)
    search_fields = ("user__email", "ip_address")
    fields = (
        "user",
        "user_agent",
        "ip_address",
        "created_at",
        "last_used_at",
        "expires_at",
        "ended_at",
        "end_reason",
    )
    readonly_fields = fields
    actions = ("end",)

    @admin.action(description="End session", permissions=["end"])
    def end(self, request: HttpRequest, queryset: QuerySet[Session]) -> None:
        now = timezone.now()
        ended = 0
        for session in queryset.filter(ended_at=None).select_related("user"):
            try:
                sessions.end_session(
                    user=session.user,
                    session_id=session.pk,
                    now=now,
                    reason=EndReason.ENDED_BY_ADMIN,
                )
            except NotFound:
                continue  # it ended by itself meanwhile
            self.log_change(request, session, "Ended the session.")
            ended += 1
        self.message_user(request, f"Sessions ended: {ended}.")

    def has_end_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("authentication.change_session")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Session | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Session | None = None) -> bool:
        return False
