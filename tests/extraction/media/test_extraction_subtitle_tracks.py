"""The subtitles of a film: all tracks of text with their languages, files beside it, and what is not text."""

from __future__ import annotations

import os
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from packed_files import zipped

from mmsearch.extraction.media import audio, subtitle_tracks, video
from mmsearch.extraction.media.cues import pack
from mmsearch.extraction.media.frame_subtitles import parse_sub
from mmsearch.types import Cue, Kind, Needs, Probe, Source

NOTHING = Needs(ocr="never")
WORDS = {
    "ger": ["Guten Abend", "die Fähre legt ab"],
    "eng": ["Good evening", "the ferry is leaving"],
    "fra": ["Bonsoir", "le bac part"],
}


def ffmpeg(*arguments: object) -> None:
    subprocess.run(["ffmpeg", "-nostdin", "-v", "error", "-y", *map(str, arguments)], check=True)


def source(path: Path, *sidecars: Path, kind: Kind = Kind.VIDEO) -> Source:
    facts = path.stat()
    stat = (facts.st_size, facts.st_mtime_ns, facts.st_ino)
    return Source(os.fsencode(path), kind, path.suffix[1:], stat, tuple(map(os.fsencode, sidecars)))


def srt(path: Path, lines: list[str], late_s: float = 0.0) -> Path:
    times = [(1 + late_s, 2 + late_s), (3 + late_s, 3.5 + late_s)]
    clock = [[f"00:00:{at:06.3f}".replace(".", ",") for at in pair] for pair in times]
    rows = [f"{n}\n{at[0]} --> {at[1]}\n{line}\n" for n, (at, line) in enumerate(zip(clock, lines, strict=True), 1)]
    path.write_text("\n".join(rows))
    return path


def film(path: Path, tracks: dict[str, list[str]], codec: str, *options: object, sound: bool = False) -> Path:
    """A film of 4 seconds (or sound alone) with a subtitle track for each language."""
    files = [srt(path.parent / f"{number}.srt", lines) for number, lines in enumerate(tracks.values())]
    begin = ["-f", "lavfi", "-i", "sine=d=4" if sound else "testsrc2=s=64x48:r=10:d=4"]
    texts = [part for file in files for part in ("-i", file)]
    maps = [part for number in range(len(files) + 1) for part in ("-map", number)]
    named = [part for n, code in enumerate(tracks) for part in (f"-metadata:s:s:{n}", f"language={code}")]
    ffmpeg(*begin, *texts, *maps, "-c:s", codec, *named, *options, path)
    return path


def cues_in(found: Probe) -> list[Cue]:
    return [Cue(*row) for row in found.details["cues"]]


@pytest.mark.parametrize(
    ("ending", "codec"), [("mkv", "srt"), ("mkv", "ass"), ("mp4", "mov_text"), ("mov", "mov_text"), ("webm", "webvtt")]
)
def test_all_text_tracks_are_read_with_their_languages(tmp_path: Path, ending: str, codec: str) -> None:
    speed = ("-deadline", "realtime", "-cpu-used", 8) if ending == "webm" else ()
    given = source(film(tmp_path / f"film.{ending}", WORDS, codec, *speed))
    found = video.probe(given, NOTHING)
    assert {(cue.language, cue.text) for cue in cues_in(found)} == {
        ("de", "Guten Abend"),
        ("de", "die Fähre legt ab"),
        ("en", "Good evening"),
        ("en", "the ferry is leaving"),
        ("fr", "Bonsoir"),
        ("fr", "le bac part"),
    }
    assert (found.details["languages"], found.notes) == (["de", "en", "fr"], ())
    [segment] = [one.segment for one in video.extract(given, found, 0, NOTHING)]
    assert segment.text.split("\n") == [line for code in ("ger", "eng", "fra") for line in WORDS[code]]


def test_a_recording_without_pictures_has_the_words_of_its_tracks(tmp_path: Path) -> None:
    two = {code: WORDS[code] for code in ("ger", "eng")}
    path = film(tmp_path / "talk.mka", two, "srt", sound=True)
    found = audio.probe(Source(os.fsencode(path), Kind.AUDIO, "matroska", source(path).stat), NOTHING)
    assert (found.details["languages"], len(cues_in(found))) == (["de", "en"], 4)


def test_a_line_of_the_same_language_and_time_is_kept_once() -> None:
    cues = [Cue(1, 2, "The ferry", "en"), Cue(1.3, 2.5, "the  ferry", "en"), Cue(1.2, 2, "The ferry", "")]
    others = [Cue(1, 2, "The ferry", "nl"), Cue(9, 9.5, "The ferry", "en")]
    packed, note = pack([*cues, *others])
    assert (packed, note) == ([[1, 2, "The ferry", "en"], [1, 2, "The ferry", "nl"], [9, 9.5, "The ferry", "en"]], "")


def test_a_line_whose_language_becomes_known_later_is_kept_once() -> None:
    assert len(pack([Cue(1, 2, "yes", ""), Cue(1.1, 2, "yes", "en"), Cue(1.2, 2, "yes", "")])[0]) == 1


def test_more_tracks_than_are_read_are_counted_in_a_note(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subtitle_tracks, "TRACKS", 1)
    found = video.probe(source(film(tmp_path / "film.mkv", WORDS, "srt")), NOTHING)
    assert ([cue.language for cue in cues_in(found)], found.notes) == (["de"] * 2, ("Left out: 2 subtitle tracks.",))


