"""Charts as inline SVG: lines, bars and a coloured matrix, without scripts or external files."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

import numpy as np

from exchange.simulator.model.arrays import FloatArray

WIDTH, HEIGHT = 640, 280
_LEFT, _RIGHT, _TOP, _BOTTOM = 56, 12, 28, 30
_COLOURS = ("#1b6ac9", "#d1495b", "#2e8b57", "#b8860b", "#7b4fb5", "#5f6b7a", "#c2571a")
_TICKS = 5


@dataclass(frozen=True, slots=True)
class Line:
    """A named curve through the points (x, y)."""

    name: str
    x: FloatArray
    y: FloatArray


def line_chart(
    title: str, lines: Sequence[Line], *, x_label: str = "", logarithmic: bool = False
) -> str:
    """Curves over common axes; y must be positive where its axis is logarithmic."""
    if logarithmic:
        lines = [Line(line.name, line.x, np.log10(line.y)) for line in lines]
    frame = _Frame(
        np.concatenate([line.x for line in lines]), np.concatenate([line.y for line in lines])
    )
    body = [frame.axes(logarithmic)]
    for number, line in enumerate(lines):
        points = " ".join(
            f"{x:.1f},{y:.1f}" for x, y in zip(frame.x(line.x), frame.y(line.y), strict=True)
        )
        colour = _COLOURS[number % len(_COLOURS)]
        body.append(f'<polyline points="{points}" fill="none" stroke="{colour}"/>')
        if len(lines) > 1:
            body.append(_text(_LEFT + 8, _TOP + 14 * (number + 1), line.name, colour=colour))
    return _chart(title, body, x_label)


def bar_chart(title: str, values: FloatArray, *, x_label: str = "") -> str:
    """One bar for each value, from zero up."""
    edges = np.arange(len(values) + 1, dtype=np.float64)
    frame = _Frame(edges, np.concatenate([[0.0], values]))
    left, tops, floor = frame.x(edges), frame.y(values), float(frame.y(np.zeros(1))[0])
    bars = [
        f'<rect x="{left[i]:.1f}" y="{tops[i]:.1f}" width="{left[i + 1] - left[i] - 1:.1f}" '
        f'height="{max(floor - tops[i], 0):.1f}" fill="{_COLOURS[0]}"/>'
        for i in range(len(values))
    ]
    return _chart(title, [frame.axes(), *bars], x_label)


def matrix_chart(title: str, names: Sequence[str], values: FloatArray) -> str:
    """A square of cells, blue for 1, white for 0 and red for -1, with their numbers."""
    side = 30
    size = side * len(names) + 80
    cells = []
    for row, name in enumerate(names):
        y = 30 + side * row
        cells.append(_text(70, y + 19, name, anchor="end"))
        cells.append(
            f'<text transform="translate({93 + side * row},{size - 18}) rotate(-60)" '
            f'text-anchor="end" font-size="9">{escape(name)}</text>'
        )
        for column, value in enumerate(values[row].tolist()):
            x = 76 + side * column
            cells.append(
                f'<rect x="{x}" y="{y}" width="{side - 1}" height="{side - 1}" '
                f'fill="{_shade(value)}"/>'
            )
            cells.append(_text(x + side / 2, y + 19, f"{value:.2f}", anchor="middle", size=9))
    heading = _text(8, 18, title, size=13)
    return _svg(size, size + 40, [heading, *cells])


class _Frame:
    """From data to pixels."""

    def __init__(self, x: FloatArray, y: FloatArray) -> None:
        self._x = (float(x.min()), float(x.max()))
        low, high = float(y.min()), float(y.max())
        margin = (high - low or 1.0) * 0.04
        self._y = (low - margin, high + margin)

    def x(self, values: FloatArray) -> FloatArray:
        part = (values - self._x[0]) / (self._x[1] - self._x[0] or 1.0)
        pixels: FloatArray = _LEFT + part * (WIDTH - _LEFT - _RIGHT)
        return pixels

    def y(self, values: FloatArray) -> FloatArray:
        part = (values - self._y[0]) / (self._y[1] - self._y[0])
        pixels: FloatArray = HEIGHT - _BOTTOM - part * (HEIGHT - _BOTTOM - _TOP)
        return pixels

    def axes(self, logarithmic: bool = False) -> str:
        parts = []
        for tick in np.linspace(*self._y, _TICKS):
            y = float(self.y(np.array([tick]))[0])
            shown = f"{10**tick:.2g}" if logarithmic else f"{tick:.3g}"
            parts.append(
                f'<line x1="{_LEFT}" x2="{WIDTH - _RIGHT}" y1="{y:.1f}" y2="{y:.1f}" '
                'stroke="#dddddd"/>'
            )
            parts.append(_text(_LEFT - 6, y + 4, shown, anchor="end"))
        for tick in np.linspace(*self._x, _TICKS):
            x = float(self.x(np.array([tick]))[0])
            parts.append(_text(x, HEIGHT - _BOTTOM + 14, f"{tick:.3g}", anchor="middle"))
        return "".join(parts)


def _chart(title: str, body: Sequence[str], x_label: str) -> str:
    label = _text(WIDTH - _RIGHT, HEIGHT - 4, x_label, anchor="end")
    return _svg(WIDTH, HEIGHT, [_text(8, 18, title, size=13), *body, label])


def _svg(width: float, height: float, body: Sequence[str]) -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
        f'width="{width}" height="{height}" font-family="system-ui, sans-serif" role="img">'
        f"{''.join(body)}</svg>"
    )


def _text(
    x: float,
    y: float,
    text: str,
    *,
    anchor: str = "start",
    colour: str = "#222222",
    size: int = 11,
) -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="{size}" '
        f'fill="{colour}">{escape(text)}</text>'
    )


def _shade(value: float) -> str:
    """White at 0, towards blue at 1 and red at -1."""
    rest = round(255 * (1 - 0.75 * min(abs(value), 1.0)))
    return f"rgb({rest},{rest},255)" if value >= 0 else f"rgb(255,{rest},{rest})"
