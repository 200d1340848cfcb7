"""Which roots a run scans, and which part of each: targets as they were typed become scopes."""

from __future__ import annotations

import os
import sqlite3
import stat
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from mmsearch.config import Settings
from mmsearch.discovery.mounts import PSEUDO, is_network, mount_points, type_at
from mmsearch.discovery.walk import device_of
from mmsearch.errors import UsageError
from mmsearch.run_record import Remark
from mmsearch.store.access import folder_beside
from mmsearch.store.asset_sources import asset_sources
from mmsearch.store.files import move_file
from mmsearch.store.layout import IndexFolder
from mmsearch.store.roots import (
    Root,
    add_root,
    guarded,
    is_below,
    remove_root,
    roots,
    set_forgotten,
    set_guarded,
    set_rules,
)
from mmsearch.types import ALL_FILES, FileRules, Kind, Source


@dataclass(frozen=True, slots=True)
class Scope:
    """A part of a root that a run scans: a folder to walk (`below`, empty for all of it), or single files."""

    root: Root
    below: bytes = b""
    files: tuple[bytes, ...] = ()  # relative paths; with them nothing is walked
    rules: FileRules = ALL_FILES  # which files are taken
    apart: frozenset[bytes] = frozenset()  # folders in the root that are roots of their own (relative)
    for_now: bool = False  # the rules hold for this run only: what they leave out stays in the index


@dataclass(slots=True)
class Reach:
    """Where a run may read files. For an index of the user's own: everywhere. For another: beside or below it, and what
    is named in this run; a folder elsewhere that its catalogue names would copy the user's files into a folder that
    somebody else has prepared. `refused` are the roots that were left out for that reason."""

    places: tuple[bytes, ...] = ()  # real paths; meaningless where everywhere
    everywhere: bool = False
    refused: list[bytes] = field(default_factory=list)

    @classmethod
    def of(cls, folder: IndexFolder, targets: Sequence[bytes] | None, own: bool) -> Reach:
        """The reach of a run over an index."""
        return cls((folder_beside(folder), *(os.path.realpath(target) for target in targets or ())), everywhere=own)

    def holds(self, path: bytes) -> bool:
        """Whether a run may open an absolute path: links are followed to where they lead."""
        if self.everywhere:
            return True
        real = os.path.realpath(path)
        return any(is_below(real, place) for place in self.places)

    def remarks(self) -> list[Remark]:
        """Remarks about the roots that were left out."""
        if not self.refused:
            return []
        shown = ", ".join(os.fsdecode(path) for path in self.refused[:3])
        more = f" and {len(self.refused) - 3} more" if len(self.refused) > 3 else ""
        return [
            Remark(
                f"This index is not yours, and names folders that lie elsewhere: they were left alone ({shown}{more}).",
                "Name them to have them indexed, or adopt the index: mmsearch trust DIR",
            )
        ]


def present_source(
    connection: sqlite3.Connection, folder: IndexFolder, reach: Reach, asset_id: int, kind: Kind, format_: str
) -> Source:
    """A file with the content of an asset, as far as a run may open it: the first one that exists, else the last one;
    without a path where there is none."""
    places: dict[int, Root] = {root.id: root for root in roots(connection, folder)}
    result = Source(b"", kind, format_, (0, 0, 0))
    for source in asset_sources(connection, places, asset_id):
        if reach.holds(source.path):
            sidecars = tuple(path for path in source.sidecars if reach.holds(path))
            result = replace(source, sidecars=sidecars)
            if os.path.exists(source.on_disk[0]):
                break
    return result


