"""The training data: the mixture of drawn pictures, their files, text targets; and pictures of an unseen style."""

import json
import multiprocessing
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from mmsearch.models.media.picture_classifier import fit, nearest_shape
from training import (
    charts,
    diagrams,
    documents,
    graphics,
    photo_objects,
    photo_scenes,
    receipts,
    screenshots,
    vocabulary,
)
from training.canvas import FONT_FOLDERS, jpeg, on_background, resampled, tilted
from training.charts import Drawn
from training.vocabulary import FAMILY, LABELS, PHRASES, captions, label_row

# A third are photograph-like: a network that saw few of them took every real photograph for a chart.
KINDS: dict[Callable[[np.random.Generator], Drawn], float] = {
    photo_objects.photo: 62,
    photo_objects.object_photo: 22,
    photo_scenes.scene: 18,
    charts.chart: 44,
    charts.sized_box_plots: 20,
    charts.sized_bars_and_dots: 18,
    charts.small_areas: 16,
    charts.panels: 3,
    charts.dashboard: 2,
    receipts.receipt: 29,
    documents.invoice: 1.2,
    documents.form: 1.5,
    documents.codes: 1,
    documents.card: 1,
    documents.calendar: 1,
    documents.text_page: 3.2,
    documents.special_page: 2.5,
    documents.handwriting: 1.5,
    documents.table: 4,
    documents.slide: 3,
    diagrams.flowchart: 2,
    diagrams.network: 1.5,
    diagrams.tree: 1.5,
    diagrams.records: 1.7,
    diagrams.concept_diagram: 3,
    graphics.maps: 4,
    screenshots.desktop: 6,
    screenshots.web_page: 2,
    screenshots.window: 2.2,
    screenshots.phone: 1.5,
    screenshots.code: 3,
    screenshots.app: 0.8,
    graphics.glyph: 2.5,
    graphics.logo: 1.2,
    graphics.shapes: 2.5,
    graphics.pattern: 1.8,
    graphics.drawing: 3,
    graphics.sheet_music: 0.8,
}
PICTURES = 48_000  # the training sees each about a dozen times


def draw_picture(seed: int, number: int) -> tuple[Image.Image, np.ndarray, list[str]]:
    """One picture with its label row and captions; the same for the same numbers."""
    rng = np.random.default_rng([seed, number])
    weights = np.array(list(KINDS.values()))
    kind = list(KINDS)[int(rng.choice(len(KINDS), p=weights / weights.sum()))]
    picture, labels, topic, details = kind(rng)
    if rng.random() < 0.4:
        picture = resampled(rng, picture)
    if rng.random() < 0.25:
        picture = jpeg(rng, picture)
    if rng.random() < 0.04:
        picture, labels = tilted(rng, picture), (*labels, "rotated")
    elif rng.random() < 0.05:
        picture, labels = picture.convert("L").convert("RGB"), (*labels, "grey")
    elif rng.random() < 0.03:
        share = float(rng.uniform(0.6, 0.9))
        x, y = (int(rng.uniform(0, 1 - share) * length) for length in picture.size)
        picture = picture.crop((x, y, x + int(picture.width * share), y + int(picture.height * share)))
    elif rng.random() < 0.03:  # a picture within wide margins
        picture = on_background(rng, picture, 0.8)
    if picture.getextrema() == ((255, 255),) * 3:
        labels = ("plain",)
    return picture, label_row(labels), captions(rng, labels, topic, details)


# Height and width of the drawn pictures for each shape of the network's input, which is smaller.
DRAWN: tuple[tuple[int, int], ...] = ((160, 160), (128, 192), (192, 128), (96, 256), (256, 96))
CHUNK = 250  # pictures: small enough to lose little when a run is stopped


