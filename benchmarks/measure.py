"""Timing for all rows: the wall time of fresh processes, and the commit and machine that were measured."""

from __future__ import annotations

import json
import os
import platform
import re
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]


class CommandFailed(Exception):
    """A command that is timed did not succeed; the message has its last words."""

    def __init__(self, command: Sequence[str], code: int, said: str) -> None:
        super().__init__(f"{' '.join(command)} ended with {code}:\n{said.strip()[-2000:]}")


@dataclass(frozen=True, slots=True)
class Setting:
    """The parameters of a row: where inputs and indexes are kept, the number of small files, how often quick commands
    are timed, and how many threads libraries may use."""

    folder: Path
    files: int
    repeats: int
    threads: int

    @property
    def env(self) -> dict[str, str]:
        """The environment of all commands of a row."""
        homes = {name: str(self.folder / name.split("_")[1].lower()) for name in ("XDG_CACHE_HOME", "XDG_CONFIG_HOME")}
        return environment(self.threads) | homes

    @property
    def turns(self) -> int:
        """How often commands of a minute are timed."""
        return max(1, round(self.repeats / 3))


def environment(threads: int) -> dict[str, str]:
    """The environment of both sides: no network, no settings of the user, this number of threads."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("MMSEARCH_", "PYTHON"))}
    fixed = {"HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": str(threads), "MMSEARCH_CONFIG": os.devnull}
    return {**kept, **fixed, "PYTHONPATH": str(ROOT)}


def run(command: Sequence[str], env: Mapping[str, str]) -> tuple[float, subprocess.CompletedProcess[str]]:
    """Seconds of one fresh process from its start to its end. Raises `CommandFailed`."""
    begin = time.perf_counter()
    done = subprocess.run(command, env=env, cwd=ROOT, capture_output=True, text=True, check=False)
    seconds = time.perf_counter() - begin
    if done.returncode:
        raise CommandFailed(command, done.returncode, done.stderr)
    return seconds, done


def told(module: str, env: Mapping[str, str], *arguments: str) -> dict[str, Any]:
    """The JSON object that a module prints last when it is run in a fresh process, and its `core_s`."""
    before = core_seconds()
    _, done = run([sys.executable, "-m", module, *arguments], env)
    return {**json.loads(done.stdout.splitlines()[-1]), "core_s": core_seconds() - before}


def core_seconds() -> float:
    """The CPU time of all processes that this one has waited for, with their descendants, in seconds."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def medians(plain: Sequence[Mapping[str, float]]) -> tuple[float, float]:
    """The medians of some runs of a plain script: seconds of the whole run, and items a second after loading."""
    whole = statistics.median(one["start_s"] + one["seconds"] for one in plain)
    return whole, statistics.median(one["items"] / one["seconds"] for one in plain)


def warm(paths: Sequence[Path]) -> None:
    """Read files once, so that they are in the page cache."""
    for path in paths:
        path.read_bytes()


def alternate(commands: Mapping[str, Sequence[str]], repeats: int, env: Mapping[str, str]) -> dict[str, float]:
    """The median seconds of each command. They alternate, so that other load on the machine affects all alike; one
    unmeasured round before fills the page cache."""
    seconds: dict[str, list[float]] = {name: [] for name in commands}
    for turn in range(repeats + 1):
        for name, command in commands.items():
            taken, _ = run(command, env)
            if turn:
                seconds[name].append(taken)
    return {name: statistics.median(taken) for name, taken in seconds.items()}


def import_share(command: Sequence[str], env: Mapping[str, str]) -> float:
    """The share of imports in the wall time of one run: `command` is `python ...`, watched by `-X importtime`, whose
    own cost inflates both a little."""
    seconds, done = run([command[0], "-X", "importtime", *command[1:]], env)
    return sum(int(own) for own in re.findall(r"^import time:\s+(\d+) \|", done.stderr, re.M)) / 1e6 / seconds


def commit() -> str:
    """The commit that is measured, with a `+` where the package differs from it."""
    git = ["git", "-C", str(ROOT)]
    name = subprocess.run([*git, "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False).stdout
    changed = subprocess.run([*git, "diff", "--quiet", "HEAD", "--", "mmsearch"], check=False).returncode
    return (name.strip() or "unknown") + ("+" if changed else "")


def machine() -> str:
    """Processor, usable cores and Python."""
    model = platform.processor() or platform.machine()
    cores = os.cpu_count() or 1
    try:
        model = re.search(r"^model name\s*: (.*)$", Path("/proc/cpuinfo").read_text("utf-8"), re.M)[1]  # type: ignore[index]
        cores = len(os.sched_getaffinity(0))
    except (OSError, TypeError, AttributeError):
        pass  # not Linux, or a processor that has no name there
    return f"{model}, {cores} cores, Python {platform.python_version()}"


def bfloat16() -> bool:
    """Whether this CPU computes in bfloat16, on which some goals depend."""
    from mmsearch.models.device import CPU_FLAGS, cpu_flags

    return not cpu_flags().isdisjoint(CPU_FLAGS)


def busy() -> float:
    """The load average of the last minute: timings on a busy machine are less exact."""
    return os.getloadavg()[0]
