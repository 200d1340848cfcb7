"""Stage four: every figure of the model card, on a folder of real files with known answers that was never trained on.

The folder has `charts/`, `photos/`, `receipts/`, `audio/esc10/` and `queries.jsonl` (`query`, `relevant`, `gallery`,
`kind`). File names serve as labels here and are never shown to the model.
"""

import hashlib
import json
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from PIL import Image

from mmsearch.models.media.audio_features import RATE, AudioFeatures, named_sound
from mmsearch.models.media.picture_classifier import as_array, named_picture_kind, plain_words
from mmsearch.models.recognition import ocr
from mmsearch.retrieval.ranking import HALF
from training.dataset import UNSEEN_KINDS, TextTargets, draw_picture, unseen_picture
from training.vocabulary import LABELS, PHRASES

LEAST_SHOWN = 0.11  # fused score of a recording from which on an answer shows it (`mmsearch/retrieval/relevance.py`)

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


class Encoder(Protocol):
    """What is measured: vectors for text, then likeness vectors, of pictures uint8 (height, width, 3)."""

    def embed(self, pictures: Sequence[np.ndarray]) -> tuple[np.ndarray, ...]:
        """Float (n, columns) each, unit vectors."""


def measure(folder: Path, encoder: Encoder, targets: TextTargets) -> Iterator[str]:
    """Print-ready lines on pictures, one figure each."""
    galleries = {name: gallery(folder, name, encoder) for name in CLASSES}
    queries = [json.loads(text) for text in (folder / "queries.jsonl").read_text().splitlines()]
    yield from types(galleries["charts"], targets)
    yield from classes(galleries, targets)
    yield from photo_captions(galleries["photos"], queries, targets)
    yield from unseen_manner(encoder, targets)
    yield from heldout(encoder, targets)
    yield from copies(folder, galleries["photos"], queries, encoder)
    yield from descriptions(galleries["charts"], queries, targets)
    yield speed(encoder)


def photo_captions(photos: dict[str, Any], queries: list[dict[str, Any]], targets: TextTargets) -> Iterator[str]:
    """Captions of photographs, ranked by the picture alone; among the captioned photos and among all photos."""
    chosen = [query for query in queries if query["kind"] == "caption"]
    captioned = {path for query in chosen for path in query["relevant"]}
    texts = targets.embed([query["query"] for query in chosen])
    for name, rows in (
        ("captioned", [i for i, path in enumerate(photos["paths"]) if path in captioned]),
        ("all", list(range(len(photos["paths"])))),
    ):
        similarity = texts @ photos["vectors"][rows].T
        relevant = np.array([[photos["paths"][row] in query["relevant"] for row in rows] for query in chosen])
        each = np.array([ndcg(row, wanted) for row, wanted in zip(similarity, relevant, strict=True)])
        low, high = interval(len(each), mean_of(each))
        yield figure(f"captions, {len(each)}, of {len(rows)} photos ({name}), nDCG@10", float(each.mean()), low, high)


def gallery(folder: Path, name: str, encoder: Encoder) -> dict[str, Any]:
    """Pictures below a folder with their vectors: `paths` (relative), `pictures`, `vectors`, `likeness`."""
    endings = {".png", ".jpg", ".jpeg", ".gif", ".webp", ".avif", ".pgm"}
    paths = sorted(path for path in (folder / name).rglob("*") if path.suffix.lower() in endings)
    pictures = [as_array(path) for path in paths]
    vectors, likeness, *_ = encoder.embed(pictures)
    relative = [path.relative_to(folder).as_posix() for path in paths]
    return {"paths": relative, "pictures": pictures, "vectors": vectors, "likeness": likeness}


