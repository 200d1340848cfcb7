"""The questions on office files: whether a hit is at the place, and what the benchmark reads is what it wrote."""

from pathlib import Path

import pytest

from benchmarks.office_files import FACTS
from benchmarks.office_pace import seconds_of, write_workbook
from benchmarks.office_questions import is_at, questions, share
from mmsearch.extraction.documents import document
from mmsearch.query import Hit
from mmsearch.types import Locator


@pytest.mark.parametrize(
    ("section", "place", "expected"),
    [
        ("slide 1", "slide 1", True),
        ("slide 12", "slide 1", False),
        ("message 4, enclosed-1.docx", "enclosed-1.docx", True),
        ("chapter 3: Plans", "Plans", True),
        ("sheet Winter", "sheet Spring", False),
        (None, "Plans", False),
    ],
)
def test_a_place_is_named_by_the_section(section: str | None, place: str, expected: bool) -> None:
    hit = Hit(1, 1.0, b"/a", "document", "words", Locator(section=section), "", ())
    assert is_at(hit, place) is expected


def test_questions_of_a_file_have_their_places(tmp_path: Path) -> None:
    path = tmp_path / "queries.jsonl"
    path.write_text('{"query": "q", "relevant": ["a.pptx"], "slide": 3}\n{"query": "r", "relevant": ["b.eml"]}\n')
    assert [(one.text, one.file, one.place) for one in questions(path)] == [
        ("q", "a.pptx", "slide 3"),
        ("r", "b.eml", ""),
    ]


def test_a_share_has_its_interval() -> None:
    assert share(85, 88) == "85 of 88, 96.6% (90.5 to 98.8)"


def test_each_fact_is_a_question_and_a_sentence() -> None:
    facts = [line.split("|") for line in FACTS.read_text("utf-8").splitlines()]
    assert len({question for question, _ in facts}) == len(facts) == 88


def test_the_workbook_of_the_pace_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("benchmarks.office_pace.ROWS", 50)
    write_workbook(tmp_path / "a.xlsx")
    assert seconds_of(tmp_path / "a.xlsx") > 0
    assert document._load.cache_info().currsize == 1
