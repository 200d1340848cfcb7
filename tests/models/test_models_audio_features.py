"""Audio features: similar sounds are near, loudness does not matter, and unusual input is handled."""

import numpy as np
import pytest

from mmsearch.models.media import audio_features
from training import audio_probes


def bursts(pitch: float, seed: int) -> np.ndarray:
    """Two seconds of short tones over faint noise."""
    rng = np.random.default_rng(seed)
    t = np.arange(32_000) / audio_features.RATE
    envelope = sum(np.exp(-np.maximum(t - s, 0) / 0.05) * (t >= s) for s in rng.uniform(0, 1.8, 5))
    sound: np.ndarray = (envelope * np.sin(2 * np.pi * pitch * t) + rng.normal(0, 0.003, len(t))).astype(np.float32)
    return sound * 0.3


def hiss(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, 0.1, 32_000).astype(np.float32)


def test_alike_sounds_are_nearer_than_others() -> None:
    extract = audio_features.AudioFeatures().extract
    tone, again, noise, other = (extract(wave) for wave in (bursts(700, 1), bursts(700, 2), hiss(1), hiss(2)))
    assert tone @ again > max(tone @ noise, again @ noise) + 0.2
    assert noise @ other > 0.99


def test_loudness_does_not_count() -> None:
    extract, wave = audio_features.AudioFeatures().extract, bursts(500, 3)
    assert extract(wave) @ extract(wave * 0.05) > 0.999


@pytest.mark.parametrize(
    "wave", [np.zeros(16_000), np.zeros(0), np.full(16_000, np.nan)], ids=["silent", "empty", "nan"]
)
def test_silence_has_zero_features(wave: np.ndarray) -> None:
    assert not audio_features.AudioFeatures().extract(wave.astype(np.float32)).any()


@pytest.mark.parametrize("length", [100, 300, 513, 700, 16_000])
def test_a_sound_of_any_length_has_a_unit_vector(length: int) -> None:
    vector = audio_features.AudioFeatures().extract(hiss(4)[:length])
    assert vector.shape == (audio_features.AudioFeatures.size,)
    assert vector.dtype == np.float32
    assert np.linalg.norm(vector) == pytest.approx(1, abs=1e-4)


def test_another_rate_is_refused() -> None:
    with pytest.raises(ValueError, match="16000 Hz"):
        audio_features.AudioFeatures().extract(np.ones(100, np.float32), 44_100)


def test_the_constants_are_those_of_the_synthetic_sounds() -> None:
    middle, usual = audio_probes.middle(count=40)
    assert np.abs(middle - audio_features.MEAN).max() < 12
    assert usual == pytest.approx(audio_features.SCALE.ravel(), rel=0.35)
