"""Runs in bad company: impatient users, short budgets, growing files, copied folders, other programs' files."""

import os
import shutil
import sqlite3
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import IO, cast

import pytest
from small_index import broken, contents, counts, events, found, holding, rows, run, write, write_png

from mmsearch.config import Settings
from mmsearch.errors import MmsearchError
from mmsearch.extraction.forkserver import WorkerKind
from mmsearch.index import Index
from mmsearch.indexing import inspection as looking
from mmsearch.query import Query
from mmsearch.run_record import FileFailed, Progress
from mmsearch.store.ann import Generation
from mmsearch.store.layout import IndexFolder
from mmsearch.types import View

HERE = Path(__file__).parents[1] / "helpers"

pytestmark = pytest.mark.usefixtures("word_model", "own_fork_servers")


@pytest.fixture
def docs(tmp_path: Path) -> Path:
    for n in range(6):
        write(tmp_path / "docs" / f"note{n}.md", f"A note about the walrus, number {n}.\n")
    return tmp_path / "docs"


@pytest.fixture
def index(tmp_path: Path) -> Path:
    return tmp_path / "index"


def test_a_huge_file_does_not_hold_up_who_stops(docs: Path, index: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that takes a minute to hash: neither the run nor the end of the process waits for it."""
    read = threading.Event()

    class Slow(looking.FileIO):
        def read(self, size: int | None = -1) -> bytes:
            read.set()
            if self.tell() >= looking.HEAD_BYTES:
                time.sleep(0.05)
            return super().read(size)

    monkeypatch.setattr(looking, "_BLOCK", 1 << 10)
    monkeypatch.setattr(looking, "FileIO", Slow)
    write(docs / "huge.txt", "a line\n" * 200_000)
    began = time.monotonic()
    record = run(index, docs, stop=lambda: "interrupted" if read.is_set() else None)
    assert record.outcome == "interrupted"
    for thread in [one for one in threading.enumerate() if one.name.startswith("inspect")]:
        thread.join()
    assert time.monotonic() - began < 20
    assert holding(index, "line") == []


def test_a_budget_that_is_too_short_is_enough_for_files_known_by_their_contents(docs: Path, index: Path) -> None:
    run(index, docs)
    shutil.copytree(docs, docs / "copies")
    while (record := run(index, docs, time_budget_s=0.0)).outcome == "budget":
        assert record.pending < 6
    assert counts(record)["seen"] == 12 and not record.pending


@pytest.mark.parametrize("again", [(), ("docs",)])
def test_what_was_walked_hidden_or_ignored_stays_walked(
    tmp_path: Path, index: Path, docs: Path, again: tuple[str, ...]
) -> None:
    write(docs / ".hidden" / "otter.txt", "A hidden otter.\n")
    write(docs / ".gitignore", "*.log\n")
    write(docs / "heron.log", "A heron in a log.\n")
    assert counts(run(index, docs)) == {"seen": 9, "indexed": 6, "excluded": 3}
    assert counts(run(index, docs, hidden=True, ignore_files=False))["indexed"] == 3  # .gitignore is hidden, too
    later = [tmp_path / name for name in again]
    assert counts(run(index, *later)) == {"seen": 9, "unchanged": 9}
    assert counts(run(index, docs, hidden=False)) == {"seen": 9, "unchanged": 7, "removed": 2, "excluded": 2}
    assert counts(run(index, *later)) == {"seen": 9, "unchanged": 7, "excluded": 2}
    write(tmp_path / "other" / ".lynx.txt", "Another folder.\n")
    assert counts(run(index, tmp_path / "other")) == {"seen": 1, "excluded": 1}


def test_a_file_that_grows_while_it_is_read_is_whole_or_not_there(docs: Path, index: Path) -> None:
    over = threading.Event()

    def grow() -> None:
        number = 0
        while not over.is_set():
            number += 1
            with (docs / "log.txt").open("a") as file:
                file.write(f"Event e{number} of the otter.\n\n")
            time.sleep(0.001)

    thread = threading.Thread(target=grow)
    thread.start()
    try:
        for _ in range(4):
            record = run(index, docs)
            assert (record.outcome, record.unchanged + record.indexed >= 6) == ("done", True)
            assert broken(index, deep=True) == {}
    finally:
        over.set()
        thread.join()
    record = run(index, docs)
    assert (record.failed, record.pending) == (0, 0)
    text = " ".join(
        row[0] for row in rows(index, "SELECT text FROM segments WHERE text LIKE '%otter%' ORDER BY ordinal")
    )
    written = (docs / "log.txt").read_text().split()
    assert text.split() == written


def test_another_programs_half_written_file_is_taken_up_when_it_is_whole(docs: Path, index: Path) -> None:
    whole = write_png(docs / "picture.png").read_bytes()
    (docs / "picture.png").write_bytes(whole[:30])
    (docs / "picture.png.part").write_bytes(whole[:50])
    assert counts(run(index, docs)) == {"seen": 8, "indexed": 6, "failed": 2}
    assert counts(run(index, docs)) == {"seen": 8, "unchanged": 6, "known_failures": 2}
    (docs / "picture.png").write_bytes(whole)
    (docs / "picture.png.part").unlink()
    assert counts(run(index, docs)) == {"seen": 7, "unchanged": 6, "indexed": 1, "removed": 1}
    assert broken(index, deep=True) == {}


def test_an_index_that_is_copied_while_a_run_goes_on_answers_or_reports_that_it_is_damaged(
    docs: Path, index: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """File by file, as `cp -r` does it, at every moment that the run tells of. No copy may answer with what is not."""
    monkeypatch.setattr("mmsearch.encoding.encode.GATHER_ITEMS", 2)
    monkeypatch.setattr("mmsearch.indexing.commits.COMMIT_S", 0.0)
    monkeypatch.setattr("mmsearch.indexing.run._TELL_S", 0.0)
    monkeypatch.setattr("mmsearch.store.ann.REBUILD_ROWS", 4)
    run(index, docs)
    for n in range(6):
        write(docs / f"note{n}.md", f"Another note about the otter, number {n}.\n")
    copies = 0
    for event in Index.update(index, [os.fsencode(docs)], Settings(ocr="never", workers=1)):
        if isinstance(event, Progress) and event.planned and copies < 4:
            copies += 1
            shutil.copytree(index, tmp_path / f"copy{copies}")
    assert copies > 1
    for number in range(1, copies + 1):
        copy = tmp_path / f"copy{number}"
        try:
            assert set(broken(copy, deep=True).values()) <= {"derived"}
            for word, at_most in (("walrus", 6), ("otter", 6)):
                paths = [path for path in found(copy, word, k=50) if b"note" in path]
                assert len(paths) == len(set(paths)) <= at_most
            assert run(copy, docs).outcome == "done"
        except MmsearchError as error:
            assert error.exit_code == 3
        else:
            assert contents(copy) == contents(index)


def test_a_lost_log_of_a_killed_run_loses_its_last_batches_and_no_more(docs: Path, index: Path) -> None:
    """The write-ahead log is where the newest commits are; without it the index is an older one, and whole."""
    run(index, docs)
    for n in range(6):
        write(docs / f"note{n}.md", f"Another note about the otter, number {n}.\n")
    keeping = sqlite3.connect(IndexFolder(index).catalogue)  # a reader keeps the log from going into the catalogue
    keeping.execute("BEGIN")
    keeping.execute("SELECT * FROM files").fetchall()
    began = time.monotonic()
    run(index, docs)
    assert time.monotonic() - began < 15  # a run does not wait for readers to let go of the log
    lost = index.parent / "lost"
    lost.mkdir()
    shutil.copy(IndexFolder(index).catalogue, lost)
    keeping.close()
    assert broken(lost, deep=True) == {}
    assert holding(lost, "walrus") == [f"note{n}.md" for n in range(6)]
    assert run(lost, docs).outcome == "done"
    assert contents(lost) == contents(index)


def test_an_index_on_a_read_only_disk_answers_and_reports_that_it_cannot_be_written(docs: Path, index: Path) -> None:
    if os.getuid() == 0 and shutil.which("setpriv") is None:
        pytest.skip("root may write everywhere")
    run(index, docs)
    script = (
        "import sys; from pathlib import Path; sys.path.insert(0, sys.argv[1]);"
        "from small_index import found, run, use_word_model; use_word_model(setattr)\n"
        "from mmsearch.errors import MmsearchError\n"
        "print(len(found(Path(sys.argv[2]), 'walrus')))\n"
        "try:\n    run(Path(sys.argv[2]), Path(sys.argv[3]))\n"
        "except MmsearchError as error:\n    print(error.exit_code, error.sentence)\n"
    )
    for path in [*index.iterdir(), index]:
        path.chmod(0o555 if path.is_dir() else 0o444)
        if os.getuid() == 0:
            os.chown(path, 65534, 65534)  # an index is read by its owner
    for path in [index, *index.parents]:
        path.chmod(path.stat().st_mode | 0o055) if path.stat().st_uid == os.getuid() and path != Path("/") else None
    other = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups"] if os.getuid() == 0 else []
    done = subprocess.run(
        [*other, sys.executable, "-c", script, str(HERE), str(index), str(docs)],
        capture_output=True,
        text=True,
        cwd=HERE.parent,
        env={"PATH": os.environ["PATH"]},
        check=False,
    )
    first, second = done.stdout.splitlines()
    assert (first, second[:2], "can't be written" in second) == ("6", "3 ", True), done.stderr


def test_a_fork_server_that_still_imports_ends_with_its_run(tmp_path: Path) -> None:
    """It listens to nobody for seconds; a killed run must not leave it behind."""
    worker_kind = WorkerKind("slow", "extraction_pool_handlers:handle", ("extraction_pool_slow_import",))
    script = (
        f"import sys, time; sys.path[:0] = [{str(HERE)!r}, {str(HERE.parent)!r}]\n"
        "from mmsearch.extraction.forkserver import WorkerKind\n"
        "from mmsearch.extraction.worker_process import ForkServer\n"
        f"server = ForkServer({worker_kind!r})\nprint(server.pid, flush=True)\ntime.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True) as child:
        server = int(cast(IO[str], child.stdout).readline())
        time.sleep(1.0)  # it has begun to import by now
        assert alive(server)
        child.kill()
    deadline = time.monotonic() + 5
    while alive(server) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not alive(server)


def alive(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def test_a_query_that_comes_while_an_ann_file_is_swapped_is_answered(
    docs: Path, index: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its generation's file is gone by the time it looks: it takes what there is."""
    monkeypatch.setattr("mmsearch.store.ann.REBUILD_ROWS", 2)
    run(index, docs)
    assert list(index.glob("ann-*.faiss"))
    from mmsearch.store import ann

    real = ann.generations

    def late(connection: sqlite3.Connection, space_id: int, view: View) -> list[Generation]:
        rows = real(connection, space_id, view)
        for path in index.glob("ann-*.faiss"):
            path.unlink()
        return rows

    monkeypatch.setattr(ann, "generations", late)
    assert len(Index.open(index).search(Query("walrus", min_score=0.0)).hits) == 6


def test_events_say_of_each_failed_file_its_path_and_reason_once(docs: Path, index: Path) -> None:
    (docs / "broken.pdf").write_bytes(b"%PDF-1.4\nbroken")
    (docs / "cut.png").write_bytes(write_png(docs / "whole.png").read_bytes()[:40])
    said = [event for event in events(index, docs) if isinstance(event, FileFailed)]
    assert sorted(os.path.basename(event.path) for event in said) == [b"broken.pdf", b"cut.png"]
    for event in said:
        assert str(docs) not in event.failure.sentence and "\n" not in event.failure.sentence
