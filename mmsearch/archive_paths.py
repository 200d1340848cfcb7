"""The paths of files in archives: that of the archive, `!/`, and the path within it (`a.zip!/b/c.pdf`).

Which files are archives is known by their names: many formats are zip containers inside, and are read as what they are.
A member's own path holds no `..`, is not absolute, and has no folder that could be taken for an archive.
"""

from __future__ import annotations

import sys

SEPARATOR = b"!/"
ZIP = (b".zip",)
_ZSTANDARD = (b".tar.zst", b".tzst") if sys.version_info >= (3, 14) else ()  # as far as the standard library reads it
TAR = (b".tar", b".tar.gz", b".tgz", b".tar.bz2", b".tbz2", b".tbz", b".tar.xz", b".txz", *_ZSTANDARD)


def archive_suffix(path: bytes) -> bytes:
    """The ending by which a file is an archive, in lower case; empty for other files."""
    lower = path.lower()
    return next((ending for ending in (*ZIP, *TAR) if lower.endswith(ending)), b"")


def member_path(archive: bytes, name: bytes) -> bytes:
    """The path of a member of an archive."""
    return archive + SEPARATOR + name


def plain_name(name: bytes) -> bytes:
    """The path within an archive under which a member is kept: without a drive, a leading slash, `.` and `..`, as the
    standard library's `zipfile` extracts it. A folder that is named as the inside of an archive gets another `!`."""
    parts = [part for part in name.replace(b"\0", b"").split(b"/") if part not in (b"", b".", b"..")]
    if parts and len(parts[0]) == 2 and parts[0][1:] == b":":
        del parts[0]
    folders = [part + b"!" if part.endswith(b"!") and archive_suffix(part[:-1]) else part for part in parts[:-1]]
    return b"/".join([*folders, *parts[-1:]]) or b"unnamed"


def is_plain_name(name: bytes) -> bool:
    """Whether a path within an archive stays in it."""
    return b"\0" not in name and not {b"", b".", b".."} & set(name.split(b"/"))


def leads_out(name: bytes) -> bool:
    """Whether a member's name would lead out of the folder that it is unpacked in."""
    return name.startswith(b"/") or name[1:2] == b":" or b".." in name.split(b"/")


def outermost(path: bytes) -> bytes:
    """The path of the archive on disk that a member's path leads through; empty for a path without one."""
    at = path.find(SEPARATOR)
    while at >= 0:
        if archive_suffix(path[:at]):
            return path[:at]
        at = path.find(SEPARATOR, at + 1)
    return b""


def is_within(path: bytes, archive: bytes) -> bool:
    """Whether a path is that of a member of an archive, or of an archive in it."""
    return path.startswith(archive + SEPARATOR)
