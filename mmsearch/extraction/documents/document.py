"""Office documents and books: passages by slide, sheet, heading or chapter, and the pictures in them.

Formats are read by modules of their own, each of which returns the parts of a document; here they become segments.
"""

from __future__ import annotations

import hashlib
from bisect import bisect_left
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import lru_cache
from io import BytesIO
from typing import TYPE_CHECKING, BinaryIO, NamedTuple

from mmsearch.errors import ExtractionError, FailureCode
from mmsearch.extraction.documents.binary_workbook import read_binary_workbook
from mmsearch.extraction.documents.document_parts import (
    PICTURES,
    DocumentPart,
    Picture,
    ReadDocument,
    picture_words,
    property_lines,
    told_properties,
)
from mmsearch.extraction.documents.epub import read_book
from mmsearch.extraction.documents.excel_records import BOF
from mmsearch.extraction.documents.office_zip import NOTHING_LEFT, OfficeZip
from mmsearch.extraction.documents.old_workbook import LIMIT, read_compound, read_workbook_stream
from mmsearch.extraction.documents.open_document import read_flat_document, read_open_document
from mmsearch.extraction.documents.open_xml import content_type, main_part
from mmsearch.extraction.documents.presentation import read_presentation
from mmsearch.extraction.documents.rtf import read_rtf
from mmsearch.extraction.documents.spreadsheet import read_spreadsheet
from mmsearch.extraction.documents.word_document import read_word
from mmsearch.extraction.fingerprints import text_fingerprint
from mmsearch.extraction.pages.passages import CHARACTERS, blocks, clean, cut
from mmsearch.extraction.photos import image, pixels
from mmsearch.extraction.source import open_source, ordinal
from mmsearch.types import Extracted, Kind, Locator, Needs, Probe, Segment, Source, Span

if TYPE_CHECKING:
    from PIL.Image import Image

STRETCH = 200_000  # characters that are cut into passages at once
SPAN_STRETCHES = 100  # short ones count together
SPAN_PICTURES = 4
PICTURE_BYTES = 64 << 20
SMALLEST = 32, 4096  # pixels of the shorter side and of all of a picture that is no icon
_SIGNATURES = (
    (b"\x89PNG\r\n\x1a\n", "png"),
    (b"\xff\xd8\xff", "jpeg"),
    (b"GIF8", "gif"),
    (b"BM", "bmp"),
    (b"II*\0", "tiff"),
    (b"MM\0*", "tiff"),
)
_COMPOUND = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"  # the container of old office files, and of encrypted ones


class _DocumentItem(NamedTuple):
    """A stretch of a part's text, or a picture of it."""

    part: int
    start: int = 0
    stop: int = 0
    picture: Picture | None = None


class _Loaded(NamedTuple):
    document: ReadDocument
    items: list[_DocumentItem]
    properties: dict[str, str]  # that are still to be told

    @property
    def has_pictures(self) -> bool:
        """Whether a part has pictures."""
        return any(item.picture is not None for item in self.items)

    @property
    def first_text(self) -> int:
        """The item to whose first passage the properties are added."""
        return next((at for at, item in enumerate(self.items) if item.picture is None), -1)


def probe(source: Source, needs: Needs) -> Probe:
    """The plan of a document: spans of stretches of text and of pictures, in their order.

    Raises `ExtractionError`: `encrypted`, `too-large`, or `decode-error` for a damaged document or none.
    """
    document, items, properties = _load(source)
    details = {
        name: value
        for name, key in (("title", "title"), ("artist", "author"), ("language", "language"))
        if (value := document.properties.get(key, "") if key == "language" else properties.get(key))
    }
    spans: list[Span] = []
    start = pictures = characters = 0
    for at, item in enumerate(items):
        pictures += item.picture is not None
        characters += item.stop - item.start
        if pictures > SPAN_PICTURES or characters > STRETCH or at - start >= SPAN_STRETCHES:
            spans += [Span(start, at)] if at > start else []
            start, pictures, characters = at, int(item.picture is not None), item.stop - item.start
    if items:
        spans.append(Span(start, len(items)))
    if not items and document.damaged:
        raise ExtractionError(FailureCode.DECODE_ERROR, NOTHING_LEFT)
    return Probe(tuple(spans), details, tuple(dict.fromkeys(document.notes)))


