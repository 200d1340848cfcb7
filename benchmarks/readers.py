"""Readers in a loop beside a writer that indexes, changes and deletes: `python -m benchmarks.readers --seconds 300`.

Every answer is compared with the snapshot that it comes from: each hit must be a segment of the snapshot, of the
content that its file has there; and no file may appear with two versions of its content.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import re
import signal
import sys
import tempfile
import time
import traceback
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "helpers"))

import small_index

from mmsearch.index import Index
from mmsearch.query import Query
from mmsearch.store import ann, snapshot

FILES = 24
WORDS = ("walrus", "otter", "heron", "lynx", "badger")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.readers", description=__doc__)
    parser.add_argument("--seconds", type=float, default=300.0)
    parser.add_argument("--readers", type=int, default=8)
    parser.add_argument("--seed", type=int, default=6)
    options = parser.parse_args()
    small_index.use_word_model(setattr)
    ann.REBUILD_ROWS = 100  # an ann file is swapped in most runs
    with tempfile.TemporaryDirectory(prefix="mmsearch-readers-") as name:
        folder = Path(name)
        writer = Writer(folder, options.seed)
        readers = [fork(folder, number) for number in range(options.readers)]  # before this process has threads
        writer.step()
        (folder / "ready").touch()
        until = time.monotonic() + options.seconds
        runs = 1
        try:
            while time.monotonic() < until:
                writer.step()
                runs += 1
        finally:
            for pid in readers:
                os.kill(pid, signal.SIGTERM)
            ends = [os.waitpid(pid, 0)[1] for pid in readers]
        told = [json.loads(path.read_text()) for path in sorted(folder.glob("reader*"))]
        problems = [problem for one in told for problem in one["problems"]] + [
            f"a reader ended with {end}" for end in ends if end
        ]
        queries, hits = sum(one["queries"] for one in told), sum(one["hits"] for one in told)
        moments = sum(one["moments"] for one in told)
        print(
            f"{len(told)} readers, {runs} runs of the writer in {options.seconds:.0f} s, {writer.swaps} ann files:"
            f" {queries:,} queries at {moments:,} moments, {hits:,} hits,"
            f" {len(problems)} errors or inconsistent answers"
        )
        for problem in problems[:20]:
            print(problem)
        sys.exit(1 if problems or not queries or len(told) != options.readers else 0)


class Writer:
    """Changes a folder at random and brings its index up to date."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.docs, self.index = folder / "docs", folder / "index"
        self.lots = random.Random(seed)
        self.version = self.swaps = 0

    def step(self) -> None:
        self.version += 1
        for number in self.lots.sample(range(FILES), 7 if self.version > 1 else FILES):
            path = self.docs / f"file{number:02}.txt"
            if path.exists() and self.lots.random() < 0.25:
                path.unlink()
                continue
            lines = [
                f"File n{number} version v{self.version} says {' '.join(self.lots.choices(WORDS, k=40))}."
                for _ in range(30)
            ]
            small_index.write(path, "\n\n".join(lines))
        if self.version % 5 == 0 and (there := sorted(self.docs.iterdir())):
            moved = self.lots.choice(there)
            moved.rename(moved.with_name(f"moved{self.version}-{moved.name[-10:]}"))
        before = set(self.index.glob("ann-*"))
        record = small_index.run(self.index, self.docs, workers=2, allow_mass_delete=True)
        assert record.outcome == "done", record
        self.swaps += len(set(self.index.glob("ann-*")) - before)


def fork(folder: Path, number: int) -> int:
    """Start a reader in a process of its own. Returns the process id."""
    pid = os.fork()
    if pid == 0:
        over: list[int] = []
        signal.signal(signal.SIGTERM, lambda *_: over.append(1))
        report: dict[str, Any] = {"queries": 0, "hits": 0, "moments": 0, "problems": []}
        code = 0
        try:
            read(folder / "index", random.Random(number), over, report)
        except BaseException:
            report["problems"].append(traceback.format_exc())
            code = 1
        (folder / f"reader{number}").write_text(json.dumps(report))
        os._exit(code)
    return pid


def read(index: Path, lots: random.Random, over: list[int], report: dict[str, Any]) -> None:
    """Query until stopped; problems are written to the report."""
    kept: list[snapshot.Snapshot] = []
    close = snapshot.Snapshot.close
    snapshot.Snapshot.close = lambda self: kept.append(self)  # type: ignore[method-assign]  # to be asked once more
    snapshot.Snapshot.end = lambda self: None  # type: ignore[method-assign]  # its read transaction goes on until then
    moments = set()
    while not over and not index.parent.joinpath("ready").exists():
        time.sleep(0.05)
    while not over:
        text = " ".join([*lots.sample(WORDS, 2), *lots.sample([f"n{lots.randrange(FILES)}", "version", "file"], 1)])
        query = Query(text, k=lots.choice((5, 10, 200)), all_segments=lots.random() < 0.6, fold=False, min_score=0.0)
        try:
            with Index.open(index) as opened:
                hits = opened.search(query).hits
            for one in kept:
                report["problems"] += wrong(one, hits)
            moments.add(kept[0].connection.execute("SELECT coalesce(max(id), 0) FROM embeddings").fetchone()[0])
        except Exception:
            report["problems"].append(traceback.format_exc())
        for one in kept:
            close(one)
        kept.clear()
        report["queries"] += 1
        report["hits"] += len(hits)
    report["moments"] = len(moments)


def wrong(one: snapshot.Snapshot, hits: tuple[Any, ...]) -> list[str]:
    """What of an answer does not agree with its snapshot."""
    problems = []
    shown: dict[bytes, set[str]] = {}
    for hit in hits:
        if hit.segment_id is None:  # by its name alone
            continue
        rows = one.connection.execute(
            "SELECT f.root_id, f.path, s.text, a.visible FROM segments s JOIN assets a ON a.id = s.asset_id"
            " JOIN files f ON f.asset_id = a.id WHERE s.id = ?",
            (hit.segment_id,),
        ).fetchall()
        if hit.path not in [one.absolute(root, path) for root, path, _, _ in rows] or not all(row[3] for row in rows):
            problems.append(f"{hit.path!r} is a hit and does not show segment {hit.segment_id}")
        for _, _, text, _ in rows:
            shown.setdefault(hit.path, set()).update(re.findall(r"version (v\d+)", text))
        if rows and not set(re.findall(r"v\d+", hit.snippet)) <= set(re.findall(r"v\d+", rows[0][2])):
            problems.append(f"the snippet of {hit.path!r} is not of its segment")
    problems += [f"{path!r} answers with versions {sorted(found)}" for path, found in shown.items() if len(found) > 1]
    return problems


if __name__ == "__main__":
    main()
