"""The roots of an index: folders that are walked or that hold single files, their rules and their mount points."""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass

from mmsearch.store.catalogue import BadRow
from mmsearch.store.layout import IndexFolder
from mmsearch.store.meta import get_meta, set_meta
from mmsearch.types import ALL_FILES, FileRules


@dataclass(frozen=True, slots=True)
class Root:
    """A folder that an index covers: walked as a whole, or holding files that were named one by one."""

    id: int
    path: bytes
    walked: bool
    device: int
    forgotten: tuple[bytes, ...] = ()  # relative paths that `forget` took out: a walk leaves them alone
    rules: FileRules = ALL_FILES


def roots(connection: sqlite3.Connection, folder: IndexFolder) -> list[Root]:
    """Every root, with its absolute path as it is now."""
    base = os.fsencode(folder.path.absolute().parent)
    found = connection.execute(
        "SELECT id, path, relative, walked, device, forgotten, rules FROM roots ORDER BY id"
    ).fetchall()
    for _, path, relative, *_ in found:
        stored = path.lstrip(b"/") if isinstance(path, bytes) and not relative else path
        if not is_plain_path(stored) or (not relative and stored == path):
            raise BadRow("a root has a path that none can have")
    return [
        Root(
            i,
            os.path.normpath(os.path.join(base, path)) if relative else path,
            bool(walked),
            device,
            tuple(name.encode("utf-8", "surrogateescape") for name in json.loads(forgotten)),
            _loaded_rules(rules),
        )
        for i, path, relative, walked, device, forgotten, rules in found
    ]


def _loaded_rules(text: str) -> FileRules:
    saved = json.loads(text)
    try:
        return FileRules(
            include=tuple(str(glob) for glob in saved.get("include", ())),
            exclude=tuple(str(glob) for glob in saved.get("exclude", ())),
            hidden=bool(saved.get("hidden", False)),
            ignore_files=bool(saved.get("ignore_files", True)),
            max_bytes=None if saved.get("max_bytes") is None else int(saved["max_bytes"]),
            network=bool(saved.get("network", False)),
            archives=bool(saved.get("archives", False)),
            shard=_loaded_shard(saved.get("shard")),
        )
    except (AttributeError, TypeError, ValueError) as error:
        raise BadRow("a root has rules that none can have") from error


def _loaded_shard(saved: object) -> tuple[int, int] | None:
    if saved is None:
        return None
    if not isinstance(saved, list) or len(saved) != 2 or not all(type(one) is int for one in saved):
        raise ValueError("a shard is two numbers")
    number, count = saved
    if not 1 <= number <= count:
        raise ValueError("there is no such shard")
    return number, count


def set_rules(connection: sqlite3.Connection, root_id: int, rules: FileRules) -> None:
    """Store the rules by which files of a root are indexed."""
    connection.execute("UPDATE roots SET rules = ? WHERE id = ?", (json.dumps(asdict(rules)), root_id))


def mounts(connection: sqlite3.Connection, root: Root) -> dict[bytes, int]:
    """The mount points of a root as it was last seen, by relative path, each with its device number; the root itself
    is the empty path."""
    rows = connection.execute("SELECT path, device FROM mounts WHERE root_id = ?", (root.id,))
    return {b"": root.device, **dict(rows.fetchall())}


def set_mounts(connection: sqlite3.Connection, root_id: int, devices: Mapping[bytes, int]) -> None:
    """Store the mount points of a root, as `mounts` returns them."""
    connection.execute("UPDATE roots SET device = ? WHERE id = ?", (devices.get(b"", 0), root_id))
    connection.execute("DELETE FROM mounts WHERE root_id = ?", (root_id,))
    connection.executemany(
        "INSERT INTO mounts VALUES (?, ?, ?)", [(root_id, path, device) for path, device in devices.items() if path]
    )


def guarded(connection: sqlite3.Connection, root_id: int) -> frozenset[bytes]:
    """The folders of a root, by relative path, of which an earlier run missed files and kept them in the index."""
    try:
        names = json.loads(get_meta(connection, _guarded_key(root_id)) or "[]")
        return frozenset(name.encode("utf-8", "surrogateescape") for name in names)
    except (AttributeError, TypeError, ValueError, RecursionError) as error:
        raise BadRow("the guarded folders of a root are none that a run writes") from error


def set_guarded(connection: sqlite3.Connection, root_id: int, folders: Iterable[bytes]) -> None:
    """Remember the folders of which files are missed, as `guarded` returns them. Inside the caller's transaction."""
    names = sorted(path.decode("utf-8", "surrogateescape") for path in folders)
    if names:
        set_meta(connection, _guarded_key(root_id), json.dumps(names))
    else:
        connection.execute("DELETE FROM meta WHERE key = ?", (_guarded_key(root_id),))


def _guarded_key(root_id: int) -> str:
    return f"guarded {root_id}"


def add_root(connection: sqlite3.Connection, folder: IndexFolder, path: bytes, walked: bool, device: int) -> Root:
    """Add a root. One that lies beside or below the index folder is stored relative to it, so that both can be
    moved together. Inside the caller's transaction."""
    base = os.fsencode(folder.path.absolute().parent)
    inside = is_below(path, base)
    stored = os.path.relpath(path, base) if inside else path
    cursor = connection.execute(
        "INSERT INTO roots (path, relative, walked, device) VALUES (?, ?, ?, ?)", (stored, inside, walked, device)
    )
    return Root(int(cursor.lastrowid or 0), path, walked, device)


def remove_root(connection: sqlite3.Connection, root_id: int) -> None:
    """Remove a root that holds no files any more. Inside the caller's transaction."""
    connection.execute("DELETE FROM roots WHERE id = ?", (root_id,))
    set_guarded(connection, root_id, ())


def set_forgotten(connection: sqlite3.Connection, root_id: int, paths: Iterable[bytes]) -> None:
    """Store the paths of a root that walks leave out."""
    names = sorted(path.decode("utf-8", "surrogateescape") for path in set(paths))
    connection.execute("UPDATE roots SET forgotten = ? WHERE id = ?", (json.dumps(names), root_id))


def is_plain_path(path: object) -> bool:
    """Whether a stored path stays below what it is relative to."""
    if not isinstance(path, bytes) or b"\0" in path or path.startswith(b"/"):
        return False
    return b".." not in path or b".." not in path.split(b"/")


def is_below(path: bytes, folder: bytes) -> bool:
    """Whether a path is a folder itself or lies in it; both absolute, or both relative to the same root (which is the
    empty path)."""
    return path == folder or not folder or path.startswith(folder.rstrip(b"/") + b"/")
