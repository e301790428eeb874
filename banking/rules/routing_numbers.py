"""Routing numbers of US banks: nine digits, of which the last is a check digit.

Source: American Bankers Association, Routing Number Policy, and
https://en.wikipedia.org/wiki/ABA_routing_transit_number#Check_digit.
"""

import re

PATTERN = re.compile(r"[0-9]{9}")
WEIGHTS = (3, 7, 1) * 3


def has_right_check_digit(number: str) -> bool:
    """Whether 3(d1+d4+d7) + 7(d2+d5+d8) + (d3+d6+d9) ≡ 0 mod 10, for nine digits.

    Nine zeros satisfy the formula and name no bank.
    """
    weighted = sum(weight * int(digit) for weight, digit in zip(WEIGHTS, number, strict=True))
    return weighted > 0 and weighted % 10 == 0


def is_valid(number: str) -> bool:
    """Whether the text is a routing number."""
    return PATTERN.fullmatch(number) is not None and has_right_check_digit(number)
