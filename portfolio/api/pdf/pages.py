"""Pages of a PDF, filled from the top down: lines, sums and tables that go on on the next page.

Everything is laid out twice, first without ink, to know how many pages there will be. Sizes are in
points, of which an inch has 72; the paper is US Letter. The same content makes the same bytes.
"""

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from reportlab import rl_config
from reportlab.pdfgen.canvas import Canvas

from portfolio.api.pdf import lettering
from portfolio.api.pdf.lettering import BOLD, PLAIN

WIDTH, HEIGHT = 612.0, 792.0  # US Letter
LEFT, RIGHT = 48.0, WIDTH - 48
TOP, BOTTOM = HEIGHT - 48, 60.0
ROW, HEAD = 13.5, 16.0
TEXT, SMALL, SMALLEST = 8.0, 7.0, 5.5
PADDING = 4.0

Color = tuple[float, float, float]
INK: Color = (0.13, 0.15, 0.19)
GRAY: Color = (0.42, 0.45, 0.50)
ACCENT: Color = (0.07, 0.21, 0.38)
RULE: Color = (0.86, 0.88, 0.90)
SHADE: Color = (0.955, 0.965, 0.975)
WARNING: Color = (0.62, 0.27, 0.02)

# Pages are compressed bytes, and not written as letters, which takes time and a quarter more.
rl_config.useA85 = 0

