"""The contents of media containers, and which of them may be opened.

Containers are examined by the `ffprobe` and `ffmpeg` programs (of the FFmpeg that torchcodec needs). They get the open
file as their standard input and read it as `/dev/fd/0`: they see the file that was checked, no file name that could be
misread, and only demuxers of real containers, so that a playlist can't lead them to other files. torchcodec takes no
such list: `check_container` refuses the formats through which FFmpeg would open other files (HLS, DASH, IMF, ffconcat,
SDP, VobSub index) before torchcodec sees them. FFmpeg would still follow a format that it recognizes by other signs and
that names other files; the sandbox of the worker limits what that can reach.
"""

from __future__ import annotations

import io
import json
import os
import shutil
import struct
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, BinaryIO

from mmsearch.errors import ExtractionError, FailureCode
from mmsearch.extraction.sandbox import FILE_BYTES
from mmsearch.extraction.source import open_source
from mmsearch.types import Source

DEMUXERS = (
    "aac,ac3,aiff,amr,ape,asf,au,avi,caf,dv,eac3,flac,flv,h264,hevc,ivf,m4v,matroska,mov,mp3,mpeg,mpegts,mpegvideo,"
    "mxf,nut,ogg,rm,tta,w64,wav,wv"
)
HEAD_BYTES = 65_536
MOOV_BYTES = 8 << 20
PROBE_S = 30
DECODER_ERRORS = (RuntimeError, ValueError, IndexError, KeyError, TypeError, AssertionError, OSError)
_PLAYLIST_STARTS = (b"#extm3u", b"ffconcat", b"<?xml", b"<mpd", b"[reference]", b"[playlist]", b"v=0", b"# vobsub")
_PLAYLIST_SIGNS = (b"<mpd", b"dash:profile", b"<compositionplaylist", b"c=in ip")
_ASF_ENCRYPTION = (  # GUIDs of the content encryption and extended content encryption objects
    bytes.fromhex("fbb3112223bdd211b4b700a0c955fc6e"),
    bytes.fromhex("14e68a292226174cb935dae07ee9289c"),
)


class MediaFile(io.RawIOBase):
    """An open file as torchcodec reads it. A seek to an impossible position, as a damaged container causes, returns an
    error number like FFmpeg's own files, so that the demuxer continues; an exception would end it."""

    def __init__(self, handle: BinaryIO) -> None:
        self._handle = handle
        handle.seek(0)

    def read(self, size: int = 0) -> bytes:
        """Up to `size` bytes; none at the end."""
        return self._handle.read(max(size, 0))

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """The new position, or -22 (EINVAL)."""
        try:
            return self._handle.seek(offset, whence)
        except (OSError, ValueError, OverflowError):
            return -22


@contextmanager
def translate_decoder_errors(what: str) -> Iterator[None]:
    """Translate the errors of decoders into `ExtractionError` (`memory` or `decode-error`) about the `what`."""
    try:
        yield
    except (MemoryError, *DECODER_ERRORS) as error:
        if isinstance(error, MemoryError) or "allocate" in str(error):
            sentence = f"The {what} needs more memory to decode than a worker may use."
            raise ExtractionError(FailureCode.MEMORY, sentence) from error
        sentence = f"The {what} can't be decoded; it is damaged or of a format that FFmpeg doesn't know."
        raise ExtractionError(FailureCode.DECODE_ERROR, sentence) from error


def check_container(handle: BinaryIO) -> None:
    """Refuse what no media decoder should open: empty files, playlists and other plain text, protected media. Leaves
    the position at the start.

    Raises `ExtractionError` with code `decode-error` or `encrypted`."""
    head = handle.read(HEAD_BYTES)
    if not head:
        raise ExtractionError(FailureCode.DECODE_ERROR, "The file is empty.")
    if head[:3] == b"ID3" and len(head) >= 10:  # FFmpeg detects the format after the tag
        tag = 10 + sum((byte & 0x7F) << shift for byte, shift in zip(head[6:10], (21, 14, 7, 0), strict=True))
        body = _read_at(handle, tag, HEAD_BYTES)
    else:
        body = head
    words = body.split(b"\0", 1)[0].lower()
    plain = len(body) > 0 and not any(byte < 9 or 14 <= byte < 32 for byte in body[:1024])
    if words.startswith(_PLAYLIST_STARTS) or any(sign in words for sign in _PLAYLIST_SIGNS) or plain:
        raise ExtractionError(FailureCode.DECODE_ERROR, "This is text, perhaps a playlist, and no recording.")
    if any(guid in head for guid in _ASF_ENCRYPTION) or _is_protected_mp4(handle):
        raise ExtractionError(FailureCode.ENCRYPTED, "The recording is protected by digital rights management.")
    handle.seek(0)


