"""Rows of another catalogue, copied into this one: files with what was extracted from their contents.

An asset is known by its key, a hash of its bytes and of what reads them, so one that both catalogues have is copied
once. Ids are new; sampling hashes come from the key and stay as they are, so the background sample of the copy is that
of one run over all files.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

from mmsearch.store import files
from mmsearch.store.words import chunks, write_words
from mmsearch.types import AssetState, Failure

_ROWS = 200  # files that are read at a time
_BETTER = (AssetState.PENDING, AssetState.FAILED, AssetState.PARTIAL, AssetState.COMPLETE)  # the later, the more
_PLACE = "page, start_s, end_s, line_start, line_end, text, details"


class MergedAs(StrEnum):
    """What became of a file of another catalogue."""

    KNOWN = "unchanged"  # it is there already, as it is
    INDEXED = "indexed"  # wholly or in part
    FAILED = "known_failures"
    SKIPPED = "skipped"  # known by its name only
    PENDING = "pending"  # its content is not extracted yet: the next run does it


@dataclass(frozen=True, slots=True)
class CatalogueFile:
    """A file as another catalogue has it. `state` is that of its asset, None without one. `is_behind`: what the
    catalogue holds is older than the file."""

    id: int
    facts: files.FileFacts
    failure: Failure | None
    asset_id: int | None
    key: str
    kind: str
    format: str
    state: AssetState | None
    is_behind: bool
    code: str  # why it or its content failed, or was left out; empty where that is not so


def catalogue_files(source: sqlite3.Connection, root_id: int) -> Iterator[list[CatalogueFile]]:
    """The files of a root in another catalogue, some at a time, in the order of their paths, archives before what lies
    in them."""
    cursor = source.execute(
        "SELECT f.id, f.path, f.size, f.mtime_ns, f.inode, f.kind, f.format, f.sidecars, f.ctime_ns, f.archive_id,"
        " f.members, f.code, f.reason, a.id, a.key, a.kind, a.format, a.state, f.next_asset_id IS NOT NULL,"
        " coalesce(f.code, a.code, '')"
        " FROM files f LEFT JOIN assets a ON a.id = f.asset_id WHERE f.root_id = ?"
        " ORDER BY f.archive_id IS NOT NULL, f.path",
        (root_id,),
    )
    while rows := cursor.fetchmany(_ROWS):
        yield [
            CatalogueFile(
                id=row[0],
                facts=files.FileFacts(*row[1:11]),
                failure=None if row[11] is None else Failure(row[11], row[12]),
                asset_id=row[13],
                key=row[14] or "",
                kind=row[15] or "",
                format=row[16] or "",
                state=None if row[17] is None else AssetState(row[17]),
                is_behind=bool(row[18]),
                code=row[19],
            )
            for row in rows
        ]


@dataclass(slots=True)
class FileMerge:
    """The merge of one catalogue into another. `spaces` has the id here of each space there. `files` gets the id here
    of each file that was copied, by its id there; the two numbers count what was written."""

    source: sqlite3.Connection
    target: sqlite3.Connection
    spaces: Mapping[int, int]
    files: dict[int, int]
    segments: int = 0
    embeddings: int = 0

    def take(self, root_id: int, file: CatalogueFile) -> MergedAs:
        """Copy a file into a root of the target, inside the caller's transaction. Where the target has the path
        already, the file that changed last stays."""
        known = self.target.execute(
            "SELECT f.id, f.size, f.mtime_ns, coalesce(f.ctime_ns, 0), a.key, a.state, f.code, f.next_asset_id"
            " FROM files f LEFT JOIN assets a ON a.id = f.asset_id WHERE f.root_id = ? AND f.path = ?",
            (root_id, file.facts.path),
        ).fetchone()
        if known is not None:
            self.files[file.id] = known[0]
            if self._is_no_better(file, *known[1:]):
                return MergedAs.KNOWN
        return self._put(root_id, file)

    def _is_no_better(
        self,
        file: CatalogueFile,
        size: int,
        mtime_ns: int,
        ctime_ns: int,
        key: str | None,
        state: str | None,
        code: str | None,
        coming: int | None,
    ) -> bool:
        """Whether what the target holds of a file is as new as what the source holds, and as complete."""
        here, there = (mtime_ns, ctime_ns), (file.facts.mtime_ns, file.facts.ctime_ns or 0)
        if (size, mtime_ns) != (file.facts.size, file.facts.mtime_ns) or (key or "") != file.key:
            return here >= there
        whole = coming is None and not file.is_behind
        held = -1 if state is None else _BETTER.index(AssetState(state))
        offered = -1 if file.state is None else _BETTER.index(file.state)
        return whole and held >= offered and (code is None or file.failure is not None)

    def _put(self, root_id: int, file: CatalogueFile) -> MergedAs:
        facts = file.facts
        archive = None if facts.archive_id is None else self.files.get(facts.archive_id)
        waits = file.is_behind or file.state is AssetState.PENDING
        values = {name: getattr(facts, name) for name in files.FileFacts.__slots__} | {"archive_id": archive}
        if waits:  # no file has this time: the next run inspects it
            values |= {"mtime_ns": 0, "ctime_ns": 0, "inode": 0}
        file_id = files.put_file(self.target, root_id, files.FileFacts(**values))
        self.files[file.id] = file_id
        if file.asset_id is None or file.state is None or file.state is AssetState.PENDING:
            files.unlink(self.target, file_id, file.failure)
            return MergedAs.PENDING if waits else _without_asset(file)
        asset_id, state = files.put_asset(self.target, file.key, file.kind, file.format)
        if _BETTER.index(AssetState(state)) < _BETTER.index(file.state):
            if state != AssetState.PENDING:
                files.clear_asset(self.target, asset_id)
            self._copy(file.asset_id, asset_id)
        files.link(self.target, file_id, asset_id)
        if file.failure is not None:
            files.note_failure(self.target, file_id, file.failure)
        if waits:
            return MergedAs.PENDING
        return MergedAs.FAILED if file.state is AssetState.FAILED else MergedAs.INDEXED

    def _copy(self, from_id: int, asset_id: int) -> None:
        """Copy all that was extracted from an asset into one of the target that holds nothing yet."""
        row = self.source.execute(
            "SELECT state, code, reason, attempts, spans, readers, details, extractor FROM assets WHERE id = ?",
            (from_id,),
        ).fetchone()
        self.target.execute(
            "UPDATE assets SET state = ?, code = ?, reason = ?, attempts = ?, spans = ?, readers = ?, details = ?,"
            " extractor = ? WHERE id = ?",
            (*row, asset_id),
        )
        for table, columns in (("spans", "span, code, reason"), ("fingerprints", "form, at, key, body")):
            rows = self.source.execute(f"SELECT {columns} FROM {table} WHERE asset_id = ?", (from_id,))
            marks = ", ?" * len(columns.split(", "))
            self.target.executemany(
                f"INSERT INTO {table} (asset_id, {columns}) VALUES (?{marks})", ((asset_id, *one) for one in rows)
            )
        ids = self._copy_segments(from_id, asset_id)
        self._copy_read(ids)
        self._copy_embeddings(ids)
        encoded = self.source.execute("SELECT space_id FROM encoded WHERE asset_id = ?", (from_id,)).fetchall()
        self.target.executemany(
            "INSERT OR IGNORE INTO encoded (asset_id, space_id) VALUES (?, ?)",
            [(asset_id, self.spaces[space]) for (space,) in encoded if space in self.spaces],
        )
        if self.target.execute("SELECT visible FROM assets WHERE id = ?", (asset_id,)).fetchone()[0]:
            write_words(self.target, list(ids.values()))  # a file has it already: `link` shows it to no other
        waiting = self.target.execute("SELECT id FROM files WHERE next_asset_id = ?", (asset_id,)).fetchall()
        for (file_id,) in waiting:
            files.link(self.target, file_id, asset_id)

    def _copy_segments(self, from_id: int, asset_id: int) -> dict[int, int]:
        """Returns the id here of each segment there."""
        ids: dict[int, int] = {}
        rows = self.source.execute(
            f"SELECT id, ordinal, {_PLACE} FROM segments WHERE asset_id = ? ORDER BY ordinal", (from_id,)
        )
        for segment_id, *values in rows:
            cursor = self.target.execute(
                f"INSERT INTO segments (asset_id, ordinal, {_PLACE}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (asset_id, *values),
            )
            ids[segment_id] = int(cursor.lastrowid or 0)
        self.segments += len(ids)
        return ids

    def _copy_read(self, ids: Mapping[int, int]) -> None:
        """Copy the words that were recognized in segments."""
        for some in chunks(list(ids)):
            rows = self.source.execute(
                "SELECT segment_id, reader, engine, start_s, end_s, text FROM recognized_text"
                f" WHERE segment_id IN ({','.join('?' * len(some))}) ORDER BY id",
                some,
            )
            self.target.executemany(
                "INSERT INTO recognized_text (segment_id, reader, engine, start_s, end_s, text)"
                " VALUES (?, ?, ?, ?, ?, ?)",
                ((ids[segment_id], *values) for segment_id, *values in rows),
            )

    def _copy_embeddings(self, ids: Mapping[int, int]) -> None:
        """Copy the embeddings of segments, with the token vectors that hang on them."""
        for some in chunks(list(ids)):
            rows = self.source.execute(
                "SELECT e.segment_id, e.space_id, e.view, e.part, e.sampling_hash, e.vector, t.vectors"
                " FROM embeddings e LEFT JOIN token_vectors t ON t.embedding_id = e.id"
                f" WHERE e.segment_id IN ({','.join('?' * len(some))}) ORDER BY e.id",
                some,
            )
            for segment_id, space_id, view, part, sampling_hash, vector, tokens in rows:
                if space_id not in self.spaces:  # on its way in or out there
                    continue
                cursor = self.target.execute(
                    "INSERT INTO embeddings (segment_id, space_id, view, part, sampling_hash, vector)"
                    " VALUES (?, ?, ?, ?, ?, ?)",
                    (ids[segment_id], self.spaces[space_id], view, part, sampling_hash, vector),
                )
                self.embeddings += 1
                if tokens is not None:
                    self.target.execute(
                        "INSERT INTO token_vectors (embedding_id, vectors) VALUES (?, ?)", (cursor.lastrowid, tokens)
                    )


def _without_asset(file: CatalogueFile) -> MergedAs:
    """What became of a file that has no asset in the source."""
    if file.failure is None or file.failure.code == "skipped":
        return MergedAs.SKIPPED
    return MergedAs.FAILED
