"""`index --profile`: how busy each stage was, and which one the others waited for."""

from pathlib import Path

import pytest
from small_index import run, use_word_model

from mmsearch.output.profile import profile_lines
from mmsearch.run_record import StageProfile


def test_the_table_names_every_stage_and_the_busiest_one() -> None:
    stages = [
        StageProfile("extract", 1200, 2, busy_s=6.0, elapsed_s=40.0, waiting=3.25),
        StageProfile("read", 90, 2, busy_s=72.0, elapsed_s=40.0, waiting=4.0),
        StageProfile("encode", 1500, 1, busy_s=10.0, elapsed_s=40.0, waiting=0.0),
    ]
    assert profile_lines(stages) == [
        "stage    done              a second  workers  busy  waiting",
        "extract  1,200 tasks       30.0      2        8%    3.2",
        "read     90 pictures       2.2       2        90%   4.0",
        "encode   1,500 embeddings  37.5      1        25%   0.0",
        "The bottleneck is read: busy 90% of 40 s. Reading words from pictures is what takes long: more cores help, "
        "or --no-ocr.",
    ]


def test_a_run_that_no_stage_held_up_reports_it() -> None:
    stages = [StageProfile("encode", 10, 1, busy_s=4.0, elapsed_s=10.0, waiting=0.0)]
    assert profile_lines(stages)[-1] == (
        "No stage was the bottleneck: encode, the busiest, worked 40% of 10 s; start-up counts in."
    )


def test_a_run_counts_what_its_stages_did(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    use_word_model(monkeypatch.setattr)
    (tmp_path / "files").mkdir()
    for number in range(5):
        (tmp_path / "files" / f"{number}.txt").write_text(f"note {number} about ferries")
    first = run(tmp_path / "index", tmp_path / "files")
    assert {stage.name: (stage.items, stage.workers) for stage in first.profile} == {
        "extract": (5, 1),
        "prepare": (5, 2),
        "encode": (5, 1),
        "commit": (5, 1),
    }
    assert all(0 <= stage.share <= 1 for stage in first.profile)
    again = run(tmp_path / "index")
    assert (again.profile, profile_lines(again.profile)) == ([], ["profile: there was nothing to do."])
