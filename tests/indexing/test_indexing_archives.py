"""Runs over archives: their files as files of the index, with rules, account, changes and removal."""

import json
import os
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import pytest
from packed_files import tarred, zipped
from small_index import broken, change, count_tasks, counts, events, found, holding, rows, run, write, write_png

from mmsearch.cli.program import run as command
from mmsearch.config import Settings
from mmsearch.extraction.archives import listing
from mmsearch.extraction.wire import Message
from mmsearch.index import Index
from mmsearch.indexing.archive_inspection import ArchiveInspector
from mmsearch.output.records import path_record
from mmsearch.query import Filter, Query
from mmsearch.run_record import FileFailed, Remark
from mmsearch.store.layout import IndexFolder

pytestmark = pytest.mark.usefixtures("word_model")

SETTINGS = Settings()

FILES: dict[str, bytes | str] = {
    "notes/otter.txt": "The otter swims.",
    "notes/crane.txt": "The crane waits.",
    ".hidden/secret.txt": "A secret.",
    "tool.bin": b"\0\1\2",
    "more.tar.gz": tarred({"deep/walrus.txt": "The walrus sleeps."}, "w:gz", {"link": "deep/walrus.txt"}),
}


@pytest.fixture
def docs(tmp_path: Path) -> Path:
    write(tmp_path / "docs" / "heron.txt", "The heron stands.")
    (tmp_path / "docs" / "a.zip").write_bytes(zipped(FILES))
    return tmp_path / "docs"


@pytest.fixture
def index(tmp_path: Path) -> Path:
    return tmp_path / "index"


class ListingHere:
    """A pool that lists archives in this process."""

    def submit(self, request: dict[str, Any]) -> Future[Message]:
        future: Future[Message] = Future()
        future.set_result(listing.handle(request, []))
        return future


