"""The state of an index, in numbers."""

from __future__ import annotations

import os
import sqlite3
from collections import Counter
from dataclasses import replace

from mmsearch.errors import FailureCode
from mmsearch.index_status import Holdings, SpaceStatus, SpeechStatus, Status, Transcribed
from mmsearch.store import ann, transcripts
from mmsearch.store.files import EXTRACTOR_NOW, HELD, OUTDATED, noted_files
from mmsearch.store.layout import IndexFolder, is_network_file_system
from mmsearch.store.lock import interrupted_writer, lock_holder
from mmsearch.store.log import lost_commits
from mmsearch.store.runs import last_run
from mmsearch.store.schema import has_fingerprints, is_older
from mmsearch.store.snapshot import Snapshot
from mmsearch.store.spaces import BUILDING, SpaceRow, plain_name, spaces

_RUNS = ("index", "failed --retry")  # commands that record a run


def status(folder: IndexFolder) -> Status:
    """The state of an index at this moment. Light: it loads neither models nor ann files."""
    with Snapshot(folder) as snapshot:
        connection = snapshot.connection
        writing = lock_holder(folder)
        walked = [root for root in snapshot.roots.values() if root.walked]
        notes = list(snapshot.notes)
        if is_network_file_system(folder.path):
            notes.append("The index is on a network file system, where locks can't be relied on.")
        older = is_older(connection)
        if older:
            notes.append("An earlier mmsearch wrote this index; the next `mmsearch index` brings it up to date.")
        held = _counts(
            connection, f"SELECT {HELD}, count(*) FROM files f LEFT JOIN assets a ON a.id = f.asset_id GROUP BY 1"
        )
        run = _unrecorded(folder, last_run(connection))
        last = None if run is None else {"started": run[0], "ended": run[1], **run[2]}
        if run is not None and run[1] is None and not writing:
            notes.append("The last run was cut off; the next one goes on from there.")
        doubts = snapshot.doubts
        if not writing and lost_commits(folder):
            notes.append("The log of the last run is damaged; the next `mmsearch index` does again what it held.")
            doubts += (notes[-1],)
        return Status(
            folder=str(folder.path),
            roots=tuple(root.path for root in walked),
            rules={root.path: root.rules for root in walked},
            forgotten={root.path: root.forgotten for root in walked},
            files=sum(held.values()),
            by_kind=_counts(
                connection,
                "SELECT a.kind, count(*) FROM files f JOIN assets a ON a.id = f.asset_id"
                " WHERE a.state IN ('complete', 'partial') GROUP BY a.kind ORDER BY a.kind",
            ),
            skipped=_skipped(connection),
            segments=_one(
                connection, "SELECT count(*) FROM segments s JOIN assets a ON a.id = s.asset_id WHERE a.visible = 1"
            ),
            read=_counts(connection, "SELECT reader, count(DISTINCT segment_id) FROM recognized_text GROUP BY reader"),
            failed=held.get("failed", 0),
            partial=_one(connection, f"SELECT count(*) {_SHOWN} WHERE a.state = 'partial'"),
            pending=held.get("pending", 0),
            stale=_one(
                connection,
                "SELECT count(*) FROM files f JOIN assets a ON a.id = f.asset_id"
                f" WHERE a.id IN (SELECT id FROM assets WHERE extractor < {EXTRACTOR_NOW})"
                + ("" if has_fingerprints(connection) else " OR a.id IN (SELECT asset_id FROM segments)"),
            ),
            spaces=_spaces(snapshot),
            bytes_on_disk=sum(path.stat().st_size for path in folder.path.rglob("*") if path.is_file()),
            last_run=last,
            writing=writing,
            notes=tuple(notes),
            doubts=doubts,
            by_words=_counts(
                connection,
                f"SELECT a.kind, count(*) {_SHOWN} WHERE a.id IN (SELECT s.asset_id FROM words_fts_docsize w"
                " JOIN segments s ON s.id = w.id) GROUP BY a.kind ORDER BY a.kind",
            ),
            failed_by=_counts(
                connection,
                "SELECT coalesce(f.code, a.code), count(*) FROM files f LEFT JOIN assets a ON a.id = f.asset_id"
                f" WHERE {HELD} = 'failed' GROUP BY 1 ORDER BY 2 DESC, 1",
            ),
            outdated=_one(
                connection, f"SELECT count(*) {_SHOWN} WHERE a.state IN ('complete', 'partial') AND {OUTDATED}"
            ),
            speech=_speech(snapshot),
            noted=len({(root, path) for root, path, _ in noted_files(connection)}),
        )


def holdings(snapshot: Snapshot) -> Holdings:
    """What an index holds, in numbers. Light: it loads neither models nor ann files."""
    connection = snapshot.connection
    paged = "FROM segments s JOIN assets a ON a.id = s.asset_id WHERE a.visible = 1 AND s.page IS NOT NULL"
    words = "SELECT segment_id FROM recognized_text WHERE reader = 'ocr'"
    return Holdings(
        by_kind=_counts(connection, f"SELECT a.kind, count(*) {_SHOWN} WHERE a.state <> 'failed' GROUP BY a.kind"),
        segments=_one(
            connection, "SELECT count(*) FROM segments s JOIN assets a ON a.id = s.asset_id WHERE a.visible = 1"
        ),
        pages=_one(connection, f"SELECT count(*) FROM (SELECT DISTINCT s.asset_id, s.page {paged})"),
        scanned_pages=_one(
            connection, f"SELECT count(*) FROM (SELECT DISTINCT s.asset_id, s.page {paged} AND s.id IN ({words}))"
        ),
        languages=_counts(
            connection,
            f"SELECT substr(json_extract(a.details, '$.language'), 1, 2), count(*) {_SHOWN}"
            " WHERE json_type(a.details, '$.language') = 'text' GROUP BY 1",
        ),
        recorded_s=float(
            connection.execute(
                f"SELECT coalesce(sum(json_extract(a.details, '$.duration_s')), 0.0) {_SHOWN}"
            ).fetchone()[0]
        ),
        models=frozenset(str(row.recorded.get("model", plain_name(row))) for row in snapshot.spaces()),
    )


