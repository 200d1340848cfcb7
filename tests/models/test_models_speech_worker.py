"""Stretches of sound to words: what goes to the model, what waits for the next stretch, what is not believed."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest
from speech_stage import needs_model

from mmsearch.models.recognition import speech_worker, whisper_weights
from mmsearch.models.recognition.speech_worker import is_believable, transcribe
from mmsearch.models.recognition.voice_activity import RATE, STEP, VoiceDetector
from mmsearch.models.recognition.whisper import Result, compression_ratio, has_words, is_settled
from mmsearch.types import Cue

Sound = npt.NDArray[np.float32]
GOOD = Result((Cue(0.0, 2.0, "The ferry leaves at nine."),), "en", 0.99, -0.3, 0.01, 0.9, 0.0, 60.0)


class Loud:
    """A detector to which loud is speech."""

    def probabilities(self, samples: Sound) -> Sound:
        frames = -(-len(samples) // STEP)
        filled = np.zeros(frames * STEP, np.float32)
        filled[: len(samples)] = np.abs(samples)
        return np.asarray(filled.reshape(frames, STEP).max(axis=1) > 0.1, np.float32)


class Model:
    """A recogniser that has a result for each window, by its number, and notes the seconds of the windows."""

    fingerprint = "model"

    def __init__(self, *results: Result) -> None:
        self.results = list(results)
        self.seconds: list[float] = []
        self.languages: Mapping[str, float] = {}

    def transcribe(self, windows: Sequence[Sound], before: Mapping[str, float]) -> list[Result]:
        self.languages = before
        found = []
        for window in windows:
            self.seconds.append(round(len(window) / RATE, 1))
            result = self.results.pop(0) if len(self.results) > 1 else self.results[0]
            found.append(replace(result, until_s=min(result.until_s, len(window) / RATE)))
        return found


def sound(seconds: float, *loud: tuple[float, float]) -> Sound:
    found = np.zeros(round(seconds * RATE), np.float32)
    for start, stop in loud:
        found[round(start * RATE) : round(stop * RATE)] = 0.5
    return found


def run(model: Model, given: Sound, last: bool = True, start_s: float = 0.0) -> speech_worker.Transcript:
    detector: VoiceDetector = Loud()  # type: ignore[assignment]
    return transcribe(model, detector, given, start_s, last, {})


def test_silence_and_no_sound_never_reach_the_model() -> None:
    model = Model(GOOD)
    assert run(model, sound(100)).cues == ()
    assert run(model, sound(0)).until_s == 0.0
    assert model.seconds == []


def test_words_have_the_times_of_the_file() -> None:
    found = run(Model(GOOD), sound(120, (50, 58)), start_s=600.0)
    assert found.cues == (Cue(649.78, 651.78, "The ferry leaves at nine."),)  # the margin before it, from a frame on
    assert found.languages == {"en": pytest.approx(8.4, abs=0.1)}


def test_speech_at_the_end_of_a_stretch_waits_for_the_next_one() -> None:
    model = Model(GOOD)
    found = run(model, sound(120, (10, 38), (114, 120)), last=False)
    assert 113 < found.until_s < 114
    assert len(found.cues) == 1
    assert run(model, sound(120, (10, 38), (114, 120))).until_s == 120


def test_speech_without_an_end_goes_on_stretch_by_stretch() -> None:
    found = run(Model(GOOD), sound(120, (0, 120)), last=False)
    assert 90 <= found.until_s < 120


def test_what_a_result_leaves_out_is_transcribed_by_itself() -> None:
    cut = replace(GOOD, cues=(Cue(0.0, 6.0, "First."),), until_s=6.0)
    model = Model(cut, GOOD)
    found = run(model, sound(30, (0, 20)))
    assert [cue.text for cue in found.cues] == ["First.", "The ferry leaves at nine."]
    assert found.cues[1].start_s == pytest.approx(6.0, abs=0.1)
    assert model.seconds[1] == pytest.approx(model.seconds[0] - 6.0, abs=0.1)


def test_a_window_of_unsure_language_is_cut_at_its_longest_pause() -> None:
    unsure = replace(GOOD, probability=0.3)
    german = replace(GOOD, cues=(Cue(0.0, 2.0, "Guten Morgen."),), language="de")
    found = run(Model(unsure, GOOD, german), sound(40, (0, 6), (12, 18)))
    assert [cue.text for cue in found.cues] == ["The ferry leaves at nine.", "Guten Morgen."]
    assert set(found.languages) == {"en", "de"}
    assert found.cues[1].start_s == pytest.approx(11.8, abs=0.1)


@pytest.mark.parametrize(
    "change",
    [
        {"log_probability": -1.3},
        {"no_speech": 0.8},
        {"probability": 0.3},
        {"compression": 3.0},
        {"cues": ()},
        {"cues": (Cue(0.0, 2.0, "x" * 900),)},
    ],
)
def test_words_that_nobody_said_are_left_out(change: dict[str, object]) -> None:
    assert is_believable(GOOD, 8.0)
    assert not is_believable(replace(GOOD, **change), 8.0)  # type: ignore[arg-type]
    model = Model(replace(GOOD, **change))  # type: ignore[arg-type]
    assert run(model, sound(30, (5, 13))).cues == ()


def test_the_thresholds_are_those_of_whisper() -> None:
    assert has_words(GOOD) and is_settled(GOOD)
    assert not is_settled(replace(GOOD, log_probability=-1.1))
    assert is_settled(replace(GOOD, log_probability=-1.1, no_speech=0.7))
    assert not is_settled(replace(GOOD, compression=2.5))
    assert compression_ratio("over and over " * 30) > 2.4 > compression_ratio("The ferry leaves at nine.")


@needs_model
def test_the_detector_finds_the_same_in_lanes_and_nothing_in_silence(monkeypatch: pytest.MonkeyPatch) -> None:
    from mmsearch.models.recognition import voice_activity

    detector = VoiceDetector(whisper_weights.detector())
    rng = np.random.default_rng(0)
    given = (rng.normal(0, 0.05, 40 * RATE) * np.repeat(rng.random(40), RATE)).astype(np.float32)
    lanes = detector.probabilities(given)
    monkeypatch.setattr(voice_activity, "LANES", 1)
    alone = detector.probabilities(given)
    assert lanes.shape == alone.shape and np.abs(lanes - alone).mean() < 0.02
    assert not detector.probabilities(np.zeros(RATE, np.float32)).any()
    assert detector.probabilities(np.zeros(0, np.float32)).shape == (0,)
