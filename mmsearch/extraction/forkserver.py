"""The process that worker processes are forked from: small, single-threaded, without torch unless its flavour needs it.

Forking the main process would give each worker its gigabytes of address space, its locks and its SQLite handles. So
each flavour has a server of its own, a fresh interpreter that imports what its handler needs once and forks workers on
request, in milliseconds. It learns of its workers' ends, reaps them and all that they left behind, and ends with all of
them when its control socket closes, which the kernel does for a main process that was killed.

The control socket is the server's standard input. One JSON line each way, strictly in turn:
`{"fork": {}}` with the worker's socket as a descriptor gives `{"pid"}` or `{"error"}`;
`{"end": pid}` kills that worker's process group where it lives and gives `{"status"}`: the exit code, negative for a
signal, None for a process that it knows nothing about.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import importlib
import json
import os
import select
import signal
import socket
import sys
import threading
import time
import traceback
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from mmsearch.allocation import keep_freed
from mmsearch.extraction import sandbox
from mmsearch.extraction.taskloop import Handler, run_tasks

_PR_SET_CHILD_SUBREAPER = 36
_PARENT_CHECK_S = 1.0
_REAP_S = 5.0
_LINE_LIMIT = 4096


@dataclass(frozen=True, slots=True)
class WorkerKind:
    """A sort of worker: `handler` is "module:function", `preload` the modules that its server imports beforehand (one
    that can't be imported is left to the handler to complain about)."""

    name: str
    handler: str
    preload: tuple[str, ...] = ()
    timeout_s: float = 60.0
    memory_bytes: int = 2 << 30


def serve(handler: str, preload: list[str]) -> None:
    """Runs the server on standard input until that closes or the process that started it is gone."""
    keep_freed()
    parent = os.getppid()
    control = socket.socket(fileno=os.dup(0))
    null = os.open(os.devnull, os.O_RDWR)
    os.dup2(null, 0)
    os.close(null)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if sys.platform.startswith("linux"):  # what a dead worker had started comes to us, and is reaped
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    server = _Server(control, parent)
    with _ending_with(control):
        for name in preload:
            try:
                importlib.import_module(name)
            except Exception:
                server.not_loaded.append(name)
    try:
        server.handle = _resolve(handler)
    except Exception as error:
        server.error = f"{type(error).__name__}: {error}"
    gc.collect()
    gc.freeze()  # keeps the collector of a worker from touching, and so copying, the pages that all share
    server.run()


@contextlib.contextmanager
def _ending_with(control: socket.socket) -> Iterator[None]:
    """End this process as soon as the other side of its control socket is closed: importing takes seconds, in which
    nobody listens there. By a thread that is over before anything is forked."""
    loaded = threading.Event()
    hung_up = select.poll()
    hung_up.register(control, 0)  # reports nothing but that

    def watch() -> None:
        while not loaded.is_set():
            if hung_up.poll(100):
                os._exit(0)

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield
    finally:
        loaded.set()
        watcher.join()


def _resolve(handler: str) -> Handler:
    module, _, function = handler.partition(":")
    handle: Handler = getattr(importlib.import_module(module), function)
    return handle


class _Server:
    def __init__(self, control: socket.socket, parent: int) -> None:
        self.control = control
        self.parent = parent
        self.handle: Handler | None = None
        self.error = ""
        self.not_loaded: list[str] = []
        self.alive: set[int] = set()
        self.ended: dict[int, int] = {}
        self.wake, wake_writer = socket.socketpair()
        self.wake.setblocking(False)
        wake_writer.setblocking(False)
        self.wake_writer = wake_writer
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(wake_writer.fileno(), warn_on_full_buffer=False)

    def run(self) -> None:
        while os.getppid() == self.parent:
            ready, _, _ = select.select([self.control, self.wake], [], [], _PARENT_CHECK_S)
            self.reap()
            if self.control in ready and not self.obey():
                break
        self.end_all()

    def obey(self) -> bool:
        """Carries out one request; False when there is nobody left to make one."""
        try:
            line, descriptors, _, _ = socket.recv_fds(self.control, _LINE_LIMIT, 1)
            if not line:
                return False
            request = json.loads(line)
            answer = self.end(request["end"]) if "end" in request else self.fork(descriptors[0])
            self.control.sendall(json.dumps(answer).encode() + b"\n")
        except OSError:
            return False
        return True

    def fork(self, descriptor: int) -> dict[str, Any]:
        try:
            if self.handle is None:
                return {"error": self.error}
            server = os.getpid()
            pid = os.fork()
            if pid == 0:
                self.become_worker(descriptor, server)
            self.alive.add(pid)
            return {"pid": pid, "not_loaded": self.not_loaded}
        except OSError as error:
            return {"error": f"no further process can be started ({error.strerror})"}
        finally:
            os.close(descriptor)

    def become_worker(self, descriptor: int, server: int) -> None:
        """The life of a worker, from fork to exit."""
        status = 70
        try:
            os.setsid()  # a group of its own, so that what it starts can be ended with it
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            for end in (self.control, self.wake, self.wake_writer):
                end.close()
            os.set_inheritable(descriptor, False)
            lacks = sandbox.enter(server)
            assert self.handle is not None
            run_tasks(socket.socket(fileno=descriptor), self.handle, lacks)
            status = 0
        except BaseException:
            traceback.print_exc()  # to nowhere, unless MMSEARCH_DEBUG keeps standard error open
        finally:
            os._exit(status)

    def reap(self) -> None:
        """Takes note of every child that ended, and ends what its group still runs."""
        with contextlib.suppress(BlockingIOError):
            self.wake.recv(4096)
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            if pid in self.alive:
                self.alive.discard(pid)
                self.ended[pid] = os.waitstatus_to_exitcode(status)
                _kill_group(pid)

    def end(self, pid: int) -> dict[str, Any]:
        if pid in self.alive:
            _kill_group(pid)
            os.kill(pid, signal.SIGKILL)  # it may not have its group yet; not reaped, so the number is still its own
            deadline = time.monotonic() + _REAP_S
            while pid in self.alive and time.monotonic() < deadline:
                select.select([self.wake], [], [], 0.05)
                self.reap()
        return {"status": self.ended.pop(pid, None)}

    def end_all(self) -> None:
        for pid in list(self.alive):
            _kill_group(pid)
            os.kill(pid, signal.SIGKILL)
        deadline = time.monotonic() + _REAP_S
        while self.alive and time.monotonic() < deadline:
            time.sleep(0.002)
            self.reap()
        os._exit(0)


def _kill_group(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):  # nobody left; only zombies (macOS)
        os.killpg(pid, signal.SIGKILL)
