"""The members of a zip container, unpacked within limits whatever its directory claims.

Sizes are counted on the bytes that are really inflated. A container whose directory is missing, as that of a file
that was cut off, is read from the headers before its members as far as it goes.
"""

from __future__ import annotations

import struct
import zipfile
import zlib
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

from mmsearch.errors import ExtractionError, FailureCode

MEMBERS = 20_000
DIRECTORY_BYTES = 16 << 20
WHOLE_BYTES = 128 << 20  # inflated, of all members together
BLOCK = 64 << 10
NOTHING_LEFT = "The file is damaged or cut off, and nothing of it can be read."

_LOCAL = struct.Struct("<4s5H3L2H")
_END = struct.Struct("<4s4H2LH")
_DEFLATED, _STORED = 8, 0
_ENCRYPTED, _SIZE_FOLLOWS = 1, 8  # bits of the flags


class Member(NamedTuple):
    """A member: where its header begins, the flags, the compression, the bytes that it takes in the file (None: until
    its stream ends), and the checksum, if it is known."""

    header: int
    flags: int
    method: int
    size: int | None
    crc: int | None


class OfficeZip:
    """A zip container. Names are compared without case, with `/` between folders.

    damaged: a sentence once something could not be unpacked; empty before.
    notes:   sentences about what was left out.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._left = WHOLE_BYTES
        self.damaged = ""
        self.notes: list[str] = []
        self.members = self._directory()

    def __contains__(self, name: str) -> bool:
        return plain_name(name) in self.members

    def blocks(self, name: str, limit: int = WHOLE_BYTES) -> Iterator[bytes]:
        """The bytes of a member in blocks of at most 64 KB: none for a missing one, those before the damage of a
        damaged one, and the first of one that passes a limit. Raises `ExtractionError` (`encrypted`)."""
        member = self.members.get(plain_name(name))
        if member is None:
            return
        if member.flags & _ENCRYPTED:
            raise ExtractionError(FailureCode.ENCRYPTED, "The file is protected by a password.")
        checksum, limit = 0, min(limit, self._left)
        for block in self._inflated(member):
            if len(block) > limit:
                self._note(f"Only the first {WHOLE_BYTES >> 20} MB of what is packed into the file were read.")
                return
            limit -= len(block)
            self._left -= len(block)
            checksum = zlib.crc32(block, checksum)
            yield block
        if member.crc is not None and checksum != member.crc:
            self._damage()

    def read(self, name: str, limit: int = WHOLE_BYTES) -> bytes:
        """The bytes of a member, as `blocks` yields them."""
        return b"".join(self.blocks(name, limit))

    def _inflated(self, member: Member) -> Iterator[bytes]:
        self._file.seek(member.header)
        head = self._file.read(_LOCAL.size)
        if len(head) < _LOCAL.size or head[:4] != b"PK\x03\x04":
            self._damage()
            return
        name_length, extra_length = _LOCAL.unpack(head)[9:]
        position, left = member.header + _LOCAL.size + name_length + extra_length, member.size
        inflater = zlib.decompressobj(-zlib.MAX_WBITS)
        while left is None or left > 0:
            self._file.seek(position)  # two members may be read by turns
            data = self._file.read(BLOCK if left is None else min(left, BLOCK))
            if not data:
                self._damage()
                return
            position += len(data)
            left = None if left is None else left - len(data)
            if member.method == _STORED:
                yield data
                continue
            try:
                unpacked = inflater.decompress(data, BLOCK)
                while unpacked:
                    yield unpacked
                    unpacked = inflater.decompress(inflater.unconsumed_tail, BLOCK)
            except zlib.error:
                self._damage()
                return
            if inflater.eof:
                return
        if member.method == _DEFLATED and not inflater.eof:
            self._damage()

    def _directory(self) -> dict[str, Member]:
        if not _has_sane_end(self._file):
            raise ExtractionError(FailureCode.TOO_LARGE, f"The file is packed of more than {MEMBERS:,} parts.")
        try:
            with zipfile.ZipFile(self._file) as packed:
                infos = packed.infolist()
        except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError, struct.error, IndexError):
            self._damage()
            return _found_members(self._file)
        if len(infos) > MEMBERS:
            raise ExtractionError(FailureCode.TOO_LARGE, f"The file is packed of more than {MEMBERS:,} parts.")
        if any(info.header_offset < 0 for info in infos):  # the directory is not where it says that it is
            self._damage()
            return _found_members(self._file)
        found: dict[str, Member] = {}
        for info in infos:
            if info.compress_type in (_STORED, _DEFLATED):
                member = Member(info.header_offset, info.flag_bits, info.compress_type, info.compress_size, info.CRC)
                found.setdefault(plain_name(info.filename), member)
        return found

    def _damage(self) -> None:
        self.damaged = "The file is damaged or cut off; what could be unpacked of it was read."

    def _note(self, sentence: str) -> None:
        if sentence not in self.notes:
            self.notes.append(sentence)


def plain_name(name: str) -> str:
    """The name of a member as it is compared."""
    return name.replace("\\", "/").lstrip("/").lower()


def _has_sane_end(file: BinaryIO) -> bool:
    """Whether the end record of a zip, if there is one, announces a directory that can be read at once."""
    size = file.seek(0, 2)
    file.seek(max(0, size - _END.size - 0xFFFF))
    tail = file.read()
    at = tail.rfind(b"PK\x05\x06")
    if at < 0 or len(tail) - at < _END.size:
        return True
    _, _, _, _, count, directory, _, _ = _END.unpack_from(tail, at)
    return bool(count <= MEMBERS and (directory <= DIRECTORY_BYTES or directory == 0xFFFFFFFF))


def _found_members(file: BinaryIO) -> dict[str, Member]:
    """The members of a zip without a usable directory, by the headers before them."""
    found: dict[str, Member] = {}
    position = 0
    while len(found) < MEMBERS:
        file.seek(position)
        head = file.read(_LOCAL.size)
        if len(head) < _LOCAL.size or head[:4] != b"PK\x03\x04":
            break
        _, _, flags, method, _, _, crc, size, _, name_length, extra_length = _LOCAL.unpack(head)
        name = file.read(name_length).decode("utf-8", "replace")
        start = position + _LOCAL.size + name_length + extra_length
        unknown = bool(flags & _SIZE_FOLLOWS) and not size
        if method in (_STORED, _DEFLATED) and not (unknown and method == _STORED):
            member = Member(position, flags, method, None if unknown else size, None if unknown else crc)
            found.setdefault(plain_name(name), member)
        position = _next_header(file, start) if unknown else start + size
    return found


def _next_header(file: BinaryIO, start: int) -> int:
    """Where the next header of a member begins at or after `start`; the end of the file if there is none."""
    kept = b""
    file.seek(start)
    while block := file.read(BLOCK):
        at = (kept + block).find(b"PK\x03\x04")
        if at >= 0:
            return start - len(kept) + at
        start += len(block)
        kept = block[-3:]
    return start
