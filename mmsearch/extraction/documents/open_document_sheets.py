"""The sheets of an OpenDocument spreadsheet by their rows. Rows that repeat count once, at their first place."""

from __future__ import annotations

from mmsearch.extraction.documents.document_parts import DocumentPart, Picture
from mmsearch.extraction.documents.sheet_rows import Cell, CellCount, SheetRows
from mmsearch.extraction.documents.xml_events import Attributes, StopReading, attribute

_UNREAD = frozenset({"tracked-changes", "creator", "date", "date-string", "ruby-text", "named-expressions"})
_REPEATED = 16  # times that a filled cell is repeated in its row
_NUMBERS = frozenset({"float", "percentage", "currency", "date", "time"})


class OpenSheets:
    """The content of `office:spreadsheet`, told as to a handler of `read_xml`."""

    def __init__(self) -> None:
        self.count = CellCount()
        self._sheets: list[SheetRows] = []
        self._pictures: list[list[Picture]] = []
        self._row, self._repeated = 0, 1
        self._value: tuple[str, str] = "", ""  # type and value of the open cell
        self._times = 1
        self._lines: list[str] = []
        self._comment: list[str] = []
        self._in_cell = self._in_comment = self._in_paragraph = False
        self._text: list[str] = []
        self._skipped = 0

    def start(self, name: str, attributes: Attributes) -> None:
        """An element begins."""
        if self._skipped or name in _UNREAD:
            self._skipped += 1
        elif name == "table":
            self._sheets.append(SheetRows(attribute(attributes, "name")))
            self._pictures.append([])
            self._row, self._repeated = 0, 1
        elif name == "table-row":
            self._row += self._repeated if self._row else 1
            self._repeated = _count(attribute(attributes, "number-rows-repeated"))
        elif name in ("table-cell", "covered-table-cell"):
            kind = attribute(attributes, "value-type")
            self._times = min(_count(attribute(attributes, "number-columns-repeated")), _REPEATED)
            value = attribute(attributes, "date-value" if kind == "date" else "value")
            self._value, self._lines, self._comment, self._in_cell = (kind, value), [], [], True
        elif name == "annotation":
            self._in_comment = True
        elif name == "p":
            self._in_paragraph, self._text = True, []
        elif name in ("s", "tab", "line-break"):
            self._text.append(" ")
        elif name == "image" and self._pictures and (href := attribute(attributes, "href")):
            self._pictures[-1].append(Picture(href.removeprefix("./")))

    def end(self, name: str) -> None:
        """An element ends."""
        if self._skipped:
            self._skipped -= 1
        elif name == "p":
            line = "".join(self._text)
            if self._in_comment or not self._in_cell:  # or a text that lies on the sheet
                self._comment.append(line)
            else:
                self._lines.append(line)
            self._in_paragraph = False
        elif name == "annotation":
            self._in_comment = False
        elif name in ("table-cell", "covered-table-cell"):
            self._end_cell()

    def data(self, text: str) -> None:
        """A text goes on."""
        if self._in_paragraph and not self._skipped:
            self._text.append(text)

    def _end_cell(self) -> None:
        self._in_cell = False
        if not self._sheets:
            return
        kind, value = self._value
        text, also = " ".join(self._lines), ""
        if kind == "date" and value:
            text, also = value.removesuffix("T00:00:00").replace("T", " "), text
        elif kind in ("float", "percentage", "currency") and value != text:
            also = value
        row = max(self._row, 1)
        if text.strip():
            cell = Cell(text, also if also != text else "", kind in _NUMBERS)
            for _ in range(self._times):
                if not self.count.take(cell):
                    raise StopReading
                self._sheets[-1].add(row, cell)
        if comment := " ".join(" ".join(self._comment).split()):
            self._sheets[-1].comments.setdefault(row, []).append(comment)

    def parts(self) -> list[DocumentPart]:
        """A part each sheet."""
        found = []
        for sheet, pictures in zip(self._sheets, self._pictures, strict=True):
            part = sheet.part()
            part.pictures = pictures
            found.append(part)
        return found


def _count(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and 0 < len(text) < 9 else 1
