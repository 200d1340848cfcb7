"""What each command hands to the index and what it answers with: streams, exit codes, request objects."""

import dataclasses
import io
import json
import math
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any, cast

import fake_index
import pytest
from fake_index import FAILED, HITS, HOSTILE, STATUS

from mmsearch import query as q
from mmsearch import types as t
from mmsearch.cli.program import run
from mmsearch.config import Settings
from mmsearch.errors import FailureCode
from mmsearch.index_status import Finding, FindingState, Status
from mmsearch.run_record import FileFailed, Finished, Remark, RunOutcome, RunRecord


@pytest.fixture(autouse=True)
def index(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> type[fake_index.Index]:
    """The fake index, an empty home, and a working directory of its own."""
    monkeypatch.setitem(sys.modules, "mmsearch.index", sys.modules.get("mmsearch.index"))
    fake_index.install()
    monkeypatch.setattr("mmsearch.config.require_index", lambda folder: None)
    monkeypatch.setattr(fake_index.Index, "calls", [])
    monkeypatch.setattr(fake_index.Index, "events", ())
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    ours = ("MMSEARCH_INDEX", "MMSEARCH_QUIET", "MMSEARCH_DEBUG", "MMSEARCH_INDEX_SPEECH")
    for name in (*ours, "XDG_CONFIG_HOME", "XDG_DATA_HOME"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    return fake_index.Index


def asked(index: type[fake_index.Index], name: str = "search") -> list[Any]:
    return [call[1:] if len(call) > 2 else call[1] for call in index.calls if call[0] == name]


def test_a_query_prints_plain_columns_in_a_pipe_and_notes_on_stderr(capfd: pytest.CaptureFixture[str]) -> None:
    assert run(["query", "revenue", "chart"]) == 0
    out, err = capfd.readouterr()
    assert out == (
        "1  2.25  pdf    /data/report.pdf p. 3 (+2 same) (also p. 9)  The revenue chart shows growth.\n"
        "2  1.50  video  /data/talk.mp4 1:15–1:20.5\n"
        "3  0.25  text   /data/notes.md lines 40–52                   收入 table\n"
    )
    assert err == "Answered from memory.\n"


def test_the_words_of_a_query_are_one_text_and_options_become_one_request(index: type[fake_index.Index]) -> None:
    arguments = "query revenue chart -k 3 --all-segments --no-fold --min-score -1.5 --kind pdf --kind IMAGE"
    assert run([*arguments.split(), "--in", "sub/../x", "--in", "*.pdf", "--size", "1k..2MiB", "--pages", "+3"]) == 0
    where = q.Filter(("pdf", "image"), (f"{Path.cwd()}/x", "*.pdf"), min_bytes=1000, max_bytes=2 << 20, min_pages=3)
    assert asked(index) == [q.Query("revenue chart", k=3, all_segments=True, fold=False, min_score=-1.5, where=where)]


def test_the_text_the_order_and_the_dates_of_a_query_reach_the_index(index: type[fake_index.Index]) -> None:
    assert run("query sea kind:pdf --literal --sort size --reverse --near 2024-05 --kind photos".split()) == 0
    may = (datetime(2024, 5, 1).timestamp(), datetime(2024, 6, 1).timestamp())
    where = q.Filter(kinds=("image",), since=may[0], before=may[1])
    assert asked(index) == [q.Query("sea kind:pdf", literal=True, where=where, sort="size", reverse=True)]


def test_a_query_of_filters_alone_needs_no_text(index: type[fake_index.Index]) -> None:
    assert run(["query", "--kind", "image", "--sort", "name"]) == 0
    assert asked(index) == [q.Query(where=q.Filter(kinds=("image",)), sort="name")]
    assert run(["query", "--sort", "name"]) == 2


def test_the_shell_may_take_the_quotes_from_a_date(index: type[fake_index.Index]) -> None:
    assert run(["query", "sea", "before:last summer"]) == 0
    assert asked(index) == [q.Query('sea before:"last summer"')]


def test_hits_by_date_or_size_and_listed_files_show_these(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    noon = datetime(2024, 5, 31, 12).timestamp()
    found = dataclasses.replace(HITS[1], modified_s=noon, size=1_200_000)
    listed = dataclasses.replace(found, score=1.0, view="filters", locator=t.Locator())
    for hit, order, row in (
        (found, "score", "2  1.50  video  /data/talk.mp4 1:15–1:20.5\n"),
        (found, "date", "2  1.50  video  /data/talk.mp4 1:15–1:20.5 2024-05-31\n"),
        (found, "size", "2  1.50  video  /data/talk.mp4 1:15–1:20.5 1.2 MB\n"),
        (listed, "score", "2  2024-05-31  video  /data/talk.mp4\n"),
        (listed, "size", "2  1.2 MB  video  /data/talk.mp4\n"),
    ):
        monkeypatch.setattr(fake_index, "HITS", (hit,))
        assert run(["query", "x", "--sort", order, "--quiet"]) == 0
        assert capfd.readouterr().out == row
    assert run(["query", "x", "--format", "csv", "--quiet"]) == 0
    utc = datetime.fromtimestamp(noon, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    assert capfd.readouterr().out.splitlines()[1].endswith(f",{utc},1200000,")


def test_why_not_is_a_sentence_the_signals_and_the_next_step(
    index: type[fake_index.Index], capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert run(["query", "x", "--why-not", "../menu.pdf", "-k", "3"]) == 0
    assert capfd.readouterr() == (
        "/data/a\\n\\x1b[31mred\\xff\\u202e.txt: Its score, 0.030, is below the cutoff.\n"
        "      +0.750  builtin:image  raw 0.310  score 1.000  rank 4\n"
        "  A part of it could not be indexed: page 3.\n"
        "  hint: --min-score 0 shows all.\n",
        "",
    )
    assert asked(index, "why_not") == [(q.Query("x", k=3), bytes(tmp_path / "menu.pdf"))]
    assert asked(index) == []


def test_why_not_as_json_has_a_schema(capfd: pytest.CaptureFixture[str]) -> None:
    assert run(["query", "x", "--why-not", "menu.pdf", "--format", "jsonl"]) == 0
    record = json.loads(capfd.readouterr().out)
    assert record.pop("path_bytes") and record.pop("path")
    assert record == {
        "schema": "mmsearch.why-not/1",
        "code": "cutoff",
        "sentence": "Its score, 0.030, is below the cutoff.",
        "hint": "--min-score 0 shows all.",
        "notes": ["A part of it could not be indexed: page 3."],
        "pattern": None,
        "filters": [],
        "copy_of": None,
        "rank": 4,
        "score": 0.03,
        "signals": [{"name": "builtin:image", "raw": 0.31, "score": 1.0, "rank": 4, "contribution": 0.75, "terms": []}],
    }
    for arguments in (["--format", "paths"], ["-0"], ["--queries-from", "q.txt"]):
        assert run(["query", *([] if "q.txt" in arguments else ["x"]), "--why-not", "menu.pdf", *arguments]) == 2


def test_a_word_to_leave_out_that_looks_like_an_option_is_told_how(capfd: pytest.CaptureFixture[str]) -> None:
    for word in ("-kind:text", "-computer", "-in:old"):
        assert run(["query", "apple", word]) == 2
        hint = f"hint: A word to leave out stands in quotes behind others: '... {word}', or behind --:"
        assert capfd.readouterr().err.endswith(f"{hint} mmsearch query -- {word}\n")
    assert run(["query", "--", "-kind:text"]) == 0


def test_nothing_found_is_exit_code_1_and_an_empty_stdout(capfd: pytest.CaptureFixture[str]) -> None:
    assert run(["query", "nothing"]) == 1
    assert capfd.readouterr() == ("", "Answered from memory.\nNothing found.\n")


def test_quiet_leaves_only_the_data(capfd: pytest.CaptureFixture[str]) -> None:
    assert run(["query", "x", "-k", "1", "--format", "paths", "--quiet"]) == 0
    assert capfd.readouterr() == ("/data/report.pdf\n", "")


def test_jsonl_has_the_versioned_schema_one_object_a_hit(capfd: pytest.CaptureFixture[str]) -> None:
    assert run(["query", "x", "--format", "jsonl", "-k", "1"]) == 0
    assert [json.loads(line) for line in capfd.readouterr().out.splitlines()] == [
        {
            "schema": "mmsearch.hit/1",
            "path": "/data/report.pdf",
            "kind": "pdf",
            "view": "words",
            "rank": 1,
            "score": 2.25,
            "section": None,
            "page": 3,
            "start_s": None,
            "end_s": None,
            "line_start": None,
            "line_end": None,
            "snippet": "The revenue\nchart shows growth.",
            "seen": [],
            "match": None,
            "signals": [
                {
                    "name": "words",
                    "raw": 7.5,
                    "score": 2.0,
                    "rank": 1,
                    "contribution": 1.5,
                    "terms": ["revenue", "chart"],
                },
                {"name": "builtin:image", "raw": 0.31, "score": 1.0, "rank": 4, "contribution": 0.75, "terms": []},
            ],
            "same": [{"path": "/data/copy.pdf"}, {"path": "/data/old/report.pdf"}],
            "more": [
                {"section": None, "page": 9, "start_s": None, "end_s": None, "line_start": None, "line_end": None}
            ],
            "thread": [],
            "modified": None,
            "dated": None,
            "taken": None,
            "size": None,
        }
    ]


def test_json_is_one_document_with_notes(capfd: pytest.CaptureFixture[str]) -> None:
    assert run(["query", "nothing", "--format", "json"]) == 1
    assert json.loads(capfd.readouterr().out) == {
        "schema": "mmsearch.answer/1",
        "hits": [],
        "notes": ["Answered from memory."],
        "seconds": 0.01,
    }


def test_csv_has_a_header_and_plain_line_ends(capfd: pytest.CaptureFixture[str]) -> None:
    assert run(["query", "x", "--format", "csv", "-k", "2"]) == 0
    assert capfd.readouterr().out == (
        "path,path_bytes,kind,view,rank,score,page,start_s,end_s,line_start,line_end,snippet,match,modified,size,section\n"
        '/data/report.pdf,,pdf,words,1,2.25,3,,,,,"The revenue\nchart shows growth.",,,,\n'
        "/data/talk.mp4,,video,video,2,1.5,,75.0,80.5,,,,,,,\n"
    )


def test_null_separated_paths_are_exact_bytes_and_each_once(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    assert run(["query", "evil", "-0", "--quiet"]) == 0
    assert capfdbinary.readouterr().out == HOSTILE + b"\0"
    assert run(["query", "many", "-0", "--quiet"]) == 0
    assert capfdbinary.readouterr().out == b"".join(hit.path + b"\0" for hit in HITS)


def test_a_hostile_name_is_escaped_in_columns_and_exact_in_json(capfd: pytest.CaptureFixture[str]) -> None:
    assert run(["query", "evil", "--quiet"]) == 0
    assert capfd.readouterr().out == ("1  0.50  text  /data/a\\n\\x1b[31mred\\xff\\u202e.txt  x\\x1b]0;owned\\x07y z\n")
    assert run(["query", "evil", "--quiet", "--format", "jsonl"]) == 0
    line = capfd.readouterr().out
    assert line.isascii() is False and not set(line) & {"\x1b", "\x07", "\u202e", "\u2028"}
    assert json.loads(line)["path"] == "/data/a\n\x1b[31mred\ufffd\u202e.txt"
    assert json.loads(line)["path_bytes"] == "L2RhdGEvYQobWzMxbXJlZP/igK4udHh0"


def test_explain_shows_each_signals_share(capfd: pytest.CaptureFixture[str]) -> None:
    assert run(["query", "x", "-k", "1", "--explain", "--quiet"]) == 0
    assert capfd.readouterr().out.splitlines()[1:] == [
        "      +1.500  words  raw 7.500  score 2.000  rank 1  revenue, chart",
        "      +0.750  builtin:image  raw 0.310  score 1.000  rank 4",
    ]


def test_queries_from_a_file_are_all_asked_and_named_in_the_answers(
    capfd: pytest.CaptureFixture[str], index: type[fake_index.Index]
) -> None:
    Path("q.txt").write_bytes("revenue\n\n  nothing \n中文\xff\n".encode())
    assert run(["query", "--queries-from", "q.txt", "--format", "jsonl", "-k", "1"]) == 0
    lines = [json.loads(line) for line in capfd.readouterr().out.splitlines()]
    assert [(line["query"], line["path"]) for line in lines] == [
        ("revenue", "/data/report.pdf"),
        ("中文ÿ", "/data/report.pdf"),
    ]
    assert [query.text for query in asked(index)] == ["revenue", "nothing", "中文ÿ"]


def test_queries_that_end_with_nul_may_hold_line_breaks(
    index: type[fake_index.Index], capfd: pytest.CaptureFixture[str]
) -> None:
    Path("q.txt").write_bytes(b"two\nlines\0one\0")
    assert run(["query", "--queries-from", "q.txt", "-0", "--format", "json", "--quiet"]) == 0
    assert [query.text for query in asked(index)] == ["two\nlines", "one"]
    assert [answer["query"] for answer in json.loads(capfd.readouterr().out)] == ["two\nlines", "one"]


@pytest.mark.parametrize("format", ["jsonl", "csv", "paths", "table"])
def test_each_query_of_a_stream_is_answered_before_the_next_one_comes(format: str) -> None:
    command = [sys.executable, fake_index.__file__, "query", "--queries-from", "-", "--format", format, "-k", "1"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        typed, shown = cast(IO[bytes], process.stdin), cast(io.BufferedReader, process.stdout)
        typed.write(b"first\n")
        typed.flush()
        assert b"Answered from memory." in cast(IO[bytes], process.stderr).readline()
        first = shown.read1()
        assert b"report.pdf" in first and (format == "paths" or b"first" in first)
        typed.write(b"many")
        typed.close()
        rest = shown.read()
    assert process.returncode == 0
    assert (b"talk.mp4" in rest) and rest.count(b"path_bytes") == 0
    assert rest.count(b"report.pdf\n") == 0  # a path was written once already


def test_a_line_that_can_not_be_asked_is_named_and_the_others_are_answered(capfd: pytest.CaptureFixture[str]) -> None:
    Path("q.txt").write_text("lighthouse\n\nrefused\nnothing\n")
    assert run(["query", "--queries-from", "q.txt", "--format", "jsonl", "-k", "1"]) == 2
    out, err = capfd.readouterr()
    assert [json.loads(line)["query"] for line in out.splitlines()] == ["lighthouse"]
    assert err.splitlines() == [
        'line 1 ("lighthouse"): Answered from memory.',
        'line 3 ("refused"): There are no words in it. Add one.',
        'line 4 ("nothing"): Answered from memory.',
        'line 4 ("nothing"): Nothing found.',
        "1 of 3 queries were refused: line 3.",
    ]


def test_similar_hands_over_the_absolute_path_with_its_place(index: type[fake_index.Index]) -> None:
    assert run(["similar", "sub/report.pdf#page=3", "-k", "4"]) == 0
    assert asked(index, "similar") == [(f"{Path.cwd()}/sub/report.pdf#page=3".encode(), q.Query(k=4))]


def test_status_is_a_report_for_people(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "UTC")
    assert run(["status"]) == 0
    assert capfd.readouterr().out == (
        "index     /data/.mmsearch (2.3 MB)\n"
        "root      /data\n"
        "files     7: text 2, pdf 1, video 1, by name only 2, failed 1\n"
        "segments  40\n"
        "ocr       3 segments with words\n"
        "model     builtin (384 dimensions)\n"
        "          text: 38 embeddings; exact\n"
        "by name   2: `mmsearch query kind:other` lists them (zip 2)\n"
        "failed    1: `mmsearch failed` says why (encrypted 1)\n"
        "last run  2023-11-14 22:13, done in 12 s: 4 indexed, 1 failed\n"
    )


def test_status_json_is_the_whole_status(capfd: pytest.CaptureFixture[str]) -> None:
    assert run(["status", "--format", "json"]) == 0
    found = json.loads(capfd.readouterr().out)
    assert (found["schema"], found["files"], found["roots"]) == ("mmsearch.status/1", 7, [{"path": "/data"}])
    assert set(found) == {"schema", *STATUS.__dataclass_fields__}


@pytest.mark.parametrize(
    "change, code",
    [
        ({}, 0),
        ({"failed": 9}, 0),
        ({"pending": 1}, 5),
        ({"stale": 1}, 5),
        ({"outdated": 1}, 5),
        ({"notes": ("It is on a network file system.",)}, 0),
        ({"doubts": ("The checksums are damaged.",)}, 5),
        ({"last_run": {"started": 1.0, "ended": None}}, 5),
        ({"last_run": {"started": 1.0, "ended": None}, "writing": "process 7"}, 0),
        ({"last_run": None}, 0),
    ],
)
def test_status_check_tells_by_its_exit_code_whether_work_is_left(
    monkeypatch: pytest.MonkeyPatch, index: type[fake_index.Index], change: dict[str, Any], code: int
) -> None:
    facts = {name: getattr(STATUS, name) for name in STATUS.__dataclass_fields__}
    monkeypatch.setattr(index, "status_now", Status(**facts | change))
    assert run(["status", "--check", "--quiet"]) == code
    assert run(["status", "--quiet"]) == 0


def test_failed_lists_path_and_reason_once(capfd: pytest.CaptureFixture[str]) -> None:
    assert run(["failed"]) == 0
    assert capfd.readouterr().out == (
        "/data/broken.pdf                    failed   encrypted  The PDF is protected by a password.\n"
        "/data/a\\n\\x1b[31mred\\xff\\u202e.txt  partial  timeout    A part took too long.\n"
    )


def test_failed_speaks_json_and_nul(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    assert run(["failed", "-0"]) == 0
    assert capfdbinary.readouterr().out == b"".join(file.path + b"\0" for file in FAILED)
    assert run(["failed", "--format", "jsonl"]) == 0
    assert json.loads(capfdbinary.readouterr().out.splitlines()[0]) == {
        "schema": "mmsearch.failed/1",
        "path": "/data/broken.pdf",
        "state": "failed",
        "code": "encrypted",
        "sentence": "The PDF is protected by a password.",
    }


def test_failed_retry_runs_the_index_with_the_failed_files(index: type[fake_index.Index]) -> None:
    index.events = (Finished(RunRecord()),)
    assert run(["failed", "--retry"]) == 0
    ((_, targets, settings, listed, command),) = asked(index, "update")
    assert (targets, settings, listed, command) == (None, Settings(retry_failed=True), False, "failed --retry")


def test_forget_names_absolute_paths(index: type[fake_index.Index], capfd: pytest.CaptureFixture[str]) -> None:
    assert run(["forget", "a", "/b/../c"]) == 0
    ((_, targets, settings),) = asked(index, "forget")
    assert (targets, settings) == ([f"{Path.cwd()}/a".encode(), b"/c"], Settings())
    assert capfd.readouterr() == ("", "2 files removed from the index.\n")


@pytest.mark.parametrize("state, code", [("ok", 0), ("repaired", 0), ("derived", 3), ("broken", 3)])
def test_verify_exits_3_when_something_does_not_hold(
    monkeypatch: pytest.MonkeyPatch,
    index: type[fake_index.Index],
    capfd: pytest.CaptureFixture[str],
    state: str,
    code: int,
) -> None:
    finding = Finding("names and words agree", cast(FindingState, state), "Two differ.", "Do that.")
    monkeypatch.setattr(index, "findings", (finding,))
    assert run(["verify", "--repair"]) == code
    assert asked(index, "verify")[0][1:] == (True, False)
    out = f"{state}  names and words agree: Two differ.\n"
    hint = f"{' ' * len(state)}  hint: Do that.\n" if code else ""
    assert capfd.readouterr().out == out + hint


def test_index_options_become_settings(index: type[fake_index.Index]) -> None:
    index.events = (Finished(RunRecord()),)
    options = (
        "--ocr always --ocr-lang rus+ara --transcribe tiny --include *.md --exclude x --exclude y --hidden "
        "--no-ignore --max-size 5M --workers 3 --device cpu --dtype float32 --batch-size 8 --retry-failed --refresh "
        "--allow-mass-delete --time-budget 1h30m --wait --allow-download --model builtin --model clip:image"
    )
    assert run(["index", "docs", *options.split()]) == 0
    ((folder, targets, settings, listed, command),) = asked(index, "update")
    assert targets == [f"{Path.cwd()}/docs".encode()] and not listed and command == "index"
    assert settings == Settings(
        ("builtin", "clip:image"), "always", "tiny", ("*.md",), ("x", "y"), True, False, 5_000_000, None,
        False, False, 3, "cpu", "float32", 8, True, True, True, True, 5400.0, math.inf, False, ocr_lang="rus+ara",
    )  # fmt: skip
    assert str(folder).endswith("mmsearch/default")


def test_index_without_a_path_refreshes_and_here_stays_here(index: type[fake_index.Index]) -> None:
    index.events = (Finished(RunRecord()),)
    assert run(["index", "--here"]) == 0
    ((folder, targets, *_),) = asked(index, "update")
    assert (folder, targets) == (Path.cwd() / ".mmsearch", None)


def test_names_from_a_file_are_single_files_with_exact_bytes(index: type[fake_index.Index]) -> None:
    index.events = (Finished(RunRecord()),)
    Path("list").write_bytes(b"a b\0/x/\xff\n\0\0")
    assert run(["index", "--files-from", "list", "-0"]) == 0
    ((_, targets, _, listed, _),) = asked(index, "update")
    assert (targets, listed) == ([f"{Path.cwd()}/a b".encode(), b"/x/\xff\n"], True)


def test_an_empty_list_of_files_is_no_refresh_of_everything(
    index: type[fake_index.Index], capfd: pytest.CaptureFixture[str]
) -> None:
    Path("list").write_bytes(b"\n")
    assert run(["index", "--files-from", "list"]) == 0
    assert asked(index, "update") == []
    assert capfd.readouterr() == ("", "The list of files is empty: nothing to do.\n")


RECORD = RunRecord(seen=10, unchanged=2, indexed=5, skipped=2, segments=2114, seconds=192.0, skipped_by={"zip": 2})


@pytest.mark.parametrize(
    "change, code",
    [
        ({}, 0),
        ({"failed": 1}, 4),
        ({"partial": 1}, 4),
        ({"known_failures": 3}, 0),
        ({"pending": 3}, 5),
        ({"outcome": "budget", "failed": 1}, 5),
        ({"outcome": "guard"}, 5),
        ({"outcome": "disk-full"}, 5),
        ({"outcome": "interrupted"}, 130),
    ],
)
def test_the_exit_code_of_a_run_tells_how_it_ended(
    index: type[fake_index.Index], change: dict[str, Any], code: int
) -> None:
    index.events = (Finished(RunRecord(**{**_fields(RECORD), **change})),)
    assert run(["index", "docs", "--quiet"]) == code


def _fields(record: RunRecord) -> dict[str, Any]:
    return {one.name: getattr(record, one.name) for one in dataclasses.fields(record)}


def test_a_run_ends_in_a_summary_on_stderr_and_in_json(
    index: type[fake_index.Index], capfd: pytest.CaptureFixture[str]
) -> None:
    failure = t.Failure(FailureCode.ENCRYPTED, "The PDF is protected by a password.")
    record = RunRecord(**{**_fields(RECORD), "failed": 1, "failed_by": {"encrypted": 1}})
    index.events = (Remark("float32 on this CPU."), FileFailed(b"/data/b.pdf", failure), Finished(record))
    assert run(["index", "docs", "--summary-json", "run.json", "--index", "my docs"]) == 4
    assert capfd.readouterr() == (
        "",
        "float32 on this CPU.\n"
        "failed: /data/b.pdf: The PDF is protected by a password. (encrypted)\n"
        "indexed 5 files (2,114 segments) in 3 min 12 s; 2 unchanged; 2 known by name only (zip 2); "
        "1 failed (encrypted 1): see `mmsearch failed --index 'my docs'`\n",
    )
    assert json.loads(Path("run.json").read_text()) == {"schema": "mmsearch.run/1", **_fields(record)}


def test_a_quiet_run_says_one_line_a_failure_and_why_it_stopped_early(
    index: type[fake_index.Index], capfd: pytest.CaptureFixture[str]
) -> None:
    failure = FileFailed(b"/data/b.pdf", t.Failure(FailureCode.TIMEOUT, "A part took too long."), True)
    index.events = (Remark("x"), failure, Finished(RunRecord(partial=1)))
    assert run(["index", "docs", "--quiet"]) == 4
    assert capfd.readouterr() == ("", "in part: /data/b.pdf: A part took too long. (timeout)\n")
    index.events = (Finished(RunRecord(outcome=RunOutcome.BUDGET)),)
    assert run(["index", "docs", "--quiet"]) == 5
    assert capfd.readouterr().err.startswith("The time budget is used up.")
    index.events = (Finished(RunRecord()),)
    assert run(["index", "docs", "--quiet"]) == 0
    assert capfd.readouterr() == ("", "")


def test_a_dry_run_is_data(index: type[fake_index.Index], capfd: pytest.CaptureFixture[str]) -> None:
    record = RunRecord(seen=12, unchanged=2, pending=10, removed=1)
    index.events = (Finished(record),)
    assert run(["index", "docs", "--dry-run"]) == 0
    assert capfd.readouterr() == ("would read 10 files; 2 unchanged; 1 to remove\n", "")


def test_an_older_summary_does_not_survive_a_run_that_could_not_start(capfd: pytest.CaptureFixture[str]) -> None:
    Path("run.json").write_text("{}")
    assert run(["index", "docs", "--index", "/locked", "--summary-json", "run.json"]) == 6
    assert not Path("run.json").exists()
    assert capfd.readouterr().err == "Another run is writing this index.\n\nhint: Wait for it to end.\n"
