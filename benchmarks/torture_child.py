"""What the crash test runs and kills: a run with the model of words, small batches, a log of its commits and a fault.

A server that has everything imported forks one process for each run, so that a run takes a second and not ten. The
fault wraps a named function of the program: at its n-th call a process is killed. The program contains no code for it.
"""

from __future__ import annotations

import contextlib
import importlib
import itertools
import json
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT / "tests" / "helpers")]

MARK = "TORTURE_MOMENT"  # in the environment of all processes of a run
SPAN = 500  # bytes of a text


def serve() -> None:
    """Read a run a line, fork it, and write its exit code when it has ended."""
    import faiss  # noqa: F401
    import small_index

    import mmsearch.indexing.run
    import mmsearch.models.recognition.ocr  # noqa: F401

    small_index.use_word_model(setattr)
    print(json.dumps({"ready": os.getpid()}), flush=True)
    for line in sys.stdin:
        pid = os.fork()
        if pid == 0:
            _run(json.loads(line))
        print(json.dumps({"pid": pid}), flush=True)
        print(json.dumps({"code": os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])}), flush=True)


def _run(job: dict[str, Any]) -> None:
    """The life of one run."""
    code = 70
    try:
        os.setsid()
        null = os.open(os.devnull, os.O_RDWR)
        errors = os.open(job["errors"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        for number, stream in ((null, 0), (null, 1), (errors, 2)):
            os.dup2(number, stream)
        os.environ |= {MARK: job["mark"], "TORTURE_WORKER": json.dumps(job.get("worker"))}
        prepare(Log(job["log"]), job.get("fault"))
        code = update(Path(job["index"]), Path(job["docs"]), job["log"])
    except BaseException:
        import traceback

        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(code)


def update(index: Path, docs: Path, log: str) -> int:
    """The run itself; its record goes into the log."""
    from mmsearch.config import Settings
    from mmsearch.errors import MmsearchError
    from mmsearch.index import Index
    from mmsearch.run_record import Finished

    try:
        last = list(Index.update(index, [os.fsencode(docs)], Settings(workers=2, speech=False)))[-1]
    except MmsearchError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    assert isinstance(last, Finished)
    Log(log).note(
        "record",
        {
            "outcome": last.record.outcome,
            "pending": last.record.pending,
            "failed": last.record.failed,
            "notes": last.record.notes,
        },
    )
    return 0


class Log:
    """A file that a killed process has written whole lines to."""

    def __init__(self, path: str) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def note(self, event: str, value: object) -> None:
        os.write(self._file, json.dumps([event, value]).encode() + b"\n")


def prepare(log: Log, fault: dict[str, Any] | None) -> None:
    """Small batches, stand-ins in the workers, commits that are logged, and the fault."""
    from mmsearch.encoding import encode, pipeline
    from mmsearch.indexing import commits
    from mmsearch.store import ann

    encode.GATHER_ITEMS, commits.COMMIT_S, ann.REBUILD_ROWS, ann.KEPT_GENERATIONS = 3, 0.0, 10, 1
    pipeline.LIGHT = replace(pipeline.LIGHT, handler="benchmarks.torture_child:handle")
    pipeline.AV = replace(pipeline.AV, handler="benchmarks.torture_child:handle")
    pipeline.OCR = replace(pipeline.OCR, handler="benchmarks.torture_child:read", preload=("numpy",))
    real = commits.Commits.commit

    def commit(self: Any) -> None:
        made = [[chunk.key, chunk.span, [one.ordinal for one in chunk.segments]] for chunk in self.waiting]
        if made:
            log.note("begin", made)
        real(self)
        if made:
            log.note("end", made)

    commits.Commits.commit = commit  # type: ignore[method-assign]
    if fault is not None:
        arm(fault, log)


def arm(fault: dict[str, Any], log: Log) -> None:
    """Put a fault around the function `point` ("module:name"): at the call with the number `call`, `before` or `after`
    it, kill the `victim`; `half`: when half of what it writes or sends has gone out. `COMMIT` is the statement."""
    calls = itertools.count(1)

    def strike() -> None:
        victims = chosen(psutil.Process(), fault["victim"], fault["seed"])
        if victims:
            log.note("struck", fault)
        for one in victims:
            with contextlib.suppress(psutil.NoSuchProcess):
                one.kill()

    if fault["point"] == "COMMIT":
        return _arm_commit(calls, fault, strike)
    module, _, path = fault["point"].partition(":")
    owner: Any = importlib.import_module(module)
    *outer, name = path.split(".")
    for step in outer:
        owner = getattr(owner, step)
    real = getattr(owner, name)

    def faulty(*arguments: Any, **named: Any) -> Any:
        mine = next(calls) == fault["call"]
        if mine and fault["when"] == "half":
            HALVES[name](real, *arguments)
        if mine and fault["when"] in ("before", "half"):
            strike()
        answer = real(*arguments, **named)
        if mine and fault["when"] == "after":
            strike()
        return answer

    setattr(owner, name, faulty)


def _send_half(real: Callable[..., Any], sock: Any, parts: list[memoryview], *_: Any) -> None:
    for part in parts[:-1]:
        sock.send(part)
    sock.send(parts[-1][: len(parts[-1]) // 2])


def _write_half(real: Callable[..., Any], index: Any, path: str) -> None:
    real(index, path)
    os.truncate(path, os.path.getsize(path) // 2)


HALVES: dict[str, Callable[..., Any]] = {"send_packed": _send_half, "write_index": _write_half}


def _arm_commit(calls: itertools.count[int], fault: dict[str, Any], strike: Callable[[], None]) -> None:
    """Strike `delay_s` after the n-th COMMIT has been handed to SQLite, from another thread."""
    from mmsearch.store import writing

    real = writing.open_writer

    def late() -> None:
        time.sleep(fault["delay_s"])
        strike()

    def traced(statement: str) -> None:
        if statement.startswith("COMMIT") and next(calls) == fault["call"]:
            threading.Thread(target=late).start() if fault["delay_s"] else strike()

    def open_writer(*arguments: Any, **named: Any) -> Any:
        connection = real(*arguments, **named)
        connection.set_trace_callback(traced)
        return connection

    writing.open_writer = open_writer


def chosen(run: psutil.Process, victim: str, seed: int) -> list[psutil.Process]:
    """Whom to kill: one of a run's workers, one of its fork servers, the run, or all of them, the run last."""
    family = run.children(recursive=True)
    servers = [one for one in family if one.ppid() == run.pid]
    workers = [one for one in family if one.ppid() in {server.pid for server in servers}]
    if victim in ("main", "all"):
        return [*(family if victim == "all" else ()), run]
    choice = workers if victim == "worker" else servers
    return choice[seed % max(len(choice), 1) :][:1]


_tasks = itertools.count(1)


def handle(request: dict[str, Any], arrays: list[Any]) -> tuple[dict[str, Any], list[Any]]:
    """The worker's own handler, with short spans; may die over its n-th task, or while it sends the answer."""
    from mmsearch.extraction import worker_tasks
    from mmsearch.extraction.pages import text

    text.SPAN = SPAN
    answer = worker_tasks.handle(request, arrays)
    _die_if_due("extract")
    return answer


def read(request: dict[str, Any], arrays: list[Any]) -> tuple[dict[str, Any], list[Any]]:
    """Words for a picture: quick, and always the same for the same picture."""
    import zlib

    pages = [{"text": f"sign of {zlib.crc32(array.tobytes()) % 1000} harbour", "words": []} for array in arrays]
    _die_if_due("read")
    return {"pages": pages}, []


def _die_if_due(stage: str) -> None:
    fault = json.loads(os.environ["TORTURE_WORKER"])
    if not fault or fault["stage"] != stage or next(_tasks) != fault["call"]:
        return
    if fault["when"] == "decoding":
        os.kill(os.getpid(), signal.SIGKILL)
    from mmsearch.extraction import task_loop, wire

    def half(sock: Any, header: dict[str, Any], results: Any = ()) -> None:
        _send_half(None, sock, wire.pack(header, results))  # type: ignore[arg-type]
        os.kill(os.getpid(), signal.SIGKILL)

    task_loop.send = half  # type: ignore[assignment]


if __name__ == "__main__":
    serve()
