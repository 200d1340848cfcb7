"""Speech to timed words: a tiny Whisper with the real architecture, its files made here, its words forced."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from replicas import tiny_whisper

from mmsearch.errors import ModelUnavailable
from mmsearch.models import speech
from mmsearch.types import Cue

pytestmark = pytest.mark.usefixtures("no_network")


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_whisper(tmp_path_factory.mktemp("models") / "tiny-whisper")


@pytest.fixture(scope="module")
def transcriber(tiny: Path) -> speech.Transcriber:
    return speech.Transcriber(str(tiny), device="cpu")


def noise(seconds: int) -> np.ndarray:
    return np.random.default_rng(0).normal(0, 0.1, int(seconds * speech.RATE)).astype(np.float32)


def forced(transcriber: speech.Transcriber, *parts: float | str) -> list[int]:
    """What the model would have to answer for these texts and times (in seconds)."""
    tokenizer = transcriber._processor.tokenizer
    ids: list[int] = []
    for part in parts:
        name = f"<|{part:.2f}|>" if isinstance(part, float) else None
        ids += [tokenizer.convert_tokens_to_ids(name)] if name else tokenizer(part, add_special_tokens=False).input_ids
    return ids


def test_random_weights_give_cues_inside_the_sound(transcriber: speech.Transcriber) -> None:
    cues = transcriber.transcribe(noise(4), start_s=100.0)
    assert all(100 <= cue.start_s < cue.end_s <= 104 and cue.text.strip() == cue.text != "" for cue in cues)


def test_the_real_generation_runs_greedily_with_the_language_and_times(
    transcriber: speech.Transcriber, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[dict[str, Any]] = []
    real = transcriber._model.generate

    def spy(**options: Any) -> Any:
        seen.append(options)
        return real(**options)

    monkeypatch.setattr(transcriber._model, "generate", spy)
    transcriber.transcribe(noise(2))
    (options,) = seen
    assert options["input_features"].shape == (1, 80, 3000)
    assert (options["num_beams"], options["do_sample"], options["return_timestamps"]) == (1, False, True)
    assert (options["task"], options["language"]) == ("transcribe", None)


def test_times_are_those_of_the_file_and_odd_ones_are_put_right(
    transcriber: speech.Transcriber, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = forced(transcriber, 0.0, " Hello  there", 1.5, 1.5, " ", 2.0, 2.0, " General", 29.0)
    monkeypatch.setattr(transcriber, "_generate", lambda windows: [answer for _ in windows])
    assert transcriber.transcribe(noise(4), start_s=60.0) == [
        Cue(60.0, 61.5, "Hello there"),
        Cue(62.0, 64.0, "General"),
    ]


def test_long_sound_is_heard_in_windows_cut_where_it_is_quiet(
    transcriber: speech.Transcriber, monkeypatch: pytest.MonkeyPatch
) -> None:
    sound = noise(70)
    for quiet_s in (27.3, 55.0):
        sound[int(quiet_s * speech.RATE) : int((quiet_s + 0.2) * speech.RATE)] = 0
    lengths: list[float] = []

    def answer(windows: list[np.ndarray]) -> list[list[int]]:
        lengths.extend(len(window) / speech.RATE for window in windows)
        return [forced(transcriber, 0.0, " word", 1.0) for _ in windows]

    monkeypatch.setattr(transcriber, "_generate", answer)
    cues = transcriber.transcribe(sound)
    assert sum(lengths) == pytest.approx(70) and max(lengths) <= 30
    assert [cue.text for cue in cues] == ["word"] * 3
    assert 27.3 <= cues[1].start_s <= 27.5 and 55.0 <= cues[2].start_s <= 55.2


def test_silence_and_nothing_are_not_sent_to_the_model(
    transcriber: speech.Transcriber, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transcriber, "_generate", lambda windows: pytest.fail("the model was asked"))
    assert transcriber.transcribe(np.zeros(speech.RATE * 40, np.float32)) == []
    assert transcriber.transcribe(np.zeros(0, np.float32)) == []


def test_the_fingerprint_names_model_and_weights(transcriber: speech.Transcriber) -> None:
    name, digest = transcriber.fingerprint.split()
    assert name == "tiny-whisper" and len(digest) == len("sha256:") + 64


@pytest.mark.parametrize("model", ["openai/whisper-not-here", "no-such-model"])
def test_a_model_that_is_not_here_is_one_sentence_and_a_hint(model: str) -> None:
    with pytest.raises(ModelUnavailable) as caught:
        speech.Transcriber(model, device="cpu")
    assert caught.value.sentence == f"The speech model {model} is not on this machine or can't be loaded."
    assert caught.value.hint


def test_a_model_of_another_kind_is_refused(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "bert"}))
    with pytest.raises(ModelUnavailable, match="of type bert"):
        speech.Transcriber(str(tmp_path), device="cpu")
