"""`doctor` survives broken installations, tells them apart, and says what to do."""

import ast
import importlib
import importlib.util
import json
import sys
from pathlib import Path

import fake_index
import pytest

from mmsearch import diagnostics
from mmsearch.cli.program import run
from mmsearch.diagnostics import Check, check_disk, check_index, check_program, check_rights, check_sqlite, try_library
from mmsearch.errors import DamagedIndex
from mmsearch.index_status import Finding, FindingState


@pytest.mark.parametrize(
    "code, state, found",
    [
        ("print('noise'); print('thing 1.0')", "ok", "thing 1.0"),
        ("print('thing 1.0 without x'); raise SystemExit(3)", "warn", "thing 1.0 without x"),
        ("import no_such_library", "missing", "ModuleNotFoundError: No module named 'no_such_library'"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)", "missing", "crashed with signal 11"),
        ("raise SystemExit(1)", "missing", "ended without a word"),
        ("", "missing", "ended without a word"),
        ("import time; time.sleep(60)", "missing", "could not be tried"),
    ],
)
def test_a_library_is_tried_where_it_can_do_no_harm(
    monkeypatch: pytest.MonkeyPatch, code: str, state: str, found: str
) -> None:
    monkeypatch.setattr(diagnostics, "_TRY_S", 2.0 if "sleep" in code else 60.0)
    check = try_library("thing", code, "missing", "pip install thing")
    assert check.state == state and check.found.startswith(found)
    assert check.remedy == ("" if state == "ok" else "pip install thing")


def test_a_crash_of_one_library_leaves_the_answers_of_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    codes = {
        "first": "print('noise'); print('one 1.0')",
        "lacking": "import no_such_library",
        "partly": "print('two 2.0 without x'); raise SystemExit(3)",
        "crash": "import os, signal; os.kill(os.getpid(), signal.SIGSEGV)",
        "last": "print('three 3.0')",
    }
    checks = [diagnostics._LibraryCheck(name, code, "missing", "pip") for name, code in codes.items()]
    calls: list[str] = []
    alone = diagnostics.try_library

    def try_alone(name: str, *how: str) -> Check:
        calls.append(name)
        return alone(name, *how)

    monkeypatch.setattr(diagnostics, "try_library", try_alone)
    assert diagnostics._try_libraries(checks) == [
        Check("first", "ok", "one 1.0"),
        Check("lacking", "missing", "ModuleNotFoundError: No module named 'no_such_library'", "pip"),
        Check("partly", "warn", "two 2.0 without x", "pip"),
        Check("crash", "missing", "crashed with signal 11", "pip"),
        Check("last", "ok", "three 3.0"),
    ]
    assert calls == ["crash", "last"]


def test_a_program_that_is_not_there_is_a_warning_with_its_purpose(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert check_program("ffprobe", "subtitles") == Check(
        "ffprobe", "warn", "not found", "Install FFmpeg's programs for subtitles."
    )


def test_a_full_disk_is_a_warning_and_a_folder_to_be_made_counts_as_its_parent(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert check_disk(tmp_path / "a" / "b").state == "ok"
    monkeypatch.setattr(diagnostics, "_LEAST_FREE", 1 << 62)
    assert check_disk(tmp_path).state == "warn"


def test_sqlite_here_has_full_text_search() -> None:
    assert check_sqlite().state == "ok"


@pytest.mark.parametrize(
    "answer, state",
    [
        ([Finding("a", FindingState.OK)], "ok"),
        ([Finding("a", FindingState.OK), Finding("b", FindingState.DERIVED, "One is old.", "Repair it.")], "warn"),
        (
            [Finding("b", FindingState.DERIVED), Finding("c", FindingState.BROKEN, "Two are lost.", "Index again.")],
            "missing",
        ),
        (DamagedIndex("It is damaged.", "Delete it."), "missing"),
    ],
)
def test_the_index_is_looked_at(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, answer: list[Finding] | DamagedIndex, state: str
) -> None:
    monkeypatch.setitem(sys.modules, "mmsearch.index", sys.modules.get("mmsearch.index"))
    fake_index.install()

    def verify(*_: object) -> list[Finding]:
        if isinstance(answer, Exception):
            raise answer
        return answer

    monkeypatch.setattr(fake_index.Index, "verify", verify)
    assert check_index(tmp_path).state == state


def test_an_index_or_settings_that_others_can_change_are_a_warning(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for variable in ("XDG_CONFIG_HOME", "XDG_CACHE_HOME"):
        monkeypatch.setenv(variable, str(tmp_path / variable))
    index, settings = tmp_path / "my index", tmp_path / "XDG_CONFIG_HOME" / "mmsearch"
    assert check_rights(index).state == "ok"
    for folder in (index, settings):
        folder.mkdir(mode=0o700, parents=True)
    (index / "catalogue.db").touch(0o600)
    assert check_rights(index).state == "ok"
    settings.chmod(0o770)
    assert check_rights(index) == Check(
        "rights", "warn", f"{settings} can be changed by its group", f"chmod go-w {settings}"
    )
    (index / "catalogue.db").chmod(0o602)
    assert check_rights(index).remedy == f"chmod go-w '{index / 'catalogue.db'}'"
    index.chmod(0o777)
    assert check_rights(index).found == f"{index} can be changed by everyone"


CHECKS = [
    Check("PDF", "ok", "pypdfium2 5"),
    Check("HEIC", "warn", "not \x1b here", "pip install pi-heif"),
    Check("OCR", "missing", "gone", "pip install rapidocr"),
]


@pytest.mark.parametrize("number, code", [(2, 0), (3, 3)])
def test_the_exit_code_is_3_only_where_something_needed_is_missing(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], number: int, code: int
) -> None:
    monkeypatch.setattr(diagnostics, "run_checks", lambda folder, refused: CHECKS[:number])
    assert run(["doctor", "--format", "json"]) == code
    found = json.loads(capfd.readouterr().out)
    assert [check["state"] for check in found] == ["ok", "warn", "missing"][:number]
    assert found[0] == {
        "schema": "mmsearch.check/1",
        "name": "PDF",
        "state": "ok",
        "found": "pypdfium2 5",
        "remedy": "",
    }


def test_each_check_is_a_line_with_its_remedy_below(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(diagnostics, "run_checks", lambda folder, refused: CHECKS)
    assert run(["doctor"]) == 3
    assert capfd.readouterr() == (
        "ok       PDF   pypdfium2 5\n"
        "warn     HEIC  not \\x1b here\n"
        "               hint: pip install pi-heif\n"
        "missing  OCR   gone\n"
        "               hint: pip install rapidocr\n",
        "1 thing that mmsearch needs can't be used; see above.\n",
    )
    assert run(["doctor", "--quiet"]) == 3
    assert capfd.readouterr() == (
        "missing  OCR  gone\n              hint: pip install rapidocr\n",
        "",
    )


def test_what_the_checks_import_of_mmsearch_is_there() -> None:
    """A module that was moved would be reported as a missing library."""
    for check in diagnostics._LIBRARY_CHECKS:
        for node in ast.walk(ast.parse(check.code)):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("mmsearch"):
                module = importlib.import_module(str(node.module))
                for name in node.names:
                    place = f"{node.module}.{name.name}"
                    assert hasattr(module, name.name) or importlib.util.find_spec(place), (check.name, place)
