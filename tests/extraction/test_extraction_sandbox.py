"""What a worker can't do any more, tried from inside one; and what the handler of extraction answers."""

import dataclasses
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
from PIL import Image

from mmsearch.errors import ExtractionError, FailureCode
from mmsearch.extraction import kernel_restrictions, sandbox, worker_tasks
from mmsearch.extraction.forkserver import WorkerKind
from mmsearch.extraction.pool import WorkerPool
from mmsearch.types import Extracted, Failure, Kind, Locator, Needs, Probe, Segment, Source, Span

TESTED = WorkerKind("tested", "extraction_pool_handlers:handle", ("numpy",), timeout_s=60)
LINUX = sys.platform.startswith("linux")
needs_linux = pytest.mark.skipif(not LINUX, reason="the wall is Linux's")


@pytest.fixture(scope="module")
def pool() -> Iterator[WorkerPool]:
    with WorkerPool(TESTED, 1) as pool:
        pool.submit({"do": "echo"}).result(60)
        yield pool


def outcome(pool: WorkerPool, expression: str, path: str | None = None) -> str:
    request = {"do": "try", "expression": expression, "path": path}
    return str(pool.submit(request).result(60)[0]["outcome"])


def walled(pool: WorkerPool, word: str) -> None:
    """Skips where this machine lacks the wall, which the pool must then have said."""
    if any(word in lack for lack in pool.lacks):
        pytest.skip(f"this machine has no wall against {word}")


def test_a_worker_has_given_up_what_its_docstring_states(pool: WorkerPool) -> None:
    facts = pool.submit({"do": "facts"}).result(60)[0]
    del facts["modules"]
    pid = facts["pid"]
    assert facts == {
        "pid": pid,
        "nice": 19,
        "session": pid,
        "group": pid,
        "umask": 0o077,
        "core": [0, 0],
        "files": sandbox.OPEN_FILES,
        "descriptors": [os.devnull, os.devnull, os.devnull, "socket"],
        "sigint_ignored": True,
    }


@needs_linux
def test_a_worker_runs_at_idle_io_priority_and_is_the_first_to_go_when_memory_is_short(pool: WorkerPool) -> None:
    process = psutil.Process(pool.pids[0])
    assert process.ionice().ioclass == psutil.IOPRIO_CLASS_IDLE
    assert int(Path(f"/proc/{process.pid}/oom_score_adj").read_text()) == 800


@pytest.mark.parametrize(
    "expression",
    [
        "socket.socket()",
        "socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)",
        "socket.socket(socket.AF_UNIX)",
        "socket.create_connection(('127.0.0.1', 9))",
    ],
)
def test_a_worker_opens_no_connection(pool: WorkerPool, expression: str) -> None:
    walled(pool, "network")
    assert outcome(pool, expression) == "PermissionError"


@pytest.mark.parametrize(
    "expression",
    [
        "open(path + '/new', 'w')",
        "open(path + '/old', 'r+')",
        "os.truncate(path + '/old', 0)",
        "os.unlink(path + '/old')",
        "os.rename(path + '/old', path + '/other')",
        "os.mkdir(path + '/folder')",
        "os.symlink('/', path + '/link')",
        "os.mkfifo(path + '/fifo')",
    ],
)
def test_a_worker_changes_no_file(pool: WorkerPool, tmp_path: Path, expression: str) -> None:
    walled(pool, "write files")
    (tmp_path / "old").write_text("kept")
    assert outcome(pool, expression, str(tmp_path)) in ("PermissionError", "OSError")
    assert [entry.name for entry in tmp_path.iterdir()] == ["old"]
    assert (tmp_path / "old").read_text() == "kept"


def test_what_a_worker_starts_stands_behind_the_same_walls(pool: WorkerPool, tmp_path: Path) -> None:
    walled(pool, "write files")
    command = f"subprocess.run(['touch', {str(tmp_path / 'new')!r}], stderr=subprocess.DEVNULL, check=False)"
    assert outcome(pool, command) == "done"
    assert list(tmp_path.iterdir()) == []


