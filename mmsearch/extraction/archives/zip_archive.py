"""The files of a zip archive, in the order of its directory."""

from __future__ import annotations

import datetime
import stat
import struct
import time
import zipfile
from collections.abc import Iterator
from functools import partial
from typing import BinaryIO

from mmsearch.errors import ExtractionError, FailureCode
from mmsearch.extraction.archives.archive_member import BLOCK, MEMBERS, ArchiveMember, ArchiveTooLarge, UnpackBudget
from mmsearch.types import Failure

DIRECTORY_BYTES = 64 << 20
_END = struct.Struct("<4s4H2LH")
_UTF8 = 0x800  # flag: the name is in UTF-8
_ENCRYPTED, _HIDDEN_DIRECTORY = 0x1, 0x2000
_FAT, _NTFS = 0, 10  # systems whose programs may write `\\` between folders
_LOCKED = Failure(FailureCode.ENCRYPTED, "It is protected by a password.")


def zip_members(file: BinaryIO, budget: UnpackBudget) -> Iterator[ArchiveMember]:
    """The files of an open zip archive. Raises `ExtractionError` for one whose directory can't be read."""
    _check_directory(file)
    try:
        packed = zipfile.ZipFile(file)
        infos = packed.infolist()
    except Exception as error:  # of a hostile directory
        sentence = "The archive is damaged or cut off: the list of its files, at its end, can't be read."
        raise ExtractionError(FailureCode.DECODE_ERROR, sentence) from error
    for info in infos:
        if info.filename.endswith(("/", "\\")):
            continue
        locked = bool(info.flag_bits & (_ENCRYPTED | _HIDDEN_DIRECTORY))
        yield ArchiveMember(
            _name(info),
            info.file_size,
            _time_ns(info),
            partial(_blocks, packed, info, budget),
            _left_out(info),
            _LOCKED if locked else None,
        )


def _blocks(packed: zipfile.ZipFile, info: zipfile.ZipInfo, budget: UnpackBudget) -> Iterator[bytes]:
    try:
        with packed.open(info) as stream:
            while block := stream.read(BLOCK):
                budget.take(len(block))
                yield block
    except ExtractionError:
        raise
    except NotImplementedError as error:
        sentence = "It is packed by a method that is not read here."
        raise ExtractionError(FailureCode.DECODE_ERROR, sentence) from error
    except RuntimeError as error:
        raise ExtractionError(FailureCode.ENCRYPTED, _LOCKED.sentence) from error
    except MemoryError as error:
        raise ExtractionError(FailureCode.MEMORY, "It takes more memory to unpack than a worker may use.") from error
    except Exception as error:
        raise ExtractionError(FailureCode.DECODE_ERROR, "It is damaged in the archive, or cut off.") from error


def _check_directory(file: BinaryIO) -> None:
    """Refuse an archive whose end announces more files than are read, before the list is."""
    size = file.seek(0, 2)
    file.seek(max(0, size - _END.size - 0xFFFF))
    tail = file.read()
    at = tail.rfind(b"PK\x05\x06")
    if at < 0 or len(tail) - at < _END.size:
        return
    _, _, _, _, _, directory, _, _ = _END.unpack_from(tail, at)
    if directory > DIRECTORY_BYTES and directory != 0xFFFFFFFF:
        raise ArchiveTooLarge(f"It holds more than {MEMBERS:,} files.")


def _name(info: zipfile.ZipInfo) -> bytes:
    """The name of a file. Names that are not marked as UTF-8 are in code page 437, unless they are UTF-8 all the same,
    as those of many programs."""
    name = info.filename
    if info.create_system in (_FAT, _NTFS) and "/" not in name:
        name = name.replace("\\", "/")
    if not info.flag_bits & _UTF8 and not name.isascii():
        try:
            return name.encode("cp437").decode("utf-8").encode("utf-8")
        except UnicodeError:
            pass
    return name.encode("utf-8", "surrogateescape")


def _time_ns(info: zipfile.ZipInfo) -> int | None:
    """When a file was changed: in UTC where the archive has that, else by the clock of this machine's time zone."""
    extra = info.extra
    while len(extra) >= 4:
        kind, length = struct.unpack_from("<HH", extra)
        if kind == 0x5455 and length >= 5 and len(extra) >= 9 and extra[4] & 1:
            return int(struct.unpack_from("<l", extra, 5)[0]) * 10**9
        extra = extra[4 + length :]
    try:
        changed = datetime.datetime(*info.date_time)  # raises for what is no time
        return int(time.mktime(changed.timetuple())) * 10**9
    except (ValueError, OverflowError, IndexError, TypeError):
        return None


def _left_out(info: zipfile.ZipInfo) -> str:
    kind = stat.S_IFMT(info.external_attr >> 16)
    if kind == stat.S_IFLNK:
        return "link"
    return "" if kind in (0, stat.S_IFREG) else "special file"
