"""Which roots a run looks at, and which part of each: targets as they were typed become scopes."""

from __future__ import annotations

import json
import os
import sqlite3
import stat
from collections.abc import Sequence
from dataclasses import dataclass, replace

from mmsearch.config import Settings
from mmsearch.errors import UsageError
from mmsearch.store.catalogue import Root, add_root, get_meta, is_below, roots, set_forgotten, set_meta
from mmsearch.store.files import move_file
from mmsearch.store.layout import IndexFolder


@dataclass(frozen=True, slots=True)
class Scope:
    """A part of a root that a run looks at: a folder to walk (`below`, empty for all of it), or single files."""

    root: Root
    below: bytes = b""
    files: tuple[bytes, ...] = ()  # relative paths; with them nothing is walked
    hidden: bool = False  # whether hidden files are walked
    ignore_files: bool = True  # whether ignore files are heeded


def scopes(
    connection: sqlite3.Connection,
    folder: IndexFolder,
    targets: Sequence[bytes] | None,
    listed: bool,
    settings: Settings,
) -> list[Scope]:
    """The scopes of a run, inside the caller's transaction; new roots are taken in.

    Without targets, all roots. A target that is a folder becomes a root, or a part of the root it lies in; files are
    taken one by one. `listed`: every target is a file, and one that is gone is not an error. Raises `UsageError` for
    a target that does not exist or is neither file nor folder.
    """
    if targets is None:
        every = [_whole(connection, root) for root in roots(connection, folder)]
        return [_as_walked(connection, scope, settings) for scope in every if scope.root.walked or scope.files]
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
    return [_as_walked(connection, scope, settings) for scope in walked] + list(by_root.values())


def _as_walked(connection: sqlite3.Connection, scope: Scope, settings: Settings) -> Scope:
    """A scope with what is walked in it: as the settings say, else as its root was walked the last time, or a later run
    that says nothing of it would take hidden files for deleted ones. What they say of a whole root is remembered."""
    key = f"walk {scope.root.id}"
    known = {"hidden": False, "ignore_files": True} | json.loads(get_meta(connection, key) or "{}")
    said = {"hidden": settings.hidden, "ignore_files": settings.ignore_files}
    rules = known | {name: value for name, value in said.items() if value is not None}
    if rules != known and scope.root.walked and not scope.below:
        set_meta(connection, key, json.dumps(rules))
    return replace(scope, **rules)


def check_targets(targets: Sequence[bytes] | None, listed: bool) -> None:
    """Raise `UsageError` for a target that is not there, or neither file nor folder."""
    for target in targets or ():
        _mode(os.path.realpath(target), listed)


def _whole(connection: sqlite3.Connection, root: Root) -> Scope:
    if root.walked:
        return Scope(root)
    rows = connection.execute("SELECT path FROM files WHERE root_id = ? ORDER BY path", (root.id,))
    return Scope(root, files=tuple(row[0] for row in rows))


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
    return mode


def _folder_scope(connection: sqlite3.Connection, folder: IndexFolder, target: bytes) -> Scope:
    there = roots(connection, folder)
    for root in there:
        if root.walked and is_below(target, root.path):
            below = b"" if target == root.path else os.path.relpath(target, root.path)
            return Scope(_remembering(connection, root, below), below)
    root = add_root(connection, folder, target, True, os.stat(target).st_dev)
    forgotten = [path for other in there for path in _absorb(connection, root, other)]
    set_forgotten(connection, root.id, forgotten)
    return Scope(replace(root, forgotten=tuple(forgotten)))


def _absorb(connection: sqlite3.Connection, root: Root, other: Root) -> list[bytes]:
    """Let a new root take over the files of an older one that lie in it: nothing is decoded again. Gives what was
    forgotten there, as paths in the new root."""
    for file_id, path in connection.execute("SELECT id, path FROM files WHERE root_id = ?", (other.id,)).fetchall():
        absolute = os.path.join(other.path, path) if path else other.path
        if is_below(absolute, root.path):
            move_file(connection, file_id, root.id, os.path.relpath(absolute, root.path))
    if not (other.walked and is_below(other.path, root.path)):
        return []
    connection.execute("DELETE FROM roots WHERE id = ?", (other.id,))
    return [os.path.relpath(os.path.join(other.path, path), root.path) for path in other.forgotten]


def _root_of_file(connection: sqlite3.Connection, folder: IndexFolder, target: bytes) -> Root:
    """The walked root that a file lies in; else the root of single files, beside the index or of the whole machine."""
    there = roots(connection, folder)
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
    """The root without what was forgotten at `path` or around it: what is asked for by name again is forgotten no more.
    Naming a folder above it does not count: that is what every run does."""
    kept = [gone for gone in root.forgotten if not is_below(path, gone)]
    if len(kept) == len(root.forgotten):
        return root
    set_forgotten(connection, root.id, kept)
    return replace(root, forgotten=tuple(kept))
