#!/usr/bin/env bash
# A savings plan that lost nearly everything has one rate of return, and no XIRR.
#
# pyxirr 0.10.8.
#
# 100 dollars on the first of each month for ten years, and little at the end: the flows change their
# sign once, so exactly one annual rate makes them worth nothing (Descartes). pyxirr.xirr finds it
# while what is left is 5 months of payments, and gives None from about one month down, as it does
# for flows that have no rate at all; also when it is given that very rate as its guess. An average
# that leaves out None leaves out the worst plans. Bisection over the value at the end, which has
# no large powers, finds the rate.
#
# Output:
#   left    500: xirr -0.88687 bisection -0.88687
#   left    100: xirr None, guessing it None bisection -0.99974
#   left     50: xirr None, guessing it None bisection -1.00000
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3.11 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check pyxirr==0.10.8

cat >"$folder/ask.py" <<'PYTHON'
from datetime import date

import pyxirr

END = date(2024, 1, 1)
DATES = [*(date(2014 + month // 12, 1 + month % 12, 1) for month in range(120)), END]


def rate_of(amounts: list[float]) -> float:
    """By bisection: the value at the end falls as the rate rises."""
    low, high = -1.0, 1.0
    for _ in range(200):
        rate = (low + high) / 2
        flows = zip(DATES, amounts, strict=True)
        if sum(amount * (1 + rate) ** ((END - day).days / 365) for day, amount in flows) > 0:
            low = rate
        else:
            high = rate
    return low


for left in (500.0, 100.0, 50.0):
    amounts = [-100.0] * 120 + [left]
    found, rate = pyxirr.xirr(DATES, amounts), rate_of(amounts)
    again = pyxirr.xirr(DATES, amounts, guess=rate)
    told = f"{found:.5f}" if found is not None else f"None, guessing it {again}"
    print(f"left {left:>6.0f}: xirr {told} bisection {rate:.5f}")
PYTHON
"$folder/venv/bin/python" "$folder/ask.py" | tee "$folder/seen"
sed -n '/^# Output:/,/^set /s/^#   //p' "$0" | diff - "$folder/seen"
echo "The output is as recorded."
