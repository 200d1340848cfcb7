"""The short crash test, readers beside a writer, and a look at every fuzzer. Long ones: `make torture`, `make fuzz`."""

import importlib
import re
import subprocess
import sys
from pathlib import Path
from typing import cast

ROOT = Path(__file__).parents[2]


def ran(*arguments: str) -> str:
    """What a benchmark prints; it exits with 0 only where nothing was wrong. A process of its own: it puts the model of
    words in the place of the built-in one."""
    done = subprocess.run([sys.executable, "-m", *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_killed_anywhere_nothing_is_lost_and_the_next_run_completes() -> None:
    few = ("--each", "1", "--random", "2", "--real", "0", "--versions", "2", "--damages", "7")
    told = ran("benchmarks.torture", *few, "--seed", "39")
    counts = cast(re.Match[str], re.search(r"(\d+) kills, (\d+) problems", told))
    kills, problems = map(int, counts.groups())
    assert (kills >= 7, problems) == (True, 0), told
    damaged = re.findall(r"^\| (ann file|catalogue\S+|writer\.lock) \| (\d+) ", told, re.MULTILINE)
    assert {"ann file", "catalogue.db", "catalogue.sums"} <= {part for part, _ in damaged}, told
    assert sum(int(count) for _, count in damaged) >= 6, told  # not every round finds its part


def test_readers_beside_a_writer_see_one_moment_each() -> None:
    told = ran("benchmarks.readers", "--seconds", "3", "--readers", "4")
    queries = cast(re.Match[str], re.search(r"([\d,]+) queries", told))
    assert int(queries[1].replace(",", "")) >= 1
    assert " 0 errors or inconsistent answers" in told


def test_any_input_of_any_parser_is_read_or_refused() -> None:
    told = ran("benchmarks.fuzz", "--minutes", "0", "--examples", "12")
    assert len(re.findall(r"^\w+: nothing in 12 inputs", told, re.MULTILINE)) == len(told.splitlines()) >= 15, told


def test_every_place_of_the_long_crash_test_exists() -> None:
    sys.path.insert(0, str(ROOT))
    from benchmarks.torture import POINTS

    for point in sorted({point for points in POINTS.values() for point, _, _ in points}):
        module, _, path = point.partition(":")
        if path and module != "worker":
            place = importlib.import_module(module)
            for name in path.split("."):
                place = getattr(place, name)
            assert callable(place), point
