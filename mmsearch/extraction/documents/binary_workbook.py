"""Excel's binary workbooks (.xlsb): every sheet by its rows, with comments, charts and pictures."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator, Sequence

from mmsearch.extraction.documents.document_parts import ReadDocument
from mmsearch.extraction.documents.excel_records import rk_number
from mmsearch.extraction.documents.number_formats import BUILT_IN
from mmsearch.extraction.documents.office_zip import OfficeZip
from mmsearch.extraction.documents.open_xml import embedded_note, properties, relations, targets
from mmsearch.extraction.documents.sheet_rows import CUT, Cell, CellCount, SheetRows, number_cell
from mmsearch.extraction.documents.spreadsheet import SHARED, SHEETS, add_objects

RECORD_BYTES = 1 << 24  # of one record

_ROW, _FORMAT, _STYLE, _SHARED_STRING, _SETTINGS, _SHEET = 0, 44, 47, 19, 153, 156
_STYLES_BEGIN, _STYLES_END, _COMMENT, _COMMENT_TEXT = 617, 618, 635, 637
_TEXTS, _NUMBERS, _TRUTHS = frozenset({6, 8}), frozenset({5, 9}), frozenset({4, 10})
_SHORT, _SHARED, _RICH = 2, 7, 62


def read_binary_workbook(package: OfficeZip, main: str) -> ReadDocument:
    """A workbook whose main part, of binary records, has this name."""
    names: list[tuple[str, str]] = []
    epoch_1904 = False
    for kind, content in records(package.blocks(main)):
        if kind == _SHEET:
            names += _sheet_name(content)
        elif kind == _SETTINGS:
            epoch_1904 = bool(content[:1] and content[0] & 1)
    found = relations(package, main)
    strings = [text for name in targets(found, "sharedStrings") for text in _strings(package.blocks(name))]
    codes = [code for name in targets(found, "styles") for code in _styles(package.blocks(name))]
    notes = [f"Only the first {SHEETS:,} sheets were read."] if len(names) > SHEETS else []
    count, parts, inner, damaged = CellCount(), [], [], ""
    for name, relation in names[:SHEETS]:
        if relation not in found:
            continue
        member = found[relation].target
        of_sheet = relations(package, member)
        sheet = SheetRows(name)
        _read_sheet(sheet, package.blocks(member), strings, codes, epoch_1904, count)
        for comments in targets(of_sheet, "comments"):
            _add_comments(sheet, package.blocks(comments))
        if member not in package:
            damaged = f"The sheet {name} is missing."
        drawn = {key: one for key, one in of_sheet.items() if one.type != "comments"}
        parts.append(add_objects(package, sheet, drawn))
        inner.append(of_sheet)
    if count.is_over:
        notes.append(CUT)
    return ReadDocument(parts, properties(package), [*notes, *embedded_note(inner)], damaged)


def _sheet_name(content: bytes) -> Iterator[tuple[str, str]]:
    """The name of a sheet and its relationship. Early versions write four bytes more before them."""
    for start in (8, 12):
        relation, end = _text(content, start)
        name, end = _text(content, end)
        if end == len(content):
            yield name, relation
            return


def records(blocks: Iterable[bytes]) -> Iterator[tuple[int, bytes]]:
    """The records of a part: type and content. A damaged or absurdly long one ends them."""
    data = b""
    for block in blocks:
        data += block
        at = 0
        while (head := _head(data, at)) is not None:
            kind, length, start = head
            if length > RECORD_BYTES:
                return
            if start + length > len(data):
                break
            yield kind, data[start : start + length]
            at = start + length
        data = data[at:]


def _head(data: bytes, at: int) -> tuple[int, int, int] | None:
    """Type and length of the record at a place, and where its content begins; None where the head is not there yet."""
    if at + 6 > len(data) and at + 2 > len(data):
        return None
    kind = data[at]
    at += 1
    if kind & 0x80:
        if at >= len(data):
            return None
        kind, at = (kind & 0x7F) | (data[at] & 0x7F) << 7, at + 1
    length = 0
    for shift in (0, 7, 14, 21):
        if at >= len(data):
            return None
        byte, at = data[at], at + 1
        length |= (byte & 0x7F) << shift
        if not byte & 0x80:
            break
    return kind, length, at


def _text(content: bytes, start: int) -> tuple[str, int]:
    """A string of a record, and where it ends."""
    length = int.from_bytes(content[start : start + 4], "little")
    if length == 0xFFFFFFFF:
        return "", start + 4
    end = start + 4 + 2 * length
    return content[start + 4 : end].decode("utf-16-le", "replace"), end


def _strings(blocks: Iterable[bytes]) -> Iterator[str]:
    left = SHARED
    for kind, content in records(blocks):
        if kind == _SHARED_STRING:
            text = _text(content, 1)[0]
            left -= len(text)
            if left < 0:
                return
            yield text


def _styles(blocks: Iterable[bytes]) -> Iterator[str]:
    """The code of the number format of each cell style."""
    custom: dict[int, str] = {}
    in_cells = False
    for kind, content in records(blocks):
        if kind == _FORMAT and len(content) > 6:
            custom[int.from_bytes(content[:2], "little")] = _text(content, 2)[0]
        elif kind in (_STYLES_BEGIN, _STYLES_END):
            in_cells = kind == _STYLES_BEGIN
        elif kind == _STYLE and in_cells:
            number = int.from_bytes(content[2:4], "little")
            yield custom.get(number) or BUILT_IN.get(number, "")


def _read_sheet(
    sheet: SheetRows,
    blocks: Iterable[bytes],
    strings: Sequence[str],
    codes: Sequence[str],
    epoch_1904: bool,
    count: CellCount,
) -> None:
    row = 0
    for kind, content in records(blocks):
        if kind == _ROW:
            row = int.from_bytes(content[:4], "little") + 1
            continue
        if len(content) < 9 or not (kind <= 11 or kind == _RICH):
            continue
        style = int.from_bytes(content[4:7], "little")
        code = codes[style] if style < len(codes) else ""
        cell = _cell(kind, content, strings, code, epoch_1904)
        if cell is not None:
            if not count.take(cell):
                return
            sheet.add(row, cell)


def _cell(kind: int, content: bytes, strings: Sequence[str], code: str, epoch_1904: bool) -> Cell | None:
    """The cell of a record; None where it shows nothing or is an error."""
    if kind in _TEXTS:
        return Cell(_text(content, 8)[0])
    if kind == _RICH:
        return Cell(_text(content, 9)[0])
    if kind == _SHARED:
        index = int.from_bytes(content[8:12], "little")
        return Cell(strings[index]) if index < len(strings) else None
    if kind in _NUMBERS and len(content) >= 16:
        return number_cell(struct.unpack_from("<d", content, 8)[0], code, epoch_1904)
    if kind == _SHORT and len(content) >= 12:
        return number_cell(rk_number(struct.unpack_from("<L", content, 8)[0]), code, epoch_1904)
    if kind in _TRUTHS:
        return Cell("TRUE" if content[8] else "FALSE")
    return None


def _add_comments(sheet: SheetRows, blocks: Iterable[bytes]) -> None:
    row = 1
    for kind, content in records(blocks):
        if kind == _COMMENT:
            row = min(int.from_bytes(content[4:8], "little"), 1 << 20) + 1
        elif kind == _COMMENT_TEXT and (text := _text(content, 1)[0].strip()):
            sheet.comments.setdefault(row, []).append(text)
