"""The files and weighted parts of a query: values of `--image`, `--audio`, `--video`, `--like` and `--minus`.

A URL is fetched only where it is the value of an option: never because of the text of a query, or of a name or file of
an index. Guarded against are other schemes than http and https, also in redirects; large responses; and the total time,
also of a server that sends a byte now and then. The host is not checked, and may be private: a server must not pass
URLs of strangers to this module. The kind of the file is found later by its bytes, in a worker process, whatever name
or type the server sends.
"""

from __future__ import annotations

import contextlib
import os
import re
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO
from urllib.parse import quote, unquote, urlsplit, urlunsplit

from mmsearch.cli.locations import absolute, existing_file
from mmsearch.errors import UsageError
from mmsearch.query import Part
from mmsearch.temporary_folders import temporary_folder

if TYPE_CHECKING:
    pass

LARGEST = 200_000_000  # bytes of a response or of standard input
TIME_S = 30.0
SILENCE_S = 10.0  # of a connection
REDIRECTS = 5
_BLOCK = 1 << 16
MOST_WEIGHT = 100  # of a part of a query; its text has weight 1


class QueryFiles:
    """Query files that are named, fetched from a URL, or read from standard input. A context manager: what is fetched
    or read lies in a temporary folder, which is removed at its end."""

    def __init__(self) -> None:
        self._held = contextlib.ExitStack()
        self._folder: Path | None = None
        self._read_stdin = False

    def __enter__(self) -> QueryFiles:
        return self

    def __exit__(self, *_: object) -> None:
        self._held.close()

    def paths(self, values: Sequence[str] | None, option: str) -> tuple[bytes, ...]:
        """The absolute paths of the values of an option: file names, URLs, or `-`. Raises `UsageError`."""
        return tuple(self._path(value, option) for value in values or ())

    def _path(self, value: str, option: str) -> bytes:
        import tempfile

        if value != "-" and not is_url(value):
            return existing_file(value, option)
        if value == "-" and (self._read_stdin or sys.stdin is None or sys.stdin.isatty()):
            reason = "was read already" if self._read_stdin else "is a terminal"
            raise UsageError(
                f"{option} -: standard input {reason}.", f"Name a file, or redirect one: {option} - < FILE"
            )
        self._folder = self._folder or self._held.enter_context(temporary_folder())
        folder = Path(tempfile.mkdtemp(dir=self._folder))
        if value != "-":
            return fetch(value, folder)
        self._read_stdin = True
        return received(sys.stdin.buffer, folder)


def split_weight(value: str, option: str) -> tuple[str, float]:
    """`value` without its `@WEIGHT`, and the weight, 1 by default. The name of an existing file is not split. Raises
    `UsageError` for a weight that is not above 0 and at most `MOST_WEIGHT`."""
    match = re.fullmatch(r"(.*[^\s@])\s*@(\d*\.?\d+)", value, re.DOTALL)
    if match is None or os.path.lexists(value):
        return value, 1.0
    weight = float(match[2])
    if not 0 < weight <= MOST_WEIGHT:
        raise UsageError(
            f"{option} can't have the weight {match[2]}.",
            f"Write a weight above 0, at most {MOST_WEIGHT}: FILE@0.5",
        )
    return match[1], weight


def like_part(value: str) -> Part:
    """The part of a query for a `--like`: a file or a place in one, with its weight."""
    target, weight = split_weight(value, "--like")
    return Part(file=absolute(target), weight=weight)


def minus_part(value: str) -> Part:
    """The part of a query for a `--minus`: a file where one of that name exists or the value names a place in one
    (`FILE#page=3`), otherwise text."""
    target, weight = split_weight(value, "--minus")
    if not target.strip():
        raise UsageError("--minus is empty.", "Write words, or the name of a file.")
    if os.path.isfile(target) or re.search(r"\S#(page=\d+|t=\d+(\.\d+)?)$", target):
        return Part(file=absolute(target), weight=weight)
    return Part(text=os.fsencode(target).decode("utf-8", "replace"), weight=weight)


def is_url(typed: str) -> bool:
    """Whether something typed is a URL that `fetch` takes."""
    return re.match(r"https?://", typed, re.IGNORECASE) is not None


