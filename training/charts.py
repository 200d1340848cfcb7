"""Whole chart pictures: one chart, small multiples, dashboards, and charts sized by their data."""

from collections.abc import Callable

import numpy as np
from PIL import Image

from training import category_charts, radial_charts, vocabulary, xy_charts
from training.axes import Box, Made
from training.canvas import Canvas, Style, style
from training.category_charts import Categories, sized_names

Mark = Callable[..., Made]
# How often each kind is drawn: the five common ones most, because they are searched most and vary most.
MARKS: dict[Mark, float] = {
    category_charts.bars: 18,
    category_charts.histogram: 3,
    category_charts.gantt: 2.5,
    category_charts.error_bars: 3,
    category_charts.funnel: 0.7,
    category_charts.dots: 5,
    category_charts.strips: 3,
    category_charts.box_plots: 8,
    category_charts.violins: 2,
    xy_charts.lines: 14,
    xy_charts.banded: 2,
    xy_charts.areas: 9,
    xy_charts.slopes: 3,
    xy_charts.sparkline: 1,
    xy_charts.points: 12,
    xy_charts.combined: 3,
    xy_charts.candles: 2,
    radial_charts.pies: 6,
    radial_charts.radars: 2,
    radial_charts.heatmaps: 5,
    radial_charts.treemaps: 1.5,
    radial_charts.contours: 1.5,
}
Drawn = tuple[Image.Image, tuple[str, ...], str, tuple[str, ...]]  # picture, labels, topic, details


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
    return canvas.picture(), (*made, *extra), vocabulary.topic(rng), details


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
    common: set[str] = set(vocabulary.LABELS)
    made: tuple[str, ...] = ()
    for number in range(columns * rows):
        box = cell(canvas, columns, rows, number % columns, number // columns, 3)
        if rng.random() < 0.9:
            canvas.text(
                (box[0] + box[2]) / 2, box[1], vocabulary.pick(rng, vocabulary.ITEMS), 8, manner.ink, anchor="ma"
            )
            box = (box[0], box[1] + 11, box[2], box[3])
        made, _ = mark(canvas, manner, np.random.default_rng([state, 0 if shared else number]), box, True)
        common &= {above for label in made if label[0] != "?" for above in vocabulary.FAMILY[label]}
    doubtful = tuple(label if label[0] == "?" else f"?{label}" for label in made)
    held = tuple(name for name in reversed(vocabulary.LABELS) if name in common and name != "chart")
    extra = ("dark",) if manner.dark else ()
    details = (f"{columns * rows} panels", *(f"{label} panels" for label in held[:1]))
    return canvas.picture(), ("small multiples", *held, *doubtful, *extra), vocabulary.topic(rng), details


def dashboard(rng: np.random.Generator) -> Drawn:
    """Several kinds of charts side by side."""
    width, height = size(rng)
    columns, rows = [(2, 1), (1, 2), (2, 2), (3, 1), (1, 3), (3, 2)][int(rng.integers(6))]
    manner = style(rng, float(rng.uniform(6, 9)))
    canvas = Canvas(max(width, columns * 130), max(height, rows * 110), manner.background, rng)
    labels: list[str] = []
    for row in range(rows):
        for column in range(columns):
            made, _ = some_mark(rng)(canvas, manner, rng, cell(canvas, columns, rows, column, row, 6), True)
            labels += [label.lstrip("?") for label in made]
    # Each kind is only a part of the picture: the loss neither asks for it nor forbids it.
    hidden = tuple(f"?{label}" for label in dict.fromkeys(labels))
    return canvas.picture(), ("dashboard", *hidden), vocabulary.topic(rng), ("several charts",)


def cell(canvas: Canvas, columns: int, rows: int, column: int, row: int, gap: float) -> Box:
    """The rectangle of one panel."""
    wide, tall = canvas.width / columns, canvas.height / rows
    return (column * wide + gap, row * tall + gap, (column + 1) * wide - gap, (row + 1) * tall - gap)


def chart_in(canvas: Canvas, manner: Style, rng: np.random.Generator, box: Box) -> Made:
    """A chart as a part of a page or a slide."""
    return some_mark(rng)(canvas, manner, rng, box, True)


def data_sized(rng: np.random.Generator, mark: Mark) -> Drawn:
    """A chart with a fixed step for each category, so that its size follows from its data; sometimes several panels."""
    names, flat = sized_names(rng), rng.random() < 0.5
    kind = str(rng.choice(["full", "full", "bare", "grouped"]))
    step = float(rng.choice([10, 14, 20, 20, 20, 28, 40, 60]))
    wide = len(names) * step * (1.8 if kind == "grouped" else 1) + float(rng.uniform(25, 60))
    long = float(rng.uniform(110, 340))
    width, height = (long, wide) if flat else (wide, long)
    manner = style(rng, float(rng.uniform(7, 11)))
    panels_ = int(rng.integers(2, 5)) if rng.random() < 0.12 else 1
    columns, rows = (panels_, 1) if width < height else (1, panels_)
    margin = manner.type_size * float(rng.uniform(1, 5))
    canvas = Canvas((width + margin) * columns, max(height + margin * 0.7, 34) * rows, manner.background, rng)
    given, state = Categories(names, flat, kind == "grouped"), int(rng.integers(2**32))
    made: Made = ((), ())
    for number in range(panels_):
        box = cell(canvas, columns, rows, number % columns, number // columns, 4)
        made = mark(canvas, manner, np.random.default_rng([state, number]), box, kind == "bare", given)
    extra = (*(["small multiples"] if panels_ > 1 else []), *(["dark"] if manner.dark else []))
    return canvas.picture(), (*made[0], *extra), vocabulary.topic(rng), made[1]


def sized_box_plots(rng: np.random.Generator) -> Drawn:
    """Box plots with a fixed step for each box."""
    return data_sized(rng, category_charts.box_plots)


def sized_bars_and_dots(rng: np.random.Generator) -> Drawn:
    """Bars, dots or ticks with a fixed step for each category."""
    marks = (category_charts.bars, category_charts.bars, category_charts.dots, category_charts.strips)
    return data_sized(rng, marks[rng.integers(4)])


def small_areas(rng: np.random.Generator) -> Drawn:
    """Areas in a small square or a low strip."""
    manner = style(rng, float(rng.uniform(7, 11)))
    width, height = float(rng.choice([200, 200, 300, 400, 150])), float(rng.choice([200, 200, 150, 100, 60]))
    canvas = Canvas(width + rng.uniform(30, 70), height + rng.uniform(25, 50), manner.background, rng)
    box = (3.0, 3.0, canvas.width - 3.0, canvas.height - 3.0)
    labels, details = xy_charts.areas(canvas, manner, rng, box, rng.random() < 0.3)
    return canvas.picture(), (*labels, *(["dark"] if manner.dark else [])), vocabulary.topic(rng), details
