"""The rows of files and assets, as planning writes them. All functions work inside the caller's transaction."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from mmsearch.store.catalogue import BadRow
from mmsearch.store.tokenization import prepare_name
from mmsearch.store.words import remove_names, remove_words, write_names, write_words
from mmsearch.types import (
    EXTRACTOR_VERSIONS,
    FORMAT_EXTRACTOR_VERSIONS,
    AssetState,
    Failure,
    extractor_version,
)

_HELD = (AssetState.COMPLETE, AssetState.PARTIAL)  # states of assets that are found
# The version of the extractor that would read an asset now, as an SQL expression over a row of `assets`.
EXTRACTOR_NOW = (
    "CASE "
    + " ".join(f"WHEN format = '{name}' THEN {version}" for name, version in FORMAT_EXTRACTOR_VERSIONS.items())
    + " "
    + " ".join(f"WHEN kind = '{kind}' THEN {version}" for kind, version in EXTRACTOR_VERSIONS.items())
    + " ELSE 1 END"
)


class FileRow(NamedTuple):
    """A file as the catalogue has it. `state` is its asset's (the coming one's first), or None without an asset. A
    tuple, since a run without changes makes one for every file."""

    id: int
    size: int
    mtime_ns: int
    inode: int
    sidecars: str
    code: str | None
    state: str | None
    extractor: int | None
    kind: str | None
    format: str | None  # the asset's, or what the file was taken for
    readers: str | None  # what read the asset, as JSON
    ctime_ns: int | None  # None: not seen yet
    asset_code: str | None  # why the asset failed, wholly or in part
    archive: int | None = None  # of a file in an archive: the row of that on disk
    members: str | None = None  # of an archive whose files are indexed, as `ArchiveFacts` writes it

    @property
    def is_folder(self) -> bool:
        """Whether it stands for a folder that could not be listed."""
        return self.format == "folder" and self.kind is None and not self.inode


@dataclass(frozen=True, slots=True)
class FileFacts:
    """A file as it was found. `path` is relative to its root; `kind` is None for a file of no kind that is indexed."""

    path: bytes
    size: int
    mtime_ns: int
    inode: int
    kind: str | None
    format: str
    sidecars: str = "[]"
    ctime_ns: int | None = None
    archive_id: int | None = None  # the row of the archive that it lies in
    members: str | None = None  # of an archive whose files are indexed, as `ArchiveFacts` writes it


@dataclass(frozen=True, slots=True)
class ArchiveFacts:
    """How an archive was indexed: a hash of the rules by which its files were taken, and how many of them were left
    out, by reason."""

    rules: str
    excluded: Mapping[str, int]

    def dump(self) -> str:
        """As the catalogue keeps it."""
        return json.dumps({"rules": self.rules, "excluded": dict(self.excluded)})

    @classmethod
    def load(cls, text: str) -> ArchiveFacts:
        """What `dump` wrote. Raises `BadRow`."""
        try:
            saved = json.loads(text)
            excluded = {str(reason): int(number) for reason, number in saved["excluded"].items()}
            return cls(str(saved["rules"]), excluded)
        except (AttributeError, KeyError, TypeError, ValueError, RecursionError) as error:
            raise BadRow("an archive has facts that none can have") from error


def known_files(connection: sqlite3.Connection, root_id: int, below: bytes = b"") -> dict[bytes, FileRow]:
    """Every file of a root (or of the folder or file `below` in it) by relative path."""
    sql = (
        "SELECT f.path, f.id, f.size, f.mtime_ns, f.inode, f.sidecars, f.code, a.state, a.extractor, a.kind,"
        " coalesce(a.format, f.format), a.readers, f.ctime_ns, a.code,"
        " f.archive_id, f.members FROM files f "
        "LEFT JOIN assets a ON a.id = coalesce(f.next_asset_id, f.asset_id) WHERE f.root_id = ?"
    )
    args: list[object] = [root_id]
    if below:
        sql += " AND (f.path = ? OR substr(f.path, 1, ?) = ?)"
        args += [below, len(below) + 1, below + b"/"]
    return {path: FileRow._make(row) for path, *row in connection.execute(sql, args)}


def put_file(connection: sqlite3.Connection, root_id: int, facts: FileFacts) -> int:
    """Write a file's facts and make it findable by name; its asset is left as it was. Returns the file's id."""
    row = connection.execute("SELECT id FROM files WHERE root_id = ? AND path = ?", (root_id, facts.path)).fetchone()
    values = (
        *(facts.size, facts.mtime_ns, facts.inode, facts.kind, facts.format, facts.sidecars, facts.ctime_ns),
        *(facts.archive_id, facts.members),
    )
    if row is not None:
        connection.execute(
            "UPDATE files SET size = ?, mtime_ns = ?, inode = ?, kind = ?, format = ?, sidecars = ?,"
            " ctime_ns = ?, archive_id = ?, members = ?, code = NULL, reason = NULL WHERE id = ?",
            (*values, row[0]),
        )
        return int(row[0])
    cursor = connection.execute(
        "INSERT INTO files (root_id, path, size, mtime_ns, inode, kind, format, sidecars, ctime_ns,"
        " archive_id, members) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (root_id, facts.path, *values),
    )
    file_id = int(cursor.lastrowid or 0)
    write_names(connection, file_id, prepare_name(facts.path))
    return file_id


def put_change_times(connection: sqlite3.Connection, seen: Iterable[tuple[int, int]]) -> None:
    """Note the change times of files that are otherwise as they were: (file id, nanoseconds since 1970) each."""
    connection.executemany("UPDATE files SET ctime_ns = ? WHERE id = ?", [(ctime, number) for number, ctime in seen])


def move_file(connection: sqlite3.Connection, file_id: int, root_id: int, path: bytes) -> None:
    """Move a file to another root; where that has it already, one of the two rows is deleted, with those of the files
    in it."""
    if connection.execute("SELECT 1 FROM files WHERE id = ?", (file_id,)).fetchone() is None:
        return
    if connection.execute("SELECT 1 FROM files WHERE root_id = ? AND path = ?", (root_id, path)).fetchone():
        remove_file(connection, file_id)
        return
    connection.execute("UPDATE files SET root_id = ?, path = ? WHERE id = ?", (root_id, path, file_id))
    remove_names(connection, file_id)
    write_names(connection, file_id, prepare_name(path))


def put_asset(connection: sqlite3.Connection, key: str, kind: str, format_: str) -> tuple[int, str]:
    """The asset of a key, made if it is new. Returns its id and state."""
    row = connection.execute("SELECT id, state FROM assets WHERE key = ?", (key,)).fetchone()
    if row is not None:
        return int(row[0]), str(row[1])
    cursor = connection.execute(
        "INSERT INTO assets (key, kind, format, extractor, state, visible) VALUES (?, ?, ?, ?, 'pending', 0)",
        (key, kind, format_, extractor_version(kind, format_)),
    )
    return int(cursor.lastrowid or 0), "pending"


def link(connection: sqlite3.Connection, file_id: int, asset_id: int) -> None:
    """Link a file to its asset. A pending asset waits behind an older complete one, which stays visible until then."""
    state = connection.execute("SELECT state FROM assets WHERE id = ?", (asset_id,)).fetchone()[0]
    old = connection.execute(
        "SELECT a.id, a.state FROM files f JOIN assets a ON a.id = f.asset_id WHERE f.id = ?", (file_id,)
    ).fetchone()
    if state == AssetState.PENDING and old is not None and old[0] != asset_id and old[1] in _HELD:
        connection.execute("UPDATE files SET next_asset_id = ? WHERE id = ?", (asset_id, file_id))
        return
    connection.execute("UPDATE files SET asset_id = ?, next_asset_id = NULL WHERE id = ?", (asset_id, file_id))
    show(connection, asset_id)
    if old is not None and old[0] != asset_id:
        hide_unused(connection, old[0])


def unlink(connection: sqlite3.Connection, file_id: int, failure: Failure | None) -> None:
    """Unlink a file from its assets, and store the reason (None: it is of no kind that is indexed)."""
    assets = connection.execute("SELECT asset_id, next_asset_id FROM files WHERE id = ?", (file_id,)).fetchone()
    connection.execute(
        "UPDATE files SET asset_id = NULL, next_asset_id = NULL, code = ?, reason = ? WHERE id = ?",
        (failure.code if failure else None, failure.sentence if failure else None, file_id),
    )
    for asset_id in assets:
        if asset_id is not None:
            hide_unused(connection, asset_id)


def note_failure(connection: sqlite3.Connection, file_id: int, failure: Failure) -> None:
    """Store why a file could not be brought up to date; what the index holds of it stays."""
    connection.execute("UPDATE files SET code = ?, reason = ? WHERE id = ?", (failure.code, failure.sentence, file_id))


def note_passing_failure(connection: sqlite3.Connection, asset_id: int, failure: Failure) -> None:
    """Store for every file that waits for an asset why it could not be read now; the next run tries them again."""
    connection.execute(
        "UPDATE files SET code = ?, reason = ? WHERE coalesce(next_asset_id, asset_id) = ?",
        (failure.code, failure.sentence, asset_id),
    )


def failure_code(connection: sqlite3.Connection, asset_id: int) -> str:
    """Why an asset failed."""
    return str(connection.execute("SELECT code FROM assets WHERE id = ?", (asset_id,)).fetchone()[0])


def remove_file(connection: sqlite3.Connection, file_id: int) -> None:
    """Remove a file that is gone, and those in it where it is an archive. Its asset is only hidden, since a moved file
    may need it again; `remove_orphans` deletes it when the plan is made."""
    for (member,) in connection.execute("SELECT id FROM files WHERE archive_id = ?", (file_id,)).fetchall():
        remove_file(connection, member)
    if connection.execute("SELECT 1 FROM files WHERE id = ?", (file_id,)).fetchone() is None:
        return  # it lay in an archive that was removed before
    unlink(connection, file_id, None)
    remove_names(connection, file_id)
    connection.execute("DELETE FROM files WHERE id = ?", (file_id,))


def show(connection: sqlite3.Connection, asset_id: int) -> None:
    """Make an asset's segments findable, by their words too."""
    shown = connection.execute("UPDATE assets SET visible = 1 WHERE id = ? AND visible = 0", (asset_id,))
    if shown.rowcount:
        write_words(connection, _segments(connection, asset_id))


