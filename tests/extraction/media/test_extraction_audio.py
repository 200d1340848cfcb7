"""What extraction promises about recordings."""

from __future__ import annotations

import json
import os
import struct
import subprocess
import wave
from pathlib import Path
from typing import cast

import numpy as np
import pytest

from mmsearch.errors import ExtractionError
from mmsearch.extraction.media import audio
from mmsearch.extraction.media.cues import parse_lrc
from mmsearch.extraction.media.tags import read_tags
from mmsearch.types import Cue, Extracted, Kind, Needs, Probe, Source

RATE = 8000


def source(path: Path, *sidecars: Path, kind: Kind = Kind.AUDIO) -> Source:
    facts = path.stat()
    return Source(
        os.fsencode(path),
        kind,
        path.suffix[1:],
        (facts.st_size, facts.st_mtime_ns, facts.st_ino),
        tuple(map(os.fsencode, sidecars)),
    )


def steps(seconds: float) -> np.ndarray:
    """A tone that rises by 20 Hz every ten seconds, so that a window's pitch tells its place."""
    time = np.arange(round(seconds * RATE)) / RATE
    return (0.4 * np.sin(2 * np.pi * np.floor(time / 10 + 10) * 20 * time) * 32767).astype("<i2")


def pitch(samples: np.ndarray) -> float:
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples))))
    return float(np.argmax(spectrum) * RATE / len(samples))


def write_wav(path: Path, samples: np.ndarray) -> Path:
    with wave.open(str(path), "wb") as out:
        out.setparams((1, 2, RATE, 0, "NONE", ""))
        out.writeframes(samples.tobytes())
    return path


def ffmpeg(*arguments: object) -> None:
    subprocess.run(["ffmpeg", "-nostdin", "-v", "error", "-y", *map(str, arguments)], check=True)


def everything(given: Source, needs: Needs) -> tuple[Probe, list[Extracted]]:
    """Probe (through JSON, as the parent process keeps it) and all segments."""
    found = audio.probe(given, needs)
    found = Probe(found.spans, json.loads(json.dumps(dict(found.details))), found.notes)
    return found, [one for i in range(len(found.spans)) for one in audio.extract(given, found, i, needs)]


def places(segments: list[Extracted]) -> list[tuple[float | None, float | None]]:
    return [(one.segment.locator.start_s, one.segment.locator.end_s) for one in segments]


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (0.3, [(0, 0.3)]),
        (10.0, [(0, 10)]),
        (10.5, [(0, 10.5)]),
        (25.0, [(0, 10), (10, 20), (20, 25)]),
        (120.5, [(i * 10.0, i * 10.0 + 10) for i in range(11)] + [(110, 120.5)]),
        (122.0, [(i * 10.0, i * 10.0 + 10) for i in range(12)] + [(120, 122)]),
    ],
)
def test_windows_of_ten_seconds_cover_the_recording(
    tmp_path: Path, seconds: float, expected: list[tuple[float, float]]
) -> None:
    _, segments = everything(source(write_wav(tmp_path / "a.wav", steps(seconds))), Needs())
    assert places(segments) == expected
    assert [one.segment.ordinal for one in segments] == sorted({one.segment.ordinal for one in segments})
    assert all(one.sound is None and one.ocr_image is None for one in segments)


def test_sound_is_what_the_file_holds(tmp_path: Path) -> None:
    samples = steps(134.0)
    _, segments = everything(source(write_wav(tmp_path / "a.wav", samples)), Needs(sound_rate=RATE))
    heard = np.concatenate([cast(np.ndarray, one.sound) for one in segments])
    assert heard.dtype == np.float32
    assert [len(cast(np.ndarray, one.sound)) for one in segments] == [80_000] * 13 + [32_000]
    np.testing.assert_allclose(heard, samples / 32768, atol=1e-4)


@pytest.mark.parametrize("ending", ["mp3", "ogg", "flac", "m4a", "wma"])
def test_late_windows_of_every_codec_hold_their_own_sound(tmp_path: Path, ending: str) -> None:
    ffmpeg("-i", write_wav(tmp_path / "a.wav", steps(135)), "-ar", 16000, tmp_path / f"b.{ending}")
    given = source(tmp_path / f"b.{ending}")
    found = audio.probe(given, Needs())
    assert found.details["duration_s"] == pytest.approx(135, abs=0.2)
    late = list(audio.extract(given, found, 1, Needs(sound_rate=RATE)))  # without span 0 before it
    assert [round(pitch(cast(np.ndarray, one.sound)[1000:39_000]) / 20) for one in late] == [22, 23]


