"""Rich Text Format: the text below each heading, in whatever code pages its fonts have, and its pictures."""

from __future__ import annotations

import binascii
import codecs
import re
from dataclasses import dataclass, replace
from typing import BinaryIO

from mmsearch.errors import ExtractionError, FailureCode
from mmsearch.extraction.documents.document_parts import Picture, ReadDocument
from mmsearch.extraction.documents.heading_parts import BODY_LEVEL, HeadingParts

LIMIT = 64 << 20  # bytes of a file that are read
DEEPEST = 1000  # groups within each other
PICTURE_DIGITS = 32 << 20  # of all pictures, in hexadecimal

_TOKEN = re.compile(rb"\\([a-zA-Z]{1,32})(-?\d{1,10})? ?|\\'([0-9a-fA-F]{2})|\\(.)|([{}])|([^\\{}\r\n]+)|[\r\n]+", re.S)
_SPACES = frozenset(b"tab line softline emspace enspace qmspace".split())
_SIGNS = {
    **{b"emdash": "—", b"endash": "–", b"bullet": "•", b"lquote": "‘", b"rquote": "’"},
    **{b"ldblquote": "“", b"rdblquote": "”"},
}
# Groups without text of the document. A group that begins with \* is one, too, unless it is known.
_UNREAD = frozenset(
    b"fonttbl colortbl stylesheet pict object fldinst themedata colorschememapping datastore xmlnstbl listtable "
    b"listoverridetable rsidtbl generator filetbl revtbl latentstyles pgptbl mmathPr nonshppict objdata userprops "
    b"info bkmkstart bkmkend template operator company creatim revtim printim comment hlinkbase "
    b"atnid atnauthor atntime atnref annotationtime".split()
)
_KNOWN = frozenset(b"shppict shpinst shptxt footnote annotation".split())
_INFO = {
    b"title": "title",
    b"author": "author",
    b"subject": "subject",
    b"keywords": "keywords",
    b"doccomm": "description",
}
_MARGINS = frozenset(b"header headerl headerr headerf footer footerl footerr footerf".split())
_PARAGRAPHS = frozenset(b"par sect page column".split())
_CHARSETS = {
    **{0: "cp1252", 77: "mac_roman", 128: "cp932", 129: "cp949", 134: "gbk", 136: "big5", 161: "cp1253", 162: "cp1254"},
    **{163: "cp1258", 177: "cp1255", 178: "cp1256", 186: "cp1257", 204: "cp1251", 222: "cp874", 238: "cp1250"},
    **{254: "cp437", 255: "cp850"},
}
_PARAGRAPH_WORDS = frozenset({b"pard", b"intbl", b"s", b"outlinelevel"})
_HEADING = re.compile(rb"heading (\d)", re.IGNORECASE)


@dataclass(slots=True)
class _Group:
    """What holds in a group: where its text goes (`text`, `fonts`, `styles`, `picture`, a property, or nowhere), its
    code page, the characters that stand in for a Unicode one, and whether its text is deleted or hidden."""

    target: str = "text"
    encoding: str = "cp1252"
    stand_ins: int = 1
    is_deleted: bool = False
    is_list_mark: bool = False  # its text is the number or bullet of a paragraph
    begins: bool = True  # nothing but a control word came yet
    is_optional: bool = False  # it begins with \*


def read_rtf(file: BinaryIO) -> ReadDocument:
    """A document of Rich Text Format; one that is cut off as far as it goes."""
    data = file.read(LIMIT + 1)
    reader = _Reader()
    reader.read(data[:LIMIT])
    parts = reader.story.finish()
    for name in ("header", "footer"):
        if lines := reader.margins[name].finish():
            for part in lines:
                part.section, part.title = name, ""
            parts += lines
    notes = [f"Only the first {LIMIT >> 20} MB of the document were read."] if len(data) > LIMIT else []
    if reader.objects:
        notes.append(f"Files inside the document are not read: {reader.objects:,}.")
    damaged = "" if reader.is_whole else "The document is cut off; what is there was read."
    return ReadDocument(parts, reader.properties, notes, damaged)


