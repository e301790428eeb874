"""The progress of a command: a bar on a terminal, plain lines in a file or a pipe."""

from django.core.management.base import OutputWrapper

WIDTH = 30
# The number of plain lines that show progress.
PARTS = 4


class ProgressBar:
    """A bar that is redrawn with each report of progress; lines of text stay above it."""

    def __init__(self, out: OutputWrapper) -> None:
        self._out = out
        self._drawn = 0  # characters of the bar on the last line
        self._shown: tuple[str, int] | None = None

    def say(self, line: str) -> None:
        """A line that stays."""
        self.clear()
        self._out.write(f"  {line}")

    def show(self, fraction: float, doing: str) -> None:
        """Show the progress, from 0 to 1, and what is being done."""
        fraction = min(max(fraction, 0.0), 1.0)
        if self._out.isatty():
            self._draw(fraction, doing)
        elif (shown := (doing, int(fraction * PARTS))) != self._shown:
            self._shown = shown
            self._out.write(f"  {fraction:4.0%}  {doing}")

    def clear(self) -> None:
        """Remove the bar."""
        if self._drawn:
            self._out.write(f"\r{' ' * self._drawn}\r", ending="")
            self._drawn = 0

    def _draw(self, fraction: float, doing: str) -> None:
        full = round(fraction * WIDTH)
        bar = f"  [{'#' * full}{'.' * (WIDTH - full)}] {fraction:4.0%}  {doing}"
        self._out.write(f"\r{bar.ljust(self._drawn)}", ending="")
        self._out.flush()
        self._drawn = max(len(bar), self._drawn)
