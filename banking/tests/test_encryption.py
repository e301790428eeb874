"""Account numbers at rest."""

import base64
import uuid

import pytest

from banking.rules import encryption
from banking.rules.encryption import InvalidKeyRing, KeyRing, Unreadable

OLD = base64.urlsafe_b64encode(b"\xff" * 32).decode()
NEW = base64.urlsafe_b64encode(bytes(range(32))).decode()
ROW, OTHER_ROW = uuid.uuid4(), uuid.uuid4()
NUMBER = "123456789"


def ring(*keys: str) -> KeyRing:
    return encryption.parse_key_ring(",".join(keys))


def test_a_sealed_number_opens_for_its_row():
    sealed = encryption.seal(ring(NEW), NUMBER, row_id=ROW)

    assert encryption.unseal(ring(NEW), sealed, row_id=ROW) == NUMBER


def test_a_sealed_number_moved_to_another_row_does_not_open():
    sealed = encryption.seal(ring(NEW), NUMBER, row_id=ROW)

    with pytest.raises(Unreadable):
        encryption.unseal(ring(NEW), sealed, row_id=OTHER_ROW)


def test_a_sealed_number_does_not_show_the_number_and_is_never_the_same_twice():
    one, two = (encryption.seal(ring(NEW), NUMBER, row_id=ROW) for _ in range(2))

    assert NUMBER.encode() not in one
    assert one != two


@pytest.mark.parametrize("position", [0, 1, 8, 9, 20, 21, -1])
def test_one_changed_byte_anywhere_is_noticed(position):
    sealed = bytearray(encryption.seal(ring(NEW), NUMBER, row_id=ROW))
    sealed[position] ^= 1

    with pytest.raises(Unreadable):
        encryption.unseal(ring(NEW), bytes(sealed), row_id=ROW)


@pytest.mark.parametrize("length", [0, 1, 9, 15, 21, 30])
def test_a_truncated_value_is_unreadable(length):
    sealed = encryption.seal(ring(NEW), NUMBER, row_id=ROW)

    with pytest.raises(Unreadable):
        encryption.unseal(ring(NEW), sealed[:length], row_id=ROW)


def test_after_a_new_key_was_put_first_old_values_open_and_new_ones_use_it():
    old_value = encryption.seal(ring(OLD), NUMBER, row_id=ROW)
    new_value = encryption.seal(ring(NEW, OLD), NUMBER, row_id=ROW)

    assert encryption.unseal(ring(NEW, OLD), old_value, row_id=ROW) == NUMBER
    assert encryption.unseal(ring(NEW), new_value, row_id=ROW) == NUMBER
    assert not encryption.is_sealed_with_newest(ring(NEW, OLD), old_value)
    assert encryption.is_sealed_with_newest(ring(NEW, OLD), new_value)


def test_a_value_whose_key_was_dropped_is_unreadable():
    sealed = encryption.seal(ring(OLD), NUMBER, row_id=ROW)

    with pytest.raises(Unreadable):
        encryption.unseal(ring(NEW), sealed, row_id=ROW)


def test_equal_numbers_have_equal_fingerprints_and_others_do_not():
    mark = encryption.fingerprint(ring(NEW), ["021000021", NUMBER])

    assert mark == encryption.fingerprint(ring(NEW), ["021000021", NUMBER])
    assert mark != encryption.fingerprint(ring(NEW), ["021000021", "987654321"])
    assert mark != encryption.fingerprint(ring(OLD), ["021000021", NUMBER])
    assert mark != encryption.fingerprint(ring(NEW), ["0210000211", "23456789"])


def test_the_fingerprints_of_a_ring_contain_that_of_each_of_its_keys():
    both = encryption.fingerprints(ring(NEW, OLD), [NUMBER])

    assert both == [
        encryption.fingerprint(ring(NEW), [NUMBER]),
        encryption.fingerprint(ring(OLD), [NUMBER]),
    ]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "Key 1 of the ring has 0 bytes"),
        (f"{NEW},", "Key 2 of the ring has 0 bytes"),
        (base64.urlsafe_b64encode(b"sixteen bytes ok").decode(), "has 16 bytes, not 32"),
        (f"{NEW},not base64 at all", "Key 2 of the ring is not URL-safe base64"),
        (f"{NEW},{NEW}", "the same key twice"),
    ],
)
def test_a_key_ring_that_cannot_be_used_is_refused_without_showing_a_key(text, says):
    with pytest.raises(InvalidKeyRing, match=says) as refusal:
        encryption.parse_key_ring(text)

    assert NEW not in str(refusal.value)


def test_a_key_ring_does_not_print_its_keys():
    assert NEW not in repr(ring(NEW))
    assert repr(bytes(range(32))) not in repr(ring(NEW))


def test_in_development_the_ring_follows_from_the_secret_key():
    sealed = encryption.seal(encryption.development_key_ring("one"), NUMBER, row_id=ROW)

    assert encryption.unseal(encryption.development_key_ring("one"), sealed, row_id=ROW) == NUMBER
    with pytest.raises(Unreadable):
        encryption.unseal(encryption.development_key_ring("two"), sealed, row_id=ROW)
