"""Mount points and the types of file systems, by which a walk skips some.

Linux lists both in /proc/self/mountinfo. Elsewhere a folder on another device than the one above is a mount point, and
macOS reports its type by statfs.
"""

from __future__ import annotations

import contextlib
import os
import re
import sys

# They show the state of the running system as files; accessing autofs mounts something.
PSEUDO = frozenset(
    "autofs binder binfmt_misc bpf cgroup cgroup2 configfs debugfs devfs devpts devtmpfs dlmfs efivarfs fdescfs"
    " functionfs fuse.lxcfs fuse.portal fusectl hugetlbfs ipathfs kernfs linprocfs linsysfs"
    " mqueue nfsd nsfs proc procfs pstore pvfs rpc_pipefs securityfs selinuxfs smackfs sockfs spufs sysfs tracefs"
    " usbfs xenfs".split()
)
_NETWORK = frozenset(
    "9p acfs afpfs afs beegfs ceph cephfs cifs coda davfs ftp glusterfs gpfs lustre moosefs ncpfs nfs nfs3 nfs4"
    " orangefs osxfuse macfuse fusefs smb smb2 smb3 smbfs vboxsf vmhgfs webdav".split()
)
_SYSTEM = {b"/dev": "devtmpfs", b"/proc": "proc", b"/sys": "sysfs"}  # whatever is mounted there, or not
_ESCAPED = re.compile(rb"\\([0-7]{3})")


def is_network(type_: str) -> bool:
    """Whether a file system lies behind a network or a program (FUSE). `fuseblk` is a local disk: NTFS, exFAT."""
    return type_ in _NETWORK or type_ == "fuse" or type_.startswith("fuse.")


def mount_points() -> dict[bytes, str]:
    """The type of what is mounted where, by absolute path; empty where the system does not list them."""
    try:
        with open("/proc/self/mountinfo", "rb") as table:
            return _SYSTEM | parsed(table.read())
    except OSError:
        return {}


def parsed(table: bytes) -> dict[bytes, str]:
    """The mount points in the text of a mountinfo. Of several at one path the last one counts.

    What lies in /proc and /sys is of the system, also where a container hides a part of them behind a tmpfs, and so is
    /dev, in a container a tmpfs with devices in it. Below /dev a mount is what its type says: /dev/shm is a tmpfs that
    keeps plain files."""
    found: dict[bytes, str] = {}
    for line in table.splitlines():
        with contextlib.suppress(ValueError, IndexError):
            fields = line.split(b" ")
            path = _ESCAPED.sub(lambda octal: bytes([int(octal[1], 8) & 0xFF]), fields[4])
            type_ = fields[fields.index(b"-", 6) + 1].decode("ascii", "replace")
            top = b"/" + path.split(b"/")[1]
            is_system = path in _SYSTEM or (top in _SYSTEM and top != b"/dev")
            found[path] = _SYSTEM[top] if is_system and type_ not in PSEUDO else type_
    return found


def moved_points(points: dict[bytes, str], real: bytes, shown: bytes) -> dict[bytes, str]:
    """Mount points with the paths they have where the folder `real` is reached as `shown`, through links."""
    if real == shown:
        return points
    return points | {
        shown + path[len(real) :]: type_ for path, type_ in points.items() if (path + b"/").startswith(real + b"/")
    }


def type_at(path: bytes, points: dict[bytes, str]) -> str:
    """The type of the file system that an absolute path lies on, links resolved before; empty where it is unknown."""
    while path not in points:
        above = os.path.dirname(path)
        if above == path:
            return ""
        path = above
    return points[path]


def statfs_type(path: bytes) -> str:
    """The type of the file system of a path on macOS; empty elsewhere, and where it is unknown."""
    if sys.platform != "darwin":
        return ""
    import ctypes

    buffer = ctypes.create_string_buffer(4096)  # struct statfs has 2,168 bytes
    library = ctypes.CDLL(None)
    call = getattr(library, "statfs$INODE64", None) or library.statfs
    return type_in_statfs(buffer.raw) if call(path, buffer) == 0 else ""


def type_in_statfs(raw: bytes) -> str:
    """`f_fstypename` of macOS's struct statfs: 16 bytes after 72, ended by a NUL."""
    return raw[72:88].split(b"\0")[0].decode("ascii", "replace")
