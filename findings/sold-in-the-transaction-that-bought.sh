#!/usr/bin/env bash
# A sale of a lot that the same transaction has bought makes a short lot at an invented cost.
#
# beancount 3.2.3.
#
# Booking matches a sale with the lots that were there before its transaction. In the two examples 10
# shares are bought at 1.00, and 4 of them, named by their label, are sold for 6.00; the posting for
# the gain of 2.00 has been forgotten. In two transactions beancount says so. In one, with STRICT
# booking, it finds no lot to sell from and says nothing: it takes the sale for a new lot, solves for
# its cost so that everything balances, and the account holds 10 shares and minus 4 at 1.50, both
# with the same label. Whoever writes ledgers nets what one transaction brings and takes.
#
# Output:
#   two transactions: Transaction does not balance: (2.00 USD)
#   one transaction: no error, (10 AAPL {1.00 USD, 2026-01-02, "a"}, -4 AAPL {1.50 USD, 2026-01-02, "a"})
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3.11 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check beancount==3.2.3

cat >"$folder/ask.py" <<'PYTHON'
from beancount import loader
from beancount.core.inventory import Inventory

OPENED = '2026-01-01 open Assets:S "STRICT"\n2026-01-01 open Assets:C\n'
BOUGHT = '  Assets:S  10 AAPL {1.00 USD, "a"}\n  Assets:C  -10.00 USD\n'
SOLD = '  Assets:S  -4 AAPL {"a"}\n  Assets:C  6.00 USD\n'
HEAD = '2026-01-02 * "trade"\n'

for name, ledger in (
    ("two transactions", HEAD + BOUGHT + HEAD + SOLD),
    ("one transaction", HEAD + BOUGHT + SOLD),
):
    entries, errors, _ = loader.load_string(OPENED + ledger)
    held = Inventory()
    for entry in entries:
        for posting in getattr(entry, "postings", ()):
            if posting.account == "Assets:S":
                held.add_position(posting)
    said = "; ".join(error.message for error in errors) or f"no error, {held}"
    print(f"{name}: {said}")
PYTHON
"$folder/venv/bin/python" "$folder/ask.py" | tee "$folder/seen"
sed -n '/^# Output:/,/^set /s/^#   //p' "$0" | diff - "$folder/seen"
echo "The output is as recorded."
