"""What a reader of documents returns: parts with their places, words and pictures, and facts about the whole."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from mmsearch.extraction.pages.passages import clean, short

PICTURES = 200  # of a document
SECTION = 100  # characters of a section's name
PROPERTY = 500  # characters of one property
_GENERIC = re.compile(
    r"(?:untitled|document|dokument|presentation|präsentation|powerpoint[ -]pr\w{3,12}|slide|book|sheet|title|"
    r"unknown|user|author|admin\w*|python-docx|python-pptx|openpyxl|xlsxwriter|microsoft office user|microsoft|"
    r"windows user|apache poi|generated (?:by|using) [\w.\- ]{1,40})?[\W\d_]*",
    re.IGNORECASE,
)
_AUTOMATIC = re.compile(r"\s*(?:description automatically generated|automatisch generierte beschreibung)\.?\s*$", re.I)
_FILE_NAME = re.compile(r"[^\n]{0,200}\.(?:png|jpe?g|gif|bmp|tiff?|webp|emf|wmf|svg)", re.IGNORECASE)
_SHOWN = {
    "title": "Title",
    "author": "Author",
    "subject": "Subject",
    "keywords": "Keywords",
    "description": "Description",
    "category": "Category",
    "publisher": "Publisher",
    "date": "Date",
}


class Picture(NamedTuple):
    """A picture of a document: the member that holds it, or its bytes, and the words that describe it."""

    member: str
    words: str = ""
    data: bytes = b""


@dataclass(slots=True)
class DocumentPart:
    """A slide, a sheet, a chapter, or what follows a heading.

    section:   its name for people; empty for a document without parts.
    title:     words that belong to every passage of it: the headings above it, the header row of a sheet.
    rows:      per line of `text`, the row of the sheet; empty where there are no rows.
    spellings: (line of `text`, words), ascending: other spellings of words of that line.
    """

    section: str = ""
    title: str = ""
    text: str = ""
    rows: Sequence[int] = ()
    spellings: Sequence[tuple[int, str]] = ()
    pictures: list[Picture] = field(default_factory=list)


@dataclass(slots=True)
class ReadDocument:
    """A document that was read. `damaged` is a sentence where a part of it is missing, else empty."""

    parts: list[DocumentPart]
    properties: Mapping[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    damaged: str = ""


def section_name(words: str) -> str:
    """A name of a section: one line, at most 100 characters."""
    return short(clean(words), SECTION)


def told_properties(properties: Mapping[str, str]) -> dict[str, str]:
    """The properties that people wrote, in the order in which they are shown."""
    found: dict[str, str] = {}
    for name in _SHOWN:
        value = short(clean(properties.get(name, "")), PROPERTY)
        if (value and not _GENERIC.fullmatch(value)) or (name == "date" and value):
            found[name] = value
    return found


def property_lines(properties: Mapping[str, str], text: str) -> str:
    """Properties as lines of text for the first passage; a title that the passage has already is left out."""
    return "\n".join(
        f"{_SHOWN[name]}: {value}" for name, value in properties.items() if name != "title" or value not in text
    )


def picture_words(words: str) -> str:
    """What people wrote about a picture: without the name of its file, and what programs add."""
    plain = _AUTOMATIC.sub("", clean(words)).strip()
    return "" if _FILE_NAME.fullmatch(plain) else plain
