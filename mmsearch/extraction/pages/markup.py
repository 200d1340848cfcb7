"""HTML, XHTML, XML and SVG as plain text with the source line of each line.

The scanner builds no tree: the text must keep its line numbers, and the time must stay linear on hostile input.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from functools import lru_cache

from mmsearch.dehyphenation import join_words_of
from mmsearch.extraction.pages import charset
from mmsearch.extraction.pages.passages import Document, clean, short
from mmsearch.extraction.source import open_source
from mmsearch.types import Extracted, Needs, Probe, Source

LIMIT = 32 << 20  # bytes that are decoded whole

HEADINGS = frozenset({"h1", "h2", "h3", "h4", "h5", "h6"})
BLOCKS = HEADINGS | frozenset(
    "address article aside blockquote body caption dd desc details dialog div dl dt fieldset figcaption figure footer "
    "form head header hr html li main nav ol option p pre section select summary table tbody text tfoot thead title "
    "tr ul".split()
)
LINE_BREAKS = frozenset({"br", "lb", "line-break"})  # of HTML, TEI and OpenDocument
UNREAD = {  # elements whose content is no text: everything up to the closing tag
    name: re.compile(rf"</{name}\b[^>]{{0,200}}>", re.IGNORECASE) for name in ("script", "style", "template")
}
DECLARED = re.compile(rb"""(?:charset|encoding)\s{0,9}=\s{0,9}["']?([\w.:\-]{2,40})""", re.IGNORECASE)
COMMENT_END, TAG_END = re.compile("-->"), re.compile(">")
TAG = re.compile(r"""</?([a-zA-Z][a-zA-Z0-9:\-]{0,60}+)(?:[^>"']|"[^"]*+"|'[^']*+')*+>""")
TAG_NAME = re.compile(r"</?([a-zA-Z][a-zA-Z0-9:\-]{0,60})")
TAG_WINDOW = 4096  # characters in which the end of a tag with quotes is searched
QUOTE_FAILURES = 1000  # after so many tags with broken quotes a tag ends at the next ">": this keeps the time linear
ATTRIBUTE = re.compile(
    r"""([a-zA-Z:\-]{1,40}+)\s{0,20}=\s{0,20}(?:"([^"]{0,4000})"|'([^']{0,4000})'|([^\s"'>]{1,400}))"""
)
HUGE_NUMBER = re.compile(r"&#[xX]?[0-9a-fA-F]{9,}+;?")
SPACE = re.compile(r"\s+")


def probe(source: Source, needs: Needs) -> Probe:
    """The plan of an HTML, XHTML, XML or SVG file. Its spans count characters of the text that `extract` cuts."""
    document, notes = load(source)
    return Probe(tuple(document.spans()), document.details, notes)


def extract(source: Source, probe: Probe, number: int, needs: Needs) -> Iterator[Extracted]:
    """The passages of span `number`."""
    span = probe.spans[number]
    document, _ = load(source)
    return document.segments(number, int(span.start), int(span.stop))


@lru_cache(maxsize=1)  # the spans of a file are mostly decoded one after the other
def load(source: Source) -> tuple[Document, tuple[str, ...]]:
    """The file as text, and notes about it."""
    text, encoding, notes = read_whole(source)
    document = MarkupText(text, data=source.format == "xml").read()
    document.details["encoding"] = encoding
    return document, notes


def read_whole(source: Source) -> tuple[str, str, tuple[str, ...]]:
    """The first 32 MB of a text, decoded and cleaned; its encoding; and notes. For formats that can't be cut by
    bytes."""
    limit = min(source.stat[0], LIMIT)
    with open_source(source) as file:
        declared = DECLARED.search(file.read(min(limit, 4096)))
        encoding = charset.detect(file, limit, declared[1].decode("ascii", "replace") if declared else "")
        file.seek(encoding.mark)
        data = file.read(limit - encoding.mark)
    notes = [f"Only the first {LIMIT >> 20} MB were read."] if source.stat[0] > LIMIT else []
    if encoding.damaged:
        notes.append(charset.DAMAGED)
    return clean(data.decode(encoding.name, "replace")), encoding.name, tuple(notes)


def unescape(text: str) -> str:
    """The text with its character references resolved; references to impossible numbers are left out."""
    if "&" not in text:
        return text
    return html.unescape(HUGE_NUMBER.sub("", text))  # int() refuses thousands of digits


