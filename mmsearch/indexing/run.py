"""A run: discover > plan > extract > read > encode > commit > ann, reported as events. The only writer of an index.

One thread (the caller's) owns the catalogue's connection; inspection, extraction and encoding work in others, and their
results are committed about once a second (`commits.py`).
"""

from __future__ import annotations

import contextlib
import gc
import os
import sqlite3
import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from pathlib import Path

from mmsearch import trust
from mmsearch.allocation import keep_freed, spin_little
from mmsearch.config import Settings
from mmsearch.discovery.ignore import Globs
from mmsearch.encoding.jobs import Job
from mmsearch.encoding.pipeline import Pipeline, Workers, first_pools
from mmsearch.errors import StoppedEarly
from mmsearch.extraction.pool import WorkerPool
from mmsearch.indexing import finalize
from mmsearch.indexing.backfill import Backfill
from mmsearch.indexing.commits import Commits
from mmsearch.indexing.inspection import Inspector
from mmsearch.indexing.model_selection import check_models, open_models
from mmsearch.indexing.plan import Plan, WaitingFiles
from mmsearch.indexing.run_models import Models
from mmsearch.indexing.scan import Scan, remarks, scan_scopes
from mmsearch.indexing.scope import Reach, Scope, check_targets, scopes
from mmsearch.indexing.tally import total
from mmsearch.indexing.transcription import Transcription
from mmsearch.indexing.work_units import Ledger
from mmsearch.run_record import Event, Finished, Progress, Remark, RunOutcome, RunRecord, StageProfile
from mmsearch.store import files, spaces, transcripts
from mmsearch.store.catalogue import transaction, translate_sqlite_errors
from mmsearch.store.layout import IndexFolder, is_network_file_system
from mmsearch.store.meta import index_id
from mmsearch.store.runs import begin_run, end_run
from mmsearch.store.writing import writing
from mmsearch.temporary_folders import temporary_folder

_TELL_S = 0.25  # between two progress events

StopAsked = Callable[[], str | None]


def update(
    folder: Path, targets: Sequence[bytes] | None, settings: Settings, listed: bool, command: str, stop: StopAsked
) -> Iterator[Event]:
    """Bring an index up to date. Yields events, last a `Finished`. See `Index.update`."""
    keep_freed()
    spin_little()
    place = IndexFolder(folder)
    fresh = not place.exists()
    check_targets(targets, listed)  # before a folder is made for nothing
    check_models(settings, fresh)
    Globs.check(settings.include, settings.exclude)
    with contextlib.ExitStack() as held:
        if settings.dry_run and fresh:
            place = IndexFolder(held.enter_context(temporary_folder()) / folder.name)
        place.create()
        named = f"{command} --dry-run" if settings.dry_run else command
        writer = held.enter_context(writing(place, named, settings.wait_s))
        connection = writer.connection
        held.enter_context(translate_sqlite_errors(place))
        own = fresh or trust.standing(folder, index_id(connection)).is_own
        run = _Run(place, connection, settings, stop, command, Reach.of(place, targets, own))
        run.notes, run.lost_commits = list(writer.notes), writer.lost_commits
        try:
            yield from (Remark(note) for note in writer.notes)
            yield from run.dry_events(targets, listed) if settings.dry_run else run.events(targets, listed, fresh)
        finally:
            run.close()
            if fresh and not run.number:  # for example for a wrong model: no empty index is left
                connection.close()
                place.remove_catalogue()


