"""Word documents: the text below each heading, with tables, text boxes, notes, comments, headers and footers."""

from __future__ import annotations

from collections.abc import Mapping

from mmsearch.extraction.documents.document_parts import DocumentPart, Picture, ReadDocument
from mmsearch.extraction.documents.heading_parts import BODY_LEVEL, TITLE_LEVEL, HeadingParts
from mmsearch.extraction.documents.office_zip import OfficeZip
from mmsearch.extraction.documents.open_xml import (
    Relation,
    embedded_note,
    graphic_lines,
    properties,
    relations,
    targets,
)
from mmsearch.extraction.documents.xml_events import Attributes, attribute, read_xml

_STYLE_CHAIN = 20
_UNREAD = frozenset({"Fallback", "moveFrom", "rt", "del", "instrText", "delText", "delInstrText"})
_TOLD = frozenset(
    "t p tr tc docPr cNvPr blip imagedata tab br cr ptab noBreakHyphen pStyle outlineLvl footnoteReference"
    " endnoteReference commentReference".split()
)


def read_word(package: OfficeZip, main: str) -> ReadDocument:
    """A document of WordprocessingML, whose main part has this name."""
    found = relations(package, main)
    levels = _levels(package, targets(found, "styles"))
    notes = {kind: _notes(package, name) for kind in _NOTES for name in targets(found, _NOTES[kind])}
    body = _Body(levels, notes, found)
    whole = read_xml(package.blocks(main), body, _TOLD, _UNREAD)
    parts = body.story.finish()
    if graphics := graphic_lines(package, found):
        parts.append(DocumentPart("charts", "", "\n".join(graphics)))
    for kind in ("header", "footer"):
        lines: dict[str, None] = {}
        part = DocumentPart(kind)
        for name in targets(found, kind):
            inner = relations(package, name)
            margin = _Body({}, {}, inner)
            read_xml(package.blocks(name), margin, _TOLD, _UNREAD)
            for each in margin.story.finish():
                lines |= dict.fromkeys(filter(None, map(str.strip, each.text.split("\n"))))
                part.pictures += each.pictures
        part.text = "\n".join(lines)
        parts.append(part)
    damaged = "" if whole else "The document is damaged; what comes before the damage was read."
    return ReadDocument(parts, properties(package), embedded_note([found]), damaged)


class _Body:
    """The story of a document, cut at its headings. A table row is one line."""

    def __init__(
        self, levels: Mapping[str, int], notes: Mapping[str, Mapping[str, str]], found: Mapping[str, Relation]
    ) -> None:
        self.story = HeadingParts()
        self._levels, self._notes, self._relations = levels, notes, found
        self._paragraphs: list[_Paragraph] = []  # a text box stands inside a paragraph
        self._reads = False
        self._words = ""  # that describe the picture to come

    def start(self, name: str, attributes: Attributes) -> None:
        if name == "t":
            self._reads = True
        elif name == "p":
            self._paragraphs.append(_Paragraph())
        elif name == "tr":
            self.story.lines.start_row()
        elif name == "tc":
            self.story.lines.start_cell()
        elif name in ("docPr", "cNvPr"):
            self._words = attribute(attributes, "descr") or attribute(attributes, "title") or self._words
        elif name in ("blip", "imagedata"):
            self._picture(attribute(attributes, "embed") or attribute(attributes, "id"))
        elif self._paragraphs:
            self._in_paragraph(self._paragraphs[-1], name, attributes)

    def _in_paragraph(self, paragraph: _Paragraph, name: str, attributes: Attributes) -> None:
        if name in ("tab", "br", "cr", "ptab"):
            paragraph.text.append(" ")
        elif name == "noBreakHyphen":
            paragraph.text.append("-")
        elif name == "pStyle":
            paragraph.style = attribute(attributes, "val")
        elif name == "outlineLvl":
            paragraph.level = _number(attribute(attributes, "val"), BODY_LEVEL)
        elif name in self._notes:
            paragraph.notes.append(self._notes[name].get(attribute(attributes, "id"), ""))

    def end(self, name: str) -> None:
        if name == "t":
            self._reads = False
        elif name == "p" and self._paragraphs:
            self._end_paragraph(self._paragraphs.pop())
        elif name == "tc":
            self.story.lines.end_cell()
        elif name == "tr":
            self.story.lines.end_row()

    def data(self, text: str) -> None:
        if self._reads and self._paragraphs:
            self._paragraphs[-1].text.append(text)

    def _end_paragraph(self, paragraph: _Paragraph) -> None:
        level = self._levels.get(paragraph.style, BODY_LEVEL) if paragraph.level is None else paragraph.level
        self.story.add("".join(paragraph.text), BODY_LEVEL if self._paragraphs else level)
        for note in paragraph.notes:
            self.story.add(note)

    def _picture(self, relation: str) -> None:
        found = self._relations.get(relation)
        if found is not None and found.type == "image":
            self.story.add_picture(Picture(found.target, self._words))
        self._words = ""


