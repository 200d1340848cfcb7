"""OCR by rapidocr: the detector and the recogniser of PP-OCR on ONNX Runtime, with the weights of its wheel."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from mmsearch.errors import ModelUnavailable

LONGEST_SIDE = 2000
MOST_ELONGATED = 8
SMALLEST = 4  # pixels of an edge below which nothing can be read


class Word(NamedTuple):
    """One piece of text, often a whole line. `box` is float32 (4, 2), x and y in pixels of the picture, clockwise from
    its upper left corner; `score` is the mean probability of the letters, 0.5..1."""

    box: np.ndarray
    text: str
    score: float


def engine() -> str:
    """What reads, for the index: other words may come out of another version (`rapidocr 3.10.0`)."""
    from importlib.metadata import PackageNotFoundError, version

    try:
        return f"rapidocr {version('rapidocr')}"
    except PackageNotFoundError:
        raise _missing() from None


def read(picture: np.ndarray, threads: int = 1) -> list[Word]:
    """All words of a picture, uint8 (height, width, 3) RGB, upright or not, in the detector's order.

    An empty list where there is no text. Longer sides than 2,000 pixels are read at 2,000.
    Raises `ModelUnavailable` where the engine is missing.
    """
    if min(picture.shape[:2]) < SMALLEST:
        return []
    wide, tall = _padding(*picture.shape[:2])
    padded = np.pad(picture, ((tall, tall), (wide, wide), (0, 0)), mode="edge")
    found = _load(threads)(np.ascontiguousarray(padded[:, :, ::-1]))  # it takes OpenCV's order of colours
    if found.txts is None:
        return []
    words = zip(found.boxes, found.txts, found.scores, strict=True)
    offset = np.array((wide, tall), np.float32)
    return [
        Word(np.asarray(box, np.float32) - offset, text.strip(), float(p)) for box, text, p in words if text.strip()
    ]


@contextlib.contextmanager
def loading(threads: int = 1) -> Iterator[None]:
    """Load the engine in a thread of its own during the `with`, at whose end it is ready for `read`. One that can't be
    loaded is left to `read` to complain about."""

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
    """How many pixels to add left and right, and above and below: the library enlarges a picture until its short side
    has 736 pixels, and the long side of a very elongated one would take tens of gigabytes."""
    return max(0, (height // MOST_ELONGATED - width + 1) // 2), max(0, (width // MOST_ELONGATED - height + 1) // 2)


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
    return ModelUnavailable("The engine that reads words in pictures is not installed.", "pip install rapidocr")


@lru_cache(maxsize=1)
def _load(threads: int) -> Any:
    """Made in the process that uses it: ONNX Runtime's threads don't survive a fork."""
    try:
        with _no_socket_probe():
            from rapidocr import RapidOCR
    except ImportError as error:
        raise _missing() from error
    one = "EngineConfig.onnxruntime"
    return RapidOCR(
        params={
            "Global.log_level": "critical",
            "Global.max_side_len": LONGEST_SIDE,
            "Rec.rec_batch_num": 1,  # a batch gains nothing on one thread, and all are padded to its widest line
            f"{one}.intra_op_num_threads": threads,
            f"{one}.inter_op_num_threads": 1,
        }
    )


@contextlib.contextmanager
def _no_socket_probe() -> Iterator[None]:
    """Import rapidocr's downloader without the socket that urllib3, below it, makes to learn whether IPv6 works."""
    known = socket.has_ipv6
    socket.has_ipv6 = False
    try:
        yield
    finally:
        socket.has_ipv6 = known


SAME_LINE = 0.5  # of the lower box's height: how far the middles of two boxes on one line may be apart


def joined(words: Sequence[tuple[np.ndarray, str]]) -> str:
    """The text of words, each a box, float (4, 2) of x and y in pixels, and what is written in it."""
    pieces = []
    for box, text in words:
        top, bottom = float(box[:, 1].min()), float(box[:, 1].max())
        pieces.append(((top + bottom) / 2, bottom - top, float(box[:, 0].min()), text))
    lines: list[list[tuple[float, float, float, str]]] = []
    for piece in sorted(pieces):
        middle, height = piece[:2]
        if lines:
            last = lines[-1]
            apart = abs(middle - sum(one[0] for one in last) / len(last))
            if apart < SAME_LINE * min(height, float(np.median([one[1] for one in last]))):
                last.append(piece)
                continue
        lines.append([piece])
    return "\n".join(" ".join(text for *_, text in sorted(line, key=lambda one: one[2])) for line in lines)
