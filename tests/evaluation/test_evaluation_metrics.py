"""Figures against their definitions, counted by hand or by brute force."""

import itertools
import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from mmsearch.evaluation.judgements import JudgedQuery
from mmsearch.evaluation.measures import ndcg, recall, reciprocal_rank, success
from mmsearch.evaluation.metrics import bootstrap, compare, figure, grouped, scores, sign_flip
from mmsearch.evaluation.runner import RankedAnswer
from mmsearch.types import Locator


def ranked(
    qid: str,
    files: Sequence[str | tuple[str, Locator]],
    grades: dict[str, int],
    gallery: str = "g/",
    modality: str = "text",
    places: dict[str, tuple[Locator, ...]] | None = None,
    seconds: float = 0.01,
) -> RankedAnswer:
    judged = JudgedQuery(qid, "x", grades, places or {}, gallery=gallery, modality=modality)
    placed = tuple((one, Locator()) if isinstance(one, str) else one for one in files)
    return RankedAnswer(judged, placed, tuple(1.0 - at / 100 for at in range(len(placed))), seconds)


def by_hand(files: Sequence[str], grades: dict[str, int], k: int) -> dict[str, float]:
    gains = [grades.get(path, 0) for path in files[:k]]
    ideal = sorted(grades.values(), reverse=True)[:k]

    def dcg(values: list[int]) -> float:
        return sum(value / math.log2(at + 2) for at, value in enumerate(values))

    right = [at for at, gain in enumerate(gains) if gain > 0]
    return {
        "hit@1": float(gains[:1] != [] and gains[0] > 0),
        f"recall@{k}": len(right) / sum(grade > 0 for grade in grades.values()),
        f"nDCG@{k}": dcg(gains) / dcg(ideal),
        "MRR": 1 / (right[0] + 1) if right else 0.0,
        "right@1": float(gains[:1] != [] and gains[0] > 0),
    } | ({"kept": 1.0} if right else {})


def test_every_measure_equals_its_definition() -> None:
    random = np.random.default_rng(5)
    names = [f"f{number:02d}" for number in range(30)]
    for k in (1, 5, 10):
        runs = []
        for number in range(40):
            files = list(random.permutation(names)[: random.integers(0, 15)])[:k]
            chosen = random.permutation(names)[: random.integers(1, 5)]
            runs.append(ranked(f"q{number}", files, {path: int(random.integers(1, 4)) for path in chosen}))
        found = scores(runs, k)
        for one in runs:
            wanted = by_hand([path for path, _ in one.files], dict(one.judged.grades), k)
            assert found[one.judged.qid] == pytest.approx(wanted)


def test_what_the_default_cutoff_keeps_and_lets_through() -> None:
    def run(qid: str, files: Sequence[str], answerable: bool, passes: bool) -> RankedAnswer:
        return replace(ranked(qid, files, {"x": 1}), answerable=answerable, passes=passes)

    found = scores(
        [
            run("kept", ["y", "x"], True, True),
            run("lost", ["x"], True, False),
            run("never found", ["y"], True, False),
            run("false", ["y"], False, True),
            run("rightly empty", ["y"], False, False),
        ],
        10,
    )
    shares = {qid: {key: row[key] for key in ("kept", "false hits") if key in row} for qid, row in found.items()}
    assert shares == {
        "kept": {"kept": 1.0},
        "lost": {"kept": 0.0},
        "never found": {},
        "false": {"false hits": 1.0},
        "rightly empty": {"false hits": 0.0},
    }
    assert found["rightly empty"].keys() == {"false hits"}, "no other figure is lowered by what can't be found"


def test_a_grade_of_zero_is_wrong_and_a_query_without_answers_has_no_figures() -> None:
    found = scores(
        [ranked("a", ["x", "y"], {"x": 0, "y": 1}), ranked("b", ["x"], {}), ranked("c", ["x"], {"x": 0})], 10
    )
    assert found == {"a": pytest.approx(by_hand(["x", "y"], {"x": 0, "y": 1}, 10))}


def test_the_right_file_at_the_wrong_page_is_a_hit_but_not_right() -> None:
    places: dict[str, tuple[Locator, ...]] = {"a.pdf": (Locator(page=2),)}
    wrong = ranked("w", [("a.pdf", Locator(page=1))], {"a.pdf": 1}, places=places)
    right = ranked("r", [("a.pdf", Locator(page=2))], {"a.pdf": 1}, places=places)
    elsewhere = ranked("e", ["b.txt"], {"a.pdf": 1, "b.txt": 1}, places=places)
    found = scores([wrong, right, elsewhere], 10)
    assert {qid: (row["hit@1"], row["right@1"], row["place@1"]) for qid, row in found.items()} == {
        "w": (1, 0, 0),
        "r": (1, 1, 1),
        "e": (1, 1, 1),
    }


