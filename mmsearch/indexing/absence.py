"""Why the index does not know a file: below none of its folders, left out by a rule, or not seen by a run yet."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from mmsearch.discovery.ignore import IGNORE_FILES, Globs, Rules, read_spec
from mmsearch.discovery.mounts import PSEUDO, is_network, mount_points, type_at
from mmsearch.discovery.patterns import spec_of
from mmsearch.store.roots import Root, is_below

SHOWN = 3  # folders in a sentence


@dataclass(frozen=True, slots=True)
class Absence:
    """Why the index does not know a file: a code, a sentence, the next step, and the pattern that leaves it out."""

    code: str
    sentence: str
    hint: str = ""
    pattern: str = ""


def why_absent(roots: Iterable[Root], path: bytes) -> Absence:
    """Why no run has taken in the file at an absolute path. It exists, and the index does not know it."""
    every = list(roots)
    above = [root for root in every if root.walked and is_below(path, root.path)]
    take_in = f"Take it in: mmsearch index {_quoted(path)}"
    if os.path.islink(path):
        return Absence("link", "It is a link, and links are not followed.", "Name what it leads to.")
    if not stat.S_ISREG(os.lstat(path).st_mode):
        return Absence("special", "It is no regular file.")
    if not above:
        walked = [os.fsdecode(root.path) for root in every if root.walked]
        shown = ", ".join(walked[:SHOWN]) + (f" and {len(walked) - SHOWN} more" if len(walked) > SHOWN else "")
        where = f"It lies below none of the folders of the index ({shown})." if walked else "The index has no folder."
        return Absence("outside", where, take_in)
    root = max(above, key=lambda one: len(one.path))
    relative = os.path.relpath(path, root.path)
    if any(is_below(relative, gone) for gone in root.forgotten):
        return Absence("forgotten", "It was taken out of the index by `mmsearch forget`.", take_in)
    return _left_out(root, relative) or Absence(
        "pending",
        "It is not indexed yet: no run has seen it.",
        f"Bring the index up to date: mmsearch index {_quoted(root.path)}",
    )


def _left_out(root: Root, relative: bytes) -> Absence | None:
    """The first rule on the way from the root that leaves a file or one of its folders out."""
    rules, ignored, parts = root.rules, Rules(), relative.split(b"/")
    points = mount_points()
    here = type_at(os.path.realpath(root.path), points)
    for depth in range(len(parts)):
        folder, way = b"/".join(parts[:depth]), b"/".join(parts[: depth + 1])
        absolute, is_folder = os.path.join(root.path, folder), depth < len(parts) - 1
        what = f"The folder {_shown(way)}" if is_folder else "It"
        if os.path.lexists(os.path.join(absolute, b"catalogue.db")) and os.path.lexists(
            os.path.join(absolute, b"writer.lock")
        ):
            return Absence("index", f"{_shown(folder) or 'Its folder'} is the folder of an index, which is not walked.")
        type_ = type_at(os.path.realpath(absolute), points)
        if type_ in PSEUDO:
            return Absence("mount", f"It lies on a pseudo file system ({type_}), which keeps no files.")
        if is_network(type_) and type_ != here and not rules.network:
            return Absence(
                "mount", f"It lies on a network mount ({type_}).", "Name it, or add --network-mounts: mmsearch index"
            )
        if parts[depth].startswith(b".") and not rules.hidden:
            return Absence("hidden", f"{what} is hidden.", "Take in hidden files: mmsearch index --hidden FOLDER")
        if is_folder and os.path.islink(os.path.join(root.path, way)):
            return Absence("link", f"{what} is a link, and links are not followed.", "Index what it leads to.")
        if rules.ignore_files:
            ignored = ignored.deeper(folder, absolute, _ignore_files(absolute))
            if ignored.ignores(way, is_folder):
                return _ignored(root, ignored, way, is_folder, what)
        if (found := _excluded(rules.include, rules.exclude, way, is_folder, what)) is not None:
            return found
    return None


def _ignore_files(folder: bytes) -> tuple[bytes, ...]:
    return tuple(name for name in IGNORE_FILES if os.path.lexists(os.path.join(folder, name)))


def _ignored(root: Root, rules: Rules, way: bytes, is_folder: bool, what: str) -> Absence:
    """The pattern of an ignore file that leaves a path out, and the file."""
    for folder, spec in reversed(rules.specs):
        inner = way[len(folder) + 1 :] if folder else way
        verdict = spec.check_file(os.fsdecode(inner) + ("/" if is_folder else ""))
        if verdict.include is not None and verdict.index is not None:
            pattern = str(getattr(spec.patterns[verdict.index], "pattern", ""))
            names = _ignore_files(os.path.join(root.path, folder))
            source = next((name for name in names if _holds(os.path.join(root.path, folder, name), pattern)), b"")
            of = os.path.join(folder, source or IGNORE_FILES[0])
            return Absence(
                "ignored",
                f"{what} is left out by the pattern {pattern!r} in {_shown(of)}.",
                "Take in what ignore files leave out: mmsearch index --no-ignore FOLDER",
                pattern,
            )
    return Absence("ignored", f"{what} is left out by an ignore file.")


def _holds(path: bytes, pattern: str) -> bool:
    spec = read_spec(path)
    return spec is not None and any(getattr(one, "pattern", "") == pattern for one in spec.patterns)


def _excluded(include: Sequence[str], exclude: Sequence[str], way: bytes, is_folder: bool, what: str) -> Absence | None:
    """The glob of `--exclude` that leaves a path out, or that none of `--include` takes it in."""
    globs = Globs.of(include, exclude)
    hint = "Drop the filters of its folder: mmsearch index --reset-filters FOLDER"
    if not (globs.leaves_out_folder(way) if is_folder else globs.leaves_out_file(way)):
        return None
    text = os.fsdecode(way) + ("/" if is_folder else "")
    pattern = next((glob for glob in reversed(exclude) if spec_of([glob]).match_file(text)), "")
    if pattern:
        return Absence("excluded", f"{what} is left out by --exclude {pattern!r}.", hint, pattern)
    shown = ", ".join(repr(glob) for glob in include)
    return Absence("excluded", f"{what} matches none of --include {shown}.", hint, ", ".join(include))


def _shown(path: bytes) -> str:
    return os.fsdecode(path)


def _quoted(path: bytes) -> str:
    import shlex

    return shlex.quote(os.fsdecode(path))