def types(charts: dict[str, Any], targets: TextTargets) -> Iterator[str]:
    """R-precision of type queries; the type words of the file name are the truth, however the chart labels."""
    parts = [Path(path).stem.replace("boxplot", "box").split("_") for path in charts["paths"]]
    tables = []
    for word, wordings in TYPES.items():
        relevant = np.array([word in names for names in parts])
        similarity = charts["vectors"] @ targets.embed(list(wordings)).T

        def score(rows: np.ndarray, similarity: np.ndarray = similarity, relevant: np.ndarray = relevant) -> float:
            return float(np.mean([r_precision(column[rows], relevant[rows]) for column in similarity.T]))

        tables.append(score)
        everything = np.arange(len(parts))
        low, high = interval(len(parts), score)
        chance = f"chance {relevant.mean():.2f}, {relevant.sum()} files"
        yield figure(f"type queries, {word}, R-precision ({chance})", score(everything), low, high)

    def mean(rows: np.ndarray) -> float:
        return float(np.nanmean([score(rows) for score in tables]))

    low, high = interval(len(parts), mean)
    yield figure("type queries, mean R-precision", mean(np.arange(len(parts))), low, high, "0.70")


def told(
    vectors: np.ndarray, truth: np.ndarray, names: Mapping[str, tuple[str, ...]], targets: TextTargets
) -> np.ndarray:
    """Which pictures have the right class as their nearest, each class being the mean of its wordings."""
    prompts = np.stack([targets.embed(list(wordings)).mean(0) for wordings in names.values()])
    prompts /= np.linalg.norm(prompts, axis=1, keepdims=True)
    return told_apart(vectors @ prompts.T, truth)


def classes(galleries: dict[str, dict[str, Any]], targets: TextTargets) -> Iterator[str]:
    """Photo, chart and receipt told apart by text."""
    vectors = np.concatenate([galleries[name]["vectors"] for name in CLASSES])
    truth = np.repeat(np.arange(len(CLASSES)), [len(galleries[name]["paths"]) for name in CLASSES])
    right = told(vectors, truth, CLASSES, targets)
    low, high = interval(len(right), mean_of(right))
    yield figure(f"photo, chart or receipt, {len(right)} pictures", float(right.mean()), low, high, "0.95")
    for number, name in enumerate(CLASSES):
        own = right[truth == number]
        low, high = interval(len(own), mean_of(own))
        yield figure(f"  of {len(own)} {name}", float(own.mean()), low, high)


def unseen_manner(encoder: Encoder, targets: TextTargets, each: int = 40) -> Iterator[str]:
    """Kinds told apart on drawn pictures of a manner that training never saw."""
    pictures = [np.asarray(unseen_picture(kind, i)) for kind in UNSEEN_KINDS for i in range(each)]
    truth = np.repeat(np.arange(len(UNSEEN_KINDS)), each)
    right = told(encoder.embed(pictures)[0], truth, UNSEEN, targets)
    low, high = interval(len(right), mean_of(right))
    yield figure(f"page, screenshot, drawing, table, diagram (drawn, {len(right)})", float(right.mean()), low, high)
    for number, kind in enumerate(UNSEEN_KINDS):
        own = right[truth == number]
        low, high = interval(len(own), mean_of(own))
        yield figure(f"  of {len(own)}: {kind}", float(own.mean()), low, high)


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


def copies(folder: Path, photos: dict[str, Any], queries: list[dict[str, Any]], encoder: Encoder) -> Iterator[str]:
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
            best = (encoder.embed([copy[kind] for copy in altered])[key] @ originals.T).argmax(1)
            found[kind] = twins[np.arange(len(best)), best]
        table = np.stack(list(found.values()), 1)
        low, high = interval(len(table), mean_of(table))
        yield figure(f"copies of {len(table)} photos, by {name}", float(table.mean()), low, high, "0.95" if key else "")
        for kind, hits in found.items() if key else ():
            low, high = interval(len(hits), mean_of(hits))
            yield figure(f"  {kind}", float(hits.mean()), low, high)


