"""Queries of the word tables: which segments and files hold which words, and how common a word is."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from mmsearch.store.words import chunks

FIRST_UNSPACED = "\u0e01"  # the first letter of the scripts whose words are stored as pairs
LAST = "\U0010ffff"  # behind every letter
COMMON_SHARE, COMMON_ROWS = 0.05, 20_000  # a word in more rows than both finds no candidates


@dataclass(frozen=True, slots=True)
class Table:
    """One of the two word tables."""

    name: str  # words_fts or names_fts
    column: str
    allowed: str  # the temporary table that a filter leaves


WORDS = Table("words_fts", "words", "temp.allowed_segments")
NAMES = Table("names_fts", "names", "temp.allowed_files")


class Vocabulary:
    """One word table of a snapshot. With `filtered`, only rows that the filter allows are found; the frequency of a
    word is always that in the whole index, so that a filter does not change the weights of words."""

    def __init__(self, connection: sqlite3.Connection, table: Table, filtered: bool) -> None:
        self._connection = connection
        self._table = table
        self._only = f" AND rowid IN (SELECT id FROM {table.allowed})" if filtered else ""
        self._vocabulary = f"temp.vocabulary_of_{table.name}"
        connection.execute(
            f"CREATE VIRTUAL TABLE IF NOT EXISTS {self._vocabulary} USING fts5vocab(main, {table.name}, row)"
        )
        self.rows, words = self._totals()
        self.mean_length = words / self.rows if self.rows else 1.0

    def _totals(self) -> tuple[int, int]:
        """Rows and words of the table, from the record that FTS5 keeps for its own BM25: row 1 of the data table
        holds them as variable-length integers. Counting would read every row."""
        row = self._connection.execute(f"SELECT block FROM {self._table.name}_data WHERE id = 1").fetchone()
        numbers = _varints(row[0]) if row is not None and row[0] else []
        return (numbers[0], numbers[1]) if len(numbers) >= 2 else (0, 0)

    def frequency(self, word: str) -> int:
        """How many rows hold a word."""
        row = self._connection.execute(f"SELECT doc FROM {self._vocabulary} WHERE term = ?", (word,)).fetchone()
        return 0 if row is None else int(row[0])

    def frequency_of_any(self, words: Iterable[str]) -> int:
        """How many rows hold one of some words."""
        row = self._connection.execute(
            f"SELECT count(*) FROM {self._table.name} WHERE {self._table.name} MATCH ?",
            (" OR ".join(map(quoted, words)),),
        ).fetchone()
        return int(row[0])

    def begins_one(self, start: str) -> bool:
        """Whether a word begins like this."""
        row = self._connection.execute(
            f"SELECT 1 FROM {self._vocabulary} WHERE term >= ? AND term < ? LIMIT 1", (start, start + LAST)
        ).fetchone()
        return row is not None

    def best(self, expression: str, limit: int) -> list[int]:
        """The rows that match an FTS5 expression best by BM25."""
        rows = self._connection.execute(
            f"SELECT rowid FROM {self._table.name} WHERE {self._table.name} MATCH ?{self._only}"
            f" ORDER BY bm25({self._table.name}), rowid LIMIT ?",
            (expression, limit),
        )
        return [row[0] for row in rows]

    def matching(self, expression: str) -> set[int]:
        """All rows that match an FTS5 expression."""
        rows = self._connection.execute(
            f"SELECT rowid FROM {self._table.name} WHERE {self._table.name} MATCH ?{self._only}", (expression,)
        )
        return {row[0] for row in rows}

    def known(self, shortest: int, longest: int) -> list[str]:
        """All words of a length, in characters, from `shortest` to `longest`, but those that begin with a digit. A
        vocabulary of 200,000 takes about 0.3 s."""
        rows = self._connection.execute(
            f"SELECT term FROM {self._vocabulary} WHERE term >= ':' AND length(term) BETWEEN ? AND ?",
            (shortest, longest),
        )
        return [row[0] for row in rows]

    def pairs_with(self, character: str, most: int) -> list[str]:
        """The words of two characters that hold one, the most frequent first. A vocabulary of 200,000 takes about
        0.3 s."""
        rows = self._connection.execute(
            f"SELECT term FROM {self._vocabulary} WHERE term >= ? AND length(term) = 2 AND instr(term, ?) > 0"
            " ORDER BY doc DESC, term LIMIT ?",
            (FIRST_UNSPACED, character, most),
        )
        return [row[0] for row in rows]

    def words(self, rows: Sequence[int]) -> dict[int, list[str]]:
        """The prepared words of rows; rows without any are left out."""
        result: dict[int, list[str]] = {}
        for some in chunks(list(rows)):
            marks = ",".join("?" * len(some))
            for row, text in self._connection.execute(
                f"SELECT rowid, {self._table.column} FROM {self._table.name} WHERE rowid IN ({marks})", some
            ):
                result[row] = text.split(" ")
        return result

    def rare(self, words: Sequence[str], frequency: Callable[[str], int]) -> list[str]:
        """The words by which candidates are found: not the very common ones, unless there are no others."""
        limit = max(COMMON_SHARE * self.rows, COMMON_ROWS)
        return [word for word in words if frequency(word) <= limit] or list(words)


class WordList:
    """The distinct words of an index that may have other forms: of texts and names."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def beginning_with(self, start: str, longest: int) -> list[str]:
        """The words of at most `longest` letters that begin like this."""
        rows = self._connection.execute(
            "SELECT word FROM word_list WHERE word >= ? AND word < ? AND length(word) <= ?",
            (start, start + LAST, longest),
        )
        return [row[0] for row in rows]

    def ending_with(self, end: str) -> list[str]:
        """The long words that end like this, and are longer."""
        start = end[::-1]
        rows = self._connection.execute(
            "SELECT reversed FROM word_list_reversed WHERE reversed > ? AND reversed < ?", (start, start + LAST)
        )
        return [row[0][::-1] for row in rows]

    def among(self, words: Iterable[str]) -> list[str]:
        """Those of some words that are in the list."""
        wanted = list(dict.fromkeys(words))
        found: set[str] = set()
        for start in range(0, len(wanted), 500):
            some = wanted[start : start + 500]
            rows = self._connection.execute(
                f"SELECT word FROM word_list WHERE word IN ({','.join('?' * len(some))})", some
            )
            found |= {row[0] for row in rows}
        return [word for word in wanted if word in found]


def quoted(words: str) -> str:
    """Words as an FTS5 string: a phrase, with no operator in it."""
    return '"' + words.replace('"', '""') + '"'


def _varints(blob: bytes) -> list[int]:
    """SQLite's variable-length integers: seven bits a byte, the high bit marks that more follow; a ninth byte has
    eight bits."""
    numbers: list[int] = []
    value = length = 0
    for byte in blob:
        length += 1
        value = value << 8 | byte if length == 9 else value << 7 | byte & 0x7F
        if length == 9 or not byte & 0x80:
            numbers.append(value)
            value = length = 0
    return numbers
