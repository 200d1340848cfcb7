"""Directions in the space of the ears for the words that they know, fitted on made-up sounds alone.

    python -m mmsearch.training.heard       # prints the constants of `models/ears_words.py`

Music is drawn as what is neither speech nor noise. It is no word of the ears: there was no music to try it on.
"""

import sys

import numpy as np

from mmsearch.models.ears import RATE, Ears
from mmsearch.training import sounds
from mmsearch.training.tunes import music
from mmsearch.training.utterances import loudest, speech

KINDS = ("speech", "noise", "music", "other")
WORDS = KINDS[:2]
COUNT, SEED = 250, 3  # sounds of each kind
RIDGE = 0.01  # weight of the squared length of a direction in the logistic loss


def made(kind: str, number: int, seed: int = SEED) -> np.ndarray:
    """One sound of a kind, float32 mono at `ears.RATE`, as if recorded in some room with some microphone."""
    rng = np.random.default_rng([seed, KINDS.index(kind), number])
    seconds = rng.uniform(2.5, 8)
    if kind == "speech":
        return recorded(rng, speech(rng, seconds))
    if kind == "music":
        return recorded(rng, music(rng, seconds))
    count = int(seconds * RATE)
    total = np.zeros(count)
    for _ in range(int(rng.integers(1, 4))):
        if kind == "noise":
            source = sounds.noise(rng, count) * sounds.envelope(rng, count, (0, 1))
        elif rng.random() < 0.5:
            source = sounds.voice(rng, count) * sounds.envelope(rng, count)
        else:
            source = sounds.noise(rng, count) * sounds.envelope(rng, count, (2,))
        total += loudest(source) * rng.uniform(0.2, 1)
    return recorded(rng, total)


def recorded(rng: np.random.Generator, wave: np.ndarray) -> np.ndarray:
    """With an echo, a background, a narrower band, at another level; or without."""
    if rng.random() < 0.5:
        tail = int(RATE * rng.uniform(0.05, 0.5))
        echo = rng.normal(0, 1, tail) * np.exp(-np.arange(tail) / tail * 6)
        echo[0] = rng.uniform(3, 20)
        size = len(wave) + tail
        wave = np.fft.irfft(np.fft.rfft(wave, size) * np.fft.rfft(echo, size), size)[: len(wave)]
    wave = loudest(wave)
    if rng.random() < 0.8:
        wave = wave + loudest(sounds.noise(rng, len(wave))) * 10 ** rng.uniform(-4, -1)
    hertz = np.fft.rfftfreq(len(wave), 1 / RATE) + 1
    knots = np.interp(np.log(hertz), np.linspace(4, 9, 6), rng.normal(0, 5, 6))  # decibels: no microphone is even
    wave = np.fft.irfft(np.fft.rfft(wave) * 10 ** (knots / 20), len(wave))
    if rng.random() < 0.5:
        low, high = rng.uniform(30, 300), np.exp(rng.uniform(np.log(3000), np.log(8000)))
        band = 1 / (1 + (low / hertz) ** 4) / (1 + (hertz / high) ** 8)
        wave = np.fft.irfft(np.fft.rfft(wave) * band, len(wave))
    return (loudest(wave) * rng.uniform(0.05, 1)).astype(np.float32)


def features(count: int, seed: int = SEED) -> np.ndarray:
    """float32 (kinds, count, `Ears.size`)."""
    listen = Ears().likeness
    return np.stack([np.stack([listen(made(kind, number, seed)) for number in range(count)]) for kind in KINDS])


def direction(rows: np.ndarray, wanted: np.ndarray, steps: int = 30) -> np.ndarray:
    """The unit vector (size,) along which logistic regression parts the wanted of some rows (n, size) from the others,
    both sides weighing the same; by Newton's method."""
    inputs = np.c_[rows, np.ones(len(rows))]
    each = np.where(wanted, 0.5 / wanted.sum(), 0.5 / (~wanted).sum())
    ridge = RIDGE * np.r_[np.ones(rows.shape[1]), 0.0]
    found = np.zeros(inputs.shape[1])
    for _ in range(steps):
        sure = 1 / (1 + np.exp(-inputs @ found))
        slope = inputs.T @ ((sure - wanted) * each) + ridge * found
        curve = (inputs * (sure * (1 - sure) * each)[:, None]).T @ inputs + np.diag(ridge + 1e-9)
        found -= np.linalg.solve(curve, slope)
    return found[:-1] / np.linalg.norm(found[:-1])


def directions(rows: np.ndarray) -> dict[str, tuple[np.ndarray, float, float]]:
    """By word, from `features`: its direction, the cosine that 95 of 100 false sounds stay below, and the median of the
    true ones."""
    flat, kinds = rows.reshape(-1, rows.shape[-1]), np.repeat(np.arange(len(KINDS)), rows.shape[1])
    found = {}
    for number, word in enumerate(WORDS):
        wanted = kinds == number
        line = direction(flat, wanted)
        cosines = flat @ line
        found[word] = (line, float(np.quantile(cosines[~wanted], 0.95)), float(np.median(cosines[wanted])))
    return found


if __name__ == "__main__":
    for word, (line, false, true) in directions(features(COUNT)).items():
        numbers = ", ".join(f"{value:.2f}" for value in line)
        sys.stdout.write(f'"{word}": ({false:.2f}, {true:.2f}),\n[{numbers}]\n')