class _Reader:
    """Reads control words one after the other, with a stack of groups."""

    def __init__(self) -> None:
        self.story = HeadingParts()
        self.margins = {"header": HeadingParts(), "footer": HeadingParts()}
        self.properties: dict[str, str] = {}
        self.objects = 0
        self.is_whole = False
        self._group = _Group()
        self._stack: list[_Group] = []
        self._text: list[str] = []
        self._bytes = bytearray()  # of the text, in the code page of the group
        self._to_skip = 0  # stand-ins for the Unicode character before them
        self._fonts: dict[int, str] = {}
        self._font = self._style = 0
        self._levels: dict[int, int] = {}
        self._level: int | None = None
        self._default = "cp1252"
        self._digits: list[bytes] = []
        self._digits_left = PICTURE_DIGITS
        self._in_row = False
        self._cells: list[str] = []

    def read(self, data: bytes) -> None:
        """Read the whole document. To be called once."""
        position = 0
        while (match := _TOKEN.match(data, position)) is not None:
            position = match.end()
            word, number, code, sign, brace, text = match.groups()
            if brace is not None:
                self._brace(brace)
                if self.is_whole:
                    return
            elif text is not None:
                self._plain(text)
            elif word is not None:
                value = int(number) if number is not None else None
                if word == b"bin":
                    position += max(value or 0, 0)
                self._word(word, value)
            elif code is not None:
                self._plain(bytes.fromhex(code.decode()), is_code=True)
            elif sign is not None:
                self._sign(sign)
        self._end_paragraph()

    def _brace(self, brace: bytes) -> None:
        self._flush()
        if brace == b"{":
            if len(self._stack) >= DEEPEST:
                sentence = f"Its groups are nested more than {DEEPEST:,} levels deep."
                raise ExtractionError(FailureCode.DECODE_ERROR, sentence)
            self._stack.append(self._group)
            self._group = replace(self._group, begins=True, is_optional=False)
            return
        if self._group.target == "picture" and self._digits:
            self._end_picture()
        if self._stack:
            ended, self._group = self._group, self._stack.pop()
            if ended.target != self._group.target and ended.target in self.margins:
                self._end_paragraph(ended.target)
        if not self._stack:
            self._end_paragraph()
            self.is_whole = True

    def _sign(self, sign: bytes) -> None:
        if sign == b"*":
            self._group.is_optional = True
        elif sign == b"~":
            self._add(" ")
        elif sign == b"_":
            self._add("-")
        elif sign in b"\\{}":
            self._plain(sign, is_code=True)
        elif sign in b"\r\n":
            self._word(b"par", None)

    def _word(self, word: bytes, value: int | None) -> None:
        group = self._group
        if group.begins and self._is_destination(word, group):
            group.begins = False
            return
        group.begins = False
        if word == b"u" and value is not None:
            self._flush()
            if abs(value) < 65536:
                self._add_unicode(value % 65536)
            self._to_skip = group.stand_ins
        elif word == b"uc":
            group.stand_ins = min(max(value or 0, 0), 16)
        elif word == b"deleted":
            self._flush()
            group.is_deleted = value != 0
        elif word == b"bin":
            self._to_skip = 0
        elif not self._encode(word, value):
            self._layout(word, value)

    def _encode(self, word: bytes, value: int | None) -> bool:
        """Whether a word is about the code page of the text to come, which is then changed."""
        group = self._group
        if word in (b"ansicpg", b"ansi", b"mac", b"pc", b"pca"):
            named = {b"ansi": "cp1252", b"mac": "mac_roman", b"pc": "cp437", b"pca": "cp850"}
            self._default = named.get(word) or _codec(value or 0) or self._default
            group.encoding = self._default
        elif word == b"f":
            self._flush()
            self._font = value or 0
            if group.target == "text" or group.target in self.margins:
                group.encoding = self._fonts.get(self._font, self._default)
        elif word == b"plain":
            self._flush()
            group.encoding, group.is_deleted = self._default, False
        elif word in (b"fcharset", b"cpg") and group.target == "fonts":
            found = _CHARSETS.get(value or 0, "") if word == b"fcharset" else _codec(value or 0)
            if found and (value or word == b"cpg"):
                self._fonts[self._font] = found
        else:
            return False
        return True

    def _is_destination(self, word: bytes, group: _Group) -> bool:
        """Whether the first word of a group says that its text goes elsewhere; the group is then changed."""
        if word in (b"fonttbl", b"stylesheet", b"pict"):
            group.target = {b"fonttbl": "fonts", b"stylesheet": "styles", b"pict": "picture"}[word]
            self._digits = []
        elif word == b"info" and group.target == "text":
            group.target = "info"
        elif word in _INFO and group.target == "info":
            group.target = _INFO[word]
        elif word in _MARGINS and group.target == "text":
            self._end_paragraph()
            group.target = word[:6].decode()
        elif word == b"footnote" or (word == b"annotation" and group.target == "text"):
            self._add(" ")
        elif word in (b"listtext", b"pntext"):
            group.is_list_mark = True
        elif word == b"object":
            self.objects += 1
            return True  # its result is text
        elif word in _UNREAD or (group.is_optional and word not in _KNOWN):
            group.target = "" if group.target != "styles" or word not in (b"cs", b"ds", b"ts") else "styles"
        else:
            return False
        return True

    def _layout(self, word: bytes, value: int | None) -> None:
        if self._group.target == "styles":
            if word == b"s":
                self._style = value or 0
            return
        if word in _SIGNS:
            self._add(_SIGNS[word])
        elif word in _SPACES:
            self._add(" ")
        elif word in _PARAGRAPH_WORDS:
            self._paragraph_word(word, value or 0)
        elif word in (b"cell", b"nestcell"):
            self._flush()
            self._cells.append("".join(self._text))
            self._text = []
        elif word in (b"row", b"nestrow") or (word in _PARAGRAPHS and not self._in_row):
            self._end_paragraph()
        elif word in _PARAGRAPHS:
            self._add(" ")

    def _paragraph_word(self, word: bytes, value: int) -> None:
        """What a paragraph is. In the mark of a list it says nothing of the paragraph that the mark stands before."""
        if self._group.is_list_mark:
            return
        if word == b"pard":
            self._style, self._level, self._in_row = 0, None, False
        elif word == b"intbl":
            self._in_row = True
        elif word == b"s":
            self._style = value
        else:
            self._level = min(max(value, 0), BODY_LEVEL)

    def _plain(self, text: bytes, is_code: bool = False) -> None:
        self._group.begins = False
        if self._group.target == "picture":
            self._digits_left -= len(text)
            if self._digits_left > 0 and not is_code:
                self._digits.append(text)
            return
        if self._to_skip:
            skipped = min(self._to_skip, len(text))
            self._to_skip -= skipped
            text = text[skipped:]
        self._bytes += text

    def _add_unicode(self, code: int) -> None:
        """Add a UTF-16 code unit; both halves of a pair come one after the other."""
        if 0xDC00 <= code < 0xE000 and self._text and "\ud800" <= self._text[-1][-1:] < "\udc00":
            high = ord(self._text.pop())
            self._add(chr(0x10000 + (high - 0xD800 << 10) + (code - 0xDC00)))
        else:
            self._add(chr(code))

    def _add(self, text: str) -> None:
        self._flush()
        if self._is_shown():
            self._text.append(text)

    def _is_shown(self) -> bool:
        return (self._group.target == "text" or self._group.target in self.margins) and not self._group.is_deleted

    def _flush(self) -> None:
        """Decode the bytes that were read since the last change of the code page or of the group."""
        if not self._bytes:
            return
        data, self._bytes = bytes(self._bytes), bytearray()
        target = self._group.target
        if self._is_shown():
            self._text.append(data.decode(self._group.encoding, "replace"))
        elif target == "styles" and (match := _HEADING.search(data)):
            self._levels[self._style] = int(match[1]) - 1 if match[1] != b"0" else BODY_LEVEL
        elif target in _INFO.values():
            self.properties[target] = self.properties.get(target, "") + data.decode(self._default, "replace")

    def _end_paragraph(self, target: str = "") -> None:
        self._flush()
        line = "".join(self._text).encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        self._text = []
        if self._cells:
            cells, self._cells = [*self._cells, line], []
            line = " | ".join(" ".join(cell.split()) for cell in cells).strip(" |")
        level = self._levels.get(self._style, BODY_LEVEL) if self._level is None else self._level
        where = target or self._group.target
        self.margins.get(where, self.story).add(line, BODY_LEVEL if where in self.margins else level)

    def _end_picture(self) -> None:
        digits, self._digits = b"".join(b"".join(self._digits).split()), []
        try:
            data = binascii.unhexlify(digits[: len(digits) // 2 * 2])
        except binascii.Error:
            return
        self.story.add_picture(Picture("", "", data))


def _codec(code_page: int) -> str:
    """The codec of a Windows code page; empty for one that is unknown."""
    name = {65001: "utf-8", 10000: "mac_roman", 1361: "johab", 20866: "koi8-r"}.get(code_page, f"cp{code_page}")
    try:
        return codecs.lookup(name).name
    except LookupError:
        return ""
