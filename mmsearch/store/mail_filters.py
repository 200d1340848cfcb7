"""The part of a filter that concerns messages: their sender, recipients, subject and date. A mailbox passes for some of
its messages, so it is decided by segment, whose details hold the fields of its message."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from functools import lru_cache

from mmsearch.query import Filter
from mmsearch.store.tokenization import tokens
from mmsearch.store.words import chunks

HOLDS = "message_field_holds"  # the SQL function that compares a field with a name
FIELDS = (("senders", "from"), ("recipients", "to"), ("subjects", "subject"))


def asks_for_messages(where: Filter) -> bool:
    """Whether a filter lets only mail through, by fields that only messages have."""
    return any(getattr(where, name) for name, _ in FIELDS)


def concerns_messages(where: Filter) -> bool:
    """Whether a filter tells the messages of one mailbox apart."""
    return asks_for_messages(where) or where.since is not None or where.before is not None


def define_functions(connection: sqlite3.Connection) -> None:
    """Give a connection the function that the conditions below call."""
    connection.create_function(HOLDS, 2, _holds, deterministic=True)


def message_condition(where: Filter) -> tuple[str, list[object]]:
    """The SQL condition that the message of a segment `s` of a file `f` passes, with its values. A message without a
    date has that of its file."""
    conditions, values = ["1"], list[object]()
    for name, field in FIELDS:
        wanted: Sequence[str] = getattr(where, name)
        if wanted:
            each = f"{HOLDS}(json_extract(s.details, '$.mail.{field}'), ?)"
            conditions.append(f"({' OR '.join([each] * len(wanted))})")
            values += wanted
    sent = "coalesce(json_extract(s.details, '$.mail.sent'), f.mtime_ns / 1e9)"
    if where.since is not None:
        conditions.append(f"{sent} >= ?")
        values.append(where.since)
    if where.before is not None:
        conditions.append(f"{sent} < ?")
        values.append(where.before)
    return f"({' AND '.join(conditions)})", values


def holds_other_messages(connection: sqlite3.Connection, file_id: int, where: Filter) -> bool:
    """Whether a file holds messages that do not pass a filter."""
    condition, values = message_condition(where)
    row = connection.execute(
        "SELECT 1 FROM files f JOIN segments s ON s.asset_id = f.asset_id"
        f" WHERE f.id = ? AND f.kind = 'mail' AND NOT {condition} LIMIT 1",
        (file_id, *values),
    ).fetchone()
    return row is not None


def dates_of(connection: sqlite3.Connection, segment_ids: Sequence[int]) -> dict[int, float]:
    """When the messages of segments were sent, in seconds since 1970; those without a date are left out."""
    found: dict[int, float] = {}
    for some in chunks(list(segment_ids)):
        sql = "SELECT id, json_extract(details, '$.mail.sent') FROM segments WHERE id IN"
        rows = connection.execute(f"{sql} ({','.join('?' * len(some))})", some)
        found |= {segment_id: float(sent) for segment_id, sent in rows if isinstance(sent, int | float)}
    return found


def _holds(value: object, wanted: object) -> bool:
    """Whether a field holds a text: words of it, the last of which may go on. Neither case nor accents count."""
    if not isinstance(value, str):
        return False
    sought = _words(str(wanted))
    return bool(sought) and f" {sought}" in f" {_words(value)}"


@lru_cache(maxsize=4096)
def _words(text: str) -> str:
    return " ".join(tokens(text))
