"""Seconds from a signal to the end of the process, stage by stage: python -m benchmarks.stops [--repeats N].

Each round starts the program, waits for the stage (seconds after the start, or the first committed embedding), sends
the next of SIGTERM, SIGINT and SIGHUP, and checks the exit code and that what was committed is still there.
"""

from __future__ import annotations

import argparse
import fcntl
import os
import random
import signal
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
WORDS = "harbour ferry lamp keeper storm bridge letter winter market garden station signal engine copper".split()
START_S = {"starting": 0.3, "loading libraries": 1.5, "loading the model": 5.0}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.stops", description=__doc__)
    parser.add_argument("--repeats", type=int, default=3, help="rounds of each stage (3)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        top = Path(name)
        _make_files(top / "files")
        env = os.environ | {f"XDG_{kind}_HOME": str(top / kind) for kind in ("DATA", "CONFIG", "CACHE")}
        for stage in (*START_S, "hashing a large file", "encoding", "waiting for the lock", "a query that loads"):
            taken = [_round(stage, top, top / f"{stage}-{number}", env, number) for number in range(options.repeats)]
            print(f"{stage:22}  median {statistics.median(taken):.2f} s  maximum {max(taken):.2f} s", flush=True)


def _make_files(folder: Path) -> None:
    """Some thousand notes, more than any round indexes, and a large text."""
    folder.mkdir()
    chance = random.Random(7)
    for number in range(3000):
        (folder / f"{number}.txt").write_text(" ".join(chance.choices(WORDS, k=150)))
    line = (" ".join(chance.choices(WORDS, k=15)) + "\n").encode()
    with open(folder.parent / "large.txt", "wb") as file:
        for _ in range(64):
            file.write(line * ((16 << 20) // len(line)))


def _round(stage: str, top: Path, index: Path, env: dict[str, str], number: int) -> float:
    """One round; returns the seconds. Raises `AssertionError` for a wrong exit code or lost rows."""
    target = top / ("large.txt" if stage == "hashing a large file" else "files")
    command = [sys.executable, "-m", "mmsearch", "index", "--no-ocr", "--index", str(index), str(target)]
    held = None
    if stage == "waiting for the lock":
        index.mkdir(mode=0o700)
        held = open(index / "writer.lock", "wb")  # noqa: SIM115 (held until the round is over)
        fcntl.lockf(held, fcntl.LOCK_EX)
        command.append("--wait")
    if stage == "a query that loads":
        index = top / "encoding-0"
        command = [sys.executable, "-m", "mmsearch", "query", "--index", str(index), "--query-encoder", "torch", "lamp"]
    process = subprocess.Popen(command, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    if stage == "encoding":
        while not _committed(index):
            time.sleep(0.05)
            assert process.poll() is None, "it ended too early"
    else:
        time.sleep(START_S.get(stage, 3.0))
    before = _committed(index)
    sent = SIGNALS[number % len(SIGNALS)]
    process.send_signal(sent)
    began = time.monotonic()
    code = process.wait()
    took = time.monotonic() - began
    assert code in (128 + sent, -sent), (
        f"{stage}: exit code {code} for signal {sent}"
    )  # -sent: before it could catch it
    assert _committed(index) >= before, f"{stage}: committed rows are gone"
    if held is not None:
        held.close()
    return took


def _committed(index: Path) -> int:
    """How many embeddings the catalogue holds."""
    try:
        connection = sqlite3.connect(f"file:{index / 'catalogue.db'}?mode=ro", uri=True)
        try:
            return int(connection.execute("SELECT COUNT(*) FROM embeddings").fetchone()[0])
        finally:
            connection.close()
    except sqlite3.Error:
        return 0


if __name__ == "__main__":
    main()
