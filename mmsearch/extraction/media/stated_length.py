"""The length that a recording's header states, and whether the file holds as much: an unfinished download does not."""

from __future__ import annotations

import struct
from typing import BinaryIO

from mmsearch.extraction.media.containers import run_program
from mmsearch.types import Source

SHORTER_S, SHORTER_SHARE = 5.0, 0.05  # a recording that ends by more than both before its stated end is cut off
END_S = 20.0  # a packet this near to the end shows that the recording reaches it
STEP_S = 10.0  # how exactly the end of a long recording is looked for
PROBE_S = 20
RIFF_BYTES = 1 << 20
UNKNOWN_SIZE = 0x7FFFFF00  # sizes from here on are written where the length is not known yet


def cut_note(end_s: float, stated_s: float) -> str:
    """A sentence about a recording that ends clearly before the end that its header states; else empty."""
    if stated_s <= end_s + max(SHORTER_S, stated_s * SHORTER_SHARE):
        return ""
    return f"The recording ends at {_clock(end_s)} of {_clock(stated_s)}; the file is cut off or damaged."


def _clock(seconds: float) -> str:
    minutes, second = divmod(round(seconds), 60)
    hours, minute = divmod(minutes, 60)
    return f"{hours}:{minute:02d}:{second:02d}" if hours else f"{minute}:{second:02d}"


def riff_length_s(handle: BinaryIO) -> float:
    """The length that the header of a WAV or AVI file states, which FFmpeg shortens to that of the file; 0 for other
    files, and where the header states none."""
    handle.seek(0)
    head = handle.read(RIFF_BYTES)
    if head[:4] != b"RIFF" or len(head) < 64:
        return 0.0
    if head[8:12] == b"WAVE":
        at = head.find(b"fmt ", 12)
        data = head.find(b"data", at + 8)
        if at < 0 or data < 0 or len(head) < max(at + 24, data + 8):
            return 0.0
        rate, size = struct.unpack_from("<I", head, at + 16)[0], struct.unpack_from("<I", head, data + 4)[0]
        return size / rate if rate and size < UNKNOWN_SIZE else 0.0
    at = head.find(b"avih", 12) if head[8:12] == b"AVI " else -1
    if at < 0:
        return 0.0
    frame_us, frames = struct.unpack_from("<I", head, at + 8)[0], struct.unpack_from("<I", head, at + 24)[0]
    return frame_us * frames / 1e6 if frames < UNKNOWN_SIZE else 0.0


def packets_end_s(source: Source, origin_s: float, stated_s: float) -> float:
    """About where the packets of a long recording end, in seconds from `origin_s`, by seeking and without decoding:
    `stated_s` where they reach it or that can't be found out."""
    if _has_packet_at(source, origin_s, stated_s - END_S):
        return stated_s
    if not _has_packet_at(source, origin_s, 0.0):  # the program is missing, or the file has no times
        return stated_s
    low, high = 0.0, stated_s - END_S
    while high - low > STEP_S:
        middle = (low + high) / 2
        low, high = (middle, high) if _has_packet_at(source, origin_s, middle) else (low, middle)
    return high


def _has_packet_at(source: Source, origin_s: float, time_s: float) -> bool:
    """Whether ffprobe finds a packet of sound near a time or after it."""
    interval = f"{max(origin_s + time_s, 0.0):.3f}%+#8"
    options = ["-select_streams", "a:0", "-read_intervals", interval, "-show_entries", "packet=pts_time", "-of", "csv"]
    answer, _ = run_program("ffprobe", source, options, [], PROBE_S)
    times = [line.partition(b",")[2].strip(b", ") for line in answer.splitlines()]
    found = [float(time) for time in times if time and time != b"N/A"]
    return any(time >= origin_s + time_s - END_S / 2 for time in found)