def _segments(connection: sqlite3.Connection, asset_id: int) -> list[int]:
    return [row[0] for row in connection.execute("SELECT id FROM segments WHERE asset_id = ?", (asset_id,))]


def hide_unused(connection: sqlite3.Connection, asset_id: int) -> None:
    """Hide an asset that no file shows any more."""
    if connection.execute("SELECT 1 FROM files WHERE asset_id = ?", (asset_id,)).fetchone() is None:
        connection.execute("UPDATE assets SET visible = 0 WHERE id = ?", (asset_id,))
        remove_words(connection, _segments(connection, asset_id))


def remove_orphans(connection: sqlite3.Connection) -> int:
    """Remove every asset that no file has any more, with all that was extracted from it. Returns their number."""
    orphans = connection.execute(
        "SELECT id FROM assets a WHERE NOT EXISTS (SELECT 1 FROM files WHERE asset_id = a.id)"
        " AND NOT EXISTS (SELECT 1 FROM files WHERE next_asset_id = a.id)"
    ).fetchall()
    for (asset_id,) in orphans:
        clear_asset(connection, asset_id)
        connection.execute("DELETE FROM assets WHERE id = ?", (asset_id,))
    return len(orphans)


def begin_again(connection: sqlite3.Connection, asset_id: int) -> None:
    """Make an asset pending, as if nothing had ever been extracted from it."""
    clear_asset(connection, asset_id)
    connection.execute(
        "UPDATE assets SET state = 'pending', code = NULL, reason = NULL, spans = NULL, readers = '{}', details = '{}',"
        f" extractor = {EXTRACTOR_NOW} WHERE id = ?",
        (asset_id,),
    )


