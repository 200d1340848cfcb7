"""TNEF files (winmail.dat) for tests."""

import struct
from collections.abc import Mapping, Sequence

UNICODE, BINARY, OBJECT, LONG, SHORT, TIME = 0x1F, 0x102, 0xD, 0x3, 0x2, 0x40
Property = tuple[int, int, bytes]  # number, type, value


def attribute(level: int, number: int, value: bytes, kind: int = 6) -> bytes:
    return struct.pack("<BHHI", level, number, kind, len(value)) + value + struct.pack("<H", sum(value) & 0xFFFF)


def padded(value: bytes) -> bytes:
    return value + bytes(-len(value) % 4)


def properties(values: Sequence[Property]) -> bytes:
    made = struct.pack("<I", len(values))
    for number, kind, value in values:
        made += struct.pack("<HH", kind, number)
        if number >= 0x8000:  # with a name
            name = "Keywords\0".encode("utf-16-le")
            made += bytes(16) + struct.pack("<II", 1, len(name)) + padded(name)
        variable = kind in (UNICODE, BINARY, OBJECT)
        made += (struct.pack("<II", 1, len(value)) if variable else b"") + padded(value)
    return made


def text(number: int, value: str) -> Property:
    return number, UNICODE, (value + "\0").encode("utf-16-le")


def tnef(
    files: Mapping[str, bytes] | None = None,
    values: Sequence[Property] = (),
    messages: Mapping[str, bytes] | None = None,
) -> bytes:
    """A file with these attachments, properties of the message, and messages, each TNEF itself."""
    made = b"\x78\x9f\x3e\x22" + struct.pack("<H", 1)
    made += attribute(1, 0x9006, struct.pack("<I", 0x10000)) + attribute(1, 0x9007, struct.pack("<II", 1252, 0))
    if values:
        made += attribute(1, 0x9003, properties(values))
    for name, data in (files or {}).items():
        made += attribute(2, 0x9002, bytes(14)) + attribute(2, 0x800F, data)
        made += attribute(2, 0x8010, name.encode("cp1252", "replace")[:8] + b"\0")
        made += attribute(2, 0x9005, properties([(0x3705, LONG, b"\1\0\0\0"), text(0x3707, name)]))
    for name, data in (messages or {}).items():
        made += attribute(2, 0x9002, bytes(14))
        made += attribute(2, 0x9005, properties([text(0x3707, name), (0x3701, OBJECT, bytes(16) + data)]))
    return made
