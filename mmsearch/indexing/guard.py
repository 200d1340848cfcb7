"""The mass-delete guard: which missing files count as deleted, and which as files of a disk that is not mounted.

A missing file stays in the index, and the run ends with exit 5, where one of these holds of a folder it lay in:

- the folder lies on another device than before, or its mount point is gone;
- it can't be listed;
- it is empty and has lost at least `EMPTIED_FILES` files (where a walk starts: any number, if it held no others);
- it is there and has lost at least `GUARD_FILES` files and more than half of those it held;
- an earlier run kept its files for one of these reasons, and more than half of those it held are still lost, whatever
  has become of the folder since.

All other missing files count as deleted. A folder that is removed as a whole counts as lost files of the folder above.
A file that has moved is not lost, and neither is one that its root's rules leave out.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from mmsearch.discovery.walk import device_of
from mmsearch.filestat import wrapped
from mmsearch.indexing.scope import Scope
from mmsearch.store.files import FileRow
from mmsearch.store.roots import is_below

GUARD_FILES = 20  # fewer lost files of a folder that is not empty are believed
EMPTIED_FILES = 10  # and fewer of one that is


@dataclass(frozen=True, slots=True)
class Missing:
    """The files of the catalogue that a walk did not find. Paths are relative to the root."""

    scope: Scope
    known: Mapping[bytes, FileRow]
    files: Mapping[bytes, FileRow]  # those that are missing
    unlisted: Mapping[bytes, str]  # folders that can't be listed -> why
    unwalked: frozenset[bytes]  # mount points that are not walked
    empty: frozenset[bytes]  # folders without any entry
    nothing: bool  # no file at all was found
    before: Mapping[bytes, int]  # mount points -> device, as they were; the root itself is the empty path
    now: Mapping[bytes, int]  # and as they are
    missed: frozenset[bytes]  # folders of which an earlier run kept lost files


@dataclass(slots=True)
class Verdict:
    """The decision about missing files."""

    gone: dict[bytes, FileRow] = field(default_factory=dict)
    reasons: list[str] = field(default_factory=list)  # why others stay, a sentence for each folder
    kept: int = 0  # the number of these others
    mounts: dict[bytes, int] = field(default_factory=dict)  # to be remembered
    missed: frozenset[bytes] = frozenset()  # folders of which lost files were kept, to be remembered


def judge(missing: Missing, moved: set[tuple[int, int]], believe_all: bool) -> Verdict:
    """Decide about missing files. `moved` are size and mtime_ns of new files: a missing file of these has moved. With
    `believe_all` (--allow-mass-delete) every missing file counts as deleted."""
    verdict = Verdict()
    guarded: dict[bytes, str] = {}
    missed = {folder for folder in missing.missed if _is_unseen(missing, folder)}
    if not believe_all:
        lost = [path for path, row in missing.files.items() if _is_lost(missing, path, row, moved)]
        still = _still_missed(missing, lost)
        guarded = _guarded(missing, lost, still)
        verdict.reasons = list(guarded.values())
        verdict.reasons += _unlisted(missing, guarded)
        missed |= {*still, *guarded, *(folder for folder in missing.unlisted if _holds_any(missing, folder))}
    verdict.gone = {
        path: row for path, row in missing.files.items() if not any(is_below(path, folder) for folder in guarded)
    }
    if not believe_all:
        unseen = {path for path in missing.known if any(is_below(path, folder) for folder in missing.unlisted)}
        kept = unseen.union(missing.files) - verdict.gone.keys()
        verdict.kept = sum(not missing.known[path].is_folder for path in kept)
    verdict.mounts = _remembered(missing, guarded)
    verdict.missed = frozenset(missed)
    return verdict


def _is_lost(missing: Missing, path: bytes, row: FileRow, moved: set[tuple[int, int]]) -> bool:
    return (row.size, row.mtime_ns) not in moved and not os.path.lexists(os.path.join(missing.scope.root.path, path))


def _still_missed(missing: Missing, lost: list[bytes]) -> dict[bytes, str]:
    """The folders whose files an earlier run kept, or the part of one that was walked, of which more than half of the
    files are lost, each with a clause."""
    found = {}
    below = missing.scope.below
    for folder in missing.missed:
        part = below if is_below(below, folder) else folder
        number = sum(is_below(path, part) for path in lost)
        held = sum(is_below(path, part) for path in missing.known)
        if number * 2 > held:
            found[part] = f"still lacks {number:,} of its {held:,} files"
    return found


def _is_unseen(missing: Missing, folder: bytes) -> bool:
    """Whether this walk could not see what has become of a folder."""
    if missing.scope.files or not is_below(folder, missing.scope.below):
        return True
    return any(is_below(folder, other) for other in (*missing.unlisted, *missing.unwalked))


def _holds_any(missing: Missing, folder: bytes) -> bool:
    return any(is_below(path, folder) and path != folder for path in missing.known)


def _guarded(missing: Missing, lost: list[bytes], still: Mapping[bytes, str]) -> dict[bytes, str]:
    """The folders whose lost files do not count as deleted, outermost first, each with a sentence. `still` is the
    result of `_still_missed`."""
    if not lost:
        return {}
    scope = missing.scope
    counts = _below(lost, scope.below)
    held = _below(missing.known, scope.below) if len(lost) >= GUARD_FILES else Counter[bytes]()
    walked = scope.root.walked and not scope.files
    reasons: dict[bytes, str] = {}
    for (folder, change), number in _changed(missing, lost).items():
        all_of_them = sum(is_below(path, folder) for path in missing.known)
        reasons.setdefault(folder, f"{change} and lacks {number:,} of its {all_of_them:,} files")
    for folder, number in counts.items():
        is_all = walked and folder == scope.below and missing.nothing and number == len(missing.known)
        if is_all or (walked and folder in missing.empty and number >= EMPTIED_FILES):
            reasons.setdefault(folder, f"is empty, where {number:,} files were")
        is_much = number >= GUARD_FILES and number * 2 > held[folder] and (walked or folder == scope.below)
        if is_much and os.path.isdir(os.path.join(scope.root.path, folder)):
            reasons.setdefault(folder, f"has lost {number:,} of its {held[folder]:,} files")
    reasons = {**still, **reasons}
    outermost: dict[bytes, str] = {}
    for folder in sorted(reasons, key=len):
        if not any(is_below(folder, other) for other in outermost):
            outermost[folder] = f"{_shown(missing, folder)} {reasons[folder]}: they stay in the index."
    return outermost


def _shown(missing: Missing, folder: bytes) -> str:
    return os.fsdecode(os.path.join(missing.scope.root.path, folder) if folder else missing.scope.root.path)


def _unlisted(missing: Missing, guarded: Iterable[bytes]) -> Iterator[str]:
    """A sentence for each folder that could not be listed and of which the index holds files."""
    for folder, why in missing.unlisted.items():
        below = (path for path, row in missing.known.items() if not row.is_folder)
        number = sum(is_below(path, folder) and path != folder for path in below)
        if number and not any(is_below(folder, other) for other in guarded):
            yield f"{_shown(missing, folder)} can't be listed ({why}): its {number:,} files stay in the index."


def _below(paths: Iterable[bytes], top: bytes) -> Counter[bytes]:
    """How many of the files lie in or below each folder, from `top` down."""
    counts: Counter[bytes] = Counter()
    for folder, number in Counter(os.path.dirname(path) for path in paths).items():
        while True:
            counts[folder] += number
            if folder == top or not folder:
                break
            folder = os.path.dirname(folder)
    return counts


def _changed(missing: Missing, lost: Iterable[bytes]) -> Counter[tuple[bytes, str]]:
    """The folders that lie on another device than before: (folder, clause for the message) -> number of lost files."""
    counts: Counter[tuple[bytes, str]] = Counter()
    other = "lies on another device than before"
    for folder, number in Counter(os.path.dirname(path) for path in lost).items():
        before, now = _mount(missing.before, folder), _mount(missing.now, folder)
        if missing.scope.files:  # nothing is known of the folders between
            if before[1] not in (0, now[1]):
                counts[folder, other] += number
        elif before != now:
            is_unmounted = len(before[0]) > len(now[0])
            top = max(before[0], now[0], missing.scope.below, key=len)
            counts[top, "is not mounted any more" if is_unmounted else other] += number
    return counts


def _mount(mounts: Mapping[bytes, int], folder: bytes) -> tuple[bytes, int]:
    """The mount point above a folder, or the folder itself, and its device."""
    while folder not in mounts and folder:
        folder = os.path.dirname(folder)
    return folder, mounts.get(folder, 0)


def _remembered(missing: Missing, guarded: Mapping[bytes, str]) -> dict[bytes, int]:
    """The mount points to store for the next run: the present ones, but the previous ones where files are missing. A
    folder that still holds most of its files, unchanged, lies on the same disk with another device number: the new
    number is stored."""
    kept = [folder for folder in guarded if not _is_mostly_there(missing, folder)]
    mounts = {_mount(missing.before, folder)[0] for folder in kept}

    def is_kept(path: bytes) -> bool:
        return path in mounts or any(is_below(path, folder) for folder in kept)

    scope, unseen = missing.scope, [*missing.unlisted, *missing.unwalked]
    if scope.files and scope.root.walked:
        return dict(missing.before)
    result = {
        path: device
        for path, device in missing.before.items()
        if scope.files
        or not is_below(path, scope.below)
        or is_kept(path)
        or any(is_below(path, folder) for folder in unseen)
    }
    return result | {path: device for path, device in missing.now.items() if not is_kept(path)}


def _is_mostly_there(missing: Missing, folder: bytes) -> bool:
    held = same = 0
    for path, row in missing.known.items():
        if is_below(path, folder):
            held += 1
            try:
                facts = os.lstat(os.path.join(missing.scope.root.path, path))
            except OSError:
                continue
            same += wrapped(facts.st_ino) == row.inode
    return same * 2 > held


def mounts_of_single(root: bytes, files: Iterable[bytes]) -> dict[bytes, int]:
    """The device of each folder that holds one of these files; of a folder that is gone, that of the nearest one."""
    found: dict[bytes, int] = {}
    for folder in {os.path.dirname(path) for path in files}:
        near = folder
        while folder not in found:
            try:
                found[folder] = device_of(os.path.join(root, near))
            except OSError:
                if not near:
                    found[folder] = 0
                near = os.path.dirname(near)
    return found
