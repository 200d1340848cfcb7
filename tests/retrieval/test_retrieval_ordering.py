"""Hits in another order than by score, and files that are listed by a filter alone."""

import os
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import made_raw
import pytest
from PIL import Image
from small_index import run, use_word_model

from mmsearch.cli.filter_options import build_filter
from mmsearch.errors import UsageError
from mmsearch.index import Index
from mmsearch.output.records import hit_record
from mmsearch.query import Answer, Filter, Hit, Query
from mmsearch.retrieval.ordering import in_order
from mmsearch.types import Locator

FILES = {"Beta.txt": ("moon", 3), "alpha.txt": ("moon moon moon stars", 1), "gamma.txt": ("the moon", 2)}
DAY = 86_400


@pytest.fixture(scope="module")
def dated_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    top = tmp_path_factory.mktemp("dated")
    (top / "media").mkdir()
    for name, (text, day) in (FILES | {"copy.txt": ("moon", 4)}).items():
        (top / "media" / name).write_text(text)
        os.utime(top / "media" / name, (day * DAY, day * DAY))
    with pytest.MonkeyPatch.context() as patch:
        use_word_model(patch.setattr)
        run(top / "index", top / "media")
    return top


@pytest.fixture
def dated(dated_once: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    use_word_model(monkeypatch.setattr)
    return dated_once


def search(dated: Path, text: str, **query: Any) -> Answer:
    return Index.open(dated / "index").search(Query(text, **{"min_score": 0.0} | query))


def names(answer: Answer) -> list[str]:
    return [os.fsdecode(os.path.basename(hit.path)) for hit in answer.hits]


@pytest.mark.parametrize(
    ("sort", "expected"),
    [
        ("date", ["Beta.txt", "gamma.txt", "alpha.txt"]),
        ("name", ["alpha.txt", "Beta.txt", "gamma.txt"]),
        ("size", ["alpha.txt", "gamma.txt", "Beta.txt"]),
    ],
)
def test_hits_are_put_in_order_and_keep_their_ranks(dated: Path, sort: str, expected: list[str]) -> None:
    by_score = {hit.path: hit.rank for hit in search(dated, "moon -name:copy").hits}
    answer = search(dated, "moon -name:copy", sort=sort)
    assert names(answer) == expected
    assert names(search(dated, "moon -name:copy", sort=sort, reverse=True)) == expected[::-1]
    assert {hit.path: hit.rank for hit in answer.hits} == by_score
    assert names(search(dated, "moon -name:copy", sort=sort, k=2)) == expected[:2]


def test_reversed_scores_have_the_last_hit_that_passes_first(dated: Path) -> None:
    ranked = search(dated, "moon").hits
    assert search(dated, "moon", reverse=True).hits == ranked[::-1]
    assert search(dated, "moon", reverse=True, k=1).hits == ranked[-1:]


def test_hits_have_the_size_and_the_time_of_their_file(dated: Path) -> None:
    for hit in search(dated, "moon").hits:
        facts = os.stat(hit.path)
        assert (hit.size, hit.modified_s) == (facts.st_size, facts.st_mtime)


@pytest.mark.parametrize(
    ("sort", "expected"),
    [
        ("score", ["copy.txt", "gamma.txt", "alpha.txt"]),
        ("date", ["copy.txt", "gamma.txt", "alpha.txt"]),
        ("name", ["alpha.txt", "Beta.txt", "gamma.txt"]),
        ("size", ["alpha.txt", "gamma.txt", "Beta.txt"]),
    ],
)
def test_listed_files_are_the_newest_first_or_in_the_order_that_was_asked(
    dated: Path, sort: str, expected: list[str]
) -> None:
    answer = search(dated, "kind:text", sort=sort)
    assert names(answer) == expected  # of the two with the same bytes the first in this order
    assert [len(hit.same) for hit in answer.hits if hit.size == 4] == [1]
    assert [hit.rank for hit in answer.hits] == [1, 2, 3] and {hit.score for hit in answer.hits} == {1.0}
    assert len(search(dated, "kind:text", sort=sort, fold=False).hits) == 4


def test_a_list_that_is_cut_says_how_many_there_are(dated: Path) -> None:
    answer = search(dated, "", where=Filter(kinds=("text",)), k=2, fold=False)
    assert names(answer) == ["copy.txt", "Beta.txt"]
    assert answer.notes == ("The first 2 of 4 files that pass the filters (-k N shows more).",)


def test_words_to_leave_out_narrow_a_list(dated: Path) -> None:
    assert names(search(dated, "kind:text -stars")) == ["copy.txt", "gamma.txt"]
    answer = search(dated, "kind:text -moon")
    assert (answer.hits, answer.notes) == ((), ("Every file is left out.",))


def test_a_time_in_which_no_file_was_changed_is_named(dated: Path) -> None:
    answer = search(dated, "kind:text near:1970-02")
    assert answer.notes == (
        "No file of the index passes the filters: none was sent, taken or changed from 1970-02-01 until 1970-03-01.",
    )
    first, last = (datetime.fromtimestamp(DAY * day).isoformat(" ", "minutes") for day in (1.2, 1.8))
    between = search(dated, f'after:"{first}" before:"{last}"')
    refused = f"none was sent, taken or changed from {first} until {last}."
    assert between.notes == (f"No file of the index passes the filters: {refused}",)


def test_equal_values_stay_in_the_order_of_their_ranks() -> None:
    hits = [Hit(number, 0.5, b"/%d" % number, "text", "words", Locator(), "", ()) for number in (1, 2, 3)]
    for sort in ("date", "size"):
        for reverse in (False, True):
            assert in_order(hits, Query(sort=sort, reverse=reverse)) == tuple(hits)
    dated = [replace(hit, modified_s=float(hit.rank)) for hit in hits[:2]]
    assert [hit.rank for hit in in_order([*dated, hits[2]], Query(sort="date"))] == [2, 1, 3]


def test_an_order_that_does_not_exist_is_refused() -> None:
    with pytest.raises(UsageError, match="--sort can't be 'age'"):
        Query("moon", sort="age")


def test_a_picture_passes_by_the_time_it_was_taken_and_not_by_that_of_its_file(
    tmp_path: Path, word_model: None
) -> None:
    exif = Image.Exif()
    exif.get_ifd(0x8769)[0x9003] = "2019:07:14 10:11:12"
    path = tmp_path / "media" / "sea.jpg"
    path.parent.mkdir()
    Image.linear_gradient("L").save(path, exif=exif)
    changed = datetime(2023, 3, 5, 12).timestamp()
    os.utime(path, (changed, changed))
    run(tmp_path / "index", tmp_path / "media", ocr="never")
    found = (
        "near:2019-07",
        "near:2019-07-14",
        "before:2020",
        "after:2019-07 before:2020",
        "after:2019-07-14T10:11 before:2019-07-14T10:12",
        "-near:2023-03",
    )
    none = (
        "after:2020 before:2023",
        "near:2019-07-13",
        "near:2023-03",
        "after:2019-07-14T10:12",
        "before:2019-07-14",
        "after:2024",
        "-near:2019-07",
        "-after:2019",
    )
    assert [text for text in (*found, *none) if search(tmp_path, text).hits] == [*found]
    why = Index.open(tmp_path / "index").why_not(Query("x after:2020 before:2023"), path)
    assert why.sentence == (
        "It is left out by a filter: it was taken on 2019-07-14, not from 2020-01-01 until 2023-01-01."
    )
    assert why.filters == ("time",)


@pytest.fixture
def photos(tmp_path: Path, word_model: None) -> Path:
    """Photos taken in Paris in 2021 and in Versailles in 2019, whose files are of another order, and one of neither."""
    media = tmp_path / "media"
    media.mkdir()
    shapes = (
        Image.linear_gradient("L"),
        Image.radial_gradient("L"),
        Image.effect_mandelbrot((256, 256), (-2.0, -1.5, 1.0, 1.5), 50),
    )
    facts = (
        ("paris", "2021:05:01 12:00:00", ((48.0, 51.0, 30.0), (2.0, 17.0, 40.0)), 1_600_000_000),
        ("versailles", "2019:05:01 12:00:00", ((48.0, 48.0, 17.0), (2.0, 7.0, 13.0)), 1_700_000_000),
        ("plain", "", None, 1_580_000_000),
    )
    for shape, (name, when, place, changed) in zip(shapes, facts, strict=True):
        exif = Image.Exif()
        if place is not None:
            exif.get_ifd(0x8769)[0x9003] = when
            exif.get_ifd(0x8825).update({1: "N", 2: place[0], 3: "E", 4: place[1]})
            exif[0x010F], exif[0x0110] = "Canon", "Canon EOS R5"
        shape.save(media / f"{name} photo.jpg", exif=exif)
        os.utime(media / f"{name} photo.jpg", (changed, changed))
    run(tmp_path / "index", media, ocr="never")
    return tmp_path


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("near:48.8584,2.2945,1", ["paris"]),
        ("near:48.8584,2.2945,20", ["paris", "versailles"]),
        ("near:48.8584,2.2945,20 near:2019", ["versailles"]),
        ("-near:48.8584,2.2945,1", ["plain", "versailles"]),
        ("near:-48.8584,2.2945,20", []),
    ],
)
def test_photos_are_found_by_where_they_were_taken(photos: Path, text: str, names: list[str]) -> None:
    found = search(photos, f"{text} kind:image")
    assert sorted(Path(os.fsdecode(hit.path)).stem.split()[0] for hit in found.hits) == names


