"""Directions in the space of audio features for "speech" and "noise", fitted on synthetic sounds alone.

    python -m training.audio_probes       # prints the constants of `mmsearch/models/ears_words.py`

Synthetic speech follows source and filter (Fant 1960) with random resonances: no language, no recording. Synthetic
music is drawn as what is neither speech nor noise. It is no word of the probes: there was no music to try it on.
"""

import sys
from collections.abc import Callable, Sequence

import numpy as np

from mmsearch.models.media import audio_features
from mmsearch.models.media.audio_features import RATE, AudioFeatures


def sound(seed: int, number: int) -> np.ndarray:
    """float32 mono at `audio_features.RATE`, 2 to 6 s: noises and tones under every envelope."""
    rng = np.random.default_rng([seed, number])
    count = int(audio_features.RATE * rng.uniform(2, 6))
    total = np.zeros(count)
    for _ in range(int(rng.integers(1, 4))):
        source = noise(rng, count) if rng.random() < 0.55 else voice(rng, count)
        total += source / (np.abs(source).max() + 1e-9) * envelope(rng, count) * rng.uniform(0.2, 1)
    total += rng.normal(0, 10 ** rng.uniform(-5, -2), count)
    result: np.ndarray = (total / np.abs(total).max() * rng.uniform(0.05, 1)).astype(np.float32)
    return result


def noise(rng: np.random.Generator, count: int) -> np.ndarray:
    """Noise with a slope and a band."""
    spectrum = np.fft.rfft(rng.normal(0, 1, count))
    hertz = np.fft.rfftfreq(count, 1 / audio_features.RATE) + 20
    shape = hertz ** rng.uniform(-1.5, 0.5)
    if rng.random() < 0.5:
        middle = 2 ** rng.uniform(7, 12.5)
        shape *= np.exp(-(np.log2(hertz / middle) ** 2) / rng.uniform(0.2, 4))
    return np.fft.irfft(spectrum * shape, count)


def voice(rng: np.random.Generator, count: int) -> np.ndarray:
    """A harmonic tone that glides and wavers, as voices, engines and birds do."""
    seconds = np.arange(count) / audio_features.RATE
    wobble = 1 + rng.uniform(0, 0.2) * np.sin(2 * np.pi * rng.uniform(0.3, 8) * seconds + rng.uniform(0, 6))
    pitch = 2 ** rng.uniform(5.5, 11) * 2 ** (rng.uniform(-0.7, 0.7) * seconds / seconds[-1]) * wobble
    phase = 2 * np.pi * np.cumsum(pitch) / audio_features.RATE
    result: np.ndarray = sum(np.sin(phase * k) * k ** -rng.uniform(0.3, 2) for k in range(1, int(rng.integers(2, 16))))
    return result


def envelope(rng: np.random.Generator, count: int, kinds: Sequence[int] = (0, 1, 2, 3)) -> np.ndarray:
    """Steady (0), swelling (1), a few bursts (2), or many short ones, regular or not (3)."""
    seconds, kind = np.arange(count) / audio_features.RATE, kinds[int(rng.integers(len(kinds)))]
    if kind == 0:
        return np.ones(count)
    if kind == 1:
        return 1 + rng.uniform(0.2, 1) * np.sin(2 * np.pi * rng.uniform(0.1, 20) * seconds)
    starts = rng.uniform(0, seconds[-1], int(rng.integers(1, 5) if kind == 2 else rng.integers(5, 60)))
    if rng.random() < 0.3:
        starts = np.arange(0, seconds[-1], rng.uniform(0.1, 1))
    fall, total = rng.uniform(0.004, 0.5), np.zeros(count)
    for start in starts:
        since = seconds - start
        total += np.where(since >= 0, np.exp(-np.maximum(since, 0) / fall), 0) * rng.uniform(0.3, 1)
    return total


def middle(count: int = 240, seed: int = 5) -> tuple[np.ndarray, np.ndarray]:
    """The constants of `audio_features`: float (3, CEPSTRA) mean, and (3,) usual distance from it."""
    found = [audio_features.log_mel(sound(seed, number)) for number in range(count)]
    rows = np.stack([audio_features.describe(bands) for bands in found if bands is not None])
    return rows.mean(0), np.sqrt(((rows - rows.mean(0)) ** 2).sum(2).mean(0))


VOICES = (1, 1, 1, 1, 2, 4)  # so many talk at once
PHRASE = (3, 15)  # syllables between two pauses


def speech(rng: np.random.Generator, seconds: float) -> np.ndarray:
    """Float (samples,) at `audio_features.RATE`: one voice, or several over each other."""
    total = np.zeros(int(seconds * RATE))
    for _ in range(int(rng.choice(VOICES))):
        total += talk(rng, len(total)) * rng.uniform(0.3, 1)
    return total


