"""The broker as its bank knows it, read from the environment and checked."""

import re
from datetime import time

from banking.rules import routing_numbers
from banking.rules.nacha.outgoing import Originator
from be.configuration.environment import Environment, Misconfigured

ASSIGNED = re.compile(r"[0-9A-Z ]{1,10}")
NAME = re.compile(r"[ -~]*[0-9A-Za-z][ -~]*")
LONGEST_COMPANY_NAME, LONGEST_NAME = 16, 23


def originator(env: Environment) -> Originator:
    """The settings NACHA_*. Raises Misconfigured for one that is missing or fits in no file."""
    company_id = _assigned(env, "NACHA_COMPANY_ID")
    company_name = _name(env, "NACHA_COMPANY_NAME", longest=LONGEST_COMPANY_NAME)
    destination = _routing_number(env, "NACHA_DESTINATION")
    return Originator(
        company_name=company_name,
        company_id=company_id,
        destination=destination,
        destination_name=_name(env, "NACHA_DESTINATION_NAME", longest=LONGEST_NAME),
        origin=_assigned(env, "NACHA_ORIGIN", default=company_id),
        origin_name=_name(env, "NACHA_ORIGIN_NAME", longest=LONGEST_NAME, default=company_name),
        odfi=_routing_number(env, "NACHA_ODFI", default=destination),
    )


def cutoff(env: Environment) -> time:
    """NACHA_CUTOFF, when a day of transfers ends in New York. Raises Misconfigured."""
    text = env.str("NACHA_CUTOFF", default="17:00")
    if not re.fullmatch(r"([01][0-9]|2[0-3]):[0-5][0-9]", text):
        raise Misconfigured(
            "NACHA_CUTOFF", f"It is {text[:40]!r}.", "Write hours and minutes in New York: 17:00."
        )
    return time.fromisoformat(text)


def _assigned(env: Environment, name: str, *, default: str = "") -> str:
    value = env.str(name, default=default)
    if not ASSIGNED.fullmatch(value):
        raise Misconfigured(
            name,
            "It is no identification that a bank assigns.",
            "Write up to ten digits and capitals, as the bank has assigned them.",
        )
    return value


def _routing_number(env: Environment, name: str, *, default: str = "") -> str:
    value = env.str(name, default=default)
    if not routing_numbers.is_valid(value):
        raise Misconfigured(
            name, "It is no routing number.", "Write the nine digits of the bank's number."
        )
    return value


def _name(env: Environment, name: str, *, longest: int, default: str = "") -> str:
    value = env.str(name, default=default)
    if len(value) > longest or not NAME.fullmatch(value):
        raise Misconfigured(
            name,
            "It is missing, too long, or not plain ASCII.",
            f"Write a name of at most {longest} characters.",
        )
    return value
