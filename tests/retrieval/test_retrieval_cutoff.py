"""Nothing relevant is an answer: a query whose best hit is weak finds nothing, and says what it left out."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from small_index import run, use_word_model

from mmsearch.index import Index
from mmsearch.query import Answer, Part, Query
from mmsearch.retrieval.query_encoding import QueryEncoders
from mmsearch.retrieval.ranking import DEFAULT_CUTOFF, FAINT

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


def test_nonsense_finds_nothing(index: Path) -> None:
    answer = ask(index, "zzzqq")
    assert answer.hits == ()


def test_weak_hits_are_left_out_and_counted(index: Path) -> None:
    everything = ask(index, WEAK, min_score=0)
    best = everything.hits[0].score
    assert 0 < best < DEFAULT_CUTOFF, "the test needs a weak query"
    answer = ask(index, WEAK)
    assert answer.hits == ()
    count = sum(hit.score > FAINT for hit in everything.hits)
    which = "the one file" if count == 1 else f"the best of {count} files"
    assert f"Nothing above the cutoff; {which} below it scores {best:.3f} (--min-score 0 shows all)." in answer.notes


def test_a_good_best_hit_brings_all_others_with_it(index: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    everything = ask(index, "the old harbour and the bread", min_score=0)
    between = (everything.hits[0].score + everything.hits[1].score) / 2
    monkeypatch.setattr("mmsearch.retrieval.search.DEFAULT_CUTOFF", between)
    answer = ask(index, "the old harbour and the bread")
    told = [(hit.path, hit.score) for hit in everything.hits if hit.score > FAINT]
    assert [(hit.path, hit.score) for hit in answer.hits] == told
    assert len(told) > 1


def test_a_text_with_every_word_of_the_query_is_shown_at_any_score(
    index: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mmsearch.retrieval.search.DEFAULT_CUTOFF", 0.999)
    assert ask(index, "dredged harbour").hits[0].path.endswith(b"harbour.txt")
    assert ask(index, "dredged harbour bread").hits == ()
    assert ask(index, "harbours").hits == ()


def test_everything_is_shown_on_demand_and_what_is_less_alike_than_usual_only_then(index: Path) -> None:
    everything = ask(index, "the old harbour of Bremen", min_score=0).hits
    assert len(everything) == len(TEXTS)
    assert [hit.score > FAINT for hit in ask(index, "the old harbour of Bremen").hits].count(False) == 0
    assert everything[-1].score <= FAINT


def test_a_given_cutoff_is_held_by_every_hit(index: Path) -> None:
    everything = ask(index, "the old harbour of Bremen", min_score=0).hits
    least = everything[1].score
    answer = ask(index, "the old harbour of Bremen", min_score=least)
    assert [hit.path for hit in answer.hits] == [hit.path for hit in everything if hit.score >= least]
    above = ask(index, "the old harbour of Bremen", min_score=everything[0].score + 0.001)
    assert above.hits == ()
    assert [note for note in above.notes if "Nothing above the cutoff" in note]


def test_phrases_and_queries_by_example_have_no_default_cutoff(index: Path) -> None:
    assert [hit.path.endswith(b"bread.txt") for hit in ask(index, '"hot oven" quantum lattice gauge qed').hits] == [
        True
    ]
    near = ask(index, "", like=(Part(text="", file=ask(index, "moon").hits[0].path),))
    assert near.hits


def test_the_command_reports_it_and_ends_with_1(index: Path, capfd: pytest.CaptureFixture[str]) -> None:
    from mmsearch.cli import program

    code = program.run(["query", "--index", str(index), WEAK])
    said = capfd.readouterr()
    assert (code, said.out) == (1, "")
    assert "Nothing above the cutoff" in said.err and "--min-score 0 shows all" in said.err


def test_an_empty_index_answers_without_a_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "files").mkdir()
    run(tmp_path / "index", tmp_path / "files")
    monkeypatch.setattr(QueryEncoders, "encode_text", lambda *_: pytest.fail("a model was asked"))
    assert ask(tmp_path / "index", "harbour").hits == ()
