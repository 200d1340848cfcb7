"""Every table at every width of a terminal: broken at words, names whole, cells counted as the terminal counts them."""

import os
import re
import sys
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from mmsearch.errors import FailureCode
from mmsearch.index_status import FailedFile, FailedFileState, SpaceStatus, Status
from mmsearch.models.model_facts import ModelFacts
from mmsearch.output import model_tables, streams, summary, table, text_layout
from mmsearch.output.formatting import place
from mmsearch.output.progress import failure_line
from mmsearch.query import Hit, Signal
from mmsearch.run_record import FileFailed, RunRecord
from mmsearch.types import Failure, Kind, Locator

NAMES = ["年度报告 收入与支出 2025.pdf", "تقرير سنوي عن الإيرادات.pdf", "🎉 team party 👩‍🔬.jpg"]
FOLDER = "/archive/projects/2025/customers/a very long folder name for one customer"
WIDTHS = (60, 80, 100, 140)
MANY = range(40, 201, 7)


@pytest.fixture
def columns(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Make stdout and stderr a terminal of so many columns."""

    def set_to(number: int) -> None:
        monkeypatch.setattr(streams, "is_terminal", lambda stream: True)
        monkeypatch.setattr(table, "is_terminal", lambda stream: True)
        monkeypatch.setenv("COLUMNS", str(number))
        monkeypatch.setenv("TERM", "xterm-256color")

    return set_to


def path(name: str) -> bytes:
    return os.fsencode(f"{FOLDER}/{name}")


HITS = [
    Hit(
        at,
        2.5 / at,
        path(name),
        Kind.PDF,
        "words",
        Locator(page=3),
        "The revenue chart shows growth in all regions and 收入增长 in the east, as the board reported.",
        (Signal("words", 7.5, 2.0, 1, 1.5, ("revenue", "chart")),),
    )
    for at, name in enumerate(NAMES, 1)
]
FAILED = [
    FailedFile(
        path(name),
        FailedFileState.FAILED,
        Failure(FailureCode.ENCRYPTED, "The PDF is protected by a password, so that no page of it can be read."),
    )
    for name in NAMES
]
STATUS = Status(
    folder="/home/someone/.local/share/mmsearch/default", roots=tuple(path(name) for name in NAMES), files=151,
    by_kind={"audio": 4, "image": 61, "pdf": 35, "text": 40, "video": 4}, skipped={".dwg": 2, "empty file": 1},
    segments=4000, read={"ocr": 30}, failed=3, partial=1, pending=1, stale=0,
    spaces=(SpaceStatus("builtin", "builtin", 384, {"text": 3800},
            {"text": "IVF, nprobe 16, recall@10 0.995, ann-1-text-7.faiss"},
            files={"text": {"audio": 4, "image": 61, "pdf": 35, "text": 40, "video": 4}}),),
    bytes_on_disk=2_345_678, last_run={"started": 1.7e9, "ended": 1.7e9 + 12, "outcome": "done", "indexed": 144,
    "failed": 3, "excluded": 12, "excluded_by": {"hidden": 8, "link": 4}}, failed_by={"encrypted": 3},
)  # fmt: skip
RECORD = RunRecord(
    seen=171,
    indexed=144,
    unchanged=2,
    skipped=3,
    excluded=18,
    failed=3,
    partial=1,
    segments=4000,
    seconds=192.0,
    skipped_by={".dwg": 2, "empty file": 1},
    excluded_by={"hidden": 8, "link": 6, "hidden folder": 4},
    failed_by={"encrypted": 3},
)
CHECKS = [
    ("ok", "model", "The model builtin computes in bfloat16 on this CPU (avx512_bf16), cosine 0.99994 to float32.", ""),
    ("warn", "disk", f"{FOLDER}/{NAMES[0]} is nearly full.", "Make room, or put the index elsewhere: --index DIR"),
]


def facts(name: str, **more: Any) -> ModelFacts:
    values: dict[str, Any] = {field: None for field in ModelFacts.__dataclass_fields__}
    values |= {
        "name": name,
        "source": name,
        "role": "embedder",
        "takes": ("text", "image"),
        "dimension": 2048,
        "licence": "Apache-2.0",
        "state": "not here",
        "weights_bytes": 4_260_000_000,
        "bytes_here": 0,
        "facts_from": "",
    }
    return ModelFacts(**(values | more))


MODELS = [facts("qwen3-vl-2b"), facts("some-owner/a-model-with-a-very-long-name-v2", state="here", bytes_here=10**9)]


def escaped(capfd: pytest.CaptureFixture[str]) -> list[str]:
    text = capfd.readouterr()
    plain = re.sub(r"\x1b\]8;[^\x1b]*\x1b\\|\x1b\[[0-9;]*m", "", text.out + text.err)
    return [line.rstrip() for line in plain.splitlines()]


PRINTED = {
    "summary": lambda: streams.write_message(*summary.run_summary(RECORD)),
    "hits": lambda: table.write_hits(HITS),
    "status": lambda: summary.write_status(STATUS),
    "models": lambda: model_tables.write_models(MODELS),
    "failed": lambda: table.write_failed(FAILED),
    "doctor": lambda: summary.write_checks(CHECKS),
    "failures": lambda: streams.write_message(
        *(failure_line(FileFailed(one.path, one.failure), streams.width(sys.stderr)) for one in FAILED)
    ),
}


@pytest.mark.parametrize("what", PRINTED)
@pytest.mark.parametrize("number", MANY)
def test_no_line_is_wider_than_the_terminal(
    columns: Callable[[int], None], capfd: pytest.CaptureFixture[str], what: str, number: int
) -> None:
    columns(number)
    PRINTED[what]()
    lines = escaped(capfd)
    assert lines and max(cell_len(line) for line in lines) <= number, lines


@pytest.mark.parametrize("what", PRINTED)
@pytest.mark.parametrize("number", MANY)
def test_no_word_of_ours_is_cut(
    columns: Callable[[int], None], capfd: pytest.CaptureFixture[str], what: str, number: int
) -> None:
    columns(10_000)
    PRINTED[what]()
    whole = set(re.findall(r"[A-Za-z0-9.@%-]+", " ".join(escaped(capfd))))
    columns(number)
    PRINTED[what]()
    words = set(re.findall(r"[A-Za-z0-9.@%-]+", " ".join(escaped(capfd))))
    assert {word for word in words - whole if word not in ("dimensions", "here")} == set()


@pytest.mark.parametrize("what", ["hits", "failed", "failures"])
@pytest.mark.parametrize("number", [number for number in MANY if number >= 60])
def test_a_file_name_is_never_cut(
    columns: Callable[[int], None], capfd: pytest.CaptureFixture[str], what: str, number: int
) -> None:
    columns(number)
    PRINTED[what]()
    text = " ".join(line.strip() for line in escaped(capfd))
    assert all(name in text for name in NAMES)


@pytest.mark.parametrize("number", WIDTHS)
def test_the_summary_is_the_same_words_at_each_width(
    columns: Callable[[int], None], capfd: pytest.CaptureFixture[str], number: int
) -> None:
    columns(number)
    PRINTED["summary"]()
    assert " ".join(line.strip() for line in escaped(capfd)) == summary.run_summary(RECORD)[0]


SUMMARY_60 = """\
indexed 144 files (4,000 segments) in 3 min 12 s; 2
  unchanged; 3 known by name only (.dwg 2, empty file 1); 18
  left out (hidden 8, link 6, hidden folder 4); 1 only in
  part: see `mmsearch failed`; 3 failed (encrypted 3): see
  `mmsearch failed`
"""
MODELS_60 = """\
Pictures, sounds and films, with texts in the same space:
qwen3-vl-2b
  not here: text image, 2048 dimensions, 4.3 GB, Apache-2.0
some-owner/a-model-with-a-very-long-name-v2
  here: text image, 2048 dimensions, 4.3 GB, Apache-2.0, 1.0
  GB here
"""
FAILED_60 = """\
/archive/projects/2025/…/年度报告 收入与支出 2025.pdf
  failed, encrypted: The PDF is protected by a password, so
  that no page of it can be read.
/archive/projects/2025/…/تقرير سنوي عن الإيرادات.pdf
  failed, encrypted: The PDF is protected by a password, so
  that no page of it can be read.
/archive/projects/2025/customers/…/🎉 team party 👩‍🔬.jpg
  failed, encrypted: The PDF is protected by a password, so
  that no page of it can be read.
"""
DOCTOR_80 = """\
ok       model  The model builtin computes in bfloat16 on this CPU
                (avx512_bf16), cosine 0.99994 to float32.
warn     disk   /archive/projects/2025/customers/a very long folder name for one
                customer/年度报告 收入与支出 2025.pdf is nearly full.
                hint: Make room, or put the index elsewhere: --index DIR
"""


@pytest.mark.parametrize(
    "what, number, wanted",
    [
        ("summary", 60, SUMMARY_60),
        ("models", 60, MODELS_60),
        ("failed", 60, FAILED_60),
        ("doctor", 80, DOCTOR_80),
    ],
)
def test_what_a_narrow_terminal_shows(
    columns: Callable[[int], None], capfd: pytest.CaptureFixture[str], what: str, number: int, wanted: str
) -> None:
    columns(number)
    PRINTED[what]()
    assert escaped(capfd) == wanted.splitlines()


def test_a_pipe_gets_every_line_whole(capfd: pytest.CaptureFixture[str]) -> None:
    streams.write_message(*summary.run_summary(RECORD))
    summary.write_checks(CHECKS)
    assert len(escaped(capfd)) == 4


def test_no_hits_are_no_table(columns: Callable[[int], None], capfd: pytest.CaptureFixture[str]) -> None:
    columns(80)
    table.write_hits([])
    assert capfd.readouterr().out == ""


@pytest.mark.parametrize(
    "given_path, number, wanted",
    [
        ("a/b/c/d/name.txt", 40, "a/b/c/d/name.txt"),
        ("alpha/beta/gamma/delta/name.txt", 20, "alpha/…/name.txt"),
        ("alpha/beta/gamma/delta/name.txt", 12, "…/name.txt"),
        ("/alpha/beta/gamma/delta/name.txt", 22, "/alpha/beta/…/name.txt"),
        ("alpha/beta/a name that is longer than the line.txt", 20, "…/a name that is longer than the line.txt"),
        ("no folder but a long name.txt", 10, "no folder but a long name.txt"),
    ],
)
def test_a_path_is_cut_in_its_middle(given_path: str, number: int, wanted: str) -> None:
    assert text_layout.fitted_path(given_path, number) == wanted


@given(st.text(alphabet="ab 收e\u0301🎉/`", max_size=120), st.integers(4, 60), st.integers(0, 8))
def test_wrapping_keeps_every_sign_and_the_width(text: str, number: int, indent: int) -> None:
    lines = text_layout.wrapped(text, number, indent)
    assert "".join("".join(lines).split()) == "".join(text.split())
    assert all(cell_len(line) <= number for line in lines)


def test_a_command_stays_on_one_line_where_it_fits() -> None:
    lines = text_layout.wrapped("What is missing: see `mmsearch failed --index x`.", 34)
    assert lines == ["What is missing: see", "`mmsearch failed --index x`."]


@pytest.mark.parametrize(
    ("locator", "words", "fragment"),
    [
        (Locator(page=3), "p. 3", "#page=3"),
        (Locator(section="slide 3"), "slide 3", "#slide%203"),
        (Locator(section="sheet Sales", line_start=3, line_end=40), "sheet Sales, rows 3–40", "#sheet%20Sales"),
        (Locator(section="message 4, a.txt", line_start=7), "message 4, a.txt, line 7", "#message%204%2C%20a.txt"),
        (Locator(section="a\x1b[2J"), "a\\x1b[2J", "#a%1B%5B2J"),
    ],
)  # fmt: skip
def test_a_place_names_its_section_first(locator: Locator, words: str, fragment: str) -> None:
    assert (place(locator), locator.fragment()) == (words, fragment)
