"""Fingerprints by which copies of a file are found, made while it is decoded.

image  a picture as a small grey map and a smaller map of its colours, which hardly depend on its size and encoding. The
       key holds the signs of the 128 lowest coefficients of its cosine transform (after Zauner, "Implementation and
       Benchmarking of Perceptual Image Hash Functions", 2010): few differ between copies, many between other pictures.
text   a rolling hash over the words and their number. The hashes of consecutive parts combine into that of the whole,
       so line breaks, encodings and passage boundaries do not matter; any other word does.
audio  the signs of differences of band energies between neighbouring bands and times (after Haitsma and Kalker, "A
       Highly Robust Audio Fingerprinting System", ISMIR 2002), with longer steps since copies begin together.

Blank pages and silence have no fingerprint, or they would all be copies of each other.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
import zlib
from collections.abc import Iterable
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from mmsearch.types import Fingerprint, FingerprintForm

if TYPE_CHECKING:
    from PIL import Image

EDGE, PAPER_EDGE, COLOUR_EDGE, KEY_EDGE = 96, 256, 32, 32  # of the grey map, the colours, and what the key is made from
STEP = 4  # grey levels to one step of what is stored
SMALLEST, MOST_ELONGATED = 32, 12  # pixels of a picture's short side; times the long one
FLAT = 2.0  # standard deviation in grey levels, below which a picture is blank
DETAIL = 0.5  # mean difference of neighbours in the key's map, below which it is a mere gradient
PAPER, SHADE = 0.4, 12  # share of a picture that lies within so many levels: text, charts, slides, screens
KEY_BITS = 128

PRIME = (1 << 61) - 1
BASE = 0x1F3D5B79A2C4E687 % PRIME
DENSE = r"\u3005-\u3007\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff"  # letters that are words by themselves
WORD = re.compile(rf"[{DENSE}]|[^\s{DENSE}]+")

RATE = 8000  # Hz
FRAME, HOP = 4096, 1024  # samples: half a second, an eighth
BANDS = 25  # of equal width on a logarithmic scale, for 24 signs
LOWEST_HZ, HIGHEST_HZ = 200.0, 3400.0
QUIET = 1e-4  # of the loudest frame's energy
LEAST_FRAMES = 12  # audible, for a fingerprint
SILENT = 0xFFFFFFFF  # in place of a silent frame's signs
KEY_FRAMES = 64


def image_fingerprint(
    image: Image.Image, at: float = 1.0, form: FingerprintForm = FingerprintForm.IMAGE
) -> Fingerprint | None:
    """The fingerprint of an RGB picture; None for one that is flat, tiny or very elongated. Its body, compressed: width
    and height (uint16), the grey map (uint8 (n, n), steps of 4 levels), the colours Cb and Cr (uint8 (2, 32, 32), steps
    of 2). Pages differ by small signs, so a picture with a plain ground has n = 256, others 96."""
    from PIL import Image

    width, height = image.size
    if min(width, height) < SMALLEST or max(width, height) > MOST_ELONGATED * min(width, height):
        return None
    luma = image.convert("L")
    fine = luma.resize((PAPER_EDGE, PAPER_EDGE), Image.Resampling.LANCZOS)
    grey = fine.resize((EDGE, EDGE), Image.Resampling.BILINEAR)
    slow = np.asarray(grey.resize((KEY_EDGE, KEY_EDGE), Image.Resampling.BOX), np.float32)
    detail = (np.abs(np.diff(slow, axis=0)).mean() + np.abs(np.diff(slow, axis=1)).mean()) / 2
    if float(np.asarray(grey).std()) < FLAT or float(detail) < DETAIL:
        return None
    colours = image.resize((COLOUR_EDGE, COLOUR_EDGE), Image.Resampling.BILINEAR).convert("YCbCr").split()[1:]
    size = np.array([min(width, 65535), min(height, 65535)], "<u2").tobytes()
    shades = np.rint(np.asarray(fine if is_paper(luma.histogram()) else grey) / STEP).astype(np.uint8)
    steps = [_differences(shades), *(_differences(np.asarray(each) // 2) for each in colours)]
    return Fingerprint(form, at, _key(slow), zlib.compress(size + b"".join(steps), 6))


def is_paper(histogram: list[int]) -> bool:
    """Whether a large part of a picture is of one shade, by its 256 grey levels."""
    sums = np.cumsum([0, *histogram])
    return float((sums[SHADE:] - sums[:-SHADE]).max()) > PAPER * float(sums[-1])


def image_fingerprint_body(body: bytes) -> tuple[int, int, np.ndarray, np.ndarray]:
    """Width, height, grey map float32 (n, n) and colours float32 (2, 32, 32) of the body of an image fingerprint, in
    levels 0..255. Raises `ValueError` for bytes that are none."""
    try:
        data = zlib.decompressobj().decompress(body, 1 << 17)
    except zlib.error as error:
        raise ValueError("a damaged image fingerprint") from error
    tints = 2 * COLOUR_EDGE * COLOUR_EDGE
    edge = {4 + each * each + tints: each for each in (EDGE, PAPER_EDGE)}.get(len(data))
    if edge is None:
        raise ValueError("an image fingerprint of another length")
    width, height = np.frombuffer(data[:4], "<u2").tolist()
    if not width or not height:
        raise ValueError("an image fingerprint without a size")
    grey = np.frombuffer(data[4:-tints], np.uint8).reshape(edge, edge)
    colours = np.frombuffer(data[-tints:], np.uint8).reshape(2, COLOUR_EDGE, COLOUR_EDGE)
    shades = np.cumsum(grey, axis=1, dtype=np.uint8).astype(np.float32) * STEP
    return width, height, shades, np.cumsum(colours, axis=2, dtype=np.uint8).astype(np.float32) * 2


def _differences(rows: np.ndarray) -> bytes:
    """uint8 (n, m) as differences of neighbours in a row, which compress better."""
    return np.diff(rows, axis=1, prepend=np.zeros((len(rows), 1), np.uint8)).tobytes()


def _key(slow: np.ndarray) -> bytes:
    """16 bytes: the signs of the lowest coefficients, from the lowest on."""
    waves = _cosines() @ slow @ _cosines().T
    return np.packbits(waves[_slowest()] > 0).tobytes()


@lru_cache(maxsize=1)
def _cosines() -> np.ndarray:
    steps = np.arange(KEY_EDGE)
    return np.cos(np.pi * np.outer(steps, steps + 0.5) / KEY_EDGE).astype(np.float32)


@lru_cache(maxsize=1)
def _slowest() -> tuple[np.ndarray, np.ndarray]:
    rows, columns = np.meshgrid(np.arange(KEY_EDGE), np.arange(KEY_EDGE), indexing="ij")
    order = np.argsort((rows + columns + (rows + columns == 0) * 99).ravel(), kind="stable")[:KEY_BITS]
    return rows.ravel()[order], columns.ravel()[order]


def text_fingerprint(texts: Iterable[str], span: int, lines: bool = False) -> Fingerprint | None:
    """The fingerprint of consecutive texts. Its key has 16 bytes: how many words they have (a Chinese or Japanese
    letter counts as one) and their hash, below 2^61. With `lines` the unit is a line with its indentation, which has a
    meaning in code and in tables. None without a word."""
    number = value = 0
    for text in texts:
        plain = unicodedata.normalize("NFKC", text)
        words = [line.rstrip() for line in plain.split("\n")] if lines else WORD.findall(plain)
        for word in filter(None, words):
            digest = hashlib.blake2b(word.encode("utf-8", "replace"), digest_size=7).digest()
            value = (value * BASE + int.from_bytes(digest, "big") + 1) % PRIME
            number += 1
    return Fingerprint(FingerprintForm.TEXT, span, _packed(number, value)) if number else None


def combined_text_keys(keys: Iterable[bytes]) -> tuple[int, int]:
    """The number of words of consecutive texts and their hash, from the keys of their fingerprints."""
    number = value = 0
    for key in keys:
        count, part = int.from_bytes(key[:8], "big"), int.from_bytes(key[8:], "big")
        value = (value * pow(BASE, count, PRIME) + part) % PRIME
        number += count
    return number, value


def _packed(number: int, value: int) -> bytes:
    return number.to_bytes(8, "big") + value.to_bytes(8, "big")


def audio_fingerprint(samples: np.ndarray | None, at: float) -> Fingerprint | None:
    """The fingerprint of sound that begins `at` that second, float32 (samples,) mono at `RATE`. Its body: uint32
    (frames,), eight a second, 24 signs each, all ones for a silent frame; its key: the first 64 audible ones. None
    where too little is audible."""
    if samples is None or len(samples) < FRAME:
        return None
    frames = np.lib.stride_tricks.sliding_window_view(samples, FRAME)[::HOP]
    edges = np.round(np.geomspace(LOWEST_HZ, HIGHEST_HZ, BANDS + 1) / RATE * FRAME).astype(int)
    window = np.hanning(FRAME).astype(np.float32)
    energy = np.concatenate(
        [
            np.add.reduceat(np.abs(np.fft.rfft(some * window, axis=1)) ** 2, edges, axis=1)[:, :BANDS]
            for some in (frames[start : start + 128] for start in range(0, len(frames), 128))
        ]
    )
    signs = np.diff(energy[:, :-1] - energy[:, 1:], axis=0) > 0
    values = (signs.astype(np.uint32) << np.arange(BANDS - 1, dtype=np.uint32)).sum(axis=1, dtype=np.uint32)
    total = energy.sum(axis=1)
    values[np.minimum(total[1:], total[:-1]) <= max(QUIET * float(total.max()), 1e-3)] = SILENT
    audible = values[values != SILENT]
    if len(audible) < LEAST_FRAMES:
        return None
    return Fingerprint(
        FingerprintForm.AUDIO, at, audible[:KEY_FRAMES].astype("<u4").tobytes(), values.astype("<u4").tobytes()
    )
