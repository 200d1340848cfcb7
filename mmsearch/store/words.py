"""Writing the word table and the list of its distinct words."""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from mmsearch.store.tokenization import is_unspaced, prepare

SHORTEST_COMPOUND = 7  # letters of a word that is listed by its ending, too
_INFLECTED = re.compile(r"[^\W\d_][^\W\d_]{1,39}")
_TABLES = ("words_fts", "words"), ("names_fts", "names")


def write_words(connection: sqlite3.Connection, segment_ids: list[int]) -> None:
    """Put segments into the word table, with all that was read from them."""
    for some in chunks(segment_ids):
        rows = list(indexed_words(connection, some))
        connection.executemany("INSERT OR REPLACE INTO words_fts (rowid, words) VALUES (?, ?)", rows)
        list_words(connection, (words for _, words in rows))


def remove_words(connection: sqlite3.Connection, segment_ids: Sequence[int]) -> None:
    """Take segments out of the word table, and what no other row has out of the list of words."""
    _remove(connection, "words_fts", "words", segment_ids)


def write_names(connection: sqlite3.Connection, file_id: int, names: str) -> None:
    """Put the prepared names of a new file into the name table."""
    connection.execute("INSERT INTO names_fts (rowid, names) VALUES (?, ?)", (file_id, names))
    list_words(connection, [names])


def remove_names(connection: sqlite3.Connection, file_id: int) -> None:
    """Take a file out of the name table."""
    _remove(connection, "names_fts", "names", [file_id])


def list_words(connection: sqlite3.Connection, prepared: Iterable[str]) -> None:
    """Enter the words of prepared texts that have forms into the list of words, and long ones by their endings too."""
    words = sorted({word for text in prepared for word in text.split(" ") if has_forms(word)})
    connection.executemany("INSERT OR IGNORE INTO word_list VALUES (?)", ((word,) for word in words))
    connection.executemany(
        "INSERT OR IGNORE INTO word_list_reversed VALUES (?)",
        ((word[::-1],) for word in words if len(word) >= SHORTEST_COMPOUND and word.isascii()),
    )


def has_forms(word: str) -> bool:
    """Whether a prepared word may have other forms: it is of letters, and none of an unspaced script."""
    return _INFLECTED.fullmatch(word) is not None and (word.isascii() or not is_unspaced(word))


def list_vocabularies(connection: sqlite3.Connection) -> None:
    """Make the list of words anew from the vocabularies of the two word tables."""
    connection.execute("DELETE FROM word_list")
    connection.execute("DELETE FROM word_list_reversed")
    for table, _ in _TABLES:
        _open_vocabulary(connection, table)
        rows = connection.execute(f"SELECT term FROM temp.held_by_{table}").fetchall()
        list_words(connection, (row[0] for row in rows))


def _remove(connection: sqlite3.Connection, table: str, column: str, ids: Sequence[int]) -> None:
    gone: set[str] = set()
    for some in chunks(list(ids)):
        marks = ",".join("?" * len(some))
        for (text,) in connection.execute(f"SELECT {column} FROM {table} WHERE rowid IN ({marks})", some):
            gone.update(text.split(" "))
        connection.execute(f"DELETE FROM {table} WHERE rowid IN ({marks})", some)
    unlisted = [(word,) for word in gone if has_forms(word) and not _is_held(connection, word)]
    connection.executemany("DELETE FROM word_list WHERE word = ?", unlisted)
    connection.executemany("DELETE FROM word_list_reversed WHERE reversed = ?", [(word[::-1],) for (word,) in unlisted])


def _is_held(connection: sqlite3.Connection, word: str) -> bool:
    """Whether a row of either word table holds a word."""
    for table, _ in _TABLES:
        _open_vocabulary(connection, table)
        if connection.execute(f"SELECT 1 FROM temp.held_by_{table} WHERE term = ?", (word,)).fetchone():
            return True
    return False


def _open_vocabulary(connection: sqlite3.Connection, table: str) -> None:
    connection.execute(f"CREATE VIRTUAL TABLE IF NOT EXISTS temp.held_by_{table} USING fts5vocab(main, {table}, row)")


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
            facts = json.loads(details)
            parts = (facts.get("title", ""), with_capture(text, facts), *read.get(segment_id, ()))
            parts = (*parts, *facts.get("spellings", ()))
            words = "\n".join(part for part in parts if part)
            if words.strip():
                yield segment_id, prepare(words)


def with_capture(text: str, details: Mapping[str, Any]) -> str:
    """The text of a segment with the names of where and with what it was taken (see `extraction.photos.capture`)."""
    capture = details.get("capture")
    return "\n".join(filter(None, [text, capture])) if isinstance(capture, str) else text


def chunks(ids: list[int], size: int = 500) -> Iterator[list[int]]:
    """Ids in groups that fit into one SQL statement."""
    for start in range(0, len(ids), size):
        yield ids[start : start + size]
