"""What changed: a walk through each scope, held against the catalogue. Reads only; `plan` does the writing."""

from __future__ import annotations

import json
import os
import sqlite3
import stat
from collections import Counter
from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from mmsearch.config import Settings
from mmsearch.discovery.ignore import Globs
from mmsearch.discovery.mounts import PSEUDO, mount_points, type_at
from mmsearch.discovery.shards import is_in_shard
from mmsearch.discovery.walk import Entry, Walk, single
from mmsearch.errors import FailureCode
from mmsearch.indexing.archive_inspection import WantedArchive, is_opened
from mmsearch.indexing.archive_members import (
    archives_of,
    by_archive,
    is_stale,
    is_to_be_listed,
    known_entry,
    skipped_reason,
)
from mmsearch.indexing.guard import GUARD_FILES, Missing, judge, mounts_of_single
from mmsearch.indexing.inspection import Wanted
from mmsearch.indexing.scope import Scope
from mmsearch.indexing.tally import Tally
from mmsearch.models.recognition import tesseract
from mmsearch.office_formats import OLD_FORMATS, is_recognized_since
from mmsearch.run_record import Remark
from mmsearch.sniff import extension
from mmsearch.store.files import ArchiveFacts, FileRow, known_files
from mmsearch.store.meta import get_meta
from mmsearch.store.roots import Root, guarded, is_below, mounts
from mmsearch.store.schema import CTIMES_SINCE
from mmsearch.types import AssetState, Kind

_FEW = 1000  # entries between two checks whether the run is to stop


@dataclass(slots=True)
class Scan:
    """What a run has found out about its scopes before it inspects any file."""

    wanted: list[Wanted] = field(default_factory=list)  # new or changed: to be inspected
    resume: list[tuple[Root, Entry]] = field(default_factory=list)  # unchanged, but an earlier run did not finish them
    retry: list[tuple[Root, Entry, FileRow]] = field(
        default_factory=list
    )  # failed before or not read, to be done again
    gone: list[FileRow] = field(default_factory=list)
    excluded: list[FileRow] = field(default_factory=list)  # left out now by the rules of their root
    unreadable: list[tuple[Root, bytes, str]] = field(default_factory=list)  # folders that can't be listed
    missing: list[tuple[bytes, str]] = field(default_factory=list)  # absolute paths that were named and are no files
    guarded: list[str] = field(default_factory=list)  # why deletions were not believed, a sentence each
    kept: int = 0  # files that stay in the index for these reasons
    unwalked: list[tuple[bytes, str, int]] = field(
        default_factory=list
    )  # mounts that are not walked: absolute path, type, files that the index holds of it
    mounts: list[tuple[Root, dict[bytes, int]]] = field(default_factory=list)  # to be remembered
    missed: list[tuple[Root, frozenset[bytes]]] = field(default_factory=list)  # folders whose files were kept, likewise
    change_times: list[tuple[int, int]] = field(default_factory=list)  # file id, ctime_ns: seen for the first time
    touched: int = 0  # files of which nothing but the change time is another
    seen: dict[int, set[bytes]] = field(default_factory=dict)  # by root, so that no file counts twice
    tally: Tally = field(default_factory=Tally)


def scan_scopes(
    connection: sqlite3.Connection, scopes: list[Scope], settings: Settings, result: Scan
) -> Iterator[None]:
    """Walk all scopes and fill in `result`. Yields now and then, so that the caller can stop or show progress.
    Deletions are known at the end only: a file may have moved to a root that is walked later."""
    lacks: list[Missing] = []
    since = float(get_meta(connection, CTIMES_SINCE) or 0)
    for scope in scopes:
        found = yield from _one(connection, scope, settings, round(since * 1e9), result)
        lacks += [found] if found is not None else []
    moved = {(want.entry.size, want.entry.mtime_ns) for want in result.wanted}
    for lack in lacks:
        verdict = judge(lack, moved, settings.allow_mass_delete)
        result.gone += verdict.gone.values()
        result.guarded += verdict.reasons
        result.kept += verdict.kept
        if verdict.mounts != lack.before:
            result.mounts.append((lack.scope.root, verdict.mounts))
        if verdict.missed != lack.missed:
            result.missed.append((lack.scope.root, verdict.missed))
    yield


