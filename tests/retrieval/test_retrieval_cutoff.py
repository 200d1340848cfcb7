"""Nothing relevant is an answer: an improbable best hit finds nothing, weak hits behind a good one are not shown, and
both are said. The estimate of the probability itself is tested on made evidence."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from small_index import run, use_word_model

from mmsearch.index import Index
from mmsearch.query import Answer, Part, Query
from mmsearch.retrieval import relevance
from mmsearch.retrieval.query_encoding import QueryEncoders
from mmsearch.retrieval.relevance import BY_PICTURE, BY_TEXT, NOTHING, Evidence, log_odds, probabilities, tail

TEXTS = {
    "harbour.txt": "The old harbour of Bremen was dredged again in the spring of 1911.",
    "bread.txt": "Rye bread needs sour dough, salt, water and a hot oven for an hour.",
    "moon.txt": "The far side of the moon was photographed first by a Soviet probe in 1959.",
    "the.txt": "The the of in and a for an was by first again.",
}


WEAK = "quantum chromodynamics lattice gauge asymptotic confinement hadron plasma oven"


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    with pytest.MonkeyPatch.context() as patch:
        use_word_model(patch.setattr)
        base = tmp_path_factory.mktemp("cutoff")
        for name, text in TEXTS.items():
            (base / "files").mkdir(exist_ok=True)
            (base / "files" / name).write_text(text)
        run(base / "index", base / "files")
        yield base / "index"


def ask(index: Path, text: str, **options: Any) -> Answer:
    return Index.open(index).search(Query(text, **options))


def names(answer: Answer) -> list[str]:
    return [Path(hit.path.decode()).name for hit in answer.hits]


def made(scores: list[float], **values: float) -> Evidence:
    """Evidence of hits with these fused scores; the rest is that of a text that holds half of a query of four words."""
    count = len(scores)
    rows = {"information": 5.0, "coverage": 0.5, "meaning": 0.2} | values
    return Evidence(
        score=np.array(scores),
        **{name: np.full(count, rows[name]) for name in ("information", "coverage", "meaning")},
        by_picture=np.full(count, bool(values.get("by_picture", False))),
        best_coverage=values.get("best_coverage", 0.5),
        length=int(values.get("length", 4)),
    )


def test_nonsense_finds_nothing(index: Path) -> None:
    assert ask(index, "zzzqq").hits == ()


def test_an_improbable_best_hit_is_left_out_and_its_score_is_said(index: Path) -> None:
    everything = ask(index, WEAK, min_score=0)
    best = everything.hits[0].score
    assert 0 < best < NOTHING, "the test needs a weak query"
    answer = ask(index, WEAK)
    assert answer.hits == ()
    (note,) = answer.notes
    assert note.startswith("Nothing above the cutoff; ") and note.endswith(f"scores {best:.3f} (--all shows all).")


def test_weak_hits_behind_a_good_one_are_left_out_and_counted(index: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    query = "old harbour Bremen dredged oven"
    monkeypatch.setattr(relevance, "TAIL", 0.1)
    everything = ask(index, query, min_score=0)
    assert names(everything)[:2] == ["harbour.txt", "bread.txt"] and len(everything.hits) == len(TEXTS)
    answer = ask(index, query)
    assert answer.hits == everything.hits[:1]
    assert answer.notes == ("1 weaker hit not shown (--all shows all).",)


def test_hits_that_are_equally_good_are_all_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    use_word_model(monkeypatch.setattr)
    (tmp_path / "files").mkdir()
    for number in range(7):
        (tmp_path / "files" / f"{number}.txt").write_text(f"Gate {number}: the walrus was fed at noon.")
    for name, text in TEXTS.items():
        (tmp_path / "files" / name).write_text(text)
    run(tmp_path / "index", tmp_path / "files")
    answer = ask(tmp_path / "index", "walrus", fold=False)
    assert sorted(names(answer)) == [f"{number}.txt" for number in range(7)]


@pytest.mark.parametrize("query", ["dredged harbour", "moon", "sour dough", "oven"])
def test_a_text_with_every_word_of_the_query_is_shown(index: Path, query: str) -> None:
    words = query.split()
    assert names(ask(index, query))[:1] == [name for name, text in TEXTS.items() if all(word in text for word in words)]


def test_everything_is_shown_on_demand_in_the_same_order(index: Path) -> None:
    everything = ask(index, "the old harbour of Bremen", min_score=0)
    assert len(everything.hits) == len(TEXTS)
    scores = [hit.score for hit in everything.hits]
    assert scores == sorted(scores, reverse=True)
    assert not [note for note in everything.notes if "weaker" in note]


def test_a_given_cutoff_is_held_by_every_hit(index: Path) -> None:
    everything = ask(index, "the old harbour of Bremen", min_score=0).hits
    least = everything[1].score
    answer = ask(index, "the old harbour of Bremen", min_score=least)
    assert [hit.path for hit in answer.hits] == [hit.path for hit in everything if hit.score >= least]
    above = ask(index, "the old harbour of Bremen", min_score=min(everything[0].score + 0.001, 1.0))
    assert above.hits == ()
    assert [note for note in above.notes if "Nothing above the cutoff" in note]


def test_contributions_sum_to_the_probability(index: Path) -> None:
    for hit in ask(index, "harbour bread moon", min_score=0).hits:
        assert sum(signal.contribution for signal in hit.signals) == pytest.approx(hit.score)


def test_phrases_and_queries_by_example_have_no_such_cutoff(index: Path) -> None:
    assert names(ask(index, '"hot oven" quantum lattice gauge qed')) == ["bread.txt"]
    near = ask(index, "", like=(Part(text="", file=ask(index, "moon").hits[0].path),), min_score=0.0)
    assert near.hits


def test_the_command_reports_it_and_ends_with_1(index: Path, capfd: pytest.CaptureFixture[str]) -> None:
    from mmsearch.cli import program

    code = program.run(["query", "--index", str(index), WEAK])
    said = capfd.readouterr()
    assert (code, said.out) == (1, "")
    assert "Nothing above the cutoff" in said.err and "--all shows all" in said.err


def test_the_option_all_is_a_cutoff_of_0(index: Path, capfd: pytest.CaptureFixture[str]) -> None:
    from mmsearch.cli import program

    assert program.run(["query", "--index", str(index), "--all", "--format", "paths", WEAK]) == 0
    shown = capfd.readouterr().out
    assert program.run(["query", "--index", str(index), "--min-score", "0", "--format", "paths", WEAK]) == 0
    assert capfd.readouterr().out == shown != ""
    assert program.run(["query", "--index", str(index), "--all", "--min-score", "0.5", WEAK]) == 2
    assert "--all and --min-score contradict each other." in capfd.readouterr().err


def test_an_empty_index_answers_without_a_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "files").mkdir()
    run(tmp_path / "index", tmp_path / "files")
    monkeypatch.setattr(QueryEncoders, "encode_text", lambda *_: pytest.fail("a model was asked"))
    assert ask(tmp_path / "index", "harbour").hits == ()


def test_a_probability_is_the_logistic_function_of_its_features() -> None:
    (found,) = probabilities(made([0.2]))
    features = [np.log(0.2 / 0.8), np.log1p(5.0), 0.5, 0.5, 0.2, np.log(4)]
    logit = BY_TEXT[0] + sum(a * b for a, b in zip(BY_TEXT[1:], features, strict=True))
    assert found == pytest.approx(1 / (1 + np.exp(-logit)))
    (found,) = probabilities(made([0.2], by_picture=1.0))
    logit = BY_PICTURE[0] + BY_PICTURE[1] * features[0]
    assert found == pytest.approx(1 / (1 + np.exp(-logit)))


def test_probabilities_follow_the_scores_and_never_rise() -> None:
    scores = [0.6, 0.3, 0.2, 0.05, 0.0]
    for by_picture in (0.0, 1.0):
        found = probabilities(made(scores, by_picture=by_picture))
        assert (np.diff(found) <= 0).all() and (found >= 0).all() and (found <= 1).all()
    rising = made([0.5, 0.4])._replace(meaning=np.array([0.0, 1.0]))
    first, second = probabilities(rising)
    assert second == first
    assert len(probabilities(made([]))) == 0


def test_more_words_found_and_more_meaning_make_a_hit_likelier() -> None:
    (least,) = probabilities(made([0.1], meaning=0.0, best_coverage=0.2))
    (words,) = probabilities(made([0.1], meaning=0.0, best_coverage=0.8))
    (meaning,) = probabilities(made([0.1], meaning=0.5, best_coverage=0.2))
    assert least < words and least < meaning


def test_the_tail_is_what_lies_far_below_the_best_in_log_odds() -> None:
    assert tail([]) == 0
    assert tail([0.9]) == 1
    assert tail([0.5, 0.5, 0.5]) == 3
    edge = 1 / (1 + np.exp(relevance.TAIL - log_odds(0.9)))
    assert tail([0.9, edge + 1e-6, edge - 1e-3]) == 2
    assert log_odds(1.0) < 20 and log_odds(0.0) > -20
