"""Filters that stand in the text of a query: which words are operators, what they mean, and what is only text."""

import os
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from mmsearch.errors import UsageError
from mmsearch.index import Index
from mmsearch.query import Answer, Filter, Query
from mmsearch.retrieval.queries.query_operators import joined, with_operators
from mmsearch.retrieval.queries.query_parsing import parse

NOW = datetime(2026, 11, 26, 14, 30)


def read(text: str, **more: Any) -> tuple[str, Filter]:
    """The text and the filter that remain of a query."""
    query = with_operators(Query(text, **more), NOW)
    return query.text, query.where


def at(day: str) -> float:
    return datetime.fromisoformat(day).timestamp()


@pytest.mark.parametrize(
    ("text", "rest", "where"),
    [
        ("cats kind:image", "cats", Filter(kinds=("image",))),
        ("kind:image cats kind:pdf asleep", "cats asleep", Filter(kinds=("image", "pdf"))),
        ("cats kind:image,pdf kind:pdf", "cats", Filter(kinds=("image", "pdf"))),
        ("KIND:Photos cats", "cats", Filter(kinds=("image",))),
        ("-kind:image cats", "cats", Filter(without=(Filter(kinds=("image",)),))),
        ("in:holiday in:work sea", "sea", Filter(folders=("holiday", "work"))),
        ('in:"My Documents" sea', "sea", Filter(folders=("My Documents",))),
        ("in:/photos/2024 sea", "sea", Filter(within=("/photos/2024",))),
        ("in:*.pdf sea", "sea", Filter(within=("*.pdf",))),
        ("name:report sales", "sales", Filter(names=("report",))),
        ("after:2024-03 tax", "tax", Filter(since=at("2024-03-01"))),
        ("since:2024-03 tax", "tax", Filter(since=at("2024-03-01"))),
        ("before:2024-03 tax", "tax", Filter(before=at("2024-03-01"))),
        ('tax near:"march 2024"', "tax", Filter(since=at("2024-03-01"), before=at("2024-04-01"))),
        ('tax before:"last summer"', "tax", Filter(before=at("2026-06-01"))),
        ("tax before:“last summer”", "tax", Filter(before=at("2026-06-01"))),
        ("after:2024 after:2025-02 tax", "tax", Filter(since=at("2025-02-01"))),
        ("-near:2024 tax", "tax", Filter(without=(Filter(since=at("2024-01-01"), before=at("2025-01-01")),))),
    ],
)
def test_operators_become_the_filter(text: str, rest: str, where: Filter) -> None:
    assert read(text) == (rest, where)


@pytest.mark.parametrize(
    ("text", "rest"),
    [
        ("before:march 2024 invoice", "invoice"),
        ("before:march 2024", ""),
        ("invoice before:1 march 2024", "invoice march 2024"),
    ],
)
def test_a_date_in_words_reaches_as_far_as_it_is_one(text: str, rest: str) -> None:
    if text.startswith("invoice"):  # a figure alone is no date
        with pytest.raises(UsageError, match="before:1: that is no date"):
            read(text)
    else:
        assert read(text) == (rest, Filter(before=at("2024-03-01")))


@pytest.mark.parametrize(
    "text",
    ["foo:bar", "http://x", "https://a.org/in:b", "12:30", "re: meeting", "C:\\dir", "kind: image", "kind :image",
     "kind:", "in :folder", "xkind:image", "mankind:image", '"kind:image"', 'the "name:x in:y" line', "std::in:x", "::",
     ":", "after: the war", "name:\"\"", "in:\"open", "a=kind:image", "-: x", "kind:image,pdf\"x"],
)  # fmt: skip
def test_whatever_else_has_a_colon_is_text(text: str) -> None:
    assert read(text) == (text, Filter())


def test_a_literal_query_has_no_operators_phrases_or_exclusions() -> None:
    text = 'kind:image -rf "all of it"'
    assert read(text, literal=True) == (text, Filter())
    parsed = parse(text, literal=True)
    assert (parsed.phrases, parsed.excluded) == ((), ())
    assert parsed.words == ("kind", "image", "rf", "all", "of", "it")


