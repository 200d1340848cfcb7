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
MAX_ASPECT_RATIO = 8
MIN_SIDE = 4  # pixels
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
    if min(picture.shape[:2]) < MIN_SIDE:
        return []
    wide, tall = _padding(*picture.shape[:2])
    padded = np.pad(picture, ((tall, tall), (wide, wide), (0, 0)), mode="edge")
    output = _load(threads)(np.ascontiguousarray(padded[:, :, ::-1]))  # OpenCV's order of colours
    if output.txts is None:
        return []
    words = zip(output.boxes, output.txts, output.scores, strict=True)
    offset = np.array((wide, tall), np.float32)
    return [
        Word(np.asarray(box, np.float32) - offset, text.strip(), float(p)) for box, text, p in words if text.strip()
    ]


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
    """Worker handler. Request: `threads` (1). Arrays: pictures as `recognize` takes them.

    Response: `pages`, one object per picture: `text` in reading order, and `words` with `text`, `score` and `box`
    (eight numbers, x and y of four corners)."""
    pages = []
    for picture in arrays:
        words = recognize(picture, int(request.get("threads", 1)))
        entries = [
            {"text": word.text, "score": round(word.score, 4), "box": [round(float(v), 1) for v in word.box.ravel()]}
            for word in words
        ]
        pages.append({"text": join_words([(word.box, word.text) for word in words]), "words": entries})
    return {"pages": pages}, []


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
    runtime = "EngineConfig.onnxruntime"
    return RapidOCR(
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
    space, lines by a line end, from top to bottom.

    Boxes keep their place, also a vertical axis title: moving those to the end cost the descriptions of charts 0.03
    nDCG@10, and detecting columns gained nothing.
    """
    boxes = []
    for box, text in words:
        top, bottom = float(box[:, 1].min()), float(box[:, 1].max())
        boxes.append(((top + bottom) / 2, bottom - top, float(box[:, 0].min()), text))
    lines: list[list[tuple[float, float, float, str]]] = []
    for box_entry in sorted(boxes):
        middle, height = box_entry[:2]
        if lines:
            last = lines[-1]
            distance = abs(middle - sum(one[0] for one in last) / len(last))
            if distance < SAME_LINE * min(height, float(np.median([one[1] for one in last]))):
                last.append(box_entry)
                continue
        lines.append([box_entry])
    return "\n".join(" ".join(text for *_, text in sorted(line, key=lambda one: one[2])) for line in lines)
