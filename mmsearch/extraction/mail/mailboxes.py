"""Mailboxes in the mbox format: where each message begins, found in blocks, so that gigabytes take little memory."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise
from typing import BinaryIO

from mmsearch.types import Span

SPAN = 1 << 20  # bytes of messages, from which on a span ends
BLOCK = 4 << 20
LINE = 600  # bytes around the start of a line that decide whether it separates messages

SEPARATOR = re.compile(rb"From [^\r\n]*(?:\r?\n|\r|\Z)")
DATED = re.compile(rb"From .{0,300}\d{1,2}:\d{2}.{0,60}(?:19|20)\d{2}")
HEADER = re.compile(rb"[!-9;-~]{1,70}:")
KNOWN_HEADER = re.compile(
    rb"(?:received|return-path|delivered-to|message-id|from|to|subject|date|mime-version|x-[a-z-]{3,40}):",
    re.IGNORECASE,
)
QUOTED_FROM = re.compile(rb"^>(>*From )", re.MULTILINE)
MOZILLA_STATUS = re.compile(rb"^X-Mozilla-Status: ([0-9a-fA-F]{4})\r?$", re.MULTILINE)
EXPUNGED = 0x8
FRAME = re.compile(rb"\s*(\d{1,12})[ \t]*\r?\n")


def starts(file: BinaryIO, start: int, stop: int) -> Iterator[int]:
    """The places in `[start, stop)` at which a message begins, with the line that separates it from the one before."""
    before, at = b"\n\n", start  # the bytes before `at`: what a line follows is a part of the decision
    while at < stop:
        size = min(BLOCK, stop - at)
        file.seek(at)
        block = before + file.read(size + LINE)
        end = len(before) + size
        place = block.find(b"\nFrom ", max(len(before) - 1, 0))
        while 0 <= place < end - 1:
            if _separates(block, place + 1):
                yield at + place + 1 - len(before)
            place = block.find(b"\nFrom ", place + 1)
        before, at = block[:end][-LINE:], at + size


def _separates(block: bytes, place: int) -> bool:
    """Whether the line that begins at `place` with `From ` separates two messages: it is dated or follows an empty
    line, and a header follows. A line of a text that begins so is quoted by a `>` where programs are careful."""
    line = SEPARATOR.match(block, place, place + LINE)
    if line is None:
        return False
    follows_empty = block.endswith((b"\n\n", b"\n\r\n"), 0, place)
    if DATED.match(block, place, line.end()):
        return follows_empty or HEADER.match(block, line.end()) is not None
    return follows_empty and KNOWN_HEADER.match(block, line.end()) is not None


def spans(file: BinaryIO, size: int) -> Iterator[Span]:
    """Spans of whole messages, of about `SPAN` bytes or one long message each; `first` is the number of a span's first
    message, counted from 1."""
    begin, first = -1, 1
    for number, place in enumerate(starts(file, 0, size), 1):
        if begin < 0:
            begin = place
        elif place - begin >= SPAN:
            yield Span(begin, place, first)
            begin, first = place, number
    if begin >= 0:
        yield Span(begin, size, first)


def messages(file: BinaryIO, start: int, stop: int, limit: int) -> Iterator[bytes]:
    """The messages in a span, each without its separating line, at most `limit` bytes of each."""
    places = [*starts(file, start, stop), stop]
    for begin, end in pairwise(places):
        file.seek(begin)
        data = file.read(min(end - begin, limit))
        line = SEPARATOR.match(data)
        data = data[line.end() :] if line else data
        yield QUOTED_FROM.sub(rb"\1", data) if b"\n>From " in data else data


def is_deleted(data: bytes) -> bool:
    """Whether Thunderbird has marked a message as deleted and only not yet taken it out of its file."""
    status = MOZILLA_STATUS.search(data, 0, 2000)
    return status is not None and int(status[1], 16) & EXPUNGED != 0


def without_frame(data: bytes) -> bytes:
    """The message in a file of Apple Mail: a line with its length comes before it, a property list after it."""
    frame = FRAME.match(data)
    return data[frame.end() : frame.end() + int(frame[1])] if frame else data
