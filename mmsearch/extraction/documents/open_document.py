"""OpenDocument files, packed or as one flat XML: texts by heading, presentations by slide, spreadsheets by row."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Iterator
from typing import BinaryIO

from mmsearch.errors import ExtractionError, FailureCode
from mmsearch.extraction.documents.document_parts import DocumentPart, Picture, ReadDocument
from mmsearch.extraction.documents.heading_parts import BODY_LEVEL, HeadingParts
from mmsearch.extraction.documents.office_zip import BLOCK, WHOLE_BYTES, OfficeZip
from mmsearch.extraction.documents.open_document_sheets import OpenSheets
from mmsearch.extraction.documents.open_xml import ElementTexts
from mmsearch.extraction.documents.sheet_rows import CUT
from mmsearch.extraction.documents.xml_events import Attributes, StopReading, attribute, read_xml
from mmsearch.extraction.pages.passages import short

PICTURE_CHARACTERS = 32 << 20  # of all pictures in a flat file, in base64
_PROPERTIES = {
    "title": "title",
    "initial-creator": "author",
    "creator": "author",
    "subject": "subject",
    "keyword": "keywords",
    "description": "description",
    "language": "language",
    "date": "date",
}
_UNREAD = frozenset({"tracked-changes", "note-citation", "ruby-text", "script", "forms"})
_OF_COMMENT = frozenset({"creator", "date", "date-string"})  # which are no words of it
_MARGINS = {
    **dict.fromkeys(("header", "header-left", "header-first"), "header"),
    **dict.fromkeys(("footer", "footer-left", "footer-first"), "footer"),
}


def read_open_document(package: OfficeZip) -> ReadDocument:
    """A packed document. Raises `ExtractionError` (`encrypted`)."""
    encrypted = _Elements("encryption-data")
    read_xml(package.blocks("META-INF/manifest.xml"), encrypted)
    if encrypted.there:
        raise ExtractionError(FailureCode.ENCRYPTED, "The document is protected by a password.")
    properties = _Properties()
    read_xml(package.blocks("meta.xml"), properties)
    return _read(package.blocks("content.xml"), properties.of, package.blocks("styles.xml"))


def read_flat_document(file: BinaryIO) -> ReadDocument:
    """A document that is one XML."""
    properties = _Properties()
    read_xml(_blocks(file), properties)
    return _read(_blocks(file), properties.of, _blocks(file))


def _blocks(file: BinaryIO) -> Iterator[bytes]:
    file.seek(0)
    left = WHOLE_BYTES
    while left > 0 and (block := file.read(BLOCK)):
        left -= len(block)
        yield block


def _read(blocks: Iterable[bytes], properties: dict[str, str], styles: Iterable[bytes]) -> ReadDocument:
    content = _Content()
    whole = read_xml(blocks, content)
    damaged = "" if whole else "The document is damaged; what comes before the damage was read."
    found = {_PROPERTIES[name]: value for name, value in properties.items()}
    if "date" in found:
        found["date"] = found["date"][:10]
    notes = [f"Files inside the document are not read: {content.embedded:,}."] if content.embedded else []
    parts = content.parts()
    if content.sheets is None:
        margins = _Margins()
        read_xml(styles, margins)
        parts += margins.parts()
    elif content.sheets.count.is_over:
        notes.append(CUT)
    return ReadDocument(parts, found, notes, damaged)


class _Elements:
    """Whether a document has an element of a name."""

    def __init__(self, name: str) -> None:
        self.name, self.there = name, False

    def start(self, name: str, attributes: Attributes) -> None:
        self.there = self.there or name == self.name

    def end(self, name: str) -> None: ...

    def data(self, text: str) -> None: ...


class _Properties(ElementTexts):
    """What a document says about itself; its body is not read for that."""

    def __init__(self) -> None:
        super().__init__(_PROPERTIES)

    def start(self, name: str, attributes: Attributes) -> None:
        """An element begins."""
        if name == "body":
            raise StopReading
        super().start(name, attributes)


class _OpenParagraph:
    """The text of a paragraph so far, its level, and the lines of notes and boxes within it, which follow it."""

    def __init__(self, level: int) -> None:
        self.text: list[str] = []
        self.level = level
        self.after: list[str] = []


class _Frame:
    """A frame: how many paragraphs were open where it began, its pictures, and the words that describe it."""

    def __init__(self, depth: int) -> None:
        self.depth = depth
        self.pictures: list[tuple[str, bytes]] = []
        self.words = ""


class _Content:
    """The body of a document of any kind. Sheets are left to a handler of their own."""

    def __init__(self) -> None:
        self.sheets: OpenSheets | None = None
        self.embedded = 0
        self._slides: list[DocumentPart] = []
        self._titles: list[str] = []
        self._story = HeadingParts()
        self._paragraphs: list[_OpenParagraph] = []
        self._skipped = 0
        self._in_body = self._in_slides = False
        self._in_comment = False  # before its first paragraph
        self._class = ""
        self._frames: list[_Frame] = []
        self._described: list[str] | None = None
        self._binary: list[str] | None = None
        self._left = PICTURE_CHARACTERS

    def start(self, name: str, attributes: Attributes) -> None:
        if self.sheets is not None:
            self.sheets.start(name, attributes)
        elif name == "body":
            self._in_body = True
        elif not self._in_body:
            return
        elif name == "spreadsheet":
            self.sheets = OpenSheets()
        elif self._skipped or name in _UNREAD or (self._in_comment and name in _OF_COMMENT):
            self._skipped += 1
        elif name in ("p", "h"):
            level = attribute(attributes, "outline-level")
            number = int(level) - 1 if level.isascii() and level.isdigit() and 0 < len(level) < 3 else 0
            self._paragraphs.append(_OpenParagraph(min(max(number, 0), BODY_LEVEL) if name == "h" else BODY_LEVEL))
            self._in_comment = False
        elif name in ("s", "tab", "line-break") and self._paragraphs:
            self._paragraphs[-1].text.append(" ")
        elif name == "table-row":
            self._story.lines.start_row()
        elif name in ("table-cell", "covered-table-cell"):
            self._story.lines.start_cell()
        else:
            self._start_frame(name, attributes)

    def _start_frame(self, name: str, attributes: Attributes) -> None:
        if name in ("presentation", "drawing"):
            self._in_slides = True
        elif name == "page" and self._in_slides:
            self._titles = []
        elif name == "frame":
            self._class = attribute(attributes, "class")
            self._frames.append(_Frame(len(self._paragraphs)))
        elif name in ("title", "desc") and self._frames and self._frames[-1].depth == len(self._paragraphs):
            self._described = []  # of a frame; elsewhere it is the field of a document's title
        elif name == "image" and self._frames:
            if href := attribute(attributes, "href").removeprefix("./"):
                self._frames[-1].pictures.append((href, b""))
        elif name == "binary-data":
            self._binary = []
        elif name == "annotation":
            self._in_comment = True
        elif name in ("object", "object-ole"):
            self.embedded += 1

    def end(self, name: str) -> None:
        if self.sheets is not None:
            self.sheets.end(name)
        elif self._skipped:
            self._skipped -= 1
        elif name in ("p", "h") and self._paragraphs:
            self._end_paragraph(self._paragraphs.pop())
        elif name == "table-row":
            self._story.lines.end_row()
        elif name in ("table-cell", "covered-table-cell"):
            self._story.lines.end_cell()
        elif name == "page" and self._in_slides:
            self._end_slide()
        elif name == "frame" and self._frames:
            frame = self._frames.pop()
            for member, data in frame.pictures:
                self._story.add_picture(Picture(member, frame.words, data))
        elif name in ("title", "desc") and self._described is not None:
            self._frames[-1].words = " ".join("".join(self._described).split()) or self._frames[-1].words
            self._described = None
        elif name == "binary-data" and self._binary is not None:
            self._end_binary("".join(self._binary))

    def data(self, text: str) -> None:
        if self.sheets is not None:
            self.sheets.data(text)
        elif self._skipped:
            return
        elif self._binary is not None:
            self._left -= len(text)
            if self._left > 0:
                self._binary.append(text)
        elif self._described is not None:
            self._described.append(text)
        elif self._paragraphs:
            self._paragraphs[-1].text.append(text)

    def _end_paragraph(self, paragraph: _OpenParagraph) -> None:
        line = "".join(paragraph.text)
        if self._paragraphs:
            self._paragraphs[-1].after += [line, *paragraph.after]
            return
        self._story.add(line, BODY_LEVEL if self._in_slides else paragraph.level)
        for further in paragraph.after:
            self._story.add(further)
        if self._class == "title" and line.strip():
            self._titles.append(line)

    def _end_slide(self) -> None:
        found = self._story.finish()
        part = found[0] if found else DocumentPart()
        part.section, part.title = f"slide {len(self._slides) + 1}", short(" ".join(self._titles))
        self._slides.append(part)
        self._story = HeadingParts()

    def _end_binary(self, coded: str) -> None:
        self._binary = None
        try:
            data = base64.b64decode(coded)
        except ValueError:  # also for characters that are not of base64
            return
        if data and self._left > 0 and self._frames:
            self._frames[-1].pictures.append(("", data))

    def parts(self) -> list[DocumentPart]:
        """The parts of the document."""
        for paragraph in reversed(self._paragraphs):  # of a document that was cut off
            self._story.add("".join(paragraph.text))
        rest = self._story.finish()
        return [*(self.sheets.parts() if self.sheets is not None else []), *self._slides, *rest]


class _Margins:
    """The headers and footers of a document's pages, and those of the masters of its slides."""

    def __init__(self) -> None:
        self._lines: dict[str, dict[str, None]] = {"header": {}, "footer": {}}
        self._open: list[str] = []  # header or footer, or empty, of each open element that may be one
        self._text: list[str] = []

    def start(self, name: str, attributes: Attributes) -> None:
        if name == "body":
            raise StopReading
        if name in _MARGINS or name == "frame":
            self._open.append(_MARGINS.get(name) or _MARGINS.get(attribute(attributes, "class"), ""))
        elif name == "p":
            self._text = []

    def end(self, name: str) -> None:
        where = next((each for each in self._open if each), "")
        if name == "p" and where and (line := " ".join("".join(self._text).split())):
            self._lines[where][line] = None
        if (name in _MARGINS or name == "frame") and self._open:
            self._open.pop()

    def data(self, text: str) -> None:
        self._text.append(text)

    def parts(self) -> list[DocumentPart]:
        """A part each for headers and footers, where there are some."""
        return [DocumentPart(name, "", "\n".join(lines)) for name, lines in self._lines.items() if lines]