def test_a_distance_that_no_photo_has_is_named(photos: Path) -> None:
    sentence = "none is known to be taken within 3 km of 10, 20."
    assert search(photos, "near:10,20,3").notes == (f"No file of the index passes the filters: {sentence}",)
    with Index.open(photos / "index") as index:
        why = index.why_not(Query("x near:48.8584,2.2945,1"), photos / "media" / "versailles photo.jpg")
        unknown = index.why_not(Query("x near:48.8584,2.2945,1"), photos / "media" / "plain photo.jpg")
    assert why.sentence == "It is left out by a filter: it was taken 14 km from there, not within 1 km."
    assert unknown.sentence == "It is left out by a filter: it is not known where it was taken, not within 1 km."


def test_files_are_in_the_order_in_which_they_were_taken(photos: Path) -> None:
    with Index.open(photos / "index") as index:
        for query in (
            Query("kind:image"),
            Query("kind:image", sort="date"),
            Query("photo", sort="date", min_score=0.0),
        ):
            names = [Path(os.fsdecode(hit.path)).stem.split()[0] for hit in index.search(query).hits]
            assert names == ["paris", "plain", "versailles"]
        hits = index.search(Query("kind:image", sort="date", reverse=True)).hits
    assert [(hit.taken, hit_record(hit)["taken"]) for hit in hits] == [
        ("2019-05-01T12:00:00", "2019-05-01T12:00:00"),
        ("", None),
        ("2021-05-01T12:00:00", "2021-05-01T12:00:00"),
    ]


