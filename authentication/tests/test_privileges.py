"""The guard against privilege escalation. Sam works at the support desk."""

import pytest
from django.contrib.auth.models import Group, Permission
from django.test import Client

from authentication.models import User
from authentication.tests.api_client import client_with, signed_in
from authentication.tests.browsers import browser
from authentication.tests.factories import PASSWORD, UserFactory

USERS = "/admin/authentication/user/"
GROUPS = "/admin/auth/group/"
SESSIONS = "/admin/authentication/session/"
DESK = (
    "view_user",
    "add_user",
    "change_user",
    "delete_user",
    "view_group",
    "add_group",
    "change_group",
    "delete_group",
    "view_session",
    "change_session",
)


def permission(codename: str) -> Permission:
    return Permission.objects.get(codename=codename)


def staff(email: str, *codenames: str, **fields: object) -> User:
    user = UserFactory.create(email=email, is_staff=True, **fields)
    user.user_permissions.set(Permission.objects.filter(codename__in=codenames))
    return user


def group(name: str, *codenames: str) -> Group:
    made = Group.objects.create(name=name)
    made.permissions.set(Permission.objects.filter(codename__in=codenames))
    return made


@pytest.fixture
def sam(db: None) -> User:
    return staff("sam@example.com", *DESK)


@pytest.fixture
def desk(sam: User) -> Client:
    return browser(sam)


@pytest.fixture
def root(db: None) -> User:
    return User.objects.create_superuser("root@example.com", PASSWORD)


def form_of(user: User, **changes: object) -> dict[str, object]:
    kept = {
        "email": user.email,
        "first_name": user.first_name,
        "last_name": user.last_name,
        "user_permissions": [row.pk for row in user.user_permissions.all()],
        "groups": [row.pk for row in user.groups.all()],
        **{name: "on" for name in ("is_active", "is_staff", "is_superuser") if getattr(user, name)},
        **changes,
    }
    return {name: value for name, value in kept.items() if value is not None}


def new_password(**also: str) -> dict[str, str]:
    return {"usable_password": "true", "password1": "a battery", "password2": "a battery", **also}


def stored(user: User) -> tuple[object, set[int], set[int]]:
    values = User.objects.filter(pk=user.pk).values().get()
    return (
        values,
        set(user.user_permissions.values_list("pk", flat=True)),
        set(user.groups.values_list("pk", flat=True)),
    )


@pytest.mark.parametrize("whom", ["themselves", "a customer", "a colleague"])
def test_change_user_makes_nobody_a_superuser(desk, sam, alice, whom):
    subject = {
        "themselves": sam,
        "a customer": alice,
        "a colleague": staff("ann@example.com", "view_user"),
    }[whom]

    answer = desk.post(f"{USERS}{subject.pk}/change/", form_of(subject, is_superuser="on"))

    assert answer.status_code == 302
    subject.refresh_from_db()
    assert not subject.is_superuser


def test_a_superuser_may_still_make_one(root, alice):
    browser(root).post(f"{USERS}{alice.pk}/change/", form_of(alice, is_superuser="on"))

    alice.refresh_from_db()
    assert alice.is_superuser


def test_only_permissions_one_has_can_be_given(desk, sam, alice):
    for subject in (sam, alice):
        before = stored(subject)
        wanted = [permission("view_user").pk, permission("change_corporateaction").pk]
        answer = desk.post(
            f"{USERS}{subject.pk}/change/", form_of(subject, user_permissions=wanted)
        )
        assert answer.status_code == 200
        assert "not one of the available choices" in answer.content.decode()
        assert stored(subject) == before

    desk.post(
        f"{USERS}{alice.pk}/change/",
        form_of(alice, is_staff="on", user_permissions=[permission("view_user").pk]),
    )
    alice.refresh_from_db()
    assert alice.is_staff
    assert alice.has_perm("authentication.view_user")


def test_only_groups_that_give_what_one_has_can_be_given(desk, alice):
    readers, traders = group("readers", "view_user"), group("traders", "view_user", "add_group")
    money = group("money", "view_user", "add_corporateaction")
    page = desk.get(f"{USERS}{alice.pk}/change/").content.decode()
    assert f'<option value="{readers.pk}">readers' in page
    assert "money" not in page

    answer = desk.post(f"{USERS}{alice.pk}/change/", form_of(alice, groups=[money.pk]))
    assert answer.status_code == 200
    assert not alice.groups.exists()

    desk.post(f"{USERS}{alice.pk}/change/", form_of(alice, groups=[readers.pk, traders.pk]))
    assert set(alice.groups.all()) == {readers, traders}


