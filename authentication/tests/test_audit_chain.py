"""The canonical JSON that is hashed, and the hash of a link."""

import hashlib

import pytest

from authentication.rules import audit_chain


def test_a_document_has_one_spelling():
    one = {"b": [1, None, True], "a": {"ä": "x", "c": "y"}}
    other = {"a": {"c": "y", "ä": "x"}, "b": (1, None, True)}
    assert audit_chain.canonical(one) == audit_chain.canonical(other)
    assert audit_chain.canonical(one) == b'{"a":{"c":"y","\\u00e4":"x"},"b":[1,null,true]}'


@pytest.mark.parametrize("value", [1.5, {"deep": [0.1]}, {1: "one"}, object()])
def test_what_has_more_than_one_spelling_is_refused(value: object):
    with pytest.raises(TypeError):
        audit_chain.canonical(value)


def test_a_link_is_the_sha_256_of_a_text_that_anybody_can_write():
    text = b'{"event":{"event":"registered"},"previous_hash":"00","sequence":7}'
    assert (
        audit_chain.link_hash(sequence=7, previous_hash="00", event={"event": "registered"})
        == hashlib.sha256(text).hexdigest()
    )


@pytest.mark.parametrize(
    "change", [{"sequence": 8}, {"previous_hash": "01"}, {"event": {"event": "frozen"}}]
)
def test_each_part_changes_the_hash(change: dict[str, object]):
    sealed = {"sequence": 7, "previous_hash": "00", "event": {"event": "registered"}}
    assert audit_chain.link_hash(**sealed) != audit_chain.link_hash(**{**sealed, **change})  # type: ignore[arg-type]