def extract(source: Source, probe: Probe, number: int, needs: Needs) -> Iterator[Extracted]:
    """The passages and pictures of span `number`. After those of the last one, raises `ExtractionError`
    (`decode-error`) for a document of which a part is missing."""
    loaded = _load(source)
    span = probe.spans[number]
    items = range(int(span.start), min(int(span.stop), len(loaded.items)))
    found = (one for at in items for one in _of_item(source, loaded, at, needs))
    numbered = (replace(one, segment=replace(one.segment, ordinal=ordinal(number, at))) for at, one in enumerate(found))
    if loaded.has_pictures:  # by its text alone a document with pictures is not known
        yield from numbered
    else:
        segments = list(numbered)
        is_table = all(part.rows for part in loaded.document.parts)
        made = text_fingerprint((one.segment.text for one in segments), number, lines=is_table)
        yield from (replace(one, fingerprints=(made,)) if made and not at else one for at, one in enumerate(segments))
    if number == len(probe.spans) - 1 and loaded.document.damaged:
        raise ExtractionError(FailureCode.DECODE_ERROR, loaded.document.damaged)


def _of_item(source: Source, loaded: _Loaded, at: int, needs: Needs) -> Iterator[Extracted]:
    item = loaded.items[at]
    part = loaded.document.parts[item.part]
    if item.picture is None:
        properties = loaded.properties if at == loaded.first_text else {}
        yield from map(Extracted, _passages(part, item.start, item.stop, properties))
        return
    data = item.picture.data
    if not data:
        with open_source(source) as file:
            data = OfficeZip(file).read(item.picture.member, PICTURE_BYTES)
    if (found := _picture(source, part, item.picture.words, data, needs)) is not None:
        yield found


@lru_cache(maxsize=1)  # the spans of a file are mostly decoded one after the other
def _load(source: Source) -> _Loaded:
    with open_source(source) as file:
        document = _read(file, source.format)
    properties = told_properties(document.properties)
    for part in document.parts:
        part.text = clean(part.text)
    document.parts = [part for part in document.parts if part.text.strip() or part.pictures]
    if properties and not any(part.text for part in document.parts):
        document.parts.insert(0, DocumentPart(text=property_lines(properties, "")))
        return _Loaded(document, _items(document), {})
    return _Loaded(document, _items(document), properties)


def _read(file: BinaryIO, format_: str) -> ReadDocument:
    head = file.read(len(_COMPOUND))
    file.seek(0)
    if head == _COMPOUND:
        return read_compound(file)
    if head[0] == BOF and format_ == "xls":
        return read_workbook_stream(file.read(LIMIT))
    if head.startswith(b"{\\rtf"):
        return read_rtf(file)
    if not head.startswith(b"PK"):
        return read_flat_document(file)
    package = OfficeZip(file)
    document = _read_packed(package)
    if package.notes:  # what was left out is no damage
        document.damaged = ""
    document.notes += package.notes
    document.damaged = package.damaged or document.damaged
    return document


def _read_packed(package: OfficeZip) -> ReadDocument:
    if "META-INF/container.xml" in package:
        return read_book(package)
    if "content.xml" in package:
        return read_open_document(package)
    main = main_part(package)
    return _open_xml_reader(content_type(package, main), main)(package, main)


def _open_xml_reader(type_: str, main: str) -> Callable[[OfficeZip, str], ReadDocument]:
    """The reader of a file of Office Open XML, by the media type of its main part, or else by its folder."""
    readers = (
        ("presentationml", "ppt/", read_presentation),
        ("sheet.binary", "xl/workbook.bin", read_binary_workbook),
        ("spreadsheetml", "xl/", read_spreadsheet),
        ("wordprocessingml", "word/", read_word),
    )
    for words, _, reader in readers:
        if words in type_:
            return reader
    for _, folder, reader in readers:
        if main.lower().startswith(folder):
            return reader
    raise ExtractionError(FailureCode.DECODE_ERROR, "This is no document of Word, Excel or PowerPoint.")


