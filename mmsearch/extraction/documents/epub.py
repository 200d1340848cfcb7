"""Books in EPUB: chapters in reading order, named by the table of contents."""

from __future__ import annotations

import posixpath
from typing import NamedTuple
from urllib.parse import unquote

from mmsearch.errors import ExtractionError, FailureCode
from mmsearch.extraction.documents.document_parts import SECTION, DocumentPart, Picture, ReadDocument, section_name
from mmsearch.extraction.documents.office_zip import NOTHING_LEFT, OfficeZip
from mmsearch.extraction.documents.open_xml import ElementTexts
from mmsearch.extraction.documents.text_lines import TextLines
from mmsearch.extraction.documents.xml_events import Attributes, attribute, read_xml
from mmsearch.extraction.pages.markup import BLOCKS as BLOCK_ELEMENTS
from mmsearch.extraction.pages.markup import HEADINGS, MarkupText

NO_BOOK = "This is no book: its parts are not listed."
SPINE = 20_000  # files of a book
BELOW = " › "  # between the name of a part and that of a part of it
ENTRIES = 20_000  # of a table of contents
_PROPERTIES = {
    "title": "title",
    "creator": "author",
    "subject": "subject",
    "description": "description",
    "publisher": "publisher",
    "language": "language",
    "date": "date",
}
_FONT_ENCRYPTION = ("http://www.idpf.org/2008/embedding", "http://ns.adobe.com/pdf/enc#RC")  # nothing secret
_UNREAD = frozenset({"script", "style", "head", "template", "rt", "rp"})


class _Entry(NamedTuple):
    """An entry of the table of contents: the file and the place in it that it leads to, and its label, after those of
    the entries in which it stands."""

    member: str
    anchor: str
    label: str


def read_book(package: OfficeZip) -> ReadDocument:
    """A book. Raises `ExtractionError`: `encrypted` where its text is, `decode-error` where there is no book."""
    container = _Container()
    read_xml(package.blocks("META-INF/container.xml"), container)
    if container.path not in package:
        raise ExtractionError(FailureCode.DECODE_ERROR, NOTHING_LEFT if package.damaged else NO_BOOK)
    opf = _PackageDocument()
    whole = read_xml(package.blocks(container.path), opf)
    properties = ElementTexts(_PROPERTIES)
    read_xml(package.blocks(container.path), properties)
    folder = posixpath.dirname(container.path)
    spine = [_resolved(folder, opf.items[name][0]) for name in opf.spine if name in opf.items][:SPINE]
    _refuse_encrypted(package, set(spine))
    parts = _chapters(package, spine, _contents(package, opf, folder))
    found = {_PROPERTIES[name]: value for name, value in properties.of.items()}
    if "date" in found:
        found["date"] = found["date"][:10]
    damaged = "" if whole else "The book is damaged; some chapters may be missing."
    return ReadDocument(parts, found, [], damaged)


def _chapters(package: OfficeZip, spine: list[str], entries: list[_Entry]) -> list[DocumentPart]:
    """The text of all files of the book, cut where entries of the table of contents lead to."""
    numbers: dict[tuple[str, str], int] = {}
    for number, entry in enumerate(entries):
        numbers.setdefault((entry.member, entry.anchor), number)
    parts: list[DocumentPart] = []
    section = title = ""
    for member in spine:
        anchors = {anchor for file, anchor in numbers if file == member and anchor}
        for anchor, lines, pictures, heading in _read_chapter(package, member, anchors):
            if (at := numbers.get((member, anchor))) is not None:
                title = entries[at].label
                section = section_name(f"chapter {at + 1}: {_nearest(title)}")
            if lines or pictures:
                part = DocumentPart(section or section_name(heading), title or heading, "\n".join(lines))
                part.pictures = pictures
                parts.append(part)
    return parts


def _nearest(label: str) -> str:
    """As many of the inner names of a label as fit into the name of a section."""
    while len(label) > SECTION - len("chapter 1000: ") and BELOW in label:
        label = label.partition(BELOW)[2]
    return label


def _read_chapter(
    package: OfficeZip, member: str, anchors: set[str]
) -> list[tuple[str, list[str], list[Picture], str]]:
    """A file of a book cut at anchors: anchor, lines, pictures and first heading of each. A file that is no XML is
    read as browsers do, without anchors."""
    reader = _Chapter(posixpath.dirname(member), anchors)
    try:
        whole = read_xml(package.blocks(member), reader)
    except ExtractionError as error:
        if error.code != FailureCode.DECODE_ERROR:
            raise
        whole = False
    if whole:
        return reader.finish()
    found = MarkupText(package.read(member).decode("utf-8", "replace")).read()
    lines = [line for line in found.text.split("\n") if line.strip()]
    return [("", lines, [], found.headings[0][1] if found.headings else "")]


