"""Reading: one state of the catalogue, with its nearest neighbours and its words.

A snapshot sees every batch that was committed before it was opened, and nothing half done: the newest ann file, plus
the rows committed after it by brute force, minus what has left since.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from mmsearch.query import Filter
from mmsearch.store import ann, sums
from mmsearch.store.catalogue import BadRow, closed_on_error, open_reader, translate_sqlite_errors
from mmsearch.store.filters import allow, drop_allowed
from mmsearch.store.layout import IndexFolder, user_name
from mmsearch.store.lock import lock_holder
from mmsearch.store.meta import commits, is_own
from mmsearch.store.roots import Root, is_plain_path, roots
from mmsearch.store.segments import cues_of
from mmsearch.store.spaces import SpaceRow, spaces
from mmsearch.store.vocabulary import WORDS
from mmsearch.store.words import chunks, with_capture
from mmsearch.trust import record_signature
from mmsearch.types import Cue, Locator

if TYPE_CHECKING:
    import numpy as np


T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Place:
    """A segment with what a hit shows of it. `read` are the words read from it: reader, cue (times may be None)."""

    segment_id: int
    asset_id: int
    kind: str
    locator: Locator
    text: str
    title: str
    cues: tuple[Cue, ...]
    read: tuple[tuple[str, Cue], ...]


class Snapshot:
    """One state of an index, for one query after another. A context manager; use from one thread at a time.

    Between `end` and `begin` of two queries no lock is held, so that a writer can empty its log, while data that was
    read from the index stays in memory for as long as the index does not change."""

    def __init__(self, folder: IndexFolder, where: Filter | None = None) -> None:
        """Open the catalogue (raises as `open_reader` does) and begin a query that sees only what the filter allows."""
        self.folder = folder
        self._place = folder.identity()
        self.connection = open_reader(folder)
        self.left_out: frozenset[int] = frozenset()  # spaces that this snapshot is not to see
        self.notes: list[str] = []  # what is wrong with the index, and the next run makes again
        try:
            known = sums.read(folder)
        except sums.BadSums:
            known = None
            self.notes.append("The checksums of the catalogue are damaged; the next `mmsearch index` makes them again.")
        self._recorded = {} if known is None else known.files
        self._loaded: dict[tuple[int, str], tuple[ann.Generation | None, Any, np.ndarray, np.ndarray]] = {}
        self._cache: dict[Hashable, Any] = {}
        self.filtered = False
        with translate_sqlite_errors(folder), closed_on_error(self.connection):
            self._version = self._start()
            self._note_doubts(known)
            self.doubts = tuple(self.notes)  # what of it was damaged, lost or can't be checked
            self.roots: dict[int, Root] = {root.id: root for root in roots(self.connection, folder)}
            self._restrict(where)
        if (owner := folder.owner()) != os.geteuid():
            self.notes.append(f"The index belongs to {user_name(owner)}.")
        self._files = self._signatures()

    def _note_doubts(self, known: sums.Sums | None) -> None:
        """Note what the catalogue alone does not show: bytes that have no checksums, and commits that are lost."""
        if known is not None and known.commits > commits(self.connection):
            self.notes.append(
                f"{known.commits - commits(self.connection)} commits are lost: the log of the last run was deleted, cut"
                " or damaged. The next `mmsearch index` does again what they held of files."
            )
        why = "it has no checksums" if known is None else known.unchecked
        if why and not any("checksums" in note for note in self.notes) and not lock_holder(self.folder):
            self.notes.append(
                f"Whether the bytes of the catalogue are as they were written can't be checked: {why}. The next"
                " `mmsearch index` checks what they say."
            )

    def __enter__(self) -> Snapshot:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the catalogue."""
        self.connection.close()

    def begin(self, where: Filter | None = None) -> bool:
        """Begin another query after `end`. False where the index has changed since this snapshot was opened: then
        another one is needed."""
        if self._place != self.folder.identity() or self._files != self._signatures():
            return False
        with translate_sqlite_errors(self.folder):
            if self._start() != self._version:
                return False
            self.left_out = frozenset()
            self._restrict(where)
        return True

    def end(self) -> None:
        """End a query: the filter is gone, and so is the read transaction."""
        if self.filtered:
            drop_allowed(self.connection)
        self.filtered = False
        if self.connection.in_transaction:
            self.connection.execute("COMMIT")

    def _start(self) -> int:
        """Begin a read transaction. Returns a number that changes when another connection has committed."""
        self.connection.execute("BEGIN")
        self.connection.execute("SELECT 1 FROM meta LIMIT 1").fetchone()  # a transaction sees what its first read saw
        return int(self.connection.execute("PRAGMA data_version").fetchone()[0])

    def _restrict(self, where: Filter | None) -> None:
        self.filtered = where is not None and bool(where)
        if where is not None and self.filtered:
            allow(self.connection, self.roots, where)

    def _signatures(self) -> list[object]:
        """Stat signatures of what a snapshot depends on beside the rows: they change where the catalogue is replaced,
        restored or damaged by something other than SQLite, and where the user's trust in the index changes."""
        parts = [self.folder.signature(name) for name in (self.folder.catalogue.name, self.folder.sums.name)]
        return [*parts, self.folder.owner(), record_signature()]

    def cached(self, key: Hashable, make: Callable[[], T]) -> T:
        """What `make` returns, made once for this state of the index. It must not depend on the filter."""
        if key not in self._cache:
            self._cache[key] = make()
        result: T = self._cache[key]
        return result

    def nothing_allowed(self) -> bool:
        """Whether there is a filter that no file passes."""
        return self.filtered and not self.connection.execute("SELECT 1 FROM temp.allowed_files LIMIT 1").fetchone()

    def spaces(self) -> list[SpaceRow]:
        """The spaces of this index, but for those that are left out."""
        rows = self.cached("spaces", lambda: spaces(self.connection))
        return [row for row in rows if row.id not in self.left_out]

    def background(self, space_id: int, view: str) -> np.ndarray:
        """The background sample of a view: float32 (at most 1,000, dimension)."""
        rows = self.connection.execute(
            "SELECT vector FROM background WHERE space_id = ? AND view = ? ORDER BY sampling_hash", (space_id, view)
        ).fetchall()
        return _matrix([row[0] for row in rows])

    def background_words(self, space_id: int, view: str, count: int, letters: int) -> list[str]:
        """The first prepared words, up to so many letters, of the first texts of a view's background sample."""
        rows = self.connection.execute(
            f"SELECT coalesce(substr(w.{WORDS.column}, 1, ?), '') FROM background b"
            " JOIN embeddings e ON e.id = b.embedding_id"
            f" LEFT JOIN {WORDS.name} w ON w.rowid = e.segment_id"
            " WHERE b.space_id = ? AND b.view = ? ORDER BY b.sampling_hash LIMIT ?",
            (letters, space_id, view, count),
        ).fetchall()
        return [row[0] for row in rows]

    def holds(self, space_id: int) -> bool:
        """Whether a space has any embedding."""
        row = self.connection.execute("SELECT 1 FROM background WHERE space_id = ? LIMIT 1", (space_id,)).fetchone()
        return row is not None

    def count(self, space_id: int, view: str) -> int:
        """How many embeddings a view has."""
        row = self.connection.execute(
            "SELECT count(*) FROM embeddings WHERE space_id = ? AND view = ?", (space_id, view)
        ).fetchone()
        return int(row[0])

    def nearest(self, space_id: int, view: str, query: np.ndarray, k: int) -> list[tuple[int, float]]:
        """The segments nearest to a query, a unit vector float32 (dimension,): (segment id, cosine), best first, each
        segment once with its best part. At most `k` embeddings are searched."""
        import numpy as np

        generation, index, tail_ids, tail = self._view(space_id, view, len(query))
        allowed = self._allowed(space_id, view) if self.filtered else None
        refused = self._hidden(space_id, view)
        ids, scores = [np.empty(0, np.int64)], [np.empty(0, np.float32)]
        if generation is not None:
            dead = self.connection.execute(
                "SELECT embedding_id FROM tombstones WHERE generation_id = ?", (generation.id,)
            ).fetchall()
            gone = np.union1d(refused, np.array([row[0] for row in dead], np.int64))
            found = ann.search(index, generation, query, min(k, generation.size), allowed, gone)
            ids, scores = [found[0]], [found[1]]
        if len(tail_ids):
            kept = ~np.isin(tail_ids, refused)
            if allowed is not None:
                kept &= np.isin(tail_ids, allowed)
            ids.append(tail_ids[kept])
            scores.append(tail[kept] @ query.astype(np.float32))
        every, score = np.concatenate(ids), np.concatenate(scores)
        best = np.lexsort((every, -score))[:k]
        return self._segments([(int(every[i]), float(score[i])) for i in best])

    def similarities(
        self,
        space_id: int,
        view: str,
        query: np.ndarray,
        segment_ids: list[int],
        factor: Callable[[np.ndarray], np.ndarray],
    ) -> dict[int, tuple[float, float]]:
        """The cosine of each of these segments that has this view, and that times its factor: of the part for which
        this is largest. `factor` returns factors (n,) for embeddings float32 (n, dimension)."""
        result: dict[int, tuple[float, float]] = {}
        for some in chunks(segment_ids):
            marks = ",".join("?" * len(some))
            rows = self.connection.execute(
                "SELECT segment_id, vector FROM embeddings"
                f" WHERE space_id = ? AND view = ? AND segment_id IN ({marks})",
                (space_id, view, *some),
            ).fetchall()
            if rows:
                matrix = _matrix([row[1] for row in rows])
                cosines = matrix @ query.astype(matrix.dtype)
                even = cosines * factor(matrix)
                for (segment_id, _), cosine, score in zip(rows, cosines.tolist(), even.tolist(), strict=True):
                    if segment_id not in result or score > result[segment_id][1]:
                        result[segment_id] = cosine, score
        return result

    def vectors(self, space_id: int, view: str, segment_ids: list[int]) -> np.ndarray:
        """The embeddings of segments, float32 (n, dimension)."""
        rows: list[bytes] = []
        for some in chunks(segment_ids):
            marks = ",".join("?" * len(some))
            rows += [
                row[0]
                for row in self.connection.execute(
                    f"SELECT vector FROM embeddings WHERE space_id = ? AND view = ? AND segment_id IN ({marks})"
                    " ORDER BY segment_id, part",
                    (space_id, view, *some),
                )
            ]
        return _matrix(rows)

    def places(self, segment_ids: list[int]) -> dict[int, Place]:
        """The words of these segments, and where they lie."""
        result: dict[int, Place] = {}
        for some in chunks(segment_ids):
            marks = ",".join("?" * len(some))
            read: dict[int, list[tuple[str, Cue]]] = {}
            for segment_id, reader, start, end, text in self.connection.execute(
                "SELECT segment_id, reader, start_s, end_s, text FROM recognized_text"
                f" WHERE segment_id IN ({marks}) ORDER BY id",
                some,
            ):
                read.setdefault(segment_id, []).append((reader, Cue(start, end, text)))
            for row in self.connection.execute(
                "SELECT s.id, s.asset_id, a.kind, s.page, s.start_s, s.end_s, s.line_start, s.line_end,"
                f" json_extract(s.details, '$.section'), s.text, s.details"
                f" FROM segments s JOIN assets a ON a.id = s.asset_id WHERE s.id IN ({marks})",
                some,
            ):
                details = json.loads(row[10])
                title, cues = str(details.get("title", "")), cues_of(details)
                words = tuple(read.get(row[0], ()))
                segment_id, asset_id, kind, text = row[0], row[1], row[2], with_capture(row[9], details)
                result[segment_id] = Place(segment_id, asset_id, kind, Locator(*row[3:9]), text, title, cues, words)
        return result

    def assets_of(self, segment_ids: list[int]) -> dict[int, int]:
        """The asset of each of these segments."""
        result: dict[int, int] = {}
        for some in chunks(segment_ids):
            marks = ",".join("?" * len(some))
            result.update(
                self.connection.execute(f"SELECT id, asset_id FROM segments WHERE id IN ({marks})", some).fetchall()
            )
        return result

    def files_of(self, asset_ids: list[int]) -> dict[int, list[tuple[int, bytes]]]:
        """The files that show these assets, as the filter lets them through: (file id, absolute path)."""
        result: dict[int, list[tuple[int, bytes]]] = {}
        only = " AND id IN (SELECT id FROM temp.allowed_files)" if self.filtered else ""
        for some in chunks(asset_ids):
            marks = ",".join("?" * len(some))
            for asset_id, file_id, root_id, path in self.connection.execute(
                f"SELECT asset_id, id, root_id, path FROM files WHERE asset_id IN ({marks}){only} ORDER BY path, id",
                some,
            ):
                result.setdefault(asset_id, []).append((file_id, self.absolute(root_id, path)))
        return result

    def paths(self) -> set[bytes]:
        """The absolute paths of all files."""
        rows = self.connection.execute("SELECT root_id, path FROM files")
        return {self.absolute(root_id, path) for root_id, path in rows}

    def absolute(self, root_id: int, path: bytes) -> bytes:
        """The absolute path of a file."""
        if not is_plain_path(path):
            raise BadRow("a file has a path that none can have")
        root = self.roots[root_id].path
        return root.rstrip(b"/") + b"/" + path if path else root

    def _view(
        self, space_id: int, view: str, dimension: int
    ) -> tuple[ann.Generation | None, Any, np.ndarray, np.ndarray]:
        """The newest ann file that opens, and ids and vectors of the rows after it. Kept for the next query."""
        import numpy as np

        if (space_id, view) not in self._loaded:
            chosen, index = None, None
            for generation in self._usable_generations(space_id, view):
                index = ann.load(self.folder, generation, dimension, self._recorded)
                if index is not None and ann.agrees(self.connection, generation, index):
                    chosen = generation
                    break
                index = None
                self.notes.append(f"{generation.file} is damaged or missing; the next `mmsearch index` makes it again.")
            rows = self.connection.execute(
                "SELECT id, vector FROM embeddings WHERE space_id = ? AND view = ? AND id > ? ORDER BY id",
                (space_id, view, chosen.last_embedding_id if chosen else 0),
            ).fetchall()
            ids = np.array([row[0] for row in rows], np.int64)
            self._loaded[space_id, view] = (chosen, index, ids, _matrix([row[1] for row in rows]))
        return self._loaded[space_id, view]

    def _usable_generations(self, space_id: int, view: str) -> list[ann.Generation]:
        """The ann files that may be loaded, newest first: none of an index that is not the user's own, since a crafted
        file can crash FAISS. Such an index is searched by a scan of its catalogue."""
        found = ann.generations(self.connection, space_id, view)
        return found if found and is_own(self.folder, self.connection) else []

    def _segments(self, found: list[tuple[int, float]]) -> list[tuple[int, float]]:
        """Embeddings as segments, best part first. What an ann file holds and the catalogue does not, is dropped."""
        segment_of: dict[int, int] = {}
        for some in chunks([embedding_id for embedding_id, _ in found]):
            marks = ",".join("?" * len(some))
            segment_of.update(
                self.connection.execute(f"SELECT id, segment_id FROM embeddings WHERE id IN ({marks})", some).fetchall()
            )
        best: dict[int, float] = {}
        for embedding_id, score in found:
            if (segment_id := segment_of.get(embedding_id)) is not None:
                best.setdefault(segment_id, score)
        return list(best.items())

    def _allowed(self, space_id: int, view: str) -> np.ndarray:
        import numpy as np

        rows = self.connection.execute(
            "SELECT e.id FROM temp.allowed_segments s CROSS JOIN embeddings e ON e.segment_id = s.id"
            " AND e.space_id = ? AND e.view = ? ORDER BY e.id",
            (space_id, view),
        ).fetchall()
        return np.array([row[0] for row in rows], np.int64)

    def _hidden(self, space_id: int, view: str) -> np.ndarray:
        """Embeddings of assets that no file shows: those that are not complete and will replace another."""
        import numpy as np

        rows = self.connection.execute(
            "SELECT e.id FROM assets a CROSS JOIN segments s ON s.asset_id = a.id CROSS JOIN embeddings e"
            " ON e.segment_id = s.id AND e.space_id = ? AND e.view = ? WHERE a.visible = 0",
            (space_id, view),
        ).fetchall()
        return np.array([row[0] for row in rows], np.int64)


def _matrix(blobs: list[bytes]) -> np.ndarray:
    import numpy as np

    if not blobs:
        return np.empty((0, 0), np.float32)
    width = len(blobs[0])
    if width % 2 or any(not isinstance(blob, bytes) or len(blob) != width for blob in blobs):
        raise BadRow("vectors of one view have several lengths")
    matrix = np.frombuffer(b"".join(blobs), np.float16).reshape(len(blobs), -1).astype(np.float32)
    if not np.isfinite(matrix.sum()):
        raise BadRow("a vector holds what is no number")
    return matrix
