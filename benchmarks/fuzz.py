"""Fuzzes every parser of mmsearch for some minutes each: `make fuzz`. Failing inputs are shrunk, shown and kept.

Inputs are drawn from a seed that goes up by one a round, so a run repeats itself; failing examples are kept under
build/fuzz and tried first the next time. What a run has found becomes a test of its own.
"""

from __future__ import annotations

import argparse
import faulthandler
import sys
import time
import traceback
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from hypothesis.database import DirectoryBasedExampleDatabase

from benchmarks import fuzz_index, fuzz_packed, fuzz_stats  # noqa: F401 (each adds its targets)
from benchmarks.fuzz_targets import TARGETS

SETTINGS = settings(
    deadline=None,
    database=DirectoryBasedExampleDatabase(Path(__file__).parents[1] / "build" / "fuzz"),
    phases=(Phase.reuse, Phase.generate, Phase.shrink),
    suppress_health_check=list(HealthCheck),
)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.fuzz", description=__doc__)
    parser.add_argument("targets", nargs="*", choices=[[], *TARGETS], help="which; all without any")
    parser.add_argument("--minutes", type=float, default=10.0, help="for each (10)")
    parser.add_argument("--seed", type=int, default=0, help="of the first round (0)")
    parser.add_argument("--examples", type=int, default=400, help="of a round, from one seed (400)")
    options = parser.parse_args()
    faulthandler.enable()
    found = [name for name in options.targets or TARGETS if not fuzz(name, options)]
    sys.exit(f"{len(found)} with findings: {', '.join(found)}" if found else 0)


def fuzz(name: str, options: argparse.Namespace) -> bool:
    """Draw inputs until the time is up, one round at least; whether nothing was found."""
    target, inputs = TARGETS[name]
    began, number, examples = time.monotonic(), options.seed, 0

    def counted(drawn: tuple[Any, ...]) -> None:
        nonlocal examples
        examples += 1
        target(*drawn)

    while number == options.seed or time.monotonic() - began < options.minutes * 60:
        try:
            seed(number)(settings(SETTINGS, max_examples=options.examples)(given(st.tuples(*inputs))(counted)))()
        except Exception:
            print(f"{name}: found after {examples:,} inputs, seed {number}\n{traceback.format_exc()}", flush=True)
            return False
        number += 1
    print(
        f"{name}: nothing in {examples:,} inputs, {time.monotonic() - began:.0f} s,"
        f" seeds {options.seed} to {number - 1}",
        flush=True,
    )
    return True


if __name__ == "__main__":
    main()
