"""Checksums of the catalogue: SQLite has none, so a flipped bit in a text or a vector would never be detected.

`catalogue.sums` is one line of JSON with its own CRC-32: the stat signature of the catalogue, a CRC-32 for each MiB of
it, and the stat signatures of the ann files. Before a writer moves its log into the catalogue it appends a line that
names the blocks that change ("open"); at its end it sums these again and rewrites the file. So a run without changes
sums a few blocks of a large catalogue, and after a kill all blocks but the open ones are still known.
"""

from __future__ import annotations

import contextlib
import json
import os
import struct
import threading
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from mmsearch.config import index_command
from mmsearch.durable import flush, sync
from mmsearch.errors import DamagedIndex
from mmsearch.store import verified
from mmsearch.store.layout import IndexFolder, Signature

BLOCK = 1 << 20  # bytes
_FORMAT = 1
_LARGEST = 1 << 26  # bytes of a file of sums: those of a catalogue of 7 TB
_sound: set[tuple[int, ...]] = set()  # signatures of catalogues that this process has summed and found right
_kept: dict[tuple[int, int], int] = {}  # descriptors that can't be closed yet (see `_close`)
_guard = threading.Lock()


_UNREADABLE = (ValueError, TypeError, LookupError, AttributeError, ArithmeticError, RecursionError, struct.error)


class BadSums(Exception):
    """The file of sums can't be read; it can be made again."""


@dataclass(slots=True)
class Sums:
    """The contents of the file. `open` are the numbers of blocks that may have changed since; None: any may have."""

    catalogue: Signature | None = None
    blocks: list[int] = field(default_factory=list)
    files: dict[str, Signature] = field(default_factory=dict)
    open: set[int] | None = field(default_factory=set)
    commits: int = 0  # how many the catalogue has seen, at least (see `note_commits`)

    @property
    def unchecked(self) -> str:
        """Why some of the catalogue's bytes have nothing to be compared with; nothing where all have."""
        if self.open is None:
            return "its checksums are cut off"
        if not self.blocks:
            return "its first run was cut off before it was summed"
        return "a run that was cut off had begun to change it" if self.open else ""


def read(folder: IndexFolder) -> Sums | None:
    """The sums of an index; None where there are none. Raises `BadSums`."""
    try:
        descriptor = folder.open_part(folder.sums.name, os.O_RDONLY)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise BadSums(str(error)) from error
    with open(descriptor, "rb") as file:
        data = file.read(_LARGEST)
    lines = data.split(b"\n")
    try:
        sums = _parsed(_checked(lines[0]))
    except _UNREADABLE as error:
        raise BadSums(str(error)) from error
    for line in filter(None, lines[1:]):
        try:
            said = _checked(line)
            if "commits" in said:
                sums.commits = _whole(said["commits"])
            elif sums.open is not None:
                sums.open.update(_whole(number) for number in said["open"])
        except _UNREADABLE:  # a run was killed over it
            sums.open = None
    return sums


def _checked(line: bytes) -> dict[str, Any]:
    text, _, crc = line.rpartition(b" ")
    if not text or int(crc, 16) != zlib.crc32(text):
        raise ValueError("its checksum is wrong")
    return dict(json.loads(text))


def _parsed(found: dict[str, Any]) -> Sums:
    if found["format"] != _FORMAT:
        raise ValueError("its format is unknown")
    packed = bytes.fromhex(str(found["blocks"]))
    signature = found["catalogue"]
    return Sums(
        None if signature is None else _signature(signature),
        list(struct.unpack(f">{len(packed) // 4}I", packed)),
        {str(name): _signature(value) for name, value in dict(found["files"]).items()},
        commits=_whole(found.get("commits", 0)),
    )


def _whole(value: object) -> int:
    if type(value) is not int or not 0 <= value < 1 << 63:
        raise ValueError("a number is none that a run writes")
    return value


def _signature(value: Any) -> Signature:
    size, mtime, ctime, inode = value
    if any(type(each) is not int or not -(1 << 63) <= each < 1 << 64 for each in value):
        raise ValueError("a stat signature is none that a file has")
    return size, mtime, ctime, inode