def test_groups_are_overall_galleries_and_modalities_with_their_latency() -> None:
    runs = [
        ranked("1", ["x"], {"x": 1}, "a/", "text", seconds=0.1),
        ranked("2", ["y"], {"x": 1}, "a/", "pdf", seconds=0.2),
        ranked("3", ["x"], {"x": 1}, "b/", "pdf", seconds=0.3),
    ]
    groups = grouped(runs, scores(runs, 10), 10)
    assert [(group.by, group.name, group.queries, group.figures["hit@1"].mean) for group in groups] == [
        ("overall", "all", 3, pytest.approx(2 / 3)),
        ("gallery", "a/", 2, 0.5),
        ("gallery", "b/", 1, 1.0),
        ("modality", "pdf", 2, 0.5),
        ("modality", "text", 1, 1.0),
    ]
    assert groups[0].p50_s == pytest.approx(0.2)
    assert [group.by for group in grouped(runs[:1], scores(runs[:1], 10), 10)] == ["overall"]


def test_intervals_are_those_of_the_normal_approximation_for_many_values_and_repeat_exactly() -> None:
    values = np.random.default_rng(1).random(2000)
    low, high = bootstrap(values)
    half = 1.96 * values.std() / math.sqrt(len(values))
    assert (low, high) == pytest.approx((values.mean() - half, values.mean() + half), abs=0.1 * half)
    assert bootstrap(values) == (low, high)
    assert figure([1.0, 1.0]).low == figure([1.0, 1.0]).high == 1.0


def test_the_paired_test_agrees_with_all_sign_flips() -> None:
    differences = np.array([0.3, 0.1, -0.05, 0.4, 0.2, 0.0, 0.25, -0.1, 0.15])
    moved = differences[differences != 0]
    sums = [abs(np.dot(signs, moved)) for signs in itertools.product((-1, 1), repeat=len(moved))]
    exact = np.mean([one >= abs(moved.sum()) - 1e-12 for one in sums])
    assert sign_flip(differences) == pytest.approx(exact, abs=0.01)
    assert sign_flip(np.zeros(5)) == 1.0


def test_runs_are_compared_over_the_queries_of_both() -> None:
    now = {"a": {"hit@1": 1.0}, "b": {"hit@1": 1.0}, "new": {"hit@1": 0.0}}
    before = {"a": {"hit@1": 0.0}, "b": {"hit@1": 1.0}, "old": {"hit@1": 1.0}}
    (change,) = compare(now, before, 10)
    assert (change.measure, change.queries, change.before, change.now, change.change) == ("hit@1", 2, 0.5, 1.0, 0.5)
    assert change.low <= 0.5 <= change.high
    assert change.p == 1.0


@pytest.mark.parametrize("k", [1, 3, 10])
def test_every_measure_agrees_with_the_reference_library(k: int) -> None:
    ir = pytest.importorskip("ir_measures", reason="a library of the development tools")
    random = np.random.default_rng(k)
    names = [f"f{number:02d}" for number in range(25)]
    grades, rankings = {}, {}
    for number in range(60):
        chosen = random.permutation(names)[: random.integers(1, 8)]
        grades[f"q{number}"] = {path: int(random.integers(0, 4)) for path in chosen} | {str(chosen[0]): 1}
        rankings[f"q{number}"] = [str(path) for path in random.permutation(names)[: random.integers(1, 25)]]
    run = {qid: {path: -float(at) for at, path in enumerate(ranking)} for qid, ranking in rankings.items()}
    ours = {ir.Success @ k: success, ir.R @ k: recall, ir.nDCG @ k: ndcg, ir.RR @ k: reciprocal_rank}
    for value in ir.iter_calc(list(ours), grades, run):
        mine = ours[value.measure](rankings[value.query_id], grades[value.query_id], k)
        assert mine == pytest.approx(value.value, abs=1e-6), (value, grades[value.query_id])


def test_a_ranking_without_a_right_document_has_no_measure() -> None:
    for measure in (success, recall, ndcg, reciprocal_rank):
        with pytest.raises(ValueError, match="no document is right"):
            measure(["a"], {"a": 0}, 10)
