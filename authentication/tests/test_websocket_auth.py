"""Who may open a WebSocket, and for how long."""

import pytest
from asgiref.sync import sync_to_async
from django.utils import timezone

from authentication import sessions, websocket
from authentication.tests.api_client import signed_in
from authentication.tests.factories import UserFactory
from authentication.tokens import InvalidToken

pytestmark = pytest.mark.django_db(transaction=True)


@sync_to_async
def new_user_with_tokens():
    user = UserFactory.create()
    return user, signed_in(user)


@sync_to_async
def is_live(session_id):
    return sessions.is_live(session_id=session_id, now=timezone.now())


async def test_an_access_token_tells_who_and_until_when():
    user, tokens = await new_user_with_tokens()

    grant = await websocket.authenticate(tokens.access_token, address="")

    assert grant.user == user
    assert grant.expires_at is not None
    assert grant.expires_at > timezone.now()
    assert await is_live(grant.session_id)


@pytest.mark.parametrize("token", ["", "nonsense", "a.b.c", "\ud800", "\x00", "x" * 100_000])
async def test_what_is_no_token_is_refused(token):
    with pytest.raises(InvalidToken):
        await websocket.authenticate(token, address="")


async def test_a_refresh_token_opens_no_socket():
    _, tokens = await new_user_with_tokens()

    with pytest.raises(InvalidToken):
        await websocket.authenticate(tokens.refresh_token, address="")


async def test_a_socket_falls_when_its_session_ends():
    _, tokens = await new_user_with_tokens()
    grant = await websocket.authenticate(tokens.access_token, address="")

    await sync_to_async(sessions.log_out)(refresh_token=tokens.refresh_token, now=timezone.now())

    assert not await is_live(grant.session_id)
    with pytest.raises(InvalidToken):
        await websocket.authenticate(tokens.access_token, address="")


async def test_a_socket_falls_when_its_user_is_deactivated():
    user, tokens = await new_user_with_tokens()
    grant = await websocket.authenticate(tokens.access_token, address="")

    user.is_active = False
    await user.asave()

    assert not await is_live(grant.session_id)


async def test_a_socket_falls_when_the_password_changes():
    user, tokens = await new_user_with_tokens()
    grant = await websocket.authenticate(tokens.access_token, address="")

    await sync_to_async(sessions.end_all)(
        user=user, now=timezone.now(), reason=sessions.EndReason.PASSWORD_CHANGED
    )

    assert not await is_live(grant.session_id)
