#!/usr/bin/env bash
# make.sh COMMIT postgresql://SERVER/EMPTY_DATABASE: write COMMIT.sqlite.sql.gz and
# COMMIT.postgresql.sql.gz beside this script, filled by the code of that commit.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../../.." && pwd)
work=$(mktemp -d)
trap 'git -C "$root" worktree remove --force "$work/then"; rm -r "$work"' EXIT
git -C "$root" worktree add --quiet --detach "$work/then" "$1"
cd "$work/then"
export ENV_FILE=/dev/null VAR_DIR="$work/var" DJANGO_SETTINGS_MODULE=be.settings
python="$root/.venv/bin/python"
for url in "sqlite:///$work/then.sqlite3" "$2"; do
    DATABASE_URL=$url "$python" manage.py migrate --verbosity 0
    DATABASE_URL=$url "$python" "$here/fill.py"
    DATABASE_URL=$url "$python" manage.py check_ledger
done
"$python" -c "import sqlite3, sys; print(*sqlite3.connect(sys.argv[1]).iterdump(), sep='\n')" \
    "$work/then.sqlite3" | gzip -9n > "$here/$1.sqlite.sql.gz"
pg_dump --inserts --no-owner --no-privileges --no-comments "$2" | grep -v -e '^--' -e '^\\' -e '^$' |
    gzip -9n > "$here/$1.postgresql.sql.gz"
