"""Speech through the whole program, on a tiny replica whose words are forced: recognition itself is not tested here."""

import wave
from pathlib import Path
from typing import cast

import numpy as np
import pytest
from replicas import tiny_whisper

from mmsearch import Index, Query, Settings
from mmsearch.errors import MmsearchError
from mmsearch.models import speech
from mmsearch.run_record import Finished, RunRecord
from mmsearch.types import Cue

RATE = 16_000


def write_sound(path: Path, seconds: int) -> None:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        noise = np.random.default_rng(0).normal(0, 3000, seconds * RATE)
        file.writeframes(noise.astype("<i2").tobytes())


def run(index: Path, folder: Path, settings: Settings) -> RunRecord:
    *_, last = Index.update(index, [bytes(folder)], settings)
    assert isinstance(last, Finished)
    return last.record


@pytest.fixture()
def spoken(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, float]]:
    """What the replica would have said, and how often it was asked."""
    heard: list[tuple[int, float]] = []

    def transcribe(self: speech.Transcriber, sound: np.ndarray, start_s: float = 0.0) -> list[Cue]:
        heard.append((len(sound), start_s))
        return [
            Cue(start_s + 3.0, start_s + 5.0, "The harbour master closed the northern quay."),
            Cue(start_s + 27.0, start_s + 29.5, "All sailings resume on Thursday."),
        ]

    monkeypatch.setattr(speech.Transcriber, "transcribe", transcribe)
    return heard


def test_speech_is_found_at_its_second_and_added_later_without_repeating(
    tmp_path: Path, spoken: list[tuple[int, float]]
) -> None:
    media, index = tmp_path / "media", tmp_path / "index"
    media.mkdir()
    write_sound(media / "recording.wav", 35)
    model = str(tiny_whisper(tmp_path / "tiny-whisper"))
    assert run(index, media, Settings(ocr="never")).indexed == 1
    assert spoken == []
    assert run(index, media, Settings(ocr="never", transcribe=model)).indexed == 1
    assert spoken == [(35 * RATE, 0.0)]
    hits = Index.open(index).search(Query("when do sailings resume")).hits
    assert hits[0].path == bytes(media / "recording.wav")
    assert (hits[0].locator.start_s, hits[0].locator.end_s) == (27.0, 29.5)
    assert "Thursday" in hits[0].snippet
    assert Index.open(index).status().read == {"speech": 2}
    again = run(index, media, Settings(ocr="never", transcribe=model))
    assert (again.indexed, again.unchanged, len(spoken)) == (0, 1, 1)


def test_a_model_that_is_no_speech_model_stops_the_run_before_it_writes_words(tmp_path: Path) -> None:
    media = tmp_path / "media"
    media.mkdir()
    write_sound(media / "recording.wav", 3)
    with pytest.raises(Exception, match=r"speech|model") as error:
        run(tmp_path / "index", media, Settings(ocr="never", transcribe=str(tmp_path)))
    assert cast(MmsearchError, error.value).exit_code == 2
