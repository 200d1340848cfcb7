"""PowerPoint presentations: slides in the order in which they are shown, hidden ones too, with their notes."""

from __future__ import annotations

from mmsearch.extraction.documents.document_parts import DocumentPart, Picture, ReadDocument
from mmsearch.extraction.documents.office_zip import OfficeZip
from mmsearch.extraction.documents.open_xml import (
    Relation,
    embedded_note,
    graphic_lines,
    properties,
    relations,
    targets,
)
from mmsearch.extraction.documents.text_lines import TextLines
from mmsearch.extraction.documents.xml_events import Attributes, attribute, read_xml
from mmsearch.extraction.pages.passages import short

SLIDES = 10_000
_TITLES = frozenset({"title", "ctrTitle"})
_NUMBERS = frozenset({"sldNum", "hdr", "ftr", "dt"})  # placeholders of notes pages that are no notes


def read_presentation(package: OfficeZip, main: str) -> ReadDocument:
    """A presentation of PresentationML, whose main part has this name."""
    order = _Order()
    whole = read_xml(package.blocks(main), order)
    found = relations(package, main)
    slides = [found[each].target for each in order.ids if each in found and found[each].type == "slide"]
    if not slides and not whole:
        slides = sorted(targets(found, "slide"), key=lambda name: (len(name), name))
    authors = _authors(package, found)
    notes = [f"Only the first {SLIDES:,} slides were read."] if len(slides) > SLIDES else []
    parts, inner = [], []
    damaged = "" if whole else "The presentation is damaged; some slides may be missing."
    for number, name in enumerate(slides[:SLIDES], 1):
        of_slide = relations(package, name)
        part, slide_whole = _slide(package, name, of_slide, authors)
        part.section = f"slide {number}"
        parts.append(part)
        inner.append(of_slide)
        if not slide_whole:
            damaged = f"Slide {number} is damaged; what comes before the damage was read."
    return ReadDocument(parts, properties(package), [*notes, *embedded_note(inner)], damaged)


def _slide(
    package: OfficeZip, name: str, found: dict[str, Relation], authors: dict[str, str]
) -> tuple[DocumentPart, bool]:
    """A slide with its charts, its notes and the comments on it, and whether it was whole."""
    shapes = _Shapes(found)
    whole = read_xml(package.blocks(name), shapes) and name in package
    lines = [*shapes.lines.finish(), *graphic_lines(package, found)]
    for notes in targets(found, "notesSlide"):
        page = _Shapes({}, unread=_NUMBERS)
        read_xml(package.blocks(notes), page)
        lines += page.lines.finish()
    for comments in targets(found, "comments"):
        said = _Comments(authors)
        read_xml(package.blocks(comments), said)
        lines += said.lines
    return DocumentPart("", short(" ".join(shapes.titles)), "\n".join(lines), pictures=shapes.pictures), whole


class _Order:
    """The relationship ids of the slides in their order."""

    def __init__(self) -> None:
        self.ids: list[str] = []

    def start(self, name: str, attributes: Attributes) -> None:
        if name == "sldId":
            self.ids += [value for key, value in attributes.items() if key.endswith(":id")][:1]

    def end(self, name: str) -> None: ...

    def data(self, text: str) -> None: ...


class _Shapes:
    """The text of the shapes of a slide, its title, and its pictures. Shapes in `unread` placeholders, and the number
    of the slide, are left out."""

    def __init__(self, found: dict[str, Relation], unread: frozenset[str] = frozenset({"sldNum"})) -> None:
        self.lines = TextLines()
        self.titles: list[str] = []
        self.pictures: list[Picture] = []
        self._relations, self._unread = found, unread
        self._placeholder = ""
        self._paragraph: list[str] | None = None
        self._reads = False
        self._skipped = 0
        self._words = ""

    def start(self, name: str, attributes: Attributes) -> None:
        if self._skipped or (name in ("Fallback", "fld") and (name == "Fallback" or _is_number(attributes))):
            self._skipped += 1
        elif name == "t":
            self._reads = True
        elif name == "p":
            self._paragraph = []
        elif name in ("br", "tab") and self._paragraph is not None:
            self._paragraph.append(" ")
        elif name == "tr":
            self.lines.start_row()
        elif name == "tc":
            self.lines.start_cell()
        elif name in ("sp", "pic", "graphicFrame"):
            self._placeholder = self._words = ""
        elif name == "ph":
            self._placeholder = attributes.get("type", "body")
        elif name == "cNvPr":
            self._words = attributes.get("descr") or attributes.get("title") or ""
        elif name == "blip":
            found = self._relations.get(attribute(attributes, "embed"))
            if found is not None and found.type == "image":
                self.pictures.append(Picture(found.target, self._words))

    def end(self, name: str) -> None:
        if self._skipped:
            self._skipped -= 1
        elif name == "t":
            self._reads = False
        elif name == "p" and self._paragraph is not None:
            line = "".join(self._paragraph)
            if self._placeholder not in self._unread:
                self.lines.add(line)
            if self._placeholder in _TITLES and line.strip():
                self.titles.append(line)
            self._paragraph = None
        elif name == "tc":
            self.lines.end_cell()
        elif name == "tr":
            self.lines.end_row()

    def data(self, text: str) -> None:
        if self._reads and self._paragraph is not None:
            self._paragraph.append(text)


def _is_number(attributes: Attributes) -> bool:
    return attributes.get("type") == "slidenum"


class _Comments:
    """The comments on a slide, of both kinds that PowerPoint writes, a line each."""

    def __init__(self, authors: dict[str, str]) -> None:
        self.lines: list[str] = []
        self._authors = authors
        self._author = ""
        self._text: list[str] = []
        self._reads = False

    def start(self, name: str, attributes: Attributes) -> None:
        if name in ("cm", "reply"):
            self._flush()
            self._author = self._authors.get(attributes.get("authorId", ""), "")
        elif name in ("text", "t"):
            self._reads = True
        elif name == "p":
            self._text.append(" ")

    def end(self, name: str) -> None:
        if name in ("text", "t"):
            self._reads = False
        elif name in ("cm", "reply"):
            self._flush()

    def data(self, text: str) -> None:
        if self._reads:
            self._text.append(text)

    def _flush(self) -> None:
        if line := " ".join("".join(self._text).split()):
            self.lines.append(f"{self._author}: {line}" if self._author else line)
        self._text = []


class _Authors:
    def __init__(self) -> None:
        self.of: dict[str, str] = {}

    def start(self, name: str, attributes: Attributes) -> None:
        if name in ("cmAuthor", "author"):
            self.of[attributes.get("id", "")] = attributes.get("name", "")

    def end(self, name: str) -> None: ...

    def data(self, text: str) -> None: ...


def _authors(package: OfficeZip, found: dict[str, Relation]) -> dict[str, str]:
    """The names of those who commented, by their ids."""
    authors = _Authors()
    for kind in ("commentAuthors", "authors"):
        for name in targets(found, kind):
            read_xml(package.blocks(name), authors)
    return authors.of
