"""Word documents of the old format (.doc) for tests."""

import struct
from collections.abc import Sequence

from ole_files import ole_file

STORIES = ("text", "footnotes", "header", "macros", "comments", "endnotes", "boxes", "header boxes")
FORMATS = b"\1" + struct.pack("<H", 3) + b"abc"  # that may stand before the table of ranges


def old_word(
    text: str = "",
    ranges: Sequence[tuple[str, bool]] = (),
    table: str = "1Table",
    flags: int = 0x200,
    version: int = 0xC1,
    **stories: str,
) -> bytes:
    """A document with this text, or with its text in ranges, each of one byte a character or of two."""
    every = list(ranges) or [(text, False)]
    lengths = {"text": sum(len(one) for one, _ in every)}
    for name in STORIES[1:]:
        if name in stories:
            every.append((stories[name], True))
            lengths[name] = len(stories[name])
    head = bytearray(0x400)
    struct.pack_into("<HH", head, 0, 0xA5EC, version)
    struct.pack_into("<H", head, 0xA, flags)
    for number, name in enumerate(STORIES):
        struct.pack_into("<I", head, 0x4C + 4 * number, lengths.get(name, 0))
    stream, bounds, places = bytes(head), [0], b""
    for words, is_single in every:
        place = 2 * len(stream) | 1 << 30 if is_single else len(stream)
        places += struct.pack("<HIH", 0, place, 0)
        stream += words.encode("cp1252" if is_single else "utf-16-le")
        bounds.append(bounds[-1] + len(words))
    found = struct.pack(f"<{len(bounds)}I", *bounds) + places
    clx = FORMATS + b"\2" + struct.pack("<I", len(found)) + found
    stream = stream[:0x1A2] + struct.pack("<II", 16, len(clx)) + stream[0x1AA:]
    return ole_file({"WordDocument": stream + bytes(4096), table: bytes(16) + clx + bytes(4096)})


def word_95(data: bytes, flags: int = 0) -> bytes:
    """A document of Word 95 with this text."""
    head = bytearray(0x300)
    struct.pack_into("<HH", head, 0, 0xA5DC, 0x68)
    struct.pack_into("<H", head, 0xA, flags)
    struct.pack_into("<II", head, 0x18, len(head), len(head) + len(data))
    return ole_file({"WordDocument": bytes(head) + data + bytes(4096)})