def fetch(url: str, folder: Path) -> bytes:
    """Download a URL into a folder, under a plain form of its own name, and return the path. Raises `UsageError` with
    the reason when that can't be done."""
    asked = _ascii(url)
    name = re.sub(r"[^\w.-]+", "_", unquote(urlsplit(asked).path.rpartition("/")[2]))[-80:].lstrip(".")
    target = folder / (name or "download")
    outcome: list[Exception | None] = []
    ended = threading.Event()
    worker = threading.Thread(target=_download, args=(asked, target, outcome, ended), daemon=True)
    worker.start()
    worker.join(TIME_S)
    ended.set()  # a thread that is late writes no more
    problem = outcome[0] if outcome else TimeoutError(f"it took longer than {TIME_S:.0f} s")
    if isinstance(problem, UsageError):
        raise problem
    if problem is not None:
        raise UsageError(f"{url} can't be fetched: {_told(problem)}.", "Download it yourself, and name the file.")
    return os.fsencode(target)


def received(stream: BinaryIO, folder: Path) -> bytes:
    """Write a stream into a folder, and return the path. Raises `UsageError` for nothing or too much."""
    target = folder / "standard_input"
    if not _copied(stream, target, threading.Event()):
        raise UsageError("Nothing came from standard input.", "Send a file there: mmsearch query --image - < photo.jpg")
    return os.fsencode(target)


def _ascii(url: str) -> str:
    """A URL as it is sent: other letters than ASCII's in the form that servers expect, without a fragment."""
    try:
        parts = urlsplit(url)
        host = (parts.hostname or "").encode("idna").decode()
        port = f":{parts.port}" if parts.port else ""
    except ValueError as error:
        raise UsageError(f"{url!r} is no URL: {error}.", "Write it as https://example.org/photo.jpg") from error
    if not host:
        raise UsageError(f"{url!r} is no URL: it names no host.", "Write it as https://example.org/photo.jpg")
    if parts.username is not None:
        raise UsageError("A URL with a name and a password is not fetched.", "Download it, and name the file.")
    host = f"[{host}]" if ":" in host else host
    safe = "%/:=&?~+!$,;'@()*[]"
    return urlunsplit((parts.scheme.lower(), host + port, quote(parts.path, safe) or "/", quote(parts.query, safe), ""))


def _download(url: str, target: Path, outcome: list[Exception | None], ended: threading.Event) -> None:
    from urllib.request import Request

    try:
        request = Request(url, headers={"User-Agent": "mmsearch", "Accept-Encoding": "identity"})
        with _opener().open(request, timeout=SILENCE_S) as answer:
            if int(answer.headers.get("Content-Length") or 0) > LARGEST:
                raise _too_large()
            _copied(answer, target, ended)
        outcome.append(None)
    except Exception as error:  # ours, urllib's, http.client's, ssl's, the system's
        outcome.append(error)


def _opener() -> Any:
    """urllib's opener without its handlers for files, FTP and data URLs, and with at most `REDIRECTS` redirects."""
    import urllib.request as library

    class Redirects(library.HTTPRedirectHandler):
        max_redirections = REDIRECTS

        def redirect_request(self, req: Any, fp: Any, code: int, msg: str, headers: Any, newurl: str) -> Any:
            if not is_url(newurl):
                raise UsageError(f"{req.full_url} leads to something that is not on the web.", "Name a file.")
            return super().redirect_request(req, fp, code, msg, headers, newurl)

    opener = library.OpenerDirector()
    for handler in (
        library.ProxyHandler(),
        library.HTTPHandler(),
        library.HTTPSHandler(),
        library.HTTPDefaultErrorHandler(),
        Redirects(),
        library.HTTPErrorProcessor(),
        library.UnknownHandler(),
    ):
        opener.add_handler(handler)
    return opener


def _copied(stream: Any, target: Path, ended: threading.Event) -> int:
    """Copy a stream into a new file, at most `LARGEST` bytes, and return their number."""
    size = 0
    with target.open("xb") as file:
        while not ended.is_set() and (block := stream.read1(_BLOCK)):
            size += len(block)
            if size > LARGEST:
                raise _too_large()
            file.write(block)
    return size


def _too_large() -> UsageError:
    return UsageError(f"It is larger than {LARGEST // 1_000_000} MB.", "Save a part of it, and name that file.")


def _told(problem: Exception) -> str:
    """The reason of a failed download, in a few words."""
    code = getattr(problem, "code", None)
    if isinstance(code, int):
        return f"the server answered {code} {getattr(problem, 'reason', '')}".strip()
    reason = getattr(problem, "reason", problem)
    if isinstance(reason, TimeoutError):
        return str(reason) if str(reason).startswith("it took") else "the server does not answer"
    return (getattr(reason, "strerror", None) or str(reason) or type(problem).__name__).splitlines()[0].rstrip(".")
