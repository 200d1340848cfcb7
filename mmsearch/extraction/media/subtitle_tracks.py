"""The subtitle tracks of a container: the words of all that are text, each with its language."""

from __future__ import annotations

import os
import selectors
import shutil
import subprocess
import time
from collections.abc import Mapping, Sequence
from typing import Any

from mmsearch.extraction.media.containers import has_program, input_limits, open_for_program
from mmsearch.extraction.media.subtitles import parse_subtitles
from mmsearch.language_tags import language_code
from mmsearch.types import Cue, Source

TEXT_CODECS = frozenset({"mov_text", "subrip", "srt", "ass", "ssa", "webvtt", "text"})
TRACKS = 40  # read of one file; release groups put some thirty languages into one
SUBTITLES_S = 60
TRACK_BYTES = 8 << 20
_BLOCK = 1 << 16


def embedded_cues(source: Source, facts: Mapping[str, Any] | None) -> tuple[list[Cue], list[str]]:
    """The cues of all text tracks of a container, without styling, and notes about what was not read. `facts` are
    `containers.container_facts`."""
    if facts is None:
        missing = not has_program("ffprobe")
        return [], ["Embedded subtitles were not read: the program ffprobe is missing."] if missing else []
    streams = [stream for stream in facts["streams"] if stream.get("codec_type") == "subtitle"]
    texts = sorted((one for one in streams if one.get("codec_name") in TEXT_CODECS), key=_rank)
    if not texts:
        return [], ["The embedded subtitles are pictures; their words were not read."] if streams else []
    if not has_program("ffmpeg"):
        return [], ["Embedded subtitles were not read: the program ffmpeg is missing."]
    notes = _left_out(len(streams) - len(texts), "that are pictures") + _left_out(len(texts) - TRACKS, "")
    tracks, complete = _track_texts(source, [int(stream["index"]) for stream in texts[:TRACKS]])
    cues: list[Cue] = []
    for stream, data in zip(texts, tracks, strict=False):
        language = language_code(str((stream.get("tags") or {}).get("language", "")))
        cues += [Cue(cue.start_s, cue.end_s, cue.text, language) for cue in parse_subtitles(data)]
    return cues, notes if complete else [*notes, "Embedded subtitles could not be read to their end."]


def _left_out(number: int, which: str) -> list[str]:
    tracks = "subtitle track" if number == 1 else "subtitle tracks"
    which = which and f" {which}" if number > 1 or not which else " that consists of pictures"
    return [f"Left out: {number} {tracks}{which}."] if number > 0 else []


def _rank(stream: Mapping[str, Any]) -> tuple[bool, bool]:
    """Sorts the default track first and those that hold only the signs and foreign words of a film last."""
    disposition = stream.get("disposition") or {}
    return bool(disposition.get("forced")), not disposition.get("default")


def _track_texts(source: Source, numbers: Sequence[int]) -> tuple[list[bytes], bool]:
    """The tracks of a file as SubRip, all read in one pass, each at most `TRACK_BYTES`; and whether ffmpeg succeeded in
    time. Where one of several spoils the pass, the first one is read alone."""
    tracks, complete = _single_pass(source, numbers)
    if not complete and len(numbers) > 1 and not any(tracks):
        return _single_pass(source, numbers[:1])[0], False
    return tracks, complete


def _single_pass(source: Source, numbers: Sequence[int]) -> tuple[list[bytes], bool]:
    path = shutil.which("ffmpeg")
    if path is None:
        return [], False
    pipes = [os.pipe() for _ in numbers]
    command = [path, *input_limits(), "-nostdin", "-timelimit", str(SUBTITLES_S), "-i", "file:/dev/fd/0"]
    for number, (_, end) in zip(numbers, pipes, strict=True):
        command += ["-map", f"0:{number}", "-vn", "-an", "-dn", "-f", "srt", f"pipe:{end}"]
    ends = [end for _, end in pipes]
    try:
        with open_for_program(source) as handle:
            if handle is None:
                raise OSError("a part of a file that is too large to copy")
            process = subprocess.Popen(
                command, stdin=handle, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, pass_fds=ends
            )
    except OSError:
        for pipe in pipes:
            os.close(pipe[0])
        return [], False
    finally:
        for end in ends:
            os.close(end)
    try:
        found, whole = _read_all([start for start, _ in pipes], time.monotonic() + SUBTITLES_S)
        if not whole:
            process.kill()
        return found, process.wait(timeout=5) == 0 and whole
    except subprocess.TimeoutExpired:
        return found, False
    finally:
        process.kill()
        process.wait()


def _read_all(pipes: Sequence[int], until: float) -> tuple[list[bytes], bool]:
    """What comes out of pipes until all are at their end; False where time or a limit ends it. Closes them."""
    found = {pipe: bytearray() for pipe in pipes}
    whole = True
    with selectors.DefaultSelector() as selector:
        for pipe in pipes:
            selector.register(pipe, selectors.EVENT_READ)
        while selector.get_map() and whole:
            ready = selector.select(max(until - time.monotonic(), 0.0))
            whole = bool(ready)
            for key, _ in ready:
                block = os.read(key.fd, _BLOCK)
                found[key.fd] += block
                whole = whole and len(found[key.fd]) <= TRACK_BYTES
                if not block:
                    selector.unregister(key.fd)
    for pipe in pipes:
        os.close(pipe)
    return [bytes(found[pipe]) for pipe in pipes], whole
