"""A recording that is cut off says where it ends and how long it claims to be; a whole one says nothing."""

from __future__ import annotations

import os
import struct
import subprocess
from io import BytesIO
from pathlib import Path

import pytest

from mmsearch.extraction.media import audio, video
from mmsearch.extraction.media.stated_length import cut_note, riff_length_s
from mmsearch.types import Kind, Needs, Probe, Source

FORMATS = {".mkv": "matroska"}


def made(path: Path, kind: Kind, share: float) -> Probe:
    """The probe of a recording of 100 seconds of which a share is left."""
    inputs = ["-f", "lavfi", "-i", "sine=d=100:r=11025"]
    if kind is Kind.VIDEO:
        inputs = ["-f", "lavfi", "-i", "testsrc2=s=64x48:r=5:d=100", *inputs, "-g", "10"]
    options = ["-movflags", "+faststart"] if path.suffix in (".mp4", ".m4a", ".mov") else []
    subprocess.run(["ffmpeg", "-nostdin", "-v", "error", "-y", *inputs, *options, str(path)], check=True)
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])
    facts = path.stat()
    stat = (facts.st_size, facts.st_mtime_ns, facts.st_ino)
    given = Source(os.fsencode(path), kind, FORMATS.get(path.suffix, path.suffix[1:]), stat)
    needs = Needs(ocr="never")
    return video.probe(given, needs) if kind is Kind.VIDEO else audio.probe(given, needs)


@pytest.mark.parametrize("ending", ["mp4", "mkv", "avi", "flv"])
def test_a_film_that_is_cut_off_says_so(tmp_path: Path, ending: str) -> None:
    found = made(tmp_path / f"film.{ending}", Kind.VIDEO, 0.5)
    assert found.details["duration_s"] == pytest.approx(50, abs=12)
    [note] = found.notes
    assert note.startswith("The recording ends at ") and note.endswith(" of 1:40; the file is cut off or damaged.")


@pytest.mark.parametrize("ending", ["wav", "flac", "m4a"])
@pytest.mark.parametrize("trusted_s", [1800.0, 30.0])
def test_a_sound_that_is_cut_off_says_so_also_where_its_length_is_not_measured_by_decoding(
    tmp_path: Path, ending: str, trusted_s: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audio, "TRUSTED_S", trusted_s)
    found = made(tmp_path / f"sound.{ending}", Kind.AUDIO, 0.5)
    assert found.details["duration_s"] == pytest.approx(50, abs=12)
    [note] = found.notes
    assert note.startswith("The recording ends at ") and note.endswith(" of 1:40; the file is cut off or damaged.")


@pytest.mark.parametrize("ending", ["wav", "flac", "m4a", "mp3", "ogg"])
@pytest.mark.parametrize("trusted_s", [1800.0, 30.0])
def test_a_whole_recording_has_no_note(
    tmp_path: Path, ending: str, trusted_s: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audio, "TRUSTED_S", trusted_s)
    found = made(tmp_path / f"sound.{ending}", Kind.AUDIO, 1.0)
    assert (found.notes, found.details["duration_s"]) == ((), pytest.approx(100, abs=0.5))


@pytest.mark.parametrize(
    ("end_s", "stated_s", "note"),
    [
        (31, 3720, "The recording ends at 0:31 of 1:02:00; the file is cut off or damaged."),
        (180, 47 * 3600, "The recording ends at 3:00 of 47:00:00; the file is cut off or damaged."),
        (96, 100, ""),
        (996, 1004, ""),
        (10, 0, ""),
    ],
)
def test_only_a_clear_difference_is_reported(end_s: float, stated_s: float, note: str) -> None:
    assert cut_note(end_s, stated_s) == note


@pytest.mark.parametrize("size", [0xFFFFFFFF, 0x7FFFFFFF, 0x7FFFFF00])
def test_a_length_that_was_not_known_when_the_header_was_written_is_none(size: int) -> None:
    wave = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, 1, 8000, 8000, 1, 8)
    head = b"RIFF" + struct.pack("<I", size) + b"WAVE" + wave + b"data"
    assert riff_length_s(BytesIO(head + struct.pack("<I", size) + bytes(100))) == 0.0
    assert riff_length_s(BytesIO(head + struct.pack("<I", 80_000) + bytes(100))) == 10.0


@pytest.mark.parametrize(
    "data", [b"", b"RIFF", b"RIFF1234WAVE" + bytes(99), b"RIFF1234AVI avih" + bytes(99), b"x" * 99]
)
def test_damaged_headers_state_no_length(data: bytes) -> None:
    assert riff_length_s(BytesIO(data)) == 0.0
    assert riff_length_s(BytesIO(data + b"avihfmt data" + bytes(12))) == 0.0
