"""`mmsearch eval` over an index of fixed answers: what is asked, what is dropped, what is printed, how it ends."""

import json
import os
import sys
from pathlib import Path
from typing import Any, ClassVar

import fake_index
import pytest

from mmsearch import query as q
from mmsearch import types as t
from mmsearch.cli.program import run


class Index(fake_index.Index):
    """Finds the files that a query's words name, in that order: `a+b` is one row of same contents."""

    base = b""
    best = 1.0  # the first hit's score
    gone: ClassVar[set[str]] = set()  # right answers that the index does not hold
    cutoff = 0.0  # what the best hit must reach where a query leaves it open
    reranks: ClassVar[list[tuple[str | None, int]]] = []

    def paths(self) -> set[bytes]:
        with open("queries.jsonl", encoding="utf-8") as file:
            named = {one.split("#")[0] for line in file for one in json.loads(line)["relevant"]}
        return {self.base + b"/" + one.encode() for one in named - self.gone}

    def search(self, query: q.Query, options: q.RunOptions | None = None) -> q.Answer:
        self.calls.append(("search", query))
        self.reranks.append((options.rerank, options.rerank_top) if options else (None, 0))
        hits = []
        for rank, word in enumerate(query.text.split(), 1):
            path, *same = (self.base + b"/" + one.encode() for one in word.split("@")[0].split("+"))
            place = t.Locator(page=int(word.split("@")[1])) if "@" in word else t.Locator()
            hits.append(q.Hit(rank, self.best / rank, path, "text", "words", place, "", (), rank, tuple(same)))
        if query.images:
            hits = [
                q.Hit(
                    1,
                    0.9,
                    os.fsencode(query.images[0]),
                    "image",
                    "words",
                    t.Locator(),
                    "",
                    (),
                    1,
                    (self.base + b"/p/copy.png",),
                )
            ]
        if query.min_score is None and hits[0].score < self.cutoff:
            hits = []
        return q.Answer(tuple(hits[: query.k]), (), 0.01)


