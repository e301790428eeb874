"""Real prices of stocks, as files."""

import csv
from pathlib import Path

from bokeh_sampledata import stocks


def write(path: Path, name: str, rows: int) -> Path:
    """The first days of a stock, in Bokeh's sample data, as they were."""
    real: dict[str, list[object]] = dict(getattr(stocks, name))
    names = ("date", "open", "high", "low", "close", "volume")
    with path.open("w", newline="") as out:
        writer = csv.writer(out)
        writer.writerow(names)
        writer.writerows(zip(*(real[column][:rows] for column in names), strict=True))
    return path
