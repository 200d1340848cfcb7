"""The main process's side of a fork server (`ForkServer`) and of one worker process (`Worker`)."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from typing import Any

from mmsearch.config import torch_cache
from mmsearch.errors import ExtractionError, FailureCode, StoppedEarly
from mmsearch.extraction.forkserver import WorkerKind
from mmsearch.extraction.resource_monitor import CHECK_INTERVAL_S, ResourceMonitor
from mmsearch.extraction.serialization import load_failure
from mmsearch.extraction.wire import HungUp, Message, WireError, pack, receive, send_packed

_START = "import json, sys; sys.path[:] = json.loads(sys.argv[1]); " + (
    "from mmsearch.extraction.forkserver import serve; serve(sys.argv[2], json.loads(sys.argv[3]))"
)
# One thread a worker, since there is a worker for each processor. OpenBLAS starts its threads on import, and a child of
# a process with threads can hang.
_QUIET = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "TOKENIZERS_PARALLELISM": "false",
    "PYTHONWARNINGS": "ignore",
    "PYTHONFAULTHANDLER": "",
}
_PRELOAD_S = 180.0
_HELLO_S = 60.0
_CLOSE_S = 3.0
_STARTS = 4


class Closed(Exception):
    """The pool was closed during the call."""


class WorkerDied(Exception):
    """A worker ended, or sent a malformed message. `status` is its exit code, negative for a signal, or None."""

    def __init__(self, status: int | None, malformed: bool = False) -> None:
        super().__init__(status)
        self.status = status
        self.malformed = malformed

    @property
    def external(self) -> bool:
        """Whether another process ended it: no decoder sends itself these signals."""
        return not self.malformed and self.status in (None, -signal.SIGKILL, -signal.SIGTERM)

    def __str__(self) -> str:
        if self.malformed:
            return "it sent a malformed reply"
        if self.status is None:
            return "it disappeared"
        if self.status < 0:
            with contextlib.suppress(ValueError):
                return signal.Signals(-self.status).name
            return f"signal {-self.status}"
        return f"exit code {self.status}"


class ForkServer:
    """A running fork server of one kind, started again when it was killed. Safe to use from many threads."""

    def __init__(self, worker_kind: WorkerKind) -> None:
        self.worker_kind = worker_kind
        self.not_loaded: tuple[str, ...] = ()
        self._lock = threading.Lock()
        self._closed = False
        self._start()

    def fork(self) -> tuple[int, socket.socket]:
        """Fork a worker. Returns its process id and the socket to it.

        Raises `Closed`, or `StoppedEarly` where the system allows no more processes or the handler can't be imported.
        """
        reason = "its fork server ends at once"
        for attempt in range(_STARTS):
            ours, theirs = _socket_pair()
            with theirs, self._lock:
                answer = self._ask({"fork": {}}, theirs)
                if "pid" in answer:
                    self.not_loaded = tuple(answer["not_loaded"])
                    return answer["pid"], ours
                ours.close()
                if "error" in answer:
                    reason = answer["error"]
                else:
                    self._restart()
            time.sleep(0.1 * attempt)
        raise StoppedEarly(
            f"No worker of the kind {self.worker_kind.name} can be started: {reason}.",
            "See `mmsearch doctor`; a limit on processes or memory (`ulimit -a`) may be in the way.",
        )

    def end(self, pid: int) -> int | None:
        """End a worker and the processes that it started. Returns its exit code, None if unknown."""
        with self._lock:
            status: int | None = self._ask({"end": pid}).get("status")
            return status

    def close(self) -> None:
        """End the server and all its workers."""
        self._closed = True
        with contextlib.suppress(OSError):
            self._control.shutdown(socket.SHUT_RDWR)  # wakes a thread that waits for an answer, too
        with self._lock:
            self._stop()

    @property
    def pid(self) -> int:
        """The server's process id."""
        return self._process.pid

    def _ask(self, request: dict[str, Any], passed: socket.socket | None = None) -> dict[str, Any]:
        """Send a request. Returns the reply, empty when the server is gone."""
        descriptors = [] if passed is None else [passed.fileno()]
        try:
            socket.send_fds(self._control, [json.dumps(request).encode() + b"\n"], descriptors)
            line = b""
            while not line.endswith(b"\n"):
                received = self._control.recv(4096)
                if not received:
                    return {}
                line += received
            answer: dict[str, Any] = json.loads(line)
            self._ready = True
            return answer
        except OSError:
            return {}

    def _start(self) -> None:
        ours, theirs = _socket_pair()
        ours.settimeout(_PRELOAD_S)
        debug = bool(os.environ.get("MMSEARCH_DEBUG"))
        path = [os.path.abspath(entry) for entry in sys.path if entry]
        arguments = [json.dumps(path), self.worker_kind.handler, json.dumps(self.worker_kind.preload)]
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-c", _START, *arguments],
                stdin=theirs.fileno(),
                stdout=subprocess.DEVNULL,
                stderr=None if debug else subprocess.DEVNULL,
                cwd="/",
                env={**os.environ, **_QUIET, **torch_cache()},
                start_new_session=True,
            )
        self._control = ours
        self._ready = False

    def _restart(self) -> None:
        self._stop()
        if self._closed:
            raise Closed
        self._start()

    def _stop(self) -> None:
        self._control.close()
        if not self._ready:  # still importing: no workers yet, and it would not listen for seconds
            self._process.kill()
        try:
            self._process.wait(_CLOSE_S)
        except subprocess.TimeoutExpired:  # stopped by somebody; its workers die with it
            self._process.kill()
            self._process.wait()


