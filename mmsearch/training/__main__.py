"""`python -m mmsearch.training`: draw, train, export, measure, one after the other or one alone.

From nothing to the model directory: about two hours on two cores with the defaults.
"""

import argparse
import logging
import os
import sys
import time
from pathlib import Path

from mmsearch.models.eyes import folder

log = logging.getLogger("mmsearch.training")
STAGES = ("draw", "train", "export", "measure")
# Large tensors come and go at every step; glibc would give them back to the kernel each time, which then spends two
# thirds of the training time on clearing pages. They must be set before the process starts.
ALLOCATOR = {"MALLOC_MMAP_MAX_": "0", "MALLOC_TRIM_THRESHOLD_": "4000000000", "OMP_NUM_THREADS": "1"}


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m mmsearch.training", description="The built-in model's eyes.")
    parser.add_argument("stages", nargs="*", help=f"of {', '.join(STAGES)}; all but the last if none is named")
    parser.add_argument("--work", type=Path, default=Path("build/eyes"), help="pictures, checkpoints and caches")
    parser.add_argument("--out", type=Path, default=None, help="the model directory (the package's own)")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--fonts", type=Path, action="append", default=[], help="a further folder of fonts")
    parser.add_argument("--folder", type=Path, help="for measure: real files with known answers")
    options = parser.parse_args()
    options.stages = options.stages or list(STAGES[:3])
    if unknown := set(options.stages) - set(STAGES):
        parser.error(f"no such stage: {', '.join(sorted(unknown))}")
    return options


def run_draw(options: argparse.Namespace) -> None:
    """Stage one: the pictures."""
    from mmsearch.training.draw import CHUNK, draw
    from mmsearch.training.mixture import PICTURES

    begun = time.monotonic()
    chunks = draw(options.work / "pictures", range(PICTURES), options.seed, options.fonts, options.processes)
    for done, _ in enumerate(chunks, 1):
        if done % 20 == 0:
            log.info(f"drawn {done * CHUNK} of {PICTURES}, {time.monotonic() - begun:.0f} s")


def run_train(options: argparse.Namespace) -> None:
    """Stage two, in several processes of one thread."""
    import multiprocessing

    from mmsearch.training.train import Pictures, Plan, train_together

    os.environ.update(ALLOCATOR)
    work = options.work
    if (work / "final.pt").exists():
        return
    Pictures(work / "pictures", work)  # embeds the captions once, before the processes need them
    (work / "meeting").unlink(missing_ok=True)
    context, ranks = multiprocessing.get_context("spawn"), range(options.processes)
    arguments = [(rank, options.processes, work / "pictures", work, Plan()) for rank in ranks]
    workers = [context.Process(target=train_together, args=some) for some in arguments]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    if any(worker.exitcode for worker in workers):
        raise SystemExit("training stopped; the same command goes on from its last checkpoint")


def run_export(options: argparse.Namespace) -> None:
    """Stage three."""
    import torch

    from mmsearch.models.eyes_network import Tower
    from mmsearch.training.export import export

    tower = Tower()
    tower.load_state_dict(torch.load(options.work / "final.pt", weights_only=True)["tower"])
    export(tower.eval(), options.out or folder())


def run_measure(options: argparse.Namespace) -> None:
    """Stage four: print the figures, and put them into the model card."""
    from mmsearch.training.card import write_card
    from mmsearch.training.measure import measure

    options.work.mkdir(parents=True, exist_ok=True)
    lines = []
    for text in measure(options.folder, options.out, options.work):
        lines.append(text)
        sys.stdout.write(text + "\n")
        sys.stdout.flush()
    write_card(options.out or folder(), lines)


def main() -> None:
    """Run the stages in order."""
    options = arguments()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", stream=sys.stderr)
    if "measure" in options.stages and not options.folder:
        raise SystemExit("measure needs --folder, a folder of real files with known answers")
    for stage, run in zip(STAGES, (run_draw, run_train, run_export, run_measure), strict=True):
        if stage in options.stages:
            run(options)


if __name__ == "__main__":
    main()