def is_stale(connection: sqlite3.Connection, asset_id: int) -> bool:
    """Whether an older version extracted an asset."""
    row = connection.execute(f"SELECT extractor < {EXTRACTOR_NOW} FROM assets WHERE id = ?", (asset_id,)).fetchone()
    return bool(row[0])


def clear_asset(connection: sqlite3.Connection, asset_id: int) -> None:
    """Remove all that was extracted from an asset. Ann files that still hold its embeddings get tombstones."""
    of_asset = "(SELECT id FROM segments WHERE asset_id = ?)"
    connection.execute(
        "INSERT OR IGNORE INTO tombstones SELECT g.id, e.id FROM embeddings e JOIN generations g"
        " ON g.space_id = e.space_id AND g.view = e.view AND e.id <= g.last_embedding_id"
        f" WHERE e.segment_id IN {of_asset}",
        (asset_id,),
    )
    connection.execute(
        "DELETE FROM background WHERE (space_id, view, sampling_hash, embedding_id) IN"
        f" (SELECT space_id, view, sampling_hash, id FROM embeddings WHERE segment_id IN {of_asset})",
        (asset_id,),
    )
    remove_words(connection, _segments(connection, asset_id))
    for table in ("embeddings", "recognized_text"):
        connection.execute(f"DELETE FROM {table} WHERE segment_id IN {of_asset}", (asset_id,))
    for table in ("segments", "spans", "encoded", "fingerprints"):
        connection.execute(f"DELETE FROM {table} WHERE asset_id = ?", (asset_id,))


