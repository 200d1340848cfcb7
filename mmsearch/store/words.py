"""Writing the word table: the prepared words of segments, with all text that was recognized in them."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator

from mmsearch.store.tokenization import prepare


def write_words(connection: sqlite3.Connection, segment_ids: list[int]) -> None:
    """Put segments into the word table, with all that was read from them."""
    connection.executemany(
        "INSERT OR REPLACE INTO words_fts (rowid, words) VALUES (?, ?)", indexed_words(connection, segment_ids)
    )


def indexed_words(connection: sqlite3.Connection, segment_ids: list[int]) -> Iterator[tuple[int, str]]:
    """Segments as rows of the word table: id and prepared text. Segments without words are left out."""
    for some in chunks(segment_ids):
        marks = ",".join("?" * len(some))
        rows = connection.execute(f"SELECT id, text, details FROM segments WHERE id IN ({marks})", some).fetchall()
        read: dict[int, list[str]] = {}
        for segment_id, text in connection.execute(
            f"SELECT segment_id, text FROM recognized_text WHERE segment_id IN ({marks}) ORDER BY id", some
        ):
            read.setdefault(segment_id, []).append(text)
        for segment_id, text, details in rows:
            title = json.loads(details).get("title", "")
            words = "\n".join(part for part in (title, text, *read.get(segment_id, ())) if part)
            if words.strip():
                yield segment_id, prepare(words)


def chunks(ids: list[int], size: int = 500) -> Iterator[list[int]]:
    """Ids in groups that fit into one SQL statement."""
    for start in range(0, len(ids), size):
        yield ids[start : start + size]
