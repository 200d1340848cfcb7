"""What the workers of the pool's tests do. Imported by fork servers, so it must import quickly."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NoReturn

import numpy as np

from mmsearch.errors import ExtractionError, FailureCode, ModelUnavailable

Reply = tuple[dict[str, Any], list[np.ndarray]]


def handle(request: dict[str, Any], arrays: list[np.ndarray]) -> Reply:
    reply: Reply = globals()[f"do_{request['do']}"](request, arrays)
    return reply


def do_echo(request: dict[str, Any], arrays: list[np.ndarray]) -> Reply:
    return {"said": request.get("say")}, arrays


def do_double(request: dict[str, Any], arrays: list[np.ndarray]) -> Reply:
    return {}, [array * 2 for array in arrays]


def do_facts(request: dict[str, Any], arrays: list[np.ndarray]) -> Reply:
    import resource

    return {
        "pid": os.getpid(),
        "nice": os.nice(0),
        "session": os.getsid(0),
        "group": os.getpgrp(),
        "umask": os.umask(0o077),
        "core": list(resource.getrlimit(resource.RLIMIT_CORE)),
        "files": resource.getrlimit(resource.RLIMIT_NOFILE)[0],
        "descriptors": sorted(_descriptors()),
        "modules": sorted(sys.modules),
        "sigint_ignored": signal.getsignal(signal.SIGINT) == signal.SIG_IGN,
    }, []


def do_open(request: dict[str, Any], arrays: list[np.ndarray]) -> Reply:
    """Opens an asset as the workers of extraction do, and tells what is loaded after it."""
    from mmsearch.extraction import worker_tasks

    reply, _ = worker_tasks.handle(request["request"], [])
    return {"segments": len(reply["segments"]), "failure": reply["failure"], "modules": sorted(sys.modules)}, []


def do_try(request: dict[str, Any], arrays: list[np.ndarray]) -> Reply:
    """Runs one expression and tells the exception's name, or "done"."""
    names = {"os": os, "socket": socket, "subprocess": subprocess, "signal": signal, "path": request.get("path")}
    try:
        eval(request["expression"], names)
    except OSError as error:
        return {"outcome": type(error).__name__}, []
    return {"outcome": "done"}, []


def do_sleep(request: dict[str, Any], arrays: list[np.ndarray]) -> Reply:
    time.sleep(request["seconds"])
    return {"slept": request["seconds"]}, []


def do_spin(request: dict[str, Any], arrays: list[np.ndarray]) -> Reply:
    deadline = time.process_time() + request["seconds"]
    while time.process_time() < deadline:
        pass
    return {"spun": request["seconds"]}, []


def do_signal(request: dict[str, Any], arrays: list[np.ndarray]) -> Reply:
    os.kill(os.getpid(), request["signal"])
    return {}, []


def do_exit(request: dict[str, Any], arrays: list[np.ndarray]) -> NoReturn:
    os._exit(request["code"])


def do_raise(request: dict[str, Any], arrays: list[np.ndarray]) -> NoReturn:
    kinds = {"ValueError": ValueError, "SystemExit": SystemExit, "MemoryError": MemoryError, "OSError": OSError}
    if request["kind"] == "ExtractionError":
        raise ExtractionError(FailureCode.ENCRYPTED, request["say"])
    if request["kind"] == "ModelUnavailable":
        raise ModelUnavailable(request["say"], "install it")
    raise kinds[request["kind"]](request["say"])


def do_hog(request: dict[str, Any], arrays: list[np.ndarray]) -> NoReturn:
    """Grows by touched megabytes until somebody stops it."""
    held = []
    while True:
        held.append(np.ones(request["step_mb"] << 20, np.uint8))
        time.sleep(request["pause_s"])


def do_absurd(request: dict[str, Any], arrays: list[np.ndarray]) -> Reply:
    return {}, [np.zeros(request["bytes"], np.uint8)]


def do_child(request: dict[str, Any], arrays: list[np.ndarray]) -> Reply:
    """Starts a process that outlives any task, then waits with it."""
    child = subprocess.Popen(["sleep", "600"])
    if request.get("crash"):
        os.kill(os.getpid(), signal.SIGSEGV)
    return {"child": child.pid}, []


def do_child_hog(request: dict[str, Any], arrays: list[np.ndarray]) -> Reply:
    code = "import time; held = bytearray(b'x') * (120 << 20); time.sleep(600)"
    subprocess.run([sys.executable, "-S", "-c", code], check=False)
    return {}, []


def do_chatter(request: dict[str, Any], arrays: list[np.ndarray]) -> Reply:
    os.write(1, b"library chatter on stdout\n")
    os.write(2, b"library chatter on stderr\n")
    sys.stdout.write("chatter")
    sys.stdout.flush()
    return {"said": "quiet"}, []


def do_unserialisable(request: dict[str, Any], arrays: list[np.ndarray]) -> Reply:
    return {"value": {1, 2}}, []


def do_surrogate(request: dict[str, Any], arrays: list[np.ndarray]) -> Reply:
    return {"text": "half \ud83d of a pair"}, []


def do_garbage(request: dict[str, Any], arrays: list[np.ndarray]) -> Reply:
    """Writes straight into the connection, past the protocol."""
    _connection().send(bytes.fromhex(request["bytes"]))
    if request.get("then") == "exit":
        os._exit(0)
    if request.get("then") == "wait":
        time.sleep(600)
    return {}, []


def do_flood(request: dict[str, Any], arrays: list[np.ndarray]) -> NoReturn:
    sock = _connection()
    while True:
        sock.sendall(bytes(1 << 20))


def do_drip(request: dict[str, Any], arrays: list[np.ndarray]) -> Reply:
    """One byte of a well-formed prefix at a time, slowly."""
    sock = _connection()
    for byte in b"mms1" + bytes(12) + bytes(1000):
        sock.sendall(bytes([byte]))
        time.sleep(0.05)
    return {}, []


def do_late_garbage(request: dict[str, Any], arrays: list[np.ndarray]) -> Reply:
    """A good answer, and something unasked behind it."""
    import threading

    sock = _connection()

    def speak() -> None:
        time.sleep(0.1)
        sock.send(b"unasked")

    threading.Thread(target=speak).start()
    return {"said": "answer"}, []


def _descriptors() -> Iterator[str]:
    for name in os.listdir("/proc/self/fd"):
        try:
            yield os.readlink(f"/proc/self/fd/{name}").split(":")[0]
        except FileNotFoundError:
            continue  # the one that listed the folder


def _connection() -> socket.socket:
    for name in os.listdir("/proc/self/fd"):
        try:
            found = socket.socket(fileno=os.dup(int(name)))
            if found.family == socket.AF_UNIX:
                return found
            found.detach()
        except OSError:
            continue
    raise AssertionError(f"no connection in {Path('/proc/self/fd')}")
