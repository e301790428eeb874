"""What a request says of how to read a file, checked. Pure."""

import re

from be.kernel.refusals import Invalid

# One directive of each kind at most: strptime makes a group of each, and fails for two of a name.
_DATE_FORMAT = re.compile(r"(?:%[dmyYbBHMSz]|[-/., :T])+", re.ASCII)
_DIRECTIVE = re.compile(r"%.")


def date_format(text: str) -> str:
    """A format of strptime of days, months, years and times. Raises Invalid (`date_format`)."""
    directives = _DIRECTIVE.findall(text)
    if not _DATE_FORMAT.fullmatch(text) or len(directives) != len({*directives}):
        raise Invalid(
            "Send a format of %d, %m, %y, %Y, %b, %B, %H, %M, %S and %z, each once at most, as in "
            "%d.%m.%Y.",
            field="date_format",
        )
    return text


def symbols(text: str) -> dict[str, str]:
    """Our symbols by those of the file, in capitals: BRK.B=BRK-B,BTC=BTC-USD.

    Raises Invalid (`symbols`).
    """
    found: dict[str, str] = {}
    for pair in filter(None, text.split(",")):
        theirs, is_pair, ours = (part.strip().upper() for part in pair.partition("="))
        if not (theirs and is_pair and ours) or theirs in found:
            raise Invalid(
                "Send the file's symbols with ours, each once: BRK.B=BRK-B,BTC=BTC-USD.",
                field="symbols",
            )
        found[theirs] = ours
    return found
