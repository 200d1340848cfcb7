"""What is meant as it is typed comes first: addresses, numbers in any spelling, words with signs, emoji, phrases."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_index import found, run, use_word_model, write

from mmsearch import Index, Query
from mmsearch.retrieval.queries.query_parsing import parse
from mmsearch.retrieval.words.literals import literals
from mmsearch.retrieval.words.stop_words import content_words, says_nothing

FILLER = "The committee met on Tuesday and spoke about the accounts of last year."


@pytest.fixture(autouse=True)
def word_model(monkeypatch: pytest.MonkeyPatch) -> None:
    use_word_model(monkeypatch.setattr)


def indexed(tmp_path: Path, texts: dict[str, str]) -> Path:
    for name, text in texts.items():
        write(tmp_path / "docs" / name, text)
    run(tmp_path / "index", tmp_path / "docs")
    return tmp_path / "index"


def names(index: Path, text: str) -> list[str]:
    return [Path(path.decode()).name for path in found(index, text, names=False)]


@pytest.mark.parametrize(
    ("typed", "right", "wrong"),
    [
        ("anna.berg@hafen.example", f"{FILLER} Write to anna.berg@hafen.example. {FILLER}",
         "Anna of Berg: a hafen example. Anna Anna Berg Berg hafen hafen example example."),
        ("https://hafen.example/boats/list", f"{FILLER} See https://hafen.example/boats/list there.",
         "hafen list of boats as an example, https boats list"),
        ("C++", f"{FILLER} It is written in C++ only.", "It is written in C. C is old. C C C"),
        ("C#", f"{FILLER} It is written in C# only.", "It is written in C++ and C. C is old. C C C"),
        ("F#", f"{FILLER} F# was chosen.", "F is for failure, f and f."),
        (".NET", f"{FILLER} The .NET runtime is old.", "A net for fish; the net net net."),
        ("2024-03-05", f"{FILLER} Due on 2024-03-05.", "2024 03 05, 05 2024 03"),
        ("14:30", f"{FILLER} The boat leaves at 14:30.", "30 boats of 14 men. 14 14 30 30"),
        ("v2.4.1", f"{FILLER} Update to v2.4.1 now.", "4 v2 1 and 1 4 v2"),
        ("AB-12", f"{FILLER} Part AB-12 is broken.", "12 ab and 12 ab"),
        ("+41 44 123 45 67", f"{FILLER} Call +41441234567 today.", "41 44 45 67 123 and 44 41"),
        ("+41441234567", f"{FILLER} Call +41 44 123 45 67 today.", "41 44 45 67 123 and 44 41"),
        ("1234-5678-9012", f"{FILLER} Account 1234 5678 9012.", "9012 5678 1234"),
        ("CH9300762011623852957", f"{FILLER} To CH93 0076 2011 6238 5295 7.", "CH93 7 5295 and 0076"),
        ("🎉", f"{FILLER} We won 🎉 at last.", "We won 🎈 at last."),
        ("to be or not to be", f"To be, or not to be: that is the question. {FILLER}",
         "or not to go, to be there, not to be late, to be"),
    ],
)  # fmt: skip
def test_the_literal_string_comes_first(tmp_path: Path, typed: str, right: str, wrong: str) -> None:
    index = indexed(tmp_path, {"a wrong.txt": wrong, "b right.txt": right, "c other.txt": FILLER})
    assert names(index, typed)[:1] == ["b right.txt"]


def test_a_text_that_holds_the_whole_query_comes_before_one_that_holds_its_words(tmp_path: Path) -> None:
    index = indexed(
        tmp_path,
        {
            "words.txt": "Fog: the ferry was late, and late in fog was the captain of the ferry.",
            "whole.txt": f"{FILLER} {FILLER} The ferry was late in fog.",
            "other.txt": FILLER,
        },
    )
    assert names(index, "the ferry was late in fog")[:2] == ["whole.txt", "words.txt"]
    assert names(index, "fog ferry late")[:2] == ["words.txt", "whole.txt"]


@pytest.mark.parametrize("typed", ["C++", "F#", "🎉", ".NET"])
def test_a_word_with_signs_is_not_found_by_its_letters(tmp_path: Path, typed: str) -> None:
    index = indexed(tmp_path, {"a.txt": "C and F and the net of 🎈."})
    hits = Index.open(index).search(Query(typed, names=False, min_score=-1.0)).hits
    assert not any(signal.terms for hit in hits for signal in hit.signals)


def test_a_phrase_may_run_over_lines_and_from_one_page_into_the_next(tmp_path: Path) -> None:
    pages = "\n\n".join(
        [f"{FILLER} " * 20 + "the last lantern was", "carried over the frozen bridge. " + f"{FILLER} " * 20]
    )
    index = indexed(tmp_path, {"a.txt": "over the\nfrozen bridge we went", "b.txt": pages, "c.txt": FILLER})
    assert set(names(index, '"over the frozen bridge"')) == {"a.txt", "b.txt"}
    assert names(index, '"lantern was carried over"') == ["b.txt"]
    assert names(index, '"carried lantern"') == []


def test_a_phrase_and_an_exclusion_keep_their_signs(tmp_path: Path) -> None:
    index = indexed(tmp_path, {"a.txt": "we learn C++ today", "b.txt": "we learn C today"})
    assert names(index, '"learn C++ today"') == ["a.txt"]
    assert names(index, "learn -C++") == ["b.txt"]


@pytest.mark.parametrize(
    ("typed", "runs"),
    [
        ("bill RB-2024/117", {"rb 2024 117": "rb2024117"}),
        ("the year 2024", {}),
        ("dog house", {}),
        ("a 12 b", {}),
        ("mail x@y.example", {"x y example": ""}),
    ],
)
def test_which_parts_of_a_query_are_literals(typed: str, runs: dict[str, str]) -> None:
    assert {one.run: one.whole for one in literals(parse(typed))} == runs


@pytest.mark.parametrize(
    ("typed", "left"),
    [
        ("when does my flight to zurich leave", ["flight", "zurich", "leave"]),
        ("photo of my grandmother", ["photo", "grandmother"]),
        ("wann fahrt der zug nach bern", ["fahrt", "zug", "bern"]),
        ("die hard", ["die", "hard"]),
        ("war poster", ["war", "poster"]),
        ("где мои паспорт", ["паспорт"]),
        ("la factura de la luz", ["factura", "luz"]),
        ("to be or not to be", ["to", "be", "or", "not"]),
        ("the", ["the"]),
        ("", []),
    ],
)
def test_stop_words_ask_for_nothing_beside_other_words(typed: str, left: list[str]) -> None:
    assert content_words(typed.split()) == left
    assert says_nothing(typed.split()) == (left != [] and typed in ("to be or not to be", "the"))


def test_stop_words_find_no_name_and_give_no_score(tmp_path: Path) -> None:
    index = indexed(
        tmp_path, {"copy of bee.txt": "A bee.", "letter.txt": "When does it open, and to whom? My flight leaves."}
    )
    opened = Index.open(index)
    for typed, terms in (("photo of my grandmother", set()), ("when does my flight leave", {"flight", "leave~leaves"})):
        hits = opened.search(Query(typed, min_score=-1.0)).hits
        assert {term for hit in hits for signal in hit.signals for term in signal.terms} == terms


def test_a_word_of_every_file_still_finds_when_it_is_all_that_is_asked(tmp_path: Path) -> None:
    index = indexed(tmp_path, {f"{n}.txt": f"report number {word}" for n, word in enumerate(("one", "two", "three"))})
    assert len(names(index, "report")) == 3


@pytest.mark.parametrize(
    "typed",
    [
        "the",
        "a",
        "x",
        "?!",
        "...",
        "+",
        "C",
        "#",
        "-",
        '""',
        "🎉🎉",
        "кот dog مدرسة 猫",
        "word " * 20_000,
        "1 " * 50_000,
        "." * 100_000,
    ],
)
def test_odd_queries_have_an_answer_or_a_sentence(tmp_path: Path, typed: str) -> None:
    from mmsearch.errors import MmsearchError

    index = indexed(tmp_path, {"a.txt": "a dog, the word x"})
    try:
        assert len(Index.open(index).search(Query(typed)).hits) <= 1
    except MmsearchError as error:
        assert error.sentence.endswith(".")
