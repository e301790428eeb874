"""The market report as one self-contained HTML file."""

import math
from collections.abc import Sequence
from html import escape

import numpy as np

from exchange.simulator.model.arrays import FloatArray
from exchange.simulator.model.catalogue import CATALOGUE
from exchange.simulator.report import realism, svg
from exchange.simulator.report.measurement import MINUTES, STOCKS, Row, Sample
from exchange.simulator.report.svg import Line

_LAGS = (1, 2, 3, 5, 8, 12, 20, 30, 45, 60, 90, 120, 180)
_SHOWN = ("SPY", "AAPL", "TSLA", "BTC-USD", "UST-10Y")
_BUCKET = 10  # minutes
_BINS = 81
_WIDEST = 8.0  # standard deviations
_LEAST_DENSITY = 1e-6
_TOGETHER = (
    *(spec.symbol for spec in CATALOGUE if spec.asset_class in {"stock", "etf"}),
    "BTC-USD",
    "ETH-USD",
    "UST-10Y",
    "CCL-2033",
)

_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem }
table { border-collapse: collapse } td, th { padding: .15rem .8rem; text-align: left }
td.n { text-align: right; font-variant-numeric: tabular-nums } tr.outside { color: #b00020 }
svg { display: block; margin: 1.5rem 0; max-width: 100%; height: auto }
"""


def render(*, title: str, rows: Sequence[Row], sample: Sample) -> str:
    """The whole page: the table of statistics, then the charts."""
    charts = (
        _paths(sample),
        _distribution(sample),
        _memory(sample),
        _by_time_of_day(sample),
        _correlations(sample),
    )
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        f"<style>{_STYLE}</style></head><body><h1>{escape(title)}</h1>{_table(rows)}"
        f"{''.join(charts)}</body></html>\n"
    )


def _table(rows: Sequence[Row]) -> str:
    lines = [
        f'<tr class="{"ok" if row.inside else "outside"}"><td>{escape(row.name)}</td>'
        f'<td class="n">{row.measured:.3f}</td><td class="n">{row.low:.3g}</td>'
        f'<td class="n">{row.high:.3g}</td><td>{"ok" if row.inside else "outside"}</td></tr>'
        for row in rows
    ]
    head = "<tr><th>statistic</th><th>measured</th><th>from</th><th>to</th><th></th></tr>"
    return f"<table>{head}{''.join(lines)}</table>"


def _paths(sample: Sample) -> str:
    """Twenty years, from 100."""
    lines = []
    for symbol in _SHOWN:
        prices = 100 * np.exp(np.concatenate([[0.0], np.cumsum(sample.days[symbol])]))
        thinned = prices[:: max(len(prices) // 600, 1)]
        years = np.linspace(0, len(prices) / 252, len(thinned))
        lines.append(Line(symbol, years, thinned))
    return svg.line_chart("Prices, from 100", lines, x_label="years", logarithmic=True)


def _standardised(returns: FloatArray) -> FloatArray:
    standard: FloatArray = (returns - returns.mean()) / returns.std()
    return standard


def _distribution(sample: Sample) -> str:
    """The density of the stocks' returns, in standard deviations of each stock."""
    edges = np.linspace(-_WIDEST, _WIDEST, _BINS)
    middles = (edges[1:] + edges[:-1]) / 2
    normal = np.exp(-(middles**2) / 2) / math.sqrt(2 * math.pi)
    drawn = normal > _LEAST_DENSITY
    lines = [Line("normal", middles[drawn], normal[drawn])]
    for name, values in (("1 minute", sample.minutes), ("1 day", sample.days)):
        pooled = np.concatenate([_standardised(values[symbol]).ravel() for symbol in STOCKS])
        density, _ = np.histogram(pooled, bins=edges, density=True)
        seen = density > 0
        lines.append(Line(name, middles[seen], density[seen]))
    return svg.line_chart(
        "Density of returns of stocks", lines, x_label="standard deviations", logarithmic=True
    )


def _memory(sample: Sample) -> str:
    lags = np.array(_LAGS, dtype=np.float64)

    def curve(name: str, absolute: bool) -> Line:
        values = [
            realism.median(
                [
                    realism.autocorrelation(np.abs(returns) if absolute else returns, lag)
                    for returns in (sample.minutes[symbol] for symbol in STOCKS)
                ]
            )
            for lag in _LAGS
        ]
        return Line(name, lags, np.array(values))

    lines = [curve("|r|", absolute=True), curve("r", absolute=False)]
    return svg.line_chart("Autocorrelation of 1-minute returns", lines, x_label="lag, minutes")


def _by_time_of_day(sample: Sample) -> str:
    squares = np.mean(
        [_standardised(sample.minutes[symbol]).reshape(-1, MINUTES) ** 2 for symbol in STOCKS],
        axis=(0, 1),
    )
    buckets = squares.reshape(-1, _BUCKET).mean(axis=1)
    return svg.bar_chart(
        "Variance in a session, over its mean", buckets, x_label="tens of minutes since 9:30"
    )


def _correlations(sample: Sample) -> str:
    values: FloatArray = np.atleast_2d(
        np.corrcoef(np.stack([sample.days[symbol] for symbol in _TOGETHER]))
    )
    return svg.matrix_chart("Correlation of daily returns", _TOGETHER, values)
