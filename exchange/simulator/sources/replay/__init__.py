"""Prices from CSV files, played one after the other in the place of the model's."""

from exchange.simulator.sources.replay.files import FileFormat, Recording, read, refuse_problems
from exchange.simulator.sources.replay.player import (
    TICKS_PER_BAR,
    Replay,
    far_from_market,
    scale_to,
)
from exchange.simulator.sources.replay.rules.layout import BAR as BAR_COLUMNS
from exchange.simulator.sources.replay.rules.refusals import BadReplayFile
from exchange.simulator.sources.replay.rules.symbols import find as find_symbol

__all__ = [
    "BAR_COLUMNS",
    "TICKS_PER_BAR",
    "BadReplayFile",
    "FileFormat",
    "Recording",
    "Replay",
    "far_from_market",
    "find_symbol",
    "read",
    "refuse_problems",
    "scale_to",
]
