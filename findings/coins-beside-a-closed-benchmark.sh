#!/usr/bin/env bash
# A coin trades on seven days, its benchmark on five: two libraries, two ways to lose the weekend.
#
# quantstats 0.0.86 and empyrical-reloaded 0.7.1, pandas 3.1.1, NumPy 2.4.6.
#
# Both take a series of returns and one of a benchmark, and say nothing when their days differ. Here
# both are the same asset: one price path, which the benchmark shows on weekdays only. The true beta
# is 1.
#   * quantstats fills the benchmark's missing days backwards (`bfill`): Saturday and Sunday get
#     Monday's price. So all that the market did over the weekend is dated to Saturday, two days
#     before anybody could know it, and Monday has a return of zero.
#   * empyrical keeps the days that both have. The coin's own returns of Saturday and Sunday are
#     dropped, while the benchmark's Monday still has the sum of all three.
# The asset has a beta below 1 to itself in both. What has a beta of 1 are returns made of prices on
# the days that both have.
#
# Output:
#   the benchmark as quantstats aligns it: Fri +0.000 Sat +0.100 Sun +0.000 Mon +0.000 Tue +0.000
#   the days that empyrical aligns: Fri Mon Tue
#   beta of an asset to itself: quantstats 0.710 empyrical 0.715 common days 1.000
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3.11 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check \
    quantstats==0.0.86 empyrical-reloaded==0.7.1 pandas==3.1.1 numpy==2.4.6

cat >"$folder/ask.py" <<'PYTHON'
import math
import warnings

warnings.filterwarnings("ignore")
import empyrical
import pandas as pd
import quantstats
from quantstats import utils


def shown(path: pd.Series) -> pd.Series:
    """The benchmark: the same prices, on weekdays."""
    return path[path.index.dayofweek < 5]


def names(days) -> list[str]:
    return [f"{day:%a}" for day in days]


# Thursday to Tuesday: 100 until Friday, 110 on Monday, reached in two steps on the weekend.
week = pd.Series([100, 100, 105, 110, 110, 110.0], pd.date_range("2024-01-04", periods=6))
coin, market = week.pct_change().dropna(), shown(week).pct_change().dropna()
aligned = utils._prepare_benchmark(market, coin.index)
both = pd.concat([coin, market], axis=1, join="inner")
print(
    "the benchmark as quantstats aligns it:",
    *(f"{name} {value:+.3f}" for name, value in zip(names(aligned.index), aligned, strict=True)),
)
print("the days that empyrical aligns:", *names(both.index))

# Two years of steps without a pattern in the weeks.
steps = [0.02 * math.sin(7.3 * step * step) for step in range(728)]
path = pd.Series(steps, pd.date_range("2024-01-01", periods=728)).cumsum().map(math.exp)
coin, market = path.pct_change().dropna(), shown(path).pct_change().dropna()
common = pd.concat([path, shown(path)], axis=1, join="inner").pct_change().dropna()
print(
    "beta of an asset to itself:",
    f"quantstats {quantstats.stats.greeks(coin, market)['beta']:.3f}",
    f"empyrical {empyrical.beta(coin, market):.3f}",
    f"common days {empyrical.beta(common[0], common[1]):.3f}",
)
PYTHON
"$folder/venv/bin/python" "$folder/ask.py" | tee "$folder/seen"
sed -n '/^# Output:/,/^set /s/^#   //p' "$0" | diff - "$folder/seen"
echo "The output is as recorded."
