"""Whisper through CTranslate2: a tiny one with random weights, and the real one on announcements of the sample."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from replicas import tiny_whisper
from speech_stage import needs_model

from mmsearch.errors import ModelUnavailable
from mmsearch.models.recognition import whisper_weights
from mmsearch.models.recognition.speech_worker import Transcript, transcribe
from mmsearch.models.recognition.voice_activity import RATE, VoiceDetector
from mmsearch.models.recognition.whisper import Whisper
from mmsearch.types import Cue

pytest.importorskip("ctranslate2._ext")
MEDIA = Path(__file__).parents[2] / "sample_corpus" / "media" / "audio"
Sound = npt.NDArray[np.float32]


@pytest.fixture(scope="module")
def tiny_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Whisper of one layer, converted in a process of its own: the converter imports what this one must not."""
    top = tmp_path_factory.mktemp("whisper")
    source = tiny_whisper(top / "published")
    code = (
        "import sys; from mmsearch.models.libraries import repair_torchvision; repair_torchvision()\n"
        "from ctranslate2.converters import TransformersConverter as Converter\n"
        "Converter(sys.argv[1], copy_files=['tokenizer.json']).convert(sys.argv[2])"
    )
    subprocess.run([sys.executable, "-c", code, str(source), str(top / "converted")], check=True, capture_output=True)
    return top / "converted"


@pytest.fixture(scope="module")
def tiny(tiny_folder: Path) -> Whisper:
    return Whisper(tiny_folder, "tiny", threads=1)


def noise(seconds: float) -> Sound:
    return np.random.default_rng(0).normal(0, 0.1, int(seconds * RATE)).astype(np.float32)


def test_random_weights_give_cues_inside_their_windows(tiny: Whisper) -> None:
    found = tiny.transcribe([noise(4), noise(11)], {})
    assert len(found) == 2
    for result, seconds in zip(found, (4, 11), strict=True):
        assert result.language in ("en", "de") and 0 < result.probability <= 1 and 0 <= result.no_speech <= 1
        assert all(0 <= cue.start_s < cue.end_s <= seconds and cue.text for cue in result.cues)


def test_the_language_of_the_recording_decides_where_a_window_is_unsure(tiny: Whisper) -> None:
    detected = tiny.transcribe([noise(4)], {})[0]
    other = "de" if detected.language == "en" else "en"
    expected = detected.language if detected.probability >= 0.8 else other
    assert tiny.transcribe([noise(4)], {other: 60.0})[0].language == expected


def tokens(model: Whisper, *parts: float | str) -> list[int]:
    found: list[int] = []
    for part in parts:
        if isinstance(part, float):
            found.append(model._id(f"<|{part:.2f}|>"))
        else:
            found += model._tokenizer.encode(part, add_special_tokens=False).ids
    return found


@pytest.mark.parametrize(
    ("given", "cues", "until_s"),
    [
        ((0.0, " Hello  there", 1.5, 1.5, " General", 3.0), [(0.0, 1.5, "Hello there"), (1.5, 3.0, "General")], 8.0),
        ((0.0, " One", 2.0, 2.0, " begun"), [(0.0, 2.0, "One")], 2.0),
        ((0.0, " One", 2.0, 2.0), [(0.0, 2.0, "One")], 2.0),
        ((" no times",), [(0.0, 8.0, "no times")], 8.0),
        ((0.0, " late", 29.0), [(0.0, 8.0, "late")], 8.0),
        ((5.0, " back", 1.0), [], 8.0),
        ((), [], 8.0),
    ],
)
def test_times_become_cues(
    tiny: Whisper, given: tuple[float | str, ...], cues: list[tuple[float, float, str]], until_s: float
) -> None:
    found, until = tiny._cues(tokens(tiny, *given), 8.0)
    assert (found, until) == (tuple(Cue(*cue) for cue in cues), until_s)


def test_a_folder_without_its_tokenizer_or_with_a_broken_model_is_one_sentence(
    tiny_folder: Path, tmp_path: Path
) -> None:
    (tmp_path / "model.bin").write_bytes(b"no model")
    with pytest.raises(ModelUnavailable, match=r"has no tokenizer\.json"):
        Whisper(tmp_path, "broken")
    (tmp_path / "tokenizer.json").write_bytes((tiny_folder / "tokenizer.json").read_bytes())
    with pytest.raises(ModelUnavailable, match="can't be loaded"):
        Whisper(tmp_path, "broken")


def sound_of(*names: str | float, rate: int = RATE) -> Sound:
    """Recordings one after the other, with so many seconds of silence where a number stands; first through `rate`."""
    found = []
    for name in names:
        if isinstance(name, float):
            found.append(np.zeros(round(name * RATE), np.float32))
            continue
        filters = ["-af", f"aresample={rate},aresample={RATE}"]
        command = ["ffmpeg", "-v", "error", "-i", str(MEDIA / name), *filters, "-ac", "1", "-f", "f32le", "-"]
        found.append(np.frombuffer(subprocess.run(command, check=True, capture_output=True).stdout, np.float32))
    return np.concatenate(found)


@pytest.fixture(scope="module")
def real() -> tuple[Whisper, VoiceDetector]:
    model = whisper_weights.builtin()
    return Whisper(Path(model.source), model.name, threads=2), VoiceDetector(whisper_weights.detector())


def words_of(real: tuple[Whisper, VoiceDetector], sound: Sound) -> Transcript:
    whisper, detector = real
    return transcribe(whisper, detector, sound, 0.0, True, {})


@needs_model
def test_two_languages_in_one_recording_are_both_understood(real: tuple[Whisper, VoiceDetector]) -> None:
    found = words_of(real, sound_of("ann_12.ogg", 4.0, "ansage_3.flac"))
    text = " ".join(cue.text for cue in found.cues).lower()
    assert "waiting room" in text and "ticket office" in text
    assert set(found.languages) == {"en", "de"}


@needs_model
def test_telephone_sound_is_understood(real: tuple[Whisper, VoiceDetector]) -> None:
    text = " ".join(cue.text for cue in words_of(real, sound_of("ann_12.ogg", rate=8000)).cues).lower()
    assert "ticket office" in text


@needs_model
def test_tones_noise_and_silence_have_no_words(real: tuple[Whisper, VoiceDetector]) -> None:
    times = np.arange(20 * RATE) / RATE
    chord = sum(np.sin(2 * np.pi * hertz * times) for hertz in (220, 277, 330)) * 0.1
    for sound in (chord, noise(20), np.zeros(20 * RATE)):
        assert words_of(real, np.asarray(sound, np.float32)).cues == ()