def test_a_place_and_a_date_may_be_the_value_of_the_same_option() -> None:
    assert build_filter(near="-33.9, 151.2, 2.5km") == Filter(near=(-33.9, 151.2, 2.5))
    assert build_filter(near="2024-05").near is None
    for wrong in ("91,0,5", "0,181,5", "10,20,0", "10,20", "10,20,30,40"):
        with pytest.raises(UsageError, match="--near can't be"):
            build_filter(near=wrong)


def test_a_raw_photo_and_the_picture_beside_it_are_one_row(tmp_path: Path, word_model: None) -> None:
    media = tmp_path / "media"
    (media / "other").mkdir(parents=True)
    (media / "IMG_1.dng").write_bytes(made_raw.dng(made_raw.preview()))
    Image.radial_gradient("L").save(media / "IMG_1.JPG")  # edited: no copy of the preview
    Image.effect_mandelbrot((256, 256), (-2.0, -1.5, 1.0, 1.5), 50).save(media / "other" / "IMG_1.jpg")
    run(tmp_path / "index", media, ocr="never")
    for text in ("kind:image", "img"):
        hits = search(tmp_path, text).hits
        together = {frozenset({hit.path, *hit.same}) for hit in hits}
        pair = {os.fsencode(media / "IMG_1.dng"), os.fsencode(media / "IMG_1.JPG")}
        assert together == {frozenset(pair), frozenset({os.fsencode(media / "other" / "IMG_1.jpg")})}
    with Index.open(tmp_path / "index") as index:
        assert len(index.search(Query("kind:image", fold=False)).hits) == 3


def test_names_of_place_and_camera_are_words_and_no_text_of_models(photos: Path) -> None:
    with Index.open(photos / "index") as index:
        for text, expected in (("Île-de-France", 2), ("EOS R5", 2), ("ile de france -versailles", 1)):
            hits = index.search(Query(text, names=False)).hits
            assert len(hits) == expected and all(hit.view == "words" and hit.snippet for hit in hits)
        [one, *_] = index.text(photos / "media" / "paris photo.jpg")
    assert one.text == "Paris, Île-de-France, France\nCanon EOS R5"