def test_operators_add_to_the_filter_that_a_query_has() -> None:
    where = Filter(kinds=("pdf",), since=at("2024-01-01"), languages=("fi",))
    rest, found = read("kind:image after:2023 before:maaliskuu 2025 x", where=where)
    assert (rest, found) == ("x", replace(where, kinds=("pdf", "image"), before=at("2025-03-01")))


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("after:2025 before:2020 x", "No file can match: it would have to be changed at or after 2025-01-01 and before"
         " 2020-01-01."),
        ("near:2024 after:2025", "No file can match: it would have to be changed at or after 2025-01-01 and before"
         " 2025-01-01."),
        ("kind:words", "kind:words: there is no such kind."),
        ("kind:pdf,", "kind:pdf,: there is no such kind."),
        ("x after:lunch", "after:lunch: that is no date."),
        ("x near:3/4/2024", "near:3/4/2024: it could be either of two days."),
        ("kind:pdf " * 101, "The query has more than 100 operators."),
    ],
)  # fmt: skip
def test_what_cannot_be_meant_is_a_sentence_with_a_way_out(text: str, sentence: str) -> None:
    with pytest.raises(UsageError) as raised:
        read(text)
    assert raised.value.sentence == sentence and raised.value.hint


def test_the_quotes_that_a_shell_has_taken_are_put_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    os.mkdir("My Documents")
    assert joined(["sea", "before:last summer"]) == 'sea before:"last summer"'
    assert joined(["in:My Documents", "sea"]) == 'in:"My Documents" sea'
    for arguments in (["before:lunch and dinner"], ["in:sea side"], ["kind:image of a cat"], ['say "in:x y"']):
        assert joined(arguments) == arguments[0]


def names(searched: Path, answer: Answer) -> set[str]:
    top = len(bytes(searched / "media")) + 1
    return {hit.path[top:].decode() for hit in answer.hits}


def search(searched: Path, text: str = "", **query: Any) -> Answer:
    return Index.open(searched / "index").search(Query(text, **{"min_score": 0.0, "k": 50} | query))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("in:old", {"old/minutes.txt"}),
        ("in:OLD", {"old/minutes.txt"}),
        ("in:ol", set()),
        ("name:apple", {"apple_pie.txt", "apple_computer.txt"}),
        ("name:APPLE*pie*", {"apple_pie.txt"}),
        ("name:apple -name:pie", {"apple_computer.txt"}),
        ("kind:image", set()),
        ("name:apple -kind:text", set()),
        ("-in:media", set()),
        ("name:apple -laptops", {"apple_pie.txt"}),
        ("name:apple -pie", {"apple_computer.txt"}),
    ],
)
def test_a_query_of_operators_alone_lists_the_files_that_pass(searched: Path, text: str, expected: set[str]) -> None:
    answer = search(searched, text)
    assert names(searched, answer) == expected
    assert [hit.rank for hit in answer.hits] == [*range(1, len(expected) + 1)]
    assert all((hit.score, hit.view) == (1.0, "filters") for hit in answer.hits)
    assert [note[:40] for note in answer.notes] == ([] if expected else ["No file of the index passes the filters:"])


def test_operators_and_flags_find_the_same(searched: Path) -> None:
    typed = search(searched, "board in:old").hits
    assert typed == search(searched, "board", where=Filter(folders=("old",))).hits and len(typed) == 1


def test_a_filter_of_places_takes_folders_by_name_and_by_path(searched: Path) -> None:
    where = Filter(within=(str(searched / "media" / "apple_pie.txt"),), folders=("old",))
    assert names(searched, search(searched, where=where)) == {"apple_pie.txt", "old/minutes.txt"}
    assert names(searched, search(searched, where=Filter(folders=("media/old", "nowhere")))) == {"old/minutes.txt"}