def talk(rng: np.random.Generator, count: int) -> np.ndarray:
    """One voice: consonants and syllables, three to six a second, with pauses."""
    total = np.zeros(count)
    pitch, tract = float(np.exp(rng.uniform(np.log(80), np.log(280)))), rng.uniform(0.88, 1.2)
    breath, rate = rng.uniform(0.02, 0.12), rng.uniform(2.8, 6.5)
    at, left = int(rng.uniform(0, 0.4) * RATE), int(rng.integers(*PHRASE))
    while at < count - 2000:
        if rng.random() < 0.7:
            length = min(int(RATE * rng.uniform(0.02, 0.12)), count - at)
            total[at : at + length] += consonant(rng, length) * 10 ** rng.uniform(-1.5, 0)
            at += int(length * rng.uniform(0.5, 1.1)) + int(RATE * rng.uniform(0, 0.06))
        length = min(int(RATE / rate * rng.uniform(0.45, 1.2)), count - at)
        if length < 400:
            break
        spoken = syllable(rng, length, pitch * (1 + rng.normal(0, 0.08)), tract, breath)
        total[at : at + length] += spoken * rng.uniform(0.3, 1)
        at, left = at + length, left - 1
        if left <= 0:
            at, left = at + int(RATE * rng.uniform(0.1, 0.9)), int(rng.integers(*PHRASE))
    return total


def syllable(rng: np.random.Generator, count: int, pitch: float, tract: float, breath: float) -> np.ndarray:
    """Pulses with a gliding pitch through four resonances, fading in and out."""
    share = np.arange(count) / count
    glide = pitch * (1 + rng.normal(0, 0.1) + rng.normal(0, 0.04) * share)
    glide *= 1 + 0.01 * rng.normal(0, 1, count).cumsum() / np.sqrt(count)  # no voice is steady
    pulses = np.diff(np.floor(np.cumsum(glide) / RATE), prepend=0.0)
    pulses = np.convolve(pulses, np.exp(-np.arange(60) / rng.uniform(4, 20)))[:count]
    first = rng.uniform(260, 850)
    second = rng.uniform(max(first + 250, 700), 2400)
    heights = (first, second, rng.uniform(max(second + 300, 2200), 3300), rng.uniform(3300, 4200))
    fall = rng.uniform(0.3, 0.8)
    peaks = [(tract * hertz, rng.uniform(40, 120) + 0.06 * hertz, fall**k) for k, hertz in enumerate(heights)]
    ends = np.minimum(np.arange(count), np.arange(count)[::-1])
    return loudest(resonating(pulses + rng.normal(0, breath, count), peaks)) * np.minimum(
        1, ends / (RATE * rng.uniform(0.01, 0.04))
    )


def consonant(rng: np.random.Generator, count: int) -> np.ndarray:
    """Noise in a high band, held or falling off."""
    peak = (rng.uniform(1500, 6500), rng.uniform(300, 1800), 1.0)
    fall = np.exp(-np.arange(count) / max(count, 1) * rng.uniform(0, 5))
    return loudest(resonating(rng.normal(0, 1, count), [peak]) * fall)


def resonating(source: np.ndarray, peaks: list[tuple[float, float, float]]) -> np.ndarray:
    """A source through resonances: hertz, half width in hertz, strength."""
    hertz = np.fft.rfftfreq(len(source), 1 / RATE)
    gain = sum(strength / (1 + ((hertz - at) / width) ** 2) for at, width, strength in peaks)
    return np.fft.irfft(np.fft.rfft(source) * gain, len(source))


def loudest(wave: np.ndarray) -> np.ndarray:
    """At a peak of 1."""
    result: np.ndarray = wave / (np.abs(wave).max(initial=0) + 1e-9)
    return result


SCALES = ((0, 2, 4, 5, 7, 9, 11), (0, 2, 3, 5, 7, 8, 10), (0, 3, 5, 7, 10, 12, 15))  # semitones
HIGHEST = 3500.0  # hertz of a note


def music(rng: np.random.Generator, seconds: float) -> np.ndarray:
    """Float (samples,) at `audio_features.RATE`: one to three instruments, each with its own step and register."""
    total = np.zeros(int(seconds * RATE))
    beat, root, scale = 60 / rng.uniform(60, 170), 55 * 2 ** rng.uniform(0, 1), SCALES[rng.integers(len(SCALES))]
    for _ in range(int(rng.integers(1, 4))):
        step, register = beat * float(rng.choice([0.25, 0.5, 0.5, 1, 2])), int(rng.integers(0, 5))
        total += part(rng, len(total), step, root * 2**register, scale) * rng.uniform(0.2, 1)
    if rng.random() < 0.4:
        total = loudest(total) + drums(rng, len(total), beat / 2) * rng.uniform(0.2, 1)
    return total


