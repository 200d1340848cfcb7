"""TNEF (MS-OXTNEF): the `winmail.dat` into which Outlook packs the attachments of a message, written anew as MIME.

The reader follows the lengths that the file states, never beyond its end, and stops where they make no sense.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field

from mmsearch.extraction.attachments import DEPTH
from mmsearch.extraction.mail.compressed_rtf import decompressed
from mmsearch.extraction.mail.mail_headers import decoded
from mmsearch.extraction.mail.outlook_message import ATTACHMENTS, HTML, RTF, TEXT, codepage, header_line, multipart

SIGNATURE = b"\x78\x9f\x3e\x22"
PROPERTIES = 10_000  # of a message or attachment that are read

_SUBJECT, _BODY, _FROM, _PROPERTIES, _CODEPAGE = 0x8004, 0x800C, 0x8000, 0x9003, 0x9007
_BEGINS, _TITLE, _DATA, _OF_ATTACHMENT = 0x9002, 0x8010, 0x800F, 0x9005
_FIXED = {
    0x2: 2,
    0x3: 4,
    0x4: 4,
    0x5: 8,
    0x6: 8,
    0x7: 8,
    0xA: 4,
    0xB: 2,
    0x14: 8,
    0x40: 8,
    0x48: 16,
}  # bytes of a value
_VARIABLE = frozenset({0xD, 0x1E, 0x1F, 0x102})
_MANY, _STRING, _UNICODE = 0x1000, 0x1E, 0x1F
_NAMED = 0x8000  # properties from here on have their name with them
_CLASS_ID = 16  # bytes before an object


@dataclass(slots=True)
class TnefPart:
    """A message or an attachment: its attributes and its properties, each with its type, by four digits in hex."""

    attributes: dict[int, bytes] = field(default_factory=dict)
    properties: dict[str, tuple[int, bytes]] = field(default_factory=dict)

    def data(self, number: str) -> bytes:
        """The bytes of a property; empty where it is missing."""
        return self.properties.get(number, (0, b""))[1]

    def text(self, number: str, encoding: str) -> str:
        """A property of text; empty where it is missing."""
        kind, data = self.properties.get(number, (0, b""))
        if kind == _UNICODE:
            return data.decode("utf-16-le", "replace").rstrip("\0")
        return decoded(data.rstrip(b"\0"), encoding) if kind == _STRING else ""


def is_tnef(data: bytes) -> bool:
    """Whether these are the bytes of a TNEF file."""
    return data.startswith(SIGNATURE)


def as_mime(data: bytes, depth: int = 0) -> bytes:
    """The message in a TNEF file as a MIME message, as far as it can be read."""
    message, attachments = _parts(data)
    encoding = codepage(int.from_bytes(message.attributes.get(_CODEPAGE, b"")[:4], "little") or 1252)
    plain = message.text(TEXT, encoding) or decoded(message.attributes.get(_BODY, b"").rstrip(b"\0"), encoding)
    html, rtf = message.data(HTML), b""
    if not plain.strip() and not html.strip():
        rtf = decompressed(message.data(RTF))
    bodies = [("text/plain; charset=utf-8", plain.encode("utf-8", "replace"))] if plain.strip() else []
    page = int.from_bytes(message.data("3FDE")[:4], "little")
    bodies += [("text/html" + (f"; charset={codepage(page)}" if page else ""), html)] if html.strip() else []
    bodies += [('application/rtf; name="message.rtf"', rtf)] if rtf else []
    body = multipart("alternative", bodies) if len(bodies) > 1 else bodies[0] if bodies else ("text/plain", b"")
    found = [one for each in attachments[:ATTACHMENTS] if (one := _attachment(each, encoding, depth)) is not None]
    kind, content = multipart("mixed", [body, *found]) if found else body
    subject = message.text("0037", encoding) or decoded(message.attributes.get(_SUBJECT, b"").rstrip(b"\0"), encoding)
    return f"Subject: {header_line(subject)}\nContent-Type: {kind}\n\n".encode("utf-8", "replace") + content


def _attachment(part: TnefPart, encoding: str, depth: int) -> tuple[str, bytes] | None:
    """The type and the bytes of an attachment; None for one that is no file and no message."""
    title = part.text("3707", encoding) or part.text("3704", encoding)
    title = title or decoded(part.attributes.get(_TITLE, b"").rstrip(b"\0"), encoding)
    name = header_line(title).replace('"', "'") or "attachment"
    inner = part.data("3701")[_CLASS_ID:]
    if is_tnef(inner):
        return (f'message/rfc822; name="{name}"', as_mime(inner, depth + 1)) if depth < DEPTH else None
    data = part.attributes.get(_DATA) or part.data("3701")
    return (f'application/octet-stream; name="{name}"', data) if data else None


def _parts(data: bytes) -> tuple[TnefPart, list[TnefPart]]:
    """The message and its attachments."""
    message, attachments = TnefPart(), list[TnefPart]()
    for number, value in _attributes(data):
        if number == _BEGINS:
            attachments.append(TnefPart())
        elif number in (_TITLE, _DATA) and attachments:
            attachments[-1].attributes[number] = value
        elif number == _OF_ATTACHMENT and attachments:
            attachments[-1].properties = dict(_properties(value))
        elif number == _PROPERTIES:
            message.properties = dict(_properties(value))
        elif number in (_SUBJECT, _BODY, _FROM, _CODEPAGE):
            message.attributes[number] = value
    return message, attachments


def _attributes(data: bytes) -> Iterator[tuple[int, bytes]]:
    """The attributes in their order, each without its checksum."""
    at = len(SIGNATURE) + 2
    while at + 9 <= len(data):
        number, _, length = struct.unpack_from("<HHI", data, at + 1)
        start = at + 9
        if start + length > len(data):
            return
        yield number, data[start : start + length]
        at = start + length + 2


def _properties(data: bytes) -> Iterator[tuple[str, tuple[int, bytes]]]:
    """The properties in an attribute, each with its type; of several values the first."""
    try:
        count, at = min(int.from_bytes(data[:4], "little"), PROPERTIES), 4
        for _ in range(count):
            kind, number = struct.unpack_from("<HH", data, at)
            at += 4
            if number >= _NAMED:
                at = _after_name(data, at)
            values = 1
            if kind & _MANY or kind in _VARIABLE:
                (values,) = struct.unpack_from("<I", data, at)
                at += 4
            kind &= ~_MANY
            value, at = _value(data, at, kind, values)
            yield f"{number:04X}", (kind, value)
    except (struct.error, KeyError, ValueError):  # damage, or a type that is unknown: what comes after has no place
        return


def _value(data: bytes, at: int, kind: int, values: int) -> tuple[bytes, int]:
    """The first of some values of a property, and the place after the last."""
    if kind not in _VARIABLE:
        size = _FIXED[kind]
        return data[at : at + size], at + values * (size + -size % 4)
    first = b""
    for number in range(values):
        (size,) = struct.unpack_from("<I", data, at)
        if at + 4 + size > len(data):
            raise ValueError("longer than the file")
        first = first if number else data[at + 4 : at + 4 + size]
        at += 4 + size + -size % 4
    return first, at


def _after_name(data: bytes, at: int) -> int:
    """The place after the name of a property: a class id, and a number or a text."""
    is_text, length = struct.unpack_from("<II", data, at + 16)
    return at + 24 + (length + -length % 4 if is_text else 0)
