#!/usr/bin/env bash
# A NACHA file of two batches has the same trace number twice.
#
# carta-ach 0.4.5.
#
# Every entry of an ACH file has a trace number: eight digits of the bank that sends it, and a sequence
# number of seven digits, which has to be unique within the file (Nacha Operating Rules, Appendix
# Three) and which a return names its entry by: the addenda of a return have no other field for it.
# The builder begins at 1 again in each batch. So the first entries of two batches, one of debits and
# one of credits, have the same number, and the return of one looks like that of the other.
#
# Output:
#   DEBITS  627 021000020000001
#   CREDITS 622 021000020000001
#   2 entries, 1 trace number
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3.11 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check carta-ach==0.4.5

cat >"$folder/ask.py" <<'PYTHON'
from datetime import datetime

from ach.builder import AchFile

file = AchFile(
    "A",
    {
        "immediate_dest": "021000021",
        "immediate_org": "123456780",
        "immediate_dest_name": "BANK",
        "immediate_org_name": "BROKER",
        "company_id": "1234567890",
    },
)


def entry(code, amount):
    return {
        "type": code,
        "routing_number": "111000025",
        "account_number": "123456789",
        "amount": amount,
        "name": "Ada Lovelace",
    }


day = datetime(2026, 3, 3)
file.add_batch("WEB", [entry("27", "100.00")], credits=False, debits=True, eff_ent_date=day, entry_desc="DEBITS")
file.add_batch("PPD", [entry("22", "40.00")], eff_ent_date=day, entry_desc="CREDITS")
traces, description = [], ""
for line in file.render_to_string().splitlines():
    if line[0] == "5":
        description = line[53:63].strip()
    if line[0] == "6":
        traces.append(line[79:])
        print(f"{description:7} {line[:3]} {line[79:]}")
print(f"{len(traces)} entries, {len(set(traces))} trace number")
PYTHON
"$folder/venv/bin/python" "$folder/ask.py" | tee "$folder/seen"
sed -n 's/^#   \(DEBITS.*\|CREDITS.*\|2 entries.*\)$/\1/p' "$0" | diff - "$folder/seen"
echo "The output is as recorded."