@pytest.fixture(autouse=True)
def listing_here(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if "worker" not in request.node.name:
        monkeypatch.setattr(ArchiveInspector, "_started", lambda self: ListingHere())


def names(index: Path) -> list[str]:
    """The paths of all files that the index knows."""
    return [os.fsdecode(path) for (path,) in rows(index, "SELECT path FROM files ORDER BY path")]


def test_a_worker_lists_archives_on_demand_and_their_files_are_counted(docs: Path, index: Path) -> None:
    assert counts(run(index, docs)) == {"seen": 2, "indexed": 1, "skipped": 1}
    record = run(index, archives=True)
    assert counts(record) == {"seen": 9, "unchanged": 1, "indexed": 3, "skipped": 3, "excluded": 2}
    assert record.skipped_by == {"archive": 2, ".bin": 1} and record.excluded_by == {"hidden": 1, "link": 1}
    assert holding(index, "walrus") == ["a.zip!/more.tar.gz!/deep/walrus.txt"]
    assert found(index, "otter swims")[0] == bytes(docs / "a.zip!/notes/otter.txt")
    assert Index.open(index).status().skipped == record.skipped_by
    assert not broken(index)


def test_an_unchanged_archive_is_neither_opened_nor_read(
    docs: Path, index: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(index, docs, archives=True)
    tasks = count_tasks(monkeypatch.setattr)
    monkeypatch.setattr(ArchiveInspector, "contents", None)  # a call would raise
    record = run(index)
    assert counts(record) == {"seen": 9, "unchanged": 4, "skipped": 3, "excluded": 2} and not tasks
    assert record.excluded_by == {"hidden": 1, "link": 1}


def test_of_a_changed_archive_only_changed_files_are_read(
    docs: Path, index: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(index, docs, archives=True)
    tasks = count_tasks(monkeypatch.setattr)
    changed = {name: text for name, text in FILES.items() if name != "notes/crane.txt"}
    (docs / "a.zip").write_bytes(zipped(changed | {"notes/otter.txt": "The otter dives.", "pike.txt": "A pike."}))
    record = run(index)
    assert counts(record) == {"seen": 9, "unchanged": 2, "indexed": 2, "skipped": 3, "excluded": 2, "removed": 1}
    assert record.removed_by == {"gone": 1}
    assert sorted(path for path, _ in tasks) == [
        bytes(docs / "a.zip!/notes/otter.txt"),
        bytes(docs / "a.zip!/pike.txt"),
    ]
    assert holding(index, "crane") == [] and holding(index, "dives") == ["a.zip!/notes/otter.txt"]


def test_an_archive_that_is_gone_takes_its_files_along_and_counts_as_one_lost_file(docs: Path, index: Path) -> None:
    (docs / "a.zip").write_bytes(zipped({f"{number}.txt": "A note." for number in range(40)}))
    run(index, docs, archives=True)
    (docs / "a.zip").unlink()
    record = run(index)
    assert counts(record) == {"seen": 1, "unchanged": 1, "removed": 41}
    assert names(index) == ["heron.txt"] and record.outcome == "done"
    assert not broken(index)


def test_the_choice_is_remembered_and_can_be_taken_back(docs: Path, index: Path) -> None:
    run(index, docs, archives=True)
    (docs / "b.tar").write_bytes(tarred({"ibis.txt": "An ibis."}))
    run(index)
    assert holding(index, "ibis") == ["b.tar!/ibis.txt"]
    record = run(index, archives=False)
    assert record.removed_by == {"left out now": 6} and record.skipped_by == {".zip": 1, ".tar": 1}
    assert names(index) == ["a.zip", "b.tar", "heron.txt"]
    assert counts(run(index)) == {"seen": 3, "unchanged": 1, "skipped": 2}


def test_the_rules_of_the_folder_hold_in_archives(docs: Path, index: Path) -> None:
    run(index, docs, archives=True, exclude=("*crane*",))
    assert "a.zip!/notes/crane.txt" not in names(index)
    record = run(index, exclude=("*otter*",), hidden=True)
    assert "a.zip!/notes/crane.txt" in names(index) and "a.zip!/notes/otter.txt" not in names(index)
    assert "a.zip!/.hidden/secret.txt" in names(index) and record.excluded_by == {"excluded": 1, "link": 1}


def test_what_is_wrong_with_archives_is_told_with_its_path(docs: Path, index: Path) -> None:
    inside = zipped({"../../evil.txt": "Out of it.", "fine.txt": "Fine."})
    locked = bytearray(inside)
    locked[locked.rindex(b"PK\x01\x02") + 8] |= 1
    (docs / "a.zip").write_bytes(bytes(locked))
    (docs / "cut.zip").write_bytes(inside[:-30])
    happened = events(index, docs, archives=True)
    failed = {event.path: event.failure.code for event in happened if isinstance(event, FileFailed)}
    assert failed == {bytes(docs / "a.zip!/fine.txt"): "encrypted", bytes(docs / "cut.zip"): "decode-error"}
    remarks = [event.sentence for event in happened if isinstance(event, Remark)]
    assert any("'../../evil.txt' is 'evil.txt'" in one for one in remarks)
    record = run(index)
    assert record.known_failures_by == {"encrypted": 1, "decode-error": 1}
    assert run(index, retry_failed=True).known_failures == 2
    assert {one.path: one.failure.code for one in Index.open(index).failed()} == failed


def test_forgotten_files_of_archives_stay_out(docs: Path, index: Path) -> None:
    run(index, docs, archives=True)
    assert Index.forget(index, bytes(docs / "a.zip!/notes/otter.txt"), SETTINGS) == 1
    (docs / "a.zip").write_bytes(zipped(FILES | {"pike.txt": "A pike."}))
    run(index)
    assert "a.zip!/notes/otter.txt" not in names(index) and "a.zip!/pike.txt" in names(index)
    assert Index.forget(index, bytes(docs / "a.zip"), SETTINGS) == 6
    run(index)
    assert names(index) == ["heron.txt"]


def test_files_of_archives_are_found_filtered_compared_and_explained(docs: Path, index: Path) -> None:
    write_png(docs / "red.png")
    picture = (docs / "red.png").read_bytes()
    (docs / "a.zip").write_bytes(zipped(FILES | {"pics/red.png": picture, "pics/red.tiff": picture}))
    run(index, docs, archives=True)
    member = bytes(docs / "a.zip!/notes/otter.txt")
    with Index.open(index) as opened:
        within = opened.search(Query("the", where=Filter(within=(str(docs / "a.zip"),)), min_score=0.0, k=20)).hits
        assert within and all(hit.path.startswith(bytes(docs / "a.zip!/")) for hit in within)
        assert [one.text for one in opened.text(member)] == ["The otter swims."]
        assert opened.why_not(Query("quantum"), member).code == "cutoff"
        same = opened.similar(bytes(docs / "a.zip!/pics/red.png")).hits
        assert {hit.path for hit in same} == {bytes(docs / "red.png"), bytes(docs / "a.zip!/pics/red.tiff")}
    assert path_record(member) == {"path": os.fsdecode(member), "archive": str(docs / "a.zip")}


def test_a_folder_that_is_named_as_the_inside_of_an_archive_is_kept_apart(docs: Path, index: Path) -> None:
    write(docs / "a.zip!" / "notes" / "otter.txt", "Another otter.")
    record = run(index, docs, archives=True)
    assert record.failed_by == {"decode-error": 1} and holding(index, "otter") == ["a.zip!/notes/otter.txt"]


def test_a_single_archive_is_remembered_as_it_was_named(docs: Path, index: Path) -> None:
    run(index, docs / "a.zip", archives=True)
    assert counts(run(index)) == {"seen": 8, "unchanged": 3, "skipped": 3, "excluded": 2}
    assert run(index, archives=False).removed_by == {"left out now": 5} and holding(index, "walrus") == []


def test_an_index_of_before_takes_archives_in(docs: Path, index: Path) -> None:
    run(index, docs)
    change(index, "DROP INDEX files_by_archive")
    for column in ("archive_id", "members"):
        change(index, f"ALTER TABLE files DROP COLUMN {column}")
    change(index, "PRAGMA user_version = 6")
    assert found(index, "heron")[0] == bytes(docs / "heron.txt")
    run(index, archives=True)
    assert holding(index, "walrus") and not broken(index)


def test_the_command_remembers_archives_and_opens_them(
    docs: Path, index: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[list[str]] = []
    monkeypatch.setenv("DISPLAY", ":0")
    monkeypatch.setattr("shutil.which", lambda name: "/usr/bin/xdg-open" if name == "xdg-open" else None)
    assert command(["index", "--archives", "--no-ocr", str(docs), "--index", str(index)]) == 0
    monkeypatch.setattr("subprocess.Popen", lambda words, **_: started.append(words))
    assert command(["query", "walrus", "--index", str(index), "--format", "jsonl", "--open", "1"]) == 0
    out, err = capfd.readouterr()
    assert json.loads(out.splitlines()[0])["archive"] == str(docs / "a.zip")
    assert started == [["/usr/bin/xdg-open", str(docs / "a.zip")]] and "lies in an archive" in err
    assert command(["status", "--index", str(index)]) == 0
    assert "--archives" in capfd.readouterr().out
    assert IndexFolder(index).exists()
