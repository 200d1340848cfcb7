"""The crash test: `make torture`. Runs are killed at named points and at random moments, and nothing may be lost by it.

Each round brings an index up to date with another version of a small corpus of all five kinds, kills the run, checks
what is left, lets an undisturbed run complete it, and compares the index with one that was never disturbed. Rounds are
drawn from the seed and their number, so `--first 17 --rounds 1` repeats round 17 (its kill hits the same call, if not
the same moment).
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from benchmarks import measure
from benchmarks.torture_damage import damages
from benchmarks.torture_round import Bench, Round

# Stage, function, when, and among how many of its calls one is drawn. `COMMIT` is the statement, `worker:` a worker
# over one of its tasks.
TABLE = """
extract   mmsearch.encoding.extract:ExtractStage._submit       before   14
extract   mmsearch.encoding.extract:ExtractStage._submit       after    14
extract   mmsearch.encoding.extract:ExtractStage._take         before   14
extract   mmsearch.encoding.extract:ExtractStage._take         after    14
extract   mmsearch.encoding.extract:ExtractStage._hand_on      before   10
extract   mmsearch.extraction.worker_process:send_packed              half     12
extract   mmsearch.extraction.worker_process:receive                  before   14
extract   mmsearch.extraction.worker_process:receive                  after    14
extract   mmsearch.extraction.worker_process:ForkServer.fork          before   2
extract   mmsearch.extraction.worker_process:ForkServer.fork          after    2
extract   worker:extract                                       decoding 4
extract   worker:extract                                       sending  4
read      mmsearch.encoding.read:ReadStage._take               before   3
read      mmsearch.encoding.read:ReadStage._take               after    3
read      mmsearch.encoding.read:ReadStage._note               before   4
read      mmsearch.encoding.read:ReadStage._note               after    4
read      mmsearch.encoding.read:_answer                       before   4
read      mmsearch.encoding.read:ReadStage._collect            after    6
read      worker:read                                          decoding 3
read      worker:read                                          sending  3
encode    mmsearch.encoding.encode:EncodeStage._gather         before   6
encode    mmsearch.encoding.encode:EncodeStage._gather         after    6
encode    mmsearch.encoding.encode:EncodeStage._encode         before   5
encode    mmsearch.encoding.encode:EncodeStage._encode         after    5
encode    small_index:WordModel.embed                          before   5
encode    small_index:WordModel.embed                          after    5
encode    mmsearch.encoding.encode:_put_vectors                after    20
encode    mmsearch.encoding.encode:embed_items                 before   5
commit    mmsearch.indexing.commits:Commits.commit          before   6
commit    mmsearch.indexing.commits:Commits.commit          after    6
commit    COMMIT                                               now      10
commit    COMMIT                                               late     10
commit    COMMIT                                               late     10
commit    mmsearch.store.segments:commit_span                 before   12
commit    mmsearch.store.segments:commit_span                 after    12
commit    mmsearch.store.segments:refresh_background           before   5
commit    mmsearch.store.segments:_write                       after    8
commit    mmsearch.store.segments:_finish                      before   8
commit    mmsearch.store.files:link                            after    6
commit    mmsearch.indexing.plan:Plan.take                     before   3
commit    mmsearch.indexing.plan:Plan.take                     after    3
commit    mmsearch.indexing.plan:Plan.settle                   after    1
commit    mmsearch.store.files:remove_orphans                  after    1
commit    mmsearch.indexing.run:begin_run                      after    1
commit    mmsearch.indexing.run:end_run                        after    1
ann-swap  mmsearch.store.ann:build                             before   1
ann-swap  mmsearch.store.ann:build                             after    1
ann-swap  mmsearch.store.ann:_write                            before   1
ann-swap  mmsearch.store.ann:_write                            after    1
ann-swap  faiss:write_index                                    half     1
ann-swap  faiss:write_index                                    after    1
ann-swap  mmsearch.durable:sync                               before   2
ann-swap  mmsearch.durable:sync                               after    2
ann-swap  mmsearch.durable:os.replace                          before   1
ann-swap  mmsearch.durable:os.replace                          after    1
ann-swap  mmsearch.store.ann:digest                            before   1
ann-swap  mmsearch.store.ann:digest                            after    1
ann-swap  mmsearch.store.ann:drop                              before   1
ann-swap  mmsearch.store.ann:drop                              after    1
ann-swap  mmsearch.store.ann:sweep                             before   1
ann-swap  mmsearch.store.ann:is_due                            after    1
"""
POINTS: dict[str, list[tuple[str, str, int]]] = {}
for _line in TABLE.split("\n")[1:-1]:
    _stage, _point, _when, _calls = _line.split()
    POINTS.setdefault(_stage, []).append((_point, _when, int(_calls)))
VICTIMS = {
    "extract": ("main", "main", "main", "all", "worker", "server"),
    "read": ("main", "main", "main", "all", "worker", "server"),
    "encode": ("main", "main", "main", "all", "worker"),
    "commit": ("main", "main", "main", "all"),
    "ann-swap": ("main", "main", "main", "all"),
    "random": ("main", "main", "all", "worker", "worker", "server"),
}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.torture", description=__doc__)
    parser.add_argument("--each", type=int, default=45, help="kills at the fault points of each stage (45)")
    parser.add_argument("--random", type=int, default=85, help="kills at random moments (85)")
    parser.add_argument("--real", type=int, default=10, help="kills of whole commands with the built-in model (10)")
    parser.add_argument("--damages", type=int, default=200, help="parts of an index that are damaged (200)")
    parser.add_argument("--seed", type=int, default=6)
    parser.add_argument("--first", type=int, default=0, help="the first round (0)")
    parser.add_argument("--rounds", type=int, help="no more rounds than these")
    parser.add_argument("--versions", type=int, default=6, help="of the corpus (6)")
    options = parser.parse_args()
    rounds = [kind for kind in POINTS for _ in range(options.each)] + ["random"] * options.random
    random.Random(options.seed).shuffle(rounds)
    chosen = list(enumerate(rounds))[options.first :][: options.rounds]
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="mmsearch-torture-") as folder, Bench(Path(folder), options) as bench:
        for number, stage in chosen:
            bench.round(drawn(number, stage, options.seed))
            if number % 10 == 9:
                print(f"{number + 1} of {len(rounds)}, {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)
        damaged = damages(bench, options.damages, options.seed)
        if options.real:
            from benchmarks.torture_real import real_kills

            real_kills(bench, options.real, options.seed)
        report(bench, damaged, time.monotonic() - began)
    sys.exit(1 if bench.problems else 0)


def drawn(number: int, stage: str, seed: int) -> Round:
    """What a round does."""
    lots = random.Random(f"{seed}/{number}")
    start = lots.choice(("version 0", "version 0", "nothing", "as it is"))
    victim = lots.choice(VICTIMS[stage])
    fault = {"seed": lots.randrange(1000), "victim": victim, "stage": stage}
    if stage == "random":
        fault |= {"at": lots.uniform(0.05, 1.0)}
    else:
        point, when, calls = lots.choice(POINTS[stage])
        fault |= {"point": point, "when": when, "call": 1 + min(int(lots.expovariate(2 / calls)), calls - 1)}
        if point == "COMMIT":
            fault |= {"delay_s": lots.uniform(0, 0.004) if when == "late" else 0.0}
        if point.startswith("worker:"):  # each worker dies over its n-th task: with n = 1 none would ever end one
            fault |= {"victim": "worker", "stage": point.split(":")[1], "call": lots.randrange(2, calls + 1)}
    return Round(number, stage, start, lots.randrange(1, 1000), fault, again=lots.random() < 0.2)


def report(bench: Bench, damaged: Counter[tuple[str, str]], seconds: float) -> None:
    """The table, and every problem in full."""
    print(f"{measure.machine()}; commit {measure.commit()}; load {measure.busy():.1f}; {seconds / 60:.0f} minutes\n")
    print("| killed in | kills | main process | whole group | worker | fork server | problems |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for stage in [*POINTS, "random", "real model"]:
        found: Counter[str] = bench.kills.get(stage, Counter())
        cells = [found.total(), found["main"], found["all"], found["worker"], found["server"]]
        wrong = sum(one.startswith(f"{stage}:") for one in bench.problems)
        print(f"| {stage} | {' | '.join(map(str, cells))} | {wrong} |")
    kills = sum(found.total() for found in bench.kills.values())
    print(f"\n{kills} kills, {len(bench.problems)} problems. {bench.figures()}")
    if damaged:
        print("\n| damaged part | damages | told, exit 3 | healed and said | no effect | problems |")
        print("| --- | --- | --- | --- | --- | --- |")
        for part in sorted({part for part, _ in damaged}):
            counts = [damaged[part, outcome] for outcome in ("told", "healed", "no effect")]
            wrong = sum(one.startswith("damage:") and f"({part} " in one for one in bench.problems)
            every = sum(number for (name, _), number in damaged.items() if name == part)
            print(f"| {part} | {every} | {' | '.join(map(str, counts))} | {wrong} |")
    for problem in bench.problems:
        print(problem)


if __name__ == "__main__":
    main()
