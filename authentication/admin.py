"""Admin pages of users, groups, sessions, API keys, identities and the audit log.

An administrator changes only users who have no permission that the administrator lacks: see
`authentication.privileges`.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.contrib import admin, messages
from django.contrib.auth.admin import GroupAdmin as DjangoGroupAdmin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.models import Group
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.forms import ModelForm
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.html import format_html_join

from authentication import api_keys, identity, privileges, sessions
from authentication.admin_login import OwnPasswordForm, ThrottledLoginForm
from authentication.api_keys import RevokeReason
from authentication.models import (
    ApiKey,
    AuditEvent,
    IdentityApplication,
    IdentityDocument,
    Session,
    User,
)
from authentication.rules.identity import PASSPORT_OR_LICENCE, TRANSITIONS, IdentityStatus
from authentication.sessions import EndReason
from be.admin_pages.base import ModelAdmin, ReadOnlyAdmin
from be.admin_pages.steps import ConfirmationForm, Step, StepPages
from be.database import transactions
from be.kernel.refusals import NotFound

if TYPE_CHECKING:  # unfold has no types, and forms are generic for the type checker only
    from django.contrib.auth.forms import (
        AdminPasswordChangeForm,
        AdminUserCreationForm,
        UserChangeForm,
    )

    NewUserModelForm = AdminUserCreationForm
    UserModelForm = UserChangeForm[User]
    UserPasswordForm = AdminPasswordChangeForm[User]
    UserModelAdmin = DjangoUserAdmin[Any]
    AdminMixin = admin.ModelAdmin[Any]
else:
    from unfold.forms import AdminPasswordChangeForm as UserPasswordForm
    from unfold.forms import UserChangeForm as UserModelForm
    from unfold.forms import UserCreationForm as NewUserModelForm

    UserModelAdmin = DjangoUserAdmin
    AdminMixin = object


class NewUserForm(NewUserModelForm):
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


class OwnUserForm(UserForm):
    """An administrator's own account: flags that would lock them out cannot be removed."""

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        for name in ("is_active", "is_staff", "is_superuser"):
            if getattr(self.instance, name) and not cleaned.get(name, True):
                self.add_error(name, "You can't take this from yourself; somebody else can.")
        return cleaned


class PasswordForm(UserPasswordForm):
    def save(self, commit: bool = True) -> User:
        user: User = super().save(commit)
        sessions.end_all(user=user, now=timezone.now(), reason=EndReason.PASSWORD_CHANGED)
        return user


admin.site.login_form = ThrottledLoginForm
admin.site.password_change_form = OwnPasswordForm  # type: ignore[attr-defined]  # of our site
admin.site.unregister(Group)


class GrantsOwnPermissionsOnly(AdminMixin):
    """Forms offer only the permissions and groups that the administrator may grant."""

    def formfield_for_manytomany(self, db_field: Any, request: Any, **kwargs: Any) -> Any:
        if db_field.name in ("permissions", "user_permissions"):
            kwargs["queryset"] = privileges.grantable_permissions(request.user)
        elif db_field.name == "groups":
            kwargs["queryset"] = privileges.grantable_groups(request.user)
        return super().formfield_for_manytomany(db_field, request, **kwargs)


@admin.register(Group)
class GroupAdmin(GrantsOwnPermissionsOnly, DjangoGroupAdmin, ModelAdmin[Group]):
    """A group with a permission that the administrator lacks is read-only."""

    def has_change_permission(self, request: HttpRequest, obj: Group | None = None) -> bool:
        return super().has_change_permission(request, obj) and _may_administer_group(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Group | None = None) -> bool:
        return super().has_delete_permission(request, obj) and _may_administer_group(request, obj)


def _may_administer_group(request: HttpRequest, group: Group | None) -> bool:
    return group is None or privileges.may_administer_group(_actor(request), group)


def _may_administer(request: HttpRequest, user: User | None) -> bool:
    return user is None or privileges.may_administer(_actor(request), user)


def _actor(request: HttpRequest) -> User:
    assert isinstance(request.user, User)  # noqa: S101 - the admin has made sure
    return request.user


