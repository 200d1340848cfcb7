"""The real program on a folder of small files: two commands, exit codes, streams, no torch in a query."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

NAMES = {
    b"notes.md": b"# Harvest\n\nThe apple harvest of 2023 was poor because of late frost.\n",
    b"budget.csv": b"quarter,revenue\nQ1,120\nQ2,140\n",
    b"sub/letter.txt": "Die Lieferung der Fahrräder verspätet sich.\n".encode(),
    b"odd\n\x1b[31m\xff.txt": b"A lighthouse keeper counts the ships at night.\n",
    b"broken.pdf": b"%PDF-1.4 this is not one",
    b"archive.zip": b"PK\x03\x04 nothing",
}


class Program:
    """The command in a folder, with an index of its own, and nothing of the caller's environment."""

    first: tuple[bytes, str]

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.docs = folder / "docs"
        # no HOME, no terminal, no locale: as cron starts it
        self.environment = {"MMSEARCH_INDEX": f"{folder}/index/", "PATH": os.environ["PATH"], "OMP_NUM_THREADS": "2"}
        self.environment["MMSEARCH_INDEX_SPEECH"] = "0"

    def __call__(self, *arguments: str, code: int = 0, **options: Any) -> tuple[bytes, str]:
        command = [sys.executable, "-m", "mmsearch", *arguments]
        environment = self.environment | options.pop("environment", {})
        options = {"stdin": subprocess.DEVNULL, "cwd": self.folder, "env": environment, "timeout": 300} | options
        done = subprocess.run(command, capture_output=True, **options)
        assert done.returncode == code, done.stderr.decode()
        assert b"Traceback" not in done.stderr
        return done.stdout, done.stderr.decode()


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Program:
    program = Program(tmp_path_factory.mktemp("program"))
    for name, content in NAMES.items():
        path = os.path.join(bytes(program.docs), name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(content)
    program.first = program("index", "docs", "--summary-json", "run.json", code=4)
    return program


def test_a_run_with_a_bad_file_exits_4_and_names_it_once(program: Program) -> None:
    out, err = program.first
    assert out == b""
    failures = [line for line in err.splitlines() if line.startswith("failed: ")]
    assert failures == ["failed: docs/broken.pdf: The PDF is damaged and can't be opened. (decode-error)"]
    assert err.splitlines()[-1].startswith("indexed 4 files (")
    assert err.endswith(f"1 failed (decode-error 1): see `mmsearch failed --index {program.folder}/index/`\n")
    record = json.loads((program.folder / "run.json").read_text())
    assert (record["seen"], record["indexed"], record["failed"], record["outcome"]) == (6, 4, 1, "done")
    assert record["skipped_by"] == {".zip": 1}


def test_a_second_run_decodes_nothing_and_exits_0(program: Program) -> None:
    out, err = program("index", "--summary-json", "-")
    record = json.loads(out)
    assert (record["indexed"], record["unchanged"], record["known_failures"]) == (0, 4, 1)
    assert "1 failed before (decode-error 1) and not tried again" in err


def test_a_quiet_second_run_says_nothing(program: Program) -> None:
    assert program("index", "--quiet") == (b"", "")


def test_the_right_place_comes_first_with_its_lines(program: Program) -> None:
    out, _ = program("query", "apple harvest", "--format", "jsonl", "-k", "1")
    hit = json.loads(out)
    assert (hit["path"], hit["kind"]) == (f"{program.docs}/notes.md", "text")
    assert hit["line_start"] <= 3 <= hit["line_end"]


def test_a_hostile_name_comes_back_byte_for_byte(program: Program) -> None:
    out, _ = program("query", "lighthouse keeper", "-0", "-k", "1")
    assert out == bytes(program.docs) + b"/odd\n\x1b[31m\xff.txt\0"
    shown, _ = program("query", "lighthouse keeper", "-k", "1")
    assert b"docs/odd\\n\\x1b[31m\\xff.txt line 1" in shown and b"\x1b" not in shown


def test_a_file_of_no_kind_of_ours_is_found_by_its_name(program: Program) -> None:
    out, _ = program("query", "archive.zip", "--format", "paths", "-k", "1")
    assert out == f"{program.docs}/archive.zip\n".encode()


def test_a_text_query_never_imports_torch(program: Program) -> None:
    code = (
        "import sys; from mmsearch.cli.program import run; code = run(sys.argv[1:]);"
        "sys.exit(f'{code} {sorted(heavy)}' if (heavy := {'torch', 'transformers', 'PIL', 'rich.console'}"
        " & set(sys.modules)) or code else 0)"
    )
    for arguments in (["query", "apple harvest"], ["status"], ["failed"], ["--help"]):
        done = subprocess.run(
            [sys.executable, "-c", code, *arguments], capture_output=True, env=program.environment, cwd=program.folder
        )
        assert done.returncode == 0, done.stderr.decode()


def test_what_failed_is_listed_with_its_reason(program: Program) -> None:
    out, _ = program("failed", "--format", "jsonl")
    assert json.loads(out) == {
        "schema": "mmsearch.failed/1",
        "path": f"{program.docs}/broken.pdf",
        "state": "failed",
        "code": "decode-error",
        "sentence": "The PDF is damaged and can't be opened.",
    }
    program("status", "--check", "--quiet")


def test_an_index_that_is_sound_verifies_with_0(program: Program) -> None:
    _, err = program("verify")
    assert err == "The index is sound.\n"


def test_similar_leaves_the_file_itself_out(program: Program) -> None:
    out, _ = program("similar", "docs/notes.md", "--format", "paths", "--min-score", "0")
    assert f"{program.docs}/notes.md\n".encode() not in out


@pytest.mark.parametrize(
    "arguments, code, sentence",
    [
        (["index", "no/such/folder"], 2, "There is no '"),
        (["index", "docs", "--model", "clip-nonsense"], 2, 'There is no model "clip-nonsense".'),
        (["index", "docs", "--model", "clip"], 3, ", not with clip."),
        (["query", "x", "--index", "./empty/"], 3, "There is no index at "),
        (["status", "--index", "./other/"], 3, "is damaged (file is not a database)."),
        (["verify", "--index", "./empty/"], 3, "There is no index at "),
        (["forget", "docs", "--index", "./empty/"], 3, "There is no index at "),
        (["failed", "--retry", "--index", "./empty/"], 3, "There is no index at "),
        (["index", "--index", "./empty/"], 3, "There is no index at "),
        (["query", "--image", "docs/notes.md"], 2, "is no picture."),
        (["similar", "docs/none.txt"], 2, "The index holds nothing of "),
        (["forget", "docs/none.txt"], 2, "The index does not hold "),
    ],
)
def test_what_goes_wrong_is_a_sentence_and_a_hint(
    program: Program, arguments: list[str], code: int, sentence: str
) -> None:
    other = program.folder / "other"
    other.mkdir(exist_ok=True)
    (other / "catalogue.db").write_bytes(b"not a database at all")
    out, err = program(*arguments, code=code)
    assert out == b"" and sentence in err
    said, empty, hint, end = err.split("\n")
    assert said and (empty, end) == ("", "") and hint.startswith("hint: ")
    assert not Path(program.folder / "empty").exists()


def test_a_dry_run_counts_and_changes_nothing(program: Program) -> None:
    (program.docs / "new.txt").write_text("A new file about volcanoes.")
    out, _ = program("index", "--dry-run")
    assert out.startswith(b"would read 1 file; ")
    found, _ = program("query", "volcanoes", "--format", "paths", "--min-score", "0")
    assert f"{program.docs}/new.txt".encode() not in found.split(b"\n")
    (program.docs / "new.txt").unlink()
