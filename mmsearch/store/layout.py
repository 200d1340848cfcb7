"""The index folder: the names of its files, and safe ways to open, check and write them.

No link in the folder is followed: every part is a plain file with one name, owned by the folder's owner, and is opened
relative to a descriptor of the folder.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from mmsearch.config import index_command
from mmsearch.errors import IndexUnusable

_OURS = ("catalogue.db", "catalogue.sums", ".catalogue.sums", "writer.lock", "encoders", "ann-", ".ann-")
_ROLLBACK = (
    "catalogue.db-journal",
    "catalogue.db-mj",
)  # SQLite writes and unlinks what they name; ours are in WAL mode
_KINDS = (
    (stat.S_ISLNK, "a link"),
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISFIFO, "a named pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)

Signature = tuple[int, int, int, int]  # size, mtime_ns, ctime_ns, inode: changes with every write


@dataclass(frozen=True, slots=True)
class IndexFolder:
    """The folder of one index. The catalogue is the only source of truth; all other files can be rebuilt from it."""

    path: Path

    @property
    def catalogue(self) -> Path:
        """The SQLite database."""
        return self.path / "catalogue.db"

    @property
    def log(self) -> Path:
        """SQLite's write-ahead log."""
        return self.path / "catalogue.db-wal"

    @property
    def sums(self) -> Path:
        """Checksums of the catalogue and signatures of the ann files."""
        return self.path / "catalogue.sums"

    @property
    def lock(self) -> Path:
        """The file whose lock a writer holds."""
        return self.path / "writer.lock"

    @property
    def encoders(self) -> Path:
        """Where older versions kept exported query encoders: the next run removes it."""
        return self.path / "encoders"

    def ann(self, space_id: int, view: str, generation: int) -> Path:
        """A FAISS file: one per space and view, since a signal searches just one of them."""
        return self.path / f"ann-{space_id}-{view}-{generation}.faiss"

    def exists(self) -> bool:
        """Whether there is a catalogue here, a plain file."""
        try:
            return stat.S_ISREG(os.lstat(self.catalogue).st_mode)
        except OSError:
            return False

    def owner(self) -> int:
        """The user id of the folder's owner; -1 where it is unknown."""
        try:
            return os.lstat(self.path).st_uid
        except OSError:
            return -1

    def check(self, writing: bool = False) -> None:
        """Raise `IndexUnusable` unless the folder and every part in it are what they must be, and for a rollback
        journal, which would make SQLite write and unlink files; a folder that is not there passes. Root may read
        another user's index, and nobody may write one."""
        with contextlib.suppress(FileNotFoundError), self._opened() as folder:
            owner = os.fstat(folder).st_uid
            if owner != os.geteuid() and (writing or os.geteuid() != 0):
                raise _another_users(self.path, owner)
            with os.scandir(folder) as entries:
                for entry in entries:
                    if entry.name.lower().startswith(_ROLLBACK):
                        raise self._rollback_journal(entry.name)
                    if entry.name.startswith(_OURS) and entry.name != "encoders":  # no longer read
                        with contextlib.suppress(FileNotFoundError):  # a writer has replaced it this moment
                            self._check_entry(entry, owner, folder)

    def _check_entry(self, entry: os.DirEntry[str], owner: int, folder: int) -> None:
        try:
            self._check_part(entry.name, entry.stat(follow_symlinks=False), owner)
            if not os.access(entry.name, os.R_OK, dir_fd=folder):
                os.lstat(entry.name, dir_fd=folder)  # it may be gone
                raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        except PermissionError as error:
            raise IndexUnusable(
                f"{self.path / entry.name} can't be read ({error.strerror}).",
                "Give yourself the right to read it, or choose another place with --index.",
            ) from error

    def _rollback_journal(self, name: str) -> IndexUnusable:
        return IndexUnusable(
            f"{self.path / name} is a rollback journal of SQLite, which no index of mmsearch has. It is not opened.",
            f"Remove that file, or restore {self.path} from a backup.",
        )

    def _check_part(self, name: str, facts: os.stat_result, owner: int) -> None:
        what = next((kind for test, kind in _KINDS if test(facts.st_mode)), "a file")
        if not stat.S_ISREG(facts.st_mode):
            said = f"is {what}, where an index has a plain file"
        elif facts.st_uid != owner:
            said = f"belongs to {user_name(facts.st_uid)}, and the folder to {user_name(owner)}"
        elif facts.st_nlink > 1:
            said = "is a hard link: the same file has a name elsewhere"
        else:
            return
        raise IndexUnusable(
            f"{self.path / name} {said}. It is not opened.",
            f"Delete the index folder and run `{index_command(self.path)}`, or choose another place with --index.",
        )

    @contextlib.contextmanager
    def _opened(self) -> Iterator[int]:
        """A descriptor of the folder. Raises `FileNotFoundError`, `IndexUnusable`."""
        try:
            folder = os.open(self.path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        except FileNotFoundError:
            raise
        except PermissionError as error:
            raise _another_users(self.path, self.owner()) from error
        except OSError as error:
            what = "a link" if self.path.is_symlink() else "no folder"
            raise IndexUnusable(
                f"The index {self.path} is {what} or can't be opened ({error.strerror}).",
                "Name the folder itself with --index.",
            ) from error
        try:
            yield folder
        finally:
            os.close(folder)

    def open_part(self, name: str, flags: int) -> int:
        """A descriptor of a part, opened relative to the folder, never through a link. Raises `OSError`, and
        `IndexUnusable` for what is no plain file of the owner's."""
        with self._opened() as folder:
            with contextlib.suppress(FileNotFoundError):
                self._check_part(name, os.lstat(name, dir_fd=folder), os.fstat(folder).st_uid)
            part = os.open(name, flags | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK, 0o600, dir_fd=folder)
            try:
                self._check_part(name, os.fstat(part), os.fstat(folder).st_uid)
            except BaseException:
                os.close(part)
                raise
            return part

    def signature(self, name: str) -> Signature | None:
        """The stat signature of a part; None where it is gone."""
        try:
            facts = os.lstat(self.path / name)
        except OSError:
            return None
        return facts.st_size, facts.st_mtime_ns, facts.st_ctime_ns, facts.st_ino

    def identity(self) -> tuple[int, int] | None:
        """Device and inode of the catalogue; None where there is none."""
        try:
            facts = os.lstat(self.catalogue)
        except OSError:
            return None
        return facts.st_dev, facts.st_ino

    def create(self) -> None:
        """Make the folder, for its owner only. Raises `IndexUnusable` where that can't be, or where there are files of
        another kind and no index."""
        try:
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            self.check(writing=True)
            strangers = [name for name in os.listdir(self.path) if not name.startswith(_OURS)]
        except OSError as error:
            raise IndexUnusable(
                f"The index folder {self.path} can't be made ({error.strerror}).", "Choose another place with --index."
            ) from error
        if strangers and not self.exists():
            raise IndexUnusable(
                f"{self.path} is no index, and there are other files in it.",
                "Choose a folder that is empty or does not exist yet with --index.",
            )

    def remains(self) -> list[str]:
        """The parts that only an index with contents has, besides its catalogue: where the catalogue is missing or
        empty, they show that it was lost."""
        try:
            names = sorted(os.listdir(self.path))
        except OSError:
            return []
        log = self.signature(self.log.name)
        return [
            name
            for name in names
            if name == self.sums.name
            or name.startswith("ann-")
            or (name == self.log.name and log is not None and log[0] > 0)
        ]

    def remove_catalogue(self) -> None:
        """Undo the making of an index that never held anything. The lock file stays: another writer may wait for it."""
        for name in ("catalogue.db", "catalogue.db-wal", "catalogue.db-shm", "catalogue.sums"):
            (self.path / name).unlink(missing_ok=True)


def user_name(user: int) -> str:
    """A user by name, else by number."""
    import pwd

    try:
        return pwd.getpwuid(user).pw_name
    except KeyError:
        return f"user {user}"


def _another_users(path: Path, owner: int) -> IndexUnusable:
    whose = f"belongs to {user_name(owner)}" if owner not in (-1, os.geteuid()) else "can't be opened"
    return IndexUnusable(
        f"The index {path} {whose}; you have no right to use it.",
        "Build an index of your own: `mmsearch index FOLDER --index PLACE`.",
    )


def is_network_file_system(path: Path) -> bool:
    """Whether `path` lies on a file system over the network, where SQLite's locks can't be trusted (Linux only)."""
    networked = {"nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "fuse.sshfs", "afs", "ncpfs"}
    best, kind = "", ""
    with contextlib.suppress(OSError), open("/proc/mounts", encoding="utf-8", errors="replace") as mounts:
        for line in mounts:
            _, point, name, *_ = line.split(" ")
            if (str(path.absolute()) + "/").startswith(point.rstrip("/") + "/") and len(point) > len(best):
                best, kind = point, name
    return kind in networked