def descriptions(charts: dict[str, Any], queries: list[dict[str, Any]], targets: TextTargets) -> Iterator[str]:
    """Descriptions of charts: words read from the picture alone, encoder alone, and both where it knows the label."""
    chosen = [query for query in queries if query["kind"] == "description"]
    place = {path: i for i, path in enumerate(charts["paths"])}
    relevant = np.array([[path in query["relevant"] for path in place] for query in chosen])
    texts = [query["query"] for query in chosen]
    words = words_signal(charts["pictures"], texts, targets)
    label, sure = kinds_signal(charts["vectors"], texts, targets)
    yield f"descriptions that name a label: {int(sure.sum())} of {len(texts)}"
    for name, ranking in (
        ("words alone", words),
        ("encoder alone, whole query", standardised(targets.embed(texts) @ charts["vectors"].T)),
        ("encoder alone, the label that the query names", label),
        ("words and encoder", words + sure[:, None] * label),
        ("words and encoder, without the gate", words + label),
    ):
        each = np.array([ndcg(row, wanted) for row, wanted in zip(ranking, relevant, strict=True)])
        if name == "words alone":
            base = each
        low, high = interval(len(each), mean_of(each))
        yield figure(f"descriptions of charts, nDCG@10, {name}", float(each.mean()), low, high)
        gain = each - base
        low, high = interval(len(gain), mean_of(gain))
        if name != "words alone":
            yield figure("  gain over words alone", float(gain.mean()), low, high, "0.05" if "gate" not in name else "")


def kinds_signal(vectors: np.ndarray, texts: list[str], targets: TextTargets) -> tuple[np.ndarray, np.ndarray]:
    """Standardised similarities (queries, pictures) to the label each query names, and 1 where it names one, else 0."""
    phrases = [named_picture_kind(text) for text in texts]
    similarity = targets.embed([phrase or "picture" for phrase in phrases]) @ vectors.T
    return standardised(similarity), np.array([phrase is not None for phrase in phrases], np.float32)


def speed(encoder: Encoder, runs: int = 20) -> str:
    """Processor time of one picture, already decoded and of usual size, on one thread."""
    picture = np.random.default_rng(0).integers(0, 256, (480, 640, 3), np.uint8)
    encoder.embed([picture])
    start = time.process_time()
    for _ in range(runs):
        encoder.embed([picture])
    each = (time.process_time() - start) / runs * 1000
    return f"{'one picture of 640 x 480, milliseconds of one core':<58} {each:.1f}"


SEED = 1_000_003  # not a seed that anybody trains with


def heldout(encoder: Encoder, targets: TextTargets, count: int = 400) -> Iterator[str]:
    """Lines: R-precision of every label with at least five pictures, by its first phrase; quantiles of similarities."""
    drawn = [draw_picture(SEED, number) for number in range(count)]
    vectors = encoder.embed([np.asarray(picture) for picture, _, _ in drawn])[0]
    labels = np.stack([row for _, row, _ in drawn])
    similarity = vectors @ targets.embed([PHRASES[name][0] for name in LABELS]).T
    true, false, found = [], [], {}
    for column, name in enumerate(LABELS):
        known, wanted = labels[:, column] >= 0, labels[:, column] == 1
        if wanted.sum() >= 5:
            found[name] = r_precision(similarity[known, column], wanted[known])
            true.append(similarity[wanted, column])
            false.append(similarity[known & ~wanted, column])
    mean = np.mean(list(found.values()))
    yield f"labels on {count} fresh drawn pictures, mean R-precision of {len(found)}: {mean:.3f}"
    yield "  " + ", ".join(f"{name} {value:.2f}" for name, value in sorted(found.items(), key=lambda item: -item[1]))
    for title, parts in (("true", true), ("false", false)):
        quantiles = np.quantile(np.concatenate(parts), (0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99))
        yield f"  similarity of {title} pairs at 1, 5, 25, 50, 75, 95, 99%: " + " ".join(f"{q:.2f}" for q in quantiles)