class _Paragraph:
    """The text of a paragraph so far, what it says about its level, and the notes that it refers to."""

    def __init__(self) -> None:
        self.text: list[str] = []
        self.style = ""
        self.level: int | None = None
        self.notes: list[str] = []


_NOTES = {"footnoteReference": "footnotes", "endnoteReference": "endnotes", "commentReference": "comments"}


def _notes(package: OfficeZip, name: str) -> dict[str, str]:
    """The footnotes, endnotes or comments of a part by their ids, each as one line."""
    found = _NoteTexts()
    read_xml(package.blocks(name), found)
    return found.of


class _NoteTexts:
    def __init__(self) -> None:
        self.of: dict[str, str] = {}
        self._id = self._author = ""
        self._text: list[str] = []
        self._reads = False

    def start(self, name: str, attributes: Attributes) -> None:
        if name in ("footnote", "endnote", "comment"):
            separator = attribute(attributes, "type") not in ("", "normal")
            self._id, self._text = "" if separator else attribute(attributes, "id"), []
            self._author = attribute(attributes, "author")
        elif name == "t":
            self._reads = True
        elif name in ("p", "tab", "br"):
            self._text.append(" ")

    def end(self, name: str) -> None:
        if name == "t":
            self._reads = False
        elif name in ("footnote", "endnote", "comment"):
            text = " ".join("".join(self._text).split())
            said = f"{self._author}: " if self._author else ""
            if self._id and text:
                self.of[self._id] = said + text if name == "comment" else text

    def data(self, text: str) -> None:
        if self._reads:
            self._text.append(text)


def _levels(package: OfficeZip, names: list[str]) -> dict[str, int]:
    """The outline level, from 0, of each style of headings, by its id."""
    styles = _Styles()
    for name in names:
        read_xml(package.blocks(name), styles)
    levels = {}
    for style in styles.of:
        level = styles.level(style)
        if level < BODY_LEVEL:
            levels[style] = level
    return levels


class _Styles:
    """Of each style the style that it is based on, and the outline level that it sets or that its name implies."""

    def __init__(self) -> None:
        self.of: dict[str, tuple[str, int | None]] = {}
        self._id = self._base = ""
        self._level: int | None = None

    def start(self, name: str, attributes: Attributes) -> None:
        if name == "style":
            self._id, self._base, self._level = attribute(attributes, "styleId"), "", None
        elif name == "basedOn":
            self._base = attribute(attributes, "val")
        elif name == "name" and self._id:
            words = attribute(attributes, "val").lower().split()
            if words == ["title"]:
                self._level = TITLE_LEVEL
            elif len(words) == 2 and words[0] == "heading":
                self._level = min(max(_number(words[1], BODY_LEVEL + 1) - 1, 0), BODY_LEVEL)
        elif name == "outlineLvl" and self._level is None:
            self._level = _number(attribute(attributes, "val"), BODY_LEVEL)

    def end(self, name: str) -> None:
        if name == "style" and self._id:
            self.of[self._id] = self._base, self._level
            self._id = ""

    def data(self, text: str) -> None: ...

    def level(self, style: str) -> int:
        """The outline level of a style; `BODY_LEVEL` for one of no headings."""
        for _ in range(_STYLE_CHAIN):  # styles may be based on each other in a circle
            base, level = self.of.get(style, ("", None))
            if level is not None:
                return level
            style = base
        return BODY_LEVEL


def _number(text: str, default: int) -> int:
    return int(text) if text.isdecimal() and len(text) < 10 else default
