"""What fuzzing has found, a test each."""

import csv
import io
import time
from pathlib import Path

import pytest
from small_index import found, run, use_word_model, write

from mmsearch.cli import option_values
from mmsearch.errors import FailureCode, UsageError
from mmsearch.index_status import FailedFile, FailedFileState
from mmsearch.output import records
from mmsearch.query import Filter
from mmsearch.types import Failure


@pytest.mark.parametrize(
    "text", ["9" * 60, "9" * 40 + "x", "9" * 5000 + "s", "9" * 5000 + ":59", "9 " * 25 + "x", "4000000d"]
)
def test_a_time_of_endless_digits_is_refused_at_once(text: str) -> None:
    began = time.thread_time()
    with pytest.raises(UsageError):
        option_values.seconds(text, "--time-budget")
    assert time.thread_time() - began < 1


@pytest.mark.parametrize("text", ["9" * 30, "9223372036854775808", "9" * 5000 + "k", "9.5E"])
def test_a_size_that_no_file_has_is_refused(text: str) -> None:
    with pytest.raises(UsageError):
        option_values.byte_count(text, "--size")


@pytest.mark.parametrize(
    ("where", "passes"),
    [
        (Filter(since=-6e10), True),
        (Filter(before=-6e10), False),
        (Filter(since=2.5e11), False),
        (Filter(before=2.5e11), True),
    ],
)
def test_years_beyond_what_a_file_can_have_are_before_or_after_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: Filter, passes: bool
) -> None:
    use_word_model(monkeypatch.setattr)
    write(tmp_path / "docs" / "a.txt", "A walrus.\n")
    run(tmp_path / "index", tmp_path / "docs")
    assert bool(found(tmp_path / "index", "walrus", where=where)) is passes


@pytest.mark.parametrize("name", [b"/a\rb", b"/a\r\nb", b'/a",\nb', b"/a b", b'/"'])
def test_a_name_with_a_carriage_return_stays_in_its_cell_of_csv(name: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[bytes] = []
    monkeypatch.setattr(records, "write_stdout", sent.append)
    failure = Failure(FailureCode.CRASH, 'It said "no",\r twice.')
    rows = [records.failed_record(FailedFile(name, FailedFileState.FAILED, failure))]
    records.write_csv(rows, records.FAILED_COLUMNS)
    read = list(csv.reader(io.StringIO(sent[0].decode(), newline="")))
    assert read == [list(records.FAILED_COLUMNS), [name.decode(), "", "failed", "crash", 'It said "no",\r twice.']]
