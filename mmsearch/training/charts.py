"""Whole chart pictures: one chart, small multiples of one kind, dashboards of several; sizes from strips to towers."""

from collections.abc import Callable

import numpy as np
from PIL import Image

from mmsearch.training import bars, boxes, lines, points, rounds, words
from mmsearch.training import looks as looks_module
from mmsearch.training.axes import Box, Made
from mmsearch.training.canvas import Canvas
from mmsearch.training.style import Style, style

Mark = Callable[..., Made]
# How often each kind is drawn: the five common ones most, because they are searched most and vary most.
MARKS: dict[Mark, float] = {
    bars.bars: 10,
    bars.several_bars: 8,
    bars.histogram: 3,
    bars.gantt: 2.5,
    bars.error_bars: 3,
    bars.funnel: 0.7,
    lines.lines: 14,
    lines.banded: 2,
    lines.areas: 9,
    lines.slopes: 3,
    lines.sparkline: 1,
    points.points: 12,
    points.dots: 5,
    points.strips: 3,
    points.combined: 3,
    boxes.box_plots: 8,
    boxes.violins: 2,
    boxes.candles: 2,
    rounds.pies: 6,
    rounds.radars: 2,
    rounds.heatmaps: 5,
    rounds.treemaps: 1.5,
    rounds.contours: 1.5,
}
Drawn = tuple[Image.Image, tuple[str, ...], str, tuple[str, ...]]  # picture, looks, topic, details


def some_mark(rng: np.random.Generator) -> Mark:
    """A kind of chart by chance."""
    weights = np.array(list(MARKS.values()))
    return list(MARKS)[int(rng.choice(len(MARKS), p=weights / weights.sum()))]


def size(rng: np.random.Generator) -> tuple[int, int]:
    """Width and height: mostly between portrait and wide, sometimes a strip or a tower."""
    side = float(np.exp(rng.uniform(np.log(130), np.log(640))))
    aspect = float(np.exp(rng.normal(0.2, 0.4)))
    if rng.random() < 0.13:
        aspect = float(np.exp(rng.uniform(0.8, 2.2))) ** float(rng.choice([1, 1, -0.8]))
    width, height = side * aspect**0.5, side / aspect**0.5
    return int(np.clip(width, 50, 1100)), int(np.clip(height, 50, 1100))


def chart(rng: np.random.Generator) -> Drawn:
    """One chart."""
    width, height = size(rng)
    # The type is set in proportion to a picture's size only in part: small charts have relatively large labels.
    manner = style(rng, float(np.clip(rng.uniform(7, 14) * (min(width, height) / 300) ** 0.4, 6, 22)))
    canvas = Canvas(width, height, manner.background, rng)
    margin = float(rng.uniform(1, 12))
    made, details = some_mark(rng)(canvas, manner, rng, (margin, margin, width - margin, height - margin))
    extra = ("dark",) if manner.dark else ()
    return canvas.picture(), (*made, *extra), words.topic(rng), details


def panels(rng: np.random.Generator) -> Drawn:
    """Small multiples: the same kind, the same manner, many panels."""
    width, height = size(rng)
    columns, rows = int(rng.integers(1, 7)), int(rng.integers(1, 7))
    if columns * rows == 1:
        columns = 3
    manner = style(rng, float(rng.uniform(5, 9)))
    canvas = Canvas(max(width, columns * 60), max(height, rows * 50), manner.background, rng)
    mark = some_mark(rng)
    state = int(rng.integers(2**32))
    shared = rng.random() < 0.6  # one seed for all panels, or each its own data (and sometimes another direction)
    common: set[str] = set(looks_module.NAMES)
    made: tuple[str, ...] = ()
    for number in range(columns * rows):
        box = cell(canvas, columns, rows, number % columns, number // columns, 3)
        if rng.random() < 0.9:
            canvas.text((box[0] + box[2]) / 2, box[1], words.pick(rng, words.ITEMS), 8, manner.ink, anchor="ma")
            box = (box[0], box[1] + 11, box[2], box[3])
        made, _ = mark(canvas, manner, np.random.default_rng([state, 0 if shared else number]), box, True)
        common &= {above for look in made if look[0] != "?" for above in looks_module.FAMILY[look]}
    doubtful = tuple(look if look[0] == "?" else f"?{look}" for look in made)
    held = tuple(name for name in reversed(looks_module.NAMES) if name in common and name != "chart")
    extra = ("dark",) if manner.dark else ()
    details = (f"{columns * rows} panels", *(f"{look} panels" for look in held[:1]))
    return canvas.picture(), ("small multiples", *held, *doubtful, *extra), words.topic(rng), details


def dashboard(rng: np.random.Generator) -> Drawn:
    """Several kinds of charts side by side."""
    width, height = size(rng)
    columns, rows = [(2, 1), (1, 2), (2, 2), (3, 1), (1, 3), (3, 2)][int(rng.integers(6))]
    manner = style(rng, float(rng.uniform(6, 9)))
    canvas = Canvas(max(width, columns * 130), max(height, rows * 110), manner.background, rng)
    looks: list[str] = []
    for row in range(rows):
        for column in range(columns):
            made, _ = some_mark(rng)(canvas, manner, rng, cell(canvas, columns, rows, column, row, 6), True)
            looks += [look.lstrip("?") for look in made]
    # Each kind is only a part of the picture: the loss neither asks for it nor forbids it.
    hidden = tuple(f"?{look}" for look in dict.fromkeys(looks))
    return canvas.picture(), ("dashboard", *hidden), words.topic(rng), ("several charts",)


def cell(canvas: Canvas, columns: int, rows: int, column: int, row: int, gap: float) -> Box:
    """The rectangle of one panel."""
    wide, tall = canvas.width / columns, canvas.height / rows
    return (column * wide + gap, row * tall + gap, (column + 1) * wide - gap, (row + 1) * tall - gap)


def chart_in(canvas: Canvas, manner: Style, rng: np.random.Generator, box: Box) -> Made:
    """A chart as a part of a page or a slide."""
    return some_mark(rng)(canvas, manner, rng, box, True)