def read_words(pictures: list[np.ndarray], targets: TextTargets) -> list[str]:
    """The text of each picture; kept in the cache, since reading takes a second a picture."""
    kept = targets.cache / "ocr.json"
    known: dict[str, str] = json.loads(kept.read_text()) if kept.exists() else {}
    keys = [hashlib.sha256(np.ascontiguousarray(picture).tobytes()).hexdigest() for picture in pictures]
    for key, picture in zip(keys, pictures, strict=True):
        if key not in known:
            known[key] = " ".join(word.text for word in ocr.recognize(picture))
    kept.write_text(json.dumps(known))
    return [known[key] for key in keys]


def bm25(texts: list[str], queries: list[str], k1: float = 1.2, b: float = 0.75) -> np.ndarray:
    """Float (queries, texts): Robertson and Zaragoza (2009), with an inverse document frequency of at least 0."""
    counts = [Counter(plain_words(text)) for text in texts]
    lengths = np.array([sum(count.values()) for count in counts], float)
    found = Counter(word for count in counts for word in count)
    table = np.zeros((len(queries), len(texts)))
    for row, query in enumerate(queries):
        for word in set(plain_words(query)) & found.keys():
            weight = np.log(1 + (len(texts) - found[word] + 0.5) / (found[word] + 0.5))
            frequency = np.array([count[word] for count in counts], float)
            table[row] += weight * frequency * (k1 + 1) / (frequency + k1 * (1 - b + b * lengths / lengths.mean()))
    return table


def words_signal(pictures: list[np.ndarray], queries: list[str], targets: TextTargets) -> np.ndarray:
    """Float (queries, pictures): the standardised sum of BM25 and MiniLM over the words that OCR reads."""
    texts = read_words(pictures, targets)
    meaning = targets.embed(queries) @ targets.embed([text[:1000] for text in texts]).T
    result: np.ndarray = standardised(bm25(texts, queries)) + standardised(meaning)
    return result


NOISES = ("rain", "sea waves", "helicopter", "chainsaw")
UNCLEAR = ("fire crackling",)  # noise or not: hearers differ


def sounds(folder: Path) -> Iterator[str]:
    """Nearest other clip of the same class; speech and noise by their words."""
    queries = [json.loads(text) for text in (folder / "queries.jsonl").read_text().splitlines()]
    labels = {
        path: query["query"]
        for query in queries
        if query["kind"] == "label" and "esc10" in query["gallery"]
        for path in query["relevant"]
    }
    spoken = {path for query in queries if query["kind"] == "transcript" for path in query["relevant"]}
    paths = sorted(labels)
    clips = sound_vectors(folder, paths)
    yield from sound_likeness(clips, np.array([labels[path] for path in paths]), paths)
    others = sorted(path for path in spoken if path.startswith("audio/"))
    known = np.array([labels[path] for path in paths] + ["speech"] * len(others))
    yield from sound_words(np.concatenate([clips, sound_vectors(folder, others)]), known)


def sound_vectors(folder: Path, paths: list[str]) -> np.ndarray:
    """float32 (n, `AudioFeatures.size`) of recordings."""
    from torchcodec.decoders import AudioDecoder

    listen = AudioFeatures().extract
    decoders = (AudioDecoder(folder / path, sample_rate=RATE, num_channels=1) for path in paths)
    return np.stack([listen(decoder.get_all_samples().data[0].numpy()) for decoder in decoders])


def sound_likeness(clips: np.ndarray, names: np.ndarray, paths: list[str]) -> Iterator[str]:
    """Nearest other clip, and nearest clip of another recording, of the same class."""
    sources = np.array([Path(path).stem.rsplit("-", 1)[0] for path in paths])
    similarity = clips @ clips.T
    np.fill_diagonal(similarity, -9)
    for what in ("nearest other clip", "nearest clip of another recording"):
        right = names[similarity.argmax(1)] == names
        low, high = interval(len(right), mean_of(right))
        yield figure(f"sounds, {len(paths)} clips, {what}", float(right.mean()), low, high, "0.65")
        similarity[sources[:, None] == sources] = -9