class Worker:
    """One worker process, at most one task at a time. Raises `Closed` or `StoppedEarly` when it can't be started."""

    def __init__(self, server: ForkServer) -> None:
        self.server = server
        self.lacks: tuple[str, ...] = ()
        self._tasks = 0
        for _ in range(_STARTS):
            self.pid, self.sock = server.fork()
            self.sock.settimeout(CHECK_INTERVAL_S)
            try:
                header, _ = receive(self.sock, _Deadline(_HELLO_S))
                self.lacks = tuple(str(lack) for lack in header.get("lacks", ()))
                return
            except (WireError, TimeoutError):
                self.end()
        raise StoppedEarly(
            "New worker processes end at once.", "Memory may be short; `mmsearch doctor` says what is missing."
        )

    def is_ready(self) -> bool:
        """Whether it can take a task: it lives, and has sent nothing since its last reply."""
        if self.sock.fileno() < 0:
            return False
        poll = select.poll()
        poll.register(self.sock, select.POLLIN)
        return not poll.poll(0)

    def ask(self, request: dict[str, Any], arrays: list[Any], timeout_s: float, memory_bytes: int) -> Message:
        """Send it a task and wait for the reply.

        Raises `ExtractionError` with what the handler reports, or with `timeout` or `memory` from the
        monitor; `WorkerDied`; `WireError` where the request can't be sent. Check `is_ready` before the next task.
        """
        self._tasks += 1
        task = {"task": self._tasks, "timeout_s": timeout_s, "memory_bytes": memory_bytes, "request": request}
        packed = pack(task, arrays)
        monitor = ResourceMonitor(self.pid, timeout_s, memory_bytes)
        try:
            send_packed(self.sock, packed, monitor)
            header, results = receive(self.sock, monitor)
            failure = self._reported_failure(header)
        except HungUp:
            raise WorkerDied(self.end()) from None
        except WireError:
            self.end()
            raise WorkerDied(None, malformed=True) from None
        except ExtractionError:
            self.end()
            raise
        if failure is not None:
            raise failure
        return header["reply"], results

    def _reported_failure(self, header: dict[str, Any]) -> ExtractionError | None:
        """The failure that a reply reports, None for a result. Raises `WireError` where it is no reply to this task."""
        if header.get("task") != self._tasks:
            raise WireError("a reply to another task")
        if isinstance(header.get("reply"), dict):
            return None
        failure = load_failure(header.get("failure"))
        if failure is None:
            raise WireError("neither a result nor a failure")
        if failure.code == FailureCode.MEMORY:
            self.end()  # its memory is fragmented
        return ExtractionError(FailureCode(failure.code), failure.sentence)

    def end(self) -> int | None:
        """End it. Returns its exit code, None if unknown."""
        self.sock.close()
        return self.server.end(self.pid)


class _Deadline:
    """A tick that raises `TimeoutError` after some seconds."""

    def __init__(self, seconds: float) -> None:
        self.deadline = time.monotonic() + seconds

    def __call__(self) -> None:
        if time.monotonic() > self.deadline:
            raise TimeoutError


def _socket_pair() -> tuple[socket.socket, socket.socket]:
    """A connected pair of sockets with descriptors above 2. Under cron the standard descriptors may be closed, and the
    output of a C library would go into a socket that has one of their numbers."""
    pair = []
    for end in socket.socketpair():
        pair.append(socket.socket(fileno=fcntl.fcntl(end.fileno(), fcntl.F_DUPFD_CLOEXEC, 3)))
        end.close()
    return pair[0], pair[1]