def test_tags_are_the_words_of_the_first_window(tmp_path: Path) -> None:
    tags = {"title": "Träume", "artist": "A. Singer", "album": "Songs", "comment": "recorded at night", "genre": "Folk"}
    tags |= {"composer": "B. Writer", "album_artist": "A. Singer"}
    written = {**tags, "track": "7/12"}
    metadata = [part for name, value in written.items() for part in ("-metadata", f"{name}={value}")]
    ffmpeg("-i", write_wav(tmp_path / "a.wav", steps(12)), *metadata, "-metadata", "date=1999", tmp_path / "b.mp3")
    found, segments = everything(source(tmp_path / "b.mp3"), Needs())
    assert [one.segment.text for one in segments] == [
        "Träume\nA. Singer\nB. Writer\nSongs\nTrack 7\nFolk\n1999\nrecorded at night",
        "",
    ]
    assert {name: found.details[name] for name in tags} == tags
    assert found.details["year"] == "1999"


def test_words_that_encoders_leave_are_no_tags(tmp_path: Path) -> None:
    ffmpeg("-i", write_wav(tmp_path / "a.wav", steps(2)), "-metadata", "comment=Lavf58.29.100", tmp_path / "b.mp3")
    with open(tmp_path / "b.mp3", "rb") as handle:
        assert read_tags(handle) == {}


def test_subtitles_beside_a_recording_become_the_words_of_their_windows(tmp_path: Path) -> None:
    sidecar = tmp_path / "a.srt"
    sidecar.write_text(
        "1\n00:00:09,500 --> 00:00:12,000\nlast words\n\n2\n00:00:10,000 --> 00:00:11,000\nfirst words\n"
    )
    _, segments = everything(source(write_wav(tmp_path / "a.wav", steps(15)), sidecar), Needs())
    assert [(one.segment.text, one.segment.cues) for one in segments] == [
        ("last words", (Cue(9.5, 12.0, "last words"),)),
        ("first words", (Cue(10.0, 11.0, "first words"),)),
    ]


def test_lyrics_with_times_fall_into_their_windows_and_others_stand_first(tmp_path: Path) -> None:
    wav = write_wav(tmp_path / "a.wav", steps(25))
    ffmpeg("-i", wav, "-metadata", "lyrics=[00:03.00]one\n[00:12.50]two", tmp_path / "timed.flac")
    ffmpeg("-i", wav, "-metadata", "lyrics=la la la", tmp_path / "plain.flac")
    texts = [
        [one.segment.text for one in everything(source(tmp_path / f"{name}.flac"), Needs())[1]]
        for name in ("timed", "plain")
    ]
    assert texts == [["one", "two", ""], ["la la la", "", ""]]


def test_lrc_lines_last_until_the_next() -> None:
    assert parse_lrc("[ar:x]\n[00:10.5][01:00]again\n[00:20]\nno time\n[00:30:25]more") == [
        Cue(10.5, 20.0, "again"),
        Cue(30.25, 60.0, "more"),
        Cue(60.0, 65.0, "again"),
    ]


