"""OCR by rapidocr: the detector and the recogniser of PP-OCR on ONNX Runtime, with the weights of its wheel."""

from __future__ import annotations

import contextlib
import re
import socket
import threading
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from mmsearch.dehyphenation import BROKEN_OFF, join_words_of
from mmsearch.errors import ModelUnavailable
from mmsearch.models.recognition import tesseract

LONGEST_SIDE = 2000
MAX_ASPECT_RATIO = 8
MIN_SIDE = 4  # pixels
DOUBTFUL = 0.7  # confidence in a picture's lines below which they are in a script that the recogniser doesn't know
PAPER, SHADE = 0.4, 12  # share of a picture that lies within so many grey levels, from which on it is no photograph
LONG_WORD = re.compile(r"[^\W_]{3}")
DENSE_WORD, SURE = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7a3]{2}"), 0.9
FEW = 6.0  # characters, about: lines of less in all are specks and signs in photos, about which nothing is doubted
LINE_DISTANCE = 2.5  # times the height of a line: the next one of the same column is no further below
SAME_LINE = 0.5  # of the lower box's height: the largest distance of the centres of two boxes on one line


class Word(NamedTuple):
    """A recognized text, often a whole line. `box` is float32 (4, 2), x and y in pixels of the picture, clockwise from
    its upper left corner; `score` is the mean probability of the characters, 0.5..1."""

    box: np.ndarray
    text: str
    score: float


def engine() -> str:
    """Name and version of the engine (`rapidocr 3.10.0`), which the index records: another version may recognize other
    words. Raises `ModelUnavailable`."""
    from importlib.metadata import PackageNotFoundError, version

    try:
        return f"rapidocr {version('rapidocr')}"
    except PackageNotFoundError:
        raise _missing() from None


def recognize(picture: np.ndarray, threads: int = 1) -> list[Word]:
    """All words of a picture, uint8 (height, width, 3) RGB, in any orientation and in the detector's order.

    A picture whose longer side exceeds 2,000 pixels is shrunk to it. Raises `ModelUnavailable` where the engine is
    missing.
    """
    return _recognize(picture, threads)[0]


def _recognize(picture: np.ndarray, threads: int) -> tuple[list[Word], float | None]:
    """The words of a picture, and the confidence in its lines, 0..1, 1 for very few; None where the
    detector has found no line."""
    if min(picture.shape[:2]) < MIN_SIDE:
        return [], None
    wide, tall = _padding(*picture.shape[:2])
    padded = np.pad(picture, ((tall, tall), (wide, wide), (0, 0)), mode="edge")
    engine = _load(threads)
    engine.lines.clear()
    output = engine(np.ascontiguousarray(padded[:, :, ::-1]))  # OpenCV's order of colours
    width = sum(line[0] for line in engine.lines)
    confidence = sum(length * score for length, score in engine.lines) / width if width else None
    if 0 < width < FEW:
        confidence = 1.0
    if output.txts is None:
        return [], confidence
    words = zip(output.boxes, output.txts, output.scores, strict=True)
    offset = np.array((wide, tall), np.float32)
    found = [
        Word(np.asarray(box, np.float32) - offset, text.strip(), float(p)) for box, text, p in words if text.strip()
    ]
    return found, confidence


@contextlib.contextmanager
def loading(threads: int = 1) -> Iterator[None]:
    """Load the engine in a thread of its own during the `with` block, at whose end it is ready for `recognize`. Errors
    of loading are raised by `recognize`."""

    def load() -> None:
        with contextlib.suppress(Exception):
            _load(threads)

    thread = threading.Thread(target=load, name="ocr", daemon=True)
    thread.start()
    try:
        yield
    finally:
        thread.join()


