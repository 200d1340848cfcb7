"""The features of Whisper, against the extractor that its published models come with."""

import numpy as np
import pytest

from mmsearch.models.recognition.mel import RATE, log_mel, mel_filters


@pytest.mark.parametrize("mels", [80, 128])
@pytest.mark.parametrize("seconds", [0.0, 0.01, 1.3, 29.995, 30.0, 31.5])
def test_features_are_those_of_the_published_extractor(mels: int, seconds: float) -> None:
    from transformers import WhisperFeatureExtractor

    rng = np.random.default_rng(0)
    sound = rng.normal(0, 0.1, int(seconds * RATE)).astype(np.float32)
    sound *= np.sin(np.arange(len(sound)) / RATE * 3) ** 2
    given = sound if len(sound) else np.zeros(1, np.float32)
    wanted = WhisperFeatureExtractor(feature_size=mels)(given, sampling_rate=RATE, return_tensors="np")
    found = log_mel(sound, mels)
    assert found.shape == (mels, 3000) and found.dtype == np.float32
    assert np.abs(found - wanted.input_features[0]).max() < 1e-3


def test_filters_are_those_of_the_published_extractor() -> None:
    from transformers import WhisperFeatureExtractor

    assert np.abs(mel_filters(80) - WhisperFeatureExtractor(feature_size=80).mel_filters.T).max() < 1e-6
