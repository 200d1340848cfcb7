"""The routes of the server: the gallery, and the API that it and scripts use."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from importlib import resources
from typing import Any
from urllib.parse import quote

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from mmsearch.errors import IndexUnusable, MmsearchError, UsageError
from mmsearch.output.records import to_json
from mmsearch.serving.answers import Answers, OpenMedia, hits_query
from mmsearch.serving.openapi import DESCRIPTION
from mmsearch.serving.request_guard import RequestGuard, problem

# What a browser shows itself, by suffix. All else, such as HTML, SVG and office files, is an attachment.
_SHOWN = {
    **{name: f"image/{name}" for name in ("png", "jpeg", "gif", "webp", "avif", "bmp")},
    **{"jpg": "image/jpeg", "pdf": "application/pdf", "wav": "audio/wav", "flac": "audio/flac", "mp3": "audio/mpeg"},
    **{"ogg": "audio/ogg", "opus": "audio/ogg", "m4a": "audio/mp4", "mp4": "video/mp4", "m4v": "video/mp4"},
    **{"webm": "video/webm", "mov": "video/quicktime", "mkv": "video/x-matroska"},
}
_PAGE = {
    "": ("gallery.html", "text/html"),
    "gallery.css": ("gallery.css", "text/css"),
    "gallery.js": ("gallery.js", "text/javascript"),
}
_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})")
_CHUNK_BYTES = 1 << 18


def application(answers: Answers, port: int, token: str) -> RequestGuard:
    """The application, within its guard."""

    def ask(question: Callable[[Request], Response]) -> Callable[[Request], Any]:
        async def answered(request: Request) -> Response:
            try:
                return await run_in_threadpool(question, request)
            except MmsearchError as error:
                status = 400 if isinstance(error, UsageError) else 503 if isinstance(error, IndexUnusable) else 500
                return problem(status, error.sentence, error.hint)

        return answered

    def search(request: Request) -> Response:
        return _json(answers.search(_query(request)))

    def similar(request: Request) -> Response:
        return _json(answers.similar(request.path_params["id"], _query(request)))

    def place(request: Request) -> Response:
        return _json(answers.get(request.path_params["id"]))

    def status(request: Request) -> Response:
        return _json(answers.status())

    def thumbnail(request: Request) -> Response:
        data = answers.thumbnail(request.path_params["id"])
        kept = {"Cache-Control": "private, max-age=300"}
        return _missing() if data is None else Response(data, media_type="image/jpeg", headers=kept)

    def media(request: Request) -> Response:
        found = answers.media(request.path_params["id"])
        return _missing() if found is None else _media(found, request.headers.get("range", ""))

    def page(request: Request) -> Response:
        name, media_type = _PAGE[request.url.path.removeprefix("/")]
        data = resources.files("mmsearch.serving").joinpath("gallery", name).read_bytes()
        return Response(data, media_type=media_type)

    def openapi(request: Request) -> Response:
        return _json(DESCRIPTION)

    routes = [
        *(Route(f"/{name}", ask(page)) for name in _PAGE),
        Route("/openapi.json", ask(openapi)),
        Route("/api/search", ask(search)),
        Route("/api/status", ask(status)),
        Route("/api/places/{id:int}", ask(place)),
        Route("/api/places/{id:int}/similar", ask(similar)),
        Route("/api/places/{id:int}/thumbnail", ask(thumbnail)),
        Route("/api/places/{id:int}/media", ask(media)),
    ]
    return RequestGuard(Starlette(routes=routes, exception_handlers={HTTPException: _refused}), port, token)


async def _refused(request: Request, error: Exception) -> Response:
    return problem(error.status_code, error.detail) if isinstance(error, HTTPException) else problem(500, "Error")


def _query(request: Request) -> Any:
    values = request.query_params
    k = values.get("k", "60")
    if not k.isascii() or not k.isdigit() or len(k) > 6:
        raise UsageError(f"k can't be {k[:20]!r}.", "Give a number.")
    kinds = tuple(kind for kind in values.getlist("kind") if kind)
    reverse = values.get("reverse", "") in ("1", "true")
    return hits_query(values.get("q", ""), int(k), kinds, values.get("sort", "score"), reverse)


def _json(record: dict[str, Any] | None) -> Response:
    return _missing() if record is None else Response(to_json(record), media_type="application/json")


def _missing() -> Response:
    return problem(404, "Not found", "The index holds no such place, or its file has changed since it was indexed.")


def _media(found: OpenMedia, wanted: str) -> Response:
    """A file or the range of it that was asked for."""
    first, last = _span(wanted, found.size)
    suffix = os.fsdecode(found.name).rpartition(".")[2].lower()
    shown = _SHOWN.get(suffix)
    headers = {"Accept-Ranges": "bytes", "Cache-Control": "no-store"}
    if shown is None:
        headers["Content-Disposition"] = f"attachment; filename*=UTF-8''{quote(found.name)}"
    if first > last and found.size:
        os.close(found.descriptor)
        refusal = problem(416, "Range not satisfiable")
        refusal.headers["Content-Range"] = f"bytes */{found.size}"
        return refusal
    headers["Content-Length"] = str(last - first + 1)
    is_part = last - first + 1 < found.size
    if is_part:
        headers["Content-Range"] = f"bytes {first}-{last}/{found.size}"
    body = _bytes(found.descriptor, first, last + 1)
    next(body)  # from here on its end closes the file
    return StreamingResponse(body, 206 if is_part else 200, headers, shown or "application/octet-stream")


def _span(wanted: str, size: int) -> tuple[int, int]:
    """The first and the last byte of a Range header; the whole file for one that can't be parsed, as RFC 9110 says."""
    match = _RANGE.fullmatch(wanted.strip())
    if match is None or match.groups() == ("", ""):
        return 0, size - 1
    begin, end = match.groups()
    if not begin:
        return max(size - int(end), 0) if int(end) else size, size - 1
    return int(begin), min(int(end), size - 1) if end else size - 1


def _bytes(descriptor: int, at: int, stop: int) -> Iterator[bytes]:
    with os.fdopen(descriptor, "rb") as file:
        yield b""
        file.seek(at)
        while at < stop and (data := file.read(min(_CHUNK_BYTES, stop - at))):
            at += len(data)
            yield data
