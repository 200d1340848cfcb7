"""What extraction promises about films."""

from __future__ import annotations

import json
import os
import re
import subprocess
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import cast

import numpy as np
import pytest

from mmsearch.errors import ExtractionError
from mmsearch.extraction.media import audio, keyframes, seeking, video, video_decoder
from mmsearch.extraction.media.scenes import split
from mmsearch.extraction.resource_monitor import resident_bytes
from mmsearch.types import Cue, Extracted, Kind, Needs, Probe, Source

NOTHING = Needs(ocr="never")


def source(path: Path, *sidecars: Path) -> Source:
    facts = path.stat()
    stat = (facts.st_size, facts.st_mtime_ns, facts.st_ino)
    return Source(os.fsencode(path), Kind.VIDEO, path.suffix[1:], stat, tuple(map(os.fsencode, sidecars)))


def ffmpeg(*arguments: object) -> None:
    subprocess.run(["ffmpeg", "-nostdin", "-v", "error", "-y", *map(str, arguments)], check=True)


def everything(given: Source, needs: Needs = NOTHING) -> tuple[Probe, list[Extracted]]:
    """Probe (through JSON, as the parent process keeps it) and all segments."""
    found = video.probe(given, needs)
    found = Probe(found.spans, json.loads(json.dumps(dict(found.details))), found.notes)
    return found, [one for i in range(len(found.spans)) for one in video.extract(given, found, i, needs)]


def starts(segments: list[Extracted]) -> list[float]:
    return [float(one.segment.locator.start_s or 0) for one in segments]


def make_film(
    path: Path, *scenes: tuple[str, float], size: str = "160x90", rate: int = 10, options: tuple[str, ...] = ()
) -> Path:
    """A film of lavfi sources, each for so many seconds, cut hard."""
    inputs: list[str] = []
    for name, seconds in scenes:
        mark = ":" if "=" in name else "="
        inputs += ["-f", "lavfi", "-i", f"{name}{mark}s={size}:r={rate}:d={seconds}"]
    marks = "".join(f"[{i}:v]format=yuv420p,setsar=1[v{i}];" for i in range(len(scenes)))
    joined = "".join(f"[v{i}]" for i in range(len(scenes)))
    ffmpeg(*inputs, "-filter_complex", f"{marks}{joined}concat=n={len(scenes)}:v=1", *options, path)
    return path


SCENES = (("color=c=red", 4.0), ("testsrc2", 5.3), ("color=c=blue", 2.7), ("smptebars", 8.5), ("testsrc", 5.0))
CUTS = [0.0, 4.0, 9.3, 12.0, 20.5]


@pytest.mark.parametrize("ending", ["mp4", "mkv", "webm", "avi", "mov", "flv", "wmv", "mpg", "ogv", "ts"])
def test_cuts_are_found_within_half_a_second(tmp_path: Path, ending: str) -> None:
    rate = 25 if ending in ("mpg", "ts", "ogv") else 10  # late seeks there land on the next key frame
    speed = ("-deadline", "realtime", "-cpu-used", "8") if ending == "webm" else ()
    film = make_film(tmp_path / f"a.{ending}", *SCENES, rate=rate, options=speed)
    found, segments = everything(source(film))
    assert starts(segments) == pytest.approx(CUTS, abs=0.5)
    assert found.details["duration_s"] == pytest.approx(25.5, abs=0.3)
    for one, other in pairwise(segments):
        assert one.segment.locator.end_s == other.segment.locator.start_s
        start_s, end_s = cast(tuple[float, float], (one.segment.locator.start_s, one.segment.locator.end_s))
        assert start_s <= one.segment.details["key_s"] < end_s


DENSE = ("-g", "25", "-keyint_min", "25", "-sc_threshold", "0")  # a key frame a second, as phones and cameras write


