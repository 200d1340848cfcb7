"""The records of old Excel files (BIFF 2 to 8): strings, number formats, and sheets by their rows."""

from __future__ import annotations

import codecs
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from mmsearch.errors import ExtractionError, FailureCode
from mmsearch.extraction.documents.number_formats import BUILT_IN
from mmsearch.extraction.documents.sheet_rows import Cell, CellCount, SheetRows, number_cell

CONTINUE, END, BOF = 0x3C, 0x0A, 0x09  # BOF without its version, which stands in the upper byte
_FILEPASS, _CODEPAGE, _DATEMODE, _BOUNDSHEET, _SST = 0x2F, 0x42, 0x22, 0x85, 0xFC
_FORMATS = frozenset({0x1E, 0x41E})
_XFS = frozenset({0x43, 0x243, 0x443, 0xE0})
STRINGS = 2_000_000  # shared ones
STRING_CHARACTERS = 64 << 20  # of all shared strings


@dataclass(slots=True)
class ExcelGlobals:
    """What holds for all sheets. `version` is 2, 3, 4, 5 (of Excel 5 and 95) or 8 (of Excel 97 and later)."""

    version: int = 8
    encoding: str = "cp1252"
    epoch_1904: bool = False
    strings: list[str] = field(default_factory=list)
    formats: dict[int, str] = field(default_factory=dict)
    styles: list[int] = field(default_factory=list)  # the format of each
    sheets: list[tuple[int, str]] = field(default_factory=list)  # where each begins, and its name

    def code(self, style: int) -> str:
        """The code of the number format of a style."""
        number = self.styles[style] if style < len(self.styles) else 0
        return self.formats.get(number) or ("" if self.version < 5 else BUILT_IN.get(number, ""))


def records(data: bytes, start: int = 0) -> Iterator[tuple[int, bytes]]:
    """The records from a place on: type and content."""
    position = start
    while position + 4 <= len(data):
        kind, length = struct.unpack_from("<2H", data, position)
        yield kind, data[position + 4 : position + 4 + length]
        position += 4 + length


def read_globals(data: bytes) -> ExcelGlobals:
    """What a workbook says before its sheets. Raises `ExtractionError` (`encrypted`)."""
    found = ExcelGlobals()
    shared: list[bytes] = []
    in_strings = False
    for number, (kind, content) in enumerate(records(data)):
        if number == 0:
            found.version = _version(kind, content)
        if kind == CONTINUE and in_strings:
            shared.append(content)
            continue
        in_strings = kind == _SST
        if kind == _FILEPASS:
            raise ExtractionError(FailureCode.ENCRYPTED, "The workbook is protected by a password.")
        if kind == _SST:
            shared = [content]
        elif kind == END:
            break
        else:
            _take_global(found, kind, content)
    if shared:
        found.strings = list(_shared_strings(shared))
    return found


def _version(kind: int, content: bytes) -> int:
    if kind >> 8 == 8:
        return 5 if content[:2] == b"\x00\x05" else 8
    return {0: 2, 2: 3, 4: 4}.get(kind >> 8, 8)


def _take_global(found: ExcelGlobals, kind: int, content: bytes) -> None:
    if kind == _CODEPAGE and len(content) >= 2:
        found.encoding = codec(struct.unpack_from("<H", content)[0]) or "cp1252"
    elif kind == _DATEMODE:
        found.epoch_1904 = content[:1] == b"\x01"
    elif kind == _BOUNDSHEET and len(content) > 8:
        name = text_at(content, 6, found, 1)
        found.sheets.append((struct.unpack_from("<L", content)[0], name))
    elif kind in _XFS and len(content) >= 4:
        format_ = {8: content[2] | content[3] << 8, 5: content[2] | content[3] << 8, 2: content[2] & 0x3F}
        found.styles.append(format_.get(found.version, content[1]))
    elif kind in _FORMATS and len(content) > 2:
        if found.version >= 5:
            found.formats[content[0] | content[1] << 8] = text_at(content, 2, found, 2 if found.version == 8 else 1)
        else:
            found.formats[len(found.formats)] = text_at(content, 2 if kind == 0x41E else 0, found, 1)


