"""Who may change whom: nobody gives what they don't have, or rules over who has more.

The permission "change user" is what a support desk needs; it must not be a way to every other
permission. So a user, with their password and sessions, is changed only by somebody who has all
that they have, and a permission or group is given only by somebody who has all of it.
"""

from collections.abc import Set as AbstractSet

from django.contrib.auth.models import Group, Permission
from django.db.models import Q, QuerySet

from authentication.models import User


def rights(user: User) -> frozenset[int]:
    """Ids of the permissions that were given to `user`, directly or by groups.

    Also of a deactivated one, who has them again once active. A superuser needs none of them.
    """
    given = Permission.objects.filter(Q(user=user) | Q(group__user=user))
    return frozenset(given.values_list("pk", flat=True))


def may_rule(actor: User, subject: User) -> bool:
    """Whether `actor` has all that `subject` has, and so may change, sign out or delete them."""
    if actor.is_superuser:
        return True
    if subject.is_superuser or (subject.is_staff and not actor.is_staff):
        return False
    return rights(subject) <= rights(actor)


def may_rule_group(actor: User, group: Group) -> bool:
    """Whether `actor` has all that the group gives."""
    return actor.is_superuser or _given_by(group) <= rights(actor)


def _given_by(group: Group) -> AbstractSet[int]:
    return frozenset(group.permissions.values_list("pk", flat=True))


def permissions_to_give(actor: User) -> QuerySet[Permission]:
    """The permissions that `actor` has."""
    everything = Permission.objects.select_related("content_type")
    return everything if actor.is_superuser else everything.filter(pk__in=rights(actor))


def groups_to_give(actor: User) -> QuerySet[Group]:
    """The groups that give nothing which `actor` has not."""
    if actor.is_superuser:
        return Group.objects.all()
    foreign = Permission.objects.exclude(pk__in=rights(actor))
    return Group.objects.exclude(permissions__in=foreign)


def who_may(permission: str) -> QuerySet[User]:
    """The active staff who have a permission, named as "app.codename"."""
    app, codename = permission.split(".")
    chosen = Permission.objects.filter(content_type__app_label=app, codename=codename)
    having = Q(is_superuser=True) | Q(user_permissions__in=chosen)
    having |= Q(groups__permissions__in=chosen)
    return User.objects.filter(having, is_active=True, is_staff=True).distinct()