def _line(found: dict[str, object]) -> bytes:
    text = json.dumps(found, sort_keys=True, separators=(",", ":")).encode()
    return b"%s %08x\n" % (text, zlib.crc32(text))


def write(folder: IndexFolder, sums: Sums) -> None:
    """Write the file anew. Raises `OSError`."""
    packed = struct.pack(f">{len(sums.blocks)}I", *sums.blocks).hex()
    line = _line(
        {"format": _FORMAT, "catalogue": sums.catalogue, "blocks": packed, "files": sums.files, "commits": sums.commits}
    )
    draft = f".{folder.sums.name}.{os.getpid()}.tmp"
    (folder.path / draft).unlink(missing_ok=True)
    with open(folder.open_part(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL), "wb") as file:
        file.write(line)
        flush(file)
    os.replace(folder.path / draft, folder.sums)


def mark_open(folder: IndexFolder, blocks: Iterable[int]) -> None:
    """Note, durably, that these blocks are about to change. Raises `OSError`."""
    with open(folder.open_part(folder.sums.name, os.O_WRONLY | os.O_APPEND), "ab") as file:
        file.write(_line({"open": sorted(blocks)}))
        flush(file)


def note_commits(folder: IndexFolder, number: int) -> None:
    """Note how many commits the catalogue has seen, after the last of them: with a log that is deleted, cut or damaged
    commits are lost without an error, and with them the catalogue's own count. Raises `OSError`."""
    with open(folder.open_part(folder.sums.name, os.O_WRONLY | os.O_APPEND), "ab", buffering=0) as file:
        file.write(_line({"commits": number}))


def begin(folder: IndexFolder) -> None:
    """Make the first file of sums of an index: all is open. From here on an index without a catalogue is a lost one."""
    write(folder, Sums())
    mark_open(folder, [0])
    sync(folder.path)


