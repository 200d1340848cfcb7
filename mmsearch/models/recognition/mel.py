"""Log-mel spectrograms as Whisper defines them (Radford and others 2022), in NumPy."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

RATE = 16_000  # Hz
FFT, HOP = 400, 160  # samples: frames of 25 ms, one every 10 ms
WINDOW_S = 30.0  # the length that the model takes
SAMPLES, FRAMES = 480_000, 3000  # of a window
_LINEAR_HZ, _LINEAR_MELS = 1000.0, 15.0  # Slaney's mel scale is linear up to here, logarithmic above
_LOG_STEP = float(np.log(6.4)) / 27.0
_FLOOR, _RANGE = 1e-10, 8.0  # of the power, and of its logarithm below the loudest


@lru_cache(maxsize=2)
def mel_filters(mels: int = 80) -> np.ndarray:
    """float32 (mels, 201): triangles on Slaney's mel scale from 0 to 8,000 Hz, each of unit area."""
    bins = np.linspace(0.0, RATE / 2, FFT // 2 + 1)
    corners = _hertz(np.linspace(0.0, _mels(RATE / 2), mels + 2))
    widths = np.diff(corners)[:, None]
    rising = (bins[None] - corners[:-2, None]) / widths[:-1]
    falling = (corners[2:, None] - bins[None]) / widths[1:]
    area = 2.0 / (corners[2:] - corners[:-2])
    return np.asarray(np.maximum(0.0, np.minimum(rising, falling)) * area[:, None], np.float32)


def log_mel(samples: np.ndarray, mels: int = 80) -> np.ndarray:
    """float32 (mels, 3000): the features of `samples`, float32 (samples,) mono at 16 kHz, of which the first 30 s
    count; a shorter sound is filled with silence."""
    filled = np.zeros(SAMPLES + FFT, np.float32)
    sound = np.asarray(samples, np.float32)[:SAMPLES]
    half = FFT // 2
    filled[half : half + len(sound)] = sound
    filled[:half] = filled[2 * half : half : -1]
    filled[half + SAMPLES :] = filled[half + SAMPLES - 2 : SAMPLES - 2 : -1]
    frames = np.lib.stride_tricks.sliding_window_view(filled, FFT)[::HOP][:FRAMES]
    sounding = min(FRAMES, (len(sound) + half) // HOP + 1) if len(sound) < SAMPLES - half else FRAMES
    window = np.hanning(FFT + 1)[:-1].astype(np.float32)
    spectrum = np.fft.rfft(frames[:sounding] * window, axis=1)
    power = spectrum.real**2 + spectrum.imag**2
    levels = np.full((mels, FRAMES), np.log10(_FLOOR), np.float32)
    levels[:, :sounding] = np.log10(np.maximum(mel_filters(mels) @ power.T.astype(np.float32), _FLOOR))
    return np.asarray((np.maximum(levels, levels.max() - _RANGE) + 4.0) / 4.0, np.float32)


def _mels(hertz: float) -> float:
    if hertz < _LINEAR_HZ:
        return hertz * _LINEAR_MELS / _LINEAR_HZ
    return _LINEAR_MELS + float(np.log(hertz / _LINEAR_HZ)) / _LOG_STEP


def _hertz(mels: np.ndarray) -> np.ndarray:
    above = _LINEAR_HZ * np.exp((np.maximum(mels, _LINEAR_MELS) - _LINEAR_MELS) * _LOG_STEP)
    return np.where(mels < _LINEAR_MELS, mels * _LINEAR_HZ / _LINEAR_MELS, above)
