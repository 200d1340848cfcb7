"""Speech as the last stage of a run, with a stand-in for the model: the real one is tested in tests/models."""

import json
import subprocess
import wave
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from small_index import broken, events, found, holding, rows, run, use_word_model
from speech_stage import Decoder, Recognition, use_recognition

from mmsearch import Index, Query
from mmsearch.cli.program import run as command
from mmsearch.errors import ModelUnavailable
from mmsearch.indexing import transcription
from mmsearch.models.recognition import whisper_weights
from mmsearch.run_record import Finished, Remark, RunOutcome

RATE = 16_000
QUAY = (3.0, 5.0, "The harbour master closed the northern quay.")
THURSDAY = (127.0, 129.5, "All sailings resume on Thursday.")
ENGINE = Recognition.fingerprint


def write_sound(path: Path, seconds: float, level: int = 3000) -> Path:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        noise = np.random.default_rng(0).normal(0, 1, round(seconds * RATE)) * level
        file.writeframes(noise.clip(-32000, 32000).astype("<i2").tobytes())
    return path


@pytest.fixture
def media(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder with a recording of 150 seconds and a note."""
    use_word_model(monkeypatch.setattr)
    folder = tmp_path / "media"
    folder.mkdir()
    write_sound(folder / "recording.wav", 150)
    (folder / "note.txt").write_text("Buy stamps.")
    yield folder


def test_speech_is_found_at_its_second_and_transcribed_once(
    media: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recognition = use_recognition(monkeypatch, QUAY, THURSDAY)
    index = tmp_path / "index"
    record = run(index, media)
    assert (record.indexed, record.transcribed, record.untranscribed) == (2, 1, 0)
    assert [(start, seconds, last) for start, seconds, last, _ in recognition.asked] == [
        (0.0, 120.0, False), (120.0, 30.0, True),
    ]  # fmt: skip
    hit = Index.open(index).search(Query("when do sailings resume")).hits[0]
    assert hit.path == bytes(media / "recording.wav")
    assert (hit.locator.start_s, hit.locator.end_s) == (127.0, 129.5)
    assert "Thursday" in hit.snippet
    speech = Index.open(index).status().speech
    assert (speech.done, speech.left, dict(speech.languages), dict(speech.engines)) == (1, 0, {"en": 1}, {ENGINE: 1})
    assert [one.paths for one in speech.recordings] == [(bytes(media / "recording.wav"),)]
    again = run(index, media)
    assert (again.unchanged, again.transcribed, len(recognition.asked)) == (2, 0, 2)
    assert broken(index, deep=True) == {}


def test_an_index_without_speech_gets_it_with_nothing_extracted_again(
    media: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from small_index import count_tasks

    index = tmp_path / "index"
    assert run(index, media).indexed == 2
    before = rows(index, "SELECT count(*) FROM embeddings")
    use_recognition(monkeypatch, QUAY)
    tasks = count_tasks(monkeypatch.setattr)
    record = run(index, media)
    assert (record.unchanged, record.transcribed, tasks) == (2, 1, [])
    assert holding(index, "quay") == ["recording.wav"]
    assert rows(index, "SELECT count(*) FROM embeddings") == [(before[0][0] + 1,)]


def test_words_of_the_same_segment_are_embedded_together(
    media: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_recognition(monkeypatch, (118.0, 119.5, "It ends"), (120.0, 121.0, "at the border"), (121.0, 122.0, "of both"))
    index = tmp_path / "index"
    run(index, media)
    number = "SELECT count(*) FROM embeddings e JOIN segments s ON s.id = e.segment_id WHERE s.start_s = ? AND view = ?"
    assert rows(index, number, 110, "text") == rows(index, number, 120, "text") == [(1,)]
    assert broken(index, deep=True) == {}


def test_everything_else_is_committed_before_the_first_word_is_transcribed(
    media: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recognition = use_recognition(monkeypatch, QUAY)
    index = tmp_path / "index"
    seen: list[list[bytes]] = []
    recognition.before = lambda: seen.append(found(index, "stamps"))
    run(index, media)
    assert seen[0] == [bytes(media / "note.txt")]


def test_a_stop_keeps_what_is_done_and_the_next_run_goes_on_from_there(
    media: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recognition = use_recognition(monkeypatch, QUAY, THURSDAY)
    index = tmp_path / "index"
    asked: list[str] = []
    recognition.before = lambda: asked.append("stretch")
    run_events = events(index, media, stop=lambda: RunOutcome.INTERRUPTED if len(asked) == 1 else None)
    last = run_events[-1]
    assert isinstance(last, Finished)
    first = last.record
    assert (first.outcome, first.transcribed, first.untranscribed) == (RunOutcome.INTERRUPTED, 0, 1)
    assert holding(index, "quay") in ([], ["recording.wav"])  # as the stop came while it was transcribed, or after
    done = Index.open(index).status().speech
    recognition.asked.clear()
    record = run(index, media)
    assert (record.transcribed, record.untranscribed) == (1, 0)
    begun = done.recordings[0].until_s if done.recordings else 0.0
    assert recognition.asked[0][0] == begun
    assert holding(index, "quay") == holding(index, "Thursday") == ["recording.wav"]
    assert rows(index, "SELECT count(*) FROM recognized_text") == [(2,)]


def test_a_time_budget_gets_on_by_a_stretch_a_run(media: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    use_recognition(monkeypatch, QUAY, THURSDAY)
    index = tmp_path / "index"
    run(index, media, speech=False)
    record = run(index, media, speech=True, time_budget_s=0.0)
    assert (record.outcome, record.untranscribed, record.untranscribed_s) == (RunOutcome.BUDGET, 1, 30.0)
    assert run(index, media, time_budget_s=0.0).transcribed == 1


def test_no_speech_is_remembered_until_speech_is_asked_for(
    media: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recognition = use_recognition(monkeypatch, QUAY)
    index = tmp_path / "index"
    assert run(index, media, speech=False).transcribed == 0
    assert run(index, media).transcribed == 0
    assert Index.open(index).status().speech.is_off
    assert recognition.asked == []
    assert run(index, media, speech=True).transcribed == 1
    assert not Index.open(index).status().speech.is_off


def test_recordings_with_captions_are_left_to_them(
    media: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recognition = use_recognition(monkeypatch, QUAY)
    (media / "recording.vtt").write_text("WEBVTT\n\n00:00:03.000 --> 00:00:05.000\nThe captions say so.\n")
    record = run(tmp_path / "index", media)
    assert (record.transcribed, recognition.asked) == (0, [])


def test_the_sound_track_of_a_film_is_transcribed(media: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recognition = use_recognition(monkeypatch, QUAY)
    (media / "recording.wav").unlink()
    sources = ["-f", "lavfi", "-i", "testsrc=s=160x90:r=5:d=12", "-f", "lavfi", "-i", "sine=frequency=440:duration=12"]
    subprocess.run(["ffmpeg", "-v", "error", *sources, str(media / "film.mp4")], check=True)
    silent = ["-f", "lavfi", "-i", "testsrc=s=160x90:r=5:d=4", str(media / "mute.mp4")]
    subprocess.run(["ffmpeg", "-v", "error", *silent], check=True)
    assert run(tmp_path / "index", media).transcribed == 2
    assert [round(seconds) for _, seconds, _, peak in recognition.asked if peak > 0] == [12]
    assert holding(tmp_path / "index", "quay") == ["film.mp4"]


def test_without_its_packages_a_run_says_so_and_does_the_rest(
    media: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_recognition(monkeypatch, QUAY)

    def missing() -> whisper_weights.SpeechModel:
        raise whisper_weights.SpeechNotInstalled("Speech recognition is not installed.", whisper_weights.INSTALL)

    monkeypatch.setattr(whisper_weights, "builtin", missing)
    said = events(tmp_path / "index", media)
    assert [one for one in said if isinstance(one, Remark) and "Speech" in one.sentence] == [
        Remark("Speech recognition is not installed. 1 recording is found by name and sound only.",
               "pip install 'mmsearch[speech]'")
    ]  # fmt: skip
    last = said[-1]
    assert isinstance(last, Finished)
    record = last.record
    assert (record.indexed, record.untranscribed, record.outcome) == (2, 0, RunOutcome.DONE)


def test_weights_that_are_not_the_published_ones_leave_the_work_pending(
    media: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    use_recognition(monkeypatch, QUAY)

    def wrong() -> whisper_weights.SpeechModel:
        raise ModelUnavailable("The speech model is not used: its file is another.", "pip install it again")

    monkeypatch.setattr(whisper_weights, "builtin", wrong)
    index = ["--index", str(tmp_path / "index")]
    assert command(["index", str(media), "--no-ocr", *index]) == 5
    said = capfd.readouterr().err
    assert "The speech model is not used: its file is another. 1 recording is found by name and sound only." in said
    assert "speech: 2 min 30 s of recordings left: `mmsearch index" in said
    assert found(tmp_path / "index", "stamps") == [bytes(media / "note.txt")]
    use_recognition(monkeypatch, QUAY)
    assert command(["index", *index, "--no-ocr"]) == 0


def test_a_damaged_second_half_costs_its_own_words_only(
    media: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recognition = use_recognition(monkeypatch, QUAY)
    whole, path = tmp_path / "whole.mp3", media / "half.mp3"
    subprocess.run(["ffmpeg", "-v", "error", "-i", str(media / "recording.wav"), str(whole)], check=True)
    (media / "recording.wav").unlink()
    data = bytearray(whole.read_bytes())
    rubbish = np.random.default_rng(0).integers(0, 256, len(data) // 2, dtype=np.uint8).tobytes()
    data[len(data) // 2 :] = rubbish[: len(data) - len(data) // 2]
    path.write_bytes(data)
    record = run(tmp_path / "index", media)
    assert record.transcribed == 1
    assert recognition.asked[0][3] > 0
    assert holding(tmp_path / "index", "quay") == ["half.mp3"]


def test_a_length_that_a_file_only_claims_costs_nothing(
    media: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recognition = use_recognition(monkeypatch, QUAY)
    data = bytearray((media / "recording.wav").read_bytes())
    data[40:44] = (47 * 3600 * RATE * 2 & 0xFFFFFFFF).to_bytes(4, "little")
    (media / "recording.wav").write_bytes(data)
    assert run(tmp_path / "index", media).transcribed == 1
    assert sum(seconds for _, seconds, _, _ in recognition.asked) < 160


def test_half_an_hour_of_silence_is_transcribed_to_nothing(
    media: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recognition = use_recognition(monkeypatch)
    silence = ["-f", "lavfi", "-i", "anullsrc=r=8000:cl=mono", "-t", "1800", "-c:a", "flac"]
    subprocess.run(["ffmpeg", "-v", "error", *silence, str(media / "recording.flac")], check=True)
    (media / "recording.wav").unlink()
    record = run(tmp_path / "index", media)
    assert (record.transcribed, record.indexed) == (1, 2)
    assert sum(seconds for _, seconds, _, _ in recognition.asked) == 1800
    assert rows(tmp_path / "index", "SELECT count(*) FROM recognized_text") == [(0,)]


@pytest.mark.parametrize("ahead_s, starts", [(1200.0, 1), (100.0, 2)])
def test_the_decoder_has_ended_while_the_speech_model_runs(
    ahead_s: float, starts: int, media: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recognition = use_recognition(monkeypatch, QUAY)
    write_sound(media / "other.wav", 100)
    write_sound(media / "third.wav", 10)
    decoding: list[str] = []
    models: list[list[str]] = []

    class Watched(Decoder):
        def __enter__(self) -> "Watched":
            decoding.append("began")
            return self

        def __exit__(self, *_: object) -> None:
            decoding.append("ended")

    monkeypatch.setattr(transcription, "WorkerPool", Watched)
    monkeypatch.setattr(transcription, "AHEAD_S", ahead_s)
    recognition.before = lambda: models.append(decoding[-1:])
    assert run(tmp_path / "index", media).transcribed == 3
    assert models == [["ended"]] * len(recognition.asked) and decoding == ["began", "ended"] * starts


def test_a_stretch_that_can_not_be_transcribed_is_named_and_the_others_are_kept(
    media: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mmsearch.errors import ExtractionError, FailureCode

    recognition = use_recognition(monkeypatch, QUAY, THURSDAY)

    def fail_first() -> None:
        if not recognition.asked:
            recognition.asked.append((0.0, 0.0, False, 0.0))
            raise ExtractionError(FailureCode.TIMEOUT, "It took too long.")

    recognition.before = fail_first
    record = run(tmp_path / "index", media)
    assert (record.transcribed, record.transcribed_partly) == (0, 1)
    (failed,) = Index.open(tmp_path / "index").failed()
    assert failed.failure.code == "timeout" and failed.failure.sentence == (
        "The speech in a part of it could not be recognized: It took too long."
    )
    assert holding(tmp_path / "index", "quay") == []
    assert holding(tmp_path / "index", "Thursday") == ["recording.wav"]


def test_another_model_with_refresh_replaces_the_words(
    media: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    index = tmp_path / "index"
    use_recognition(monkeypatch, QUAY)
    run(index, media)
    other = use_recognition(monkeypatch, (3.0, 5.0, "The warden closed the southern quay."))
    other.fingerprint = "other sha256:11"
    assert run(index, media).transcribed == 0
    assert run(index, media, refresh=True).transcribed == 1
    assert holding(index, "southern") == ["recording.wav"] and holding(index, "northern") == []
    assert rows(index, "SELECT DISTINCT engine FROM recognized_text") == [("other sha256:11",)]
    assert broken(index, deep=True) == {}


def test_a_model_that_is_no_speech_model_stops_the_run_before_it_begins(
    media: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_recognition(monkeypatch)
    with pytest.raises(ModelUnavailable, match="no speech model"):
        run(tmp_path / "index", media, transcribe=str(tmp_path))
    assert not (tmp_path / "index").exists()


def test_a_file_in_place_of_a_speech_model_and_an_empty_name_are_refused(
    media: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    use_recognition(monkeypatch)
    monkeypatch.chdir(media)
    for name in ("note.txt", "./note.txt"):
        assert command(["index", ".", "--index", str(tmp_path / "index"), "--transcribe", name]) == 2
        assert capfd.readouterr().err == (
            f"--transcribe takes a model, and {name} is a file.\n\n"
            "hint: Recordings are transcribed without it; `mmsearch text FILE` then writes the words of one.\n"
        )
        assert command(["index", ".", "--index", str(tmp_path / "index"), "--model", name]) == 2
        assert capfd.readouterr().err.startswith(f"{name} is no model: it is a file.\n")
    assert command(["index", ".", "--index", str(tmp_path / "index"), "--transcribe", ""]) == 2
    assert capfd.readouterr().err.startswith("--transcribe names no model.\n")
    assert not (tmp_path / "index").exists()


def test_the_words_of_a_file_are_written_by_place_and_as_subtitles(
    media: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    use_recognition(monkeypatch, QUAY, (3670.5, 3672.0, "never"), THURSDAY)
    index = tmp_path / "index"
    run(index, media)
    where = ["--index", str(index)]

    def written(*arguments: str, code: int = 0) -> str:
        capfd.readouterr()
        assert command(["text", *arguments, *where]) == code
        return str(capfd.readouterr().out)

    recording = str(media / "recording.wav")
    assert written(recording) == f"[0:03–0:05] {QUAY[2]}\n[2:07–2:09.5] {THURSDAY[2]}\n"
    assert written(recording, "--format", "srt") == (
        f"1\n00:00:03,000 --> 00:00:05,000\n{QUAY[2]}\n\n2\n00:02:07,000 --> 00:02:09,500\n{THURSDAY[2]}\n\n"
    )
    assert written(recording, "--format", "vtt") == (
        f"WEBVTT\n\n00:00:03.000 --> 00:00:05.000\n{QUAY[2]}\n\n00:02:07.000 --> 00:02:09.500\n{THURSDAY[2]}\n\n"
    )
    assert next(json.loads(line) for line in written(recording, "--format", "jsonl").splitlines()) == {
        "schema": "mmsearch.text/1", "section": None, "page": None,
        "start_s": 3.0, "end_s": 5.0, "line_start": None, "line_end": None,
        "origin": "speech", "engine": ENGINE, "language": "", "text": QUAY[2],
    }  # fmt: skip
    assert written(str(media / "note.txt")) == "[line 1]\nBuy stamps.\n"
    assert written(str(media / "note.txt"), "--format", "srt", code=2) == ""
    assert written(str(tmp_path / "unknown.txt"), code=2) == ""


def test_a_file_without_words_is_said_to_have_none(
    media: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    use_recognition(monkeypatch)
    run(tmp_path / "index", media)
    assert command(["text", str(media / "recording.wav"), "--index", str(tmp_path / "index")]) == 1
    assert capfd.readouterr() == ("", f"The index holds no words of {media / 'recording.wav'}.\n")


def test_a_file_without_words_is_told_with_the_reason(
    media: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    (media / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(64))
    (media / "empty.txt").touch()
    (media / "tool.blend").write_bytes(b"BLENDER" + bytes(64))
    use_recognition(monkeypatch)
    monkeypatch.setattr(transcription.Transcription, "steps", lambda self: iter(()))
    run(tmp_path / "index", media)
    told = {}
    for name in ("broken.png", "empty.txt", "tool.blend", "recording.wav"):
        assert command(["text", str(media / name), "--index", str(tmp_path / "index")]) == 1
        told[name] = capfd.readouterr().err
        assert command(["text", str(media / name), "--quiet", "--index", str(tmp_path / "index")]) == 1
        assert capfd.readouterr() == ("", "")
    assert told == {
        name: f"The index holds no words of {media / name}: {why}\n"
        for name, why in {
            "broken.png": "it could not be indexed: The picture is damaged and can't be decoded. (decode-error)",
            "empty.txt": "it is empty",
            "tool.blend": "it is of no kind that is read",
            "recording.wav": "its speech is not transcribed yet",
        }.items()
    }


def test_the_last_event_is_the_record(media: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    use_recognition(monkeypatch, QUAY)
    *_, last = events(tmp_path / "index", media)
    assert isinstance(last, Finished) and last.record.stages["speech"] >= 0
