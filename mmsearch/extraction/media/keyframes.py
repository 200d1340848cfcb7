"""The times of a film's key frames, read from the packets without decoding: the frames that depend on no other frame.

Phones, cameras and broadcasters write one every second or two. There it is enough to decode these, and more only where
two of them differ (`scenes.suspected_cuts`): a minute of a phone's film takes a fifth of the time.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from mmsearch.extraction.media.containers import PROBE_S, run_program
from mmsearch.extraction.media.video_decoder import Film
from mmsearch.types import Source

STEP_S = 0.9  # key frames nearer to the last one than this are passed over
GAP_S = 2.1  # between key frames; with a wider gap they are not enough
INDEXED = frozenset({"mp4", "mov", "matroska", "webm"})  # elsewhere seeking backwards is inexact
LEAST_S = 5.0  # of film for which another program is worth starting
INSIDE_S = 0.0005  # behind the beginning of a frame, so that rounding does not lead to the frame before


def key_times(source: Source, film: Film, start_s: float, stop_s: float) -> list[float]:
    """Times of key frames in `[start_s, stop_s)`, counted from the start of the film, about one a second; none where
    they are too far apart, unknown, or can't be reached directly."""
    if stop_s - start_s < LEAST_S or source.format not in INDEXED or film.seek != "approximate":
        return []
    interval = f"{max(film.origin_s + start_s, 0.0):.3f}%{film.origin_s + stop_s:.3f}"
    options = ["-select_streams", "v:0", "-show_entries", "packet=pts_time,flags", "-read_intervals", interval]
    answer, _ = run_program("ffprobe", source, [*options, "-of", "csv=p=0"], [], PROBE_S)
    times = sorted(
        time_s
        for time_s in (_key_time(line) - film.origin_s for line in answer.decode("ascii", "replace").splitlines())
        if start_s <= time_s < stop_s
    )
    return thinned(times, start_s, stop_s)


def _key_time(line: str) -> float:
    """The time of a packet that begins with a key frame; infinity for another one or none."""
    time_s, _, flags = line.partition(",")
    try:
        return float(time_s) + INSIDE_S if flags.startswith("K") else float("inf")
    except ValueError:
        return float("inf")


def thinned(times: Sequence[float], start_s: float, stop_s: float) -> list[float]:
    """Ascending times, none nearer than `STEP_S` to the one before it; none at all where a gap is wider than
    `GAP_S`."""
    kept: list[float] = []
    for time_s in times:
        if not kept or time_s - kept[-1] >= STEP_S:
            kept.append(time_s)
    edges = [start_s, *kept, stop_s]
    wide = any(right - left > GAP_S for left, right in itertools.pairwise(edges))
    return [] if wide else kept