@pytest.fixture(autouse=True)
def home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setitem(sys.modules, "mmsearch.index", sys.modules.get("mmsearch.index"))
    fake_index.install()
    monkeypatch.setattr(sys.modules["mmsearch.index"], "Index", Index)
    monkeypatch.setattr(Index, "calls", [])
    monkeypatch.setattr(Index, "base", str(tmp_path).encode())
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    for name in ("MMSEARCH_INDEX", "MMSEARCH_QUIET", "MMSEARCH_DEBUG", "XDG_CONFIG_HOME", "XDG_DATA_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def asked(*rows: dict[str, Any]) -> None:
    with open("queries.jsonl", "w", encoding="utf-8") as file:
        for number, row in enumerate(rows):
            file.write(json.dumps({"qid": f"q{number}", **row}) + "\n")


def measured(capfd: pytest.CaptureFixture[str], *options: str) -> tuple[int, Any]:
    code = run(["eval", "queries.jsonl", "--format", "json", *options])
    return code, json.loads(capfd.readouterr().out)


def paths(record: dict[str, Any]) -> list[list[str]]:
    return [[hit["path"] for hit in query["hits"]] for query in record["queries"]]


def test_rankings_hold_only_what_the_labels_judge(capfd: pytest.CaptureFixture[str]) -> None:
    asked(
        {
            "query": "g/t.txt h/x.txt g/a.txt ../out.txt g/b.txt",
            "relevant": ["g/b.txt"],
            "gallery": "g/",
            "translations": ["g/t.txt"],
        },
        {"query": "h/x.txt g/a.txt@3", "relevant": ["h/x.txt"]},
    )
    code, record = measured(capfd)
    assert code == 0
    assert paths(record) == [["g/a.txt", "g/b.txt"], ["h/x.txt", "g/a.txt#page=3"]]
    assert [query["scores"]["MRR"] for query in record["queries"]] == [0.5, 1.0]


def test_a_row_of_same_contents_stands_for_its_right_files_or_one_wrong_one(capfd: pytest.CaptureFixture[str]) -> None:
    asked({"query": "w1+w2 a+r1+r2", "relevant": ["r1", "r2"]})
    assert paths(measured(capfd)[1]) == [["w1", "r1", "r2"]]


def test_a_picture_query_is_asked_by_its_file_which_is_no_answer(capfd: pytest.CaptureFixture[str], home: Path) -> None:
    (home / "p").mkdir()
    (home / "p" / "a.png").write_bytes(b"x")
    asked(
        {"query": "image:p/a.png", "relevant": ["p/copy.png"]}, {"query": "image:p/gone.png", "relevant": ["p/a.png"]}
    )
    code, record = measured(capfd)
    assert (code, paths(record)) == (0, [["p/copy.png"]])
    assert Index.calls[1][1].images == (str(home / "p" / "a.png").encode(),)
    assert record["notes"] == ["1 of 2 queries were left out: their pictures are not there (p/gone.png)."]


def test_enough_files_are_asked_for_that_dropping_leaves_k_without_a_cutoff(capfd: pytest.CaptureFixture[str]) -> None:
    asked({"query": " ".join(f"h/{n} g/{n}" for n in range(30)), "relevant": ["g/9"], "gallery": "g/"})
    assert len(paths(measured(capfd)[1])[0]) == 10
    assert measured(capfd, "-k", "15", "--no-names")[1]["groups"][0]["figures"]["recall@15"]["mean"] == 1
    queries = [query for name, query in Index.calls if name == "search"]
    assert [(query.k, query.min_score, query.names) for query in queries] == [(50, 0.0, True), (75, 0.0, False)]


def test_answers_lie_in_media_beside_the_queries_where_there_is_such_a_folder(
    capfd: pytest.CaptureFixture[str], home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (home / "media").mkdir()
    monkeypatch.setattr(Index, "base", str(home / "media").encode())
    asked({"query": "a", "relevant": ["a"]})
    assert paths(measured(capfd)[1]) == [["a"]]
    assert paths(measured(capfd, "--base", str(home))[1]) == [["media/a"]]


def test_the_table_has_a_row_for_all_each_gallery_and_each_modality(capfd: pytest.CaptureFixture[str]) -> None:
    asked(
        {"query": "g/a@2 g/b", "relevant": ["g/a#page=2"], "gallery": "g/", "modality": "pdf"},
        {"query": "h/b h/a", "relevant": ["h/a"], "gallery": "h/", "modality": "text"},
    )
    assert run(["eval", "queries.jsonl", "--no-names"]) == 0
    lines = capfd.readouterr().out.splitlines()
    assert lines[0].split() == [
        "queries",
        "hit@1",
        "recall@10",
        "nDCG@10",
        "MRR",
        "place@1",
        "right@1",
        "kept",
        "p50",
        "p95",
    ]
    assert lines[1].split()[:4] == ["overall", "all", "2", "50.0"]
    assert " ".join(lines[3].split()) == (
        "gallery h/ 1 0.0 [0.0 0.0] 100.0 [100.0 100.0] 63.1 [63.1 63.1] 50.0 [50.0 50.0] - 0.0 [0.0 0.0] "
        "100.0 [100.0 100.0] 10 ms 10 ms"
    )
    assert [line.split()[:3] for line in lines[2:6]] == [
        ["gallery", "g/", "1"],
        ["gallery", "h/", "1"],
        ["modality", "pdf", "1"],
        ["modality", "text", "1"],
    ]
    assert lines[6:] == ["", "builtin:text: exact", "names switched off for the measurement"]


def test_a_saved_run_can_be_compared_with(capfd: pytest.CaptureFixture[str]) -> None:
    asked({"query": "b a", "relevant": ["a"]}, {"query": "b a", "relevant": ["b"]})
    assert run(["eval", "queries.jsonl", "--save", "before.json"]) == 0
    asked({"query": "a b", "relevant": ["a"]}, {"query": "b a", "relevant": ["b"]})
    capfd.readouterr()
    changes = {row["measure"]: row for row in measured(capfd, "--compare", "before.json")[1]["changes"]}
    assert changes["hit@1"] == {
        "measure": "hit@1",
        "queries": 2,
        "before": 0.5,
        "now": 1.0,
        "low": 0.0,
        "high": 1.0,
        "p": 1.0,
        "change": 0.5,
    }


def test_a_figure_below_its_floor_is_exit_code_1(capfd: pytest.CaptureFixture[str]) -> None:
    asked({"query": "b a", "relevant": ["a"]})
    assert run(["eval", "queries.jsonl", "--fail-under", "mrr=0.5", "--fail-under", "recall@10=1"]) == 0
    assert run(["eval", "queries.jsonl", "--fail-under", "MRR=0.5", "--fail-under", "ndcg@10=0.9"]) == 1
    assert "nDCG@10 is 0.6309, below 0.9." in capfd.readouterr().err.splitlines()


def test_every_query_is_reranked_by_the_model_that_is_named(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Index, "reranks", [])
    asked({"query": "a c", "relevant": ["c"]}, {"query": "a", "relevant": ["a"]})
    assert measured(capfd, "--rerank", "ettin-32m", "--rerank-top", "20")[0] == 0
    assert measured(capfd)[0] == 0
    assert Index.reranks == [("ettin-32m", 20)] * 2 + [(None, 50)] * 2


def test_queries_without_an_answer_in_the_index_count_as_false_hits_and_nothing_else(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Index, "gone", {"h/a"})
    asked(
        {"query": "g/a", "relevant": ["g/a"], "gallery": "g/"},
        {"query": "g/a", "relevant": ["h/a"], "gallery": "h/"},
        {"query": "g/b", "relevant": [], "gallery": "g/"},
    )
    record = measured(capfd)[1]
    figures = {group["name"]: group["figures"] for group in record["groups"]}
    assert (figures["g/"]["MRR"]["mean"], figures["g/"]["MRR"]["queries"]) == (1.0, 1)
    assert figures["h/"].keys() == {"false hits"}
    assert (figures["all"]["false hits"]["mean"], figures["all"]["false hits"]["queries"]) == (1.0, 2)
    assert record["notes"] == [
        "The index holds no right answer in h/ (see --base).",
        "2 of 3 queries have no right answer in this index: they count as false hits where the default cutoff lets"
        " anything through.",
    ]


@pytest.mark.parametrize(("cutoff", "found"), [(0.02, 1.0), (0.5, 0.0)])
def test_the_default_cutoff_is_the_searchs_own(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, cutoff: float, found: float
) -> None:
    monkeypatch.setattr(Index, "gone", {"b"})
    monkeypatch.setattr(Index, "best", 0.03)
    monkeypatch.setattr(Index, "cutoff", cutoff)
    asked({"query": "a c", "relevant": ["c"]}, {"query": "a", "relevant": ["b"]})
    figures = measured(capfd)[1]["groups"][0]["figures"]
    assert (figures["kept"]["mean"], figures["false hits"]["mean"], figures["MRR"]["mean"]) == (found, found, 0.5)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--gallery", "nowhere"], "No query has the gallery 'nowhere'."),
        (["--base", "nowhere"], "--base: nowhere is no folder."),
        (["--compare", "queries.jsonl"], "--compare: queries.jsonl is no saved run."),
        (["--compare", "gone.json"], "--compare: gone.json can't be read: No such file or directory."),
        (["--fail-under", "precision=0.5"], "--fail-under can't be 'precision=0.5'."),
        (["--fail-under", "MRR=high"], "--fail-under can't be 'MRR=high'."),
        (["--save", "no/such/folder.json"], "--save: no/such/folder.json can't be written: No such file or directory."),
    ],
)
def test_bad_usage_is_a_sentence_and_exit_code_2(
    capfd: pytest.CaptureFixture[str], options: list[str], sentence: str
) -> None:
    asked({"query": "g/a", "relevant": ["g/a"], "gallery": "g/"})
    assert run(["eval", "queries.jsonl", *options]) == 2
    assert capfd.readouterr().err.splitlines()[0] == sentence
