"""The invariants of an index: for each a check that yields its violations, for derived data also a rebuild."""

from __future__ import annotations

import sqlite3
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

from mmsearch.run_record import RunOutcome
from mmsearch.store import ann, files, rows, sums, token_vectors
from mmsearch.store.catalogue import BadRow
from mmsearch.store.layout import IndexFolder, Signature
from mmsearch.store.lock import lock_holder
from mmsearch.store.meta import is_own
from mmsearch.store.runs import last_run
from mmsearch.store.segments import BACKGROUND_SIZE, refresh_background, sampling_hash
from mmsearch.store.spaces import LEAVING, SpaceRow, all_spaces, is_late
from mmsearch.store.tokenization import prepare_name
from mmsearch.store.words import has_forms, indexed_words, list_vocabularies, write_words
from mmsearch.types import FingerprintForm


class Invariants:
    """The checks over one connection."""

    def __init__(self, folder: IndexFolder, connection: sqlite3.Connection) -> None:
        self.folder = folder
        self.connection = connection
        self.bad_generations: set[int] = set()

    def _rows(self, sql: str) -> Iterator[tuple[Any, ...]]:
        yield from self.connection.execute(sql)

    def pages(self) -> Iterator[str]:
        """SQLite's own full check."""
        yield from (f"SQLite: {row[0]}." for row in self._rows("PRAGMA integrity_check(20)") if row[0] != "ok")

    def quick(self) -> Iterator[str]:
        """SQLite's own quick check."""
        yield from (f"SQLite: {row[0]}." for row in self._rows("PRAGMA quick_check(20)") if row[0] != "ok")

    def values(self) -> Iterator[str]:
        """Types and ranges of all values."""
        yield from rows.odd(self.connection)

    def references(self) -> Iterator[str]:
        """Foreign keys."""
        yield from (
            f"{row[0]} row {row[1]} refers to a missing {row[2]} row." for row in self._rows("PRAGMA foreign_key_check")
        )

    def vectors(self) -> Iterator[str]:
        """Length and norm of every embedding; its sampling hash."""
        import numpy as np

        dimensions = {row.id: row.dimension for row in all_spaces(self.connection)}
        for embedding_id, space_id, view, part, stored_hash, vector, ordinal, key in self._rows(
            "SELECT e.id, e.space_id, e.view, e.part, e.sampling_hash, e.vector, s.ordinal, a.key FROM embeddings e"
            " JOIN segments s ON s.id = e.segment_id JOIN assets a ON a.id = s.asset_id"
        ):
            whole = vector[: len(vector) // 2 * 2]
            values = np.frombuffer(whole, np.float16).astype(np.float32)
            if (
                len(whole) != len(vector)
                or len(values) != dimensions.get(space_id)
                or not 0.99 < float(np.linalg.norm(values)) < 1.01
            ):
                yield f"Embedding {embedding_id} is damaged."
            elif stored_hash != sampling_hash(key, ordinal, view, part):
                yield f"Embedding {embedding_id} has a sampling hash that is not its own."

    def token_vectors(self) -> Iterator[str]:
        """Every blob of token vectors is as it was packed, and every segment of a late-interaction space has one."""
        dimensions = {row.id: row.dimension for row in all_spaces(self.connection)}
        for embedding_id, space_id, vectors in self._rows(
            "SELECT t.embedding_id, e.space_id, t.vectors FROM token_vectors t JOIN embeddings e"
            " ON e.id = t.embedding_id"
        ):
            try:
                token_vectors.unpacked(vectors, dimensions.get(space_id, 0))
            except BadRow:
                yield f"The token vectors of embedding {embedding_id} are damaged."
        for row in (row for row in all_spaces(self.connection) if is_late(row)):
            for (segment_id,) in self.connection.execute(
                "SELECT DISTINCT segment_id FROM embeddings WHERE space_id = ? EXCEPT SELECT e.segment_id"
                " FROM embeddings e JOIN token_vectors t ON t.embedding_id = e.id WHERE e.space_id = ?",
                (row.id, row.id),
            ):
                yield f"Segment {segment_id} has no token vectors in {row.name}."

    def fingerprints(self) -> Iterator[str]:
        """Bodies of image fingerprints can be unpacked; those of sound and words have a valid length."""
        for number, form, key, body in self._rows("SELECT id, form, key, body FROM fingerprints"):
            if form in (FingerprintForm.IMAGE, FingerprintForm.FRAME):
                try:
                    sound = len(key) == 16 and len(zlib.decompress(body)) > 0
                except zlib.error:
                    sound = False
            else:
                sound = len(key) == 16 if form == FingerprintForm.TEXT else not (len(key) % 4 or len(body) % 4)
            if not sound:
                yield f"Fingerprint {number} is damaged."

    def spans(self) -> Iterator[str]:
        """Complete assets have as many spans as were planned. Of a partial one spans may be missing."""
        for asset_id, planned, done in self._rows(
            "SELECT a.id, a.spans, (SELECT count(*) FROM spans p WHERE p.asset_id = a.id) FROM assets a"
            " WHERE a.state = 'complete'"
        ):
            if planned is not None and planned != done:
                yield f"Asset {asset_id} has {done} of {planned} spans."

    def visible(self) -> Iterator[str]:
        """The `visible` flag of assets against the files that show them."""
        yield from (f"Asset {row[0]} is {'hidden' if row[1] else 'shown'} wrongly." for row in self._rows(self._WRONG))

    _WRONG = (
        "SELECT id, shown FROM (SELECT a.id, a.visible, EXISTS (SELECT 1 FROM files f WHERE f.asset_id = a.id) AS shown"
        " FROM assets a) WHERE visible <> shown"
    )

    def mend_visible(self) -> None:
        """Set the flag from the files."""
        for asset_id, shown in self.connection.execute(self._WRONG).fetchall():
            (files.show if shown else files.hide_unused)(self.connection, asset_id)

    def orphans(self) -> Iterator[str]:
        """Assets without files. A run that goes on, or was killed, leaves some: a moved file may need them again."""
        run = last_run(self.connection)
        if run is None or run[2].get("outcome") in (RunOutcome.DONE, RunOutcome.GUARD):
            yield from (
                f"Asset {row[0]} belongs to no file."
                for row in self._rows(
                    "SELECT a.id FROM assets a WHERE NOT EXISTS (SELECT 1 FROM files f WHERE f.asset_id = a.id)"
                    " AND NOT EXISTS (SELECT 1 FROM files f WHERE f.next_asset_id = a.id)"
                )
            )

    def mend_orphans(self) -> None:
        """Remove the assets without files."""
        files.remove_orphans(self.connection)

    def _visible_segments(self) -> list[int]:
        return [
            row[0]
            for row in self._rows("SELECT s.id FROM segments s JOIN assets a ON a.id = s.asset_id WHERE a.visible = 1")
        ]

    def words(self) -> Iterator[str]:
        """The prepared words of every segment against the word table."""
        wanted = dict(indexed_words(self.connection, self._visible_segments()))
        there = dict(self.connection.execute("SELECT rowid, words FROM words_fts").fetchall())
        for segment_id in sorted(wanted.keys() ^ there.keys()):
            how = "missing from" if segment_id in wanted else "left over in"
            yield f"Segment {segment_id} is {how} the word table."
        yield from (
            f"Segment {i} has other words in the word table."
            for i in wanted.keys() & there.keys()
            if wanted[i] != there[i]
        )

    def vocabularies(self) -> Iterator[str]:
        """The vocabularies of both word tables, compared with the words that the tables hold."""
        for table, column in (("words_fts", "words"), ("names_fts", "names")):
            self.connection.execute(
                f"CREATE VIRTUAL TABLE IF NOT EXISTS temp.check_{table} USING fts5vocab(main, {table}, row)"
            )
            there = dict(self.connection.execute(f"SELECT term, doc FROM temp.check_{table}").fetchall())
            wanted = Counter(
                word for row in self._rows(f"SELECT {column} FROM {table}") for word in set(row[0].split(" ")) - {""}
            )
            if table == "words_fts":
                yield from self._unlisted(there)
            if wanted != there:
                off = sum(1 for word in wanted.keys() | there.keys() if wanted[word] != there.get(word, 0))
                yield f"{off} words of {table} are looked up wrongly."

    def _unlisted(self, words: Iterable[str]) -> Iterator[str]:
        """The words that the list of words lacks."""
        listed = {row[0] for row in self._rows("SELECT word FROM word_list")}
        if count := sum(1 for word in words if has_forms(word) and word not in listed):
            yield f"{count} words are missing from the list of words."

    def mend_vocabularies(self) -> None:
        """Make both word tables anew."""
        self.mend_words()
        self.mend_names()
        list_vocabularies(self.connection)

    def words_counted(self) -> Iterator[str]:
        """The number of segments with words against that of rows in the word table."""
        wanted = sum(1 for _ in indexed_words(self.connection, self._visible_segments()))
        there = self.connection.execute("SELECT count(*) FROM words_fts").fetchone()[0]
        if wanted != there:
            yield f"{there} segments are in the word table where {wanted} belong."

    def mend_words(self) -> None:
        """Write the word table anew."""
        self.connection.execute("INSERT INTO words_fts (words_fts) VALUES ('rebuild')")  # or deleting trips over damage
        self.connection.execute("DELETE FROM words_fts")
        write_words(self.connection, self._visible_segments())

    def names(self) -> Iterator[str]:
        """The names of all files against the name table."""
        there = dict(self.connection.execute("SELECT rowid, names FROM names_fts").fetchall())
        for file_id, path in self.connection.execute("SELECT id, path FROM files").fetchall():
            if there.pop(file_id, None) != prepare_name(path):
                yield f"File {file_id} has other names in the name table."
        yield from (f"The name table has a file {file_id} that is gone." for file_id in there)

    def mend_names(self) -> None:
        """Write the name table anew."""
        self.connection.execute("INSERT INTO names_fts (names_fts) VALUES ('rebuild')")
        self.connection.execute("DELETE FROM names_fts")
        rows = self.connection.execute("SELECT id, path FROM files").fetchall()
        self.connection.executemany(
            "INSERT INTO names_fts (rowid, names) VALUES (?, ?)", [(i, prepare_name(path)) for i, path in rows]
        )

    def _filled_spaces(self) -> list[SpaceRow]:
        """All but those that are being removed."""
        return [row for row in all_spaces(self.connection) if row.recorded.get("state") != LEAVING]

    def background(self) -> Iterator[str]:
        """The sample against the smallest hashes."""
        for row in self._filled_spaces():
            for view in row.views:
                where = (
                    "FROM embeddings WHERE space_id = ? AND view = ?"
                    f" ORDER BY sampling_hash, id LIMIT {BACKGROUND_SIZE}"
                )
                wanted = set(self.connection.execute(f"SELECT id {where}", (row.id, view)))
                there = set(
                    self.connection.execute(
                        "SELECT embedding_id FROM background WHERE space_id = ? AND view = ?", (row.id, view)
                    )
                )
                if wanted != there:
                    yield f"The background of {row.name}:{view} is {len(wanted ^ there)} embeddings off."
                elif self.connection.execute(
                    "SELECT 1 FROM background b JOIN embeddings e ON e.id = b.embedding_id"
                    " WHERE b.space_id = ? AND b.view = ?"
                    " AND (b.vector <> e.vector OR b.sampling_hash <> e.sampling_hash)",
                    (row.id, view),
                ).fetchone():
                    yield f"The background of {row.name}:{view} holds other vectors than the embeddings."

    def mend_background(self) -> None:
        """Rebuild the sample."""
        self.connection.execute("DELETE FROM background")
        for row in self._filled_spaces():
            for view in row.views:
                refresh_background(self.connection, row.id, view)

    def ann_files(self) -> Iterator[str]:
        """Every named ann file opens and holds as many vectors as it should. Files of an index that is not the
        user's own are never opened (see `Snapshot`), so they are not checked."""
        if not is_own(self.folder, self.connection):
            return
        for row in all_spaces(self.connection):
            for view in row.views:
                for generation in ann.generations(self.connection, row.id, view):
                    index = ann.load(self.folder, generation, row.dimension, self._recorded())
                    if index is None or not ann.agrees(self.connection, generation, index):
                        self.bad_generations.add(generation.id)
                        yield f"{generation.file} is missing, damaged or another index's."

    def _recorded(self) -> dict[str, Signature]:
        try:
            known = sums.read(self.folder)
        except sums.BadSums:
            known = None
        return {} if known is None else known.files

    def ann_bytes(self) -> Iterator[str]:
        """The hash of every ann file."""
        for generation in ann.every_generation(self.connection):
            if not ann.is_as_written(self.folder, generation, {}):
                self.bad_generations.add(generation.id)
                yield f"{generation.file} has other bytes than were written."

    def drop_ann(self) -> None:
        """Forget bad ann files: queries scan the catalogue until the next run builds them."""
        for number in list(self.bad_generations):
            ann.drop(self.connection, number)
            self.bad_generations.discard(number)

    def ids(self) -> Iterator[str]:
        """No id is beyond the counter that they come from."""
        for table in ("files", "assets", "segments", "embeddings", "generations"):
            counter = self.connection.execute("SELECT seq FROM sqlite_sequence WHERE name = ?", (table,)).fetchone()
            highest = self.connection.execute(f"SELECT max(id) FROM {table}").fetchone()[0] or 0
            if highest > (counter[0] if counter else 0):
                yield f"The counter of {table} is behind."

    def leftovers(self) -> Iterator[str]:
        """Files that a killed run left behind."""
        if not lock_holder(self.folder) or lock_holder(self.folder).endswith(
            "(this one)"
        ):  # a run has some in the making
            yield from (f"{path.name} belongs to nothing." for path in ann.leftovers(self.connection, self.folder))

    def sweep(self) -> None:
        """Remove the files that a killed run left behind."""
        ann.sweep(self.connection, self.folder)
