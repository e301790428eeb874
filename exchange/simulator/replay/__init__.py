"""Real prices from CSV files, played one after the other in the place of the model's."""

from exchange.simulator.replay.files import Form, Recording, read, refuse_problems
from exchange.simulator.replay.layout import BAR as BAR_COLUMNS
from exchange.simulator.replay.player import TICKS_PER_BAR, Replay, far_off, scale_to
from exchange.simulator.replay.refusals import BadReplayFile
from exchange.simulator.replay.symbols import find as find_symbol

__all__ = [
    "BAR_COLUMNS",
    "TICKS_PER_BAR",
    "BadReplayFile",
    "Form",
    "Recording",
    "Replay",
    "far_off",
    "find_symbol",
    "read",
    "refuse_problems",
    "scale_to",
]