def _one(
    connection: sqlite3.Connection, scope: Scope, settings: Settings, since: int, result: Scan
) -> Generator[None, None, Missing | None]:
    root, rules = scope.root, scope.rules
    known = known_files(connection, root.id, scope.below)
    known, members = by_archive(archives_of(scope.files, known) if scope.files else known)
    globs = Globs.of(rules.include, rules.exclude)
    walk = Walk(root.path, globs, rules.hidden, rules.ignore_files, scope.below, rules.network, scope.apart)
    top = os.path.join(root.path, scope.below).rstrip(b"/")  # with a slash at its end a link is followed
    if not scope.files and root.walked and (os.path.islink(top) or not os.path.isdir(top)):
        _lost_root(scope, known, guarded(connection, root.id), settings, result)
        return None
    seen, tally = result.seen.setdefault(root.id, set()), result.tally
    entries = _singles(scope, known, result) if scope.files else walk.entries()
    for number, entry in enumerate(entries):
        if entry.path in seen:
            continue
        tally.seen += 1
        if root.forgotten and _is_any(entry.path, root.forgotten):
            tally.add("excluded", "forgotten")
            continue
        if rules.shard is not None and not is_in_shard(entry.path, *rules.shard):
            tally.add("excluded", "other shard")
            continue
        seen.add(entry.path)
        row = known.get(entry.path)
        inner = members.get(row.id, {}) if row is not None and members else {}
        if is_opened(entry, row, rules, not root.walked and settings.archives is None):
            _sort_archive(scope, entry, row, inner, settings, result)
            continue
        if inner and not scope.for_now:
            result.excluded += inner.values()
        _sort(scope, entry, row, settings, since, result)
        if number % _FEW == 0:
            yield
    for reason, count in walk.left_out.items():
        tally.seen += count
        tally.add("excluded", reason, count)
    unlisted = {folder: why for folder, why in walk.unreadable if not _is_any(folder, root.forgotten)}
    result.unreadable += [(root, folder, why) for folder, why in unlisted.items()]
    missing = _missing(scope, walk, known, seen, list(unlisted), result)
    before = mounts(connection, root)
    now = mounts_of_single(root.path, scope.files) if scope.files else _mounts_now(scope, walk, before)
    unwalked = frozenset(mount.path for mount in walk.unwalked)
    missed, empty = guarded(connection, root.id), frozenset(walk.empty)
    return Missing(scope, known, missing, unlisted, unwalked, empty, not seen, before, now, missed)


def _missing(
    scope: Scope, walk: Walk, known: dict[bytes, FileRow], seen: set[bytes], unlisted: list[bytes], result: Scan
) -> dict[bytes, FileRow]:
    """The files that the catalogue knows, that should have been found, and were not. Notes those that the rules leave
    out now, and those on mounts that are not walked."""
    missing: dict[bytes, FileRow] = {}
    kept = Counter[bytes]()
    unwalked = [mount.path for mount in walk.unwalked]
    for path in known.keys() - seen:
        if _is_any(path, unlisted):
            continue
        if unwalked and (mount := next((folder for folder in unwalked if is_below(path, folder)), None)) is not None:
            kept[mount] += 1
        elif not scope.files and (walk.globs.leaves_out(path) or _is_file(os.path.join(scope.root.path, path))):
            result.excluded += [] if scope.for_now else [known[path]]
        else:
            missing[path] = known[path]
    result.unwalked += [
        (os.path.join(scope.root.path, mount.path), mount.type, kept[mount.path]) for mount in walk.unwalked
    ]
    return missing


def _mounts_now(scope: Scope, walk: Walk, before: dict[bytes, int]) -> dict[bytes, int]:
    """The mount points of a walk with their devices. A walk that starts in the middle of a file system has not seen
    where that is mounted: it is where it was, as long as the device is the same."""
    now = {mount.path: mount.device for mount in walk.mounts}
    outer = scope.below
    while outer and outer not in before:
        outer = os.path.dirname(outer)
    if outer != scope.below and now.get(scope.below) == before.get(outer):
        now[outer] = now.pop(scope.below, 0)
    return now


def _is_any(path: bytes, folders: Sequence[bytes]) -> bool:
    return any(is_below(path, folder) for folder in folders)