def part(rng: np.random.Generator, count: int, step: float, root: float, scale: tuple[int, ...]) -> np.ndarray:
    """One instrument: its notes wander over the scale, alone or as chords of two or three."""
    total, degree = np.zeros(count), int(rng.integers(len(scale)))
    make, chord = instrument(rng), int(rng.choice([1, 1, 2, 3]))
    for at in range(0, count - RATE // 10, int(RATE * step)):
        if rng.random() < 0.12:
            continue
        degree = int(np.clip(degree + rng.integers(-2, 3), 0, len(scale) - 1))
        length = min(int(RATE * step * rng.uniform(0.7, 2.5)), count - at)
        for place in range(degree, degree + 2 * chord, 2):
            hertz = root * 2 ** (scale[place % len(scale)] / 12 + place // len(scale))
            if hertz < HIGHEST:
                total[at : at + length] += make(hertz, length) / chord
    return total


def instrument(rng: np.random.Generator) -> Callable[[float, int], np.ndarray]:
    """A function of hertz and samples: partials that fade at once (plucked) or are held with a vibrato."""
    bright, decay, held = rng.uniform(0.6, 2.2), rng.uniform(0.6, 5), rng.random() < 0.4
    even, stiff = rng.choice([1, 1, 0.2]), rng.choice([0, 0, 0.0004])

    def note(hertz: float, count: int) -> np.ndarray:
        seconds = np.arange(count) / RATE
        k = np.arange(1, max(2, min(20, int(7600 / hertz))))[:, None]
        strength = k**-bright * np.where(k % 2 == 0, even, 1.0)
        wobble = 1 + (0.004 * np.sin(2 * np.pi * 5.5 * seconds) if held else 0)
        phase = 2 * np.pi * hertz * np.cumsum(np.ones(count) * wobble) / RATE
        fade = 1.0 if held else np.exp(-seconds * decay * (1 + 0.3 * k))
        made = (strength * fade * np.sin(phase * k * (1 + stiff * k**2) + rng.uniform(0, 6, k.shape))).sum(0)
        rise = np.minimum(1, np.arange(count) / (RATE * (0.05 if held else 0.004)))
        return np.asarray(made * rise * np.minimum(1, np.arange(count)[::-1] / (RATE * 0.03)))

    return note


def drums(rng: np.random.Generator, count: int, step: float) -> np.ndarray:
    """A low drum, a snare and a cymbal in turns."""
    total = np.zeros(count)
    for number, at in enumerate(range(0, count - RATE // 50, int(RATE * step))):
        length = min(int(0.3 * RATE), count - at)
        seconds = np.arange(length) / RATE
        kind = (0, 2, 1, 2)[number % 4]
        if kind == 0:
            hit = np.sin(2 * np.pi * (50 * seconds + 30 * (1 - np.exp(-seconds * 30)))) * np.exp(-seconds * 9)
        else:
            peak = ((2500.0, 2500.0, 1.0), (7000.0, 1500.0, 1.0))[kind - 1]
            hit = resonating(rng.normal(0, 1, length), [peak]) * np.exp(-seconds * (0, 18, 50)[kind])
        if rng.random() < 0.85:
            total[at : at + length] += loudest(hit) * rng.uniform(0.4, 1)
    return total


KINDS = ("speech", "noise", "music", "other")
WORDS = KINDS[:2]


COUNT, SEED = 250, 3  # sounds of each kind


RIDGE = 0.01  # weight of the squared length of a direction in the logistic loss


def made(kind: str, number: int, seed: int = SEED) -> np.ndarray:
    """One sound of a kind, float32 mono at `audio_features.RATE`, as if recorded in some room with some microphone."""
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
            source = noise(rng, count) * envelope(rng, count, (0, 1))
        elif rng.random() < 0.5:
            source = voice(rng, count) * envelope(rng, count)
        else:
            source = noise(rng, count) * envelope(rng, count, (2,))
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
        wave = wave + loudest(noise(rng, len(wave))) * 10 ** rng.uniform(-4, -1)
    hertz = np.fft.rfftfreq(len(wave), 1 / RATE) + 1
    knots = np.interp(np.log(hertz), np.linspace(4, 9, 6), rng.normal(0, 5, 6))  # decibels: no microphone is even
    wave = np.fft.irfft(np.fft.rfft(wave) * 10 ** (knots / 20), len(wave))
    if rng.random() < 0.5:
        low, high = rng.uniform(30, 300), np.exp(rng.uniform(np.log(3000), np.log(8000)))
        band = 1 / (1 + (low / hertz) ** 4) / (1 + (hertz / high) ** 8)
        wave = np.fft.irfft(np.fft.rfft(wave) * band, len(wave))
    return (loudest(wave) * rng.uniform(0.05, 1)).astype(np.float32)


def features(count: int, seed: int = SEED) -> np.ndarray:
    """float32 (kinds, count, `AudioFeatures.size`)."""
    listen = AudioFeatures().extract
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
    result: np.ndarray = found[:-1] / np.linalg.norm(found[:-1])
    return result


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