def sound_words(clips: np.ndarray, known: np.ndarray) -> Iterator[str]:
    """Speech among all, noise among what is clearly noise or clearly none: R-precision, what the default cutoff lets
    through of each."""
    for word, wanted, judged in (
        ("speech", known == "speech", np.ones(len(known), bool)),
        ("noise", np.isin(known, NOISES), ~np.isin(known, UNCLEAR)),
    ):
        heard = named_sound(word)
        assert heard is not None
        nothing, half = heard.scale
        cosines, truth = clips[judged] @ heard.vector[:-1], wanted[judged]
        z = np.maximum(cosines - nothing, 0) * HALF / (half - nothing)
        shown = z**2 / (z**2 + HALF**2) / 2 >= LEAST_SHOWN  # as `ranking.py` scores a recording without sound_words

        def precision(rows: np.ndarray, cosines: np.ndarray = cosines, truth: np.ndarray = truth) -> float:
            return r_precision(cosines[rows], truth[rows])

        low, high = interval(len(truth), precision)
        name = f"recordings of {word}, {truth.sum()} of {len(truth)}, R-precision"
        yield figure(name, precision(np.arange(len(truth))), low, high)
        for called, some in (("found", shown[truth]), ("others found", shown[~truth])):
            low, high = interval(len(some), mean_of(some))
            yield figure(f"  {called} for the word", float(some.mean()), low, high)


def interval(count: int, score: Callable[[np.ndarray], float], draws: int = 1000, seed: int = 0) -> tuple[float, float]:
    """95% bootstrap interval of a score of item numbers: items are drawn with replacement, the percentiles taken."""
    rng = np.random.default_rng(seed)
    values = [score(rng.integers(0, count, count)) for _ in range(draws)]
    low, high = np.nanpercentile(values, (2.5, 97.5))
    return float(low), float(high)


def mean_of(values: np.ndarray) -> Callable[[np.ndarray], float]:
    """The mean of some items' values, as a score for `interval`."""
    return lambda rows: float(values[rows].mean())


def r_precision(similarity: np.ndarray, relevant: np.ndarray) -> float:
    """Share of the relevant among the first R, R being how many there are; (n,) and bool (n,)."""
    count = int(relevant.sum())
    if count == 0:
        return float("nan")
    best = np.argsort(-similarity, kind="stable")[:count]
    return float(relevant[best].mean())


def ndcg(similarity: np.ndarray, relevant: np.ndarray, at: int = 10) -> float:
    """nDCG@k with one grade of relevance; (n,) and bool (n,)."""
    order = np.argsort(-similarity, kind="stable")[:at]
    weights = 1 / np.log2(np.arange(2, at + 2))
    ideal = weights[: min(int(relevant.sum()), at)].sum()
    return float((relevant[order] * weights[: len(order)]).sum() / ideal) if ideal else float("nan")


def told_apart(similarity: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """bool (n,): whether the best of the classes is the right one; (n, classes) and int (n,)."""
    result: np.ndarray = similarity.argmax(1) == truth
    return result


def standardised(similarity: np.ndarray) -> np.ndarray:
    """Each query's similarities (queries, items) against their own mean and spread."""
    spread = similarity.std(1, keepdims=True)
    result: np.ndarray = (similarity - similarity.mean(1, keepdims=True)) / np.maximum(spread, 1e-6)
    return result


def figure(name: str, value: float, low: float, high: float, goal: str = "") -> str:
    """One printed figure."""
    return f"{name:<58} {value:.3f} [{low:.3f}, {high:.3f}]" + (f"   goal {goal}" if goal else "")
