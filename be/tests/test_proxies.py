"""Which proxies' headers about the client count, and which address results."""

import asyncio
import logging
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from be.configuration.trusted_proxies import TrustedProxies
from be.kernel import addresses
from be.serving.proxies import BehindProxies, client_of

TRUSTED = TrustedProxies.parse(["127.0.0.1", "10.0.0.0/8", "2001:db8:1::/48"])
CLIENT = "198.51.100.7"
FORGED = "203.0.113.9"


def seen(
    *headers: tuple[str, str],
    peer: Any = ("127.0.0.1", 5000),
    kind: str = "http",
    trusted: TrustedProxies = TRUSTED,
    **scope: Any,
) -> dict[str, Any]:
    """The scope that the application gets."""
    got: list[dict[str, Any]] = []

    async def application(scope: Any, receive: Any, send: Any) -> None:
        got.append(scope)

    encoded = [(name.lower().encode(), value.encode("latin-1")) for name, value in headers]
    scope = {"type": kind, "client": peer, "headers": encoded, **scope}
    asyncio.run(BehindProxies(application, trusted)(scope, None, None))
    return got[0]


def address(*headers: tuple[str, str], **options: Any) -> str | None:
    client = seen(*headers, **options)["client"]
    return client[0] if client else None


@pytest.mark.parametrize(
    ("forwarded", "client"),
    [
        (CLIENT, CLIENT),
        (f"{FORGED}, {CLIENT}", CLIENT),
        (f"{FORGED}, {CLIENT}, 10.1.2.3", CLIENT),
        (f"{FORGED},{CLIENT},10.1.2.3,127.0.0.1", CLIENT),
        (f"{CLIENT}:51234", CLIENT),
        ("[2001:db8::7]:51234", "2001:db8::7"),
        ("2001:DB8::7", "2001:db8::7"),
        (f"::ffff:{CLIENT}", CLIENT),
        ("10.0.0.8, 10.0.0.9", "10.0.0.8"),
        # What is no address ends the chain: it is not from one of ours.
        (f"{FORGED}, unknown, 10.1.2.3", "10.1.2.3"),
        (f"{FORGED}, unknown", "127.0.0.1"),
        ("", "127.0.0.1"),
        (",,,", "127.0.0.1"),
    ],
)
def test_of_the_chain_the_right_most_stranger_counts(forwarded: str, client: str):
    assert address(("X-Forwarded-For", forwarded)) == client


def test_several_headers_are_one_chain():
    assert address(("X-Forwarded-For", FORGED), ("X-Forwarded-For", f"{CLIENT}, 10.0.0.1")) == (
        CLIENT
    )


def test_real_ip_is_enough():
    assert address(("X-Real-IP", CLIENT)) == CLIENT
    assert address(("X-Real-IP", "10.9.9.9")) == "10.9.9.9"


def test_a_header_that_a_proxy_passes_on_unread_gives_nobody_an_address_of_choice():
    for real, forwarded in ((FORGED, CLIENT), (CLIENT, FORGED)):
        assert address(("X-Real-IP", real), ("X-Forwarded-For", forwarded)) == "127.0.0.1"
    assert address(("X-Real-IP", FORGED), ("X-Real-IP", CLIENT)) == "127.0.0.1"
    # An address of ours can't be claimed either.
    assert address(("X-Real-IP", "10.0.0.1"), ("X-Forwarded-For", CLIENT)) == CLIENT
    assert address(("X-Real-IP", CLIENT), ("X-Forwarded-For", "10.0.0.1")) == CLIENT


@pytest.mark.parametrize("peer", ["127.0.0.2", "198.51.100.1", "2001:db8:2::1", "::1"])
@pytest.mark.parametrize("trusted", [TRUSTED, TrustedProxies()])
def test_from_anybody_else_nothing_is_believed(peer: str, trusted: TrustedProxies):
    scope = seen(
        ("X-Forwarded-For", FORGED),
        ("X-Real-IP", FORGED),
        ("X-Forwarded-Proto", "https"),
        peer=(peer, 5000),
        trusted=trusted,
        scheme="http",
    )
    assert scope["client"] == (peer, 5000)
    assert scope["scheme"] == "http"


@pytest.mark.parametrize("peer", ["::ffff:127.0.0.1", "::ffff:10.3.2.1", "2001:db8:1::5%eth0"])
def test_a_proxy_is_known_by_any_form_of_its_address(peer: str):
    assert address(("X-Forwarded-For", CLIENT), peer=(peer, 5000)) == CLIENT


def test_a_unix_socket_is_trusted_when_it_is_named():
    assert address(("X-Forwarded-For", CLIENT), peer=None) is None
    trusted = TrustedProxies.parse(["unix"])
    assert address(("X-Forwarded-For", CLIENT), peer=None, trusted=trusted) == CLIENT
    assert address(("X-Forwarded-For", CLIENT), trusted=trusted) == "127.0.0.1"


@pytest.mark.parametrize(
    ("kind", "said", "scheme"),
    [
        ("http", "https", "https"),
        ("http", "HTTPS", "https"),
        ("http", "https, http", "http"),
        ("http", "gopher", "http"),
        ("websocket", "https", "wss"),
        ("websocket", "http", "ws"),
    ],
)
def test_the_nearest_proxy_says_what_was_tls(kind: str, said: str, scheme: str):
    assert seen(("X-Forwarded-Proto", said), kind=kind)["scheme"] == scheme


def test_daphnes_own_list_is_changed_which_its_log_reads():
    peer = ["127.0.0.1", 5000]
    seen(("X-Forwarded-For", CLIENT), peer=peer)
    assert peer == [CLIENT, 0]


def test_the_lifespan_of_a_server_has_no_client():
    assert seen(kind="lifespan")["type"] == "lifespan"


def test_headers_that_are_ignored_are_told_once(caplog: pytest.LogCaptureFixture):
    async def application(scope: Any, receive: Any, send: Any) -> None:
        pass

    behind = BehindProxies(application, TrustedProxies())
    headers = [(b"x-forwarded-for", FORGED.encode())]
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            scope = {"type": "http", "client": ("172.18.0.2", 1), "headers": headers}
            asyncio.run(behind(scope, None, None))
    assert [record.getMessage() for record in caplog.records] == [
        "X-Forwarded-For, X-Forwarded-Proto and X-Real-IP from 172.18.0.2 are ignored. "
        "If a proxy of yours is there, name it in TRUSTED_PROXIES."
    ]


@pytest.mark.parametrize("word", ["nginx", "10.0.0.0/40", "0.0.0.0/0", "::/0", "*", "1.2.3"])
def test_what_is_no_network_or_everybody_is_refused(word: str):
    with pytest.raises(ValueError, match=r"."):
        TrustedProxies.parse([word])


@given(st.text(st.characters(codec="latin-1"), max_size=60), st.ip_addresses())
def test_whatever_a_client_writes_the_proxys_own_addition_counts(written: str, client: Any):
    added = addresses.parse(str(client))
    assert added is not None
    headers = [(b"x-forwarded-for", f"{written}, {client}".encode("latin-1"))]
    if added not in TRUSTED:
        assert client_of(headers, TRUSTED) == added