def test_a_header_that_claims_two_days_makes_no_windows_of_nothing(tmp_path: Path) -> None:
    ffmpeg("-i", write_wav(tmp_path / "a.wav", steps(30)), "-ar", 44100, "-b:a", "32k", tmp_path / "b.mp3")
    raw = bytearray((tmp_path / "b.mp3").read_bytes())
    at = max(raw.find(b"Info"), raw.find(b"Xing"))
    raw[at + 8 : at + 12] = struct.pack(">I", 47 * 3600 * 44100 // 1152)
    (tmp_path / "b.mp3").write_bytes(raw)
    found, segments = everything(source(tmp_path / "b.mp3"), Needs())
    assert places(segments)[:2] == [(0, 10), (10, 20)]
    assert found.details["duration_s"] == pytest.approx(30, abs=0.2)
    assert len(segments) == 3


@pytest.mark.parametrize("ending", ["flac", "mp3", "m4a"])
def test_a_cut_off_download_ends_where_its_sound_ends(tmp_path: Path, ending: str) -> None:
    ffmpeg("-i", write_wav(tmp_path / "a.wav", steps(100)), "-movflags", "+faststart", tmp_path / f"b.{ending}")
    raw = (tmp_path / f"b.{ending}").read_bytes()
    (tmp_path / f"b.{ending}").write_bytes(raw[: len(raw) // 2])
    found, segments = everything(source(tmp_path / f"b.{ending}"), Needs(sound_rate=RATE))
    assert 30 < found.details["duration_s"] < 70
    assert segments[-1].segment.locator.end_s == found.details["duration_s"]
    assert all(one.sound is not None for one in segments)


def test_damage_in_the_middle_costs_only_its_moment(tmp_path: Path) -> None:
    ffmpeg("-i", write_wav(tmp_path / "a.wav", steps(60)), "-b:a", "64k", tmp_path / "b.mp3")
    raw = bytearray((tmp_path / "b.mp3").read_bytes())
    middle = len(raw) // 2
    raw[middle : middle + 3000] = b"\xff\xfb\x90\x00" * 750
    (tmp_path / "b.mp3").write_bytes(raw)
    _, segments = everything(source(tmp_path / "b.mp3"), Needs(sound_rate=RATE))
    assert len(segments) == 6
    sounds = [cast(np.ndarray, segments[i].sound) for i in (0, 1, 4, 5)]
    assert [round(pitch(sound[1000:60_000]) / 20) for sound in sounds] == [10, 11, 14, 15]


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("a.mp3", b"", "empty"),
        ("a.mp3", bytes(range(256)) * 40, "can't be decoded"),
        ("a.mp3", b"#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\n/etc/passwd\n#EXT-X-ENDLIST\n", "playlist"),
        ("a.mp3", b"ID3\4\0\0\0\0\0\0#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\n/x.wav\n\1\2\3", "playlist"),
        ("a.wav", b"ffconcat version 1.0\nfile b.wav\n", "playlist"),
        ("a.m4a", b"v=0\r\nc=IN IP4 127.0.0.1\r\nm=audio 9 RTP/AVP 0\r\n", "playlist"),
    ],
)
def test_what_is_no_recording_is_a_decode_error_in_a_sentence(
    tmp_path: Path, name: str, content: bytes, words: str
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ExtractionError) as caught:
        audio.probe(source(tmp_path / name), Needs())
    assert caught.value.code == "decode-error"
    assert words in caught.value.sentence


def test_a_playlist_with_a_film_ending_is_not_followed(tmp_path: Path) -> None:
    """The recording that the playlist names is fine, so only the refusal keeps it from being opened."""
    inner = write_wav(tmp_path / "inner.wav", steps(2))
    (tmp_path / "a.mp3").write_text(f"#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\n{inner}\n#EXT-X-ENDLIST\n")
    with pytest.raises(ExtractionError, match="playlist"):
        audio.probe(source(tmp_path / "a.mp3"), Needs())


def box(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content) + 8) + name + content


def test_protected_music_is_encrypted(tmp_path: Path) -> None:
    scheme = box(b"sinf", box(b"frma", b"mp4a") + box(b"schm", bytes(12)))
    (tmp_path / "a.m4a").write_bytes(box(b"ftyp", b"M4P \0\0\0\0M4P ") + box(b"mdat", bytes(99)) + box(b"moov", scheme))
    with pytest.raises(ExtractionError) as caught:
        audio.probe(source(tmp_path / "a.m4a"), Needs())
    assert caught.value.code == "encrypted"


def test_pictures_alone_are_no_recording(tmp_path: Path) -> None:
    ffmpeg("-f", "lavfi", "-i", "testsrc=s=64x64:d=1", "-pix_fmt", "yuv420p", tmp_path / "a.mp4")
    with pytest.raises(ExtractionError) as caught:
        audio.probe(source(tmp_path / "a.mp4"), Needs())
    assert (caught.value.code, caught.value.sentence) == ("decode-error", "There is no sound in this file.")
