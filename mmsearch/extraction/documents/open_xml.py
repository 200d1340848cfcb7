"""What all files of Office Open XML share: the part they begin with, relationships, properties, charts, comments."""

from __future__ import annotations

import posixpath
from collections.abc import Iterable
from typing import NamedTuple

from mmsearch.errors import ExtractionError, FailureCode
from mmsearch.extraction.documents.office_zip import NOTHING_LEFT, OfficeZip
from mmsearch.extraction.documents.xml_events import Attributes, read_xml

_RELATIONS = 100_000  # of one part
_PROPERTIES = {
    "title": "title",
    "creator": "author",
    "subject": "subject",
    "keywords": "keywords",
    "description": "description",
    "category": "category",
    "language": "language",
    "modified": "date",
}
_EMBEDDED = frozenset({"package", "oleObject", "control", "aFChunk"})


class Relation(NamedTuple):
    """A relationship of a part: the last word of its type, and the name of the part that it leads to."""

    type: str
    target: str


def main_part(package: OfficeZip) -> str:
    """The name of the part that a file begins with. Raises `ExtractionError` (`decode-error`) where there is none."""
    for relation in relations(package, "").values():
        if relation.type == "officeDocument" and relation.target in package:
            return relation.target
    for name in ("word/document.xml", "ppt/presentation.xml", "xl/workbook.xml", "xl/workbook.bin"):
        if name in package:
            return name
    raise ExtractionError(FailureCode.DECODE_ERROR, NOTHING_LEFT if package.damaged else "This is no office document.")


def content_type(package: OfficeZip, part: str) -> str:
    """The media type that a file declares for a part, or for its extension; empty where it does not."""
    types = _ContentTypes("/" + part.lower())
    read_xml(package.blocks("[Content_Types].xml"), types)
    return types.found


class _ContentTypes:
    def __init__(self, part: str) -> None:
        self.part, self.found, self.is_named = part, "", False

    def start(self, name: str, attributes: Attributes) -> None:
        if name == "Override" and attributes.get("PartName", "").lower() == self.part:
            self.found, self.is_named = attributes.get("ContentType", ""), True
        elif (
            name == "Default"
            and not self.is_named
            and self.part.endswith("." + attributes.get("Extension", "").lower())
        ):
            self.found = attributes.get("ContentType", "")

    def end(self, name: str) -> None: ...

    def data(self, text: str) -> None: ...


def relations(package: OfficeZip, part: str) -> dict[str, Relation]:
    """The relationships of a part to others of the file, by their ids in their order; of the file itself with an empty
    name. Links out of the file are left out."""
    folder, base = posixpath.split(part)
    found = _Relations(folder)
    read_xml(package.blocks(posixpath.join(folder, "_rels", f"{base}.rels")), found)
    return found.of


class _Relations:
    def __init__(self, folder: str) -> None:
        self.folder = folder
        self.of: dict[str, Relation] = {}

    def start(self, name: str, attributes: Attributes) -> None:
        if name != "Relationship" or attributes.get("TargetMode") == "External" or len(self.of) >= _RELATIONS:
            return
        target = attributes.get("Target", "").replace("\\", "/")
        target = posixpath.normpath(posixpath.join("/" + self.folder, target)).lstrip("/")
        kind = attributes.get("Type", "").rpartition("/")[2]
        self.of[attributes.get("Id", "")] = Relation(kind, target)

    def end(self, name: str) -> None: ...

    def data(self, text: str) -> None: ...


def targets(found: dict[str, Relation], kind: str) -> list[str]:
    """The parts that relationships of a type lead to, each once."""
    return list(dict.fromkeys(relation.target for relation in found.values() if relation.type == kind))


def properties(package: OfficeZip) -> dict[str, str]:
    """Title, author, subject, keywords, description, category, language and date as the file has them."""
    found: dict[str, str] = {}
    for name in targets(relations(package, ""), "core-properties") or ["docProps/core.xml"]:
        elements = ElementTexts(_PROPERTIES)
        read_xml(package.blocks(name), elements)
        found |= {_PROPERTIES[key]: value for key, value in elements.of.items()}
    if "date" in found:
        found["date"] = found["date"][:10]
    return found


class ElementTexts:
    """The text of the first element of each of some names, as a handler of `read_xml`."""

    def __init__(self, names: Iterable[str]) -> None:
        self.names = frozenset(names)
        self.of: dict[str, str] = {}
        self._open = ""
        self._text: list[str] = []

    def start(self, name: str, attributes: Attributes) -> None:
        """An element begins."""
        if name in self.names and not self._open:
            self._open, self._text = name, []

    def end(self, name: str) -> None:
        """An element ends."""
        if name == self._open:
            if text := " ".join("".join(self._text).split()):
                self.of[name] = f"{self.of[name]}, {text}" if name in self.of else text
            self._open = ""

    def data(self, text: str) -> None:
        """A text goes on."""
        if self._open:
            self._text.append(text)


class _GraphicWords:
    """Lines of text in a chart or a diagram: its paragraphs, and the names of series and categories."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self._text: list[str] = []
        self._reads = False
        self._in_names = 0

    def start(self, name: str, attributes: Attributes) -> None:
        if name in ("strCache", "strLit", "lvl"):
            self._in_names += 1
        elif name == "t" or (name == "v" and self._in_names):
            self._reads = True

    def end(self, name: str) -> None:
        if name in ("strCache", "strLit", "lvl"):
            self._in_names -= 1
        elif name == "t" or name == "v":
            self._reads = False
        if name in ("p", "strCache", "strLit", "lvl") and self._text:
            self.lines.append(" ".join("".join(self._text).split()))
            self._text = []
        elif name == "v" and self._text:
            self._text.append(" | ")

    def data(self, text: str) -> None:
        if self._reads:
            self._text.append(text)


def graphic_lines(package: OfficeZip, found: dict[str, Relation]) -> list[str]:
    """The words of the charts and diagrams that a part shows."""
    lines: list[str] = []
    for kind in ("chart", "chartEx", "diagramData"):
        for name in targets(found, kind):
            words = _GraphicWords()
            read_xml(package.blocks(name), words)
            lines += [line.rstrip("| ") for line in words.lines]
    return [line for line in dict.fromkeys(lines) if line.strip()]


def embedded_note(found: Iterable[dict[str, Relation]]) -> list[str]:
    """A note about files within the file, which are not read."""
    names = {one.target for of in found for one in of.values() if one.type in _EMBEDDED}
    return [f"Files inside the document are not read: {len(names):,}."] if names else []
