"""The `meta` table: the settings of an index, and its id, which no other index has."""

from __future__ import annotations

import sqlite3

from mmsearch.errors import UsageError
from mmsearch.store.layout import IndexFolder
from mmsearch.trust import State, new_id, standing


def get_meta(connection: sqlite3.Connection, key: str) -> str | None:
    """A setting of the index."""
    row = connection.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
    return None if row is None else str(row[0])


def set_meta(connection: sqlite3.Connection, key: str, value: str) -> None:
    """Write a setting of the index, inside the caller's transaction."""
    connection.execute(
        "INSERT INTO meta VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value", (key, value)
    )


def count_commit(connection: sqlite3.Connection) -> int:
    """Count the commit that ends the caller's transaction. Returns the number of commits with it."""
    row = connection.execute(
        "INSERT INTO meta VALUES ('commits', '1') ON CONFLICT (key) DO UPDATE"
        " SET value = CAST(CAST(value AS INTEGER) + 1 AS TEXT) RETURNING value"
    ).fetchone()
    return int(float(row[0]))


def commits(connection: sqlite3.Connection) -> int:
    """How many commits the catalogue has seen since they are counted."""
    row = connection.execute("SELECT CAST(value AS INTEGER) FROM meta WHERE key = 'commits'").fetchone()
    return 0 if row is None else int(row[0])


def index_id(connection: sqlite3.Connection) -> str | None:
    """The id of an index: 128 random bits as hexadecimal digits; None where an older version made it."""
    return get_meta(connection, "id")


def is_own(folder: IndexFolder, connection: sqlite3.Connection) -> bool:
    """Whether this user's mmsearch made the index here, or the user adopted it (see `trust.standing`). False where the
    user's record of trust can't be read."""
    try:
        return standing(folder.path, index_id(connection)).state is State.OWN
    except UsageError:
        return False


def ensure_id(connection: sqlite3.Connection) -> str:
    """The id of an index, given to it now where an older version made it. Inside the caller's transaction."""
    found = index_id(connection)
    if found is None:
        found = new_id()
        set_meta(connection, "id", found)
    return found
