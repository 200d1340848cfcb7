"""Queries of several parts, filters that nothing passes, and whatever else is typed, through the real index."""

import os
import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mmsearch.errors import UsageError
from mmsearch.index import Index
from mmsearch.query import Answer, Filter, Hit, Part, Query
from mmsearch.retrieval.query_building import _summed
from mmsearch.retrieval.signals import Vector
from mmsearch.store.spaces import SpaceRow


def search(searched: Path, text: str = "", **query: Any) -> Answer:
    return Index.open(searched / "index").search(Query(text, **{"min_score": 0.0} | query))


def names(searched: Path, answer: Answer) -> list[str]:
    top = len(bytes(searched / "media")) + 1
    return [hit.path[top:].decode() for hit in answer.hits]


def file(searched: Path, name: str, weight: float = 1.0) -> Part:
    return Part(file=bytes(searched / "media" / name), weight=weight)


def test_similar_is_a_query_that_is_like_the_file(searched: Path) -> None:
    index = Index.open(searched / "index")
    path = bytes(searched / "media" / "apple_pie.txt")
    wanted = Query(min_score=0.0)
    alike, queried = index.similar(path, wanted), index.search(replace(wanted, like=(Part(file=path),)))
    assert alike.hits == queried.hits
    assert names(searched, alike)[0] == "pear_tart.txt" and "apple_pie.txt" not in names(searched, alike)


def test_a_like_file_moves_an_ambiguous_word_its_way(searched: Path) -> None:
    assert names(searched, search(searched, "apple", like=(file(searched, "pear_tart.txt"),)))[0] == "apple_pie.txt"
    towards = search(searched, "apple", like=(file(searched, "pear_tart.txt"),)).hits
    plain = search(searched, "apple").hits
    assert gap(towards, b"apple_pie.txt", b"apple_computer.txt") > gap(plain, b"apple_pie.txt", b"apple_computer.txt")


def gap(hits: Sequence[Hit], one: bytes, other: bytes) -> float:
    scores = {os.path.basename(hit.path): hit.score for hit in hits}
    return scores.get(one, 0.0) - scores.get(other, 0.0)


def test_minus_words_and_minus_files_take_off_and_do_not_exclude(searched: Path) -> None:
    plain = gap(search(searched, "apple").hits, b"apple_computer.txt", b"apple_pie.txt")
    for minus in (Part("sweet dessert"), file(searched, "pear_tart.txt")):
        hits = search(searched, "apple", minus=(minus,)).hits
        assert [os.path.basename(hit.path) for hit in hits[:2]] == [b"apple_computer.txt", b"apple_pie.txt"]
        assert gap(hits, b"apple_computer.txt", b"apple_pie.txt") > plain


def test_a_heavier_minus_takes_off_more(searched: Path) -> None:
    answers = [search(searched, "apple", minus=(Part("dessert", weight=weight),)) for weight in (0.1, 0.5, 1.0)]
    gaps = [gap(answer.hits, b"apple_computer.txt", b"apple_pie.txt") for answer in answers]
    assert gaps == sorted(gaps) and gaps[0] < gaps[2]


def test_contributions_of_every_part_sum_to_the_score(searched: Path) -> None:
    like, minus = file(searched, "pear_tart.txt", 0.5), Part("company laptops", weight=0.1)
    hits = search(searched, "apple number 4711", like=(like,), minus=(minus,)).hits
    spoken = {signal.name for hit in hits for signal in hit.signals}
    assert spoken == {"words", "exact", "minus", "names", "builtin:text"}
    for hit in hits:
        assert sum(signal.contribution for signal in hit.signals) == pytest.approx(hit.score)
    computer = next(hit for hit in hits if hit.path.endswith(b"apple_computer.txt"))
    taken = next(signal for signal in computer.signals if signal.name == "minus")
    assert taken.contribution < 0 and taken.terms == ("company", "laptops")


