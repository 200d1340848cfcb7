"""The commits of a run: all results that are ready in one transaction, at most some seconds of work."""

from __future__ import annotations

import sqlite3
import time

from mmsearch.indexing.plan import WaitingFiles
from mmsearch.indexing.run_models import Models
from mmsearch.indexing.tally import Tally
from mmsearch.run_record import FileFailed
from mmsearch.store import segments, spaces
from mmsearch.store.catalogue import transaction
from mmsearch.store.files import note_passing_failure
from mmsearch.store.layout import IndexFolder
from mmsearch.types import AssetState, Failure

COMMIT_S = 1.0
COMMIT_SEGMENTS = 400


class Commits:
    """The results that wait to be committed, and the count of assets that are done."""

    def __init__(
        self, folder: IndexFolder, connection: sqlite3.Connection, files: WaitingFiles, models: Models
    ) -> None:
        self.folder, self.connection = folder, connection
        self.files, self.models = files, models
        self.tally = Tally()
        self.failures: list[FileFailed] = []  # not reported yet
        self.seconds = 0.0  # spent in transactions
        self.waiting: list[segments.SpanResult] = []
        self.last = time.monotonic()
        self.done = self.done_bytes = 0
        self.any = False

    def commit_if_due(self) -> None:
        """Commit `COMMIT_S` seconds after the last time, or once `COMMIT_SEGMENTS` segments wait."""
        ready = sum(len(result.segments) for result in self.waiting)
        if self.waiting and (ready >= COMMIT_SEGMENTS or time.monotonic() - self.last >= COMMIT_S):
            self.commit()

    def commit(self) -> None:
        """Make all that is ready visible in one transaction."""
        self.last = time.monotonic()
        if not self.waiting:
            return
        with transaction(self.connection, self.folder):
            views: set[tuple[int, str]] = set()
            for result in self.waiting:
                state = segments.commit_span(self.connection, result, self._whole_in(result.asset_id))
                views.update((vectors.space_id, vectors.view) for vectors in result.vectors)
                self.tally.add("segments", number=len(result.segments))
                self.tally.add("embeddings", number=sum(len(vectors.matrix) for vectors in result.vectors))
                if state != "pending":
                    self._finished(result, state)
            for space_id, view in views:
                segments.refresh_background(self.connection, space_id, view)
        self.seconds += time.monotonic() - self.last
        self.waiting = []
        self.any = True

    def _whole_in(self, asset_id: int) -> list[int]:
        """The spaces that an asset is wholly encoded in when its last span is committed."""
        return [row.id for row in self.models.rows if asset_id not in spaces.behind(row)]

    def _finished(self, result: segments.SpanResult, state: str) -> None:
        """Count the files of an asset that is done, and note those that failed. State `later`: the failure does not
        depend on the bytes; the files keep it until the next run."""
        if result.asset_id not in self.files.paths:  # counted already
            return
        row = self.connection.execute("SELECT code, reason FROM assets WHERE id = ?", (result.asset_id,)).fetchone()
        failure = Failure(row[0], row[1]) if row is not None and row[0] is not None else None
        if state == "later" and result.failure is not None:
            failure = result.failure
            note_passing_failure(self.connection, result.asset_id, failure)
        for path in self.files.paths.pop(result.asset_id):
            if state == AssetState.COMPLETE:
                self.tally.add("indexed")
            elif failure is not None and state == AssetState.PARTIAL:
                self.tally.add("partial")
                self.failures.append(FileFailed(path, failure, partial=True))
            elif failure is not None:
                self.tally.add("failed", failure.code)
                self.failures.append(FileFailed(path, failure))
        self.done += 1
        self.done_bytes += self.files.sizes.get(result.asset_id, 0)
