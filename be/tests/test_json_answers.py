"""Ready documents are written byte for byte as DRF's renderer writes them."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rest_framework.renderers import JSONRenderer
from rest_framework.test import APIClient

from authentication.tests.api_client import signed_in_client
from be.api.json_answers import encoded
from exchange.tests import market

plain_values = st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.text()
documents = st.lists(
    st.recursive(
        plain_values,
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
        max_leaves=20,
    )
)


@given(documents)
def test_the_bytes_are_those_of_the_renderer(document: Any):
    assert encoded(document) == JSONRenderer().render(document)


@pytest.mark.parametrize("text", ["\x7f", "\u2028", "é", "\x00\x1f\b\t\n", '"\\/', "€😀"])
def test_odd_letters_are_escaped_alike(text: str):
    assert encoded([text]) == JSONRenderer().render([text])


@pytest.mark.django_db
def test_a_client_that_asks_for_indented_json_gets_it():
    market.set_quote(market.make_instrument("AAPL"))
    client: APIClient = signed_in_client(market.make_customer("alice@example.com"))
    url = "/api/exchange/api/v1/orders/"

    indented = client.get(url, headers={"Accept": "application/json; indent=2"})
    usual = client.get(url, headers={"Accept": "application/json"})

    assert indented.content.startswith(b'{\n  "next"')
    assert usual.content == b'{"next":null,"previous":null,"results":[]}'
    assert usual["Content-Type"] == indented["Content-Type"] == "application/json"
    assert {*usual.headers} == {*indented.headers}
