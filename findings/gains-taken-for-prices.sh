#!/usr/bin/env bash
# A good week is taken for prices: the larger the gain, the worse the figures.
#
# quantstats 0.0.86, pandas 3.1.1, NumPy 2.4.6; empyrical-reloaded 0.7.1 beside it.
#
# The functions of quantstats.stats take returns or prices and guess which: a series that has no
# value below zero and one above 1 is taken for prices. A short series of returns without a loss, of
# which one more than doubled the money (a coin, an option, or a first deposit that is counted as a
# return), is such a series. It becomes "returns" of these returns, in silence: an account that never
# fell has lost everything, and the best day was one of 7,400 %. The one function that does not
# guess, `comp`, says what it gained. With one tiny loss anywhere all figures are right again.
#
# Output:
#   returns +1% +2% +150% 0% +3%: gained 165% cagr -100% max_drawdown -100% best 7400%
#   the same after a day of -0.01%: gained 165% max_drawdown -0% best 150%
#   empyrical on the first: max_drawdown 0%
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3.11 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check \
    quantstats==0.0.86 empyrical-reloaded==0.7.1 pandas==3.1.1 numpy==2.4.6

cat >"$folder/ask.py" <<'PYTHON'
import warnings

warnings.filterwarnings("ignore")
import empyrical
import pandas as pd
from quantstats import stats


def series(values: list[float]) -> pd.Series:
    return pd.Series(values, pd.bdate_range("2024-01-01", periods=len(values)))


gains = [0.01, 0.02, 1.5, 0.0, 0.03]
good, nearly = series(gains), series([-0.0001, *gains])
print(
    f"returns +1% +2% +150% 0% +3%: gained {stats.comp(good):.0%} cagr {stats.cagr(good):.0%}",
    f"max_drawdown {stats.max_drawdown(good):.0%} best {stats.best(good):.0%}",
)
print(
    f"the same after a day of -0.01%: gained {stats.comp(nearly):.0%}",
    f"max_drawdown {stats.max_drawdown(nearly):.0%} best {stats.best(nearly):.0%}",
)
print(f"empyrical on the first: max_drawdown {empyrical.max_drawdown(good):.0%}")
PYTHON
"$folder/venv/bin/python" "$folder/ask.py" | tee "$folder/seen"
sed -n '/^# Output:/,/^set /s/^#   //p' "$0" | diff - "$folder/seen"
echo "The output is as recorded."
