"""Words in pictures: PP-OCR's detector and recogniser, whose weights come in rapidocr's wheel, run on ONNX Runtime.

Only the weights are rapidocr's: the steps around them are done here, because its own loop pads short words to 320
pixels, asks an angle classifier about every word, may download, and logs. Detection follows Liao et al., "Real-time
Scene Text Detection with Differentiable Binarization" (AAAI 2020); recognition is CTC over a picture of one line.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from mmsearch.errors import ModelUnavailable
from mmsearch.models.reading_order import joined

DETECTOR_SIDE = 736  # the short side that the detector was trained to see; smaller pictures are enlarged to it
LONGEST_SIDE = 2000
MOST_ELONGATED = 8  # beyond this aspect ratio a picture is padded, or enlarging its short side would explode the long
TEXT_PROBABILITY = 0.3  # of a pixel
BOX_PROBABILITY = 0.5  # mean over a box
GROWTH = 1.6  # the detector sees shrunken words: boxes grow by area / perimeter times this
MOST_BOXES = 1000
LINE_HEIGHT = 48
SHORTEST_LINE = 320  # pixels at LINE_HEIGHT
LONGEST_LINE = 4800  # pixels at LINE_HEIGHT
BATCH_PIXELS = 1600  # width of all lines of one recognition batch together
WORST_SCORE = 0.5  # words read with less are noise
SURE_SCORE = 0.9  # a line read with less may stand on its head: it is read that way too


class Word(NamedTuple):
    """One piece of text, often a whole line. `box` is float32 (4, 2), x and y in pixels of the picture, clockwise from
    where reading starts: its first side runs along the text. `score` is the mean probability of the letters, 0.5..1."""

    box: np.ndarray
    text: str
    score: float


class _Models(NamedTuple):
    detector: Any
    recogniser: Any
    letters: list[str]


def engine() -> str:
    """What reads, for the index: other words may come out of another version (`rapidocr 3.10.0 PP-OCRv6`)."""
    from importlib.metadata import PackageNotFoundError, version

    try:
        release = version("rapidocr")
    except PackageNotFoundError:
        raise _missing() from None
    return f"rapidocr {release} {_weights('det').stem.split('_')[0]}"


def read(picture: np.ndarray, threads: int = 1) -> list[Word]:
    """All words of a picture, uint8 (height, width, 3) RGB, upright or not, in the detector's order.

    An empty list where there is no text. Longer sides than 2,000 pixels are read at 2,000.
    Raises `ModelUnavailable` where the weights are missing.
    """
    import cv2

    height, width = picture.shape[:2]
    if min(height, width) < 4:
        return []
    models = _load(threads)
    shrink = min(1.0, LONGEST_SIDE / max(height, width))
    if shrink < 1:
        size = (max(1, round(width * shrink)), max(1, round(height * shrink)))
        picture = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
    padded, left, top = _padded(picture)
    boxes = _detect(padded, models.detector)
    crops = [_crop(padded, box) for box in boxes]
    readings = _recognise_either_way(crops, models)
    offset = np.array((left, top), np.float32)
    words = []
    for box, crop, (text, score, flipped) in zip(boxes, crops, readings, strict=True):
        if score >= WORST_SCORE and text.strip():
            turns = (3 if crop.turned else 0) + (2 if flipped else 0)
            words.append(Word(np.roll((box - offset) / shrink, turns, axis=0), text.strip(), score))
    return words


def handle(request: dict, arrays: list[np.ndarray]) -> tuple[dict, list[np.ndarray]]:
    """Worker handler. Request: `threads` (1). Arrays: pictures as `read` takes them.

    Answer: `pages`, one object a picture: `text` in reading order, and `words` with `text`, `score` and `box`
    (eight numbers, x and y of four corners)."""
    pages = []
    for picture in arrays:
        words = read(picture, int(request.get("threads", 1)))
        plain = [
            {"text": word.text, "score": round(word.score, 4), "box": [round(float(v), 1) for v in word.box.ravel()]}
            for word in words
        ]
        pages.append({"text": joined([(word.box, word.text) for word in words]), "words": plain})
    return {"pages": pages}, []


def _missing() -> ModelUnavailable:
    return ModelUnavailable("The weights for reading words in pictures are not installed.", "pip install rapidocr")


def _weights(part: str) -> Path:
    """The wheel's weights of `det` or `rec`, found without importing the package."""
    from importlib.util import find_spec

    spec = find_spec("rapidocr")
    folder = Path(spec.origin).parent / "models" if spec and spec.origin else None
    found = sorted(folder.glob(f"PP-OCR*_{part}_*.onnx")) if folder else []
    if not found:
        raise _missing()
    return found[-1]