def test_a_file_that_is_not_in_the_index_is_compared_by_its_words(searched: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside.txt"
    outside.write_text("We baked fruit with sugar in the oven for dessert.")
    answer = search(searched, like=(Part(file=bytes(outside)),))
    assert set(names(searched, answer)[:2]) == {"apple_pie.txt", "pear_tart.txt"}
    assert answer.notes == ("outside.txt is not in the index: it is compared by the words in it.",)


def test_all_like_files_are_left_out_of_the_hits_even_by_name(searched: Path) -> None:
    answer = search(
        searched, "apple", like=(file(searched, "apple_pie.txt"), file(searched, "apple_computer.txt")), k=50
    )
    assert not {"apple_pie.txt", "apple_computer.txt"} & set(names(searched, answer)) and answer.hits


def test_what_cannot_be_a_part_is_refused_with_a_hint(searched: Path, tmp_path: Path) -> None:
    (tmp_path / "odd.bin").write_bytes(bytes(range(256)) * 8)
    (tmp_path / "empty.txt").write_text(" \n")
    picture(tmp_path / "plain.png")
    os.mkfifo(tmp_path / "pipe")
    for name in ("odd.bin", "empty.txt", "plain.png", "pipe", "missing.txt", "."):
        with pytest.raises(UsageError) as raised:
            search(searched, "apple", like=(Part(file=bytes(tmp_path / name)),))
        assert raised.value.sentence and raised.value.hint, name
    for place in ("apple_pie.txt#page=3", "apple_pie.txt#t=75", f"apple_pie.txt#page={'9' * 400}"):
        with pytest.raises(UsageError, match="no such place"):
            search(searched, like=(file(searched, place),))


def picture(path: Path) -> None:
    from PIL import Image

    Image.new("RGB", (64, 64), (200, 30, 30)).save(path)


def test_a_picture_without_words_goes_with_text_and_alone_finds_nothing(searched: Path, tmp_path: Path) -> None:
    picture(tmp_path / "plain.png")
    images = (bytes(tmp_path / "plain.png"),)
    said = "builtin can't see plain.png, and there are no words to search by."
    both = search(searched, "apple pie", images=images)
    assert names(searched, both)[0] == "apple_pie.txt" and both.notes == (said,)
    alone = search(searched, images=images)
    assert (alone.hits, alone.notes) == ((), (said,))


def test_a_query_of_nothing_wanted_is_refused(searched: Path) -> None:
    for query in (
        Query(),
        Query("  "),
        Query("-apple"),
        Query('-"apple pie"'),
        Query(minus=(Part("apple"),)),
        Query("!!! ... ---"),
        Query("apple", minus=(Part("  "),)),
    ):
        with pytest.raises(UsageError) as raised:
            Index.open(searched / "index").search(query)
        assert raised.value.hint


@pytest.mark.parametrize(
    "typed",
    [
        "apple AND", "NOT apple", "apple OR pie", "NEAR(apple pie, 2)", "^apple", "app*", "words:apple", "apple:pie",
        "(apple", "apple)", "{apple}", "apple + pie", '"apple', 'apple"', '""apple""', "'apple'", "apple; DROP TABLE x",
        "apple -", "apple --", 'apple "', "apple \x00 pie", "apple \ud800", "apple\u202e pie", "%apple_", "\\apple\\",
        "🍎 apple", "-", 'apple -"never there"',
    ],
)  # fmt: skip
def test_signs_of_query_languages_are_only_signs(searched: Path, typed: str) -> None:
    if typed == "-":
        with pytest.raises(UsageError):
            search(searched, typed)
    else:
        assert {"apple_pie.txt", "apple_computer.txt"} & set(names(searched, search(searched, typed))[:2])


def test_right_to_left_text_finds_its_file(searched: Path) -> None:
    assert names(searched, search(searched, "گربه"))[0] == "persian.txt"
    assert names(searched, search(searched, '"روی دیوار"')) == ["persian.txt"]


def test_signs_that_no_model_reads_find_nothing_and_say_so(searched: Path) -> None:
    answer = search(searched, "🦄")
    assert (answer.hits, answer.notes) == ((), ("The model builtin can't read the signs of this query.",))


def test_stop_words_alone_find_what_holds_them(searched: Path) -> None:
    hits = search(searched, "the of and").hits
    assert hits and all(0 < hit.score <= 1 for hit in hits)


@pytest.mark.parametrize("unit", ["apple ", "x", '"', "-a ", "apple-1/2 ", "🍎", "漢字", '"apple" ', "a\n"])
def test_a_query_of_100_000_characters_takes_less_than_two_seconds(searched: Path, unit: str) -> None:
    typed = ("apple pie " + unit * 100_000)[:100_000]
    search(searched, "warm up")
    began = time.process_time()
    search(searched, typed)
    assert time.process_time() - began < 2


def test_100_000_different_words_take_less_than_two_seconds(searched: Path) -> None:
    typed = "apple pie " + " ".join(f"word{number}" for number in range(10_000))
    search(searched, "warm up")
    began = time.process_time()
    search(searched, typed[:100_000])
    assert time.process_time() - began < 2


@pytest.mark.parametrize(
    ("where", "fact"),
    [
        (Filter(kinds=("image",), min_pages=3), ": none is of kind image"),
        (Filter(min_bytes=10_000_000, max_bytes=1), ": none is that large"),
        (
            Filter(since=datetime(2096, 10, 2, 7).timestamp()),
            ": none was sent, taken or changed at or after 2096-10-02 07:00",
        ),
        (Filter(before=datetime(1970, 1, 1).timestamp()), ": none was sent, taken or changed before 1970-01-01"),
        (Filter(within=("/nowhere/at/all",)), ": none lies in /nowhere/at/all"),
        (Filter(kinds=("nonsense",)), ": none is of kind nonsense"),
        (Filter(languages=("xx",)), ": none is known to be in xx"),
        (Filter(names=("pie",), folders=("old",)), ""),
    ],
)
def test_a_filter_that_nothing_passes_finds_no_hit_and_is_reported(searched: Path, where: Filter, fact: str) -> None:
    for text in ("apple", ""):
        answer = search(searched, text, where=where)
        assert (answer.hits, answer.notes) == ((), (f"No file of the index passes the filters{fact}.",))


def test_a_query_in_several_scripts_finds_what_holds_a_word_of_one(searched: Path) -> None:
    for typed in ("apple 苹果 яблоко تفاح pie", "яблоко گربه 苹果"):
        wanted = "persian.txt" if "گ" in typed else "apple_pie.txt"
        assert names(searched, search(searched, typed))[0] == wanted


def test_one_letter_is_a_word_like_any_other(searched: Path) -> None:
    assert "apple_pie.txt" in names(searched, search(searched, "a"))
    assert not [signal for hit in search(searched, "q").hits for signal in hit.signals if signal.name == "words"]


@pytest.mark.parametrize(
    ("typed", "sentence"),
    [
        ("kind:text !!!", "There are no words in the query, only signs."),
        ("?! … ।", "There are no words in the query, only signs."),
        ("-apple -pie", "The query has no words to search for."),
        ("kind:text after:2024-13", "after:2024-13: that is no date."),
        ("after:2030 before:2020 apple", "No file can match"),
    ],
)
def test_what_asks_for_nothing_is_a_sentence_with_a_way_out(searched: Path, typed: str, sentence: str) -> None:
    with pytest.raises(UsageError) as raised:
        search(searched, typed)
    assert raised.value.sentence.startswith(sentence) and raised.value.hint


def test_a_query_that_is_cut_says_so(searched: Path) -> None:
    answer = search(searched, "apple pie " + "x" * 100_000)
    assert names(searched, answer)[0] == "apple_pie.txt"
    assert "Only the first 20,000 characters of the query are searched for." in answer.notes


def vector(*numbers: float, token_coverage: float = 1.0) -> Vector:
    space = SpaceRow(1, "toy", {}, {}, len(numbers), ("text", "image"))
    return Vector(space, "text", np.array(numbers, np.float32), token_coverage)


def test_vectors_are_added_by_weight_and_brought_back_to_length_one() -> None:
    (one,) = _summed([(1.0, vector(1, 0)), (0.5, vector(0, 1)), (-0.5, vector(1, 0))])
    np.testing.assert_allclose(one.vector, np.array([0.5, 0.5]) / np.sqrt(0.5), atol=1e-6)
    (alone,) = _summed([(3.0, vector(0, 1))])
    np.testing.assert_array_equal(alone.vector, [0, 1])


def test_a_view_with_nothing_wanted_or_nothing_left_is_not_asked() -> None:
    assert _summed([(-1.0, vector(1, 0))]) == []
    assert _summed([(1.0, vector(1, 0)), (-1.0, vector(1, 0))]) == []


def test_a_text_counts_as_far_as_the_model_can_read_it() -> None:
    (one,) = _summed([(1.0, vector(1, 0, token_coverage=0.0)), (1.0, vector(0, 1))])
    assert one.vector[1] > 0.999 and one.token_coverage == 0.5