def scopes(
    connection: sqlite3.Connection,
    folder: IndexFolder,
    targets: Sequence[bytes] | None,
    listed: bool,
    settings: Settings,
    reach: Reach,
) -> list[Scope]:
    """The scopes of a run, inside the caller's transaction; new roots are taken in.

    Without targets, all roots. A target that is a folder becomes a root, or a part of the root it lies in; files are
    taken one by one. `listed`: every target is a file, and one that is gone is not an error. Raises `UsageError` for
    a target that does not exist or is neither file nor folder.
    """
    if targets is None:
        every = [scope for root in roots(connection, folder) if (scope := _whole(connection, root, reach)) is not None]
        every = [scope for scope in every if scope.root.walked or scope.files]
        return _as_walked(connection, folder, every, settings, reach)
    folders: list[bytes] = []
    single: list[bytes] = []
    for target in dict.fromkeys(os.path.realpath(target) for target in targets):
        mode = _mode(target, listed)
        (folders if mode is not None and stat.S_ISDIR(mode) and not listed else single).append(target)
    walked: list[Scope] = []
    for target in sorted(folders, key=len):  # outer folders first: an inner one is a part of them, not another root
        scope = _folder_scope(connection, folder, target)
        if not any(scope.root.id == other.root.id and is_below(scope.below, other.below) for other in walked):
            walked.append(scope)
    by_root: dict[int, Scope] = {}
    for target in single:
        root = _root_of_file(connection, folder, target)
        path = os.path.relpath(target, root.path)
        root = _remembering(connection, root, path)
        before = by_root[root.id].files if root.id in by_root else ()
        by_root[root.id] = Scope(root, files=(*before, path))
    return _as_walked(connection, folder, [*walked, *by_root.values()], settings, reach)


def _as_walked(
    connection: sqlite3.Connection, folder: IndexFolder, found: Sequence[Scope], settings: Settings, reach: Reach
) -> list[Scope]:
    """The scopes with the rules of their roots, and the roots that lie in them."""
    walked = [root.path for root in roots(connection, folder) if root.walked]
    return [
        replace(_with_rules(connection, scope, settings, reach), apart=_inner(scope.root.path, walked))
        for scope in found
    ]


def _inner(root: bytes, others: Sequence[bytes]) -> frozenset[bytes]:
    return frozenset(os.path.relpath(other, root) for other in others if other != root and is_below(other, root))


def _with_rules(connection: sqlite3.Connection, scope: Scope, settings: Settings, reach: Reach) -> Scope:
    """A scope with the rules of its root: those of the settings, else those stored for the root. Settings for a whole
    root are stored; for a part of it they hold for this run. Of an index that is not the user's own, stored rules are
    neither used nor changed."""
    known = ALL_FILES if settings.reset_filters or not reach.everywhere else scope.root.rules
    rules = FileRules(
        include=settings.include or known.include,
        exclude=settings.exclude or known.exclude,
        hidden=known.hidden if settings.hidden is None else settings.hidden,
        ignore_files=known.ignore_files if settings.ignore_files is None else settings.ignore_files,
        max_bytes=known.max_bytes if settings.max_bytes is None else settings.max_bytes,
        network=known.network if settings.network is None else settings.network,
        archives=known.archives if settings.archives is None else settings.archives,
        shard=settings.shard or known.shard,
    )
    whole = scope.root.walked and not scope.below and not scope.files and reach.everywhere
    if rules != scope.root.rules and whole:
        set_rules(connection, scope.root.id, rules)
    return replace(scope, rules=rules, for_now=not whole and rules != scope.root.rules)


def check_targets(targets: Sequence[bytes] | None, listed: bool) -> None:
    """Raise `UsageError` for a target that is not there, neither file nor folder, or on a pseudo file system."""
    for target in targets or ():
        _mode(os.path.realpath(target), listed)


def _whole(connection: sqlite3.Connection, root: Root, reach: Reach) -> Scope | None:
    """All of a root; None where the run may not read it."""
    if root.walked and reach.holds(root.path):
        return Scope(root)
    if root.walked:
        reach.refused.append(root.path)
        return None
    rows = connection.execute(
        "SELECT path FROM files WHERE root_id = ? AND archive_id IS NULL ORDER BY path", (root.id,)
    ).fetchall()
    kept = [path for (path,) in rows if reach.holds(os.path.join(root.path, path))]
    if len(kept) < len(rows):
        reach.refused.append(root.path)
    return Scope(root, files=tuple(kept))


