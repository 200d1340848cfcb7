"""The rows: what is timed against what."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

from benchmarks import corpus, measure

QUERY = "who repaired the pump of the lighthouse"


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table: medians in seconds, and what else there is to say."""

    work: str
    ours_s: float
    plain_s: float
    note: str

    @property
    def ratio(self) -> float:
        """Ours as a multiple of the plain way; below 1 is faster."""
        return self.ours_s / self.plain_s


def cold_query(folder: Path, files: int, repeats: int, threads: int) -> Row:
    """A built-in text query in a fresh process, against a plain sentence-transformers script over the same texts."""
    env = measure.environment(threads)
    index = _indexed(folder, files, threads)
    vectors = folder / f"vectors-{min(files, corpus.DISTINCT)}.npy"
    if not vectors.is_file():
        measure.run(
            [sys.executable, "-m", "benchmarks.plain_query", "make", str(_files(folder, files)), str(vectors)], env
        )
    ours = [sys.executable, "-m", "mmsearch", "query", "--index", str(index), QUERY]
    plain = [sys.executable, "-m", "benchmarks.plain_query", "ask", str(vectors), QUERY]
    medians = measure.alternate({"ours": ours, "plain": plain}, repeats, env)
    shares = [measure.import_share(command, env) for command in (ours, plain)]
    return Row(
        f"cold text query, {files:,} files, {min(files, corpus.DISTINCT):,} embeddings",
        medians["ours"],
        medians["plain"],
        f"imports {shares[0]:.0%} of ours, {shares[1]:.0%} of plain; median of {repeats}",
    )


def no_change(folder: Path, files: int, repeats: int, threads: int) -> Row:
    """`index` over a tree in which nothing changed, against a bare walk with a stat of every file."""
    env = measure.environment(threads)
    index = _indexed(folder, files, threads)
    tree = str(_files(folder, files))
    ours = [sys.executable, "-m", "mmsearch", "index", "--quiet", "--index", str(index), tree]
    plain = [sys.executable, "-m", "benchmarks.plain_walk", tree]
    medians = measure.alternate({"ours": ours, "plain": plain}, repeats, env)
    return Row(
        f"no-change re-index, {files:,} files",
        medians["ours"],
        medians["plain"],
        f"plain: scandir and stat; median of {repeats}",
    )


ROWS = {"cold-query": cold_query, "no-change": no_change}


def _files(folder: Path, files: int) -> Path:
    return folder / f"files-{files}"


def _indexed(folder: Path, files: int, threads: int) -> Path:
    """The index of the tree, brought up to date; both are made once and kept for the next run of the benchmarks."""
    tree, index = _files(folder, files), folder / f"index-{files}"
    folder.mkdir(parents=True, exist_ok=True)
    corpus.make(tree, files)
    command = [sys.executable, "-m", "mmsearch", "index", "--quiet", "--index", str(index), str(tree)]
    seconds, _ = measure.run(command, measure.environment(threads))
    if seconds > 60:
        print(f"Made the index of {files:,} files in {seconds:.0f} s.", file=sys.stderr)
    return index
