"""What a server answers, as plain data: searches, places, thumbnails and media by id. It knows nothing of HTTP."""

from __future__ import annotations

import os
import threading
from collections import OrderedDict
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Any

from mmsearch.filestat import open_regular
from mmsearch.index import Index
from mmsearch.output.records import answer_record, path_record, place_record, status_record
from mmsearch.query import Answer, Filter, Hit, Query
from mmsearch.retrieval.thumbnails import Thumbnails, jpeg

MOST_HITS = 500  # of one answer
CACHE_BYTES = 64 << 20  # of thumbnails


@dataclass(frozen=True, slots=True)
class OpenMedia:
    """A file of the index, open for reading, with the bytes that were indexed as far as size and time tell."""

    descriptor: int
    size: int
    name: bytes


class Answers:
    """Answers of one index for many callers at once. A context manager."""

    def __init__(self, index: Index) -> None:
        self._index = index
        self._thumbnails = Thumbnails()
        self._lock = threading.Lock()  # of the two below
        self._cache: OrderedDict[tuple[object, ...], bytes] = OrderedDict()
        self._cached_bytes = 0

    def search(self, query: Query) -> dict[str, Any]:
        """The answer to a query, schema `mmsearch.answer/1`; every hit has an `id` besides."""
        return self._with_ids(self._index.search(query))

    def similar(self, segment_id: int, query: Query) -> dict[str, Any] | None:
        """The places most like a place of the index; None for an id that it does not hold."""
        found = self._place(segment_id)
        if found is None:
            return None
        fragment = found.locator.fragment()
        place = fragment.encode() if fragment.startswith(("#page=", "#t=")) else b""
        return self._with_ids(self._index.similar(found.path + place, query))

    def get(self, segment_id: int) -> dict[str, Any] | None:
        """A place with its text and the other files of the same content; None for an id that the index lacks."""
        found = self._place(segment_id)
        if found is None:
            return None
        return {
            "schema": "mmsearch.place/1",
            "id": segment_id,
            **path_record(found.path),
            "kind": str(found.kind),
            **place_record(found.locator),
            "text": found.snippet,
            "same": [path_record(path) for path in found.same],
        }

    def status(self) -> dict[str, Any]:
        """The state of the index, schema `mmsearch.status/1`."""
        return status_record(self._index.status())

    def thumbnail(self, segment_id: int) -> bytes | None:
        """A JPEG file of a place; None where there is no picture of it, or its file is not the one that was indexed."""
        found = self._place(segment_id)
        if found is None or not self._index.may_open(found.path):
            return None
        key = (found.path, found.size, found.modified_s, found.locator)
        with self._lock:
            if key in self._cache:
                self._cache.move_to_end(key)
                return self._cache[key]
            picture = self._thumbnails.of(found)
            if picture is None:
                return None
            data = self._cache[key] = jpeg(picture)
            self._cached_bytes += len(data)
            while self._cached_bytes > CACHE_BYTES:
                self._cached_bytes -= len(self._cache.popitem(last=False)[1])
            return data

    def media(self, segment_id: int) -> OpenMedia | None:
        """The file of a place, whose descriptor the caller closes. None for an id that the index lacks, and for a file
        that has gone or was changed since it was indexed."""
        found = self._place(segment_id)
        if found is None or not self._index.may_open(found.path):
            return None
        try:
            descriptor = open_regular(found.path)
        except (OSError, ValueError):
            return None
        facts = os.fstat(descriptor)
        if facts.st_size != found.size or abs(facts.st_mtime - (found.modified_s or 0.0)) >= 1e-3:
            os.close(descriptor)
            return None
        return OpenMedia(descriptor, facts.st_size, os.path.basename(found.path))

    def close(self) -> None:
        """End the workers. The index stays open."""
        self._thumbnails.close()

    def _with_ids(self, answer: Answer) -> dict[str, Any]:
        """The record of an answer. A hit that is a whole file has the id of its first place."""
        whole = [hit.path for hit in answer.hits if hit.segment_id is None]
        ids = dict(zip(whole, self._index.first_places(whole), strict=True)) if whole else {}
        record = answer_record(answer)
        record["hits"] = [
            {"id": hit.segment_id or ids.get(hit.path), **row}
            for hit, row in zip(answer.hits, record["hits"], strict=True)
        ]
        return record

    def _place(self, segment_id: int) -> Hit | None:
        return self._index.place(segment_id) if 0 < segment_id < 1 << 63 else None

    def __enter__(self) -> Answers:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def hits_query(text: str, k: int, kinds: tuple[str, ...], sort: str, reverse: bool) -> Query:
    """A query of the values of a request. Raises `UsageError`."""
    where = replace(Filter(), kinds=kinds)
    return Query(text=text, k=min(k, MOST_HITS), where=where, sort=sort, reverse=reverse)