# What the index holds of a file, once for each: a content, its name only, nothing as it failed, nothing yet.
HELD = (
    "CASE WHEN a.state IN ('complete', 'partial') THEN 'content'"
    " WHEN f.code = 'skipped' OR (f.code IS NULL AND a.id IS NULL) THEN 'skipped'"
    " WHEN f.code IS NOT NULL OR a.state = 'failed' THEN 'failed' ELSE 'pending' END"
)
OUTDATED = "(f.next_asset_id IS NOT NULL OR f.code IS NOT NULL)"  # of a file with content: there is a newer one


def failed_files(connection: sqlite3.Connection) -> list[tuple[int, bytes, str, str, str]]:
    """Files that the index does not hold as they are, each once: root id, path, state (`failed`, `partial`,
    `outdated`), code, sentence."""
    rows = connection.execute(
        "SELECT f.root_id, f.path, CASE WHEN a.state IN ('complete', 'partial') AND f.code IS NOT NULL"
        " THEN 'outdated' WHEN a.state = 'partial' THEN 'partial' ELSE 'failed' END,"
        " coalesce(f.code, a.code), coalesce(f.reason, a.reason)"
        " FROM files f LEFT JOIN assets a ON a.id = f.asset_id"
        " WHERE (f.code IS NOT NULL AND f.code <> 'skipped') OR a.state IN ('failed', 'partial') ORDER BY 1, 2"
    )
    return [(row[0], row[1], row[2], row[3], row[4]) for row in rows]


def noted_files(connection: sqlite3.Connection) -> list[tuple[int, bytes, str]]:
    """What was left out of files that the index holds: root id, path, and a sentence for each note."""
    rows = connection.execute(
        "SELECT f.root_id, f.path, note.value FROM files f JOIN assets a ON a.id = f.asset_id,"
        " json_each(a.details, '$.notes') note WHERE a.state IN ('complete', 'partial') ORDER BY 1, 2, note.key"
    )
    return [(row[0], row[1], row[2]) for row in rows]
