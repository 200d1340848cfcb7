"""Filling spaces that were added later: words come from the catalogue, images and sounds from the files.

Each run ends with it. An asset is done in a space when a row of `encoded` exists, written with its last vectors; a
run after a killed one continues there. Assets without a view to decode in these spaces are encoded from the catalogue;
the others are decoded again, without OCR and speech recognition, whose words the catalogue holds.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from mmsearch.encoding.grants import shown_name
from mmsearch.encoding.jobs import Job, SpanMedia
from mmsearch.encoding.pipeline import Pipeline, Workers
from mmsearch.indexing.run_models import Models
from mmsearch.indexing.scope import Reach, present_source
from mmsearch.indexing.tally import Tally
from mmsearch.run_record import FileFailed, Remark
from mmsearch.store import segments, spaces
from mmsearch.store.catalogue import transaction
from mmsearch.store.layout import IndexFolder
from mmsearch.store.spaces import SpaceRow
from mmsearch.types import MEDIA_VIEWS, Extracted, Failure, Kind, extractor_version

COMMIT_S = 1.0
_AHEAD = 12  # assets on their way: enough to fill a batch, few enough to hold in memory


@dataclass(slots=True)
class _AssetInBackfill:
    """An asset that is being encoded: the spans without a result (None: not known yet), and the first failure."""

    path: bytes
    missing: set[int] | None = None
    failure: Failure | None = None


@dataclass(slots=True)
class Backfill:
    """Encodes the assets that some of the run's spaces lack. `total` and `done` count assets."""

    folder: IndexFolder
    connection: sqlite3.Connection
    models: Models
    workers: Workers
    stopped: Callable[[], bool]
    reach: Reach
    total: int = 0
    done: int = 0
    tally: Tally = field(default_factory=Tally)
    busy: dict[str, float] = field(default_factory=dict)  # seconds by stage
    _rows: Sequence[SpaceRow] = ()
    _flying: dict[int, _AssetInBackfill] = field(default_factory=dict)
    _results: list[segments.SpanResult] = field(default_factory=list)
    _committed: float = 0.0

    def steps(self) -> Iterator[FileFailed | Remark | None]:
        """Fill the spaces, until all is done or the run is to stop. Yields failures and remarks, and None in between,
        so that the caller can show progress."""
        self._rows = [row for row in self.models.rows if spaces.lacking(self.connection, [row.id])]
        assets = spaces.lacking(self.connection, [row.id for row in self._rows])
        self.total = len(assets)
        if not assets:
            return
        rows = self._rows
        pipeline = Pipeline(
            self.models.needs(rows, reading=False),
            self.workers,
            lambda present: self.models.load(present, rows),
            "",
        )
        try:
            yield from self._loop(pipeline, assets)
        finally:
            self.busy = pipeline.busy()
            pipeline.close()
        left = len(spaces.lacking(self.connection, [row.id for row in rows]))
        self.tally.add("behind", number=left)
        if left and not self.stopped():
            names = ", ".join(shown_name(row) for row in rows)
            what, it = ("1 file", "it") if left == 1 else (f"{left:,} files", "them")
            yield Remark(
                f"{what} could not be opened for {names}; searches find {it} by what is there.",
                "The next run tries again; `mmsearch forget` takes files out for good.",
            )

    def _loop(self, pipeline: Pipeline, assets: list[int]) -> Iterator[FileFailed | None]:
        self._committed = time.monotonic()
        waiting = iter(assets)
        ready: SpanMedia | None = None
        more = True
        while True:
            while more and len(self._flying) < _AHEAD:
                if ready is None:
                    asset_id = next(waiting, None)
                    if asset_id is None:
                        more = False
                        pipeline.end_jobs()
                        break
                    ready = self._begin(pipeline, asset_id)
                if ready is not None:
                    if not pipeline.offer(ready):
                        break
                    ready = None
            results = pipeline.poll(0.05)
            self._results += results or []
            stop = results is not None and self.stopped()
            if stop:
                self._results += pipeline.wind_up(bool(self.models.waits_for))
            if results is None or stop or time.monotonic() - self._committed >= COMMIT_S:
                yield from self._commit()
            if results is None or stop:
                return
            yield None

    def _begin(self, pipeline: Pipeline, asset_id: int) -> SpanMedia | None:
        """Start an asset: add a job to the pipeline where it must be decoded, else return the encode stage's input."""
        key, kind, format_, extractor = self.connection.execute(
            "SELECT key, kind, format, extractor FROM assets WHERE id = ?", (asset_id,)
        ).fetchone()
        source = present_source(self.connection, self.folder, self.reach, asset_id, Kind(kind), format_)
        stored, read = spaces.stored_words(self.connection, asset_id)
        job = Job(asset_id, key, source, read=tuple(read))
        views = {view for row in self._rows for view in row.views}
        self._flying[asset_id] = _AssetInBackfill(source.path)
        if max(extractor, 1) == extractor_version(kind, format_) and views & MEDIA_VIEWS[Kind(kind)]:
            pipeline.add(job)
            return None
        result = segments.SpanResult(asset_id, key, None, segments=stored, recognized=read)
        return SpanMedia(job, result, [Extracted(segment) for segment in stored])

    def _commit(self) -> Iterator[FileFailed]:
        """Write what is ready, in one transaction."""
        self._committed = time.monotonic()
        if not self._results:
            return
        failed: list[FileFailed] = []
        with transaction(self.connection, self.folder):
            for result in self._results:
                self.tally.add("embeddings", number=spaces.commit_vectors(self.connection, result))
                failed += self._note(result)
            for space_id, view in {(one.space_id, one.view) for result in self._results for one in result.vectors}:
                segments.refresh_background(self.connection, space_id, view)
        self._results = []
        yield from failed

    def _note(self, result: segments.SpanResult) -> list[FileFailed]:
        """Note the result of a span, and with the last one that its asset is done."""
        asset = self._flying.get(result.asset_id)
        if asset is None:
            return []
        if result.failure is not None:
            asset.failure = asset.failure or result.failure
        if result.span is not None and result.probe is not None:
            asset.missing = set(range(len(result.probe.spans))) if asset.missing is None else asset.missing
            asset.missing.discard(result.span)
        if result.span is not None and asset.missing:
            return []
        del self._flying[result.asset_id]
        if asset.failure is not None and asset.failure.code in segments.PASSING:
            return []  # the next run tries again
        spaces.note_encoded(self.connection, result.asset_id, [row.id for row in self._rows], asset.failure)
        self.done += 1
        self.tally.add("caught_up")
        if asset.failure is None:
            return []
        self.tally.add("caught_up_partly")
        return [FileFailed(asset.path, asset.failure, partial=True)]
