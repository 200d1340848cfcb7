"""The main loop of a worker process: receive a task, call the handler, send the reply."""

from __future__ import annotations

import socket
from collections.abc import Callable, Sequence
from typing import Any

from mmsearch.errors import ExtractionError, FailureCode, MmsearchError
from mmsearch.extraction import sandbox
from mmsearch.extraction.wire import ARRAYS_LIMIT, HungUp, Message, Oversized, WireError, receive, send
from mmsearch.types import Failure

Handler = Callable[[dict[str, Any], list[Any]], Message]

_SENTENCE_LENGTH = 200


def run_tasks(sock: socket.socket, handle: Handler, lacks: Sequence[str]) -> None:
    """Send the first message, `{"lacks": [sentence, ...]}`, then run tasks one after the other until the other side
    closes the connection.

    A task is `{"task", "timeout_s", "memory_bytes", "request"}` with arrays; the reply is `{"task", "reply"}` with
    arrays, or `{"task", "failure": [code, sentence]}`.
    """
    baseline = sandbox.data_bytes()
    try:
        send(sock, {"lacks": list(lacks)})
        while True:
            task, arrays = receive(sock)
            sandbox.limit_task(task["timeout_s"], task["memory_bytes"], baseline)
            header, results = _run_task(handle, task, arrays)
            del arrays
            _send_run_task(sock, header, results)
            del header, results
    except HungUp:
        return


def _run_task(handle: Handler, task: dict[str, Any], arrays: list[Any]) -> Message:
    try:
        reply, results = handle(task["request"], arrays)
        return {"task": task["task"], "reply": reply}, results
    except BaseException as error:  # a library's sys.exit ends its task only
        return _failed(task["task"], failure_of(error)), []


def _send_run_task(sock: socket.socket, header: dict[str, Any], results: list[Any]) -> None:
    number = header["task"]
    try:
        send(sock, header, results)
    except HungUp:
        raise
    except Oversized:
        sentence = f"What one part of this file holds takes more than {ARRAYS_LIMIT >> 20} MB."
        send(sock, _failed(number, Failure(FailureCode.TOO_LARGE, sentence)))
    except (WireError, MemoryError) as error:
        send(sock, _failed(number, failure_of(error)))


def _failed(number: int, failure: Failure) -> dict[str, Any]:
    return {"task": number, "failure": [failure.code, failure.sentence]}


def failure_of(error: BaseException) -> Failure:
    """The failure code and a sentence for people for an exception of a decoder, without traceback and paths."""
    match error:
        case ExtractionError():
            return Failure(error.code, error.sentence)
        case MmsearchError():
            return Failure(FailureCode.MODEL, error.sentence)
        case MemoryError():
            return Failure(FailureCode.MEMORY, "Reading this file needs more memory than a worker may have.")
    first = next(iter(str(error).strip().splitlines()), "")
    plain = "".join(letter for letter in first if letter.isprintable()).strip().rstrip(".")
    if not plain or "/" in plain or "\\" in plain:
        return Failure(FailureCode.DECODE_ERROR, f"The file can't be decoded ({type(error).__name__}).")
    if len(plain) > _SENTENCE_LENGTH:
        plain = plain[:_SENTENCE_LENGTH].rstrip() + "…"
    return Failure(FailureCode.DECODE_ERROR, f"The file can't be decoded ({type(error).__name__}: {plain}).")
