"""How far a command is: a bar on a terminal, plain lines in a file or a pipe."""

from django.core.management.base import OutputWrapper

WIDTH = 30
# How often a plain line says how far it is.
PARTS = 4


class ProgressBar:
    """Draws itself anew at each word about progress; what is said stands above it."""

    def __init__(self, out: OutputWrapper) -> None:
        self._out = out
        self._drawn = 0  # characters of the bar that stands on the last line
        self._told: tuple[str, int] | None = None

    def say(self, line: str) -> None:
        """A line that stays."""
        self.clear()
        self._out.write(f"  {line}")

    def show(self, fraction: float, doing: str) -> None:
        """So far it is, from 0 to 1, and that is being done."""
        fraction = min(max(fraction, 0.0), 1.0)
        if self._out.isatty():
            self._draw(fraction, doing)
        elif (told := (doing, int(fraction * PARTS))) != self._told:
            self._told = told
            self._out.write(f"  {fraction:4.0%}  {doing}")

    def clear(self) -> None:
        """Take the bar away."""
        if self._drawn:
            self._out.write(f"\r{' ' * self._drawn}\r", ending="")
            self._drawn = 0

    def _draw(self, fraction: float, doing: str) -> None:
        full = round(fraction * WIDTH)
        bar = f"  [{'#' * full}{'.' * (WIDTH - full)}] {fraction:4.0%}  {doing}"
        self._out.write(f"\r{bar.ljust(self._drawn)}", ending="")
        self._out.flush()
        self._drawn = max(len(bar), self._drawn)
