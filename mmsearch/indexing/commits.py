"""What a run commits, and when: all that is ready in one transaction, some seconds of work at most."""

from __future__ import annotations

import sqlite3
import time

from mmsearch.indexing.plan import Plan
from mmsearch.indexing.run_models import Models
from mmsearch.run_record import RunRecord
from mmsearch.store import segments, spaces
from mmsearch.store.catalogue import transaction
from mmsearch.store.layout import IndexFolder
from mmsearch.types import Failure

COMMIT_S = 1.0
COMMIT_SEGMENTS = 400


class Commits:
    """The chunks that wait to be committed, and the count of assets that are done."""

    def __init__(
        self, folder: IndexFolder, connection: sqlite3.Connection, plan: Plan, record: RunRecord, models: Models
    ) -> None:
        self.folder, self.connection = folder, connection
        self.plan, self.record, self.models = plan, record, models
        self.waiting: list[segments.SpanResult] = []
        self.last = time.monotonic()
        self.done = self.done_bytes = 0
        self.any = False

    def commit_if_due(self) -> None:
        """Commit `COMMIT_S` seconds after the last time, or once `COMMIT_SEGMENTS` segments wait."""
        ready = sum(len(chunk.segments) for chunk in self.waiting)
        if self.waiting and (ready >= COMMIT_SEGMENTS or time.monotonic() - self.last >= COMMIT_S):
            self.commit()

    def commit(self) -> None:
        """Make all that is ready visible in one transaction."""
        self.last = time.monotonic()
        if not self.waiting:
            return
        with transaction(self.connection, self.folder):
            views: set[tuple[int, str]] = set()
            for chunk in self.waiting:
                state = segments.commit_span(self.connection, chunk, self._whole_in(chunk.asset_id))
                views.update((vectors.space_id, vectors.view) for vectors in chunk.vectors)
                self.record.segments += len(chunk.segments)
                self.record.embeddings += sum(len(vectors.matrix) for vectors in chunk.vectors)
                if state != "pending":
                    self._finished(chunk, state)
            for space_id, view in views:
                segments.refresh_background(self.connection, space_id, view)
        self.record.stages["commit"] = self.record.stages.get("commit", 0.0) + time.monotonic() - self.last
        self.waiting = []
        self.any = True

    def _whole_in(self, asset_id: int) -> list[int]:
        """The spaces that an asset is wholly encoded in when its last span is committed."""
        return [row.id for row in self.models.rows if asset_id not in spaces.behind(row)]

    def _finished(self, chunk: segments.SpanResult, state: str) -> None:
        if chunk.asset_id not in self.plan.waiting:  # told already
            return
        row = self.connection.execute("SELECT code, reason FROM assets WHERE id = ?", (chunk.asset_id,)).fetchone()
        failure = Failure(row[0], row[1]) if row is not None and row[0] is not None else None
        self.plan.finished(chunk.asset_id, state, chunk.failure if state == "later" else failure)
        self.done += 1
        self.done_bytes += self.plan.sizes.get(chunk.asset_id, 0)
