"""Planning: inspections of files become rows, links and jobs. One transaction a call."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from mmsearch.config import Settings
from mmsearch.discovery.walk import Entry
from mmsearch.encoding.jobs import Job
from mmsearch.errors import FailureCode
from mmsearch.indexing.archive_inspection import UNREAD, ArchiveContents, rules_hash
from mmsearch.indexing.archive_members import ARCHIVE, member_entry, renamed_remarks
from mmsearch.indexing.inspection import Inspection, Wanted, member_inspection
from mmsearch.indexing.scan import Scan, lacks_reading, sidecar_note, skip
from mmsearch.indexing.tally import Tally
from mmsearch.office_formats import OLD_FORMATS
from mmsearch.run_record import FileFailed, Remark
from mmsearch.store import files
from mmsearch.store.files import FileRow
from mmsearch.store.roots import Root, set_guarded, set_mounts
from mmsearch.types import AssetState, Failure, Kind, Source


@dataclass(slots=True)
class WaitingFiles:
    """The assets that a run extracts, by id: the absolute paths of the files that wait for each, and its size."""

    paths: dict[int, list[bytes]] = field(default_factory=dict)
    sizes: dict[int, int] = field(default_factory=dict)  # bytes; kept when the asset is done

    def add(self, asset_id: int, path: bytes, size: int) -> bool:
        """Add a file that waits for an asset. Returns whether it is the first one."""
        first = asset_id not in self.paths
        self.paths.setdefault(asset_id, []).append(path)
        if first:
            self.sizes[asset_id] = size
        return first


@dataclass(slots=True)
class Plan:
    """Makes the jobs of a run. `waiting` gets the files that wait for them."""

    connection: sqlite3.Connection
    settings: Settings
    waiting: WaitingFiles
    tally: Tally = field(default_factory=Tally)
    removed_assets: set[int] = field(default_factory=set)  # of files that went in this run
    failures: list[Remark | FileFailed] = field(default_factory=list)  # not reported yet, with remarks on archives

    def settle(self, scan: Scan) -> list[Job]:
        """Write what the scan found without inspecting files: deletions, folders that can't be listed, work that an
        earlier run left. Returns the jobs that can start at once."""
        for root, devices in scan.mounts:
            set_mounts(self.connection, root.id, devices)
        for root, folders in scan.missed:
            set_guarded(self.connection, root.id, folders)
        files.put_change_times(self.connection, scan.change_times)
        self.note_absent(scan)
        for _, _, row in scan.retry:
            files.begin_again(self.connection, self._asset_of(row.id))
        again = [(root, entry) for root, entry, _ in scan.retry]
        return [job for root, entry in [*scan.resume, *again] if (job := self._resumed(root, entry)) is not None]

    def note_absent(self, scan: Scan) -> None:
        """Write which files are gone, which folders can't be listed, and which named paths are no files."""
        self._remove([*((row, "gone") for row in scan.gone), *((row, "left out now") for row in scan.excluded)])
        for root, folder, why in scan.unreadable:
            self._note_folder(root, folder, why)
        for path, why in scan.missing:
            self.tally.seen += 1
            self.tally.add("missing")
            self.failures.append(FileFailed(path, Failure(FailureCode.VANISHED, why), missing=True))

    def _remove(self, rows: Iterable[tuple[FileRow, str]]) -> None:
        """Remove files, each for its reason, and with an archive its files."""
        for row, why in rows:
            assets = self.connection.execute(
                "SELECT asset_id FROM files WHERE id = ? OR archive_id = ?", (row.id, row.id)
            ).fetchall()
            self.removed_assets.update(asset_id for (asset_id,) in assets if asset_id is not None)
            files.remove_file(self.connection, row.id)
            if not row.is_folder and assets:
                self.tally.add("removed", why, len(assets))

    def take(self, inspections: Iterable[Inspection]) -> list[Job]:
        """Write the inspections of some files. Returns the jobs that follow."""
        return [job for inspection in inspections for job in self._take(inspection)]

    def _take(self, inspection: Inspection) -> list[Job]:
        if inspection.contents is not None:
            return self._take_archive(inspection, inspection.contents)
        job = self._take_one(inspection)
        return [] if job is None else [job]

    def _take_archive(self, inspection: Inspection, contents: ArchiveContents) -> list[Job]:
        """Write an archive and its files; those that it does not hold any more are removed."""
        root, entry, row = inspection.wanted.root, inspection.wanted.entry, inspection.wanted.row
        wanted, failure = inspection.wanted.archive, contents.failure
        assert wanted is not None
        is_read = failure is None or failure.code not in UNREAD
        members = files.ArchiveFacts(rules_hash(wanted, entry.path), contents.excluded).dump() if is_read else None
        facts = files.FileFacts(*entry[:4], None, "archive", "[]", entry.ctime_ns, members=members)
        if not is_read and row is not None and row.members is not None:  # its older files are better than none
            facts = replace(facts, members=row.members, size=row.size, mtime_ns=row.mtime_ns, inode=row.inode)
        archive_id = files.put_file(self.connection, root.id, facts)
        files.unlink(self.connection, archive_id, failure or Failure(FailureCode.SKIPPED, ARCHIVE))
        if failure is None:
            skip(self.tally, entry, "archive")
        elif row is not None and row.code == failure.code:
            self.tally.add("known_failures", failure.code)
        else:
            self._failed(os.path.join(root.path, entry.path), failure)
        if not is_read:
            return []
        self.failures += renamed_remarks(os.path.join(root.path, entry.path), contents)
        jobs, seen = [], set()
        for member in contents.members:
            inner = member_entry(entry, member)
            seen.add(inner.path)
            self.tally.seen += 1
            one = Wanted(root, inner, wanted.known.get(inner.path), inspection.wanted.max_bytes)
            job = self._take_one(member_inspection(member, one), archive_id)
            jobs += [job] if job is not None else []
        for reason, number in contents.excluded.items():
            self.tally.seen += number
            self.tally.add("excluded", reason, number)
        self._remove([(known, "gone") for path, known in wanted.known.items() if path not in seen])
        return jobs

    def _take_one(self, inspection: Inspection, archive_id: int | None = None) -> Job | None:
        root, entry, row = inspection.wanted.root, inspection.wanted.entry, inspection.wanted.row
        path = os.path.join(root.path, entry.path)
        failed = inspection.failure is not None and inspection.failure.code != FailureCode.SKIPPED
        # A file that changes while it is read, or can't be read now: its older content is better than none.
        held = row if failed and row is not None and row.state is not None else None
        facts = files.FileFacts(
            path=entry.path,
            size=entry.size,
            mtime_ns=entry.mtime_ns,
            inode=entry.inode,
            kind=inspection.kind if held is None or held.kind is None else Kind(held.kind),
            format=inspection.format if held is None else held.format or "",
            sidecars=sidecar_note(entry),
            ctime_ns=entry.ctime_ns,
            archive_id=archive_id,
        )
        file_id = files.put_file(self.connection, root.id, facts)
        if failed and inspection.failure is not None:
            known = row is not None and row.code == inspection.failure.code
            if inspection.kind is not None or held is not None:
                files.note_failure(self.connection, file_id, inspection.failure)
            else:
                files.unlink(self.connection, file_id, inspection.failure)
            if known:
                self.tally.add("known_failures", inspection.failure.code)
            else:
                self._failed(path, inspection.failure)
            return None
        if inspection.kind is None or inspection.key is None:
            files.unlink(self.connection, file_id, inspection.failure)
            skip(self.tally, entry, _reason(inspection))
            return None
        before = self._asset_of(file_id)
        asset_id, state = files.put_asset(self.connection, inspection.key, inspection.kind, inspection.format)
        files.link(self.connection, file_id, asset_id)
        same = row if before == asset_id else None
        if (
            (state == "failed" and self.settings.retry_failed)
            or (self.settings.refresh and files.is_stale(self.connection, asset_id))
            or (same is not None and self._is_to_be_read(same))
        ):
            files.begin_again(self.connection, asset_id)
        elif state != "pending":
            self._count_known(state, asset_id, before)
            return None
        return self._job(asset_id, inspection.key, inspection.kind, inspection.format, root, entry)

    def _is_to_be_read(self, row: FileRow) -> bool:
        """Whether a file with unchanged content is extracted again."""
        return (row.state == AssetState.PARTIAL and self.settings.retry_failed) or lacks_reading(row, self.settings)

    def _count_known(self, state: str, asset_id: int, before: int) -> None:
        """A file whose content is in the index already: touched, moved, copied, or known to be broken."""
        if state == "failed":
            self.tally.add("known_failures", files.failure_code(self.connection, asset_id))
        elif before == asset_id:
            self.tally.unchanged += 1
        elif asset_id in self.removed_assets:
            self.tally.add("moved")
        else:
            self.tally.add("indexed")

    def _resumed(self, root: Root, entry: Entry) -> Job | None:
        row = self.connection.execute(
            "SELECT a.id, a.key, a.kind, a.format FROM files f"
            " JOIN assets a ON a.id = coalesce(f.next_asset_id, f.asset_id)"
            " WHERE f.root_id = ? AND f.path = ?",
            (root.id, entry.path),
        ).fetchone()
        return None if row is None else self._job(row[0], row[1], Kind(row[2]), row[3], root, entry)

    def _job(self, asset_id: int, key: str, kind: Kind, format_: str, root: Root, entry: Entry) -> Job | None:
        """The job of an asset, unless another file of this run has asked for it already."""
        path = os.path.join(root.path, entry.path)
        if not self.waiting.add(asset_id, path, entry.size):
            return None
        done = self.connection.execute("SELECT span FROM spans WHERE asset_id = ?", (asset_id,)).fetchall()
        folder = os.path.dirname(path)
        sidecars = tuple(os.path.join(folder, name) for name, _, _ in entry.sidecars)
        source = Source(path, kind, format_, (entry.size, entry.mtime_ns, entry.inode), sidecars)
        if entry.archive is not None:
            archive = os.path.join(root.path, entry.archive[0])
            source = replace(source, archive=archive, archive_stat=entry.archive[1:])
        return Job(asset_id, key, source, frozenset(row[0] for row in done))

    def _asset_of(self, file_id: int) -> int:
        row = self.connection.execute(
            "SELECT coalesce(next_asset_id, asset_id, 0) FROM files WHERE id = ?", (file_id,)
        ).fetchone()
        return int(row[0])

    def _note_folder(self, root: Root, folder: bytes, why: str) -> None:
        """A folder that can't be listed stands in the index as a file that failed, so that `failed` shows it."""
        row = self.connection.execute(
            "SELECT id, code FROM files WHERE root_id = ? AND path = ?", (root.id, folder)
        ).fetchone()
        file_id = files.put_file(self.connection, root.id, files.FileFacts(folder, 0, 0, 0, None, "folder"))
        self.tally.seen += 1
        failure = Failure(FailureCode.PERMISSION, f"The folder can't be listed: {why}.")
        files.unlink(self.connection, file_id, failure)
        if row is None:
            self._failed(os.path.join(root.path, folder), failure)
        else:
            self.tally.add("known_failures", failure.code)

    def _failed(self, path: bytes, failure: Failure) -> None:
        self.tally.add("failed", failure.code)
        self.failures.append(FileFailed(path, failure))


def _reason(inspection: Inspection) -> str:
    """Why a file is left out; empty where its extension is the reason."""
    if inspection.failure is None:
        return ""
    if inspection.wanted.entry.owner:
        return "sidecar"
    if inspection.format == "archive":
        return "archive"
    if inspection.format in OLD_FORMATS:
        return OLD_FORMATS[inspection.format][0]
    return "sparse file" if inspection.format == "sparse" else "larger than --max-size"
