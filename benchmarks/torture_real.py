"""The part of the crash test that runs whole commands: `mmsearch index` with the built-in model and real OCR."""

from __future__ import annotations

import contextlib
import json
import os
import random
import shutil
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import psutil

from benchmarks import torture_corpus
from benchmarks.torture_child import MARK, ROOT, chosen
from benchmarks.torture_compare import held, similar, small_index
from benchmarks.torture_round import STRAYS, Bench
from mmsearch.index import Index
from mmsearch.store.layout import IndexFolder
from mmsearch.store.lock import lock_holder

STAGE = "real model"
ROUNDING = 0.003  # of a score
VICTIMS = ("main", "main", "all", "worker", "server")


def real_kills(bench: Bench, count: int, seed: int) -> None:
    """Kill `count` commands at random moments; what is wrong goes to the bench."""
    torture_corpus.put(bench.versions[1], bench.docs)
    undisturbed, index = bench.folder / "real-undisturbed", bench.folder / "real"
    lots = random.Random(seed)
    _command(
        bench, "index", "--quiet", index=bench.folder / "real-first"
    ).wait()  # exports the query encoder, once for all
    began = time.monotonic()
    _command(bench, "index", "--quiet", index=undisturbed).wait()
    whole_s = time.monotonic() - began
    wanted = held(undisturbed)
    kills = bench.kills.setdefault(STAGE, Counter())
    tries = 0
    while kills.total() < count and tries < count * 3:
        tries += 1
        if held(index) == wanted:
            bench.problems += [f"{STAGE}: {one}" for one in _compare(bench, index, undisturbed)]
            shutil.rmtree(index)
        before, victim = held(index), lots.choice(VICTIMS)
        struck = _kill(bench, index, victim, lots.uniform(0.05, 1.0) * whole_s, lots)
        if struck:
            kills[victim] += 1
            bench.problems += [f"{STAGE}: {victim}: {one}" for one in _check(bench, index, before, victim)]
    _command(bench, "index", "--quiet", index=index).wait()
    bench.problems += [f"{STAGE}: {one}" for one in _compare(bench, index, undisturbed)]


def _command(bench: Bench, *arguments: str, index: Path, **options: Any) -> subprocess.Popen[bytes]:
    bench.now += 1
    kept = {name: value for name, value in os.environ.items() if not name.startswith("MMSEARCH_")}
    own = {"XDG_CACHE_HOME": str(bench.folder / "cache"), "MMSEARCH_CONFIG": os.devnull, MARK: str(bench.now)}
    targets = [str(bench.docs)] if arguments[0] == "index" else []
    return subprocess.Popen(
        [sys.executable, "-m", "mmsearch", *arguments, *targets, "--index", str(index)],
        cwd=ROOT,
        env={**kept, **own, "HF_HUB_OFFLINE": "1"},
        stdin=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        **options,
    )


def _kill(bench: Bench, index: Path, victim: str, after_s: float, lots: random.Random) -> bool:
    """Start a command and kill one of its processes. Returns whether there was one."""
    with _command(bench, "index", "--quiet", index=index) as run:
        with contextlib.suppress(subprocess.TimeoutExpired):
            run.wait(after_s)
            return False
        victims: list[psutil.Process] = []
        until = time.monotonic() + 20
        while not victims and run.poll() is None and time.monotonic() < until:  # workers may not be there yet
            with contextlib.suppress(psutil.NoSuchProcess):
                victims = chosen(psutil.Process(run.pid), victim, lots.randrange(1000))
            time.sleep(0.02)
        for one in victims:
            with contextlib.suppress(psutil.NoSuchProcess):
                one.kill()
        code = run.wait()
        if code not in ((-9,) if victim in ("main", "all") else (0, 4)):
            bench.problems.append(f"{STAGE}: a run whose {victim} was killed ended with {code}")
        return bool(victims)


def _check(bench: Bench, index: Path, before: set[tuple[Any, ...]], victim: str) -> list[str]:
    problems = bench.gone()
    if holder := lock_holder(IndexFolder(index)):
        problems.append(f"the lock is held by {holder}")
    if not IndexFolder(index).exists():
        return problems
    if code := _command(bench, "status", "--quiet", index=index, stdout=subprocess.DEVNULL).wait():
        return problems if code == 3 and not before else [*problems, f"status ends with {code}"]
    if lost := before - held(index):
        problems.append(f"{len(lost)} committed segments are lost")
    found = Index.verify(index, deep=True)
    bad = [one for one in found if one.state not in ("ok", "unchecked") and one.invariant != STRAYS]
    return [*problems, *(f"{one.invariant}: {one.sentence}" for one in bad)]


def _compare(bench: Bench, index: Path, undisturbed: Path) -> list[str]:
    problems = []
    if not similar(small_index.contents(index), small_index.contents(undisturbed)):
        problems.append("the index is not equal to an undisturbed one")
    for text in torture_corpus.QUERIES:
        one, two = (_hits(bench, text, place) for place in (index, undisturbed))
        if not _agree(one, two):
            problems.append(f"{text!r} is answered in another way: {one} and not {two}")
    return problems


def _agree(one: dict[tuple[Any, ...], float], two: dict[tuple[Any, ...], float]) -> bool:
    """The same places with the same scores, but for rounding: batches of other sizes are added up in another order. A
    place that one answer lacks must be as good as its last one."""
    last = max(min(one.values(), default=0.0), min(two.values(), default=0.0))
    return all(abs(one.get(place, last) - two.get(place, last)) < ROUNDING for place in one.keys() | two.keys())


def _hits(bench: Bench, text: str, index: Path) -> dict[tuple[Any, ...], float]:
    arguments = ("query", text, "--format", "jsonl", "--min-score", "0")
    with _command(bench, *arguments, index=index, stdout=subprocess.PIPE) as asked:
        assert asked.stdout is not None
        hits = [json.loads(line) for line in asked.stdout.read().splitlines()]
    return {(hit["path"], hit["page"], hit["start_s"], hit["line_start"]): hit["score"] for hit in hits}