def _padding(height: int, width: int) -> tuple[int, int]:
    """Pixels to add left and right, and above and below. The library enlarges a picture until its short side has 736
    pixels; the long side of a very elongated one would take tens of gigabytes."""
    return max(0, (height // MAX_ASPECT_RATIO - width + 1) // 2), max(0, (width // MAX_ASPECT_RATIO - height + 1) // 2)


def handle(request: dict[str, Any], arrays: list[np.ndarray]) -> tuple[dict[str, Any], list[np.ndarray]]:
    """Worker handler. Request: `threads` (1); `languages`, if Tesseract may read what this engine can't: those to read
    every picture with, or `""` for a choice by script. Arrays: pictures as `recognize` takes them.

    Response: `pages`, one object per picture: `text` in reading order, `words` with `text`, `score` and `box` (eight
    numbers, x and y of four corners), and `engine` where Tesseract has read it."""
    pages = []
    for picture in arrays:
        words, confidence = _recognize(picture, int(request.get("threads", 1)))
        if (reading := _read_further(picture, confidence, request.get("languages"))) is not None:
            read = [Word(_corners(*word.box), word.text, word.score) for word in reading.words]
            pages.append(_page(join_words_of(reading.text), read) | {"engine": tesseract.engine(reading.languages)})
        else:
            kept = words if _is_paper(picture) else [word for word in words if _carries(word)]
            pages.append(_page(join_words([(word.box, word.text) for word in kept]), kept))
    return {"pages": pages}, []


def _is_paper(picture: np.ndarray) -> bool:
    """Whether a large part of a picture is of one shade: a page, chart, slide or screen, and no photograph."""
    grey = picture[::4, ::4].mean(axis=2).astype(np.uint8)
    sums = np.cumsum(np.concatenate([[0], np.bincount(grey.ravel(), minlength=256)]))
    return float((sums[SHADE:] - sums[:-SHADE]).max()) > PAPER * float(sums[-1])


def _carries(word: Word) -> bool:
    """Whether text in a photograph says something: one or two characters are mostly no letters at all. Of Chinese and
    Japanese, two that are surely recognized are a word."""
    if LONG_WORD.search(word.text):
        return True
    return word.score >= SURE and DENSE_WORD.search(word.text) is not None


def _read_further(picture: np.ndarray, confidence: float | None, languages: str | None) -> tesseract.Reading | None:
    """What Tesseract reads in a picture, where it is due and better than what this engine reads. Languages that the
    user named replace it wherever they make sense."""
    if languages is None or confidence is None or (not languages and confidence >= DOUBTFUL):
        return None
    reading = tesseract.read(picture, languages)
    return reading if reading is not None and (languages or reading.confidence > confidence) else None


def _corners(left: int, top: int, right: int, bottom: int) -> np.ndarray:
    return np.array([(left, top), (right, top), (right, bottom), (left, bottom)], np.float32)


def _page(text: str, words: Sequence[Word]) -> dict[str, Any]:
    entries = [
        {"text": word.text, "score": round(word.score, 4), "box": [round(float(v), 1) for v in word.box.ravel()]}
        for word in words
    ]
    return {"text": text, "words": entries}


def _missing() -> ModelUnavailable:
    return ModelUnavailable("The OCR engine is not installed.", "pip install rapidocr")


@lru_cache(maxsize=1)
def _load(threads: int) -> Any:
    """The engine, created in the process that uses it: ONNX Runtime's threads don't survive a fork."""
    try:
        with _no_socket_probe():
            from rapidocr import RapidOCR
    except ImportError as error:
        raise _missing() from error

    class Engine(RapidOCR):
        """The engine, with the width and the score of each line of the last picture: what it returns has lost those
        without a character that the recogniser knows, which count 0."""

        def __init__(self, params: dict[str, Any]) -> None:
            super().__init__(params=params)
            self.lines: list[tuple[float, float]] = []

        def recognize_txt(self, images: list[np.ndarray]) -> Any:
            result = super().recognize_txt(images)
            for image, text, score in zip(images, result.txts or (), result.scores or (), strict=False):
                height, width = image.shape[:2]
                self.lines.append((width / height, float(score) if text.strip() else 0.0))
            return result

    runtime = "EngineConfig.onnxruntime"
    return Engine(
        params={
            "Global.log_level": "critical",
            "Global.max_side_len": LONGEST_SIDE,
            "Rec.rec_batch_num": 1,  # a batch is no faster on one thread, and all its lines are padded to the widest
            f"{runtime}.intra_op_num_threads": threads,
            f"{runtime}.inter_op_num_threads": 1,
        }
    )


@contextlib.contextmanager
def _no_socket_probe() -> Iterator[None]:
    """Prevent the socket that urllib3, which rapidocr's downloader imports, opens to detect IPv6."""
    has_ipv6 = socket.has_ipv6
    socket.has_ipv6 = False
    try:
        yield
    finally:
        socket.has_ipv6 = has_ipv6


def join_words(words: Sequence[tuple[np.ndarray, str]]) -> str:
    """The text of words, each a box, float (4, 2) of x and y in pixels, and its text: boxes on one line are joined by a
    space, lines by a line end, from top to bottom; words that are broken at the end of a box are joined.

    Boxes keep their place, also a vertical axis title: moving those to the end cost the descriptions of charts 0.03
    nDCG@10, and detecting columns gained nothing.
    """
    boxes = [_TextBox.around(box, text) for box, text in words]
    lines: list[list[_TextBox]] = []
    for box in sorted(_completed(boxes), key=lambda one: (one.middle, one.height, one.left, one.text)):
        if lines:
            last = lines[-1]
            distance = abs(box.middle - sum(one.middle for one in last) / len(last))
            if distance < SAME_LINE * min(box.height, float(np.median([one.height for one in last]))):
                last.append(box)
                continue
        lines.append([box])
    return "\n".join(" ".join(one.text for one in sorted(line, key=lambda one: one.left)) for line in lines)


class _TextBox(NamedTuple):
    """The text of a box and its place, in pixels."""

    middle: float
    height: float
    left: float
    right: float
    text: str

    @classmethod
    def around(cls, box: np.ndarray, text: str) -> _TextBox:
        top, bottom = float(box[:, 1].min()), float(box[:, 1].max())
        left, right = float(box[:, 0].min()), float(box[:, 0].max())
        return cls((top + bottom) / 2, bottom - top, left, right, join_words_of(text))


def _completed(boxes: Sequence[_TextBox]) -> list[_TextBox]:
    """The boxes with words that are broken at the end of one completed from the box that continues it: the nearest one
    below, else the first of the next column."""
    found = list(boxes)
    for place, box in enumerate(found):
        if not BROKEN_OFF.search(box.text):
            continue
        after = _continuation(box, found)
        if after is None:
            continue
        word, _, rest = found[after].text.partition(" ")
        joined = join_words_of(f"{box.text}\n{word}")
        if "\n" not in joined:
            found[place] = found[place]._replace(text=joined)
            found[after] = found[after]._replace(text=rest)
    return [box for box in found if box.text]


def _continuation(box: _TextBox, boxes: Sequence[_TextBox]) -> int | None:
    """The index of the box in which a word goes on that is broken at the end of `box`."""
    begun = [(at, one) for at, one in enumerate(boxes) if one is not box and one.text[:1].isalpha()]
    reach = LINE_DISTANCE * box.height
    below = [
        (one.middle, one.left, at)
        for at, one in begun
        if box.height / 2 < one.middle - box.middle < reach and one.left < box.right and one.right > box.left
    ]
    if below:
        return min(below)[2]
    beside = [(at, one) for at, one in begun if one.left > box.right and one.text[:1].islower()]
    edge = min((one.left for _, one in beside), default=0.0) + 2 * box.height
    return min(((one.middle, at) for at, one in beside if one.left < edge), default=(0.0, None))[1]