def _items(document: ReadDocument) -> list[_DocumentItem]:
    """The stretches and pictures of a document. Of pictures with the same member the first counts: the others are
    logos and backgrounds."""
    items: list[_DocumentItem] = []
    seen: set[str] = set()
    unread = 0
    for number, part in enumerate(document.parts):
        start = 0
        for _, block in blocks(part.text, STRETCH):
            items.append(_DocumentItem(number, start, start + len(block)))
            start += len(block)
        for picture in part.pictures:
            key = picture.member or hashlib.sha256(picture.data).hexdigest()
            if key in seen:
                continue
            seen.add(key)
            if len(seen) > PICTURES:
                unread += 1
            else:
                items.append(_DocumentItem(number, picture=picture))
    if unread:
        document.notes.append(f"Only the first {PICTURES} pictures of the document were read.")
    return items


def _passages(part: DocumentPart, start: int, stop: int, properties: dict[str, str]) -> Iterator[Segment]:
    """The passages of a stretch of a part; the first one with the properties of the document below it."""
    line = part.text.count("\n", 0, start)
    seen = start
    found = _row_groups(part.text[start:stop]) if part.rows else cut(part.text[start:stop], "text")
    for offset, passage in found:
        line += part.text.count("\n", seen, start + offset)
        seen = start + offset
        last = line + passage.count("\n")
        locator = Locator(section=part.section or None)
        if part.rows:
            locator = replace(locator, line_start=part.rows[line], line_end=part.rows[last])
        details: dict[str, object] = {}
        if part.title and part.title not in passage[: len(part.title) + 10]:
            details["title"] = part.title
        inside = slice(bisect_left(part.spellings, (line, "")), bisect_left(part.spellings, (last + 1, "")))
        if spelled := list(dict.fromkeys(words for _, words in part.spellings[inside])):
            details["spellings"] = spelled
        if properties:
            passage = "\n\n".join(filter(None, (passage, property_lines(properties, passage))))
            properties = {}
        yield Segment(0, locator, passage, details=details)


def _row_groups(text: str) -> Iterator[tuple[int, str]]:
    """Lines together up to the size of a passage; a longer line is cut in itself."""
    offset = start = 0
    for line in text.split("\n"):
        if offset > start and offset + len(line) - start > CHARACTERS:
            yield start, text[start : offset - 1]
            start = offset
        if len(line) > CHARACTERS:
            yield from ((offset + at, passage) for at, passage in cut(line, "text"))
            start = offset + len(line) + 1
        offset += len(line) + 1
    if start < len(text) and text[start:].strip():
        yield start, text[start:].rstrip("\n")


def _picture(source: Source, part: DocumentPart, words: str, data: bytes, needs: Needs) -> Extracted | None:
    """A picture as a segment; without its image where it can't be decoded, and None where nothing is left."""
    words = picture_words(words)
    details = {"title": part.title} if part.title else {}
    segment = Segment(0, Locator(section=part.section or None), words, details=details)
    format_ = next((name for signature, name in _SIGNATURES if data.startswith(signature)), "")
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        format_ = "webp"
    decoded = None
    if format_:
        inner = replace(source, kind=Kind.IMAGE, format=format_, sidecars=())
        try:
            decoded, _ = image.attempt(inner, BytesIO(data), lambda opened: _shown(opened, needs))
        except ExtractionError as error:
            if error.code == FailureCode.MEMORY:
                raise
    if decoded is None:
        return Extracted(segment) if words else None
    return Extracted(segment, pixels.view_image(decoded, needs), pixels.ocr_image(decoded, needs))


def _shown(opened: Image, needs: Needs) -> Image | None:
    """A picture as RGB, upright; None for an icon, a line or a dot."""
    if min(opened.size) < SMALLEST[0] or opened.width * opened.height < SMALLEST[1]:
        return None
    return image.decode_frame(opened, needs)
