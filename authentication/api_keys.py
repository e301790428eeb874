"""API keys: credentials for programs, made by a signed-in user and good until revoked.

A key acts for its user within its scopes, from the addresses that were listed with it. It survives
a change of the password, as keys do elsewhere; it ends with deactivation, by revocation, and when
its user or an administrator ends everything.
"""

import ipaddress
import uuid
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import lru_cache, partial

from django.db import transaction
from django.db.models import Q, QuerySet

from authentication import audit
from authentication.grants import AccessGrant
from authentication.last_uses import last_uses
from authentication.models import ApiKey, User
from authentication.recent_checks import Live, reader, recent_checks
from authentication.rules import api_key
from authentication.rules.scopes import Scope
from authentication.tokens import InvalidToken
from be.database import statements, transactions
from be.database.rows import Columns, Reader
from be.kernel.identifiers import uuid7
from be.kernel.refusals import Invalid, NotFound, Refusal

MAX_KEYS = 20
MAX_ADDRESSES = 20
LONGEST_NAME = 100

# Runs with every request, as the statement of `authentication.sessions` does for tokens.
_users = Reader(User)
_READ = ("id", "expires_at", "last_used_at")
_columns = Columns(ApiKey, _READ)
_USER_OF_KEY = (
    "SELECT api_key.secret_hash, api_key.scopes, api_key.addresses, "  # noqa: S608
    f"{', '.join(f'api_key.{name}' for name in _READ)}, {_users.columns('person')} "
    "FROM authentication_apikey AS api_key "
    "JOIN authentication_user AS person ON person.id = api_key.user_id "
    "WHERE api_key.key_id = %s AND api_key.revoked_at IS NULL "
    "AND (api_key.expires_at IS NULL OR api_key.expires_at > %s) AND person.is_active"
)
_PLAIN = 3
_OWN = _PLAIN + len(_READ)


class RevokeReason(StrEnum):
    """Why a key was revoked, as stored in `ApiKey.revoke_reason`."""

    BY_USER = "revoked_by_user"
    BY_ADMIN = "revoked_by_admin"
    DEACTIVATED = "deactivated"


class InvalidApiKey(InvalidToken):
    """The key is unknown, revoked, expired, of an inactive user, or not for this address.

    To whoever asks, all of these look the same.
    """

    def __init__(self) -> None:
        Refusal.__init__(
            self,
            "The API key is wrong, expired or revoked, or may not be used from this address.",
        )


class TooManyApiKeys(Refusal):
    code = "too_many_api_keys"
    status = 409
    title = "There are too many API keys"

    def __init__(self) -> None:
        super().__init__(f"You have {MAX_KEYS} API keys; revoke one that is not in use.")


@dataclass(frozen=True, kw_only=True)
class NewApiKey:
    """A key that was just made, with its secret, which nobody can show again."""

    key: ApiKey
    secret: str


def make(
    *,
    user: User,
    name: str,
    scopes: Collection[Scope],
    addresses: Collection[str],
    expires_at: datetime | None,
    now: datetime,
) -> NewApiKey:
    """Make a key for `user`; without `expires_at` it lasts until it is revoked.

    `addresses` are IP addresses and networks; none means everywhere. Raises Invalid and
    TooManyApiKeys.
    """
    if not scopes:
        raise Invalid("Choose one scope at least.", field="scopes")
    if expires_at is not None and expires_at <= now:
        raise Invalid("This time has passed.", field="expires_at")
    pair = api_key.new_pair()
    key = ApiKey(
        id=uuid7(now),
        user=user,
        key_id=pair.key_id,
        secret_hash=api_key.hashed(pair.secret),
        name=name,
        scopes=" ".join(scope for scope in Scope if scope in scopes),
        addresses=api_key.listed([*_networks(addresses)]),
        created_at=now,
        expires_at=expires_at,
    )
    _insert(key)
    return NewApiKey(key=key, secret=pair.secret)


def _networks(addresses: Collection[str]) -> Iterable[api_key.Network]:
    if len(addresses) > MAX_ADDRESSES:
        raise Invalid(f"List {MAX_ADDRESSES} addresses at most.", field="addresses")
    for word in dict.fromkeys(addresses):
        try:
            yield ipaddress.ip_network(word, strict=False)
        except ValueError as error:
            raise Invalid(
                f"{word[:50]!r} is no address and no network, such as 192.0.2.7 or 192.0.2.0/24.",
                field="addresses",
            ) from error


@transactions.atomic
def _insert(key: ApiKey) -> None:
    """Insert, unless the user has too many; their lock makes racing requests count each other."""
    User.objects.select_for_update(of=("self",)).get(pk=key.user_id)
    if live_of(user=key.user).count() >= MAX_KEYS:
        raise TooManyApiKeys
    key.save(force_insert=True)
    audit.record(
        "API key made",
        actor=key.user,
        subject=key.user,
        at=key.created_at,
        key_id=key.key_id,
        name=key.name,
        scopes=key.scopes,
        addresses=key.addresses,
        expires_at=key.expires_at,
    )