@pytest.mark.parametrize("more", ["superuser", "off duty superuser", "permission", "group"])
def test_who_has_more_is_not_changed_deleted_or_given_a_password(desk, more):
    boss = staff("boss@example.com", "view_user")
    if "superuser" in more:
        boss.is_superuser = True
        boss.is_active = "off" not in more
        boss.save()
    elif more == "permission":
        boss.user_permissions.add(permission("change_corporateaction"))
    else:
        boss.groups.add(group("money", "change_corporateaction"))
    before = stored(boss)

    answers = [
        desk.post(f"{USERS}{boss.pk}/change/", form_of(boss, is_active=None)),
        desk.post(f"{USERS}{boss.pk}/change/", form_of(boss, email="sam2@example.com")),
        desk.get(f"{USERS}{boss.pk}/password/"),
        desk.post(f"{USERS}{boss.pk}/password/", new_password()),
        desk.post(
            f"{USERS}{boss.pk}/password/",
            {"usable_password": "false", "unset-password": "Disable"},
        ),
        desk.post(f"{USERS}{boss.pk}/delete/", {"post": "yes"}),
        desk.post(
            USERS,
            {"action": "delete_selected", "_selected_action": [str(boss.pk)], "post": "yes"},
        ),
    ]

    assert [answer.status_code for answer in answers[:6]] == [403] * 6
    assert stored(boss) == before
    assert desk.get(f"{USERS}{boss.pk}/change/").status_code == 200, "to look at"


def test_staff_of_no_more_rights_and_customers_are_the_desks_business(desk, alice):
    ann = staff("ann@example.com", "view_user")
    for subject in (ann, alice):
        assert desk.post(f"{USERS}{subject.pk}/password/", new_password()).status_code == 302
        subject.refresh_from_db()
        assert subject.check_password("a battery")
        assert (
            desk.post(f"{USERS}{subject.pk}/change/", form_of(subject, is_active=None)).status_code
            == 302
        )
        subject.refresh_from_db()
        assert not subject.is_active
    assert desk.post(f"{USERS}{ann.pk}/delete/", {"post": "yes"}).status_code == 302
    assert not User.objects.filter(pk=ann.pk).exists()


def test_a_new_user_has_no_rights_whatever_is_sent(desk):
    desk.post(
        f"{USERS}add/",
        new_password(
            email="new@example.com",
            is_superuser="on",
            is_staff="on",
            user_permissions=str(permission("view_user").pk),
        ),
    )

    new = User.objects.get(email="new@example.com")
    assert (new.is_superuser, new.is_staff, new.user_permissions.count()) == (False, False, 0)


def test_a_group_is_a_way_to_no_more_rights(desk, sam):
    own, money = group("own", "view_user"), group("money", "add_corporateaction")
    sam.groups.add(own)
    more = permission("add_corporateaction").pk

    answers = [
        desk.post(f"{GROUPS}add/", {"name": "new", "permissions": [more]}),
        desk.post(f"{GROUPS}{own.pk}/change/", {"name": "own", "permissions": [more]}),
        desk.post(f"{GROUPS}{money.pk}/change/", {"name": "mine", "permissions": []}),
        desk.post(f"{GROUPS}{money.pk}/delete/", {"post": "yes"}),
    ]

    assert [answer.status_code for answer in answers] == [200, 200, 403, 403]
    made = Group.objects.filter(name__in=["own", "money", "new", "mine"])
    assert {group.name for group in made} == {"own", "money"}
    assert list(money.permissions.all()) == [permission("add_corporateaction")]
    assert list(own.permissions.all()) == [permission("view_user")]

    desk.post(
        f"{GROUPS}{own.pk}/change/",
        {"name": "own", "permissions": [permission("change_user").pk]},
    )
    assert list(own.permissions.all()) == [permission("change_user")]


def test_sessions_of_who_has_more_go_on(desk, root, alice):
    of_root, of_alice = signed_in(root), signed_in(alice)
    chosen = [str(user.sessions.get().pk) for user in (root, alice)]

    answer = desk.post(SESSIONS, {"action": "end", "_selected_action": chosen}, follow=True)

    assert client_with(of_root.access_token).get("/api/auth/me/").status_code == 200
    assert client_with(of_alice.access_token).get("/api/auth/me/").status_code == 401
    assert "root@example.com" in answer.content.decode()


@pytest.mark.parametrize("name", ["is_active", "is_staff", "is_superuser"])
def test_an_administrator_can_not_lock_themselves_out(root, name):
    answer = browser(root).post(f"{USERS}{root.pk}/change/", form_of(root, **{name: None}))

    assert answer.status_code == 200
    assert "from yourself" in answer.content.decode()
    root.refresh_from_db()
    assert getattr(root, name)


def test_ones_own_new_password_ends_ones_sessions_of_the_api(sam):
    tokens = signed_in(sam)
    client = browser(sam)
    url = "/admin/password_change/"
    assert client.get(url).status_code == 200
    form = {
        "old_password": PASSWORD,
        "new_password1": "a battery, new",
        "new_password2": "a battery, new",
    }
    assert client.post(url, {**form, "old_password": "wrong"}).status_code == 200
    assert client_with(tokens.access_token).get("/api/auth/me/").status_code == 200

    assert client.post(url, form).status_code == 302

    assert client_with(tokens.access_token).get("/api/auth/me/").status_code == 401
    assert client.get(USERS).status_code == 200, "the browser that did it stays signed in"
