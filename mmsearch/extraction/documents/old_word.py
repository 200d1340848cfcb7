"""Word documents of the old format (.doc): their text by the table of ranges ([MS-DOC]), without headings.

Word 97 to 2003 keep the text in ranges, in the order of a table that stands in another stream; Word 6 and 95 in one
range.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator

from mmsearch.errors import ExtractionError, FailureCode
from mmsearch.extraction.documents.document_parts import DocumentPart, ReadDocument
from mmsearch.extraction.pages import charset

CHARACTERS = 32 << 20  # of a document that are read
WORD_97 = 0xC1
_MAGICS = (0xA5EC, 0xA5DC)  # of Word 97, and of Word 6 and 95
_ENCRYPTED, _SECOND_TABLE, _COMPLEX = 0x100, 0x200, 0x4
_STORIES = (  # where their lengths stand, in the order of their text
    ("", 0x4C),
    ("footnotes", 0x50),
    ("header", 0x54),
    ("macros", 0x58),
    ("comments", 0x5C),
    ("endnotes", 0x60),
    ("text boxes", 0x64),
    ("text boxes", 0x68),
)
_RANGES = 0x1A2  # where the place and the length of the table stand
_PROPERTIES, _TABLE = 1, 2  # what an entry before the table is, and the table
_SINGLE_BYTE = 1 << 30
_FIELD = re.compile("[\x13\x14\x15]")  # begins, comes to what it shows, ends
_LINES = re.compile("[\x0b-\x0e]")
_HIDDEN = re.compile("[\x00-\x06\x08\x1f]")  # places of pictures, notes and the like, soft hyphens
_CUT = f"Only the first {CHARACTERS >> 20} million characters were read."
_DAMAGED = "The document is damaged; a part of its text is missing."


def read_old_word(stream: bytes, first_table: bytes, second_table: bytes) -> ReadDocument:
    """The document in these streams. Raises `ExtractionError`: `encrypted`, or `decode-error` for what is none."""
    try:
        magic, version = struct.unpack_from("<HH", stream)
        (flags,) = struct.unpack_from("<H", stream, 0xA)
        if magic not in _MAGICS:
            raise ExtractionError(FailureCode.DECODE_ERROR, "This is no Word document.")
        if flags & _ENCRYPTED:
            raise ExtractionError(FailureCode.ENCRYPTED, "The document is protected by a password.")
        if version < WORD_97:
            return _of_word_95(stream, flags)
        lengths = [struct.unpack_from("<I", stream, place)[0] for _, place in _STORIES]
        table = second_table if flags & _SECOND_TABLE else first_table
        text, damaged = _text_of_ranges(stream, _range_table(table, *struct.unpack_from("<II", stream, _RANGES)))
    except struct.error as error:
        raise ExtractionError(FailureCode.DECODE_ERROR, "The document is damaged and can't be read.") from error
    parts, start = list[DocumentPart](), 0
    for (name, _), length in zip(_STORIES, lengths, strict=True):
        parts.append(DocumentPart(name, "", plain(text[start : start + length])))
        start += length
    is_cut = len(text) >= CHARACTERS
    return ReadDocument(parts, {}, [_CUT] if is_cut else [], _DAMAGED if damaged and not is_cut else "")


def _of_word_95(stream: bytes, flags: int) -> ReadDocument:
    start, stop = struct.unpack_from("<II", stream, 0x18)
    if flags & _COMPLEX or not start < stop <= len(stream):
        sentence = "It is in the format of Word 6 or 95, in a form that is not read; save it as .docx."
        raise ExtractionError(FailureCode.DECODE_ERROR, sentence)
    data = stream[start : min(stop, start + CHARACTERS)]
    encoding = "ascii" if data.isascii() else charset.guess(data[: charset.SAMPLE])
    return ReadDocument([DocumentPart("", "", plain(data.decode(encoding, "replace")))])


def _range_table(table: bytes, start: int, length: int) -> bytes:
    """The table of ranges, after the formats that may stand before it."""
    data, at = table[start : start + length], 0
    while at < len(data) and data[at] == _PROPERTIES:
        at += 3 + struct.unpack_from("<H", data, at + 1)[0]
    if data[at : at + 1] != bytes([_TABLE]):
        raise ExtractionError(FailureCode.DECODE_ERROR, "The document is damaged: the table of its text is missing.")
    size = struct.unpack_from("<I", data, at + 1)[0]
    return data[at + 5 : at + 5 + size]


def _text_of_ranges(stream: bytes, table: bytes) -> tuple[str, bool]:
    """The text of a document, at most `CHARACTERS`, and whether a range of it is missing."""
    found, room, damaged = list[str](), CHARACTERS, False
    for length, place in _ranges(table):
        length = min(length, room)
        if place & _SINGLE_BYTE:
            begin = (place & ~_SINGLE_BYTE) // 2
            words = stream[begin : begin + length].decode("cp1252", "replace")
        else:
            words = stream[place : place + 2 * length].decode("utf-16-le", "replace")
        damaged = damaged or len(words) < length
        found.append(words)
        room -= length
        if not room:
            break
    return "".join(found), damaged


def _ranges(table: bytes) -> Iterator[tuple[int, int]]:
    """The number of characters of each range, and its place."""
    count = (len(table) - 4) // 12
    bounds = struct.unpack_from(f"<{count + 1}I", table) if count > 0 else ()
    for number in range(count):
        (place,) = struct.unpack_from("<I", table, 4 * (count + 1) + 8 * number + 2)
        if bounds[number + 1] > bounds[number]:
            yield bounds[number + 1] - bounds[number], place


def plain(text: str) -> str:
    """Text without what fields are made of; rows of tables are lines."""
    shown, depths = list[str](), list[bool]()  # of the open fields whether they came to what they show
    at = 0
    for match in _FIELD.finditer(text):
        if all(depths):
            shown.append(text[at : match.start()])
        at = match.end()
        if match[0] == "\x13":
            depths.append(False)
        elif depths and match[0] == "\x14":
            depths[-1] = True
        elif depths:
            depths.pop()
        if len(depths) > 100:  # damage
            depths.clear()
    shown.append(text[at:])
    lines = _LINES.sub("\n", "".join(shown)).replace("\x07\x07", "\n").replace("\x07", " | ").replace("\x1e", "-")
    return _HIDDEN.sub("", lines)
