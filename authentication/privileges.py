"""The guard against privilege escalation: who may change whom, and grant what.

The permission "change user" is what a support desk needs. It must not open a way to every other
permission. So an administrator changes a user, with their password and sessions, only if the
administrator has every permission that the user has. A permission or group is granted only by
somebody who has all of it.
"""

from collections.abc import Set as AbstractSet

from django.contrib.auth.models import Group, Permission
from django.db.models import Q, QuerySet

from authentication.models import User


def granted_permissions(user: User) -> frozenset[int]:
    """Ids of the permissions that `user` was granted, directly or by groups.

    Those of a deactivated user count too: they are back once the user is active again. A superuser
    needs none of them.
    """
    granted = Permission.objects.filter(Q(user=user) | Q(group__user=user))
    return frozenset(granted.values_list("pk", flat=True))


def may_administer(actor: User, subject: User) -> bool:
    """Whether `actor` has all that `subject` has, and so may change, sign out or delete them."""
    if actor.is_superuser:
        return True
    if subject.is_superuser or (subject.is_staff and not actor.is_staff):
        return False
    return granted_permissions(subject) <= granted_permissions(actor)


def may_administer_group(actor: User, group: Group) -> bool:
    """Whether `actor` has all permissions of the group, and so may change or delete it."""
    return actor.is_superuser or _permissions_of(group) <= granted_permissions(actor)


def _permissions_of(group: Group) -> AbstractSet[int]:
    return frozenset(group.permissions.values_list("pk", flat=True))


def grantable_permissions(actor: User) -> QuerySet[Permission]:
    """The permissions that `actor` has, and so may grant."""
    everything = Permission.objects.select_related("content_type")
    if actor.is_superuser:
        return everything
    return everything.filter(pk__in=granted_permissions(actor))


def grantable_groups(actor: User) -> QuerySet[Group]:
    """The groups without a permission that `actor` lacks."""
    if actor.is_superuser:
        return Group.objects.all()
    lacking = Permission.objects.exclude(pk__in=granted_permissions(actor))
    return Group.objects.exclude(permissions__in=lacking)


def staff_with(permission: str) -> QuerySet[User]:
    """The active staff who have a permission, named as "app.codename"."""
    app, codename = permission.split(".")
    chosen = Permission.objects.filter(content_type__app_label=app, codename=codename)
    having = Q(is_superuser=True) | Q(user_permissions__in=chosen)
    having |= Q(groups__permissions__in=chosen)
    return User.objects.filter(having, is_active=True, is_staff=True).distinct()
