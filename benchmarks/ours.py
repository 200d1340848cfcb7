"""`mmsearch index` in a fresh process and a fresh index, observed by its catalogue: time, record and pace."""

from __future__ import annotations

import json
import shutil
import sqlite3
import statistics
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.measure import ROOT, CommandFailed, core_seconds

POLL_S = 0.1  # between two counts of committed rows
FIRST, LAST = 0.1, 0.95  # shares of all embeddings between which the pace is taken: no start in it, and no end


@dataclass(frozen=True, slots=True)
class Indexed:
    """One run: the seconds of the whole command, its CPU seconds, the record that it wrote, and its items a second
    after the start."""

    seconds: float
    core_s: float
    record: Mapping[str, Any]
    steady: float

    def stages(self) -> str:
        """How busy each stage was."""
        shares = (
            f"{stage['name']} {stage['busy_s'] / max(stage['workers'] * stage['elapsed_s'], 1e-9):.0%}"
            for stage in self.record["profile"]
        )
        return "busy: " + ", ".join(shares)


def index(
    place: Path, inputs: Sequence[Path], env: Mapping[str, str], *flags: str, table: str = "embeddings"
) -> Indexed:
    """Index files or folders anew into `place`; the pace is that of new rows in a table of its catalogue. Raises
    `CommandFailed`."""
    shutil.rmtree(place, ignore_errors=True)
    summary = place.with_suffix(".json")
    command = [sys.executable, "-m", "mmsearch", "index", "--quiet", "--index", str(place), *flags]
    command += ["--summary-json", str(summary), *map(str, inputs)]
    with place.with_suffix(".log").open("w+") as log:
        began, before = time.perf_counter(), core_seconds()
        running = subprocess.Popen(command, env=env, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        seen = _watched(running, place / "catalogue.db", table)
        seconds = time.perf_counter() - began
        if running.returncode:
            log.seek(0)
            raise CommandFailed(command, running.returncode, log.read())
    record = json.loads(summary.read_text("utf-8"))
    return Indexed(seconds, core_seconds() - before, record, _steady(seen))


def _watched(running: subprocess.Popen[Any], catalogue: Path, table: str) -> list[tuple[float, int]]:
    """The number of committed rows over time, until the process ends."""
    seen = [(time.perf_counter(), 0)]
    while running.poll() is None:
        time.sleep(POLL_S)
        try:
            with closing(sqlite3.connect(f"{catalogue.absolute().as_uri()}?mode=ro", uri=True)) as connection:
                count = connection.execute(f"SELECT coalesce(max(id), 0) FROM {table}").fetchone()[0]
        except sqlite3.Error:  # not made yet
            continue
        if count > seen[-1][1]:
            seen.append((time.perf_counter(), count))
    return seen


def _steady(seen: Sequence[tuple[float, int]]) -> float:
    """Rows a second between the first and the last commit in the middle of a run; of the whole run where it had not so
    many commits."""
    total = seen[-1][1]
    middle = [point for point in seen if FIRST * total <= point[1] <= LAST * total]
    if len(middle) < 3:
        middle = [seen[0], seen[-1]]
    (begin, few), (end, many) = middle[0], middle[-1]
    return (many - few) / max(end - begin, 1e-9)


def work(runs: Sequence[Indexed], plain: Sequence[Mapping[str, float]]) -> str:
    """Core-seconds for an item, start included, which depend less on what else the machine does."""
    items = max(runs[0].record["segments"], 1)
    mine = statistics.median(run.core_s for run in runs) / items
    other = statistics.median(one["core_s"] / one["items"] for one in plain)
    return f"core-seconds an item with the start: {mine:.3f} and {other:.3f}"


def median(runs: Sequence[Indexed]) -> tuple[float, float]:
    """The median seconds of some runs, and their median pace."""
    return statistics.median(run.seconds for run in runs), statistics.median(run.steady for run in runs)
