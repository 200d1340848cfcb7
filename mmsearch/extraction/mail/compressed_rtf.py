"""The compressed RTF of Outlook (LZFu, MS-OXRTFCP): a window of 4096 bytes that begins with common words."""

from __future__ import annotations

LIMIT = 8 << 20  # bytes of text that are written
WINDOW = 4096
FIRST_WORDS = (
    rb"{\rtf1\ansi\mac\deff0\deftab720{\fonttbl;}{\f0\fnil \froman \fswiss \fmodern \fscript \fdecor MS Sans"
    rb" SerifSymbolArialTimes New RomanCourier{\colortbl\red0\green0\blue0"
    + b"\r\n"
    + rb"\par \pard\plain\f0\fs20\b\i\u\tab\tx"
)


def decompressed(data: bytes) -> bytes:
    """The RTF in such a stream, as far as it can be read; empty where it is none."""
    kind = data[8:12]
    if kind == b"MELA":
        return data[16 : 16 + LIMIT]
    if kind != b"LZFu":
        return b""
    window = bytearray(WINDOW)
    window[: len(FIRST_WORDS)] = FIRST_WORDS
    at, write, found = 16, len(FIRST_WORDS), bytearray()
    while at < len(data) and len(found) < LIMIT:
        flags = data[at]
        at += 1
        for bit in range(8):
            if not flags >> bit & 1:
                copied = data[at : at + 1]
                at += 1
            else:
                pair = int.from_bytes(data[at : at + 2], "big")
                at += 2
                offset, length = pair >> 4, (pair & 0xF) + 2
                if offset == write or at > len(data):
                    return bytes(found)
                copied = bytes(_repeated(window, offset, write, length))
            for byte in copied:
                window[write] = byte
                write = (write + 1) % WINDOW
            found += copied
    return bytes(found)


def _repeated(window: bytearray, offset: int, write: int, length: int) -> bytearray:
    """A stretch of the window that may reach into itself, as it is written."""
    distance = (write - offset) % WINDOW
    found = bytearray()
    for step in range(length):
        found.append(window[(offset + step) % WINDOW] if step < distance else found[step - distance])
    return found
