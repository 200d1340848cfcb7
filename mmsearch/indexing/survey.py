"""What changed: a walk through each scope, held against the catalogue. Reads only; `plan` does the writing."""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from mmsearch.config import Settings
from mmsearch.discovery.ignore import Globs
from mmsearch.discovery.walk import Entry, Walk, single
from mmsearch.indexing.look import Wanted
from mmsearch.indexing.scope import Scope
from mmsearch.store.catalogue import Root, is_below
from mmsearch.store.files import FileRow, known_files
from mmsearch.types import EXTRACTOR_VERSION, Kind, RunRecord

GUARD_FILES = 20  # fewer lost files than this are believed
_FEW = 1000  # entries between two looks at whether the run is to stop


@dataclass(slots=True)
class Survey:
    """What a run has found out about its scopes before it looks into any file."""

    wanted: list[Wanted] = field(default_factory=list)  # new or changed: to be looked at
    resume: list[tuple[Root, Entry]] = field(default_factory=list)  # unchanged, but an earlier run did not finish them
    retry: list[tuple[Root, Entry, FileRow]] = field(
        default_factory=list
    )  # failed before or not read, to be done again
    gone: list[tuple[Root, bytes, FileRow]] = field(default_factory=list)
    unreadable: list[tuple[Root, bytes, str]] = field(default_factory=list)  # folders that can't be listed
    vanished: list[bytes] = field(default_factory=list)  # absolute paths that were named and are not there
    guarded: list[str] = field(default_factory=list)  # why deletions were not believed, a sentence each
    devices: list[tuple[Root, int]] = field(default_factory=list)  # roots on another device, with all of their files
    seen: dict[int, set[bytes]] = field(default_factory=dict)  # by root, so that no file counts twice


@dataclass(frozen=True, slots=True)
class _Lacks:
    """What a walk did not find of what the catalogue knows, to be believed or not when all walks are done."""

    scope: Scope
    known: int
    empty: bool
    missing: list[tuple[Root, bytes, FileRow]]


def survey(
    connection: sqlite3.Connection, scopes: list[Scope], settings: Settings, record: RunRecord
) -> Iterator[Survey]:
    """Walk all scopes. Yields the growing survey now and then, so that the caller can stop or show progress, and
    complete at the end. Only then does it hold deletions: a file may have moved to a root that is walked later."""
    result = Survey()
    lacks: list[_Lacks] = []
    for scope in scopes:
        found = yield from _one(connection, scope, settings, record, result)
        lacks += [found] if found is not None else []
    moved = {(want.entry.size, want.entry.mtime_ns) for want in result.wanted}
    for lack in lacks:
        _believe(lack, moved, settings, result)
    yield result


def _one(
    connection: sqlite3.Connection, scope: Scope, settings: Settings, record: RunRecord, result: Survey
) -> Generator[Survey, None, _Lacks | None]:
    root = scope.root
    known = known_files(connection, root.id, scope.below)
    if scope.files:
        known = {path: known[path] for path in scope.files if path in known}
    walk = Walk(root.path, Globs.of(settings.include, settings.exclude), scope.hidden, scope.ignore_files, scope.below)
    if not scope.files and root.walked and not os.path.isdir(os.path.join(root.path, scope.below)):
        _lost_root(scope, known, settings, result)
        return None
    seen = result.seen.setdefault(root.id, set())
    entries = _singles(scope, known, result) if scope.files else walk.entries()
    for number, entry in enumerate(entries):
        if entry.path in seen or (root.forgotten and _is_any(entry.path, root.forgotten)):
            continue
        seen.add(entry.path)
        record.seen += 1
        _sort(root, entry, known.get(entry.path), settings, record, result)
        if number % _FEW == 0:
            yield result
    for reason, count in walk.left_out.items():
        record.skipped_by[reason] = record.skipped_by.get(reason, 0) + count
    unreadable = [(folder, why) for folder, why in walk.unreadable if not _is_any(folder, root.forgotten)]
    result.unreadable += [(root, folder, why) for folder, why in unreadable]
    missing = [
        (root, path, row)
        for path, row in known.items()
        if path not in seen and not _is_any(path, [folder for folder, _ in unreadable])
        if not _narrowed_away(walk.globs, path)
    ]
    return _Lacks(scope, len(known), not seen, missing)


def _is_any(path: bytes, folders: Sequence[bytes]) -> bool:
    return any(is_below(path, folder) for folder in folders)


def _narrowed_away(globs: Globs, path: bytes) -> bool:
    """Whether a file is not in this run because `--include` or `--exclude` narrowed it: it stays as it is."""
    if globs.leaves_out_file(path):
        return True
    folder = os.path.dirname(path)
    while folder:
        if globs.leaves_out_folder(folder):
            return True
        folder = os.path.dirname(folder)
    return False