@pytest.mark.parametrize("ending", ["mp4", "mov"])
def test_a_film_with_many_key_frames_has_the_same_scenes_and_is_looked_at_less(
    tmp_path: Path, ending: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    still = (("color=c=red", 9.0), ("smptebars", 8.3), ("color=c=blue", 6.7), ("rgbtestsrc", 9.0))
    looked: list[float] = []
    real = seeking.FrameSeeker.at
    monkeypatch.setattr(
        seeking.FrameSeeker,
        "at",
        lambda seeker, time_s: looked.append(time_s) or real(seeker, time_s),  # type: ignore[func-returns-value]
    )
    seen = {}
    for name, options in (("few", ()), ("many", DENSE)):
        path = make_film(tmp_path / f"{name}.{ending}", *still, rate=25, options=options)
        looked.clear()
        _, segments = everything(source(path))
        prints = [(one.form, one.at) for one in segments[0].fingerprints]
        seen[name] = (starts(segments), prints, len(looked))
    assert seen["few"][0] == pytest.approx([0.0, 9.0, 17.3, 24.0], abs=0.3)
    assert seen["many"][0] == pytest.approx(seen["few"][0], abs=0.3)
    assert (
        seen["many"][1] == seen["few"][1] == [("frame", at) for at in (12.0, 16.0, 28.0, 32.0)]
    )  # flat ones have none
    assert seen["few"][2] >= 4 * 33 > 2 * seen["many"][2]


def test_a_film_that_never_stands_still_has_the_same_cuts_with_many_key_frames(tmp_path: Path) -> None:
    path = make_film(tmp_path / "a.mp4", *SCENES, rate=25, options=DENSE)
    assert starts(everything(source(path))[1]) == pytest.approx(CUTS, abs=0.5)


def test_key_frames_are_known_where_they_can_be_gone_to(tmp_path: Path) -> None:
    def times(path: Path, start: float = 0.0, stop: float = 12.0) -> list[float]:
        given = source(path)
        with path.open("rb") as handle:
            found = video_decoder.inspect(handle)
        return keyframes.key_times(given, cast(video_decoder.Film, found), start, stop)

    motion = ("testsrc2", 12.0)
    many = make_film(tmp_path / "many.mp4", motion, rate=25, options=DENSE)
    assert times(many) == pytest.approx(range(12), abs=0.01)
    assert times(many, 4.5, 10.0) == pytest.approx(range(5, 10), abs=0.01)
    assert times(many, 4.0, 8.0) == []  # not worth another program
    assert times(make_film(tmp_path / "few.mp4", motion, rate=25)) == []
    assert times(make_film(tmp_path / "many.ts", motion, rate=25, options=DENSE)) == []
    every = make_film(tmp_path / "every.mov", motion, rate=25, options=("-c:v", "mjpeg"))
    assert times(every) == pytest.approx(np.arange(0, 12, 0.92), abs=0.01)  # each frame is one


def test_slides_that_differ_in_a_few_words_are_scenes(tmp_path: Path) -> None:
    draw = "color=c=white:s=320x180:r=10:d=18,drawbox=x=20:y=20:w=200:h=30:color=navy:t=fill"
    lines = "".join(
        f",drawbox=x=20:y={80 + 15 * i}:w=90:h=6:color=black:t=fill:enable='gte(t,{6 * i})'" for i in (0, 1, 2)
    )
    ffmpeg("-f", "lavfi", "-i", draw + lines, "-pix_fmt", "yuv420p", tmp_path / "a.mp4")
    _, segments = everything(source(tmp_path / "a.mp4"), Needs())
    assert starts(segments) == pytest.approx([0, 6, 12], abs=0.3)
    assert all(one.ocr_image is not None for one in segments)


def test_a_dissolve_is_one_cut_near_its_middle(tmp_path: Path) -> None:
    graph = "[0][1]xfade=transition=fade:duration=1:offset=6,format=yuv420p"
    size = "s=160x90:r=25"
    ffmpeg(
        "-f",
        "lavfi",
        "-i",
        f"smptebars={size}:d=7",
        "-f",
        "lavfi",
        "-i",
        f"testsrc={size}:d=7",
        "-filter_complex",
        graph,
        tmp_path / "a.mp4",
    )
    _, segments = everything(source(tmp_path / "a.mp4"))
    assert starts(segments) == pytest.approx([0, 6.5], abs=1.0)


def test_a_still_is_read_once_however_long_it_stands(tmp_path: Path) -> None:
    film = make_film(tmp_path / "a.mp4", ("smptebars", 50))
    _, segments = everything(source(film), Needs(image_pixels=2000))
    assert starts(segments) == pytest.approx([0, 50 / 3, 100 / 3], abs=0.01)
    assert [one.ocr_image is not None for one in segments] == [True, False, False]
    assert all(one.image is not None for one in segments)


def test_split_keeps_scenes_under_the_limit() -> None:
    assert split(0, 50, [6.0]) == [
        (0, 6.0),
        (6.0, pytest.approx(20.667, abs=0.01)),
        (pytest.approx(20.667, abs=0.01), pytest.approx(35.333, abs=0.01)),
        (pytest.approx(35.333, abs=0.01), 50),
    ]


def test_media_has_the_promised_shapes_and_shows_its_scene(tmp_path: Path) -> None:
    film = tmp_path / "a.mp4"
    make_film(tmp_path / "b.mp4", ("color=c=red", 3), ("color=c=blue", 3))
    ffmpeg("-i", tmp_path / "b.mp4", "-f", "lavfi", "-i", "sine=f=440:d=6", "-c:v", "copy", film)
    needs = Needs(image_pixels=3000, sound_rate=16000, frames=4, frame_pixels=1000, ocr="always")
    _, segments = everything(source(film), needs)
    media = [cast(tuple[np.ndarray, np.ndarray, np.ndarray], (one.image, one.frames, one.sound)) for one in segments]
    found: list[tuple[object, ...]] = [(image.shape, frames.shape, len(sound)) for image, frames, sound in media]
    assert found == [
        ((41, 73, 3), (4, 23, 42, 3), pytest.approx(48_000, abs=10)),
        ((41, 73, 3), (4, 23, 42, 3), pytest.approx(48_000, abs=1100)),
    ]
    assert [tuple(int(value > 128) for value in image.mean(axis=(0, 1))) for image, _, _ in media] == [
        (1, 0, 0),
        (0, 0, 1),
    ]
    dtypes: list[tuple[object, ...]] = [(image.dtype, frames.dtype, sound.dtype) for image, frames, sound in media]
    assert dtypes == [("u1", "u1", "f4")] * 2


def test_what_is_not_asked_for_is_not_decoded_and_changes_no_segment(tmp_path: Path) -> None:
    film = source(make_film(tmp_path / "a.mp4", *SCENES))
    _, bare = everything(film)
    _, rich = everything(film, Needs(image_pixels=500, sound_rate=8000, frames=2, ocr="auto"))
    assert [one.segment for one in bare] == [one.segment for one in rich]
    assert all((one.image, one.ocr_image, one.sound, one.frames) == (None,) * 4 for one in bare)


def test_spans_of_a_long_film_can_be_read_alone(tmp_path: Path) -> None:
    film = make_film(tmp_path / "a.mkv", ("testsrc2", 125), ("smptebars", 12), ("color=c=blue", 8), rate=5)
    given = source(film)
    found = video.probe(given, NOTHING)
    assert [(span.start, span.stop) for span in found.spans] == [(0, 120), (120, pytest.approx(145, abs=0.3))]
    late = list(video.extract(given, found, 1, NOTHING))
    assert starts(late) == pytest.approx([120, 125, 137], abs=0.5)
    assert [one.segment.ordinal >> 20 for one in late] == [1, 1, 1]


SUBTITLES = (
    "1\n00:00:01,000 --> 00:00:04,500\n<i>Guten Tag</i>\n\n2\n00:00:04,500 --> 00:00:06,000\n{\\an8}über die Brücke\n"
)
CUES = (Cue(1.0, 4.5, "Guten Tag"), Cue(4.5, 6.0, "über die Brücke"))


@pytest.mark.parametrize(("ending", "codec"), [("mkv", "srt"), ("mkv", "ass"), ("mp4", "mov_text"), ("webm", "webvtt")])
def test_embedded_subtitles_become_the_words_of_their_scenes(tmp_path: Path, ending: str, codec: str) -> None:
    (tmp_path / "a.srt").write_text(SUBTITLES)
    film = make_film(tmp_path / f"b.{ending}", ("color=c=red", 4), ("testsrc2", 4))
    ffmpeg(
        "-i",
        film,
        "-i",
        tmp_path / "a.srt",
        "-map",
        "0:v",
        "-map",
        "1",
        "-c:v",
        "copy",
        "-c:s",
        codec,
        tmp_path / f"c.{ending}",
    )
    _, segments = everything(source(tmp_path / f"c.{ending}"))
    assert [(one.segment.text, one.segment.cues) for one in segments] == [
        ("Guten Tag", CUES[:1]),
        ("über die Brücke", CUES[1:]),
    ]


def test_sidecar_subtitles_join_embedded_ones_without_doubles(tmp_path: Path) -> None:
    (tmp_path / "a.srt").write_text(SUBTITLES)
    (tmp_path / "a.vtt").write_text("WEBVTT\n\n00:06.500 --> 00:07.000\nAuf Wiedersehen\n")
    film = make_film(tmp_path / "b.mkv", ("smptebars", 8))
    ffmpeg("-i", film, "-i", tmp_path / "a.srt", "-c:v", "copy", "-c:s", "srt", tmp_path / "a.mkv")
    found, segments = everything(source(tmp_path / "a.mkv", tmp_path / "a.srt", tmp_path / "a.vtt"))
    assert [one.segment.text for one in segments] == ["Guten Tag\nüber die Brücke\nAuf Wiedersehen"]
    assert len(found.details["cues"]) == 3


def test_without_the_programs_scenes_stay_and_a_note_names_what_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    film = make_film(tmp_path / "a.mp4", ("color=c=red", 3), ("testsrc2", 3))
    monkeypatch.setenv("PATH", str(tmp_path))
    found, segments = everything(source(film))
    assert starts(segments) == pytest.approx([0, 3], abs=0.3)
    assert found.notes == ("Embedded subtitles were not read: the program ffprobe is missing.",)


def test_container_tags_are_the_words_of_the_first_scene(tmp_path: Path) -> None:
    tags = ("-metadata", "title=Holiday", "-metadata", "comment=by the sea")
    film = make_film(tmp_path / "a.mkv", ("color=c=red", 3), ("testsrc2", 3), options=tags)
    found, segments = everything(source(film))
    assert [one.segment.text for one in segments] == ["Holiday\nby the sea", ""]
    assert (found.details["title"], found.details["comment"]) == ("Holiday", "by the sea")


@pytest.mark.parametrize("cover", [False, True])
def test_a_film_container_with_sound_alone_is_a_recording(tmp_path: Path, cover: bool) -> None:
    ffmpeg("-f", "lavfi", "-i", "color=c=red:s=64x64:d=0.04", "-frames:v", 1, tmp_path / "cover.png")
    picture = ("-i", tmp_path / "cover.png", "-map", 0, "-map", 1, "-c:v", "png", "-disposition:v", "attached_pic")
    ffmpeg("-f", "lavfi", "-i", "sine=d=25", *(picture if cover else ()), tmp_path / "a.mp4")
    found, segments = everything(source(tmp_path / "a.mp4"), Needs(image_pixels=999, sound_rate=8000))
    assert starts(segments) == [0, 10, 20]
    assert found.details["pictures"] is False
    assert all(one.image is None and one.sound is not None for one in segments)


def test_a_turned_film_is_upright(tmp_path: Path) -> None:
    flat = "color=c=red:s=160x80:r=10:d=2,drawbox=w=80:h=80:color=blue:t=fill,format=yuv420p"  # blue left, red right
    ffmpeg("-f", "lavfi", "-i", flat, tmp_path / "a.mp4")
    ffmpeg("-i", tmp_path / "a.mp4", "-c", "copy", "-metadata:s:v", "rotate=90", tmp_path / "b.mov")
    raw = bytearray((tmp_path / "a.mp4").read_bytes())
    at = raw.index(b"tkhd") + 4 + 40  # its display matrix: a quarter turn clockwise, moved back into the picture
    turn = (0, 0x10000, 0, -0x10000, 0, 0, 80 << 16, 0, 0x40000000)
    raw[at : at + 36] = b"".join(value.to_bytes(4, "big", signed=True) for value in turn)
    (tmp_path / "c.mp4").write_bytes(raw)
    found, segments = everything(source(tmp_path / "c.mp4"), Needs(image_pixels=99_999))
    look = cast(np.ndarray, segments[0].image)
    assert look.shape == (160, 80, 3) == (found.details["height"], found.details["width"], 3)
    assert look[:70].mean(axis=(0, 1)).argmax() == 2
    assert look[90:].mean(axis=(0, 1)).argmax() == 0


def test_wide_pixels_become_square(tmp_path: Path) -> None:
    film = make_film(tmp_path / "b.mp4", ("testsrc2", 2))
    ffmpeg("-i", film, "-vf", "setsar=4/3", tmp_path / "a.mp4")
    _, segments = everything(source(tmp_path / "a.mp4"), Needs(image_pixels=99_999))
    assert cast(np.ndarray, segments[0].image).shape == (90, 213, 3)


@pytest.mark.parametrize(
    ("ending", "size", "options"),
    [
        ("mkv", "161x91", ("-vf", "scale=161:91", "-c:v", "ffv1")),
        ("mkv", "160x90", ("-c:v", "libx265", "-pix_fmt", "yuv420p10le", "-x265-params", "log-level=none")),
        ("mp4", "160x90", ("-vf", "select=not(mod(n\\,7))", "-vsync", "vfr")),
        ("mkv", "18x300", ("-c:v", "ffv1")),
    ],
)
def test_odd_films_are_read(tmp_path: Path, ending: str, size: str, options: tuple[str, ...]) -> None:
    ffmpeg("-f", "lavfi", "-i", f"testsrc2=s={size}:r=25:d=4", *options, tmp_path / f"a.{ending}")
    found, segments = everything(source(tmp_path / f"a.{ending}"), Needs(image_pixels=99_999, frames=3))
    assert f"{found.details['width']}x{found.details['height']}" == size
    assert len(segments) == 1
    assert cast(np.ndarray, segments[0].image).shape == (*map(int, reversed(size.split("x"))), 3)
    assert len(cast(np.ndarray, segments[0].frames)) == 3
    assert found.details["duration_s"] == pytest.approx(4, abs=0.3)


def test_a_film_without_a_stated_length_is_measured(tmp_path: Path) -> None:
    film = make_film(tmp_path / "a.mkv", ("color=c=red", 4), ("testsrc2", 4))
    streamed = subprocess.run(
        ["ffmpeg", "-v", "error", "-i", film, "-c", "copy", "-f", "matroska", "pipe:1"], capture_output=True, check=True
    )
    (tmp_path / "b.mkv").write_bytes(streamed.stdout)
    found, segments = everything(source(tmp_path / "b.mkv"))
    assert found.details["duration_s"] == pytest.approx(8, abs=0.2)
    assert starts(segments) == pytest.approx([0, 4], abs=0.3)


def test_a_cut_off_film_ends_where_its_pictures_end(tmp_path: Path) -> None:
    film = make_film(tmp_path / "a.mp4", ("testsrc2", 40), options=("-movflags", "+faststart", "-g", "20"))
    raw = film.read_bytes()
    film.write_bytes(raw[: len(raw) // 2])
    found, segments = everything(source(film), Needs(image_pixels=5000))
    assert 10 < found.details["duration_s"] < 30
    assert all(one.image is not None for one in segments)
    [note] = found.notes
    assert re.fullmatch(r"The recording ends at 0:[12]\d of 0:40; the file is cut off or damaged\.", note)


def test_damage_inside_a_film_costs_no_scene(tmp_path: Path) -> None:
    film = make_film(tmp_path / "a.mp4", *SCENES)
    raw = bytearray(film.read_bytes())
    noise = np.random.default_rng(1)
    for place in noise.integers(len(raw) // 4, len(raw) // 2, 100):
        raw[place] ^= 255
    film.write_bytes(raw)
    _, segments = everything(source(film), Needs(image_pixels=5000, frames=3))
    assert segments[-1].segment.locator.end_s == pytest.approx(25.5, abs=0.3)
    assert all(len(cast(np.ndarray, one.frames)) == 3 for one in segments)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "empty"),
        (b"\0\0\0\x18ftypmp42" + bytes(range(256)) * 20, "damaged"),
        (b"#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\n/etc/passwd\n", "playlist"),
        (b'<?xml version="1.0"?><MPD profiles="urn:mpeg:dash:profile:full:2011"></MPD>', "playlist"),
    ],
)
def test_what_is_no_film_is_a_decode_error_in_a_sentence(tmp_path: Path, content: bytes, words: str) -> None:
    (tmp_path / "a.mp4").write_bytes(content)
    with pytest.raises(ExtractionError) as caught:
        video.probe(source(tmp_path / "a.mp4"), NOTHING)
    assert caught.value.code == "decode-error"
    assert words in caught.value.sentence


def test_a_changed_film_has_vanished(tmp_path: Path) -> None:
    film = make_film(tmp_path / "a.mp4", ("testsrc2", 1))
    given = source(film)
    film.write_bytes(film.read_bytes() + b"\0")
    with pytest.raises(ExtractionError) as caught:
        video.probe(given, NOTHING)
    assert caught.value.code == "vanished"


def test_a_small_frame_does_not_keep_the_decoders_large_one(tmp_path: Path) -> None:
    path = make_film(tmp_path / "a.mp4", ("testsrc2", 4.0), size="1280x720")
    with path.open("rb") as handle:
        seeker = seeking.FrameSeeker(lambda: video_decoder.open_film(handle, "approximate", (160, 90)), 0.0, 25.0)
        before = resident_bytes(os.getpid())
        held = [seeker.at(0.1 * number) for number in range(40)]
        grown = resident_bytes(os.getpid()) - before
    last = cast(tuple[np.ndarray, float], held[-1])
    assert len(held) == 40 and last[0].shape == (90, 160, 3)
    assert grown < 40 * (1280 * 720 * 1.5) / 2  # bytes; a frame of the decoder's has 1.5 for each pixel


def test_what_is_left_out_of_a_container_is_reported(tmp_path: Path) -> None:
    lines = "1\n00:00:00,500 --> 00:00:01,500\nHello.\n"
    for name in ("a", "b"):
        (tmp_path / f"{name}.srt").write_text(lines)
    chapters = ";FFMETADATA1\n" + "".join(
        f"[CHAPTER]\nTIMEBASE=1/1\nSTART={at}\nEND={at + 1}\ntitle=Part {at}\n" for at in range(2)
    )
    (tmp_path / "chapters.txt").write_text(chapters)
    sources = ["-f", "lavfi", "-i", "testsrc2=s=64x48:r=10:d=2", "-f", "lavfi", "-i", "sine=d=2"]
    texts = ["-i", tmp_path / "a.srt", "-i", tmp_path / "b.srt", "-i", tmp_path / "chapters.txt"]
    maps = [part for at in (0, 1, 1, 2, 3) for part in ("-map", at)]
    ffmpeg(*sources, *texts, *maps, "-map_metadata", 4, "-c:s", "srt", tmp_path / "film.mkv")
    assert video.probe(source(tmp_path / "film.mkv"), NOTHING).notes == ("Left out: 1 further sound track.",)


def write_chapters(path: Path, names: dict[float, str], end_s: float) -> Path:
    ends = [*list(names)[1:], end_s]
    parts = [
        f"[CHAPTER]\nTIMEBASE=1/1000\nSTART={round(start * 1000)}\nEND={round(end * 1000)}\ntitle={name}\n"
        for (start, name), end in zip(names.items(), ends, strict=True)
    ]
    path.write_text(";FFMETADATA1\n" + "".join(parts))
    return path


NAMES = {0.0: "The Salt Road", 4.3: "Winter Quarters", 11.5: "Return of the Icebreaker"}


@pytest.mark.parametrize("ending", ["mkv", "mp4"])
def test_a_scene_begins_where_a_chapter_does(tmp_path: Path, ending: str) -> None:
    chapters = write_chapters(tmp_path / "chapters.txt", NAMES, 15.0)
    film = ["-f", "lavfi", "-i", "testsrc2=s=64x48:r=10:d=15", "-i", chapters, "-map_metadata", 1]
    ffmpeg(*film, tmp_path / f"film.{ending}")
    found, segments = everything(source(tmp_path / f"film.{ending}"))
    named = {one.segment.text: one.segment.locator.start_s for one in segments if one.segment.text}
    assert named == {name: pytest.approx(start, abs=0.01) for start, name in NAMES.items()}
    assert not any("chapter" in note for note in found.notes)


@pytest.mark.parametrize(("ending", "format"), [("m4b", "m4a"), ("mp3", "mp3"), ("mka", "matroska")])
def test_a_window_begins_where_a_chapter_does(tmp_path: Path, ending: str, format: str) -> None:
    chapters = write_chapters(tmp_path / "chapters.txt", NAMES, 15.0)
    path = tmp_path / f"book.{ending}"
    ffmpeg("-f", "lavfi", "-i", "sine=d=15", "-i", chapters, "-map_metadata", 1, path)
    book = replace(source(path), kind=Kind.AUDIO, format=format)
    probe = audio.probe(book, Needs())
    segments = [one.segment for one in audio.extract(book, probe, 0, Needs())]
    named = {one.text: one.locator.start_s for one in segments if one.text}
    assert named == {name: pytest.approx(start, abs=0.06) for start, name in NAMES.items()}
    places = [one.locator for one in segments]
    assert [place.end_s for place in places[:-1]] == [place.start_s for place in places[1:]]