class MarkupText:
    """A single pass over a page. `lines` and `numbers` grow together: the lines of text, and the line of the source
    that each came from. In `data` (XML) every tag separates words, and attributes count as text."""

    def __init__(self, source: str, data: bool = False) -> None:
        self.source = source
        self.data = data
        self.line = 1  # of the source, at the current position
        self.lines: list[str] = []
        self.numbers: list[int] = []
        self.current: list[str] = []
        self.headings: list[tuple[int, str]] = []
        self.heading_from: int | None = None
        self.title_from: int | None = None
        self.details: dict[str, str] = {}
        self.quote_failures = 0

    def read(self) -> Document:
        """Read the whole page. To be called once."""
        position = 0
        while position < len(self.source):
            bracket = self.source.find("<", position)
            bracket = len(self.source) if bracket < 0 else bracket
            self.words(unescape(self.source[position:bracket]), self.source.count("\n", position, bracket))
            position = self.markup(bracket) if bracket < len(self.source) else bracket
        self.newline()
        text, title = "\n".join(self.lines), self.details.get("title", "")
        document = Document(text, self.numbers, self.numbers, title, "text", self.headings, details=dict(self.details))
        return document.with_joined_words()

    def markup(self, start: int) -> int:
        """Read the markup that begins with "<" at `start`. Returns the position after it."""
        source = self.source
        if source.startswith("<!--", start):
            return self.skip(start, COMMENT_END)
        if source.startswith("<![CDATA[", start):
            end = source.find("]]>", start)
            end = len(source) if end < 0 else end
            self.words(source[start + 9 : end], source.count("\n", start, end))
            return end + 3
        if source.startswith(("<!", "<?"), start):
            return self.skip(start, TAG_END)
        name = TAG_NAME.match(source, start)
        if name is None:
            self.words("<", 0)
            return start + 1
        match = None
        if self.quote_failures < QUOTE_FAILURES:
            match = TAG.match(source, start, start + TAG_WINDOW)
            self.quote_failures += match is None
        end = match.end() if match else source.find(">", start) + 1 or len(source)
        self.tag(name[1].lower(), source[start : min(end, start + TAG_WINDOW)])
        self.line += source.count("\n", start, end)
        if name[1].lower() in UNREAD and source[start + 1] != "/" and source[end - 2 : end] != "/>":
            return self.skip(end, UNREAD[name[1].lower()])
        return end

    def skip(self, start: int, ending: re.Pattern[str]) -> int:
        """Skip to the end of `ending`, or of the page. Returns the position there."""
        match = ending.search(self.source, start)
        end = match.end() if match else len(self.source)
        self.line += self.source.count("\n", start, end)
        return end

    def tag(self, name: str, tag: str) -> None:
        """Apply a tag to the text around it."""
        closing = tag.startswith("</")
        if name in BLOCKS:
            self.paragraph()
        elif name in {"td", "th"} and not closing and self.current:
            self.current.append(" | ")
        elif name.rsplit(":", 1)[-1] in LINE_BREAKS:
            self.newline()
        elif self.data:
            self.current.append(" ")
        if name in HEADINGS:
            self.heading(closing)
        elif name == "title":
            self.page_title(closing)
        elif not closing and (self.data or name in {"img", "area", "meta", "html"}):
            self.attributes(name, tag)

    def heading(self, closing: bool) -> None:
        """Note where a heading begins, and at its end its text."""
        if not closing:
            self.heading_from = len(self.lines)
        elif self.heading_from is not None:
            if words := short(join_words_of("\n".join(self.lines[self.heading_from :]))):
                self.headings.append((self.heading_from, words))
            self.heading_from = None

    def page_title(self, closing: bool) -> None:
        """Note the title: the first `<title>`, since in an SVG others name its parts."""
        if not closing:
            self.title_from = len(self.lines)
        elif self.title_from is not None and (words := short(join_words_of("\n".join(self.lines[self.title_from :])))):
            self.details.setdefault("title", words)

    def attributes(self, name: str, tag: str) -> None:
        """Read the attributes that hold text: alternative texts, descriptions, the language."""
        found = {match[1].lower(): match[2] or match[3] or match[4] or "" for match in ATTRIBUTE.finditer(tag)}
        if self.data:
            values = (value for key, value in found.items() if not key.startswith(("xmlns", "xsi:")))
            self.words(unescape(" ".join([*values, ""])).replace("\n", " "), 0)
        elif name == "html" and (language := found.get("lang") or found.get("xml:lang")):
            self.details.setdefault("language", language[:20])
        elif name == "meta" and found.get("name", "").lower() in {"description", "keywords", "author"}:
            self.paragraph()
            self.words(unescape(found.get("content", "")).replace("\n", " "), 0)
            self.paragraph()
        elif found.get("alt", "").strip():
            self.words(f" [{unescape(found['alt'])}] ".replace("\n", " "), 0)

    def words(self, text: str, newlines: int) -> None:
        """Take in text between tags. `newlines` counts those of the source: a reference may resolve to further ones."""
        rows = text.split("\n") if text.count("\n") == newlines else [text, *[""] * newlines]
        for number, row in enumerate(rows):
            if number:
                self.newline()
                self.line += 1
            if row:
                self.current.append(row)

    def newline(self) -> None:
        """End the current line, if it has text."""
        if self.current:
            line = SPACE.sub(" ", "".join(self.current)).strip()
            self.current.clear()
            if line and line != "|":
                self.lines.append(line)
                self.numbers.append(self.line)

    def paragraph(self) -> None:
        """End the current paragraph with one empty line."""
        self.newline()
        if self.lines and self.lines[-1]:
            self.lines.append("")
            self.numbers.append(self.line)