def _is_file(path: bytes) -> bool:
    """Whether a regular file is there: one that the walk has not given is hidden or ignored."""
    try:
        return stat.S_ISREG(os.lstat(path).st_mode)
    except OSError:
        return False


def _singles(scope: Scope, known: Mapping[bytes, FileRow], result: Scan) -> Iterator[Entry]:
    points = mount_points()
    for path in scope.files:
        absolute = os.path.join(scope.root.path, path)
        if (type_ := type_at(os.path.dirname(absolute), points)) in PSEUDO:
            result.missing.append((absolute, f"It lies on a pseudo file system ({type_}), which keeps no files."))
            continue
        entry = single(scope.root.path, path)
        if entry is not None:
            yield entry
        elif os.path.lexists(absolute):
            what = "a folder; name the files in it" if os.path.isdir(absolute) else "no regular file"
            result.missing.append((absolute, f"It is {what}."))
        elif path not in known:
            result.missing.append((absolute, "There is no such file."))


def _sort_archive(
    scope: Scope,
    entry: Entry,
    row: FileRow | None,
    members: Mapping[bytes, FileRow],
    settings: Settings,
    result: Scan,
) -> None:
    """Decide by the stat of an archive what it and the files in it need."""
    wanted = WantedArchive(scope.rules, scope.root.forgotten, members)
    now = (*entry[1:4], entry.ctime_ns)
    changed = row is None or now != (row.size, row.mtime_ns, row.inode, row.ctime_ns)
    if row is None or changed or is_to_be_listed(entry, row, wanted, settings):
        result.wanted.append(Wanted(scope.root, entry, row, scope.rules.max_bytes, wanted))
        return
    if row.code == FailureCode.SKIPPED:
        skip(result.tally, entry, "archive")
    else:
        result.tally.add("known_failures", row.code or FailureCode.DECODE_ERROR)
    excluded = ArchiveFacts.load(row.members or "").excluded
    for reason, number in excluded.items():
        result.tally.add("excluded", reason, number)
    result.tally.seen += len(members) + sum(excluded.values())
    for path, member in members.items():
        inner = known_entry(entry, path, member)
        if member.state is None and member.code not in (None, FailureCode.SKIPPED):
            result.tally.add("known_failures", member.code)
        else:
            _sort_unchanged(scope.root, inner, member, skipped_reason(member), settings, result)


def _sort_unchanged(root: Root, entry: Entry, row: FileRow, reason: str, settings: Settings, result: Scan) -> None:
    """Decide by the state of its content what a file needs that has not changed; `reason` as for `skip`."""
    if row.state is None:
        skip(result.tally, entry, reason)
    elif row.state == "pending":
        result.resume.append((root, entry))
    elif _is_retried(row, settings):
        result.retry.append((root, entry, row))
    elif row.state == "failed":
        result.tally.add("known_failures", row.asset_code or FailureCode.DECODE_ERROR)
    else:
        result.tally.unchanged += 1


def _sort(scope: Scope, entry: Entry, row: FileRow | None, settings: Settings, since: int, result: Scan) -> None:
    """Decide by its stat alone what a file needs. `since`, in nanoseconds, is when files that have no change time yet
    were last inspected."""
    root, limit = scope.root, scope.rules.max_bytes
    now = (entry.size, entry.mtime_ns, entry.inode, sidecar_note(entry))
    if row is None or now != (row.size, row.mtime_ns, row.inode, row.sidecars):
        result.wanted.append(Wanted(root, entry, row, limit))
        return
    if row.ctime_ns != entry.ctime_ns:
        if row.ctime_ns is not None or entry.ctime_ns > since:
            result.touched += 1
            result.wanted.append(Wanted(root, entry, row, limit))
            return
        result.change_times.append((row.id, entry.ctime_ns))
    belongs = bool(entry.owner)  # to another file; such a one has no asset of its own
    is_large = limit is not None and entry.size > limit and not belongs
    is_old = row.format in OLD_FORMATS and not belongs and not is_large
    if (
        settings.recheck
        or (belongs or is_large or is_old) != (row.code == FailureCode.SKIPPED)
        or (row.code is not None and not (belongs or is_large or is_old))
        or is_recognized_since(row.format or "", extension(entry.path))
    ) or (settings.refresh and is_stale(row) and row.state != "pending" and not _is_retried(row, settings)):
        result.wanted.append(Wanted(root, entry, row, limit))
    else:
        old = OLD_FORMATS[row.format or ""][0] if is_old else ""
        reason = "sidecar" if belongs else "larger than --max-size" if is_large else old
        _sort_unchanged(root, entry, row, reason, settings, result)


