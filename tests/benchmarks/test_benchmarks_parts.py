"""The benchmarks' own parts: what a row says, how a pace is taken, and inputs that are what they are meant to be."""

import io
import os
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pypdfium2
import pytest
from PIL import Image

from benchmarks import corpus, documents, gpu, memory, ocr_pages, ours, pictures, table


@pytest.mark.parametrize(
    ("row", "cells"),
    [
        (
            table.rates("a", 30.0, 3.0, "pictures", 8.0),
            ("a", "30.0 pictures/s", "3.0 pictures/s", "10.00", "≥ 8", "yes"),
        ),
        (table.rates("a", 6.0, 3.0, "pages", None), ("a", "6.0 pages/s", "3.0 pages/s", "2.00", "-", "-")),
        (table.times("a", 5.0, 1.0, 4.0), ("a", "5.000 s", "1.000 s", "5.00", "≤ 4", "no")),
        (table.Row("a", "612 MB", "-", 612.0, None, 600.0), ("a", "612 MB", "-", "612", "≤ 600", "no")),
        (table.Row("a", note="skipped: why"), ("a", "-", "-", "-", "-", "-")),
    ],
)
def test_a_row_states_what_was_measured_what_was_meant_and_whether_it_is_met(
    row: table.Row, cells: tuple[str, ...]
) -> None:
    assert row.cells() == cells


def test_the_table_has_a_line_a_row_in_columns_and_its_note_below() -> None:
    rows = [table.times("short", 1.0, 2.0, 4.0, "median of 3"), table.Row("longer work", note="skipped: no GPU")]
    assert table.printed(rows).split("\n") == [
        "work         ours     plain    value  goal  met",
        "short        1.000 s  2.000 s  0.500  ≤ 4   yes",
        "    median of 3",
        "longer work  -        -        -      -     -",
        "    skipped: no GPU",
    ]


def test_a_recorded_row_stands_above_the_mark(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = tmp_path / "RESULTS.md"
    kept.write_text(f"| old |\n{table.MARK}\nrest\n")
    monkeypatch.setattr(table, "RESULTS", kept)
    table.record(table.times("work", 1.0, 2.0, 4.0, "said"))
    old, new, mark, rest = kept.read_text().splitlines()
    assert (old, mark, rest) == ("| old |", table.MARK, "rest")
    assert new.endswith("| work | 1.000 s | 2.000 s | 0.500 | ≤ 4 | yes | said |")


def test_a_pace_leaves_out_the_start_and_the_end_of_a_run() -> None:
    seen = [(0.0, 0), (10.0, 20), (11.0, 50), (12.0, 80), (12.1, 100)]
    assert ours._steady(seen) == pytest.approx(30.0)


def test_a_pace_of_few_commits_is_that_of_the_whole_run() -> None:
    assert ours._steady([(0.0, 0), (4.0, 100)]) == pytest.approx(25.0)


def test_photos_are_jpegs_of_their_size_each_with_bytes_of_its_own(tmp_path: Path) -> None:
    paths = pictures.make(tmp_path, 64, 48, pictures.DISTINCT + 1)
    with Image.open(paths[0]) as first, Image.open(paths[-1]) as again:
        assert (first.format, first.size) == ("JPEG", (64, 48))
        assert first.tobytes() == again.tobytes()
    assert len({path.read_bytes() for path in paths}) == len(paths)


def test_a_pdf_of_the_benchmark_is_sound(tmp_path: Path) -> None:
    path = documents.pdf(tmp_path / "pages.pdf", 3)
    with pypdfium2.PdfDocument(path) as document:
        texts = [page.get_textpage().get_text_range() for page in document]
        colours = document[1].render(scale=0.5).to_pil().convert("RGB").getcolors(1 << 20)
    assert [text.splitlines()[0] for text in texts] == [f"Report of the harbour office, page {n}" for n in (1, 2, 3)]
    assert colours is not None and len(colours) > 50


def test_shared_words_count_as_often_as_they_are_there() -> None:
    wanted, found = Counter({"ferry": 2, "pier": 1, "fog": 1}), Counter({"ferry": 1, "pier": 3})
    assert ocr_pages._shared(wanted, found) == 0.5


def test_a_device_counts_as_busy_between_the_first_and_the_last_moment_of_use() -> None:
    assert gpu.share("0\n3\n90\n100\n20\n100\n0\n0\n") == pytest.approx(0.775)
    assert gpu.share("0\n1\n") == 0.0


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells")
def test_memory_is_that_of_a_process_and_its_descendants() -> None:
    hold = "import time; kept = bytearray(b'x') * 60_000_000; print(flush=True); time.sleep(60)"
    code = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {hold!r}])"
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, start_new_session=True) as outer:
        try:
            assert isinstance(outer.stdout, io.BufferedReader)
            outer.stdout.readline()
            assert 60 < memory._pss(outer.pid) < 200
        finally:
            os.killpg(outer.pid, 9)
    deadline = time.monotonic() + 5
    while memory._pss(outer.pid) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert memory._pss(outer.pid) == 0


def test_a_paragraph_has_as_many_words_as_asked_for_and_no_more_than_a_sentence_over() -> None:
    import random

    for words in (5, 60, 180):
        assert words <= len(corpus.paragraph(random.Random(1), words).split()) < words + 14
