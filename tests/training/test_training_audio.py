"""Words for sounds: fitted on made-up sounds, told apart on others, and asked for by nothing else."""

from typing import cast

import numpy as np
import pytest

from mmsearch.models.media import audio_features
from training import audio_probes, measure


@pytest.fixture(scope="module")
def features() -> np.ndarray:
    """Of some sounds of each kind, of another seed than the shipped constants."""
    return audio_probes.features(12, seed=audio_probes.SEED + 1)


@pytest.mark.parametrize("word", audio_probes.WORDS)
def test_the_constants_tell_other_made_up_sounds_apart(features: np.ndarray, word: str) -> None:
    vector, (nothing, half) = cast(audio_features.AudioClassQuery, audio_features.named_sound(word))
    cosines = (features @ vector[:-1]).ravel()
    wanted = np.repeat(np.array(audio_probes.KINDS) == word, features.shape[1])
    assert np.linalg.norm(vector) == pytest.approx(1)
    assert measure.r_precision(cosines, wanted) > 0.6 > 2 * wanted.mean()
    assert (cosines[~wanted] < nothing).mean() > 0.85
    assert np.median(cosines[wanted]) == pytest.approx(half, abs=0.2)


def test_a_direction_is_found_between_two_clouds() -> None:
    rng = np.random.default_rng(0)
    wanted = np.arange(400) % 4 == 0
    rows = rng.normal(0, 0.1, (400, 5)) + np.where(wanted[:, None], 1.0, -1.0) * np.array([3.0, 0, 4.0, 0, 0]) / 5
    assert audio_probes.direction(rows, wanted) @ [0.6, 0, 0.8, 0, 0] > 0.99


@pytest.mark.parametrize("kind", audio_probes.KINDS)
def test_a_made_up_sound_is_the_same_every_time(kind: str) -> None:
    once, again = audio_probes.made(kind, 7), audio_probes.made(kind, 7)
    assert np.array_equal(once, again)
    assert once.dtype == np.float32
    assert 0.04 < np.abs(once).max() <= 1.0
    assert 2.4 * audio_features.RATE < len(once) < 8.1 * audio_features.RATE


@pytest.mark.parametrize(
    ("query", "name"),
    [
        ("speech", "speech"),
        ("People talking", "speech"),
        ("a recording of someone speaking", "speech"),
        ("white noise", "noise"),
        ("silent recordings", "silence"),
    ],
)
def test_queries_of_nothing_but_a_sound_name_it(query: str, name: str) -> None:
    vector, scale = cast(audio_features.AudioClassQuery, audio_features.named_sound(query))
    assert scale == audio_features.CLASS_COSINES[name]
    assert np.array_equal(vector, cast(audio_features.AudioClassQuery, audio_features.named_sound(name)).vector)


@pytest.mark.parametrize(
    "query",
    [
        "a speech about climate",
        "noise reduction",
        "speech recognition",
        "the sound",
        "sound recording",
        "rain",
        "",
        "!",
    ],
)
def test_other_queries_name_no_sound(query: str) -> None:
    assert audio_features.named_sound(query) is None
