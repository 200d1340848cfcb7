"""The files of a tar archive, plain or compressed, in their order."""

from __future__ import annotations

import bz2
import gzip
import importlib
import lzma
import tarfile
from collections.abc import Iterator
from functools import partial
from typing import Any, BinaryIO, cast

from mmsearch.errors import ExtractionError, FailureCode
from mmsearch.extraction.archives.archive_member import BLOCK, ArchiveMember, UnpackBudget
from mmsearch.filestat import limited

_RECORD = 512


def tar_members(file: BinaryIO, ending: bytes, budget: UnpackBudget) -> Iterator[ArchiveMember]:
    """The files of an open tar archive. Raises `ExtractionError` where it is damaged or cut off; the files before that
    are good."""
    try:
        stream = _unpacked(file, ending)
        is_packed = stream is not file
        archive: Any = tarfile.TarFile(fileobj=stream)
        while (info := archive.next()) is not None:
            archive.members = []  # else it keeps them all
            if is_packed:
                budget.take(max(info.size, 0))
            if info.isdir():
                continue
            yield ArchiveMember(
                info.name.encode("utf-8", "surrogateescape"),
                max(info.size, 0),
                limited(int(info.mtime * 10**9)),
                partial(_blocks, archive, info, None if is_packed else budget),
                "" if info.isreg() else "link" if info.issym() or info.islnk() else "special file",
            )
        _check_end(stream, archive.offset)
        while is_packed and (block := stream.read(BLOCK)):  # the checksum of what was unpacked is at the end
            budget.take(len(block))
    except MemoryError as error:
        raise ExtractionError(
            FailureCode.MEMORY, "The archive takes more memory to unpack than a worker may use."
        ) from error
    except ExtractionError:
        raise
    except Exception as error:  # of any decompressor, on any damage
        raise ExtractionError(
            FailureCode.DECODE_ERROR, "The archive is damaged or cut off; what comes before is indexed."
        ) from error


def _blocks(archive: Any, info: tarfile.TarInfo, budget: UnpackBudget | None) -> Iterator[bytes]:
    """The bytes of a file, counted where the walk has not counted them already."""
    try:
        file = archive.extractfile(info)
        while file is not None and (block := file.read(BLOCK)):
            if budget is not None:
                budget.take(len(block))
            yield block
    except ExtractionError:
        raise
    except MemoryError as error:
        raise ExtractionError(FailureCode.MEMORY, "It takes more memory to unpack than a worker may use.") from error
    except Exception as error:
        raise ExtractionError(FailureCode.DECODE_ERROR, "It is damaged in the archive, or cut off.") from error


def _unpacked(file: BinaryIO, ending: bytes) -> BinaryIO:
    """The tar archive in a compressed file."""
    packing = ending.rpartition(b".")[2].removeprefix(b"t")
    if packing == b"gz":
        return cast(BinaryIO, gzip.GzipFile(fileobj=file))
    if packing in (b"bz2", b"bz"):
        return cast(BinaryIO, bz2.BZ2File(file))
    if packing == b"xz":
        return cast(BinaryIO, lzma.LZMAFile(file))
    if packing == b"zst":
        return _zstandard(file)
    return file


def _zstandard(file: BinaryIO) -> BinaryIO:
    """The content of a file in Zstandard, which Python reads since 3.14."""
    module: Any = importlib.import_module("compression.zstd")
    return cast(BinaryIO, module.ZstdFile(file))


def _check_end(stream: BinaryIO, offset: int) -> None:
    """Whether an archive ends where its last file does, or with an empty record: `tarfile` takes any other record for
    the end too. Raises `tarfile.ReadError`."""
    stream.seek(offset)
    record = stream.read(_RECORD)
    if record.strip(b"\0") or 0 < len(record) < _RECORD:
        raise tarfile.ReadError("no end")