def codec(code_page: int) -> str:
    """The codec of a code page of Windows; empty for one that is unknown."""
    named = {1200: "utf-16-le", 10000: "mac_roman", 32768: "mac_roman", 32769: "cp1252", 65001: "utf-8"}
    try:
        return codecs.lookup(named.get(code_page, f"cp{code_page}")).name
    except LookupError:
        return ""


def text_at(content: bytes, start: int, found: ExcelGlobals, width: int) -> str:
    """A string within a record, after its length of one or two bytes."""
    length = int.from_bytes(content[start : start + width], "little")
    start += width
    if found.version < 8:
        return content[start : start + length].decode(found.encoding, "replace")
    flags = content[start] if start < len(content) else 0
    start += 1 + (2 if flags & 8 else 0) + (4 if flags & 4 else 0)
    if flags & 1:
        return content[start : start + 2 * length].decode("utf-16-le", "replace")
    return content[start : start + length].decode("latin-1")


def _shared_strings(parts: Sequence[bytes]) -> Iterator[str]:
    """The shared strings, which may go on in continuing records; what is damaged ends them."""
    reader = _RecordParts(parts)
    left = STRING_CHARACTERS
    try:
        count = min(struct.unpack("<2L", reader.take(8))[1], STRINGS)
        for _ in range(count):
            length, flags = struct.unpack("<HB", reader.take(3))
            runs = struct.unpack("<H", reader.take(2))[0] if flags & 8 else 0
            further = struct.unpack("<L", reader.take(4))[0] if flags & 4 else 0
            text = reader.characters(length, bool(flags & 1))
            reader.take(4 * runs + further)
            left -= length
            if left < 0:
                return
            yield text
    except struct.error:
        return


class _RecordParts:
    """Reads a record and those that continue it."""

    def __init__(self, parts: Sequence[bytes]) -> None:
        self._parts, self._number, self._at = parts, 0, 0

    def take(self, count: int) -> bytes:
        """The next bytes; fewer at the end."""
        found = b""
        while len(found) < count and self._number < len(self._parts):
            part = self._parts[self._number]
            found += part[self._at : self._at + count - len(found)]
            self._at += count
            if self._at >= len(part):
                self._at = 0 if len(found) >= count or self._number + 1 < len(self._parts) else self._at
                self._number += 1
            else:
                break
        return found

    def characters(self, count: int, is_wide: bool) -> str:
        """The next characters. Where they go on in another record, that says anew whether they are wide."""
        found: list[str] = []
        while count > 0 and self._number < len(self._parts):
            part = self._parts[self._number]
            width = 2 if is_wide else 1
            some = part[self._at : self._at + count * width]
            found.append(some.decode("utf-16-le" if is_wide else "latin-1", "replace"))
            count -= len(some) // width
            self._at += len(some)
            if self._at >= len(part):
                self._number, self._at = self._number + 1, 0
                if count > 0 and self._number < len(self._parts) and self._parts[self._number]:
                    is_wide, self._at = bool(self._parts[self._number][0] & 1), 1
        if count > 0:
            raise struct.error("the strings end early")
        return "".join(found)