def as_bitmap(path: Path) -> Path:
    """The film with its ASS track declared to be one of pictures, as those of DVDs are."""
    path.write_bytes(path.read_bytes().replace(b"S_TEXT/ASS", b"S_VOBSUB\0\0"))
    return path


def test_bitmap_tracks_are_named_in_a_note(tmp_path: Path) -> None:
    found = video.probe(source(as_bitmap(film(tmp_path / "film.mkv", {"eng": WORDS["eng"]}, "ass"))), NOTHING)
    assert found.notes == ("The embedded subtitles are pictures; their words were not read.",)
    assert found.details["cues"] == []


def test_bitmap_tracks_beside_text_are_named_too(tmp_path: Path) -> None:
    two = {code: WORDS[code] for code in ("ger", "eng")}
    path = as_bitmap(film(tmp_path / "film.mkv", two, "srt", "-c:s:0", "ass"))
    found = video.probe(source(path), NOTHING)
    assert {cue.language for cue in cues_in(found)} == {"en"}
    assert found.notes == ("Left out: 1 subtitle track that consists of pictures.",)


def test_one_broken_track_does_not_take_the_words_of_the_first(tmp_path: Path) -> None:
    given = source(film(tmp_path / "film.mkv", {"eng": WORDS["eng"]}, "srt"))
    tracks, complete = subtitle_tracks._track_texts(given, [1, 77])
    assert "Good evening" in tracks[0].decode() and not complete


def test_a_track_that_never_ends_is_cut_off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subtitle_tracks, "TRACK_BYTES", 10)
    found = video.probe(source(film(tmp_path / "film.mkv", {"eng": WORDS["eng"]}, "srt")), NOTHING)
    assert found.notes == ("Embedded subtitles could not be read to their end.",)


def test_files_beside_a_film_have_the_language_of_their_names(tmp_path: Path) -> None:
    path = film(tmp_path / "film.mkv", {"eng": WORDS["eng"]}, "srt")
    sides = [srt(tmp_path / "film.de.srt", WORDS["ger"]), srt(tmp_path / "film.en.srt", WORDS["eng"], 0.2)]
    (tmp_path / "Subs").mkdir()
    sides.append(srt(tmp_path / "Subs" / "4_French.srt", WORDS["fra"]))
    found = video.probe(source(path, *sides), NOTHING)
    assert sorted((cue.start_s, cue.language) for cue in cues_in(found)) == [
        (1.0, "de"),
        (1.0, "en"),
        (1.0, "fr"),
        (3.0, "de"),
        (3.0, "en"),
        (3.0, "fr"),
    ]


def test_subtitles_that_count_frames_have_the_rate_of_the_film(tmp_path: Path) -> None:
    path = film(tmp_path / "film.mkv", {}, "srt")  # ten frames a second
    (tmp_path / "film.sub").write_text("{10}{20}{y:i}Land|ahead\n{25}{}The end\n")
    found = video.probe(source(path, tmp_path / "film.sub"), NOTHING)
    assert cues_in(found) == [Cue(1.0, 2.0, "Land ahead"), Cue(2.5, 7.5, "The end")]


def test_the_first_line_of_such_a_file_may_give_the_rate() -> None:
    assert parse_sub("{1}{1}25.000\n{50}{75}Land\n", 10.0) == [Cue(2.0, 3.0, "Land")]
    assert parse_sub("{50}{75}Land\n", 0.0) == []


def test_subviewer_is_read() -> None:
    text = (
        "[INFORMATION]\n[TITLE]x\n[SUBTITLE]\n00:00:05.10,00:00:07.25\nLand[br]ahead\n\n00:00:09.00,00:00:10.00\nSea\n"
    )
    assert parse_sub(text, 0.0) == [Cue(5.1, 7.25, "Land ahead"), Cue(9.0, 10.0, "Sea")]


@pytest.mark.parametrize(
    "text", ["", "{", "{1}", "{1}{2", "{9999999999}{1}x", "{1}{1}0\n{5}{6}x", "{5}{6}|/|", "\0" * 99]
)
def test_garbage_in_such_files_gives_no_cues(text: str) -> None:
    assert parse_sub(text, 0.0) == []


def test_a_vobsub_file_beside_a_film_is_named_and_fails_nothing(tmp_path: Path) -> None:
    path = film(tmp_path / "film.mkv", {}, "srt")
    (tmp_path / "film.sub").write_bytes(b"\x00\x00\x01\xba" + os.urandom(4000))
    found = video.probe(source(path, tmp_path / "film.sub"), NOTHING)
    assert found.details["cues"] == []
    assert found.notes == ("The subtitles in a file beside the recording are pictures; their words were not read.",)


def test_the_tracks_of_a_film_in_an_archive_are_read_too(tmp_path: Path) -> None:
    given = source(film(tmp_path / "film.mkv", WORDS, "srt"))
    (tmp_path / "a.zip").write_bytes(zipped({"b/film.mkv": Path(os.fsdecode(given.path)).read_bytes()}))
    archive = source(tmp_path / "a.zip")
    inside = replace(given, path=archive.path + b"!/b/film.mkv", archive=archive.path, archive_stat=archive.stat)
    assert cues_in(video.probe(inside, NOTHING)) == cues_in(video.probe(given, NOTHING)) != []
