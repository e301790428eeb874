"""Strict parsing of whole numbers and ids."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from be.kernel.identifiers import parse_or_none
from be.kernel.numbers import LARGEST, whole_number

ODD = [
    "",
    " 5",
    "5 ",
    "5\n",
    "+5",
    "-5",
    "-0",
    "5.0",
    "5e0",
    "0x5",
    "1_0",
    "٣",
    "５",
    "²",
    "5\x00",
    "Infinity",
    "NaN",
    "9" * 20,
    "0" * 19 + "5",
    "1" * 5000,
]


@pytest.mark.parametrize("text", ODD)
def test_what_is_not_a_plain_number_is_none(text: str):
    assert whole_number(text) is None


@given(number=st.integers(0, LARGEST), least=st.integers(0, 10), most=st.integers(0, LARGEST))
def test_a_number_is_read_to_its_last_digit_and_within_its_bounds(
    number: int, least: int, most: int
):
    expected = number if least <= number <= most else None
    assert whole_number(str(number), least=least, most=most) == expected


@given(st.text(max_size=30))
def test_no_text_raises_or_is_read_in_part(text: str):
    value = whole_number(text)
    assert value is None or (text.isascii() and text.lstrip("0") in (str(value), ""))


def test_zeros_in_front_hide_nothing():
    assert whole_number("0000000011000", most=200) is None
    assert whole_number("0000000000200", most=200) == 200


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x",
        "019c_f10-3180-7000-9d72-21103e693a73",
        "{019caf10-3180-7000-9d72-21103e693a73}",
        "urn:uuid:019caf10-3180-7000-9d72-21103e693a73",
        "٠19caf10-3180-7000-9d72-21103e693a73",
        "019caf10-3180-7000-9d72-21103e693a73\n",
        "0-19caf1031807000-9d7221103e693a73",
    ],
)
def test_an_id_is_read_whole_too(text: str):
    assert parse_or_none(text) is None


def test_an_id_in_capitals_or_without_hyphens_is_the_same():
    plain = parse_or_none("019caf10-3180-7000-9d72-21103e693a73")
    assert plain is not None
    assert parse_or_none(str(plain).upper()) == parse_or_none(plain.hex) == plain