@lru_cache(maxsize=1)
def _load(threads: int) -> _Models:
    """Sessions are made in the process that uses them: ONNX Runtime's threads don't survive a fork."""
    import cv2
    import onnxruntime

    cv2.setNumThreads(threads)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 4
    options.enable_mem_pattern = False  # every picture has another shape
    detector, recogniser = (
        onnxruntime.InferenceSession(str(_weights(part)), options, providers=["CPUExecutionProvider"])
        for part in ("det", "rec")
    )
    letters = recogniser.get_modelmeta().custom_metadata_map.get("character", "")
    if not letters:
        raise _missing()
    return _Models(detector, recogniser, ["", *letters.splitlines(), " "])


@lru_cache(maxsize=1)
def _giving_back() -> Any:
    """Run options after which ONNX Runtime gives its memory back: the detector's maps of one large photo would stay
    with the worker for good (measured: 0.88 GB a worker kept, 0.3 GB with this, for a tenth more time)."""
    import onnxruntime

    options = onnxruntime.RunOptions()
    options.add_run_config_entry("memory.enable_memory_arena_shrinkage", "cpu:0")
    return options


def _padded(picture: np.ndarray) -> tuple[np.ndarray, int, int]:
    """The picture with a black border where it is too elongated, and the border's width and height."""
    import cv2

    height, width = picture.shape[:2]
    top = max(0, width // MOST_ELONGATED - height) // 2
    left = max(0, height // MOST_ELONGATED - width) // 2
    if not top and not left:
        return picture, 0, 0
    return cv2.copyMakeBorder(picture, top, top, left, left, cv2.BORDER_CONSTANT), left, top


def _detect(picture: np.ndarray, detector: Any) -> list[np.ndarray]:
    """Boxes of text, float32 (4, 2), clockwise from the top left, from top to bottom."""
    import cv2

    height, width = picture.shape[:2]
    scale = max(1.0, DETECTOR_SIDE / min(height, width))
    size = tuple(max(32, round(int(side * scale) / 32) * 32) for side in (width, height))
    resized = cv2.resize(picture, size)
    blob = cv2.dnn.blobFromImage(resized, 1 / 127.5, mean=(127.5, 127.5, 127.5), swapRB=True)
    heat = detector.run(None, {detector.get_inputs()[0].name: blob}, _giving_back())[0][0, 0]
    mask = cv2.dilate((heat > TEXT_PROBABILITY).astype(np.uint8), np.ones((2, 2), np.uint8))
    contours, _ = cv2.findContours(mask, cv2.RETR_LIST, cv2.CHAIN_APPROX_SIMPLE)
    ratio = np.array((width / size[0], height / size[1]), np.float32)
    limit = np.array((width - 1, height - 1), np.float32)
    boxes = []
    for contour in contours[:MOST_BOXES]:
        center, (long, short), angle = cv2.minAreaRect(contour)
        if min(long, short) < 3 or _mean_inside(heat, cv2.boxPoints((center, (long, short), angle))) < BOX_PROBABILITY:
            continue
        growth = long * short * GROWTH / (long + short)  # on both sides together, hence twice area / perimeter
        corners = _clockwise(cv2.boxPoints((center, (long + growth, short + growth), angle)))
        box = np.clip(np.round(corners * ratio), 0, limit).astype(np.float32)
        if min(np.linalg.norm(box[0] - box[1]), np.linalg.norm(box[0] - box[3])) > 3:
            boxes.append(box)
    return sorted(boxes, key=lambda box: (box[0, 1], box[0, 0]))


def _mean_inside(heat: np.ndarray, corners: np.ndarray) -> float:
    import cv2

    low = np.maximum(np.floor(corners.min(axis=0)).astype(int), 0)
    high = np.ceil(corners.max(axis=0)).astype(int) + 1
    window = heat[low[1] : high[1], low[0] : high[0]]
    mask = np.zeros(window.shape, np.uint8)
    cv2.fillPoly(mask, [(corners - low).astype(np.int32)], 1)
    return cv2.mean(window, mask)[0]


def _clockwise(corners: np.ndarray) -> np.ndarray:
    """Corners from the top left, clockwise: the two leftmost are the left side."""
    by_x = corners[np.argsort(corners[:, 0], kind="stable")]
    top_left, bottom_left = by_x[:2][np.argsort(by_x[:2, 1], kind="stable")]
    top_right, bottom_right = by_x[2:][np.argsort(by_x[2:, 1], kind="stable")]
    return np.array((top_left, top_right, bottom_right, bottom_left), np.float32)


class _Crop(NamedTuple):
    pixels: np.ndarray  # uint8 (LINE_HEIGHT, width, 3) RGB
    turned: bool  # a tall box, turned counterclockwise to lie


def _crop(picture: np.ndarray, box: np.ndarray) -> _Crop:
    import cv2

    width = int(max(np.linalg.norm(box[0] - box[1]), np.linalg.norm(box[2] - box[3])))
    height = int(max(np.linalg.norm(box[0] - box[3]), np.linalg.norm(box[1] - box[2])))
    target = np.array(((0, 0), (width, 0), (width, height), (0, height)), np.float32)
    matrix = cv2.getPerspectiveTransform(box, target)
    pixels = cv2.warpPerspective(
        picture, matrix, (width, height), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE
    )
    turned = height >= 1.5 * width
    if turned:
        pixels = np.rot90(pixels)
        width, height = height, width
    length = min(LONGEST_LINE, int(np.ceil(LINE_HEIGHT * width / height)))
    return _Crop(cv2.resize(pixels, (length, LINE_HEIGHT)), turned)


def _recognise_either_way(crops: list[_Crop], models: _Models) -> list[tuple[str, float, bool]]:
    """Text, score, and whether the line stood on its head, for each crop."""
    upright = _recognise([crop.pixels for crop in crops], models)
    doubtful = [number for number, (_, score) in enumerate(upright) if score < SURE_SCORE]
    flipped = _recognise([crops[number].pixels[::-1, ::-1] for number in doubtful], models)
    readings = [(text, score, False) for text, score in upright]
    for number, (text, score) in zip(doubtful, flipped, strict=True):
        if score > readings[number][1]:
            readings[number] = (text, score, True)
    return readings


def _recognise(lines: list[np.ndarray], models: _Models) -> list[tuple[str, float]]:
    """Text and score of each line, batched by width: padding is work that nobody reads."""
    results: list[tuple[str, float]] = [("", 0.0)] * len(lines)
    name = models.recogniser.get_inputs()[0].name
    order = sorted(range(len(lines)), key=lambda number: lines[number].shape[1])
    while order:
        batch = [order.pop()]  # the widest left
        width = _rounded(lines[batch[0]].shape[1])
        while order and (len(batch) + 1) * width <= BATCH_PIXELS and _rounded(lines[order[-1]].shape[1]) == width:
            batch.append(order.pop())
        blob = np.zeros((len(batch), 3, LINE_HEIGHT, width), np.float32)
        for row, number in enumerate(batch):
            bgr = lines[number][:, :, ::-1].transpose(2, 0, 1)
            blob[row, :, :, : bgr.shape[2]] = bgr * np.float32(1 / 127.5) - 1
        probabilities = models.recogniser.run(None, {name: blob})[0]
        for number, steps in zip(batch, probabilities, strict=True):
            results[number] = _decoded(steps, models.letters)
    return results


def _rounded(width: int) -> int:
    """The width that a line is padded to. Single digits are misread in less than 320 pixels (measured)."""
    return max(SHORTEST_LINE, -(-width // 32) * 32)


def _decoded(steps: np.ndarray, letters: list[str]) -> tuple[str, float]:
    """Greedy CTC: `steps` is float32 (time, letters); repeats and blanks (letter 0) fall out."""
    best = steps.argmax(axis=1)
    kept = (best != 0) & np.concatenate(((True,), best[1:] != best[:-1]))
    if not kept.any():
        return "", 0.0
    return "".join(letters[letter] for letter in best[kept]), float(steps.max(axis=1)[kept].mean())
