"""The rounds of the crash test that damage a part of an index: the next reader reports the damage, or repairs and
reports it; no command succeeds without a message."""

from __future__ import annotations

import os
import random
import shutil
import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "helpers"))

import small_index

from benchmarks.torture_compare import answers, same_answers, similar
from mmsearch.errors import IndexUnusable, MmsearchError
from mmsearch.index import Index
from mmsearch.query import Query

if TYPE_CHECKING:
    from benchmarks.torture_round import Bench

KINDS = ("cut", "zeroed", "bit flipped", "emptied", "gone")
_EMPTY_OF_MEANING = ("writer.lock", "catalogue.db-shm")  # who holds the lock is asked of the kernel; SQLite makes anew


def damages(bench: Bench, count: int, seed: int) -> Counter[tuple[str, str]]:
    """Damage an index so many times, after whole and after killed runs. Returns how often each part was reported or
    repaired, or had no effect; problems are added to those of the bench."""
    tally: Counter[tuple[str, str]] = Counter()
    for number in range(count):
        lots = random.Random(f"damage/{seed}/{number}")
        version = 1 + lots.randrange(len(bench.versions) - 1)
        killed = lots.random() < 0.4
        _prepare(bench, version, killed, lots)
        part = lots.choice(sorted(path for path in bench.index.iterdir() if path.is_file()))
        how = lots.choice(KINDS)
        if not _harm(part, how, lots):
            continue
        outcome, problems = _check(bench, version, part.name)
        name = "ann file" if part.name.startswith("ann-") else part.name
        tally[name, outcome] += 1
        told = f"damage {number} ({part.name} {how}, {'killed' if killed else 'whole'} run)"
        bench.problems += [f"damage: {told}: {problem}" for problem in problems]
    return tally


def _prepare(bench: Bench, version: int, killed: bool, lots: random.Random) -> None:
    """An index of the first version, or one whose run to another was killed. Leaves the version in the folder."""
    bench.undisturbed(0)
    shutil.rmtree(bench.index, ignore_errors=True)
    shutil.copytree(bench.folder / "undisturbed0", bench.index)
    bench.undisturbed(version)
    if killed:
        bench.disturb("random", {"seed": 0, "victim": "main", "at": lots.uniform(0.1, 0.9)})
        bench.gone()
    else:
        bench.start(bench.index)
        bench.end()


def _harm(part: Path, how: str, lots: random.Random) -> bool:
    """Damage a file; whether that changed it."""
    before = part.read_bytes()
    data = bytearray(before)
    if how == "gone":
        part.unlink()
        return True
    if how == "cut":
        del data[lots.randrange(len(data)) if data else 0 :]
    elif how == "emptied":
        data.clear()
    elif data:
        at = lots.randrange(len(data))
        if how == "zeroed":
            data[at : at + 4096] = bytes(len(data[at : at + 4096]))
        else:
            data[at] ^= 1 << lots.randrange(8)
    with part.open("r+b") as file:
        file.write(data)
        file.truncate()
        os.fsync(file.fileno())
    return bytes(data) != before


def _check(bench: Bench, version: int, part: str) -> tuple[str, list[str]]:
    """The outcome for an index with a damaged part (reported, repaired, or without effect), and problems."""
    problems: list[str] = []
    told = {"query": _query_tells(bench, problems), "verify": _verify_tells(bench, problems)}
    bench.start(bench.index)
    code = bench.end()
    errors = (bench.folder / "errors").read_text().strip()
    if code not in (0, 3):
        return "problem", [*problems, f"`index` ends with {code}: {errors[-800:]}"]
    if code == 3:
        return "told", problems + ["`index` says nothing"] * (not errors)
    notes = bench.log("record")[-1]["notes"]
    contents, hits = bench.expected[version]
    if not similar(small_index.contents(bench.index), contents) or not same_answers(answers(bench.index), hits):
        problems.append(f"`index` ends with 0 ({notes}) and the index is not equal to an undisturbed one")
    if bad := [one for one in Index.verify(bench.index, deep=True) if one.state != "ok"]:
        problems.append(f"`index` ends with 0 and then {bad[0].invariant}: {bad[0].sentence}")
    if part in _EMPTY_OF_MEANING:
        return "no effect", problems
    if any(told.values()) and not notes and part != "catalogue.sums":
        problems.append(f"`index` ends with 0 in silence, where {told}")
    return ("healed" if notes else "no effect"), problems


def _query_tells(bench: Bench, problems: list[str]) -> bool:
    try:
        return bool(Index.open(bench.index).search(Query("harbour walrus", min_score=0.0)).notes)
    except IndexUnusable:
        return True
    except MmsearchError as error:
        problems.append(f"`query` ends with {error.exit_code}: {error.sentence}")
    except Exception as error:
        problems.append(f"`query` ends with {type(error).__name__}: {error}")
    return False


def _verify_tells(bench: Bench, problems: list[str]) -> bool:
    leftovers = "No left-over files lie in the index folder"
    try:
        return any(one.state != "ok" and one.invariant != leftovers for one in Index.verify(bench.index, deep=True))
    except IndexUnusable:
        return True
    except Exception as error:
        problems.append(f"`verify` ends with {type(error).__name__}: {error}")
    return False