def logged_blocks(folder: IndexFolder) -> set[int]:
    """The blocks of the catalogue whose pages are in the log."""
    try:
        descriptor = folder.open_part(folder.log.name, os.O_RDONLY)
    except FileNotFoundError:
        return set()
    with open(descriptor, "rb", buffering=0) as file:
        head = os.pread(file.fileno(), 32, 0)
        if len(head) < 32:
            return set()
        size, salts = struct.unpack(">I", head[8:12])[0] or 65536, head[16:24]
        blocks, at = set(), 32
        while len(frame := os.pread(file.fileno(), 24, at)) == 24:
            if frame[8:16] == salts:
                blocks.add((struct.unpack(">I", frame[:4])[0] - 1) * size // BLOCK)
            at += 24 + size
    return blocks


def seal(folder: IndexFolder, known: Sums | None) -> None:
    """Sum the catalogue's open blocks, or with nothing `known` all, and write the file. The caller holds the writer
    lock and has no connection open any more. Raises `OSError`."""
    signature = folder.signature(folder.catalogue.name)
    assert signature is not None
    count = -(-signature[0] // BLOCK)
    if known is None or known.open is None:
        wanted, blocks = set(range(count)), [0] * count
    else:
        blocks = (known.blocks + [0] * count)[:count]
        wanted = {number for number in known.open if number < count} | set(range(len(known.blocks), count))
        if known.blocks:
            wanted.add(min(len(known.blocks), count) - 1)  # the last one may have grown or been cut
    for number, crc in _summed(folder, sorted(wanted)):
        blocks[number] = crc
    names = [name for name in os.listdir(folder.path) if name.startswith("ann-") and name.endswith(".faiss")]
    files = {name: found for name in names if (found := folder.signature(name)) is not None}
    write(folder, Sums(signature, blocks, files, commits=known.commits if known is not None else 0))


def _summed(folder: IndexFolder, numbers: Iterable[int]) -> Iterator[tuple[int, int]]:
    """Blocks with their CRC-32 as they are on the disk."""
    with opened(folder) as descriptor:
        for number in numbers:
            yield number, zlib.crc32(os.pread(descriptor, BLOCK, number * BLOCK))


def is_in_wal_mode(folder: IndexFolder) -> bool:
    """Whether SQLite uses a write-ahead log for the catalogue, by its header, as for every catalogue of mmsearch; also
    True for one that is new, empty, or no database at all. Raises `OSError`."""
    with opened(folder) as descriptor:
        head = os.pread(descriptor, 20, 0)
    return not head.startswith(b"SQLite format 3\0") or head[18:20] == b"\2\2"


@contextlib.contextmanager
def opened(folder: IndexFolder) -> Iterator[int]:
    """A descriptor of the catalogue."""
    facts = os.lstat(folder.catalogue)
    descriptor = _kept.get((facts.st_dev, facts.st_ino))
    if descriptor is None:
        descriptor = folder.open_part(folder.catalogue.name, os.O_RDONLY)
    try:
        yield descriptor
    finally:
        _close(descriptor)


def _close(descriptor: int) -> None:
    """Close a descriptor of the catalogue, or keep it where SQLite has the file open in this process too: closing any
    descriptor of a file releases all locks on it."""
    facts = os.fstat(descriptor)
    mine = facts.st_dev, facts.st_ino
    with _guard:
        for name in os.listdir("/dev/fd"):
            with contextlib.suppress(OSError):
                other = os.fstat(int(name))
                if int(name) != descriptor and (other.st_dev, other.st_ino) == mine:
                    _kept[mine] = descriptor
                    return
        _kept.pop(mine, None)
        os.close(descriptor)


def damaged_blocks(folder: IndexFolder, sums: Sums) -> list[int]:
    """The numbers of blocks that are not as they were written; those that are open are left out."""
    if sums.open is None:
        return []
    count = -(-(folder.signature(folder.catalogue.name) or (0,))[0] // BLOCK)
    known = {number: crc for number, crc in enumerate(sums.blocks) if number not in sums.open}
    missing = sorted(number for number in known if number >= count)
    return [n for n, crc in _summed(folder, (n for n in known if n < count)) if crc != known[n]] + missing


def changed(folder: IndexFolder, sums: Sums) -> bool:
    """Whether the catalogue is another file than the one that was summed, or was written to since."""
    return folder.signature(folder.catalogue.name) != sums.catalogue


def why_unchecked(folder: IndexFolder) -> str:
    """Why some of the catalogue's bytes have nothing to be compared with; nothing where all have."""
    try:
        known = read(folder)
    except BadSums:
        return "its checksums are damaged"
    return "it has no checksums" if known is None else known.unchecked


def check_reader(folder: IndexFolder) -> None:
    """Raise `DamagedIndex` where the catalogue is not as the last writer left it. One that a writer is changing, or was
    when it was killed, passes."""
    for _ in range(5):
        try:
            sums = read(folder)
        except BadSums:
            return
        signature = folder.signature(folder.catalogue.name)
        if sums is None or sums.open is None or sums.open or signature in (sums.catalogue, None):
            return
        if signature in _sound:
            return
        note = verified.note_of(folder)
        if verified.is_noted(note) or not (bad := damaged_blocks(folder, sums)):
            _sound.add(signature)
            if note == verified.note_of(folder):  # it is the file that was summed
                verified.put_note(note)
            return
        with contextlib.suppress(BadSums):
            if read(folder) == sums:  # else a writer has begun to change it meanwhile
                raise damage(folder, bad)


def damage(folder: IndexFolder, bad: list[int]) -> DamagedIndex:
    """The error for blocks that are not as they were written."""
    where = ", ".join(f"{number} MiB" for number in bad[:3]) + (" and more" if len(bad) > 3 else "")
    return DamagedIndex(
        f"The catalogue of {folder.path} is damaged: its bytes have changed since they were written (at {where}).",
        anew(folder),
    )


def anew(folder: IndexFolder) -> str:
    """The next step for damage that can't be rebuilt."""
    return f"Restore {folder.path} from a backup, or delete it and run `{index_command(folder.path)}` again."