def larger(shape: tuple[int, int]) -> tuple[int, int]:
    """A tenth larger, in steps of 16 pixels."""
    return ((shape[0] * 11 // 10 + 8) // 16 * 16, (shape[1] * 11 // 10 + 8) // 16 * 16)


def draw_chunk(job: tuple[Path, int, int]) -> int:
    """Draw one chunk of pictures and write it; returns its number.

    A chunk `00012` is `00012.json` (captions and the place of each picture) and, for each shape k of `DRAWN`,
    `00012-k.npy` (uint8 (n, height, width, 3), a tenth larger than the network's input, for crops) beside
    `00012-labels.npy` (int8 (pictures, labels)). A chunk that exists is kept.
    """
    folder, seed, chunk = job
    if (folder / f"{chunk:05}.json").exists():
        return chunk
    stacks: list[list[np.ndarray]] = [[] for _ in DRAWN]
    labels, records = [], []
    for number in range(chunk * CHUNK, (chunk + 1) * CHUNK):
        picture, row, said = draw_picture(seed, number)
        array = np.asarray(picture)
        shape = nearest_shape(array.shape[0], array.shape[1])
        records.append({"shape": shape, "row": len(stacks[shape]), "captions": said})
        stacks[shape].append(fit(array, larger(DRAWN[shape])))
        labels.append(row)
    for shape, stack in enumerate(stacks):
        if stack:
            np.save(folder / f"{chunk:05}-{shape}.npy", np.stack(stack))
    np.save(folder / f"{chunk:05}-labels.npy", np.stack(labels))
    # Last, so that a chunk cut short by a kill is drawn again.
    (folder / f"{chunk:05}.json").write_text(json.dumps(records))
    return chunk


def draw_pictures(folder: Path, numbers: range, seed: int, fonts: list[Path], processes: int) -> Iterator[int]:
    """Draw the pictures of these numbers (whole chunks) with so many processes; yields the chunks as they are done."""
    folder.mkdir(parents=True, exist_ok=True)
    jobs = [(folder, seed, chunk) for chunk in range(numbers.start // CHUNK, numbers.stop // CHUNK)]
    with multiprocessing.get_context("spawn").Pool(processes, use_fonts, (fonts,)) as pool:
        yield from pool.imap_unordered(draw_chunk, jobs)


def use_fonts(fonts: list[Path]) -> None:
    """Look for fonts in these folders first (each worker process does this once)."""
    FONT_FOLDERS[:0] = fonts


TEMPLATES = ("{}", "a {}", "an image of a {}", "picture of {}", "{} image")


class TextTargets:
    """Text embeddings of one space, each computed once and kept in `cache` (texts-SPACE.json, texts-SPACE.npy)."""

    def __init__(self, cache: Path, space: str = "minilm") -> None:
        self.cache, self.space = cache, space
        self.names, self.rows = cache / f"texts-{space}.json", cache / f"texts-{space}.npy"

    def embed(self, texts: list[str]) -> np.ndarray:
        """float32 (n, 384) unit vectors of queries."""
        known: list[str] = json.loads(self.names.read_text()) if self.names.exists() else []
        vectors = np.load(self.rows) if known else np.zeros((0, 384), np.float32)
        there = set(known)
        missing = [text for text in dict.fromkeys(texts) if text not in there]
        if missing:
            known, vectors = known + missing, np.concatenate([vectors, self.encode(missing)])
            self.cache.mkdir(parents=True, exist_ok=True)
            np.save(self.rows, vectors)
            self.names.write_text(json.dumps(known))
        place = {text: i for i, text in enumerate(known)}
        return np.asarray(vectors[[place[text] for text in texts]])

    def encode(self, texts: list[str]) -> np.ndarray:
        """The model's embeddings; e5 is converted into `cache` first where it is not there yet."""
        from mmsearch.models import builtin
        from mmsearch.models.libraries import quiet
        from mmsearch.models.texts import e5

        quiet(offline=True)
        import torch
        from sentence_transformers import SentenceTransformer

        folder, prompt = builtin.locate(), ""
        if self.space == "e5":
            folder, prompt = self.cache / "e5", e5.PROMPTS["query"]
            if not (folder / "config.json").exists():
                e5.convert(e5.locate(), folder, e5.projection())
        model = SentenceTransformer(str(folder), device="cpu", model_kwargs={"torch_dtype": torch.float32})
        rows = model.encode([prompt + text for text in texts], batch_size=256, normalize_embeddings=True)
        return np.asarray(rows, np.float32)


def bank() -> tuple[list[str], np.ndarray]:
    """All phrases, and int64 (phrases,): for each the number of its label."""
    phrases = [
        (phrase, number) for number, label in enumerate(LABELS) for phrase in dict.fromkeys((*PHRASES[label], label))
    ]
    return [phrase for phrase, _ in phrases], np.array([number for _, number in phrases])


def bank_vectors(targets: TextTargets) -> tuple[np.ndarray, np.ndarray]:
    """float32 (templates, phrases, 384) and the label of each phrase."""
    phrases, owner = bank()
    texts = [template.format(phrase) for template in TEMPLATES for phrase in phrases]
    return targets.embed(texts).reshape(len(TEMPLATES), len(phrases), -1), owner


def shared_phrases(owner: np.ndarray) -> np.ndarray:
    """bool (phrases, labels): phrase i is also true of a picture with label j (a bar chart is a chart)."""
    table = np.zeros((len(owner), len(LABELS)), bool)
    for j, label in enumerate(LABELS):
        above = {LABELS.index(name) for name in FAMILY[label]}
        table[:, j] = [int(number) in above for number in owner]
    return table


UNSEEN_KINDS = ("page", "screenshot", "drawing", "table", "diagram")


def unseen_picture(kind: str, number: int) -> Image.Image:
    """One picture of a kind."""
    rng = np.random.default_rng([99, UNSEEN_KINDS.index(kind), number])
    return UNSEEN_DRAWINGS[kind](rng)


def default_font(size: float) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """Pillow's own font, which the training pictures use only where no other is installed."""
    return ImageFont.load_default(size)


def blank(rng: np.random.Generator, least: int = 300, most: int = 700) -> tuple[Image.Image, ImageDraw.ImageDraw]:
    """An empty light picture."""
    size = (int(rng.integers(least, most)), int(rng.integers(least, most)))
    tone = int(rng.integers(235, 256))
    image = Image.new("RGB", size, (tone, tone, min(255, tone + 3)))
    return image, ImageDraw.Draw(image)


def draw_page(rng: np.random.Generator) -> Image.Image:
    """Paragraphs with drop capitals, ragged right."""
    width = int(rng.integers(380, 620))
    image = Image.new("RGB", (width, int(width * 1.35)), (254, 253, 249))
    pen, size = ImageDraw.Draw(image), int(rng.integers(11, 17))
    lines = [vocabulary.sentence(rng, int(rng.integers(4, width // size // 3))) for _ in range(80)]
    for i in range(0, 80, int(rng.integers(5, 14))):
        lines[i] = ""
    pen.text((width // 9, width // 9), "\n".join(lines), (25, 25, 25), default_font(size), spacing=size // 2)
    pen.text((width // 9, width // 25), vocabulary.topic(rng).upper(), (25, 25, 25), default_font(size * 1.6))
    pen.rectangle((0, image.height - width // 10, width, image.height), (254, 253, 249))
    return image


def draw_screenshot(rng: np.random.Generator) -> Image.Image:
    """A grey desktop with raised windows and buttons of the nineties."""
    image = Image.new("RGB", (640, 480), tuple(int(v) for v in rng.integers(0, 160, 3)))
    pen = ImageDraw.Draw(image)
    for _ in range(int(rng.integers(1, 4))):
        x, y = int(rng.integers(0, 250)), int(rng.integers(0, 160))
        x1, y1 = x + int(rng.integers(250, 390)), y + int(rng.integers(180, 300))
        pen.rectangle((x, y, x1, y1), (192, 192, 192), (255, 255, 255))
        pen.rectangle((x + 3, y + 3, x1 - 3, y + 22), (0, 0, 128))
        pen.text((x + 8, y + 6), vocabulary.topic(rng), (255, 255, 255), default_font(13))
        pen.rectangle((x + 8, y + 44, x1 - 8, y1 - 40), (255, 255, 255), (90, 90, 90))
        for row in range(y + 50, y1 - 58, 18):
            pen.text((x + 14, row), f"{vocabulary.person(rng)}   {vocabulary.topic(rng)}", (0, 0, 0), default_font(12))
        pen.text((x + 8, y + 26), "File   Edit   View   Help", (0, 0, 0), default_font(12))
        for i in range(3):
            left = x1 - 90 * (i + 1)
            pen.rectangle((left, y1 - 32, left + 78, y1 - 8), (200, 200, 200), (60, 60, 60))
            pen.text((left + 18, y1 - 28), ("OK", "Cancel", "Apply")[i], (0, 0, 0), default_font(12))
    pen.rectangle((0, 452, 640, 480), (192, 192, 192))
    pen.text((10, 458), "Start", (0, 0, 0), default_font(14))
    return image


def draw_drawing(rng: np.random.Generator) -> Image.Image:
    """Figures of thick outlines: a fish, a boat, a face, a snowman, a car."""
    image, pen = blank(rng)
    w, h = image.size
    hues = [tuple(int(v) for v in rng.integers(40, 256, 3)) for _ in range(5)]
    kind, s = int(rng.integers(5)), min(w, h) // 3
    x, y, black = w // 2, h // 2, (0, 0, 0)
    pen.rectangle((0, y + s // 2, w, h), hues[4])
    if kind == 0:
        pen.polygon((x - s, y - s // 2, x - s, y + s // 2, x - s // 2, y), hues[1], black, 4)
        pen.ellipse((x - s * 0.7, y - s * 0.5, x + s, y + s * 0.5), hues[0], black, 4)
        pen.ellipse((x + s * 0.5, y - s * 0.2, x + s * 0.65, y - s * 0.05), black)
    elif kind == 1:
        pen.polygon((x - s, y, x + s, y, x + s // 2, y + s // 2, x - s // 2, y + s // 2), hues[0], black, 4)
        pen.polygon((x, y - s, x, y - 10, x + s * 0.7, y - 10), hues[1], black, 4)
    elif kind == 2:
        pen.ellipse((x - s, y - s, x + s, y + s), hues[0], black, 5)
        for side in (-1, 1):
            pen.ellipse((x + side * s * 0.4 - 12, y - s * 0.3 - 12, x + side * s * 0.4 + 12, y - s * 0.3 + 12), black)
        pen.arc((x - s // 2, y - s // 4, x + s // 2, y + s // 2), 10, 170, black, 6)
    elif kind == 3:
        for i, r in enumerate((0.55, 0.4, 0.28)):
            pen.ellipse(
                (x - s * r, y + s * (0.5 - i * 0.7) - s * r, x + s * r, y + s * (0.5 - i * 0.7) + s * r),
                (255, 255, 255),
                black,
                4,
            )
        pen.polygon((x, y - s, x + s // 3, y - s * 0.9, x, y - s * 0.85), (255, 140, 0))
    else:
        pen.rounded_rectangle((x - s, y - s // 4, x + s, y + s // 3), 20, hues[0], black, 4)
        pen.polygon(
            (x - s // 2, y - s // 4, x - s // 3, y - s * 0.7, x + s // 3, y - s * 0.7, x + s // 2, y - s // 4),
            hues[2],
            black,
            4,
        )
        for side in (-1, 1):
            pen.ellipse((x + side * s * 0.55 - 25, y + s * 0.2, x + side * s * 0.55 + 25, y + s * 0.2 + 50), black)
    return image


def draw_table(rng: np.random.Generator) -> Image.Image:
    """Cells of unequal width, double rules, centred numbers."""
    rows, columns = int(rng.integers(4, 18)), int(rng.integers(3, 8))
    widths = rng.integers(55, 130, columns)
    image = Image.new("RGB", (int(widths.sum()) + 40, rows * 26 + 60), (255, 255, 255))
    pen, x = ImageDraw.Draw(image), 20
    pen.text((20, 6), vocabulary.topic(rng), (0, 0, 0), default_font(15))
    for j, width in enumerate(widths.tolist()):
        for i in range(rows):
            y = 34 + i * 26
            pen.rectangle((x, y, x + width, y + 26), (225, 235, 225) if i == 0 else None, (120, 120, 120))
            text = vocabulary.pick(rng, vocabulary.SUBJECTS) if i == 0 or j == 0 else str(int(rng.integers(0, 9999)))
            pen.text((x + width / 2, y + 13), text, (0, 0, 0), default_font(12), anchor="mm")
        x += width
    pen.rectangle((18, 32, x + 2, 36 + rows * 26), None, (0, 0, 0), 2)
    return image


def draw_diagram(rng: np.random.Generator) -> Image.Image:
    """Ellipses and boxes in rows, joined by lines with corners and filled heads."""
    image, pen = blank(rng, 380)
    w, h = image.size
    rows = int(rng.integers(2, 5))
    counts = [int(rng.integers(1, 4)) for _ in range(rows)]
    places = [[((j + 0.5) * w / n, (i + 0.5) * h / rows) for j in range(n)] for i, n in enumerate(counts)]
    for upper, lower in pairwise(places):
        for a, b in upper:
            for x, y in lower:
                pen.line((a, b + 22, a, (b + y) / 2, x, (b + y) / 2, x, y - 22), (60, 60, 60), 3)
                pen.polygon((x, y - 20, x - 7, y - 34, x + 7, y - 34), (60, 60, 60))
    for x, y in (place for row in places for place in row):
        hue = tuple(int(v) for v in rng.integers(150, 256, 3))
        shape = pen.ellipse if rng.random() < 0.5 else pen.rectangle
        shape((x - 48, y - 22, x + 48, y + 22), hue, (0, 0, 0), 2)
        pen.text((x, y), vocabulary.pick(rng, vocabulary.ITEMS), (0, 0, 0), default_font(12), anchor="mm")
    return image


UNSEEN_DRAWINGS: dict[str, Callable[[np.random.Generator], Image.Image]] = {
    "page": draw_page,
    "screenshot": draw_screenshot,
    "drawing": draw_drawing,
    "table": draw_table,
    "diagram": draw_diagram,
}
