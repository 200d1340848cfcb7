"""The scale of queries that consist of files: copies above all else, likeness above what only shares words."""

from typing import Any

import numpy as np
import pytest

from mmsearch.query import Match
from mmsearch.retrieval.copies.copy_detection import COPY, FoundCopy
from mmsearch.retrieval.file_similarity import SIMILARITY_END, WORDS_SHARE, by_similarity
from mmsearch.retrieval.queries.query_files import QueryFile
from mmsearch.retrieval.queries.query_parsing import Parsed
from mmsearch.retrieval.ranking import Ranking
from mmsearch.retrieval.signals import EncodedQuery, Scored
from mmsearch.store.stored_fingerprints import AssetFingerprints


def query(kind: str) -> EncodedQuery:
    return EncodedQuery(Parsed("", (), (), ()), files=(QueryFile(AssetFingerprints(1, kind, "x", 0.0, 1)),))


def scored(images: list[float | None], words: list[float | None], terms: list[tuple[str, ...]]) -> Scored:
    raw: dict[str, Any] = {"eyes:image": images, "words": words}
    zeros = np.zeros(len(images))
    nothing: list[tuple[str, ...]] = [() for _ in images]
    return Scored(list(range(len(images))), Ranking(zeros, {}), raw, dict(raw), terms, nothing)


def test_what_is_alike_comes_before_what_shares_words_alone() -> None:
    both = ("harbour", "office")
    found = by_similarity(scored([0.5, None, 0.5], [None, 1.0, 1.0], [(), both, both]), query("image"), {})
    looks, words, each = found.ranking.score.tolist()
    assert looks == pytest.approx(SIMILARITY_END * 0.5) and words == pytest.approx(SIMILARITY_END * WORDS_SHARE)
    assert each > looks > words and each < SIMILARITY_END
    assert found.matches == [Match.LIKENESS, Match.WORDS, Match.LIKENESS]
    total = sum(found.ranking.contributions.values(), np.zeros(3))
    assert total.tolist() == pytest.approx([looks, words, each])


@pytest.mark.parametrize(
    ("terms", "counts"),
    [
        (("of", "a1"), False),
        (("harbour",), False),
        (("of", "to", "harbour"), False),
        (("harbour", "office"), True),
        (("東京", "京都"), True),
    ],
)
def test_words_of_a_picture_count_where_two_are_real(terms: tuple[str, ...], counts: bool) -> None:
    found = by_similarity(scored([None], [0.8], [terms]), query("image"), {})
    assert bool(found.ranking.score[0] > 0) is counts


def test_words_of_a_text_are_what_it_says() -> None:
    found = by_similarity(scored([None], [0.8], [("of",)]), query("text"), {})
    assert found.ranking.score[0] == pytest.approx(SIMILARITY_END * 0.8)


def test_a_copy_stands_above_all_that_is_none() -> None:
    copy = FoundCopy(7, 1, COPY, Match.COPY)
    found = by_similarity(scored([1.0, 0.0], [1.0, None], [("harbour", "office"), ()]), query("image"), {1: copy})
    assert found.ranking.score[1] == pytest.approx(COPY) and found.ranking.score[0] < COPY
    assert found.matches[1] is Match.COPY and found.raw["copy"] == [None, COPY]


def test_a_query_with_words_stays_as_it_is() -> None:
    one = scored([0.5], [0.5], [("harbour",)])
    assert by_similarity(one, EncodedQuery(Parsed("", (), (), ())), {}) is one
