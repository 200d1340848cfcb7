"""SQLite's write-ahead log, read as a file: a damaged frame makes SQLite drop its commit and all later ones
in silence."""

from __future__ import annotations

import os
import struct
from typing import BinaryIO

from mmsearch.store.layout import IndexFolder

_HEAD = 32  # bytes of the log's header; 24 of a frame's
_MAGIC = 0x377F0682  # plus one: the checksums are over big-endian words


def lost_commits(folder: IndexFolder) -> int:
    """How many commits lie in the log from the first damaged frame on; 1 where its header is damaged. The caller holds
    the writer lock, or has seen that nobody does."""
    found = folder.signature(folder.log.name)
    if found is None or found[0] <= _HEAD:
        return 0
    with open(folder.open_part(folder.log.name, os.O_RDONLY), "rb") as file:
        return _lost(file)


def _lost(file: BinaryIO) -> int:
    head = file.read(_HEAD)
    magic, _, size = struct.unpack(">3I", head[:12])
    order = ">" if magic & 1 else "<"
    sums = _sum(order, head[:24], (0, 0))
    if magic & ~1 != _MAGIC or sums != struct.unpack(">2I", head[24:]) or not 512 <= size <= 65536:
        return 1
    lost, whole = 0, True
    while len(frame := file.read(24 + size)) == 24 + size:
        if frame[8:16] != head[16:24]:  # left from a log before this one, or damaged
            whole = False
            continue
        if whole:
            sums = _sum(order, frame[24:], _sum(order, frame[:8], sums))
            whole = sums == struct.unpack(">2I", frame[16:24])
        lost += not whole and frame[4:8] != b"\0\0\0\0"  # only the last frame of a commit has the catalogue's size
    return lost


def _sum(order: str, data: bytes, start: tuple[int, int]) -> tuple[int, int]:
    one, two = start
    words = struct.unpack(f"{order}{len(data) // 4}I", data)
    for even, odd in zip(words[::2], words[1::2], strict=True):
        one = (one + even + two) & 0xFFFFFFFF
        two = (two + odd + one) & 0xFFFFFFFF
    return one, two
