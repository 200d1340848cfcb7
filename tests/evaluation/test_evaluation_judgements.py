"""Queries files as they are written: answers, places, galleries, pictures, judgements of BEIR and TREC."""

import json
from pathlib import Path
from typing import Any

import pytest

from mmsearch.errors import UsageError
from mmsearch.evaluation.judgements import JudgedQuery, read_qrels, read_queries, right_place, with_qrels
from mmsearch.types import Locator

GRADES = "queries.jsonl, line 1: the grades don't fit the answers."


def written(tmp_path: Path, *rows: object, name: str = "queries.jsonl") -> Path:
    path = tmp_path / name
    path.write_text("".join((row if isinstance(row, str) else json.dumps(row)) + "\n" for row in rows), "utf-8")
    return path


def test_a_line_becomes_a_query_with_graded_answers_and_their_places(tmp_path: Path) -> None:
    row = {
        "qid": "q1",
        "query": "hull plates",
        "gallery": "paper/",
        "modality": "pdf",
        "kind": "subject",
        "relevant": [
            "paper/a.pdf#page=2",
            "paper/a.pdf#page=5",
            "paper/b#1.mp4#t=1.5,4",
            "paper/c.mp4#t=75",
            "paper/d.txt",
        ],
        "grades": {"paper/d.txt": 3},
        "translations": ["paper/e.txt", "paper/d.txt"],
    }
    assert read_queries(written(tmp_path, row)) == [
        JudgedQuery(
            qid="q1",
            text="hull plates",
            grades={"paper/a.pdf": 1, "paper/b#1.mp4": 1, "paper/c.mp4": 1, "paper/d.txt": 3},
            places={
                "paper/a.pdf": (Locator(page=2), Locator(page=5)),
                "paper/b#1.mp4": (Locator(start_s=1.5, end_s=4.0),),
                "paper/c.mp4": (Locator(start_s=75.0),),
            },
            gallery="paper/",
            modality="pdf",
            kind="subject",
            unjudged=frozenset({"paper/e.txt"}),
        )
    ]


def test_a_file_named_with_and_without_a_place_is_right_everywhere(tmp_path: Path) -> None:
    for relevant in (["a.pdf", "a.pdf#page=2"], ["a.pdf#page=2", "a.pdf"]):
        (judged,) = read_queries(written(tmp_path, {"query": "x", "relevant": relevant}))
        assert judged.places == {}


def test_a_picture_query_names_its_file_and_the_labels_do_not_judge_it(tmp_path: Path) -> None:
    (judged,) = read_queries(written(tmp_path, {"query": "image:p/a.png", "relevant": ["p/b.png"], "gallery": "p"}))
    assert (judged.image, judged.text, judged.gallery) == ("p/a.png", "", "p/")
    assert [judged.judges(path) for path in ("p/a.png", "p/b.png", "p/c.png", "q/b.png", "pb.png")] == [
        False,
        True,
        True,
        False,
        False,
    ]


@pytest.mark.parametrize(
    ("wanted", "found", "right"),
    [
        (Locator(page=2), Locator(page=2), True),
        (Locator(page=2), Locator(page=3), False),
        (Locator(page=2), Locator(), False),
        (Locator(start_s=10, end_s=20), Locator(start_s=22, end_s=30), True),
        (Locator(start_s=10, end_s=20), Locator(start_s=22.1, end_s=30), False),
        (Locator(start_s=10, end_s=20), Locator(start_s=0, end_s=8), True),
        (Locator(start_s=10, end_s=20), Locator(start_s=0, end_s=7.9), False),
        (Locator(start_s=10, end_s=20), Locator(start_s=0, end_s=99), True),
        (Locator(start_s=10), Locator(start_s=12), True),
        (Locator(start_s=10), Locator(start_s=13), False),
        (Locator(start_s=10), Locator(page=10), False),
    ],
)
def test_a_place_is_right_on_its_page_or_within_two_seconds(wanted: Locator, found: Locator, right: bool) -> None:
    assert right_place([wanted], found) is right


@pytest.mark.parametrize(
    ("rows", "sentence"),
    [
        (["{"], "queries.jsonl, line 1: no JSON."),
        (["", "[1]"], "queries.jsonl, line 2: no JSON object."),
        ([{"relevant": ["a"]}], "queries.jsonl, line 1: a query with a list of right answers is missing."),
        ([{"query": "x", "relevant": "a"}], "queries.jsonl, line 1: a query with a list of right answers is missing."),
        ([{"query": "x", "relevant": ["a"], "grades": [1, 2]}], GRADES),
        ([{"query": "x", "relevant": ["a"], "grades": {"a": 0.5}}], GRADES),
        ([{"qid": 7, "query": "x"}, {"qid": "7", "query": "y"}], "queries.jsonl: two queries are called '7'."),
    ],
)
def test_a_file_that_cannot_be_meant_is_told_by_its_line(
    tmp_path: Path, rows: list[str | dict[str, Any]], sentence: str
) -> None:
    with pytest.raises(UsageError) as error:
        read_queries(written(tmp_path, *rows))
    assert error.value.sentence == sentence


def test_judgements_of_beir_and_trec_answer_queries_by_id(tmp_path: Path) -> None:
    judged = read_queries(written(tmp_path, {"_id": "1", "text": "one"}, {"_id": "2", "text": "two"}))
    trec = written(tmp_path, "1 0 a.txt 2", "1 0 b.txt 0", "3 0 c.txt 1", name="test.qrels")
    beir = written(tmp_path, "query-id\tcorpus-id\tscore", "1\ta.txt\t2", "1\tb.txt\t0", "3\tc.txt\t1", name="test.tsv")
    for path in (trec, beir):
        assert [(one.qid, one.text, one.grades) for one in with_qrels(judged, read_qrels(path))] == [
            ("1", "one", {"a.txt": 2, "b.txt": 0})
        ]


def test_judgements_that_are_none_or_of_other_queries_are_a_usage_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="line 1: this is no judgement"):
        read_qrels(written(tmp_path, "1 0 a.txt", name="broken"))
    with pytest.raises(UsageError, match="none of these queries"):
        with_qrels(read_queries(written(tmp_path, {"query": "x"})), {"other": {"a": 1}})
