"""Stage four: every figure of the model card, on a folder of real files with known answers that was never trained on.

The folder has `charts/`, `photos/`, `receipts/`, `audio/esc10/` and `queries.jsonl` (`query`, `relevant`, `gallery`,
`kind`). File names serve as labels here and are never shown to the model.
"""

import json
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from mmsearch.models.eyes import Eyes, as_array, named_look
from mmsearch.training import scores, teacher, unseen
from mmsearch.training.heldout import heldout
from mmsearch.training.measure_sounds import sounds

TYPES: dict[str, tuple[str, ...]] = {  # words in file names; wordings were fixed before the first measurement
    "bar": ("bar chart", "column graph", "bars"),
    "line": ("line chart", "line graph", "curve over time"),
    "point": ("scatter plot", "point chart", "dots on two axes"),
    "box": ("box plot", "box and whisker chart", "quartiles and whiskers"),
    "area": ("area chart", "filled area graph", "shaded area plot"),
}
CLASSES = {
    "photos": ("a photo", "photograph"),
    "charts": ("a chart", "graph"),
    "receipts": ("a receipt", "shop receipt"),
}
UNSEEN = {
    "page": ("a page of text", "document page"),
    "screenshot": ("a screenshot", "application window"),
    "drawing": ("a drawing", "illustration"),
    "table": ("a table", "data table"),
    "diagram": ("a diagram", "flowchart"),
}


def measure(folder: Path, model: Path | None, cache: Path) -> Iterator[str]:
    """Print-ready lines, one figure each."""
    eyes = Eyes(model)
    galleries = {name: gallery(folder, name, eyes) for name in CLASSES}
    queries = [json.loads(text) for text in (folder / "queries.jsonl").read_text().splitlines()]
    yield from types(galleries["charts"], cache)
    yield from classes(galleries, cache)
    yield from unseen_manner(eyes, cache)
    yield from heldout(eyes, cache)
    yield from copies(folder, galleries["photos"], queries, eyes)
    yield from descriptions(galleries["charts"], queries, cache)
    yield from sounds(folder, queries)
    yield speed(eyes)


def gallery(folder: Path, name: str, eyes: Eyes) -> dict[str, Any]:
    """Pictures below a folder with their vectors: `paths` (relative), `pictures`, `vectors`, `likeness`."""
    endings = {".png", ".jpg", ".jpeg", ".gif", ".webp", ".avif", ".pgm"}
    paths = sorted(path for path in (folder / name).rglob("*") if path.suffix.lower() in endings)
    pictures = [as_array(path) for path in paths]
    vectors, likeness = eyes.embed(pictures)
    relative = [path.relative_to(folder).as_posix() for path in paths]
    return {"paths": relative, "pictures": pictures, "vectors": vectors, "likeness": likeness}


def types(charts: dict[str, Any], cache: Path) -> Iterator[str]:
    """R-precision of type queries; the type words of the file name are the truth, however the chart looks."""
    parts = [Path(path).stem.replace("boxplot", "box").split("_") for path in charts["paths"]]
    tables = []
    for word, wordings in TYPES.items():
        relevant = np.array([word in names for names in parts])
        similarity = charts["vectors"] @ teacher.embed(list(wordings), cache).T

        def score(rows: np.ndarray, similarity: np.ndarray = similarity, relevant: np.ndarray = relevant) -> float:
            return float(np.mean([scores.r_precision(column[rows], relevant[rows]) for column in similarity.T]))

        tables.append(score)
        everything = np.arange(len(parts))
        low, high = scores.interval(len(parts), score)
        chance = f"chance {relevant.mean():.2f}, {relevant.sum()} files"
        yield scores.line(f"type queries, {word}, R-precision ({chance})", score(everything), low, high)

    def mean(rows: np.ndarray) -> float:
        return float(np.nanmean([score(rows) for score in tables]))

    low, high = scores.interval(len(parts), mean)
    yield scores.line("type queries, mean R-precision", mean(np.arange(len(parts))), low, high, "0.70")


def told(vectors: np.ndarray, truth: np.ndarray, names: Mapping[str, tuple[str, ...]], cache: Path) -> np.ndarray:
    """Which pictures have the right class as their nearest, each class being the mean of its wordings."""
    prompts = np.stack([teacher.embed(list(wordings), cache).mean(0) for wordings in names.values()])
    prompts /= np.linalg.norm(prompts, axis=1, keepdims=True)
    return scores.told_apart(vectors @ prompts.T, truth)


def classes(galleries: dict[str, dict[str, Any]], cache: Path) -> Iterator[str]:
    """Photo, chart and receipt told apart by text."""
    vectors = np.concatenate([galleries[name]["vectors"] for name in CLASSES])
    truth = np.repeat(np.arange(len(CLASSES)), [len(galleries[name]["paths"]) for name in CLASSES])
    right = told(vectors, truth, CLASSES, cache)
    low, high = scores.interval(len(right), scores.mean_of(right))
    yield scores.line(f"photo, chart or receipt, {len(right)} pictures", float(right.mean()), low, high, "0.95")
    for number, name in enumerate(CLASSES):
        own = right[truth == number]
        low, high = scores.interval(len(own), scores.mean_of(own))
        yield scores.line(f"  of {len(own)} {name}", float(own.mean()), low, high)