class _Run:
    """The state of one run."""

    def __init__(
        self,
        folder: IndexFolder,
        connection: sqlite3.Connection,
        settings: Settings,
        stop: StopAsked,
        command: str,
        reach: Reach,
    ) -> None:
        self.folder = folder
        self.connection = connection
        self.settings = settings
        self.stop = stop
        self.command = command
        self.reach = reach
        self.outcome = RunOutcome.DONE
        self.notes: list[str] = []
        self.stages: dict[str, float] = {}  # busy seconds by stage
        self.profile: list[StageProfile] = []
        self.kept = self.lost_commits = 0
        self.waiting = WaitingFiles()
        self.plan = Plan(connection, settings, self.waiting)
        self.tallies = [self.plan.tally]  # of the stages that have begun
        self.began = time.monotonic()
        self.told = 0.0
        self.total = self.total_bytes = 0
        self.ledger = Ledger()
        self.models: Models | None = None
        self.pipeline: Pipeline | None = None
        self.pools: dict[str, WorkerPool] = {}  # those that were started before the pipeline
        self.commits: Commits | None = None
        self.transcription: Transcription | None = None
        self.caught_up = 0  # assets that were given what an added model lacked
        self.number = 0  # of this run in the catalogue; 0 until it has begun
        self.got_on = False  # something was done, besides encoding, that the next run need not do again

    def events(self, targets: Sequence[bytes] | None, listed: bool, fresh: bool) -> Iterator[Event]:
        """The whole run."""
        if fresh and is_network_file_system(self.folder.path):
            yield Remark(
                f"{self.folder.path} is on a network file system, where locks can't be relied on.",
                "Keep the index on a local disk: --index DIR.",
            )
        if fresh:  # there will be work: the fork server imports what it needs while models are loaded here
            self.pools = first_pools(self._workers())
        self.models = models = open_models(self.folder, self.connection, self.settings, self.reach.everywhere)
        yield from models.remarks()
        with transaction(self.connection, self.folder):
            number = begin_run(self.connection, self.command)
            if self.settings.speech is not None:
                transcripts.set_off(self.connection, not self.settings.speech)
            self.ledger.transcribes = bool(self.settings.transcribe) or not transcripts.is_off(self.connection)
            parts = scopes(self.connection, self.folder, targets, listed, self.settings, self.reach)
        self.number = number
        yield from self.reach.remarks()
        try:
            found = yield from self._scan(parts)
            yield from self._work(found, models)
        except StoppedEarly as error:
            full = isinstance(error.__cause__, sqlite3.Error | OSError)
            self.outcome = RunOutcome.DISK_FULL if full else RunOutcome.BROKEN_OFF
            yield Remark(error.sentence, error.hint)
        except BaseException:
            self.outcome = RunOutcome.BROKEN_OFF
            raise
        finally:
            record = self._record()
            with contextlib.suppress(StoppedEarly), transaction(self.connection, self.folder):
                end_run(self.connection, number, record)
        yield Finished(record)

    def _scan(self, parts: list[Scope]) -> Generator[Event, None, Scan]:
        """Walk the scopes. Returns the complete scan."""
        found = Scan()
        self.tallies.insert(0, found.tally)
        began = time.monotonic()
        gc.disable()  # a row for every file and no cycles: the collector would cost a tenth of a run without changes
        try:
            for _ in scan_scopes(self.connection, parts, self.settings, found):
                if self._asked_to_stop():
                    break
                if self._tell_is_due():
                    yield self._progress(planned=False)
        finally:
            gc.enable()
        self.stages["discover"] = time.monotonic() - began
        self.kept = found.kept
        for reason in found.guarded:
            self.outcome = RunOutcome.GUARD
            self.notes.append(reason)
            yield Remark(
                reason, "If they are really gone, run again with --allow-mass-delete, or `mmsearch forget` the folder."
            )
        yield from remarks(found)
        return found

    def dry_events(self, targets: Sequence[bytes] | None, listed: bool) -> Iterator[Event]:
        """Report what a run would do. All that it writes meanwhile is rolled back."""
        self.connection.execute("BEGIN IMMEDIATE")
        try:
            parts = scopes(self.connection, self.folder, targets, listed, self.settings, self.reach)
            yield from self.reach.remarks()
            found = yield from self._scan(parts)
            self.plan.note_absent(found)
        finally:
            self.connection.execute("ROLLBACK")
        record = self._record(pending=len(found.wanted) + len(found.resume) + len(found.retry))
        yield from self._failures()
        yield Finished(record)

    def _work(self, found: Scan, models: Models) -> Iterator[Event]:
        """Plan, extract, read, encode and commit what the scan found."""
        with transaction(self.connection, self.folder):
            jobs = self.plan.settle(found)
        inspector = Inspector(iter(found.wanted))
        try:
            yield from self._loop(jobs, inspector, models)
        finally:
            inspector.close()
            commit_s = self.commits.seconds if self.commits is not None else 0.0
            if self.commits is not None and self.commits.any:
                self.stages["commit"] = commit_s
            if self.pipeline is not None:
                self._add_busy(self.pipeline.busy())
                self.profile = finalize.profile(self.pipeline.profile(), total(self.tallies).segments, commit_s)
                self.pipeline.close()
        if self.outcome in (RunOutcome.DONE, RunOutcome.GUARD):
            with transaction(self.connection, self.folder):
                files.remove_orphans(self.connection)
            yield from self._backfill(models)
        began = time.monotonic()
        if self.outcome != RunOutcome.INTERRUPTED:  # building takes minutes in a large index; who stops wants an end
            finalize.build_ann(self.connection, self.folder, models)
        yield from models.remarks()
        self.stages["ann"] = time.monotonic() - began
        yield from self._swap()
        if self.outcome in (RunOutcome.DONE, RunOutcome.GUARD):
            yield from self._transcribe(models)

    def _backfill(self, models: Models) -> Iterator[Event]:
        """Fill spaces that were added or are being built with what the index already holds."""
        work = Backfill(
            self.folder,
            self.connection,
            models,
            self._workers(),
            lambda: bool(self._asked_to_stop()),
            self.reach,
        )
        self.tallies.append(work.tally)
        self.ledger.added = len(spaces.lacking(self.connection, [row.id for row in models.rows]))
        self.total += self.ledger.added
        try:
            for event in work.steps():
                self.caught_up = self.ledger.added_done = work.done
                yield from models.remarks()
                if event is not None:
                    yield event
                if self._tell_is_due():
                    yield self._progress(planned=True)
        finally:
            self._add_busy(work.busy)

    def _swap(self) -> Iterator[Event]:
        """Use the spaces that were built, when the run has come to its end."""
        if self.outcome not in (RunOutcome.DONE, RunOutcome.GUARD):
            return
        for remark in finalize.swap(self.connection, self.folder, self._asked_to_stop):
            if remark is not None:
                yield remark
            else:
                self.got_on = True

    def _transcribe(self, models: Models) -> Iterator[Event]:
        """Transcribe the recordings that lack it: the last stage, when all else can be searched."""
        if not self.ledger.transcribes:
            return
        self.ledger.transcribes = False
        work = Transcription(self.folder, self.connection, models, self.settings, self._asked_to_stop, self.reach)
        self.tallies.append(work.tally)
        self.transcription = work
        for event in work.steps():
            self.got_on |= work.committed
            if event is not None:
                yield event
            if self._tell_is_due():
                yield self._progress(planned=True)
        self._add_busy({"speech": work.busy_s})
        if work.committed and self.outcome != RunOutcome.INTERRUPTED:
            finalize.build_ann(self.connection, self.folder, models)
            yield from models.remarks()

    def _loop(self, jobs: list[Job], inspector: Inspector, models: Models) -> Iterator[Event]:
        """Take the results of inspector and pipeline, until both have ended or the run is to stop."""
        self.commits = commits = Commits(self.folder, self.connection, self.waiting, models)
        self.tallies.append(commits.tally)
        self._start(jobs, models)
        planned = False
        while True:
            if not inspector.ended:
                ready = inspector.ready(wait_s=0.02 if self.pipeline is None else 0.0)
                if ready:
                    with transaction(self.connection, self.folder):
                        jobs = self.plan.take(ready)
                    self.got_on |= sum(inspection.failure is None for inspection in ready) > len(jobs)
                    self._start(jobs, models)
            elif not planned:
                planned = True
                if self.pipeline is None:
                    break
                self.pipeline.end_jobs()
            results = self.pipeline.poll(0.05) if self.pipeline is not None else []
            if results is None:
                break
            for result in results:
                self.ledger.back(result)
            commits.waiting += results
            commits.commit_if_due()
            yield from models.remarks()
            yield from self._failures()
            if self._tell_is_due():
                yield self._progress(planned)
            if self._asked_to_stop():
                if self.pipeline is not None:
                    commits.waiting += self.pipeline.wind_up(bool(models.waits_for))
                break
        commits.commit()
        yield from self._failures()
        yield self._progress(planned)

    def _start(self, jobs: list[Job], models: Models) -> None:
        """Add jobs to the pipeline, which is made for the first one."""
        if jobs and self.pipeline is None:
            needs, languages = models.needs(models.rows), models.ocr_lang
            self.pipeline = Pipeline(needs, self._workers(), models.load, models.ocr_engine, self.pools, languages)
        for job in jobs:
            assert self.pipeline is not None
            self.pipeline.add(job)
            self.ledger.add(job.asset_id, job.source.kind, self.waiting.sizes[job.asset_id], job.done)
            self.total += 1
            self.total_bytes += self.waiting.sizes[job.asset_id]

    def close(self) -> None:
        """End the processes that no pipeline has taken over."""
        if self.pipeline is None:
            for pool in self.pools.values():
                pool.close()

    def _workers(self) -> Workers:
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        count = self.settings.workers or cores
        return Workers(light=count, av=min(count, max(2, count // 2)), ocr=count)

    def _asked_to_stop(self) -> bool:
        """Whether the run is to end early; notes why. A time budget that is shorter than the start of a run ends it
        after its first batch: otherwise a nightly run would never make progress."""
        reason = self.stop()
        budget = self.settings.time_budget_s
        got_on = self.got_on or self.caught_up > 0 or (self.commits is not None and self.commits.any)
        if reason is None and budget is not None and got_on and time.monotonic() - self.began >= budget:
            reason = RunOutcome.BUDGET
        if reason is not None:
            self.outcome = RunOutcome(reason)
        return reason is not None

    def _failures(self) -> Iterator[Event]:
        for failures in (self.plan.failures, self.commits.failures if self.commits is not None else []):
            yield from failures
            failures.clear()

    def _tell_is_due(self) -> bool:
        if time.monotonic() - self.told < _TELL_S:
            return False
        self.told = time.monotonic()
        return True

    def _progress(self, planned: bool) -> Progress:
        reading = self.pipeline.reading if self.pipeline is not None else None
        read = (reading.done, reading.total) if reading is not None else (0, 0)
        done, done_bytes = (self.commits.done, self.commits.done_bytes) if self.commits is not None else (0, 0)
        record, speech = total(self.tallies), self.transcription
        return Progress(
            planned=planned,
            seen=record.seen,
            done=done + self.caught_up,
            total=self.total,
            done_bytes=done_bytes,
            total_bytes=self.total_bytes,
            failed=record.failed,
            segments=record.segments,
            embeddings=record.embeddings,
            read_done=read[0],
            read_total=read[1],
            work=(*self.ledger.work(), *(speech.work() if speech is not None else ())),
            speech_left_s=sum(speech.left.values()) if speech is not None else 0.0,
            speech_remaining_s=speech.remaining_s() if speech is not None else 0.0,
            waits_for=self.models.waits_for if self.models is not None else "",
        )

    def _add_busy(self, seconds: Mapping[str, float]) -> None:
        """Add the busy seconds of a pipeline's stages."""
        for stage, spent in seconds.items():
            self.stages[stage] = round(self.stages.get(stage, 0.0) + spent, 3)

    def _record(self, pending: int | None = None) -> RunRecord:
        """The record of the run: what its stages have counted, added up. Without `pending`, every entry that has no
        outcome yet is pending."""
        record = total(self.tallies)
        record.outcome, record.notes, record.profile = self.outcome, self.notes, self.profile
        record.kept, record.lost_commits = self.kept, self.lost_commits
        record.stages, record.seconds = self.stages, time.monotonic() - self.began
        if self.transcription is not None:
            self.transcription.complete(record)
        record.pending = max(record.seen - record.accounted(), 0) if pending is None else pending
        return record
