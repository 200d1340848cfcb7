"""The reranking seat: neighbouring words count, scores stay on their scale and are explained to the last digit."""

import math
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from small_index import run, use_word_model

from mmsearch.index import Index
from mmsearch.query import Query, RunOptions
from mmsearch.retrieval.model_reranking import merge_into_ranks
from mmsearch.retrieval.search import SHARE
from mmsearch.retrieval.words.term_matching import REACH, term_proximity

WEIGHTS = {"red": 2.0, "car": 1.0, "show": 3.0}


def defined(words: list[str], weights: dict[str, float], text: list[str]) -> float:
    """The definition, word for word."""
    reached = total = 0.0
    for one, other in pairwise(words):
        weight = weights[one] + weights[other]
        total += weight
        gaps = [abs(i - j) for i, a in enumerate(text) for j, b in enumerate(text) if a == one and b == other]
        if gaps and min(gaps) <= REACH:
            reached += weight / math.sqrt(min(gaps))
    return reached / total


@pytest.mark.parametrize(
    "text",
    [
        ["red", "car", "show"],
        ["car", "red", "and", "the", "show"],
        ["red", *["x"] * REACH, "car", "show"],
        ["red", *["x"] * (REACH - 1), "car"],
        ["show", "red", "y", "car", "z", "red", "show"],
        ["red"],
        [],
    ],
)
def test_term_proximity_equals_its_definition(text: list[str]) -> None:
    judged = term_proximity(["red", "car", "show"], WEIGHTS, [text])
    assert judged == pytest.approx([defined(["red", "car", "show"], WEIGHTS, text)])
    assert 0 <= judged[0] <= 1


@pytest.mark.parametrize("words", [[], ["red"], ["red", "red"]])
def test_a_query_without_pairs_has_no_proximity(words: list[str]) -> None:
    assert term_proximity(words, WEIGHTS, [["red", "car"], []]) == [0.0, 0.0]


@pytest.mark.parametrize(
    ("scores", "said", "wanted"),
    [
        ([], [], []),
        ([0.5, 0.4], [None, None], [(0, 0.5), (1, 0.4)]),
        ([0.5, 0.4, 0.3], [0.1, 0.9, 0.2], [(1, 0.9), (2, 0.2), (0, 0.1)]),
        ([0.5, 0.4, 0.3], [0.2, 0.2, 0.2], [(0, 0.2), (1, 0.2), (2, 0.2)]),  # as before where the model sees no odds
        ([0.5, 0.4, 0.3], [0.0, 0.9, None], [(1, 0.9), (0, 0.3), (2, 0.3)]),  # what follows was not judged: no lower
        ([0.5, 0.4, 0.3], [None, 0.0, 0.9], [(0, 0.5), (2, 0.5), (1, 0.0)]),  # nor higher than what stands before
        ([0.9, 0.5, 0.4, 0.3, 0.2], [0.1, None, 0.8, None, 0.7], [(2, 0.8), (1, 0.5), (4, 0.5), (3, 0.3), (0, 0.1)]),
    ],
)
def test_reranked_places_change_ranks_among_themselves(
    scores: list[float], said: list[float | None], wanted: list[tuple[int, float]]
) -> None:
    assert merge_into_ranks(scores, said) == wanted


def test_whatever_a_model_returns_the_others_keep_their_rank_and_scores_fall() -> None:
    draw = np.random.default_rng(5)
    for _ in range(300):
        count = int(draw.integers(1, 12))
        scores = sorted(draw.random(count).tolist(), reverse=True)
        said: list[float | None] = [None if draw.random() < 0.4 else float(draw.random()) for _ in range(count)]
        order = merge_into_ranks(scores, said)
        new = [score for _, score in order]
        assert sorted(number for number, _ in order) == list(range(count))
        assert all(order[at] == (at, scores[at]) for at in range(count) if said[at] is None)
        assert new == sorted(new, reverse=True) and all(0 <= score <= 1 for score in new)
        judged = [score for score in (said[number] for number, _ in order) if score is not None]
        assert judged == sorted(judged, reverse=True)


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    with pytest.MonkeyPatch.context() as patch:
        use_word_model(patch.setattr)
        base = tmp_path_factory.mktemp("rerank")
        (base / "files").mkdir()
        filler = "one two three four five six seven eight nine ten eleven twelve thirteen".split()
        (base / "files" / "apart.txt").write_text(" ".join(["salt", *filler, "lake", "pans"]))
        (base / "files" / "together.txt").write_text(" ".join(["lake", "salt", *filler, "pans"]))
        (base / "files" / "other.txt").write_text("nothing of the kind")
        run(base / "index", base / "files")
        yield base / "index"


def test_words_that_stand_together_come_first_and_scores_are_explained(index: Path) -> None:
    plain = Index.open(index).search(Query("salt lake", min_score=0, names=False)).hits
    again = Index.open(index).search(Query("salt lake", min_score=0, names=False), RunOptions(rerank="builtin")).hits
    assert again[0].path.endswith(b"together.txt")
    before = {hit.path: hit.score for hit in plain}
    for hit in again:
        assert hit.score == pytest.approx(sum(signal.contribution for signal in hit.signals))
        (rerank,) = [signal for signal in hit.signals if signal.name == "rerank"]
        assert rerank.contribution == pytest.approx(SHARE * (1 - before[hit.path]) * rerank.score)
        assert 0 <= before[hit.path] <= hit.score <= 1


def test_what_is_not_reranked_keeps_its_rank_below(index: Path) -> None:
    plain = Index.open(index).search(Query("salt lake", min_score=0, names=False)).hits
    again = (
        Index.open(index)
        .search(Query("salt lake", min_score=0, names=False), RunOptions(rerank="builtin", rerank_top=1))
        .hits
    )
    assert [hit.path for hit in again] == [hit.path for hit in plain]
    judged = [any(signal.name == "rerank" for signal in hit.signals) for hit in again]
    assert judged == [True] + [False] * (len(again) - 1)


def test_reranking_does_not_lift_a_query_over_the_cutoff(index: Path) -> None:
    text = "lake quantum salt chromodynamics lattice gauge boson"
    assert bool(Index.open(index).search(Query(text)).hits) == bool(
        Index.open(index).search(Query(text), RunOptions(rerank="builtin")).hits
    )


def test_a_cutoff_holds_for_the_scores_that_are_shown(index: Path) -> None:
    every = Index.open(index).search(Query("salt lake", min_score=0, names=False), RunOptions(rerank="builtin")).hits
    least = every[0].score
    kept = Index.open(index).search(Query("salt lake", min_score=least, names=False), RunOptions(rerank="builtin"))
    assert [hit.path for hit in kept.hits] == [every[0].path]
    none = Index.open(index).search(Query("salt lake", min_score=0.999, names=False), RunOptions(rerank="builtin"))
    assert not none.hits and f"scores {least:.3f}" in none.notes[-1]
