"""What a user gives as a query from elsewhere, a URL or standard input, as a file on this disk.

A URL is fetched only because the user typed it as one of a command's own options: no text of a query, no name and no
file of an index ever leads here. Covered: other schemes than http and https, in redirects too; sizes; the time it takes
in all, also of a server that sends a byte now and then. Not covered: which host it is. A user may name any that this
machine reaches, private ones too, so a server must not take URLs from strangers to this place. What the file holds is
told by its bytes, later and in a worker process; names and types that a server gives decide nothing.
"""

from __future__ import annotations

import os
import re
import threading
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import quote, unquote, urlsplit, urlunsplit

from mmsearch.errors import UsageError

LARGEST = 200_000_000  # bytes
TIME_S = 30.0
SILENCE_S = 10.0  # of a connection
REDIRECTS = 5
_PIECE = 1 << 16


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
    """urllib's opener without its handlers for files, FTP and data URLs, and with a short way of redirects."""
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
        while not ended.is_set() and (piece := stream.read1(_PIECE)):
            size += len(piece)
            if size > LARGEST:
                raise _too_large()
            file.write(piece)
    return size


def _too_large() -> UsageError:
    return UsageError(f"It is larger than {LARGEST // 1_000_000} MB.", "Save a part of it, and name that file.")


def _told(problem: Exception) -> str:
    """Why it failed, in a few words."""
    code = getattr(problem, "code", None)
    if isinstance(code, int):
        return f"the server answered {code} {getattr(problem, 'reason', '')}".strip()
    reason = getattr(problem, "reason", problem)
    if isinstance(reason, TimeoutError):
        return str(reason) if str(reason).startswith("it took") else "the server does not answer"
    return (getattr(reason, "strerror", None) or str(reason) or type(problem).__name__).splitlines()[0].rstrip(".")
