"""Speech by a model of transformers: a tiny Whisper of the real architecture, its files made here, its words forced."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from replicas import tiny_whisper

from mmsearch.errors import ModelUnavailable
from mmsearch.models.recognition import speech
from mmsearch.types import Cue

pytestmark = pytest.mark.usefixtures("no_network")
Sound = npt.NDArray[np.float32]


@pytest.fixture(scope="module")
def transcriber(tmp_path_factory: pytest.TempPathFactory) -> speech.Transcriber:
    tiny = tiny_whisper(tmp_path_factory.mktemp("models") / "tiny-whisper")
    return speech.Transcriber(str(tiny), device="cpu")


def noise(seconds: float) -> Sound:
    return np.random.default_rng(0).normal(0, 0.1, int(seconds * speech.RATE)).astype(np.float32)


def forced(transcriber: speech.Transcriber, *parts: float | str) -> list[int]:
    """What the model would have to answer for these texts and times (in seconds)."""
    tokenizer = transcriber._processor.tokenizer
    ids: list[int] = []
    for part in parts:
        name = f"<|{part:.2f}|>" if isinstance(part, float) else None
        ids += [tokenizer.convert_tokens_to_ids(name)] if name else tokenizer(part, add_special_tokens=False).input_ids
    return ids


def test_random_weights_give_cues_inside_their_windows(transcriber: speech.Transcriber) -> None:
    found = transcriber.transcribe([noise(4), noise(2)], {})
    assert len(found) == 2
    for result, seconds in zip(found, (4, 2), strict=True):
        assert all(0 <= cue.start_s < cue.end_s <= seconds and cue.text.strip() for cue in result.cues)


def test_the_real_generation_runs_greedily_with_times(
    transcriber: speech.Transcriber, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[dict[str, Any]] = []
    real = transcriber._model.generate

    def spy(**options: Any) -> Any:
        seen.append(options)
        return real(**options)

    monkeypatch.setattr(transcriber._model, "generate", spy)
    transcriber.transcribe([noise(2)], {})
    (options,) = seen
    assert options["input_features"].shape == (1, 80, 3000)
    assert (options["num_beams"], options["do_sample"], options["return_timestamps"]) == (1, False, True)
    assert (options["task"], options["language"]) == ("transcribe", None)


def test_odd_times_are_put_right(transcriber: speech.Transcriber, monkeypatch: pytest.MonkeyPatch) -> None:
    answer = forced(transcriber, 0.0, " Hello  there", 1.5, 1.5, " ", 2.0, 2.0, " General", 29.0)
    monkeypatch.setattr(transcriber, "_generate", lambda windows: [answer for _ in windows])
    (result,) = transcriber.transcribe([noise(4)], {})
    assert result.cues == (Cue(0.0, 1.5, "Hello there"), Cue(2.0, 4.0, "General"))


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
