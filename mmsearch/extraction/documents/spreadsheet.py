"""Excel workbooks of Office Open XML: every sheet by its rows, with comments, charts and pictures."""

from __future__ import annotations

import re
from collections.abc import Sequence

from mmsearch.extraction.documents.document_parts import DocumentPart, Picture, ReadDocument
from mmsearch.extraction.documents.number_formats import BUILT_IN
from mmsearch.extraction.documents.office_zip import OfficeZip
from mmsearch.extraction.documents.open_xml import (
    Relation,
    embedded_note,
    graphic_lines,
    properties,
    relations,
    targets,
)
from mmsearch.extraction.documents.sheet_rows import CUT, Cell, CellCount, SheetRows, number_cell
from mmsearch.extraction.documents.xml_events import Attributes, StopReading, attribute, read_xml

SHEETS = 1000
SHARED = 64 << 20  # characters of all shared strings
_DIGITS = re.compile(r"\d+")
_EMPTY = Cell("")


def read_spreadsheet(package: OfficeZip, main: str) -> ReadDocument:
    """A workbook of SpreadsheetML, whose main part has this name."""
    book = _Workbook()
    whole = read_xml(package.blocks(main), book)
    found = relations(package, main)
    strings = _SharedStrings()
    for name in targets(found, "sharedStrings"):
        read_xml(package.blocks(name), strings)
    styles = _CellFormats()
    for name in targets(found, "styles"):
        read_xml(package.blocks(name), styles)
    sheets = [(name, found[each].target) for name, each in book.sheets if each in found]
    notes = [f"Only the first {SHEETS:,} sheets were read."] if len(sheets) > SHEETS else []
    count, parts, inner = CellCount(), [], []
    damaged = "" if whole else "The workbook is damaged; some sheets may be missing."
    for name, member in sheets[:SHEETS]:
        of_sheet = relations(package, member)
        reader = _Sheet(name, strings.of, styles.codes, book.epoch_1904, count)
        if not (read_xml(package.blocks(member), reader) and member in package):
            damaged = f"The sheet {name} is damaged; what comes before the damage was read."
        parts.append(add_objects(package, reader.sheet, of_sheet))
        inner.append(of_sheet)
    if count.is_over:
        notes.append(CUT)
    return ReadDocument(parts, properties(package), [*notes, *embedded_note(inner)], damaged)


def add_objects(package: OfficeZip, sheet: SheetRows, found: dict[str, Relation]) -> DocumentPart:
    """A sheet with what lies on it: comments in their rows, charts, texts and pictures below these."""
    for kind in ("comments", "threadedComment"):
        for name in targets(found, kind):
            said = _SheetComments()
            read_xml(package.blocks(name), said)
            for row, words in said.of:
                if words not in sheet.comments.setdefault(row, []):
                    sheet.comments[row].append(words)
    lines: list[str] = []
    pictures: list[Picture] = []
    for name in targets(found, "drawing"):
        drawn = relations(package, name)
        drawing = _Drawing(drawn)
        read_xml(package.blocks(name), drawing)
        lines += [*drawing.lines, *graphic_lines(package, drawn)]
        pictures += drawing.pictures
    part = sheet.part(lines)
    part.pictures = pictures
    return part


class _Workbook:
    """The sheets of a workbook, name and relationship id, in their order."""

    def __init__(self) -> None:
        self.sheets: list[tuple[str, str]] = []
        self.epoch_1904 = False

    def start(self, name: str, attributes: Attributes) -> None:
        if name == "sheet":
            self.sheets.append((attributes.get("name", ""), attribute(attributes, "id")))
        elif name == "workbookPr":
            self.epoch_1904 = attributes.get("date1904", "") in ("1", "true")

    def end(self, name: str) -> None: ...

    def data(self, text: str) -> None: ...


class _SharedStrings:
    """The strings that cells refer to by their number; the reading aids of Japanese are left out."""

    def __init__(self) -> None:
        self.of: list[Cell] = []
        self._text: list[str] = []
        self._reads = self._phonetic = False
        self._left = SHARED

    def start(self, name: str, attributes: Attributes) -> None:
        if name == "t":
            self._reads = not self._phonetic
        elif name == "rPh":
            self._phonetic = True

    def end(self, name: str) -> None:
        if name == "t":
            self._reads = False
        elif name == "rPh":
            self._phonetic = False
        elif name == "si":
            text = "".join(self._text)
            self._text = []
            self._left -= len(text)
            if self._left < 0:
                raise StopReading
            self.of.append(Cell(text))

    def data(self, text: str) -> None:
        if self._reads:
            self._text.append(text)


