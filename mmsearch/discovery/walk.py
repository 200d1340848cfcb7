"""Listing the files of a root: links are not followed, special files are not opened, index folders are not entered."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from mmsearch.discovery.ignore import Globs, Rules
from mmsearch.discovery.mounts import PSEUDO, is_network, mount_points, moved_points, statfs_type, type_at
from mmsearch.discovery.sidecars import (
    Belongings,
    belongings,
    belongings_in,
    is_sidecar,
    is_subtitle_folder,
    owner_above,
)
from mmsearch.filestat import stat_values, wrapped


class Entry(NamedTuple):
    """A regular file. `path` is relative to the root, numbers are those of `stat_values`. `sidecars` are (path relative
    to its folder, size, mtime_ns) of the subtitles, lyrics and .xmp files that belong to it, and `ctime_ns` is the
    newest change time of all of them; `owner` is the name of the file that this one is a sidecar of, or empty.
    Of a file in an archive `archive` are path, size, mtime_ns and inode of that on disk."""

    path: bytes
    size: int
    mtime_ns: int
    inode: int
    ctime_ns: int
    sidecars: tuple[tuple[bytes, int, int], ...] = ()
    owner: bytes = b""
    archive: tuple[bytes, int, int, int] | None = None


class Mount(NamedTuple):
    """The file system that a folder lies on: its mount point (relative to the root), device number and type."""

    path: bytes
    device: int
    type: str


_Found = tuple[bytes, os.DirEntry[bytes], os.stat_result]  # relative path, entry, stat
_GONE = (FileNotFoundError, NotADirectoryError)


@dataclass(slots=True)
class Walk:
    """A walk through one root. Iterate `entries()` first; the other fields are complete when it has ended."""

    root: bytes  # absolute
    globs: Globs
    hidden: bool = False
    ignore_files: bool = True
    below: bytes = b""  # walk only this folder of the root (relative)
    network: bool = False  # walk network and FUSE mounts that lie in the root
    apart: frozenset[bytes] = frozenset()  # folders that are roots of their own (relative)
    points: dict[bytes, str] = field(default_factory=mount_points)
    unreadable: list[tuple[bytes, str]] = field(default_factory=list)  # relative folder, why
    left_out: dict[str, int] = field(default_factory=dict)  # reason -> entries; a folder is one
    mounts: list[Mount] = field(default_factory=list)  # walked, that of the folder where the walk starts first
    unwalked: list[Mount] = field(default_factory=list)  # pseudo file systems, and network mounts without `network`
    empty: set[bytes] = field(default_factory=set)  # folders without any entry

    def entries(self) -> Iterator[Entry]:
        """Every file that is not left out, folder by folder, by name within each."""
        self.points = moved_points(self.points, os.path.realpath(self.root), self.root)
        pending: list[tuple[bytes, Rules, Mount | None]] = [(self.below, self._outer_rules(), None)]
        owned: dict[bytes, bytes] = {}  # owners of files in subtitle folders
        begins_within = any(map(is_subtitle_folder, self.below.split(b"/")[-2:]))
        while pending:
            folder, rules, above = pending.pop()
            if folder in self.apart:
                continue
            absolute = os.path.join(self.root, folder) if folder else self.root
            try:
                mount = self._entered(folder, absolute, above)
                if mount is None:
                    continue
                with os.scandir(absolute) as listing:
                    found = sorted(listing, key=lambda entry: entry.name)
            except OSError as error:
                self.unreadable.append((folder, error.strerror or "it can't be listed"))
                continue
            if not found:
                self.empty.add(folder)
            names = {entry.name for entry in found}
            if b"catalogue.db" in names and b"writer.lock" in names:  # an index folder, this one or another
                self._leave_out("index folder")
                continue
            if self.ignore_files:
                rules = rules.deeper(folder, absolute, tuple(names))
            folders, files, others = self._sorted_out(folder, found, rules)
            pending += [(path, rules, mount) for path in reversed(folders)]
            near = self._belongings(folder, [*files, *others], folders, rules)
            owned |= {os.path.join(folder, path): owner for path, owner in near.owners.items() if b"/" in path}
            if not near.owners and not owned and not begins_within:  # as nearly everywhere
                yield from (Entry(path, *stat_values(facts)) for path, _, facts in files)
                continue
            for path, _, facts in files:
                owner = owned.pop(path, b"") or (owner_above(self.root, path) if begins_within else b"")
                yield _entry(path, facts, near, owner)

    def _belongings(self, folder: bytes, found: list[_Found], folders: Sequence[bytes], rules: Rules) -> Belongings:
        """What belongs to the files of a folder, there and in its subtitle folders."""
        sides = {entry.name: facts for _, entry, facts in found if is_sidecar(entry.name)}
        for path in filter(is_subtitle_folder, map(os.path.basename, folders)):
            for deeper in self._add_sides(sides, folder, path, rules):
                self._add_sides(sides, folder, deeper, rules)
        return belongings([entry.name for _, entry, _ in found], sides)

    def _add_sides(self, sides: dict[bytes, os.stat_result], folder: bytes, inner: bytes, rules: Rules) -> list[bytes]:
        """Add what may be sidecars in a folder of a folder, unless the walk leaves it out; the paths of the folders in
        it. Mounts are not entered."""
        place = os.path.join(folder, inner)
        absolute = os.path.join(self.root, place)
        if absolute in self.points or place in self.apart:
            return []
        folders: list[bytes] = []
        try:
            with os.scandir(absolute) as listing:
                entries = sorted(listing, key=lambda entry: entry.name)
            if self.ignore_files:
                rules = rules.deeper(place, absolute, tuple(entry.name for entry in entries))
            for entry in entries:
                is_folder = entry.is_dir(follow_symlinks=False)
                is_file = not is_folder and entry.is_file(follow_symlinks=False)
                reason = self._left_out(entry, os.path.join(place, entry.name), is_folder, is_file, rules)
                if is_folder and reason is None:
                    folders.append(os.path.join(inner, entry.name))
                elif is_file and reason in (None, "excluded") and is_sidecar(entry.name):
                    sides[os.path.join(inner, entry.name)] = stat_of(entry)
        except OSError:  # the walk reports it when it comes there
            return []
        return folders

    def _entered(self, folder: bytes, absolute: bytes, above: Mount | None) -> Mount | None:
        """The mount that a folder lies on, noted where it is another than that of the folder above; None where it is
        not to be walked. A mount that is not walked is not accessed at all: a dead
        server would block."""
        type_ = self.points.get(absolute)
        if type_ is not None and above is not None and self._is_left_out(folder, type_, above):
            return None
        device = device_of(absolute)
        if above is None:  # named by the user
            above = Mount(folder, device, type_at(absolute, self.points) or statfs_type(absolute))
            if above.type in PSEUDO and self._is_left_out(folder, above.type, above):
                return None
            self.mounts.append(above)
            return above
        if device == above.device and type_ is None:
            return above
        type_ = type_ or statfs_type(absolute) or above.type
        if self._is_left_out(folder, type_, above):
            return None
        self.mounts.append(Mount(folder, device, type_))
        return self.mounts[-1]

    def _is_left_out(self, folder: bytes, type_: str, above: Mount) -> bool:
        """Whether a mount is not to be walked; notes it. A network mount within one of its own type is a part of it."""
        pseudo = type_ in PSEUDO
        if not pseudo and (self.network or not is_network(type_) or type_ == above.type):
            return False
        reason = "pseudo file system" if pseudo else "network mount"
        self.left_out[reason] = self.left_out.get(reason, 0) + 1
        self.unwalked.append(Mount(folder, 0, type_))
        return True

    def _outer_rules(self) -> Rules:
        """The ignore files between the root and the folder where the walk starts."""
        rules, folder = Rules(), b""
        if not (self.ignore_files and self.below):
            return rules
        for part in self.below.split(b"/"):
            absolute = os.path.join(self.root, folder)
            names = tuple(
                name for name in (b".gitignore", b".mmsearchignore") if os.path.exists(os.path.join(absolute, name))
            )
            rules = rules.deeper(folder, absolute, names)
            folder = os.path.join(folder, part)
        return rules

    def _sorted_out(
        self, folder: bytes, found: list[os.DirEntry[bytes]], rules: Rules
    ) -> tuple[list[bytes], list[_Found], list[_Found]]:
        """Folders to walk, files to take, and files that the user's globs leave out."""
        folders: list[bytes] = []
        files: list[_Found] = []
        others: list[_Found] = []
        problem = ""
        prefix = folder + b"/" if folder else b""
        for entry in found:
            path = prefix + entry.name
            try:
                is_folder = entry.is_dir(follow_symlinks=False)
                is_file = not is_folder and entry.is_file(follow_symlinks=False)
                if (reason := self._left_out(entry, path, is_folder, is_file, rules)) is not None:
                    self._leave_out(f"{reason} folder" if is_folder else reason)
                    if reason == "excluded" and is_file:
                        others.append((path, entry, stat_of(entry)))
                elif is_folder:
                    folders.append(path)
                else:
                    files.append((path, entry, stat_of(entry)))
            except _GONE:  # it disappeared during the listing
                continue
            except OSError as error:  # it exists, but can't be examined: like a folder that can't be listed
                problem = error.strerror or "something in it can't be read"
        if problem:
            self.unreadable.append((folder, problem))
        return folders, files, others

    def _leave_out(self, reason: str) -> None:
        self.left_out[reason] = self.left_out.get(reason, 0) + 1

    def _left_out(
        self, entry: os.DirEntry[bytes], path: bytes, is_folder: bool, is_file: bool, rules: Rules
    ) -> str | None:
        """Why an entry is left out, or None."""
        if not self.hidden and entry.name.startswith(b"."):
            return "hidden"
        if not is_folder and not is_file:
            return "link" if entry.is_symlink() else "special file"
        if rules.specs and rules.ignores(path, is_folder):
            return "ignored"
        if is_folder:
            return "excluded" if self.globs.leaves_out_folder(path) else None
        return "excluded" if self.globs.leaves_out_file(path) else None


