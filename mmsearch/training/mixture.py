"""Which pictures are drawn how often, and one picture from its number.

A third are photograph-like: a network that saw few of them took every real photograph for a chart.
"""

from collections.abc import Callable

import numpy as np
from PIL import Image

from mmsearch.training import (
    charts,
    diagrams,
    figures,
    ideas,
    lifelike,
    maps,
    nature,
    pages,
    papers,
    patterns,
    scenes,
    screens,
    snug,
    things,
    tills,
    wear,
)
from mmsearch.training.charts import Drawn
from mmsearch.training.looks import captions, labels

KINDS: dict[Callable[[np.random.Generator], Drawn], float] = {
    nature.photo: 62,
    things.thing: 22,
    snug.box: 20,
    snug.area: 16,
    snug.others: 18,
    charts.chart: 44,
    charts.panels: 3,
    charts.dashboard: 2,
    scenes.scene: 18,
    papers.receipt: 7,
    lifelike.crumpled: 8,
    tills.till: 14,
    papers.invoice: 1.2,
    papers.form: 1.5,
    papers.codes: 1,
    papers.card: 1,
    papers.calendar: 1,
    pages.text_page: 3.2,
    pages.special_page: 2.5,
    pages.handwriting: 1.5,
    pages.table: 4,
    pages.slide: 3,
    diagrams.flowchart: 2,
    diagrams.network: 1.5,
    diagrams.tree: 1.5,
    diagrams.records: 1.7,
    ideas.idea: 3,
    maps.maps: 4,
    lifelike.desktop: 6,
    screens.web_page: 2,
    screens.window: 2.2,
    screens.phone: 1.5,
    screens.code: 3,
    screens.app: 0.8,
    figures.glyph: 2.5,
    figures.logo: 1.2,
    figures.shapes: 2.5,
    patterns.pattern: 1.8,
    figures.drawing: 3,
    patterns.sheet_music: 0.8,
}
PICTURES = 48_000  # the training sees each about a dozen times


def draw(seed: int, number: int) -> tuple[Image.Image, np.ndarray, list[str]]:
    """One picture with its labels (`looks.labels`) and captions; the same for the same numbers."""
    rng = np.random.default_rng([seed, number])
    weights = np.array(list(KINDS.values()))
    kind = list(KINDS)[int(rng.choice(len(KINDS), p=weights / weights.sum()))]
    picture, looks, topic, details = kind(rng)
    if rng.random() < 0.4:
        picture = lifelike.resampled(rng, picture)
    if rng.random() < 0.25:
        picture = wear.jpeg(rng, picture)
    if rng.random() < 0.04:
        picture, looks = wear.tilted(rng, picture), (*looks, "rotated")
    elif rng.random() < 0.05:
        picture, looks = picture.convert("L").convert("RGB"), (*looks, "grey")
    elif rng.random() < 0.03:
        share = float(rng.uniform(0.6, 0.9))
        x, y = (int(rng.uniform(0, 1 - share) * length) for length in picture.size)
        picture = picture.crop((x, y, x + int(picture.width * share), y + int(picture.height * share)))
    elif rng.random() < 0.03:  # a picture within wide margins
        picture = wear.on_ground(rng, picture, 0.8)
    if picture.getextrema() == ((255, 255),) * 3:
        looks = ("plain",)
    return picture, labels(looks), captions(rng, looks, topic, details)