class ExcelSheet:
    """Reads the records of one sheet. `lines` are the texts that lie on it, and the names in its charts."""

    def __init__(self, name: str, found: ExcelGlobals, count: CellCount) -> None:
        self.sheet = SheetRows(name)
        self.lines: list[str] = []
        self._found, self._count = found, count
        self._formula: int | None = None  # the row of a formula whose text comes next
        self._object = 0
        self._texts: dict[int, str] = {}  # of objects by their number
        self._notes: list[tuple[int, int]] = []  # row and object
        self._wanted = 0  # characters of an object's text, which come next

    def read(self, data: bytes, start: int) -> None:
        """Read from the beginning of the sheet to its end, or to the limit of cells."""
        depth = 0
        for kind, content in records(data, start):
            if kind & 0xFF == BOF and kind >> 8 in (0, 2, 4, 8):
                depth += 1
            elif kind == END:
                depth -= 1
                if depth <= 0:
                    break
            elif not self._take(kind, content):
                break
        for row, number in self._notes:
            if text := self._texts.pop(number, ""):
                self.sheet.comments.setdefault(row, []).append(text)
        self.lines += self._texts.values()

    def _take(self, kind: int, content: bytes) -> bool:
        """Take a record; False where no further cell is to be read."""
        if kind in (0x207, 0x07) and self._formula is not None:
            row, self._formula = self._formula, None
            return self._add(row, Cell(text_at(content, 0, self._found, 1 if kind == 0x07 else 2)))
        if kind in (0x5D, 0x1B6, CONTINUE, 0x1C, 0x100D):
            self._take_object(kind, content)
            return True
        if len(content) < 6:
            return True
        row, _, style = struct.unpack_from("<3H", content)
        return all(self._add(row, cell) for cell in self._cells(kind, content, style, row))

    def _cells(self, kind: int, content: bytes, style: int, row: int) -> Iterator[Cell]:
        old = kind < 0x10 and self._found.version == 2
        at = 7 if old else 6
        if kind == 0xFD:
            index = struct.unpack_from("<L", content, 6)[0] if len(content) >= 10 else len(self._found.strings)
            yield Cell(self._found.strings[index] if index < len(self._found.strings) else "")
        elif kind in (0x204, 0xD6) or (kind == 0x04 and old):
            yield Cell(text_at(content, at, self._found, 1 if old else 2))
        elif kind in (0x203, 0x03) and len(content) >= at + 8:
            yield self._number(struct.unpack_from("<d", content, at)[0], 0 if old else style)
        elif kind == 0x27E and len(content) >= 10:
            yield self._number(rk_number(struct.unpack_from("<L", content, 6)[0]), style)
        elif kind == 0xBD:
            for place in range(4, len(content) - 7, 6):
                style, value = struct.unpack_from("<HL", content, place)
                yield self._number(rk_number(value), style)
        elif kind == 0x02 and old and len(content) >= 9:
            yield self._number(float(struct.unpack_from("<H", content, 7)[0]), 0)
        elif kind in (0x205, 0x05) and len(content) >= at + 2:
            yield Cell("" if content[at + 1] else "TRUE" if content[at] else "FALSE")
        elif kind in (0x06, 0x206, 0x406) and len(content) >= at + 8:
            yield from self._result(content[at : at + 8], 0 if old else style, row)

    def _result(self, result: bytes, style: int, row: int) -> Iterator[Cell]:
        """The result of a formula; a text stands in the next record."""
        if result[6:] != b"\xff\xff":
            yield self._number(struct.unpack("<d", result)[0], style)
        elif result[0] == 0:
            self._formula = row
        elif result[0] == 1:
            yield Cell("TRUE" if result[2] else "FALSE")

    def _take_object(self, kind: int, content: bytes) -> None:
        if kind == 0x5D and len(content) >= 8:
            self._object = struct.unpack_from("<H", content, 6)[0]
        elif kind == 0x1B6 and len(content) >= 12:
            self._wanted = struct.unpack_from("<H", content, 10)[0]
        elif kind == CONTINUE and self._wanted and content:
            is_wide = bool(content[0] & 1)
            some = content[1 : 1 + self._wanted * (2 if is_wide else 1)]
            text = some.decode("utf-16-le" if is_wide else "latin-1", "replace")
            self._wanted = max(self._wanted - len(text), 0)
            self._texts[self._object] = self._texts.get(self._object, "") + text
        elif kind == 0x1C and len(content) >= 8:
            row, _, length, number = struct.unpack_from("<4H", content)
            if self._found.version == 8:
                self._notes.append((row + 1, number))
            elif row != 0xFFFF:
                text = content[6 : 6 + length].decode(self._found.encoding, "replace")
                self.sheet.comments.setdefault(row + 1, []).append(text)
        elif kind == 0x100D and len(content) > 4:
            self.lines.append(text_at(content, 2, self._found, 1))

    def _number(self, value: float, style: int) -> Cell:
        return number_cell(value, self._found.code(style), self._found.epoch_1904)

    def _add(self, row: int, cell: Cell) -> bool:
        if not self._count.take(cell):
            return False
        self.sheet.add(row + 1, cell)
        return True


def rk_number(value: int) -> float:
    """A number in the short form of 30 bits."""
    if value & 2:
        number = float((value >> 2) - (1 << 30 if value & 0x80000000 else 0))
    else:
        number = float(struct.unpack("<d", b"\0\0\0\0" + struct.pack("<L", value & 0xFFFFFFFC))[0])
    return number / 100 if value & 1 else number
