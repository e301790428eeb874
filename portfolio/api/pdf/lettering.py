"""The letters of a PDF: the fonts that are embedded in it, and how texts are made to fit.

DejaVu Sans Condensed has Latin, Greek, Cyrillic, Armenian and Georgian letters, and more. A
character that it lacks, or whose script runs from right to left or joins its letters, is shown as
an empty square: nothing here puts such letters in order.
"""

import unicodedata
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont

PLAIN, BOLD = "DejaVuSansCondensed", "DejaVuSansCondensed-Bold"
MISSING = "\u25a1"
ELLIPSIS = "\u2026"

_FOLDER = Path(__file__).parent / "fonts"
_LEFT_TO_RIGHT_OR_NEUTRAL = frozenset(("L", "EN", "ES", "ET", "CS", "ON", "WS", "NSM"))


@cache
def _characters() -> frozenset[int]:
    """What both fonts have; registers them for canvases, once in a process."""
    faces = []
    for name in (PLAIN, BOLD):
        font: Any = TTFont(name, _FOLDER / f"{name}.ttf")
        pdfmetrics.registerFont(font)
        faces.append(frozenset(font.face.charToGlyph))
    return faces[0] & faces[1]


def prepare() -> None:
    """Make the fonts known, before anything is drawn with them."""
    _characters()


def shown(text: str) -> str:
    """The text in characters that can be shown, on one line."""
    return text if text.isascii() and text.isprintable() else _replaced(text)


@lru_cache(maxsize=1024)
def _replaced(text: str) -> str:
    composed = unicodedata.normalize("NFC", " ".join(text.split()))
    return "".join(each if _can_be_shown(each) else MISSING for each in composed)


def _can_be_shown(character: str) -> bool:
    return (
        character.isprintable()
        and ord(character) in _characters()
        and unicodedata.bidirectional(character) in _LEFT_TO_RIGHT_OR_NEUTRAL
    )


@lru_cache(maxsize=8192)
def width(text: str, font: str, size: float) -> float:
    """In points."""
    return float(pdfmetrics.stringWidth(text, font, size))


def fitted(text: str, font: str, size: float, room: float) -> str:
    """The text, or as much of its beginning as has room, and an ellipsis."""
    if width(text, font, size) <= room:
        return text
    low, high = 0, len(text)
    while low < high:
        middle = (low + high + 1) // 2
        if width(f"{text[:middle].rstrip()}{ELLIPSIS}", font, size) <= room:
            low = middle
        else:
            high = middle - 1
    return f"{text[:low].rstrip()}{ELLIPSIS}"


def size_for(text: str, font: str, size: float, room: float) -> float:
    """The size, or a smaller one at which the text has room: a number is never cut."""
    needed = width(text, font, size)
    return size if needed <= room else size * room / needed


def wrapped(text: str, font: str, size: float, room: float) -> list[str]:
    """The text in lines, broken between words; a word that has no room is a line of its own."""
    lines: list[str] = []
    for word in text.split():
        longer = f"{lines[-1]} {word}" if lines else word
        if lines and width(longer, font, size) <= room:
            lines[-1] = longer
        else:
            lines.append(word)
    return lines