@admin.register(User)
class UserAdmin(GrantsOwnPermissionsOnly, UserModelAdmin, ModelAdmin[User]):
    """Users by e-mail. As in the API, a new password or deactivation ends the user's sessions.

    Deactivation ends their API keys too.

    A user with a permission that the administrator lacks is read-only.
    """

    form = UserForm
    add_form = NewUserForm
    change_password_form = PasswordForm
    ordering = ("email",)
    list_display = ("email", "first_name", "last_name", "is_active", "is_staff", "date_joined")
    search_fields = ("email", "first_name", "last_name")
    readonly_fields = ("last_login", "date_joined", "email_verified_at")
    fieldsets = (
        (None, {"fields": ("email", "password")}),
        ("Name", {"fields": ("first_name", "last_name")}),
        (
            "Permissions",
            {"fields": ("is_active", "is_staff", "is_superuser", "groups", "user_permissions")},
        ),
        ("Dates", {"fields": ("last_login", "date_joined", "email_verified_at")}),
    )
    add_fieldsets = ((None, {"fields": ("email", "usable_password", "password1", "password2")}),)

    def get_form(
        self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any
    ) -> Any:
        if obj is not None and obj == request.user:
            kwargs = {"form": OwnUserForm, **kwargs}
        return super().get_form(request, obj, change=change, **kwargs)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        readonly = super().get_readonly_fields(request, obj)
        return readonly if _actor(request).is_superuser else (*readonly, "is_superuser")

    def get_object(self, request: HttpRequest, object_id: str, *args: Any) -> Any:
        """Locked during a change: the user has no more permissions than when it was allowed."""
        found = super().get_object(request, object_id, *args)
        if found is not None and request.method == "POST":
            found = self.get_queryset(request).select_for_update().get(pk=found.pk)
        return found

    def user_change_password(
        self, request: HttpRequest, id: str, form_url: str = ""
    ) -> HttpResponse:
        return transactions.atomic(super().user_change_password)(request, id, form_url)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_change_permission(request, obj) and _may_administer(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_delete_permission(request, obj) and _may_administer(request, obj)

    def save_model(
        self, request: HttpRequest, obj: User, form: "ModelForm[User]", change: bool
    ) -> None:
        if "email" in form.changed_data:
            obj.email_verified_at = timezone.now()  # the administrator vouches for it
        super().save_model(request, obj, form, change)
        if change and not obj.is_active:
            sessions.end_all(
                user=obj,
                now=timezone.now(),
                reason=EndReason.DEACTIVATED,
                actor=_actor(request),
            )
            api_keys.revoke_all(
                user=obj,
                now=timezone.now(),
                reason=RevokeReason.DEACTIVATED,
                actor=_actor(request),
            )


@admin.register(Session)
class SessionAdmin(ReadOnlyAdmin):
    """Sessions, read-only; an action ends them."""

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
        ended, foreign = 0, set[str]()
        for session in queryset.filter(ended_at=None).select_related("user"):
            if not privileges.may_administer(_actor(request), session.user):
                foreign.add(session.user.email)
                continue
            try:
                sessions.end_session(
                    user=session.user,
                    session_id=session.pk,
                    now=now,
                    reason=EndReason.ENDED_BY_ADMIN,
                    actor=_actor(request),
                )
            except NotFound:
                continue  # it has ended meanwhile
            self.log_change(request, session, "Ended the session.")
            ended += 1
        self.message_user(request, f"Sessions ended: {ended}.")
        if foreign:
            text = f"Left alone, with rights that you don't have: {', '.join(sorted(foreign))}."
            self.message_user(request, text, messages.WARNING)

    def has_end_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("authentication.change_session")


@admin.register(ApiKey)
class ApiKeyAdmin(ReadOnlyAdmin):
    """API keys, without their secrets; an action revokes them."""

    list_display = ("key_id", "user", "name", "scopes", "created_at", "last_used_at", "revoked_at")
    list_filter = (("revoked_at", admin.EmptyFieldListFilter),)
    list_select_related = ("user",)
    search_fields = ("=key_id", "user__email", "name")
    exclude = ("secret_hash",)
    ordering = ("-pk",)
    actions = ("revoke",)

    @admin.action(description="Revoke", permissions=["revoke"])
    def revoke(self, request: HttpRequest, queryset: QuerySet[ApiKey]) -> None:
        actor, now, revoked = _actor(request), timezone.now(), 0
        for key in queryset.filter(revoked_at=None).select_related("user"):
            if not privileges.may_administer(actor, key.user):
                text = f"Left alone, with rights that you don't have: {key.user.email}."
                self.message_user(request, text, messages.WARNING)
                continue
            try:
                api_keys.revoke(
                    user=key.user, id=key.pk, now=now, reason=RevokeReason.BY_ADMIN, actor=actor
                )
            except NotFound:
                continue  # it has been revoked meanwhile
            self.log_change(request, key, "Revoked the key.")
            revoked += 1
        self.message_user(request, f"API keys revoked: {revoked}.")

    def has_revoke_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("authentication.change_apikey")


@admin.register(AuditEvent)
class AuditEventAdmin(ReadOnlyAdmin):
    """The audit log, newest first."""

    list_display = ("at", "event", "actor", "subject", "client", "request_id")
    list_filter = ("event",)
    list_select_related = ("actor", "subject")
    search_fields = ("=id", "=request_id", "actor__email", "subject__email")
    ordering = ("-pk",)


# By which suffix a document is saved.
SUFFIXES = {"image/jpeg": "jpg", "image/png": "png", "application/pdf": "pdf"}
DECIDE = "authentication.decide_identity"


def _may_become(status: IdentityStatus) -> Callable[[IdentityApplication, User, datetime], bool]:
    def is_possible(application: IdentityApplication, by: User, now: datetime) -> bool:
        return status in TRANSITIONS[IdentityStatus(application.status)]

    return is_possible


def _approve(row: IdentityApplication, by: User, given: Mapping[str, Any], now: datetime) -> str:
    identity.approve(actor=by, application_id=row.pk, now=now)
    return "The identity is approved."


def _ask(row: IdentityApplication, by: User, given: Mapping[str, Any], now: datetime) -> str:
    identity.ask_for_documents(actor=by, application_id=row.pk, kinds=PASSPORT_OR_LICENCE, now=now)
    return "A passport or driving licence is asked for."


def _refuse(row: IdentityApplication, by: User, given: Mapping[str, Any], now: datetime) -> str:
    identity.refuse(actor=by, application_id=row.pk, reason=given["reason"], now=now)
    return "The identity is refused."


@admin.register(IdentityApplication)
class IdentityApplicationAdmin(StepPages):
    """Who customers say that they are, and the decision about it. Tax ids by their last digits."""

    list_display = ("submitted_at", "user", "status", "last_name", "country", "decided_at")
    list_filter = ("status",)
    list_select_related = ("user",)
    search_fields = ("user__email", "=id", "last_name")
    ordering = ("-pk",)
    exclude = ("tax_id_encrypted",)
    readonly_fields = ("papers",)
    steps = (
        Step(
            "approve",
            "Approve",
            DECIDE,
            _may_become(IdentityStatus.APPROVED),
            lambda row, by, now: "The customer may trade and transfer where that is required.",
            _approve,
            ConfirmationForm,
        ),
        Step(
            "ask-for-documents",
            "Ask for a passport or licence",
            DECIDE,
            _may_become(IdentityStatus.DOCUMENTS_REQUIRED),
            lambda row, by, now: "The customer is asked for a passport or driving licence.",
            _ask,
            ConfirmationForm,
        ),
        Step(
            "refuse",
            "Refuse",
            DECIDE,
            _may_become(IdentityStatus.REFUSED),
            lambda row, by, now: "The customer reads the reason, and may apply again.",
            _refuse,
        ),
    )

    @admin.display(description="documents")
    def papers(self, application: IdentityApplication) -> str:
        """Links to the documents."""
        found = application.documents.defer("content_encrypted").order_by("pk")
        links = ((_address_of(each), each.kind, each.media_type, each.size) for each in found)
        return format_html_join(" ", '<a href="{}">{} ({}, {} bytes)</a>', links) or "-"

    def get_urls(self) -> list[URLPattern]:
        page = path(
            "document/<uuid:document_id>/",
            self.admin_site.admin_view(self.document_view),
            name="authentication_identitydocument_content",
        )
        return [page, *super().get_urls()]

    def document_view(self, request: HttpRequest, document_id: UUID) -> HttpResponse:
        """A document, as a file to save: what a customer has sent is never shown as a page."""
        if not request.user.has_perm(DECIDE):
            raise PermissionDenied
        found = IdentityDocument.objects.select_related("application").filter(pk=document_id)
        document = found.first()
        if document is None:
            raise Http404
        identity.note_look(document, actor=_actor(request), now=timezone.now())
        name = f"{document.kind}.{SUFFIXES[document.media_type]}"
        return HttpResponse(
            identity.content_of(document),
            content_type=document.media_type,
            headers={
                "Content-Disposition": f'attachment; filename="{name}"',
                "Cache-Control": "no-store",
            },
        )


def _address_of(document: IdentityDocument) -> str:
    return reverse("admin:authentication_identitydocument_content", args=[document.pk])