def _mode(target: bytes, listed: bool) -> int | None:
    shown = os.fsdecode(target)
    try:
        mode = os.stat(target).st_mode
    except FileNotFoundError:
        if listed:
            return None
        hint = "Check the path; `mmsearch forget PATH` takes a deleted one out."
        raise UsageError(f"There is no {shown!r}.", hint) from None
    except OSError as error:
        if listed:
            return None
        raise UsageError(f"{shown!r} can't be read: {error.strerror}.", "Check its permissions.") from None
    if not stat.S_ISDIR(mode) and not stat.S_ISREG(mode) and not listed:
        raise UsageError(f"{shown!r} is neither a file nor a folder.", "Name a folder, or single files.")
    type_ = type_at(target, mount_points())
    if type_ in PSEUDO and not listed:
        raise UsageError(
            f"{shown!r} lies on a pseudo file system ({type_}): it shows the running system and keeps no files.",
            "Name a folder on a disk.",
        )
    return mode


def _folder_scope(connection: sqlite3.Connection, folder: IndexFolder, target: bytes) -> Scope:
    there = _innermost_first(roots(connection, folder))
    for root in there:
        if root.walked and is_below(target, root.path) and (target == root.path or not _is_apart(target, root.path)):
            below = b"" if target == root.path else os.path.relpath(target, root.path)
            return Scope(_remembering(connection, root, below), below)
    root = add_root(connection, folder, target, True, device_of(target))
    inner = [other for other in there if not (other.walked and _stays_apart(other, root))]
    forgotten = [path for other in inner for path in _absorb(connection, root, other)]
    set_forgotten(connection, root.id, forgotten)
    return Scope(replace(root, forgotten=tuple(forgotten)))


def _innermost_first(found: Sequence[Root]) -> list[Root]:
    return sorted(found, key=lambda root: -len(root.path))


def _is_apart(target: bytes, root: bytes) -> bool:
    """Whether a folder lies on a network mount that a walk through the root would leave out."""
    points = mount_points()
    type_ = type_at(target, points)
    return is_network(type_) and type_ != type_at(root, points)


def _stays_apart(inner: Root, root: Root) -> bool:
    """Whether a root within a new one stays a root of its own: a network mount, or a disk that is not there now."""
    if not is_below(inner.path, root.path):
        return False
    try:
        return device_of(inner.path) != inner.device or _is_apart(inner.path, root.path)
    except OSError:
        return True


def _absorb(connection: sqlite3.Connection, root: Root, other: Root) -> list[bytes]:
    """Let a new root take over the files of an older one that lie in it: nothing is decoded again. Returns what was
    forgotten there, as paths in the new root."""
    for file_id, path in connection.execute("SELECT id, path FROM files WHERE root_id = ?", (other.id,)).fetchall():
        absolute = os.path.join(other.path, path) if path else other.path
        if is_below(absolute, root.path):
            move_file(connection, file_id, root.id, os.path.relpath(absolute, root.path))
    if not (other.walked and is_below(other.path, root.path)):
        return []
    missed = {os.path.relpath(os.path.join(other.path, path), root.path) for path in guarded(connection, other.id)}
    set_guarded(connection, root.id, guarded(connection, root.id) | missed)
    remove_root(connection, other.id)
    return [os.path.relpath(os.path.join(other.path, path), root.path) for path in other.forgotten]


def _root_of_file(connection: sqlite3.Connection, folder: IndexFolder, target: bytes) -> Root:
    """The walked root that a file lies in; else the root of single files, beside the index or of the whole machine."""
    there = _innermost_first(roots(connection, folder))
    for root in there:
        if root.walked and is_below(target, root.path):
            return root
    base = os.fsencode(folder.path.absolute().parent)
    home = base if is_below(target, base) else b"/"
    for root in there:
        if not root.walked and root.path == home:
            return root
    return add_root(connection, folder, home, False, 0)


def _remembering(connection: sqlite3.Connection, root: Root, path: bytes) -> Root:
    """The root without the forgotten paths at `path` or above it: a path that is named again is no longer forgotten.
    A named folder above it does not count, since every run names that."""
    kept = [gone for gone in root.forgotten if not is_below(path, gone)]
    if len(kept) == len(root.forgotten):
        return root
    set_forgotten(connection, root.id, kept)
    return replace(root, forgotten=tuple(kept))