def unseen_manner(eyes: Eyes, cache: Path, each: int = 40) -> Iterator[str]:
    """Kinds told apart on drawn pictures of a manner that training never saw."""
    pictures = [np.asarray(unseen.picture(kind, i)) for kind in unseen.KINDS for i in range(each)]
    truth = np.repeat(np.arange(len(unseen.KINDS)), each)
    right = told(eyes.embed(pictures)[0], truth, UNSEEN, cache)
    low, high = scores.interval(len(right), scores.mean_of(right))
    yield scores.line(
        f"page, screenshot, drawing, table, diagram (drawn, {len(right)})", float(right.mean()), low, high
    )
    for number, kind in enumerate(unseen.KINDS):
        own = right[truth == number]
        low, high = scores.interval(len(own), scores.mean_of(own))
        yield scores.line(f"  of {len(own)}: {kind}", float(own.mean()), low, high)


def changed(picture: np.ndarray) -> dict[str, np.ndarray]:
    """The copies that the likeness is tried on."""
    from io import BytesIO

    image = Image.fromarray(picture)
    width, height = image.size
    buffer = BytesIO()
    image.save(buffer, "JPEG", quality=35)
    box = (width // 10, height // 10, width - width // 10, height - height // 10)
    return {
        "resized": np.asarray(image.resize((max(8, width * 2 // 5), max(8, height * 2 // 5)))),
        "cropped to 80%": np.asarray(image.crop(box)),
        "re-encoded": np.asarray(Image.open(buffer).convert("RGB")),
        "darkened": (picture * 0.5).astype(np.uint8),
        "grey": np.asarray(image.convert("L").convert("RGB")),
        "turned by 3 degrees": np.asarray(image.rotate(3, Image.Resampling.BILINEAR)),
    }


def copies(folder: Path, photos: dict[str, Any], queries: list[dict[str, Any]], eyes: Eyes) -> Iterator[str]:
    """Changed copies find their original, or a twin that the folder's answers name, first among all photos."""
    place = {path: i for i, path in enumerate(photos["paths"])}
    twins = np.eye(len(place), dtype=bool)
    for query in queries:
        if query["kind"] in ("resized-copy", "stereo-pair"):
            group = [
                place[path] for path in (query["query"].removeprefix("image:"), *query["relevant"]) if path in place
            ]
            twins[np.ix_(group, group)] = True
    kinds = list(changed(photos["pictures"][0]))
    altered = [changed(picture) for picture in photos["pictures"]]
    for name, key in (("likeness", 1), ("text vector", 0)):
        originals = photos["likeness" if key else "vectors"]
        found = {}
        for kind in kinds:
            best = (eyes.embed([copy[kind] for copy in altered])[key] @ originals.T).argmax(1)
            found[kind] = twins[np.arange(len(best)), best]
        table = np.stack(list(found.values()), 1)
        low, high = scores.interval(len(table), scores.mean_of(table))
        yield scores.line(
            f"copies of {len(table)} photos, by {name}", float(table.mean()), low, high, "0.95" if key else ""
        )
        for kind, hits in found.items() if key else ():
            low, high = scores.interval(len(hits), scores.mean_of(hits))
            yield scores.line(f"  {kind}", float(hits.mean()), low, high)


def descriptions(charts: dict[str, Any], queries: list[dict[str, Any]], cache: Path) -> Iterator[str]:
    """Descriptions of charts: words read from the picture alone, eyes alone, and both where the eyes know the look."""
    from mmsearch.training.words_in_charts import words_signal

    chosen = [query for query in queries if query["kind"] == "description"]
    place = {path: i for i, path in enumerate(charts["paths"])}
    relevant = np.array([[path in query["relevant"] for path in place] for query in chosen])
    texts = [query["query"] for query in chosen]
    words = words_signal(charts["pictures"], texts, cache)
    look, sure = looks_signal(charts["vectors"], texts, cache)
    yield f"descriptions that name a look: {int(sure.sum())} of {len(texts)}"
    for name, ranking in (
        ("words alone", words),
        ("eyes alone, whole query", scores.standardised(teacher.embed(texts, cache) @ charts["vectors"].T)),
        ("eyes alone, the look that the query names", look),
        ("words and eyes", words + sure[:, None] * look),
        ("words and eyes, without the gate", words + look),
    ):
        each = np.array([scores.ndcg(row, wanted) for row, wanted in zip(ranking, relevant, strict=True)])
        if name == "words alone":
            base = each
        low, high = scores.interval(len(each), scores.mean_of(each))
        yield scores.line(f"descriptions of charts, nDCG@10, {name}", float(each.mean()), low, high)
        gain = each - base
        low, high = scores.interval(len(gain), scores.mean_of(gain))
        if name != "words alone":
            yield scores.line(
                "  gain over words alone", float(gain.mean()), low, high, "0.05" if "gate" not in name else ""
            )


def looks_signal(vectors: np.ndarray, texts: list[str], cache: Path) -> tuple[np.ndarray, np.ndarray]:
    """Standardised similarities (queries, pictures) to the look each query names, and 1 where it names one, else 0."""
    phrases = [named_look(text) for text in texts]
    similarity = teacher.embed([phrase or "picture" for phrase in phrases], cache) @ vectors.T
    return scores.standardised(similarity), np.array([phrase is not None for phrase in phrases], np.float32)


def speed(eyes: Eyes, runs: int = 20) -> str:
    """Processor time of one picture, already decoded and of usual size, on one thread."""
    picture = np.random.default_rng(0).integers(0, 256, (480, 640, 3), np.uint8)
    eyes.embed([picture])
    start = time.process_time()
    for _ in range(runs):
        eyes.embed([picture])
    each = (time.process_time() - start) / runs * 1000
    return f"{'one picture of 640 x 480, milliseconds of one core':<58} {each:.1f}   goal 10"