def _is_retried(row: FileRow, settings: Settings) -> bool:
    """Whether a file is read again without an inspection."""
    failed = row.state in (AssetState.FAILED, AssetState.PARTIAL) and settings.retry_failed
    return failed or lacks_reading(row, settings)


def lacks_reading(row: FileRow, settings: Settings) -> bool:
    """Whether a refresh would read a file's pictures for the first time, or for the first time in these languages."""
    if not settings.refresh:
        return False
    readers = json.loads(row.readers or "{}")
    pictured = row.kind in (Kind.IMAGE, Kind.PDF, Kind.VIDEO, Kind.MAIL, Kind.DOCUMENT)
    if settings.ocr == "never" or not pictured:
        return False
    named = settings.ocr_lang and tesseract.engine(settings.ocr_lang)
    return "ocr" not in readers or named not in str(readers["ocr"])


def skip(tally: Tally, entry: Entry, reason: str) -> None:
    """Count a file that is known by its name only; without a `reason`, by its extension."""
    suffix = os.path.splitext(entry.path)[1].decode("utf-8", "replace").lower()
    tally.add("skipped", reason or ("empty file" if not entry.size else suffix or "no extension"))


def sidecar_note(entry: Entry) -> str:
    """A file's sidecars as the catalogue keeps them."""
    if not entry.sidecars:
        return "[]"
    return json.dumps([[name.decode("utf-8", "surrogateescape"), size, time] for name, size, time in entry.sidecars])


def _lost_root(
    scope: Scope, known: dict[bytes, FileRow], missed: frozenset[bytes], settings: Settings, result: Scan
) -> None:
    """Settle the files of a folder to walk that is not there; `missed` is what `guarded` returns of its root."""
    shown = os.fsdecode(os.path.join(scope.root.path, scope.below))
    link = os.path.islink(shown.rstrip("/"))
    what = "is a link now, and links are not followed" if link else "is missing"
    if settings.allow_mass_delete:
        result.gone += known.values()
        result.missed.append((scope.root, frozenset(path for path in missed if not is_below(path, scope.below))))
    elif known:
        result.missed.append((scope.root, missed | {scope.below}))
        result.kept += len(known)
        result.guarded.append(f"{shown} {what}: its {len(known):,} files stay in the index.")
    else:
        result.guarded.append(f"{shown} {what}.")


def remarks(found: Scan) -> Iterator[Remark]:
    """The remarks of a run about its walks: mounts that were left out, and why many files are read again."""
    pseudo = [(path, type_) for path, type_, _ in found.unwalked if type_ in PSEUDO]
    if pseudo:
        yield Remark(f"Left out, since pseudo file systems keep no files: {_listed(pseudo)}.")
    network = [(path, type_) for path, type_, _ in found.unwalked if type_ not in PSEUDO]
    if network:
        kept = sum(number for _, type_, number in found.unwalked if type_ not in PSEUDO)
        stay = f" {kept:,} files that the index holds of them stay as they are." if kept else ""
        yield Remark(
            f"Left out, since they lie behind a network or another program: {_listed(network)}.{stay}",
            "Name one to index it: mmsearch index PATH. Or walk all of them: --network-mounts.",
        )
    if found.touched >= GUARD_FILES and found.touched * 2 > sum(len(paths) for paths in found.seen.values()):
        yield Remark(
            f"{found.touched:,} files have another change time and nothing else that is new, as after a restored disk"
            " or new permissions: each is read once to see whether its content is the same."
        )


def _listed(mounts: Sequence[tuple[bytes, str]], most: int = 4) -> str:
    """The first few mount points with their types, and how many more there are."""
    named = [f"{os.fsdecode(path)} ({type_})" for path, type_ in mounts[:most]]
    return ", ".join(named) + (f" and {len(mounts) - most:,} more" if len(mounts) > most else "")
