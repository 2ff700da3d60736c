#!/usr/bin/env bash
# Back up an installation: deploy/backup.sh FOLDER
# Writes focus-<time>.tar.gz with the database and the instance folder; the server may go on running.
set -euo pipefail

folder=${1:?usage: deploy/backup.sh FOLDER}
instance=${FOCUS_INSTANCE:-instance}
name=focus-$(date -u +%Y%m%dT%H%M%SZ)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

if [ -n "${DATABASE_URL:-}" ] && [[ $DATABASE_URL != sqlite* ]]; then
    pg_dump --format=custom --file="$work/focus.dump" "${DATABASE_URL/+psycopg2/}"
else
    # SQLite's own backup gives one consistent file while the server writes.
    python3 - "$instance/focus.db" "$work/focus.db" <<'PY'
import sqlite3, sys
with sqlite3.connect(f"file:{sys.argv[1]}?mode=ro", uri=True) as source, sqlite3.connect(sys.argv[2]) as target:
    source.backup(target)
PY
fi
tar --create --file="$work/instance.tar" --directory="$instance" \
    --exclude='focus.db*' --exclude='exports' --exclude='*.lock' .
mkdir -p "$folder"
tar --create --gzip --file="$folder/$name.tar.gz" --directory="$work" .
echo "$folder/$name.tar.gz"
