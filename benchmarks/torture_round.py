"""One round of the crash test: disturb, check, complete, compare."""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import random
import shutil
import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Any

import psutil

from benchmarks import torture_corpus
from benchmarks.torture_child import MARK, ROOT, chosen
from benchmarks.torture_compare import answers, held, same_answers, similar

sys.path.insert(0, str(ROOT / "tests" / "helpers"))

import small_index

from mmsearch.errors import MmsearchError, NoIndex
from mmsearch.index import Index
from mmsearch.query import Query
from mmsearch.store.layout import IndexFolder
from mmsearch.store.lock import lock_holder

GONE_S = 2.0  # in which every process of a killed run must be gone
STRAYS = "No left-over files lie in the index folder"  # a killed run may leave some; the next one sweeps them


@dataclass(frozen=True, slots=True)
class Round:
    """The plan of a round. `fault` names the process that is killed and the call at which; or `at`, the share of a
    run's time."""

    number: int
    stage: str
    start: str  # version 0, nothing, as it is
    version: int
    fault: dict[str, Any]
    again: bool  # the run that completes it is killed too, at a random moment


class Bench:
    """The folders, the server that runs are forked from, the undisturbed indexes, and the tally."""

    def __init__(self, folder: Path, options: argparse.Namespace) -> None:
        self.folder, self.docs, self.index = folder, folder / "docs", folder / "index"
        self.docs.mkdir()
        self.versions = torture_corpus.versions(options.seed, options.versions)
        self.kills: dict[str, Counter[str]] = {}
        self.problems: list[str] = []
        self.slowest_open = self.slowest_gone = 0.0
        self.now = self.holds = 0  # the number of the run under way; the version that the index was brought up to
        self.run_s = 2.0
        small_index.use_word_model(setattr)
        env = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
        self._server = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.torture_child"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=env,
        )
        self._answer()
        self.expected: dict[int, tuple[list[tuple[Any, ...]], list[dict[bytes, float]]]] = {}
        self.keys: dict[int, set[tuple[Any, ...]]] = {}

    def __enter__(self) -> Bench:
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        assert self._server.stdin is not None
        self._server.stdin.close()
        self._server.wait()

    def _answer(self) -> dict[str, int]:
        assert self._server.stdout is not None
        answer: dict[str, int] = json.loads(self._server.stdout.readline())
        return answer

    def start(self, index: Path, **job: Any) -> int:
        """Start a run. Returns its process id."""
        assert self._server.stdin is not None
        self.now += 1
        (self.folder / "log").unlink(missing_ok=True)
        job |= {"index": str(index), "docs": str(self.docs), "mark": str(self.now)}
        job |= {"log": str(self.folder / "log"), "errors": str(self.folder / "errors")}
        self._server.stdin.write(json.dumps(job) + "\n")
        self._server.stdin.flush()
        return self._answer()["pid"]

    def end(self) -> int:
        """Wait for the run. Returns its exit code."""
        return self._answer()["code"]

    def log(self, event: str) -> list[Any]:
        """The notes of one kind in the log of the last run."""
        with contextlib.suppress(FileNotFoundError):
            lines = (self.folder / "log").read_text().splitlines()
            return [value for name, value in map(json.loads, lines) if name == event]
        return []

    def figures(self) -> str:
        """What was measured over all rounds."""
        slow = f"Slowest opening after a kill {self.slowest_open:.2f} s"
        return f"{slow}; last process gone after {self.slowest_gone:.2f} s."

    def undisturbed(self, version: int) -> tuple[list[tuple[Any, ...]], list[dict[bytes, float]]]:
        """What an index of a version that was never disturbed holds and answers. Leaves the version in the folder."""
        torture_corpus.put(self.versions[version], self.docs)
        if version not in self.expected:
            index = self.folder / f"undisturbed{version}"
            self.start(index)
            assert self.end() == 0, (self.folder / "errors").read_text()
            self.expected[version] = (small_index.contents(index), answers(index))
            self.keys[version] = held(index)
        return self.expected[version]

    def round(self, one: Round) -> None:
        """Run a round and note what was wrong."""
        version = 1 + one.version % (len(self.versions) - 1)
        self._prepare(one, version)
        before = self._put(version)
        fault = dict(one.fault)
        share, first = ("at", 0.02) if "at" in fault else ("call", 2 if fault["point"].startswith("worker:") else 1)
        for attempt in range(5):
            if self.disturb(one.stage, fault):
                break
            # The run has fewer calls than were drawn, is quicker, or had no such victim at that moment.
            fault[share] = max(fault[share] / 2, first) if share == "at" else first
            if attempt > 1 and not fault.get("point", "").startswith("worker:"):
                fault["victim"] = "main"
            self._prepare(replace(one, start="version 0"), version)
            before = self._put(version)
        else:
            print(f"round {one.number}: nobody was killed: {fault}", file=sys.stderr)
            return
        problems = self._check(before)
        if one.again:
            self.disturb("random", {"seed": one.number, "victim": "main", "at": (one.version % 97) / 97})
            problems += self._check(before)
        problems += self._complete(version)
        self.holds = version
        self.problems += [f"{one.stage}: round {one.number} ({fault}): {problem}" for problem in problems]
        if problems:
            shutil.copytree(self.index, ROOT / "build" / "torture" / str(one.number), dirs_exist_ok=True)
            shutil.rmtree(self.index)

    def _prepare(self, one: Round, version: int) -> None:
        """The index that the round starts with."""
        self.undisturbed(0)
        if one.start == "as it is" and self.index.exists() and self.holds != version:
            return
        shutil.rmtree(self.index, ignore_errors=True)
        if one.start != "nothing":
            shutil.copytree(self.folder / "undisturbed0", self.index)

    def _put(self, version: int) -> set[tuple[Any, ...]]:
        """Bring the folder to a version. Returns the segments that the index must keep throughout."""
        self.undisturbed(version)
        return held(self.index) & self.keys[version]

    def disturb(self, stage: str, fault: dict[str, Any]) -> bool:
        """Start a run that is killed, or whose children are. Returns whether anything was killed."""
        victim, point = fault["victim"], fault.get("point", "")
        if point.startswith("worker:"):
            self.start(self.index, worker=fault)
            code = self.end()
            struck = victim if code == 0 else ""
        elif point:
            self.start(self.index, fault=fault)
            code = self.end()
            struck = victim if self.log("struck") else ""
        else:
            struck = self._kill_at_random(self.start(self.index), fault)
            code = self.end()
        if struck:
            self.kills.setdefault(stage, Counter())[struck] += 1
        if code not in (0, -9):
            errors = (self.folder / "errors").read_text().strip()
            self.problems.append(f"{stage}: a run ended with {code} ({fault}): {errors[-1500:]}")
        return bool(struck)

    def _kill_at_random(self, pid: int, fault: dict[str, Any]) -> str:
        time.sleep(fault["at"] * self.run_s)
        with contextlib.suppress(psutil.NoSuchProcess):
            run = psutil.Process(pid)
            victims = chosen(run, fault["victim"], fault["seed"]) if run.status() != psutil.STATUS_ZOMBIE else []
            for one in victims:
                with contextlib.suppress(psutil.NoSuchProcess):
                    one.kill()
            return str(fault["victim"]) if victims else ""
        return ""

    def _check(self, before: set[tuple[Any, ...]]) -> list[str]:
        """The problems of an index right after its run was killed."""
        problems = []
        if holder := lock_holder(IndexFolder(self.index)):
            problems.append(f"the lock is held by {holder}")
        began = time.monotonic()
        try:
            Index.open(self.index).status()
        except NoIndex:
            return [*problems, *self.gone(), *(["the index is gone"] if before or self.log("end") else [])]
        except MmsearchError as error:
            return [*problems, *self.gone(), f"it does not open: {error}"]
        self.slowest_open = max(self.slowest_open, time.monotonic() - began)
        problems += self.gone()
        there = held(self.index)
        begun, ended = self.log("begin"), self.log("end")
        committed = {(key, number) for batch in ended for key, span, numbers in batch for number in numbers}
        lost = (committed | before) - there
        if lost:
            problems.append(f"{len(lost)} committed segments are lost")
        if len(begun) > len(ended):
            last = {(key, number) for key, span, numbers in begun[-1] for number in numbers} - before - committed
            if last & there and last - there:
                problems.append("half a batch is there")
        findings = Index.verify(self.index, deep=True)
        # What a first run left when it was killed has no checksums yet, and `verify` says so.
        bad = [one for one in findings if one.state not in ("ok", "unchecked") and one.invariant != STRAYS]
        return [*problems, *(f"{one.invariant}: {one.sentence}" for one in bad), *self._unfound()]

    def _unfound(self) -> list[str]:
        """Segments that the index holds and a search for their own code does not find."""
        rows = small_index.rows(
            self.index,
            "SELECT s.text FROM segments s JOIN assets a ON a.id = s.asset_id"
            " WHERE a.visible = 1 AND s.text LIKE '%q%'",
        )
        texts = [text for (text,) in rows]
        problems = []
        for text in random.Random(self.now).sample(texts, min(4, len(texts))):
            code = next(
                (word.strip(".:") for word in text.split() if word.strip(".:")[1:].isdigit() and word[0] == "q"), ""
            )
            hits = Index.open(self.index).search(Query(code, min_score=0.0)).hits if code else ()
            if code and not (hits and code in hits[0].snippet):
                problems.append(f"{code} is in the index and is not found")
        return problems

    def gone(self) -> list[str]:
        """Wait for the processes of the last run to end."""
        began, seen = time.monotonic(), ""
        while True:
            left = [one for one in psutil.process_iter() if _is_marked(one, str(self.now))]
            waited = time.monotonic() - began
            if not left or waited > 30:
                break
            seen = ", ".join(_shown(one) for one in left)
            time.sleep(0.05)
        self.slowest_gone = max(self.slowest_gone, waited)
        return [f"the last process ended after {waited:.1f} s: {seen}"] if waited > GONE_S else []

    def _complete(self, version: int) -> list[str]:
        """Let an undisturbed run complete the index, and compare."""
        began = time.monotonic()
        self.start(self.index)
        code = self.end()
        if code != 0:
            return [f"the next run ends with {code}: {(self.folder / 'errors').read_text()[-1500:]}"]
        self.run_s = 0.8 * self.run_s + 0.2 * (time.monotonic() - began)
        record = self.log("record")[-1]
        problems = [f"the next run: {record}"] if record["outcome"] != "done" or record["pending"] else []
        contents, hits = self.expected[version]
        if not similar(small_index.contents(self.index), contents):
            problems.append("the index is not equal to an undisturbed one")
        if not same_answers(answers(self.index), hits):
            problems.append("queries are answered in another way")
        bad = [one for one in Index.verify(self.index, deep=True) if one.state != "ok"]
        return [*problems, *(f"then {one.invariant}: {one.sentence}" for one in bad), *self.gone()]


def _is_marked(process: psutil.Process, mark: str) -> bool:
    try:
        result: bool = process.status() != psutil.STATUS_ZOMBIE and process.environ().get(MARK) == mark
        return result
    except psutil.Error:
        return False


def _shown(process: psutil.Process) -> str:
    try:
        return f"{' '.join(process.cmdline())[-120:]} ({process.status()}, nice {process.nice()})"
    except psutil.Error:
        return "gone"
