#!/usr/bin/env bash
# Bring back what deploy/backup.sh wrote: deploy/restore.sh ARCHIVE
# The server has to be stopped; FOCUS_INSTANCE has to name a folder without a database, or DATABASE_URL an empty database.
set -euo pipefail

archive=${1:?usage: deploy/restore.sh ARCHIVE}
instance=${FOCUS_INSTANCE:-instance}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

tar --extract --gzip --file="$archive" --directory="$work"
mkdir -p "$instance"
if [ -f "$work/focus.dump" ]; then
    pg_restore --no-owner --exit-on-error --dbname="${DATABASE_URL/+psycopg2/}" "$work/focus.dump"
elif [ -e "$instance/focus.db" ]; then
    echo "$instance/focus.db exists; move it away first" >&2
    exit 1
else
    cp "$work/focus.db" "$instance/focus.db"
fi
tar --extract --file="$work/instance.tar" --directory="$instance"
echo "restored into $instance"
