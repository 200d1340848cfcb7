"""The process that worker processes are forked from: small, single-threaded, without torch unless its kind needs it.

Forking the main process would copy its gigabytes of address space, its locks and its SQLite handles into each worker.
Instead each kind of worker has a server of its own: a fresh interpreter that imports what its handler needs once and
forks workers on request, in milliseconds. It reaps its workers and the processes that they leave behind, and ends with
all of them when its control socket closes, which the kernel does when the main process is killed.

The control socket is the server's standard input. One JSON line each way, strictly in turn:
`{"fork": {}}`, with the worker's socket as a descriptor, is answered by `{"pid"}` or `{"error"}`;
`{"end": pid}` kills the process group of that worker and is answered by `{"status"}`: the exit code, negative for a
signal, None for an unknown process.
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
from mmsearch.extraction.task_loop import Handler, run_tasks

_PR_SET_CHILD_SUBREAPER = 36
_PARENT_CHECK_S = 1.0
_REAP_S = 5.0
_LINE_LIMIT = 4096


@dataclass(frozen=True, slots=True)
class WorkerKind:
    """A kind of worker. `handler` is "module:function"; `preload` are modules that its server imports beforehand (the
    handler reports those that can't be imported)."""

    name: str
    handler: str
    preload: tuple[str, ...] = ()
    timeout_s: float = 60.0
    memory_bytes: int = 2 << 30


def serve(handler: str, preload: list[str]) -> None:
    """Run the server on standard input until that closes or the process that started it is gone."""
    keep_freed()
    parent = os.getppid()
    control = socket.socket(fileno=os.dup(0))
    null = os.open(os.devnull, os.O_RDWR)
    os.dup2(null, 0)
    os.close(null)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if sys.platform.startswith("linux"):  # orphans of a dead worker become children of this process, which reaps them
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    server = _Server(control, parent)
    with _exit_on_hang_up(control):
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
def _exit_on_hang_up(control: socket.socket) -> Iterator[None]:
    """Exit as soon as the other side closes the control socket. The imports take seconds in which the socket is not
    read. The thread that watches it ends before anything is forked."""
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
            if self.control in ready and not self.serve_request():
                break
        self.end_all()

    def serve_request(self) -> bool:
        """Serve one request. Returns False when the other side is gone."""
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
        """Run a worker from fork to exit."""
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
        """Record each child that has ended, and end what is left of its process group."""
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
