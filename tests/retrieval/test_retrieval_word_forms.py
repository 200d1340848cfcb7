"""Other forms of a query's words: what is one word is found, what only begins alike is not."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
from small_index import found, run, use_word_model, write

from mmsearch import Index, Query
from mmsearch.retrieval.words.inflection import irregular_forms, regular_forms, stem
from mmsearch.retrieval.words.particles import arabic_roots, arabic_spellings, hebrew_roots, hebrew_spellings
from mmsearch.retrieval.words.term_matching import matches, term_proximity
from mmsearch.retrieval.words.word_scoring import Term, find_words
from mmsearch.store.tokenization import tokens
from mmsearch.store.vocabulary import WordList


@pytest.fixture(autouse=True)
def word_model(monkeypatch: pytest.MonkeyPatch) -> None:
    use_word_model(monkeypatch.setattr)


def names(index: Path, text: str) -> list[str]:
    return [Path(path.decode()).name for path in found(index, text, names=False)]


SENTENCES = {
    "a.txt": "Two dogs slept beside the old boat near the wall.",
    "b.txt": "The wolves were running through the empty cities.",
    "c.txt": "The university opened a library for the town.",
    "d.txt": "Die Zahnarztrechnung und die Müllers liegen neben den Häusern im Ordner.",
    "e.txt": "Старые коты лежат на руке у бабушки, а дети спят.",
    "f.txt": "تقع المدرسة بجانب النهر وقرأ الولد كتبه.",
    "g.txt": "נסענו ברכבת לירושלים ליד הספריות של העיר.",
    "h.txt": "Las ciudades y los niños cantaban canciones.",
    "i.txt": "Les chevaux et les journaux du village.",
}


@pytest.mark.parametrize(
    ("typed", "name"),
    [
        ("dog", "a.txt"), ("wolf", "b.txt"), ("run", "b.txt"), ("city", "b.txt"), ("ran", "b.txt"),
        ("universities", "c.txt"), ("Rechnung", "d.txt"), ("Mueller", "d.txt"), ("das Haus", "d.txt"),
        ("Haeuser", "d.txt"), ("кот", "e.txt"), ("рука", "e.txt"), ("ребёнок", "e.txt"), ("مدرسة", "f.txt"),
        ("نهر", "f.txt"), ("كتاب", "f.txt"), ("רכבת", "g.txt"), ("ירושלים", "g.txt"), ("ספרייה", "g.txt"),
        ("ciudad", "h.txt"), ("niño", "h.txt"), ("canción", "h.txt"), ("cheval", "i.txt"), ("journal", "i.txt"),
    ],
)  # fmt: skip
def test_a_form_of_a_word_is_found(tmp_path: Path, typed: str, name: str) -> None:
    for file, text in SENTENCES.items():
        write(tmp_path / "docs" / file, text)
    index = tmp_path / "index"
    run(index, tmp_path / "docs")
    assert names(index, typed)[:1] == [name]


@pytest.mark.parametrize(
    ("typed", "expected"),
    [("船", ["a.txt", "c.txt"]), ("船 島", ["c.txt"]), ("鳥", ["b.txt"]), ("배", ["d.txt"])],
)
def test_one_character_of_an_unspaced_script_is_a_word(tmp_path: Path, typed: str, expected: list[str]) -> None:
    texts = {
        "a.txt": "今日は港で船を見ました。",
        "b.txt": "山で鳥を見ました。",
        "c.txt": "島の船",
        "d.txt": "배가 항구에 있다",
    }
    for file, text in texts.items():
        write(tmp_path / "docs" / file, text)
    run(tmp_path / "index", tmp_path / "docs")
    best = names(tmp_path / "index", typed)
    assert sorted(best[: len(expected)]) == expected


@pytest.mark.parametrize(
    ("typed", "text"),
    [
        ("universal", "The university opened."),
        ("general", "The generation grew."),
        ("Ring", "The engineering plan of the spring."),
        ("Eis", "Der Beweis und die Reise."),
        ("organ", "The organization met."),
    ],
)
def test_what_only_begins_or_ends_alike_is_not_found(tmp_path: Path, typed: str, text: str) -> None:
    write(tmp_path / "docs/a.txt", text)
    index = tmp_path / "index"
    run(index, tmp_path / "docs")
    (hit,) = Index.open(index).search(Query(typed, min_score=-1.0)).hits or [None]
    assert hit is None or not any(signal.terms for signal in hit.signals)


def test_the_exact_word_stands_before_its_forms(tmp_path: Path) -> None:
    for name, word, place in (("a.txt", "houses", "river"), ("b.txt", "house", "wall"), ("c.txt", "houses", "field")):
        write(tmp_path / "docs" / name, f"There stood the old {word} beside the {place}.")
    write(tmp_path / "docs/d.txt", "A garden of roses behind the church.")
    index = tmp_path / "index"
    run(index, tmp_path / "docs")
    assert names(index, "house")[0] == "b.txt"
    assert names(index, "houses")[2:3] == ["b.txt"]


def test_a_name_is_found_by_another_form(tmp_path: Path) -> None:
    write(tmp_path / "docs/two dogs.txt", "Nothing here.")
    write(tmp_path / "docs/Mueller.txt", "Nothing there.")
    write(tmp_path / "docs/cat.txt", "Nothing at all.")
    index = tmp_path / "index"
    run(index, tmp_path / "docs")
    for typed, name, terms in (("dog", "two dogs.txt", ("dog~dogs",)), ("Müller", "Mueller.txt", ("muller~mueller",))):
        hits = Index.open(index).search(Query(typed)).hits
        assert Path(hits[0].path.decode()).name == name
        assert [signal.terms for signal in hits[0].signals if signal.name == "names"] == [terms]


def test_an_excluded_word_is_only_that_word(tmp_path: Path) -> None:
    write(tmp_path / "docs/a.txt", "One dog in the garden.")
    write(tmp_path / "docs/b.txt", "Many dogs in the garden.")
    index = tmp_path / "index"
    run(index, tmp_path / "docs")
    assert names(index, "garden -dog") == ["b.txt"]


def test_a_word_that_leaves_the_index_is_no_form_any_more(tmp_path: Path) -> None:
    write(tmp_path / "docs/a.txt", "Many dogs in the garden.")
    write(tmp_path / "docs/b.txt", "An old garden.")
    index = tmp_path / "index"
    run(index, tmp_path / "docs")
    (tmp_path / "docs/a.txt").unlink()
    run(index, tmp_path / "docs")
    with sqlite3.connect(index / "catalogue.db") as connection:
        listed = WordList(connection).among(["dogs", "many", "garden"])
    assert listed == ["garden"]


def test_forms_count_less_than_the_word_and_compounds_less_than_forms() -> None:
    term = Term("haus", 2.0, 1.5, {"hauser": 1.0, "rathaus": 0.5})
    texts = [[word, "x", "y"] for word in ("haus", "hauser", "rathaus", "garten")]
    result = find_words([term], texts, 3.0)
    assert list(result.found) == sorted(result.found, reverse=True) and result.found[3] == 0.0
    assert result.matched == [("haus",), ("haus~hauser",), ("haus~rathaus",), ()]


def test_two_forms_of_one_word_in_a_query_count_once() -> None:
    dogs = Term("dogs", 2.0, 1.5, {"dog": 1.0})
    dog = Term("dog", 2.0, 1.5, {"dogs": 1.0})
    once, twice = (find_words(terms, [["dogs"]], 1.0).coverage[0] for terms in ([dogs], [dogs, dog]))
    assert once == 1.0 and 0.5 < twice < 1.0


def test_terms_are_marked_in_the_text_as_it_is_written() -> None:
    text = "Dogs, hotdogs and CAFÉS; C++ in Straße"
    marked = matches(text, {"dog~dogs": 1.0, "cafe~cafes": 1.0, "c++": 1.0, "strasse": 1.0})
    assert [text[at : at + len(word)] for at, word, _ in marked] == ["Dogs", "CAFÉS", "C++", "Straße"]


def test_proximity_counts_forms() -> None:
    weights = {"red": 1.0, "car": 1.0}
    forms = {"car": {"cars": 1.0}}
    assert term_proximity(["red", "car"], weights, [["red", "cars"]], lambda word: forms.get(word, {})) == [1.0]


@pytest.mark.parametrize("word", ["", "a", "x" * 500, "ы", "ב", "ال", "'", "\ue02b", "ii", "eee", "на"])
def test_odd_words_have_stems_and_forms(word: str) -> None:
    for language in ("en", "de", "ru", "uk", "nl", "xx"):
        stem(word, language)
        regular_forms(word, [word, "other"], language)
        irregular_forms(word, language)
    assert all(
        isinstance(one, str) for one in [*arabic_spellings(arabic_roots(word)), *hebrew_spellings(hebrew_roots(word))]
    )


def test_particles_of_arabic_and_hebrew() -> None:
    (school, written) = tokens("مدرسة وبالمدرسة")
    assert school in arabic_roots(tokens("المدرسة")[0])
    assert tokens("بالمدرسة")[0] in set(arabic_spellings([school])) and written
    assert "בספריות" in set(hebrew_spellings(["ספרייה"])) or "בספריות" in set(hebrew_spellings(["ספריה"]))
    assert "רכבת" in hebrew_roots("שברכבת")