class _CellFormats:
    """The code of the number format of each cell style."""

    def __init__(self) -> None:
        self.codes: list[str] = []
        self._custom: dict[str, str] = {}
        self._in_cells = False

    def start(self, name: str, attributes: Attributes) -> None:
        if name == "numFmt":
            self._custom[attributes.get("numFmtId", "")] = attributes.get("formatCode", "")
        elif name == "cellXfs":
            self._in_cells = True
        elif name == "xf" and self._in_cells:
            number = attributes.get("numFmtId", "0")
            self.codes.append(self._custom.get(number) or BUILT_IN.get(_whole(number), ""))

    def end(self, name: str) -> None:
        if name == "cellXfs":
            self._in_cells = False

    def data(self, text: str) -> None: ...


class _Sheet:
    """The cells of a worksheet, or the labels of a chart sheet."""

    def __init__(
        self, name: str, strings: Sequence[Cell], codes: Sequence[str], epoch_1904: bool, count: CellCount
    ) -> None:
        self.sheet = SheetRows(name)
        self._strings, self._codes, self._epoch_1904, self._count = strings, codes, epoch_1904, count
        self._row = 0
        self._type = self._style = ""
        self._text: list[str] = []
        self._reads = self._phonetic = False

    def start(self, name: str, attributes: Attributes) -> None:
        if name == "c":
            self._type, self._style = attributes.get("t", "n"), attributes.get("s", "")
            self._text = []
        elif name == "v" or name == "t":
            self._reads = not self._phonetic
        elif name == "row":
            self._row = _whole(attributes.get("r", "")) or self._row + 1
        elif name == "rPh":
            self._phonetic = True

    def end(self, name: str) -> None:
        if name == "v" or name == "t":
            self._reads = False
        elif name == "c":
            if self._text:
                cell = self._cell("".join(self._text))
                if not self._count.take(cell):
                    raise StopReading
                self.sheet.add(self._row, cell)
        elif name == "rPh":
            self._phonetic = False

    def data(self, text: str) -> None:
        if self._reads:
            self._text.append(text)

    def _cell(self, value: str) -> Cell:
        match self._type:
            case "s":
                try:
                    return self._strings[abs(int(value))]
                except (ValueError, IndexError):
                    return _EMPTY
            case "n":
                return self._number(value)
            case "b":
                return Cell("TRUE" if value.strip() == "1" else "FALSE")
            case "e":
                return Cell("")
            case "d":
                return Cell(value.removesuffix("T00:00:00"), is_number=True)
        return Cell(value)

    def _number(self, value: str) -> Cell:
        try:
            number = float(value)
        except ValueError:
            return Cell(value)
        style = _whole(self._style) if self._style else 0
        code = self._codes[style] if style < len(self._codes) else ""
        return number_cell(number, code, self._epoch_1904)


class _SheetComments:
    """The comments on the cells of a sheet: row and text."""

    def __init__(self) -> None:
        self.of: list[tuple[int, str]] = []
        self._row = 0
        self._text: list[str] = []
        self._reads = False

    def start(self, name: str, attributes: Attributes) -> None:
        if name in ("comment", "threadedComment"):
            row = _DIGITS.search(attributes.get("ref", ""))
            self._row, self._text = min(_whole(row[0]), 1 << 20) if row else 1, []
        elif name in ("t", "text"):
            self._reads = True

    def end(self, name: str) -> None:
        if name in ("t", "text"):
            self._reads = False
        elif name in ("comment", "threadedComment"):
            text = " ".join("".join(self._text).split())
            if text and not text.startswith("[Threaded comment]"):
                self.of.append((max(self._row, 1), text))

    def data(self, text: str) -> None:
        if self._reads:
            self._text.append(text)


class _Drawing:
    """The texts and pictures that lie on a sheet."""

    def __init__(self, found: dict[str, Relation]) -> None:
        self.lines: list[str] = []
        self.pictures: list[Picture] = []
        self._relations = found
        self._text: list[str] = []
        self._reads = False
        self._words = ""

    def start(self, name: str, attributes: Attributes) -> None:
        if name == "t":
            self._reads = True
        elif name == "cNvPr":
            self._words = attributes.get("descr") or attributes.get("title") or ""
        elif name == "blip":
            found = self._relations.get(attribute(attributes, "embed"))
            if found is not None and found.type == "image":
                self.pictures.append(Picture(found.target, self._words))

    def end(self, name: str) -> None:
        if name == "t":
            self._reads = False
        elif name == "p":
            if line := " ".join("".join(self._text).split()):
                self.lines.append(line)
            self._text = []

    def data(self, text: str) -> None:
        if self._reads:
            self._text.append(text)


def _whole(text: str) -> int:
    """A whole number, 0 where there is none."""
    text = text.strip()
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0
