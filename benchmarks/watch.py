"""What `mmsearch watch` costs and how soon it finds a change: python -m benchmarks.watch [--files N] [--repeats N].

It watches a folder of notes with the built-in model, and measures: the processor time of the idle watch; the seconds
from a written file to the begin of its run, and to its row in the catalogue, beside those of `mmsearch index` by hand
over a new file; the runs that a burst of changes costs; the seconds from SIGTERM to the end.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import signal
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.watch", description=__doc__)
    parser.add_argument("--files", type=int, default=10_000, help="files of the burst (10000)")
    parser.add_argument("--repeats", type=int, default=5, help="single changes (5)")
    parser.add_argument("--idle", type=float, default=60.0, help="seconds of the idle watch (60)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        top = Path(name)
        (top / "files").mkdir()
        (top / "files" / "first.txt").write_text("the first note")
        env = os.environ | {f"XDG_{kind}_HOME": str(top / kind) for kind in ("DATA", "CONFIG", "CACHE")}
        command = [sys.executable, "-m", "mmsearch"]
        place = ["--index", str(top / "index"), "--quiet"]
        watch = subprocess.Popen([*command, "watch", *place, str(top / "files")], env=env)
        try:
            _measure(watch, top, [*command, "index", *place], env, options)
        finally:
            watch.kill()


def _measure(
    watch: subprocess.Popen[bytes], top: Path, index: list[str], env: dict[str, str], options: argparse.Namespace
) -> None:
    _wait(top, "first.txt")
    _until_idle(watch)
    process = psutil.Process(watch.pid)
    before, began = _busy_s(process), time.monotonic()
    time.sleep(options.idle)
    share = (_busy_s(process) - before) / (time.monotonic() - began)
    print(f"idle: {share:.4%} of a core over {options.idle:.0f} s; {process.memory_info().rss / 1e6:.0f} MB")
    begun, taken, by_hand = [], [], []
    for number in range(options.repeats):
        runs, began = _runs(top), time.monotonic()
        (top / "files" / f"note {number}.txt").write_text(f"a note of number {number}")
        while _runs(top) == runs:
            time.sleep(0.02)
        begun.append(time.monotonic() - began)
        _wait(top, f"note {number}.txt")
        taken.append(time.monotonic() - began)
        _until_idle(watch)
        (top / "other").mkdir(exist_ok=True)
        (top / "other" / f"note {number}.txt").write_text(f"another note of number {number}")
        began = time.monotonic()
        subprocess.run([*index, str(top / "other")], env=env, check=True)
        by_hand.append(time.monotonic() - began)
    print(f"a run begins after {_shown(begun)}, a changed file is found after {_shown(taken)}")
    print(f"a run by hand over one new file takes {_shown(by_hand)}")
    runs = _runs(top)
    began = time.monotonic()
    for number in range(options.files):
        (top / "files" / f"burst {number}.bin").write_bytes(b"\0\1\2" + number.to_bytes(4, "big"))
    written = time.monotonic() - began
    _wait(top, f"burst {options.files - 1}.bin")
    _until_idle(watch)
    time.sleep(5)
    print(f"{options.files:,} files written in {written:.1f} s cost {_runs(top) - runs} run")
    began = time.monotonic()
    watch.send_signal(signal.SIGTERM)
    code = watch.wait(10)
    print(f"SIGTERM ends the watch in {time.monotonic() - began:.2f} s with exit code {code}")


def _busy_s(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


def _shown(seconds: list[float]) -> str:
    return f"{statistics.median(seconds):.2f} s ({min(seconds):.2f} to {max(seconds):.2f}, n = {len(seconds)})"


def _until_idle(watch: subprocess.Popen[bytes]) -> None:
    """Until the run of the watch has ended."""
    while psutil.Process(watch.pid).children():
        time.sleep(0.05)


def _wait(top: Path, name: str) -> None:
    """Until a file is in the catalogue, with its content where it has any."""
    content = "AND EXISTS (SELECT 1 FROM segments WHERE segments.asset_id = files.asset_id)"
    wanted = content if name.endswith(".txt") else ""
    limit = time.monotonic() + 600
    while time.monotonic() < limit:
        with contextlib.suppress(sqlite3.Error, FileNotFoundError):
            if _one(top, f"SELECT count(*) FROM files WHERE path = ? {wanted}", name.encode()):
                return
        time.sleep(0.02)
    raise AssertionError(f"{name} is not found")


def _runs(top: Path) -> int:
    return _one(top, "SELECT count(*) FROM runs")


def _one(top: Path, sql: str, *values: bytes) -> int:
    path = top / "index" / "catalogue.db"
    with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
        return int(connection.execute(sql, values).fetchone()[0])


if __name__ == "__main__":
    main()
