"""The progress of a run: a bar on a terminal, otherwise a plain line every few seconds; failures as they happen, and an
early warning when the run will be long."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable
from typing import IO, TYPE_CHECKING, Any, cast

from mmsearch.output import text_layout
from mmsearch.output.estimate import Estimate
from mmsearch.output.formatting import approximate_duration, counted, display_path, duration, escaped, size, speech_left
from mmsearch.output.streams import console, is_terminal, width, write_message, write_note
from mmsearch.run_record import Event, FileFailed, Finished, Progress, Remark, RunRecord

if TYPE_CHECKING:
    from rich.progress import TaskID

_BESIDE = 36  # cells of the bar and what stands beside the facts
FAILURES = 10  # lines about single files in a run's output
_LINE_EVERY_S = 10.0  # without a terminal: often enough to show progress, rare enough for a cron mail
_SETTLED_S = 8.0  # before that an estimate is mostly start-up
_AT_LATEST_S = 17.0  # docs/usage.md states that the warning about a long run comes within 20 s
_ALONE_S = 30.0  # after this time without a second file, start-up counts as work
_LONG_S = 300.0
_SPEECH_S = 20.0  # of transcribing left that are worth a line
_MUCH_BYTES, _MUCH_FILES = 20_000_000, 500  # less than both is done soon once the models are loaded


def show_progress(events: Iterable[Event], quiet: bool = False, advice: str = "", lists: str = "") -> RunRecord:
    """Show the events of a run on stderr and return its record. `advice` tells how to shorten a long run, `lists` is
    the command that lists all failures.

    `quiet` shows failures only, one line each, and of many only the first ones.
    """
    failures = _Failures(lists)
    shows: _Bar | _Lines | None = None if quiet else _Bar() if is_terminal(sys.stderr) else _Lines()
    pace = ProgressRate()
    told = told_speech = quiet
    record = RunRecord()
    try:
        for event in events:
            match event:
                case Progress():
                    pace.update(event)
                    if not told and (warning := pace.warning()):
                        told = True
                        _write_above(shows, warning, advice)
                    if not told_speech and event.speech_remaining_s >= _SPEECH_S:
                        told_speech = True
                        left = speech_left(event.speech_left_s, event.speech_remaining_s)
                        _write_above(shows, f"{left}; all else can be searched now.")
                    if shows:
                        shows.update(event, pace.share(), pace.remaining())
                case Remark() if not quiet:
                    _write_above(shows, event.sentence, event.hint)
                case FileFailed():
                    if failures.is_shown(event):
                        _write_above(shows, failure_line(event, width(sys.stderr)))
                case Finished():
                    record = event.record
                    for line in failures.rest():
                        _write_above(shows, line)
    finally:
        if shows:
            shows.close()
    return record


def failure_line(event: FileFailed, columns: int | None = None) -> str:
    """A failure on one line: the path once, the reason once. On a terminal of `columns` the path fits."""
    what = "in part" if event.partial else "failed"
    path = text_layout.fitted_path(
        display_path(event.path), None if columns is None else max(columns - len(what) - 3, 20)
    )
    return f"{what}: {path}: {escaped(event.failure.sentence)} ({escaped(event.failure.code)})"


class _Failures:
    """The failures of a run: the first ones are shown, the others counted."""

    def __init__(self, lists: str) -> None:
        self._lists = lists
        self._shown = self._listed = self._missing = 0

    def is_shown(self, event: FileFailed) -> bool:
        """Whether this failure is among the first; otherwise it is counted."""
        self._shown += 1
        if self._shown <= FAILURES:
            return True
        self._missing += event.missing
        self._listed += not event.missing
        return False

    def rest(self) -> list[str]:
        """Lines with the number of those that were not shown, and the command that lists them."""
        lines = []
        if self._listed:
            lines.append(f"and {self._listed:,} more" + (f": `{self._lists}` lists all" if self._lists else ""))
        if self._missing:
            lines.append(f"and {self._missing:,} more that were named and are no files")
        return lines


def _write_above(shows: _Bar | _Lines | None, sentence: str, hint: str = "") -> None:
    if isinstance(shows, _Bar):
        shows.above(f"{escaped(sentence)} {escaped(hint)}".rstrip())
    else:
        write_note(sentence, hint)


class ProgressRate:
    """The share of a run that is done and the time left, as of the call."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._start = now()
        self._last: Progress | None = None
        self._first: float | None = None  # when the first file was done
        self._waited, self._updated = 0.0, now()  # seconds in which a model was loaded; when the last event came
        self._estimate = Estimate()

    def update(self, progress: Progress) -> None:
        """Add a progress event."""
        if self._last is not None and self._last.waits_for:
            self._waited += self._now() - self._updated
        self._last, self._updated = progress, self._now()
        self._estimate.update(progress, self._now())
        if progress.done and self._first is None:
            self._first = self._now()

    def share(self) -> float:
        """The part of the work that is done, 0 to 1."""
        return self._estimate.share()

    def remaining(self) -> float | None:
        """Seconds left; None while they can't be known."""
        return self._estimate.remaining()

    def warning(self) -> str:
        """A sentence if this will be a long run, once that can be estimated; else empty."""
        elapsed, left, last = self._now() - self._start - self._waited, self.remaining(), self._last
        if last is None or elapsed < _SETTLED_S:
            return ""
        if left is None:
            much = last.total_bytes >= _MUCH_BYTES or last.total >= _MUCH_FILES
            much |= self._first is not None and self._now() - self._first >= _ALONE_S
            if elapsed < _AT_LATEST_S or not much:
                return ""
            if not last.done:
                return (
                    f"No file is done after {elapsed:.0f} s, with {size(last.total_bytes)} to go: this may take long."
                )
            left = self._estimate.at_usual_cost(elapsed) or 0.0
        if left < _LONG_S:
            return ""
        more = "" if last.planned else " or more, as not all files are found yet"
        return f"At the pace so far this run will take {approximate_duration(left)}{more}."


