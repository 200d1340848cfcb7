"""Plain text, Markdown, CSV, JSON, source code and subtitles as passages with their lines."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from functools import lru_cache
from typing import BinaryIO

from mmsearch.extraction.media.subtitles import CueLines, cue_lines
from mmsearch.extraction.pages import charset, markup
from mmsearch.extraction.pages.passages import Document, clean, short
from mmsearch.extraction.source import open_source
from mmsearch.types import Extracted, Needs, Probe, Source, Span

SPAN = 1 << 20  # bytes, cut in one to two seconds
LIMIT = 256 << 20  # bytes of a file that are read at all
BROKEN_LINES = 8  # in a row with a hyphen at their end: then it is no broken word
HEAD = 64 << 10  # bytes that are searched for a title

MARKUP = frozenset({"html", "svg", "xml"})
SUBTITLES = frozenset({"srt", "vtt"})
STYLES = {"markdown": "markdown", "code": "code", "csv": "code"}  # CSV is cut between lines, like code

FENCE = re.compile(r"\s{0,3}(?:```|~~~)")
HEADING = re.compile(r" {0,3}#{1,6}\s+([^\n]*?)[\s#]*$")
UNDERLINE = re.compile(r"""([=\-~^"'`*+#:.])\1{2,}\s*$""")
FRONT_TITLE = re.compile(r"title\s*:\s*(.+)", re.IGNORECASE)
JSON_STRING = re.compile(r'"([^"\\]*+(?:\\.[^"\\]*+)*+)"')
JSON_ESCAPE = re.compile(r"\\(?:u([0-9a-fA-F]{4})(?:\\u([dD][c-fC-F][0-9a-fA-F]{2}))?|(.))")
JSON_SIGNS = str.maketrans("{}[]", "    ")
BROKEN_OFF = re.compile(r"[^\W\d_][-\u00ad\u2010][ \t]*\r?\n$")
JSON_LINE = 500  # characters: longer lines are broken between objects, for passages to be cut there


def probe(source: Source, needs: Needs) -> Probe:
    """The plan of a text: spans of about 1 MB cut at line ends, `Span.first` the number of the first line.

    Subtitles and markup are decoded whole; their spans count characters of what was decoded.
    Raises `ExtractionError` (`decode-error`) for bytes that are no text.
    """
    if source.format in MARKUP:
        return markup.probe(source, needs)
    if source.format in SUBTITLES and (document := subtitles(source)) is not None:
        return Probe(tuple(document.spans()), document.details)
    size = source.stat[0]
    limit = min(size, LIMIT)
    with open_source(source) as file:
        encoding = charset.detect(file, limit)
        spans = tuple(byte_spans(file, encoding, limit))
        file.seek(encoding.mark)
        head = clean(file.read(min(HEAD, limit)).decode(encoding.name, "replace"))
    notes = [f"Only the first {LIMIT >> 20} MB of the text were read."] if size > LIMIT else []
    if encoding.damaged:
        notes.append(charset.DAMAGED)
    details = {"encoding": encoding.name}
    if title := title_of(head, source.format):
        details["title"] = title
    return Probe(spans, details, tuple(notes))


def extract(source: Source, probe: Probe, number: int, needs: Needs) -> Iterator[Extracted]:
    """The passages of span `number`."""
    span = probe.spans[number]
    if source.format in MARKUP:
        return markup.extract(source, probe, number, needs)
    if source.format in SUBTITLES and (document := subtitles(source)) is not None:
        return document.segments(number, int(span.start), int(span.stop))
    with open_source(source) as file:
        file.seek(int(span.start))
        data = file.read(int(span.stop - span.start))
    text = clean(data.decode(probe.details["encoding"], "replace"))
    return document_of(text, source.format, span.first, probe.details.get("title", "")).segments(number)


def document_of(text: str, format: str, first: int, title: str) -> Document:
    """Text of a supported format as a document whose first line is line `first` of the file."""
    lines = range(first, first + text.count("\n") + 1)
    if format == "json":
        text, numbers = json_as_text(text, first)
        return Document(text, numbers, numbers, title)
    headings = headings_of(text) if format in ("markdown", "rst") else []
    document = Document(text, lines, lines, title, STYLES.get(format, "text"), headings)
    return document if format in ("code", "csv") else document.with_joined_words()


@lru_cache(maxsize=1)  # the spans of a file are mostly decoded one after the other
def subtitles(source: Source) -> Document | None:
    """A subtitle file as a document with one line a cue; None when it has no cue and is just text."""
    text, encoding, _ = markup.read_whole(source)
    found: list[CueLines] = cue_lines(text)
    if not found:
        return None
    return Document(
        text="\n".join(each.cue.text for each in found),
        first=[each.first for each in found],
        last=[each.last for each in found],
        cues=[each.cue for each in found],
        details={"encoding": encoding},
    )


def byte_spans(file: BinaryIO, encoding: charset.Encoding, limit: int) -> Iterator[Span]:
    """Spans of about `SPAN` bytes that end at line ends, or at a space or a character's end where lines are longer.
    Spans without text are left out. Reads `SPAN` bytes at a time."""
    start, line = encoding.mark, 1
    while start < limit:
        file.seek(start)
        block = file.read(min(SPAN, limit - start))
        if not block:
            return  # the file was truncated meanwhile; extraction reports it
        if start + len(block) < limit:
            block = block[: cut_position(block, encoding)]
        text = block.decode(encoding.name, "replace")
        if text.strip():
            yield Span(start, start + len(block), line)
        line += text.count("\n") + text.count("\r") - text.count("\r\n")
        start += len(block)


def cut_position(block: bytes, encoding: charset.Encoding) -> int:
    """The position at which a block is cut: after its last line end; else after a space in its second half; else
    between two characters. These bytes have no other meaning in any encoding that `charset` returns."""
    cut = last_unit(block, "\n", encoding)
    for _ in range(BROKEN_LINES):  # a word that is broken there goes on in the next span
        tail = block[max(cut - 8 * encoding.unit, 0) : max(cut, 0)].decode(encoding.name, "ignore")
        if not BROKEN_OFF.search(tail):
            break
        cut = last_unit(block[: cut - encoding.unit], "\n", encoding)
    if cut <= 0:
        carriage = last_unit(block, "\r", encoding)
        cut = carriage if carriage < len(block) else 0  # what follows may be its line feed
    if cut <= 0:
        space = last_unit(block, " ", encoding)
        cut = space if space > len(block) // 2 else 0
    if cut <= 0:
        decoder = codecs.getincrementaldecoder(encoding.name)("replace")
        decoder.decode(block)
        cut = len(block) - len(decoder.getstate()[0])
    return cut or len(block)


def last_unit(block: bytes, character: str, encoding: charset.Encoding) -> int:
    """The place after the last code unit that is this ASCII character; 0 if there is none."""
    code = character.encode(encoding.name if encoding.unit > 1 else "ascii")
    place = block.rfind(code)
    while place > 0 and place % encoding.unit:
        place = block.rfind(code, 0, place + len(code) - 1)
    return place + len(code) if place >= 0 else 0


def title_of(head: str, format: str) -> str:
    """The title of a text, from its start: its first heading, the columns of a table, or a first line that stands
    alone; empty if there is none."""
    lines = [line.strip() for line in head.split("\n", 200)[:200]]
    written = [line for line in lines if line]
    if not written or format in ("code", "json"):
        return ""
    if format == "csv":
        cells = [cell.strip(" \"'") for cell in re.split(r"[,;\t|]", written[0])]
        named = len(cells) > 1 and all(cell and not cell[0].isdigit() for cell in cells)
        return short(", ".join(cells)) if named else ""
    if format == "markdown" and lines[0] == "---":
        for line in lines[1 : lines.index("---", 1) if "---" in lines[1:] else 1]:
            if match := FRONT_TITLE.match(line):
                return short(match[1].strip("\"'"))
    if format in ("markdown", "rst") and (headings := headings_of(head)):
        return headings[0][1]
    first = lines.index(written[0])
    alone = len(written) > 1 and first + 1 < len(lines) and not lines[first + 1]
    return short(written[0]) if alone and len(written[0]) <= 100 and written[0][-1] not in ".,;:!?。" else ""


def headings_of(text: str) -> list[tuple[int, str]]:
    """The line (from 0) and text of each heading in Markdown or reStructuredText; fenced code has none."""
    found = []
    fenced = False
    before = ""
    for number, line in enumerate(text.split("\n")):
        if FENCE.match(line):
            fenced = not fenced
        elif not fenced:
            if match := HEADING.match(line[:400]):
                found.append((number, short(match[1])))
            elif before.strip() and len(before) <= 200 and UNDERLINE.match(line[:400]) and not UNDERLINE.match(before):
                found.append((number - 1, short(before)))
        before = line
    return [(number, words) for number, words in found if words]


def json_as_text(text: str, first: int) -> tuple[str, list[int]]:
    """JSON as plain text, and for each of its lines the line of the file. Strings lose their quotation marks and
    escapes, brackets become spaces; nothing is parsed, so that invalid JSON is accepted too."""
    lines: list[str] = []
    numbers: list[int] = []
    for number, line in enumerate(text.split("\n"), first):
        if len(line) > JSON_LINE:
            line = re.sub(r"([}\]],)", "\\1\n", line)
        for row in line.split("\n"):
            parts = JSON_STRING.split(row)
            parts[::2] = [part.translate(JSON_SIGNS) for part in parts[::2]]
            parts[1::2] = [JSON_ESCAPE.sub(_unescaped, part) for part in parts[1::2]]
            lines.append("".join(parts).rstrip())
            numbers.append(number)
    return "\n".join(lines), numbers


def _unescaped(match: re.Match[str]) -> str:
    high, low, sign = match.groups()
    if sign is not None:
        return " " if sign in "nrtbf" else sign
    code = int(high, 16)
    if low and 0xD800 <= code < 0xDC00:
        return chr(0x10000 + (code - 0xD800 << 10) + (int(low, 16) - 0xDC00))
    return "" if 0xD800 <= code < 0xE000 or code < 32 else chr(code)