R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table. Numbers stand at the right, and are made smaller instead of cut.

    Where a text `shrinks`, it is made smaller before it is cut.
    """

    title: str
    width: float
    is_number: bool = False
    shrinks: bool = False


class Ink:
    """Draws on a canvas. The texts of a page are one object, and no color or font is set twice."""

    def __init__(self, canvas: Canvas) -> None:
        self._canvas: Any = canvas
        self._begin_page()

    def _begin_page(self) -> None:
        self._text: Any = self._canvas.beginText()
        self._written_with: tuple[object, ...] = (None, None, None)
        self._drawn_with: bool | None = None

    def write(self, left: float, y: float, text: str, font: str, size: float, color: Color) -> None:
        written_with = font, size, color
        if written_with != self._written_with:
            if color != self._written_with[2]:
                self._text.setFillColorRGB(*color)
            self._text.setFont(font, size)
            self._written_with = written_with
        self._text.setTextOrigin(left, y)
        self._text.textOut(text)

    def rule(self, y: float, left: float, right: float, is_strong: bool) -> None:
        if is_strong != self._drawn_with:
            self._canvas.setStrokeColorRGB(*(ACCENT if is_strong else RULE))
            self._canvas.setLineWidth(0.9 if is_strong else 0.5)
            self._drawn_with = is_strong
        self._canvas.line(left, y, right, y)

    def box(self, left: float, y: float, width: float, height: float) -> None:
        self._canvas.setFillColorRGB(*SHADE)
        self._canvas.roundRect(left, y, width, height, 4, stroke=0, fill=1)

    def end_page(self) -> None:
        self._canvas.drawText(self._text)
        self._canvas.showPage()
        self._begin_page()


class Pages:
    """Where the next thing goes: `y` is how far up the page is still empty.

    `ink` is None while pages are counted. `heading` stands at the top of each page but the
    first, `footing` at the foot of all of them.
    """

    def __init__(self, ink: Ink | None, *, count: int, heading: str, footing: str) -> None:
        self._ink = ink
        self._count, self._heading, self._footing = count, heading, footing
        self.number, self.y = 1, TOP

    def text(
        self,
        x: float,
        y: float,
        text: str,
        *,
        font: str = PLAIN,
        size: float = TEXT,
        color: Color = INK,
        is_right: bool = False,
    ) -> None:
        """Text from x on, or up to x; it must have room."""
        if self._ink is None or not text:
            return
        left = x - lettering.width(text, font, size) if is_right else x
        self._ink.write(left, y, text, font, size, color)

    def rule(
        self, y: float, *, left: float = LEFT, right: float = RIGHT, is_strong: bool = False
    ) -> None:
        """A horizontal line."""
        if self._ink is not None:
            self._ink.rule(y, left, right, is_strong)

    def box(self, y: float, height: float) -> None:
        """A shaded area that begins at y and goes up."""
        if self._ink is not None:
            self._ink.box(LEFT, y, RIGHT - LEFT, height)

    def make_room(self, height: float) -> None:
        """Begin a new page unless this one has so much room."""
        if self.y - height < BOTTOM:
            self.turn()

    def turn(self) -> None:
        """End the page and begin the next one."""
        self.end()
        self.number += 1
        self.y = TOP
        self.text(LEFT, self.y, self._heading, size=SMALL, color=GRAY)
        self.rule(self.y - 6)
        self.y -= 30

    def end(self) -> None:
        """The foot of the page."""
        self.rule(BOTTOM - 14)
        self.text(LEFT, BOTTOM - 26, self._footing, size=SMALL, color=GRAY)
        number = f"Page {self.number} of {self._count}"
        self.text(RIGHT, BOTTOM - 26, number, size=SMALL, color=GRAY, is_right=True)
        if self._ink is not None:
            self._ink.end_page()

    def table(
        self,
        title: str,
        columns: Sequence[Column],
        rows: Sequence[R],
        cells: Callable[[R], Sequence[str]],
        *,
        totals: Sequence[str] = (),
        without: str,
    ) -> None:
        """A table; title and heads are repeated on each page. `without` stands for no rows."""
        self.make_room(24 + HEAD + 2 * ROW)
        self._title(title)
        if not rows:
            self.text(LEFT, self.y - 8, without, color=GRAY)
            self.y -= ROW + 16
            return
        self._heads(columns)
        has_totals = bool(totals) and len(rows) > 1
        for place, row in enumerate(rows, start=1):
            # Totals stand below the last row, not alone on a page.
            needed = 2 * ROW if has_totals and place == len(rows) else ROW
            if self.y - needed < BOTTOM:
                self.turn()
                self._title(f"{title} (continued)")
                self._heads(columns)
            if self._ink is not None:
                self._row(columns, cells(row))
            self.y -= ROW
        if has_totals:
            self._row(columns, totals, font=BOLD)
            self.y -= ROW
        self.y -= 11

    def _title(self, title: str) -> None:
        self.text(LEFT, self.y, title, font=BOLD, size=11, color=ACCENT)
        self.y -= 8

    def _heads(self, columns: Sequence[Column]) -> None:
        self.box(self.y - HEAD + 2, HEAD - 1)
        left = LEFT
        for column in columns:
            x = left + column.width - PADDING if column.is_number else left + PADDING
            self.text(
                x,
                self.y - HEAD + 7,
                column.title,
                font=BOLD,
                size=SMALL,
                color=GRAY,
                is_right=column.is_number,
            )
            left += column.width
        self.y -= HEAD + 8

    def _row(self, columns: Sequence[Column], cells: Sequence[str], *, font: str = PLAIN) -> None:
        left = LEFT
        for column, text in zip(columns, cells, strict=True):
            room = column.width - 2 * PADDING
            if column.is_number:
                size = lettering.size_for(text, font, TEXT, room)
                x = left + column.width - PADDING
                self.text(x, self.y, text, font=font, size=size, is_right=True)
            else:
                known, size = lettering.shown(text), TEXT
                if column.shrinks:
                    size = max(lettering.size_for(known, font, TEXT, room), SMALLEST)
                fits = lettering.fitted(known, font, size, room)
                self.text(left + PADDING, self.y, fits, font=font, size=size)
            left += column.width
        self.rule(self.y - 4)


def written(
    draw: Callable[[Pages], None], *, title: str, author: str, heading: str, footing: str
) -> bytes:
    """The PDF that a function draws. It is called twice."""
    lettering.prepare()
    heading, footing = (
        lettering.fitted(lettering.shown(text), PLAIN, SMALL, RIGHT - LEFT - 80)
        for text in (heading, footing)
    )
    counted = Pages(None, count=0, heading=heading, footing=footing)
    draw(counted)
    buffer = io.BytesIO()
    canvas = Canvas(buffer, pagesize=(WIDTH, HEIGHT), invariant=1, pageCompression=1, lang="en-US")
    canvas.setTitle(title)
    canvas.setAuthor(author)
    pages = Pages(Ink(canvas), count=counted.number, heading=heading, footing=footing)
    draw(pages)
    pages.end()
    canvas.save()
    return buffer.getvalue()
