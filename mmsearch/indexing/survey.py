"""What changed: a walk through each scope, held against the catalogue. Reads only; `plan` does the writing."""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass, field

from mmsearch.config import Settings
from mmsearch.discovery.ignore import Globs
from mmsearch.discovery.walk import Entry, Walk, single
from mmsearch.indexing.look import Wanted
from mmsearch.indexing.scope import Scope
from mmsearch.store.catalogue import Root, is_below
from mmsearch.store.files import FileRow, known_files
from mmsearch.types import EXTRACTOR_VERSION, RunRecord

GUARD_FILES = 20  # fewer lost files than this are believed
_FEW = 1000  # entries between two looks at whether the run is to stop


@dataclass(slots=True)
class Survey:
    """What a run has found out about its scopes before it looks into any file."""

    wanted: list[Wanted] = field(default_factory=list)  # new or changed: to be looked at
    resume: list[tuple[Root, Entry]] = field(default_factory=list)  # unchanged, but an earlier run did not finish them
    retry: list[tuple[Root, Entry, FileRow]] = field(default_factory=list)  # failed before, to be tried again
    gone: list[tuple[Root, bytes, FileRow]] = field(default_factory=list)
    unreadable: list[tuple[Root, bytes, str]] = field(default_factory=list)  # folders that can't be listed
    vanished: list[bytes] = field(default_factory=list)  # absolute paths that were named and are not there
    guarded: list[str] = field(default_factory=list)  # why deletions were not believed, a sentence each
    devices: list[tuple[Root, int]] = field(default_factory=list)  # roots on another device, with all of their files


def survey(
    connection: sqlite3.Connection, scopes: list[Scope], settings: Settings, record: RunRecord
) -> Iterator[Survey]:
    """Walk all scopes. Yields the growing survey now and then, so that the caller can stop or show progress, and
    complete at the end."""
    result = Survey()
    for scope in scopes:
        yield from _one(connection, scope, settings, record, result)
    yield result


def _one(
    connection: sqlite3.Connection, scope: Scope, settings: Settings, record: RunRecord, result: Survey
) -> Iterator[Survey]:
    root = scope.root
    known = known_files(connection, root.id, scope.below)
    if scope.files:
        known = {path: known[path] for path in scope.files if path in known}
    walk = Walk(
        root.path, Globs.of(settings.include, settings.exclude), settings.hidden, settings.ignore_files, scope.below
    )
    if not scope.files and root.walked and not os.path.isdir(os.path.join(root.path, scope.below)):
        _lost_root(scope, known, settings, result)
        return
    seen: set[bytes] = set()
    entries = _singles(root, scope, result) if scope.files else walk.entries()
    for number, entry in enumerate(entries):
        if root.forgotten and any(is_below(entry.path, gone) for gone in root.forgotten):
            continue
        seen.add(entry.path)
        record.seen += 1
        _sort(root, entry, known.get(entry.path), settings, record, result)
        if number % _FEW == 0:
            yield result
    for reason, count in walk.left_out.items():
        record.skipped_by[reason] = record.skipped_by.get(reason, 0) + count
    result.unreadable += [(root, folder, why) for folder, why in walk.unreadable]
    hidden_from_us = [folder for folder, _ in walk.unreadable]
    missing = [
        (root, path, row)
        for path, row in known.items()
        if path not in seen
        and not any(is_below(path, folder) or not folder for folder in hidden_from_us)
        and not _narrowed_away(walk.globs, path)
    ]
    _believe(scope, known, seen, missing, settings, result)


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


def _singles(root: Root, scope: Scope, result: Survey) -> Iterator[Entry]:
    for path in scope.files:
        entry = single(root.path, path)
        if entry is not None:
            yield entry
        else:
            result.vanished.append(os.path.join(root.path, path))


def _sort(root: Root, entry: Entry, row: FileRow | None, settings: Settings, record: RunRecord, result: Survey) -> None:
    """Decide by its stat alone what a file needs."""
    same = row is not None and (entry.size, entry.mtime_ns, entry.inode, sidecar_note(entry)) == (
        row.size, row.mtime_ns, row.inode, row.sidecars,
    )  # fmt: skip
    if row is None or not same or (row.code is not None and (row.code != "skipped" or not entry.owner)):
        result.wanted.append(Wanted(root, entry, row))
    elif row.state is None:
        record.skipped += 1
        reason = "sidecar" if entry.owner else os.path.splitext(entry.path)[1].decode("utf-8", "replace").lower()
        record.skipped_by[reason or "no extension"] = record.skipped_by.get(reason or "no extension", 0) + 1
    elif row.state == "pending":
        result.resume.append((root, entry))
    elif row.state in ("failed", "partial") and settings.retry_failed:
        result.retry.append((root, entry, row))
    elif settings.refresh and row.extractor is not None and row.extractor < EXTRACTOR_VERSION:
        result.wanted.append(Wanted(root, entry, row))
    elif row.state == "failed":
        record.known_failures += 1
    else:
        record.unchanged += 1


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


def _believe(
    scope: Scope,
    known: dict[bytes, FileRow],
    seen: set[bytes],
    missing: list[tuple[Root, bytes, FileRow]],
    settings: Settings,
    result: Survey,
) -> None:
    """Take missing files for deleted ones, unless it looks as if a disk were not mounted (the mass-delete guard)."""
    root = scope.root
    device = os.stat(os.path.join(root.path, scope.below)).st_dev if root.walked else root.device
    if not missing:
        if device != root.device:
            result.devices.append((root, device))
        return
    moved = {(want.entry.size, want.entry.mtime_ns) for want in result.wanted}
    lost = sum(
        (row.size, row.mtime_ns) not in moved and not os.path.lexists(os.path.join(root.path, path))
        for _, path, row in missing
    )
    shown = os.fsdecode(os.path.join(root.path, scope.below))
    reason = ""
    if root.walked and not scope.files and not seen:
        reason = f"{shown} is empty, where {len(known)} files were"
    elif device != root.device:
        reason = f"{shown} lies on another device than before and lacks {len(missing)} of its {len(known)} files"
    elif lost >= GUARD_FILES and lost * 2 > len(known):
        reason = f"{shown} has lost {lost} of its {len(known)} files"
    if reason and not settings.allow_mass_delete:
        result.guarded.append(f"{reason}: nothing was removed from the index.")
        return
    result.gone += missing
    if device != root.device:
        result.devices.append((root, device))
