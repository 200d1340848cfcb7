"""Which roots a run looks at, and which part of each: targets as they were typed become scopes."""

from __future__ import annotations

import os
import sqlite3
import stat
from collections.abc import Sequence
from dataclasses import dataclass, replace

from mmsearch.errors import UsageError
from mmsearch.store.catalogue import Root, add_root, is_below, roots, set_forgotten
from mmsearch.store.layout import IndexFolder


@dataclass(frozen=True, slots=True)
class Scope:
    """A part of a root that a run looks at: a folder to walk (`below`, empty for all of it), or single files."""

    root: Root
    below: bytes = b""
    files: tuple[bytes, ...] = ()  # relative paths; with them nothing is walked


def scopes(
    connection: sqlite3.Connection, folder: IndexFolder, targets: Sequence[bytes] | None, listed: bool
) -> list[Scope]:
    """The scopes of a run, inside the caller's transaction; new roots are taken in.

    Without targets, all roots. A target that is a folder becomes a root, or a part of the root it lies in; files are
    taken one by one. `listed`: every target is a file, and one that is gone is not an error. Raises `UsageError` for
    a target that does not exist or is neither file nor folder.
    """
    if targets is None:
        return [_whole(connection, root) for root in roots(connection, folder)]
    found: list[Scope] = []
    singles: dict[Root, list[bytes]] = {}
    for target in dict.fromkeys(os.path.realpath(target) for target in targets):
        mode = _mode(target, listed)
        if mode is not None and stat.S_ISDIR(mode) and not listed:
            found.append(_folder_scope(connection, folder, target))
        else:
            root = _root_of_file(connection, folder, target)
            path = os.path.relpath(target, root.path)
            root = _remembering(connection, root, path)
            singles.setdefault(root, []).append(path)
    return found + [Scope(root, files=tuple(paths)) for root, paths in singles.items()]


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
    for other in there:
        _absorb(connection, root, other)
    return Scope(root)


def _absorb(connection: sqlite3.Connection, root: Root, other: Root) -> None:
    """Let a new root take over the files of an older one that lie in it: nothing is decoded again."""
    for file_id, path in connection.execute("SELECT id, path FROM files WHERE root_id = ?", (other.id,)).fetchall():
        absolute = os.path.join(other.path, path)
        if is_below(absolute, root.path):
            relative = os.path.relpath(absolute, root.path)
            connection.execute("UPDATE files SET root_id = ?, path = ? WHERE id = ?", (root.id, relative, file_id))
    if other.walked and is_below(other.path, root.path):
        kept = [os.path.relpath(os.path.join(other.path, path), root.path) for path in other.forgotten]
        set_forgotten(connection, root.id, [*root.forgotten, *kept])
        connection.execute("DELETE FROM roots WHERE id = ?", (other.id,))


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
    """The root without what was forgotten at `path`: what is asked for by name again is forgotten no more."""
    kept = [gone for gone in root.forgotten if path and not is_below(gone, path) and not is_below(path, gone)]
    if len(kept) == len(root.forgotten):
        return root
    set_forgotten(connection, root.id, kept)
    return replace(root, forgotten=tuple(kept))