def live_of(*, user: User) -> QuerySet[ApiKey]:
    """The keys of `user` that are not revoked, expired ones included."""
    return ApiKey.objects.filter(user=user, revoked_at=None)


def live(now: datetime) -> QuerySet[ApiKey]:
    """The keys that open anything now."""
    unexpired = Q(expires_at=None) | Q(expires_at__gt=now)
    return ApiKey.objects.filter(unexpired, revoked_at=None, user__is_active=True)


@transactions.atomic
def rename(*, user: User, id: uuid.UUID, name: str, now: datetime) -> ApiKey:
    """Change the name of a key. Raises NotFound for a foreign, revoked or missing one."""
    key = live_of(user=user).select_for_update().filter(pk=id).first()
    if key is None:
        raise NotFound("You have no such API key.")
    before, key.name = key.name, name
    key.save(update_fields=["name"])
    audit.record(
        "API key renamed",
        actor=user,
        subject=user,
        at=now,
        before={"name": before},
        after={"name": name},
        key_id=key.key_id,
    )
    return key


@transactions.atomic
def revoke(
    *,
    user: User,
    id: uuid.UUID,
    now: datetime,
    reason: RevokeReason = RevokeReason.BY_USER,
    actor: User | None = None,
) -> None:
    """End one key of `user` at once, by the user or by another `actor`.

    Raises NotFound for a foreign, revoked or missing one.
    """
    if not _revoke(Q(pk=id), user, reason, now, actor or user):
        raise NotFound("You have no such API key.")


@transactions.atomic
def revoke_all(
    *, user: User, now: datetime, reason: RevokeReason, actor: User | None = None
) -> int:
    """End every key of `user`, by the user or by another `actor`; returns how many there were."""
    return _revoke(Q(), user, reason, now, actor or user)


def _revoke(which: Q, user: User, reason: RevokeReason, now: datetime, actor: User) -> int:
    keys = list(live_of(user=user).filter(which).select_for_update())
    for key in keys:
        key.revoked_at, key.revoke_reason = now, reason
        key.save(update_fields=["revoked_at", "revoke_reason"])
        audit.record(
            "API key revoked", actor=actor, subject=user, at=now, key_id=key.key_id, reason=reason
        )
    transaction.on_commit(partial(recent_checks.forget, user.pk))
    return len(keys)


def authenticate(credential: str, *, address: str, now: datetime) -> AccessGrant:
    """The user and scopes of `<key_id>.<secret>`, by one query. Raises InvalidApiKey.

    `address` is the client's; "" if it has none.
    """
    given = _parsed(credential)
    began = recent_checks.begin()
    rows = statements.query(_USER_OF_KEY, (given.key_id, now))
    if not rows:
        raise InvalidApiKey
    row = rows[0]
    stored_hash, scopes, addresses = row[:_PLAIN]
    if not (api_key.same(given.secret_hash, stored_hash) and api_key.is_from(address, addresses)):
        raise InvalidApiKey
    id, expires_at, last_used_at = _columns.load(row[_PLAIN:_OWN])
    last_uses.note(id, now, last=last_used_at)
    user: User = _users.make(row[_OWN:])
    grant = AccessGrant(
        user=user, api_key_id=id, scopes=parse_scopes(scopes), expires_at=expires_at
    )
    live = Live(user.pk, id, grant.scopes, expires_at)
    recent_checks.note(began, (given, address), live)
    return grant


def authenticate_reader(credential: str, *, address: str, now: datetime) -> AccessGrant:
    """As `authenticate`, for what is the same for everybody. Raises InvalidApiKey.

    A key that this process found live in the last second, with this secret and from this address,
    is not looked up again; the user then has an id alone.
    """
    live = _found_just_now(credential, address, now)
    if live is None:
        return authenticate(credential, address=address, now=now)
    return AccessGrant(
        user=reader(live.user_id),
        api_key_id=live.api_key_id,
        scopes=live.scopes,
        expires_at=live.expires_at,
    )


def may_read_just_now(credential: str, *, address: str, now: datetime) -> bool:
    """Whether this process found the key live in the last second, and it may read.

    For what is the same for everybody, without a query. Raises InvalidApiKey.
    """
    live = _found_just_now(credential, address, now)
    return live is not None and Scope.READ in live.scopes


def _found_just_now(credential: str, address: str, now: datetime) -> Live | None:
    live = recent_checks.find((_parsed(credential), address))
    if live is not None and live.expires_at is not None and live.expires_at <= now:
        return None
    return live


def _parsed(credential: str) -> api_key.Presented:
    given = api_key.parse(credential)
    if given is None:
        raise InvalidApiKey
    return given


@lru_cache(maxsize=64)
def parse_scopes(text: str) -> frozenset[Scope]:
    """The scopes that a key's row has."""
    return frozenset(map(Scope, text.split()))
