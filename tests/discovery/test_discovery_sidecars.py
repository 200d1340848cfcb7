"""Which recording a subtitle file belongs to: beside it, in a folder of subtitles below, in the layout of releases."""

import os
from pathlib import Path

import pytest

from mmsearch.discovery.ignore import Globs
from mmsearch.discovery.walk import Entry, Walk, single
from mmsearch.language_tags import language_code, named_language


def entries_of(root: Path, *paths: str, below: str = "") -> dict[str, Entry]:
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(path)
    walk = Walk(os.fsencode(root), Globs.of((), ()), below=os.fsencode(below))
    return {os.fsdecode(entry.path): entry for entry in walk.entries()}


def owners(entries: dict[str, Entry]) -> dict[str, str]:
    return {path: os.fsdecode(entry.owner) for path, entry in entries.items() if entry.owner}


@pytest.mark.parametrize("folder", ["Subs", "subs", "Subtitles", "SUBTITLES"])
def test_subtitles_below_the_only_film_belong_to_it_whatever_their_name(tmp_path: Path, folder: str) -> None:
    sides = [f"{folder}/2_English.srt", f"{folder}/film.de.srt", f"{folder}/whatever.ass", f"{folder}/3_French.sub"]
    entries = entries_of(tmp_path, "film.mkv", "poster.jpg", "notes.txt", *sides, f"{folder}/readme.txt")
    assert owners(entries) == dict.fromkeys(sides, "film.mkv")
    assert [os.fsdecode(name) for name, *_ in entries["film.mkv"].sidecars] == sorted(sides)


def test_of_several_films_each_has_the_subtitles_of_its_name_or_of_the_folder_of_its_name(tmp_path: Path) -> None:
    films = ["one.mp4", "two.mp4"]
    sides = {"Subs/one.srt": "one.mp4", "Subs/two/2_English.srt": "two.mp4", "Subs/two/3_German.srt": "two.mp4"}
    entries = entries_of(tmp_path, *films, *sides, "Subs/2_English.srt", "Subs/three/2_English.srt")
    assert owners(entries) == sides


def test_a_folder_of_another_name_holds_no_sidecars(tmp_path: Path) -> None:
    assert owners(entries_of(tmp_path, "film.mkv", "other/film.srt", "deep/Subs/film.srt")) == {}


def test_a_file_alone_and_a_part_of_the_root_know_the_same_owners(tmp_path: Path) -> None:
    paths = ["a/film.mkv", "a/Subs/2_English.srt", "b/x.mp4", "b/y.mp4", "b/Subs/y/3_German.srt", "a/Subs/odd.txt"]
    entries = entries_of(tmp_path, *paths)
    assert len(owners(entries)) == 2
    for path, entry in entries.items():
        assert single(os.fsencode(tmp_path), os.fsencode(path)) == entry
    for below in ("a", "a/Subs", "b/Subs", "b/Subs/y"):
        part = entries_of(tmp_path, below=below)
        assert part == {path: entry for path, entry in entries.items() if path.startswith(f"{below}/")}


def test_what_the_walk_leaves_out_of_a_subtitle_folder_belongs_to_nothing(tmp_path: Path) -> None:
    (tmp_path / "Subs").mkdir()
    (tmp_path / "Subs" / ".gitignore").write_text("2_*\n")
    os.symlink("/etc/hostname", tmp_path / "Subs" / "film.srt")
    entries = entries_of(tmp_path, "film.mkv", "Subs/2_English.srt", "Subs/.hidden.srt", "Subs/4_Dutch.srt")
    assert [name for name, *_ in entries["film.mkv"].sidecars] == [b"Subs/4_Dutch.srt"]


def test_a_name_may_have_a_language_and_a_flag_after_that_of_the_recording(tmp_path: Path) -> None:
    sides = ["film.en.forced.srt", "film.pt-BR.sdh.srt", "film.de.srt", "film.sub"]
    entries = entries_of(tmp_path, "film.mkv", *sides, "film.part.two.srt")
    assert owners(entries) == dict.fromkeys(sides, "film.mkv")


@pytest.mark.parametrize(
    ("name", "language"),
    [
        ("film.de.srt", "de"),
        ("film.en.forced.srt", "en"),
        ("film.eng.hi.srt", "en"),
        ("film.hi.srt", "hi"),
        ("film.pt-BR.srt", "pt"),
        ("film.zh-Hans.srt", "zh"),
        ("2_English.srt", "en"),
        ("3_English SDH.srt", "en"),
        ("11_ger.srt", "de"),
        ("Brazilian Portuguese.srt", "pt"),
        ("film.srt", ""),
        ("film.forced.srt", ""),
        ("The.Italian.Job.srt", ""),
        ("it.srt", ""),
        ("my film de.srt", ""),
    ],
)
def test_the_name_of_a_subtitle_file_tells_its_language(name: str, language: str) -> None:
    assert named_language(os.fsencode(f"/films/fr/{name}")) == language


@pytest.mark.parametrize(
    ("tag", "code"), [("ger", "de"), ("deu", "de"), ("de-AT", "de"), ("gsw", "gsw"), ("und", ""), ("", ""), ("??", "")]
)
def test_language_tags_become_short_codes(tag: str, code: str) -> None:
    assert language_code(tag) == code
