#!/usr/bin/env bash
# Good Friday and the employment report: three calendars of the US bond market, three answers.
#
# pandas-market-calendars 5.5.0, calendar SIFMAUS, and QuantLib 1.44, UnitedStates(GovernmentBond).
#
# When the month's employment report comes out on Good Friday, SIFMA recommends that bonds trade until
# noon, and that the day be no settlement day (its notices of 2010, 2012, 2015 and 2026). For such days,
#   * SIFMAUS has those of 2021, 2023 and 2026 (until 12:00), but has those of 2010, 2012 and 2015 as
#     closed. Its sessions lack a trading day in each of these years.
#   * QuantLib has all of them as business days, so that T+1 of the Thursday before settles on Good
#     Friday. SIFMAUS's valid days say the same from 2021 on. Accrued interest is then three days short
#     for every bond bought on that Thursday.
# An ordinary Good Friday (2022) is closed in both.
#
# Output:
#   2010-04-02 SIFMAUS closed QuantLib business-day
#   2012-04-06 SIFMAUS closed QuantLib business-day
#   2015-04-03 SIFMAUS closed QuantLib business-day
#   2021-04-02 SIFMAUS 12:00 QuantLib business-day
#   2022-04-15 SIFMAUS closed QuantLib holiday
#   2023-04-07 SIFMAUS 12:00 QuantLib business-day
#   2026-04-03 SIFMAUS 12:00 QuantLib business-day
#   QuantLib: 2026-04-02 + 1 business day = 2026-04-03
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3.11 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check \
    pandas-market-calendars==5.5.0 pandas==3.1.1 QuantLib==1.44

cat >"$folder/ask.py" <<'PYTHON'
import datetime

import pandas_market_calendars
import QuantLib as ql

sifma = pandas_market_calendars.get_calendar("SIFMAUS")
bonds = ql.UnitedStates(ql.UnitedStates.GovernmentBond)
for day in ("2010-04-02", "2012-04-06", "2015-04-03", "2021-04-02", "2022-04-15", "2023-04-07", "2026-04-03"):
    session = sifma.schedule(day, day)
    until = "closed" if session.empty else f"{session.market_close.iloc[0].tz_convert('America/New_York'):%H:%M}"
    date = datetime.date.fromisoformat(day)
    is_open = bonds.isBusinessDay(ql.Date(date.day, date.month, date.year))
    print(day, "SIFMAUS", until, "QuantLib", "business-day" if is_open else "holiday")
settles = bonds.advance(ql.Date(2, 4, 2026), 1, ql.Days)
print("QuantLib: 2026-04-02 + 1 business day =", settles.ISO())
PYTHON
"$folder/venv/bin/python" "$folder/ask.py" | tee "$folder/seen"
sed -n 's/^#   \(20[0-9-]* SIFMAUS.*\|QuantLib: 2026.*\)$/\1/p' "$0" | diff - "$folder/seen"
echo "The output is as recorded."