def _unrecorded(
    folder: IndexFolder, run: tuple[float, float | None, dict[str, object]] | None
) -> tuple[float, float | None, dict[str, object]] | None:
    """The last run that is recorded, or a later one, cut off, that could not be: the disk was full, or it was killed as
    it began."""
    writer = interrupted_writer(folder)
    if writer is None or writer[0] not in _RUNS or (run is not None and writer[1] <= run[0]):
        return run
    return writer[1], None, {}


def _speech(snapshot: Snapshot) -> SpeechStatus:
    """The recordings that are transcribed, wholly or in part, and how much is left."""
    connection = snapshot.connection
    found = []
    for asset_id, engine, until_s, duration_s, is_whole, languages in transcripts.transcribed(connection):
        paths = tuple(
            snapshot.absolute(root_id, path)
            for root_id, path in connection.execute(
                "SELECT root_id, path FROM files WHERE asset_id = ? ORDER BY root_id, path", (asset_id,)
            )
        )
        found.append(Transcribed(paths, until_s, duration_s, is_whole, languages, engine))
    left = transcripts.lacking(connection)
    done = [one for one in found if one.is_whole]
    spoken = Counter(code for one in done if (code := transcripts.main_language(one.languages)))
    return SpeechStatus(
        done=len(done),
        left=len(left),
        left_s=round(sum(one.left_s for one in left), 1),
        is_off=transcripts.is_off(connection),
        languages=dict(spoken.most_common()),
        engines=dict(Counter(one.engine for one in done).most_common()),
        recordings=tuple(found),
    )


_SHOWN = "FROM files f JOIN assets a ON a.id = f.asset_id"  # files with the content that searches see


def _spaces(snapshot: Snapshot) -> tuple[SpaceStatus, ...]:
    """Those in use, then those that are being built."""
    connection = snapshot.connection
    found: dict[tuple[int, str], dict[str, int]] = {}
    for space_id, view, kind, count in connection.execute(
        f"SELECT one.space_id, one.view, a.kind, count(*) {_SHOWN} JOIN (SELECT DISTINCT s.asset_id, e.space_id, e.view"
        " FROM embeddings e JOIN segments s ON s.id = e.segment_id) one ON one.asset_id = a.id"
        " GROUP BY one.space_id, one.view, a.kind ORDER BY a.kind"
    ):
        found.setdefault((space_id, view), {})[kind] = count
    rows = [*snapshot.spaces(), *spaces(connection, BUILDING)]
    return tuple(
        replace(
            _space(snapshot, row),
            files={view: found.get((row.id, view), {}) for view in row.views},
            behind=_one(
                connection,
                f"SELECT count(*) {_SHOWN} WHERE a.state IN ('complete', 'partial') AND NOT EXISTS"
                f" (SELECT 1 FROM encoded e WHERE e.asset_id = a.id AND e.space_id = {row.id})",
            ),
        )
        for row in rows
    )


def _one(connection: sqlite3.Connection, sql: str) -> int:
    return int(connection.execute(sql).fetchone()[0])


def _counts(connection: sqlite3.Connection, sql: str) -> dict[str, int]:
    return dict(connection.execute(sql).fetchall())


# Why files are known by name only, by what is stored as their format.
_LEFT_OUT = {
    "sidecar": "sidecar",
    "sparse": "sparse file",
    "archive": "archive",
    "ppt": "old PowerPoint format",
}


def _skipped(connection: sqlite3.Connection) -> dict[str, int]:
    """The numbers of files that are known by name only, by extension or reason."""
    counts: dict[str, int] = {}
    for path, code, format_ in connection.execute(
        f"SELECT f.path, f.code, f.format FROM files f LEFT JOIN assets a ON a.id = f.asset_id WHERE {HELD} = 'skipped'"
    ):
        if code == FailureCode.SKIPPED:
            reason = _LEFT_OUT.get(format_, "larger than --max-size")
        elif format_ == "empty":
            reason = "empty file"
        else:
            reason = os.path.splitext(path)[1].decode("utf-8", "replace").lower() or "no extension"
        counts[reason] = counts.get(reason, 0) + 1
    return dict(sorted(counts.items(), key=lambda pair: (-pair[1], pair[0])))


def _space(snapshot: Snapshot, row: SpaceRow) -> SpaceStatus:
    counts, search = {}, {}
    for view in row.views:
        counts[view] = snapshot.count(row.id, view)
        found = ann.generations(snapshot.connection, row.id, view)
        if not found:
            search[view] = "exact, from the catalogue"
        elif found[0].shape == "flat":
            search[view] = f"exact, {found[0].file}"
        else:
            search[view] = f"IVF, nprobe {found[0].nprobe}, recall@10 {found[0].recall:.3f}, {found[0].file}"
    model = str(row.recorded.get("model", row.name))
    return SpaceStatus(
        plain_name(row),
        model,
        row.dimension,
        counts,
        search,
        state=str(row.recorded.get("state", "")),
        options=row.recorded.get("options", {}),
    )
