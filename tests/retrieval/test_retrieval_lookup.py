"""Which rows a query of words brings up: all in a small index, in a large one those that tell most."""

from __future__ import annotations

import random
import sqlite3
from typing import Any

import pytest

from mmsearch.retrieval.words import word_scoring as module
from mmsearch.retrieval.words.word_scoring import candidate_expression
from mmsearch.store.vocabulary import WORDS, Vocabulary

COMMON = {"report": 0.3, "annual": 0.2, "budget": 0.1, "walrus": 0.01}


@pytest.fixture
def rows() -> list[set[str]]:
    chance = random.Random(4)
    return [{word for word, share in COMMON.items() if chance.random() < share} | {"x"} for _ in range(2000)]


@pytest.fixture
def table(rows: list[set[str]]) -> Vocabulary:
    connection = sqlite3.connect(":memory:")
    connection.execute("CREATE VIRTUAL TABLE words_fts USING fts5(words, prefix = '5')")
    connection.executemany("INSERT INTO words_fts (words) VALUES (?)", [(" ".join(sorted(row)),) for row in rows])
    return Vocabulary(connection, WORDS, False)


def found(table: Vocabulary, words: list[str], **options: Any) -> set[int]:
    return table.matching(candidate_expression(words, table.frequency, **options))


def holding(rows: list[set[str]], *words: str) -> set[int]:
    return {number for number, row in enumerate(rows, 1) if row & set(words)}


def test_in_a_small_index_every_row_with_one_of_the_words_is_brought_up(
    rows: list[set[str]], table: Vocabulary
) -> None:
    assert found(table, ["report", "walrus", "annual"]) == holding(rows, "report", "walrus", "annual")


def test_words_bring_up_their_forms_too(table: Vocabulary) -> None:
    forms = {"walrus": {"walruses": 1.0}, "tax": {"taxes": 1.0, "property": 0.5}}
    assert candidate_expression(["walrus", "1234567", "tax"], table.frequency, lambda word: forms.get(word, {})) == (
        '"1234567" OR "tax" OR "walrus" OR "taxes" OR "property" OR "walruses"'
    )


def test_in_a_large_index_the_rarest_words_count_and_pairs_of_the_others(
    rows: list[set[str]], table: Vocabulary, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "CANDIDATE_ROWS", 100)
    every = list(COMMON)
    pairs = {number for number, row in enumerate(rows, 1) if len(row & {"report", "annual", "budget"}) > 1}
    assert found(table, every) == holding(rows, "walrus") | pairs
    assert len(found(table, every)) < len(holding(rows, *every)) / 2


def test_a_row_with_a_rare_and_a_common_word_stands_before_rows_with_the_rare_word_alone(
    rows: list[set[str]], table: Vocabulary, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "CANDIDATE_ROWS", 100)
    best = table.best(candidate_expression(["walrus", "report"], table.frequency), 5)
    both = {number for number, row in enumerate(rows, 1) if {"walrus", "report"} <= row}
    assert len(both) >= 5 and set(best) <= both


def test_the_rarest_word_is_asked_for_however_common_it_is(
    rows: list[set[str]], table: Vocabulary, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "CANDIDATE_ROWS", 1)
    assert found(table, ["report"]) == holding(rows, "report")


def test_under_a_filter_every_row_is_brought_up(
    rows: list[set[str]], table: Vocabulary, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "CANDIDATE_ROWS", 1)
    assert found(table, list(COMMON), bounded=False) == holding(rows, *COMMON)