class _Chapter:
    """XHTML as lines, cut at the elements with these ids."""

    def __init__(self, folder: str, anchors: set[str]) -> None:
        self._folder, self._anchors = folder, anchors
        self._found: list[tuple[str, list[str], list[Picture], str]] = []
        self._anchor = self._heading = ""
        self._lines = TextLines()
        self._pictures: list[Picture] = []
        self._text: list[str] = []
        self._skipped = 0
        self._in_heading = False

    def start(self, name: str, attributes: Attributes) -> None:
        if self._skipped or name in _UNREAD:
            self._skipped += 1
            return
        if name in BLOCK_ELEMENTS or name == "br":
            self._break()
        if (anchor := attributes.get("id") or attributes.get("name", "")) in self._anchors:
            self._cut(anchor)
        if name == "tr":
            self._lines.start_row()
        elif name in ("td", "th"):
            self._lines.start_cell()
        elif name in ("img", "image"):
            if source := attributes.get("src") or attribute(attributes, "href"):
                self._pictures.append(Picture(_resolved(self._folder, source), attributes.get("alt", "")))
        elif name in HEADINGS:
            self._in_heading = True

    def end(self, name: str) -> None:
        if self._skipped:
            self._skipped -= 1
            return
        if name in BLOCK_ELEMENTS or name in ("td", "th"):
            self._break()
        if name in HEADINGS:
            self._in_heading = False
        elif name == "tr":
            self._lines.end_row()
        elif name in ("td", "th"):
            self._lines.end_cell()

    def data(self, text: str) -> None:
        if not self._skipped:
            self._text.append(text)

    def _break(self) -> None:
        line = " ".join("".join(self._text).split())
        self._text = []
        self._lines.add(line)
        if self._in_heading and not self._heading:
            self._heading = line

    def _cut(self, anchor: str) -> None:
        self._break()
        self._found.append((self._anchor, self._lines.finish(), self._pictures, self._heading))
        self._anchor, self._heading, self._lines, self._pictures = anchor, "", TextLines(), []

    def finish(self) -> list[tuple[str, list[str], list[Picture], str]]:
        """The stretches: anchor, lines, pictures and first heading of each."""
        self._cut("")
        return self._found


class _Container:
    def __init__(self) -> None:
        self.path = ""

    def start(self, name: str, attributes: Attributes) -> None:
        if name == "rootfile" and not self.path:
            self.path = unquote(attributes.get("full-path", ""))

    def end(self, name: str) -> None: ...

    def data(self, text: str) -> None: ...


class _PackageDocument:
    """The files of a book by their ids (path, media type, properties), and the ids of those to read in their order."""

    def __init__(self) -> None:
        self.items: dict[str, tuple[str, str, str]] = {}
        self.spine: list[str] = []

    def start(self, name: str, attributes: Attributes) -> None:
        if name == "item":
            facts = attributes.get("href", ""), attributes.get("media-type", ""), attributes.get("properties", "")
            self.items[attributes.get("id", "")] = facts
        elif name == "itemref":
            self.spine.append(attributes.get("idref", ""))

    def end(self, name: str) -> None: ...

    def data(self, text: str) -> None: ...


def _contents(package: OfficeZip, opf: _PackageDocument, folder: str) -> list[_Entry]:
    """The table of contents: that of EPUB 3, or else that of EPUB 2."""
    for href, media, properties in opf.items.values():
        if "nav" in properties.split() or (media == "application/x-dtbncx+xml"):
            member = _resolved(folder, href)
            reader = _Navigation(posixpath.dirname(member))
            read_xml(package.blocks(member), reader)
            if reader.entries:
                return reader.entries[:ENTRIES]
    return []


class _Navigation:
    """The entries of a navigation document (links in `nav`) or of an NCX (`navPoint`). Lists of pages and of landmarks
    are left out."""

    def __init__(self, folder: str) -> None:
        self.entries: list[_Entry] = []
        self._folder = folder
        self._in_contents = False
        self._above: list[str] = []  # the label of the last entry on each level
        self._depth = 0
        self._target: str | None = None
        self._text: list[str] = []
        self._label = ""

    def start(self, name: str, attributes: Attributes) -> None:
        if name in ("nav", "navMap"):
            self._in_contents = name == "navMap" or attribute(attributes, "type") in ("", "toc")
        elif name in ("navPoint", "ol") and self._in_contents:
            self._depth += 1
        elif name == "a" and self._in_contents:
            self._target, self._text = attributes.get("href"), []
        elif name == "text":
            self._text = []
        elif name == "content" and self._in_contents:
            self._add(attributes.get("src", ""), self._label)

    def end(self, name: str) -> None:
        if name in ("nav", "navMap"):
            self._in_contents = False
        elif name in ("navPoint", "ol") and self._in_contents:
            self._depth -= 1
        elif name == "text":
            self._label = " ".join("".join(self._text).split())
        elif name == "a" and self._target is not None:
            self._add(self._target, " ".join("".join(self._text).split()))
            self._target = None

    def data(self, text: str) -> None:
        self._text.append(text)

    def _add(self, target: str, label: str) -> None:
        path, _, anchor = target.partition("#")
        above = max(self._depth - 1, 0)
        self._above[above:] = [label]
        if label and path:
            whole = BELOW.join(self._above)
            self.entries.append(_Entry(_resolved(self._folder, path), unquote(anchor), whole))


def _refuse_encrypted(package: OfficeZip, spine: set[str]) -> None:
    """Raise `ExtractionError` where a file that is to be read is encrypted; fonts may be."""
    found = _Encrypted()
    read_xml(package.blocks("META-INF/encryption.xml"), found)
    if found.members & {name.lower() for name in spine}:
        raise ExtractionError(FailureCode.ENCRYPTED, "The book is protected against copying.")


class _Encrypted:
    def __init__(self) -> None:
        self.members: set[str] = set()
        self._method = ""

    def start(self, name: str, attributes: Attributes) -> None:
        if name == "EncryptionMethod":
            self._method = attributes.get("Algorithm", "")
        elif name == "CipherReference" and self._method not in _FONT_ENCRYPTION:
            self.members.add(unquote(attributes.get("URI", "")).lower())

    def end(self, name: str) -> None: ...

    def data(self, text: str) -> None: ...


def _resolved(folder: str, target: str) -> str:
    """The member that a link in a file of `folder` leads to."""
    path = unquote(target.partition("#")[0])
    return posixpath.normpath(posixpath.join("/" + folder, path)).lstrip("/")
