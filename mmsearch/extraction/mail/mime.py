"""The parts of a mail message: headers by the standard library, bodies by a splitter that is linear and bounded.

`email.parser` keeps every line as an object and nests a call for each level, which hostile messages exploit. Here a
body is a range of the message's bytes, and a multipart is split by one search for its boundary.
"""

from __future__ import annotations

import binascii
import email.message
import email.parser
import email.policy
import quopri
import re
from collections.abc import Iterator
from dataclasses import dataclass

from mmsearch.extraction.mail.mail_headers import block_text, header_text

HEADER_BYTES = 256 << 10  # of one part that are read
DEPTH = 20  # of parts within parts; what lies deeper is left out
PARTS = 1000  # of a message
NAME = 120  # characters of the name of an attachment

HEADERS = re.compile(rb"(?:(?:[!-9;-~]+[ \t]*:|[ \t]+[^ \t\r\n]|>?From )[^\n]*+(?:\n|\Z))*+")
EMPTY_LINE = re.compile(rb"\n\r?\n")
FIRST_BOUNDARY = re.compile(rb"^--([^\s-][^\r\n]{0,199}?)(?:--)?[ \t]*\r?$", re.MULTILINE)
NO_BASE64 = bytes(set(range(256)) - set(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/="))


@dataclass(frozen=True, slots=True, eq=False)
class MimePart:
    """A part of a message: its headers, and the range of its body in `data`; of a multipart its parts."""

    headers: email.message.Message
    data: bytes
    start: int
    stop: int
    content_type: str
    parts: tuple[MimePart, ...] = ()
    is_cut: bool = False  # it has further parts, or parts that lie too deep

    def parameter(self, name: str, header: str = "content-type") -> str:
        """A parameter of a header; empty where it is missing or damaged."""
        try:
            value = self.headers.get_param(name, "", header)
            return value.strip() if isinstance(value, str) else _collapsed(value)
        except Exception:  # damaged encodings of parameters raise several types
            return ""

    @property
    def disposition(self) -> str:
        """`attachment`, `inline`, another word, or nothing."""
        value = str(self.headers.get("content-disposition", ""))
        return value.partition(";")[0].strip().lower()

    @property
    def name(self) -> str:
        """The file name of an attachment without folders; empty where it has none."""
        name = header_text(self.parameter("filename", "content-disposition") or self.parameter("name"))
        name = " ".join(re.split(r"[/\\]", name)[-1].split())
        return name if len(name) <= NAME else f"{name[: NAME // 2]}…{name[-NAME // 2 :]}"

    def content(self) -> bytes:
        """The bytes of the body, decoded as far as they can be."""
        body = self.data[self.start : self.stop]
        encoding = str(self.headers.get("content-transfer-encoding", "")).strip().lower()
        if encoding.startswith("base64"):
            return from_base64(body)
        if encoding.startswith("quoted-printable"):
            return quopri.decodestring(body)
        if encoding in ("x-uuencode", "uuencode", "x-uue", "uue"):
            return from_uuencode(body)
        return body


def read_part(
    data: bytes, start: int = 0, stop: int | None = None, default: str = "text/plain", budget: list[int] | None = None
) -> MimePart:
    """The message or part in `data[start:stop]`. `budget` holds how many parts and levels may follow."""
    stop = len(data) if stop is None else stop
    parts_left, levels_left = budget = budget or [PARTS, DEPTH]
    headers, body = _headers(data, start, stop)
    content_type = headers.get_content_type() if "content-type" in headers else default
    if not content_type.startswith("multipart/"):
        return MimePart(headers, data, body, stop, content_type)
    if parts_left <= 0 or levels_left <= 0:
        return MimePart(headers, data, body, stop, content_type, is_cut=True)
    part = MimePart(headers, data, body, stop, content_type)
    inner = "message/rfc822" if content_type == "multipart/digest" else "text/plain"
    found: list[MimePart] = []
    is_cut = False
    budget[1] -= 1
    for begin, finish in _ranges(part):
        if budget[0] <= 0:
            is_cut = True
            break
        budget[0] -= 1
        found.append(read_part(data, begin, finish, inner, budget))
    budget[1] += 1
    return MimePart(headers, data, body, stop, content_type, tuple(found), is_cut)


def _ranges(part: MimePart) -> Iterator[tuple[int, int]]:
    """The ranges of the parts of a multipart. Where its boundary is not named, or does not occur, the first line that
    looks like one is taken."""
    boundary = part.parameter("boundary").rstrip().encode("utf-8", "surrogateescape")
    if not boundary or part.data.find(b"--" + boundary, part.start, part.stop) < 0:
        first = FIRST_BOUNDARY.search(part.data, part.start, part.stop)
        if first is None:
            yield part.start, part.stop
            return
        boundary = first[1]
    begin = -1
    pattern = re.compile(rb"^--" + re.escape(boundary) + rb"(--)?[ \t]*\r?$", re.MULTILINE)
    for match in pattern.finditer(part.data, part.start, part.stop):
        if begin >= 0:
            yield begin, max(begin, _before_newline(part.data, match.start()))
        begin = min(match.end() + 1, part.stop)
        if match[1]:
            return
    if begin >= 0:
        yield begin, part.stop


def _before_newline(data: bytes, end: int) -> int:
    """The end without one line end before it: that belongs to the boundary."""
    return end - 2 if data.endswith(b"\r\n", max(end - 2, 0), end) else end - 1


def _headers(data: bytes, start: int, stop: int) -> tuple[email.message.Message, int]:
    """The headers of a part, of very many the first, and where its body begins."""
    window = min(stop, start + HEADER_BYTES)
    block = HEADERS.match(data, start, window)
    end = block.end() if block else start
    if window < stop and data.find(b"\n", end, window) < 0:  # the headers go on
        empty = EMPTY_LINE.search(data, end, stop)
        body = empty.end() if empty else stop
    else:
        body = end + 2 if data.startswith(b"\r\n", end) else end + 1 if data.startswith(b"\n", end) else end
    try:
        parsed = email.parser.HeaderParser(policy=email.policy.compat32).parsestr(block_text(data[start:end]))
    except Exception:  # a parser that is given anything raises anything; the body is still there
        parsed = email.message.Message()
    return parsed, min(body, stop)


def _collapsed(value: object) -> str:
    """A parameter in parts or with an encoding, as RFC 2231 has it."""
    import email.utils

    return email.utils.collapse_rfc2231_value(value).strip()  # type: ignore[arg-type]


def from_base64(body: bytes) -> bytes:
    """Base64 as far as it can be decoded: other characters are left out, and so is the rest of a cut group."""
    clean = body.translate(None, NO_BASE64)
    found: list[bytes] = []
    for run in re.split(rb"=+", clean):  # concatenated parts each have their own padding
        whole = len(run) - (len(run) % 4 == 1)
        run = run[:whole]
        try:
            found.append(binascii.a2b_base64(run + b"=" * (-len(run) % 4)))
        except binascii.Error:
            continue
    return b"".join(found)


def from_uuencode(body: bytes) -> bytes:
    """The lines of a uuencoded file as far as they can be decoded."""
    found: list[bytes] = []
    for line in body.splitlines():
        if line.startswith((b"begin ", b"end")) or not line.strip():
            continue
        try:
            found.append(binascii.a2b_uu(line))
        except binascii.Error:
            continue
    return b"".join(found)