def _facts(progress: Progress) -> list[str]:
    facts = [f"{progress.done:,} of {counted(progress.total, 'file')}{'' if progress.planned else ' so far'}"]
    if progress.total_bytes:
        facts.append(f"{size(progress.done_bytes)} of {size(progress.total_bytes)}")
    facts.append(counted(progress.segments, "segment"))
    if progress.read_total:
        facts.append(f"{progress.read_done:,} of {progress.read_total:,} read")
    if progress.speech_left_s:
        facts.append(f"speech: {duration(progress.speech_left_s)} of recordings left")
    if progress.failed:
        facts.append(f"{progress.failed:,} failed")
    if progress.waits_for:
        facts.append(escaped(progress.waits_for))
    return facts


def _left(remaining: float | None) -> list[str]:
    if remaining is None:
        return []
    return [f"{approximate_duration(remaining)} left" if remaining else "finishing"]


class _Lines:
    """Plain lines: for a log, a pipe, a dumb terminal."""

    def __init__(self) -> None:
        self._next = time.monotonic() + _LINE_EVERY_S

    def update(self, progress: Progress, share: float, remaining: float | None) -> None:
        if time.monotonic() < self._next:
            return
        self._next = time.monotonic() + _LINE_EVERY_S
        write_message("; ".join([f"{int(share * 100)}% done", ", ".join(_facts(progress)), *_left(remaining)]))

    def close(self) -> None:
        """Nothing is left on the streams."""


class _Bar:
    """A bar with rate and time left, which goes away when the run ends."""

    def __init__(self) -> None:
        from rich.progress import BarColumn, SpinnerColumn, TaskProgressColumn, TextColumn
        from rich.progress import Progress as RichProgress
        from rich.table import Column

        self._console = console(cast(IO[str], _Steady(sys.stderr)))
        self._bar = RichProgress(
            SpinnerColumn("line"),
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=16),
            TaskProgressColumn(),
            TextColumn("{task.fields[facts]}", markup=False, table_column=Column(no_wrap=True, ratio=1)),
            console=self._console,
            transient=True,
            expand=True,
            redirect_stdout=False,
            redirect_stderr=False,
        )
        self._task: TaskID = self._bar.add_task("looking", total=None, facts="")
        self._start = time.monotonic()
        self._bar.start()

    def update(self, progress: Progress, share: float, remaining: float | None) -> None:
        facts = _facts(progress)
        elapsed = time.monotonic() - self._start
        if progress.done and elapsed > 2.0:
            facts.insert(1, f"{progress.done / elapsed:.1f} files/s")
        if progress.waits_for:
            facts = [progress.waits_for, *facts[:-1]]
        facts = _left(remaining) + facts  # in this order, as a narrow terminal cuts the end off
        self._bar.update(
            self._task,
            description="indexing" if progress.total else "looking",
            completed=share,
            total=1.0 if progress.total else None,
            facts=self._fitting(facts) if progress.total else counted(progress.seen, "file") + " seen",
        )

    def _fitting(self, facts: list[str]) -> str:
        """As many facts as there is room for: the first ones, none in part."""
        room = (width(sys.stderr) or 80) - _BESIDE
        while len(facts) > 1 and text_layout.cells(", ".join(facts)) > room:
            facts = facts[:-1]
        return ", ".join(facts)

    def above(self, line: str) -> None:
        """A line that stays, above the bar."""
        for row in text_layout.wrapped(line, width(sys.stderr), indent=2):
            self._console.print(row, soft_wrap=True)

    def close(self) -> None:
        self._bar.stop()


class _Steady:
    """stderr for Rich whose writes never fail: when the terminal is closed, the run goes on until its signal."""

    def __init__(self, stream: IO[str]) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        try:
            return self._stream.write(text)
        except (OSError, ValueError):
            return len(text)

    def flush(self) -> None:
        try:
            self._stream.flush()
        except (OSError, ValueError):
            return

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)