def device_of(path: bytes) -> int:
    """The number of the device that a path lies on."""
    return wrapped(os.stat(path).st_dev)


def stat_of(entry: os.DirEntry[bytes]) -> os.stat_result:
    """The properties of an entry itself, never of what it links to."""
    return entry.stat(follow_symlinks=False)


def single(root: bytes, path: bytes) -> Entry | None:
    """A file that was named one by one, with its sidecars; None if it is gone or no regular file."""
    absolute = os.path.join(root, path)
    try:
        facts = os.stat(absolute, follow_symlinks=False)
        if not stat.S_ISREG(facts.st_mode):
            return None
        stem = os.path.basename(path).split(b".")[0]  # its sidecars begin with it, as what it is a sidecar of
        near = belongings_in(os.path.dirname(absolute), stem)
        return _entry(path, facts, near, owner_above(root, path))
    except OSError:
        return None


def _entry(path: bytes, facts: os.stat_result, near: Belongings, owner: bytes = b"") -> Entry:
    """A file with its sidecars among what belongs to files of its folder, and its owner there, else `owner`."""
    values, name = stat_values(facts), os.path.basename(path)
    mine = sorted(near.of.get(name, ()))
    newest = max(values[3], *(side[3] for side in mine)) if mine else values[3]
    return Entry(path, *values[:3], newest, tuple(side[:3] for side in mine), near.owners.get(name, owner))
