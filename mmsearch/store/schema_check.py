"""Whether a catalogue's schema is the one that `schema` makes: no triggers, no views, no tables of another kind."""

from __future__ import annotations

import contextlib
import re
import sqlite3
from functools import cache

from mmsearch.store import schema

_SHADOWS = re.compile(r"(words|names)_fts_(data|idx|content|docsize|config)")
_SHADOW_SQL = re.compile(r"CREATE TABLE '\w+'\([\w ,()]+\)( WITHOUT ROWID)?")
_ACTING = re.compile(r"\b(CHECK|GENERATED|COLLATE)\b|\bAS\s*\(", re.IGNORECASE)


def foreign(connection: sqlite3.Connection, version: int) -> str:
    """What in the schema of a catalogue of that version is foreign, in a few words; empty where nothing is. An
    older catalogue may lack tables, indexes and columns."""
    ours, found = _statements(version), set()
    for kind, name, sql in connection.execute("SELECT type, name, sql FROM sqlite_master"):
        if not all(isinstance(value, str) for value in (kind, name)) or kind not in ("table", "index"):
            return f"the {kind} {name!r}"
        if sql is None and kind == "index" and name.startswith("sqlite_autoindex_"):
            continue
        text = _plain(str(sql))
        if _SHADOWS.fullmatch(name) and kind == "table" and _SHADOW_SQL.fullmatch(text):
            continue
        if name == "sqlite_sequence" and text == "CREATE TABLE sqlite_sequence(name,seq)":
            continue
        wanted = ours.get((kind, name))
        if wanted is None or (wanted != text and not _is_grown(kind, name, wanted, connection, text, version)):
            return f"the {kind} {name!r}"
        found.add((kind, name))
    missing = sorted(ours.keys() - found) if version == schema.SCHEMA_VERSION else []
    return f"without the {' '.join(missing[0])}" if missing else ""


@cache
def _statements(version: int) -> dict[tuple[str, str], str]:
    """The schema of a version, as SQLite keeps it: SQL by kind and name."""
    result = {}
    for statement in _plain(schema.tables(version)).split(";"):
        if words := statement.split():
            virtual = words[1] == "VIRTUAL"
            result[words[1].lower() if not virtual else "table", words[2 + virtual]] = statement.strip()
    return result


def _plain(sql: str) -> str:
    """SQL without comments and with single spaces."""
    return " ".join(re.sub(r"--[^\n]*", "", sql).split())


def _is_grown(kind: str, name: str, wanted: str, one: sqlite3.Connection, text: str, version: int) -> bool:
    """Whether a table that was made by an earlier schema, and altered since, has the columns that it must have."""
    if kind != "table" or _ACTING.search(text) or text.startswith("CREATE VIRTUAL"):
        return False
    with contextlib.closing(sqlite3.connect(":memory:")) as other:
        other.execute(wanted)
        should, there = _columns(other, name), _columns(one, name)
    return there == should or (version < schema.SCHEMA_VERSION and there < should)


def _columns(connection: sqlite3.Connection, table: str) -> set[tuple[object, ...]]:
    sql = 'SELECT name, type, "notnull", pk, hidden FROM pragma_table_xinfo(?)'
    return set(connection.execute(sql, (table,)).fetchall())