def _singles(scope: Scope, known: Mapping[bytes, FileRow], result: Survey) -> Iterator[Entry]:
    for path in scope.files:
        entry = single(scope.root.path, path)
        if entry is not None:
            yield entry
        elif path not in known:
            result.vanished.append(os.path.join(scope.root.path, path))


def _sort(root: Root, entry: Entry, row: FileRow | None, settings: Settings, record: RunRecord, result: Survey) -> None:
    """Decide by its stat alone what a file needs."""
    same = row is not None and (entry.size, entry.mtime_ns, entry.inode, sidecar_note(entry)) == (
        row.size, row.mtime_ns, row.inode, row.sidecars,
    )  # fmt: skip
    belongs = bool(entry.owner)  # to another file; such a one has no asset of its own
    if row is None or not same or belongs != (row.code == "skipped") or (row.code is not None and not belongs):
        result.wanted.append(Wanted(root, entry, row))
    elif row.state is None:
        skip(record, entry, "sidecar" if belongs else "")
    elif row.state == "pending":
        result.resume.append((root, entry))
    elif (row.state in ("failed", "partial") and settings.retry_failed) or _lacks_reading(row, settings):
        result.retry.append((root, entry, row))
    elif settings.refresh and row.extractor is not None and row.extractor < EXTRACTOR_VERSION:
        result.wanted.append(Wanted(root, entry, row))
    elif row.state == "failed":
        record.known_failures += 1
    else:
        record.unchanged += 1


def _lacks_reading(row: FileRow, settings: Settings) -> bool:
    """Whether speech recognition is asked for by name and this file has not had it, or a refresh would read its
    pictures for the first time."""
    if not (settings.transcribe or settings.refresh):
        return False
    readers = json.loads(row.readers or "{}")
    if settings.transcribe and row.kind in (Kind.AUDIO, Kind.VIDEO) and "speech" not in readers:
        return True
    pictured = row.kind in (Kind.IMAGE, Kind.PDF, Kind.VIDEO)
    return settings.refresh and settings.ocr != "never" and pictured and "ocr" not in readers


def skip(record: RunRecord, entry: Entry, reason: str) -> None:
    """Count a file that is known by its name only; without a `reason`, by its extension."""
    suffix = os.path.splitext(entry.path)[1].decode("utf-8", "replace").lower()
    reason = reason or ("empty file" if not entry.size else suffix or "no extension")
    record.skipped += 1
    record.skipped_by[reason] = record.skipped_by.get(reason, 0) + 1


def sidecar_note(entry: Entry) -> str:
    """A file's sidecars as the catalogue keeps them."""
    if not entry.sidecars:
        return "[]"
    return json.dumps([[name.decode("utf-8", "surrogateescape"), size, time] for name, size, time in entry.sidecars])


def _lost_root(scope: Scope, known: dict[bytes, FileRow], settings: Settings, result: Survey) -> None:
    shown = os.fsdecode(os.path.join(scope.root.path, scope.below))
    if settings.allow_mass_delete:
        result.gone += [(scope.root, path, row) for path, row in known.items()]
    elif known:
        result.guarded.append(f"{shown} is missing: its {len(known)} files stay in the index.")
    else:
        result.guarded.append(f"{shown} is missing.")


def _believe(lack: _Lacks, moved: set[tuple[int, int]], settings: Settings, result: Survey) -> None:
    """Take missing files for deleted ones, unless it looks as if a disk were not mounted (the mass-delete guard).
    `moved` are size and mtime_ns of new files: a missing file of these has moved."""
    scope, root = lack.scope, lack.scope.root
    place = os.path.join(root.path, scope.below)
    try:
        device = os.stat(place).st_dev if root.walked else root.device
    except OSError:  # it went away since
        result.guarded.append(f"{os.fsdecode(place)} is missing: its {lack.known} files stay in the index.")
        return
    lost = sum(
        (row.size, row.mtime_ns) not in moved and not os.path.lexists(os.path.join(root.path, path))
        for _, path, row in lack.missing
    )
    shown = os.fsdecode(place)
    reason = ""
    if root.walked and not scope.files and lack.empty and 0 < lost == lack.known:
        reason = f"{shown} is empty, where {lack.known} files were"
    elif lack.missing and device != root.device:
        reason = f"{shown} lies on another device than before and lacks {len(lack.missing)} of its {lack.known} files"
    elif lost >= GUARD_FILES and lost * 2 > lack.known:
        reason = f"{shown} has lost {lost} of its {lack.known} files"
    if reason and not settings.allow_mass_delete:
        result.guarded.append(f"{reason}: nothing was removed from the index.")
        return
    result.gone += lack.missing
    if device != root.device and not scope.below:
        result.devices.append((root, device))