def test_a_worker_still_reads_files_and_writes_to_the_null_device(pool: WorkerPool, tmp_path: Path) -> None:
    (tmp_path / "old").write_text("read me")
    assert outcome(pool, "open(path + '/old').read()", str(tmp_path)) == "done"
    assert outcome(pool, "open(os.devnull, 'w').write('x')") == "done"
    assert outcome(pool, "subprocess.run(['true'], stdout=subprocess.DEVNULL, check=True)") == "done"


@needs_linux
def test_a_worker_cannot_signal_the_main_process(pool: WorkerPool) -> None:
    version = kernel_restrictions._call(444, None, 0, 1)
    if version < 6:
        pytest.skip("the kernel is older than 6.12")
    assert outcome(pool, f"os.kill({os.getpid()}, 0)") == "PermissionError"


@needs_linux
def test_a_machine_without_walls_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kernel_restrictions.os, "uname", lambda: os.uname_result(("Linux", "", "", "", "vax")))
    assert kernel_restrictions.refuse_calls() is False


def test_an_ordinary_user_has_the_same_walls(tmp_path: Path) -> None:
    if os.getuid() != 0 or not LINUX:
        pytest.skip("the other tests run as an ordinary user already, or the walls are Linux's")
    root = str(Path(sandbox.__file__).parents[2])
    code = f"""
import ctypes, os, resource, socket, sys
sys.path.insert(0, {root!r})
from mmsearch.extraction import kernel_restrictions, sandbox
os.setgroups([]); os.setgid(65534); os.setuid(65534)
lacks = sandbox.enter(os.getppid())
def outcome(action):
    try:
        action()
    except OSError as error:
        return type(error).__name__
print(lacks, outcome(socket.socket), outcome(lambda: open({str(tmp_path / "new")!r}, "w")), os.nice(0))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.stderr == ""
    assert done.stdout == "[] PermissionError PermissionError 19\n"


def test_a_network_of_its_own_is_the_way_out_without_a_filter() -> None:
    if not LINUX:
        pytest.skip("Linux only")
    code = (
        "import sys; sys.path.insert(0, sys.argv[1]); from mmsearch.extraction import kernel_restrictions\n"
        "import socket; print(kernel_restrictions.leave_network())\n"
        "try: socket.create_connection(('127.0.0.1', int(sys.argv[2])), 2); print('reached')\n"
        "except OSError: print('nothing there')\n"
    )
    with socket_server() as port:
        root = str(Path(sandbox.__file__).parents[2])
        done = subprocess.run([sys.executable, "-c", code, root, str(port)], capture_output=True, text=True, timeout=60)
    if done.stdout.startswith("False"):
        pytest.skip("this kernel gives us no network namespace")
    assert done.stdout == "True\nnothing there\n"


class socket_server:
    """A listener on the loopback device."""

    def __enter__(self) -> int:
        import socket

        self.socket = socket.create_server(("127.0.0.1", 0))
        return int(self.socket.getsockname()[1])

    def __exit__(self, *_: object) -> None:
        self.socket.close()


def test_the_processor_limit_is_the_last_resort_behind_the_clock() -> None:
    code = (
        "import os, sys; sys.path.insert(0, sys.argv[1]); from mmsearch.extraction import sandbox\n"
        "sandbox._CPU_MARGIN_S = 1; sandbox.limit_task(0, 1 << 30, sandbox.data_bytes())\n"
        "while True: pass\n"
    )
    root = str(Path(sandbox.__file__).parents[2])
    done = subprocess.run([sys.executable, "-c", code, root], timeout=120)
    assert done.returncode == -signal.SIGXCPU


# Torch stays out


HEAVY = {"torch", "transformers", "sentence_transformers", "torchcodec", "faiss", "onnxruntime", "sqlite3"}


def test_light_workers_never_load_torch(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("Words.")
    (tmp_path / "b.html").write_text("<p>Words.</p>")
    Image.new("RGB", (40, 30), "red").save(tmp_path / "c.png")
    Image.new("RGB", (40, 30), "red").save(tmp_path / "d.pdf")
    files = [("a.txt", Kind.TEXT, "text"), ("b.html", Kind.TEXT, "html"), ("c.png", Kind.IMAGE, "png")]
    files.append(("d.pdf", Kind.PDF, "pdf"))
    with WorkerPool(dataclasses.replace(worker_tasks.LIGHT, handler=TESTED.handler), 1) as pool:
        for name, kind, format in files:
            request = worker_tasks.open_request(source_of(tmp_path / name, kind, format), Needs(image_pixels=1000))
            reply, _ = pool.submit({"do": "open", "request": request}).result(60)
            assert (name, reply["segments"], reply["failure"]) == (name, 1, None)
            assert HEAVY.isdisjoint(reply["modules"])
        assert pool.not_loaded == ()


def test_sound_and_film_workers_have_torch_from_their_fork_server() -> None:
    with WorkerPool(dataclasses.replace(worker_tasks.AV, handler=TESTED.handler), 1) as pool:
        modules = pool.submit({"do": "facts"}).result(180)[0]["modules"]
        assert pool.not_loaded == ()
    assert {"torch", "torchcodec"} <= set(modules)


def test_the_fork_server_of_light_workers_has_one_thread() -> None:
    with WorkerPool(worker_tasks.LIGHT, 1) as pool:
        with pytest.raises(ExtractionError):
            pool.submit({"op": "nothing"}).result(180)
        assert psutil.Process(pool.server_pid).num_threads() == 1


# The handler


def source_of(path: Path, kind: Kind = Kind.TEXT, format: str = "text") -> Source:
    facts = path.stat()
    return Source(os.fsencode(path), kind, format, (facts.st_size, facts.st_mtime_ns, facts.st_ino))


def test_a_small_text_comes_home_in_one_task(tmp_path: Path) -> None:
    path = tmp_path / "note.txt"
    path.write_text("The harvest was late this year.\n", encoding="utf-8")
    with WorkerPool(worker_tasks.worker_kind_of(Kind.TEXT), 1) as pool:
        opened = worker_tasks.parse_open_reply(
            *pool.submit(worker_tasks.open_request(source_of(path), Needs())).result(60)
        )
        assert [item.segment.text.strip() for item in opened.segments] == ["The harvest was late this year."]
        assert (opened.failure, len(opened.probe.spans)) == (None, 1)
        again = worker_tasks.parse_span_reply(
            *pool.submit(worker_tasks.span_request(source_of(path), opened.probe, 0, Needs())).result(60)
        )
        assert [item.segment for item in again.segments] == [item.segment for item in opened.segments]


def test_a_file_that_went_away_is_vanished(tmp_path: Path) -> None:
    path = tmp_path / "note.txt"
    path.write_text("gone")
    source = source_of(path)
    path.unlink()
    with WorkerPool(worker_tasks.LIGHT, 1) as pool, pytest.raises(ExtractionError) as caught:
        pool.submit(worker_tasks.open_request(source, Needs())).result(60)
    assert caught.value.code == "vanished"


class Damaged:
    """An extractor that gives one segment of a span and then raises what the test wants."""

    def __init__(self, error: Exception | None = None, spans: int = 2, pixels: int = 3) -> None:
        self.error, self.spans, self.pixels = error, spans, pixels

    def probe(self, source: Source, needs: Needs) -> Probe:
        return Probe(tuple(Span(number, number + 1) for number in range(self.spans)), {"title": "T"})

    def extract(self, source: Source, probe: Probe, number: int, needs: Needs) -> Iterator[Extracted]:
        look = np.zeros((1, self.pixels, 3), np.uint8)
        yield Extracted(Segment(number << 20, Locator(page=1), "first"), image=look)
        if self.error is not None:
            raise self.error
        yield Extracted(Segment(number << 20 | 1, Locator(page=2), "second"), image=look)


@pytest.mark.parametrize(
    ("error", "failure"),
    [
        (None, None),
        (
            ExtractionError(FailureCode.DECODE_ERROR, "Page 2 is damaged."),
            Failure(FailureCode.DECODE_ERROR, "Page 2 is damaged."),
        ),
        (ValueError("odd"), Failure(FailureCode.DECODE_ERROR, "The file can't be decoded (ValueError: odd).")),
        (MemoryError(), Failure(FailureCode.MEMORY, "Reading this file needs more memory than a worker may have.")),
    ],
)
def test_what_can_be_decoded_of_a_span_comes_home_with_the_failure(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, error: Exception | None, failure: Failure | None
) -> None:
    monkeypatch.setattr(worker_tasks, "extractor_of", lambda kind: Damaged(error))
    source = source_of(tmp_path, Kind.PDF, "pdf")
    words = ["first", "second"] if error is None else ["first"]
    opened = worker_tasks.parse_open_reply(*worker_tasks.handle(worker_tasks.open_request(source, Needs()), []))
    assert opened.probe == Damaged().probe(source, Needs())
    assert ([item.segment.text for item in opened.segments], opened.failure) == (words, failure)
    decoded = worker_tasks.parse_span_reply(
        *worker_tasks.handle(worker_tasks.span_request(source, opened.probe, 1, Needs()), [])
    )
    assert [item.segment.ordinal for item in decoded.segments] == [1 << 20, 1 << 20 | 1][: len(words)]
    assert decoded.failure == failure


def test_a_span_that_grows_too_large_is_cut_and_reported(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(worker_tasks, "extractor_of", lambda kind: Damaged(pixels=1000))
    monkeypatch.setattr(worker_tasks, "ARRAYS_LIMIT", 4000)
    opened = worker_tasks.parse_open_reply(
        *worker_tasks.handle(worker_tasks.open_request(source_of(tmp_path, Kind.PDF, "pdf"), Needs()), [])
    )
    assert [item.segment.text for item in opened.segments] == ["first"]
    assert opened.failure is not None and opened.failure.code == "too-large"


def test_an_asset_without_spans_is_opened(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(worker_tasks, "extractor_of", lambda kind: Damaged(spans=0))
    opened = worker_tasks.parse_open_reply(
        *worker_tasks.handle(worker_tasks.open_request(source_of(tmp_path, Kind.PDF, "pdf"), Needs()), [])
    )
    assert opened == worker_tasks.OpenedAsset(Probe((), {"title": "T"}), [], None)


def test_a_nonsensical_answer_is_a_crash_of_that_file() -> None:
    replies: list[dict[str, Any]] = [
        {},
        {"probe": {}, "segments": []},
        {"probe": 1},
        {"segments": [{}], "failure": None},
    ]
    for reply in replies:
        with pytest.raises(ExtractionError) as caught:
            worker_tasks.parse_open_reply(reply, [])
        assert caught.value.code == "crash"


def test_workers_started_from_a_process_with_busy_threads_work() -> None:
    stop = threading.Event()
    threads = [threading.Thread(target=lambda: [sum(range(1000)) for _ in iter(stop.is_set, True)]) for _ in range(3)]
    for thread in threads:
        thread.start()
    try:
        began = time.monotonic()
        with WorkerPool(TESTED, 2) as pool:
            assert [pool.submit({"do": "echo", "say": n}).result(60)[0]["said"] for n in range(5)] == list(range(5))
        assert time.monotonic() - began < 60
    finally:
        stop.set()
        for thread in threads:
            thread.join()