def _read_at(handle: BinaryIO, offset: int, size: int) -> bytes:
    handle.seek(offset)
    return handle.read(size)


def _is_protected_mp4(handle: BinaryIO) -> bool:
    """Whether an ISO media file describes protected samples (ISO/IEC 14496-12: `sinf` with `frma` and `schm`)."""
    offset = 0
    for place in range(1000):
        head = _read_at(handle, offset, 16)
        if len(head) < 8 or (place == 0 and head[4:8] not in (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip")):
            return False
        size = struct.unpack(">I", head[:4])[0]
        if size == 1 and len(head) == 16:
            size = struct.unpack(">Q", head[8:])[0]
        if head[4:8] == b"moov":
            moov = _read_at(handle, offset, min(size or MOOV_BYTES, MOOV_BYTES))
            return all(name in moov for name in (b"sinf", b"frma", b"schm"))
        if size < 8 or offset + size >= 1 << 62:
            return False
        offset += size
    return False


def container_facts(source: Source) -> dict[str, Any] | None:
    """What ffprobe reports about the file, `streams` and `format` as in its JSON; None without the program or its
    output.

    Raises `ExtractionError` as `open_source` does."""
    entries = "format=start_time,duration:format_tags:stream=index,codec_type,codec_name"
    entries += (
        ":stream_disposition=attached_pic,forced,default:stream_tags=language:chapter=id,start_time:chapter_tags=title"
    )
    answer, _ = run_program("ffprobe", source, ["-show_entries", entries, "-of", "json"], [], PROBE_S)
    try:
        facts = json.loads(answer)
    except ValueError:
        return None
    return facts if isinstance(facts, dict) and facts.get("streams") else None


def left_out(facts: Mapping[str, Any] | None) -> list[str]:
    """Sentences about the parts of a container that are not indexed: further tracks of pictures and sound."""
    if facts is None:
        return []
    streams = [one for one in facts["streams"] if isinstance(one, dict)]
    pictures = [one for one in streams if not (one.get("disposition") or {}).get("attached_pic")]
    notes = []
    for kind, one, several in (
        ("video", "further video track", "further video tracks"),
        ("audio", "further sound track", "further sound tracks"),
    ):
        more = sum(stream.get("codec_type") == kind for stream in pictures) - 1
        if more > 0:
            notes.append(f"Left out: {more} {one if more == 1 else several}.")
    return notes


def has_program(name: str) -> bool:
    """Whether the program `ffmpeg` or `ffprobe` can be started here."""
    return shutil.which(name) is not None


def input_limits() -> list[str]:
    """The options that limit what ffmpeg and ffprobe may open."""
    return ["-v", "error", "-protocol_whitelist", "file,pipe", "-format_whitelist", DEMUXERS]


def run_program(
    name: str, source: Source, options: Sequence[str], outputs: Sequence[str], seconds: float
) -> tuple[bytes, bool]:
    """The output of ffmpeg or ffprobe for the source, and whether it succeeded in time; empty when it is missing."""
    path = shutil.which(name)
    if path is None:
        return b"", False
    command = [path, *input_limits(), *options, "-i", "file:/dev/fd/0", *outputs]
    with open_for_program(source) as handle:
        if handle is None:
            return b"", False
        try:
            done = subprocess.run(
                command, stdin=handle, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, timeout=seconds, check=False
            )
        except subprocess.TimeoutExpired as error:
            return error.stdout or b"", False
        except OSError:
            return b"", False
    return done.stdout, done.returncode == 0


@contextmanager
def open_for_program(source: Source) -> Iterator[BinaryIO | None]:
    """The open file of a source, which a program can read: of a part of another file a copy in memory that has a
    descriptor. None where that can't be made, as for more than the sandbox lets a worker write. Raises as
    `open_source`."""
    opened = open_source(source)
    if not isinstance(opened, io.BytesIO):
        with opened:
            yield opened
    elif not hasattr(os, "memfd_create") or len(opened.getbuffer()) > FILE_BYTES:
        yield None
    else:
        with open(os.memfd_create("part"), "w+b") as copy:
            try:
                copy.write(opened.getbuffer())
                copy.seek(0)
            except OSError:
                yield None
                return
            yield copy
