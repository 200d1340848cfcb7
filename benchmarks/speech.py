"""Speech: the pace on continuous speech against transformers with the same weights, and the memory of a run.

With `--eval DIR` (real recordings with known words: `queries.jsonl` and its files) also what is understood:

python -m benchmarks.speech --eval DIR          word errors, the right recording first, words in noises; with intervals
python -m benchmarks.speech --pace SOUND.npy    ours alone, as the row runs it; prints a JSON object
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from benchmarks import measure, memory
from benchmarks.measure import ROOT, Setting
from benchmarks.table import Row, rates

RATE = 16_000
MINUTES = 5.0
PAUSE_S = 0.4  # between two announcements
GENERATED = 1000  # samples of a bootstrap


def rows(setting: Setting) -> list[Row]:
    """The paces, and the memory of a run with speech above one without."""
    sound = setting.folder / "spoken.npy"
    spoken = _spoken(sound)
    mine, plain = [], []
    for _ in range(max(1, setting.turns - 1)):
        mine.append(measure.told("benchmarks.speech", setting.env, "--pace", str(sound)))
        plain.append(measure.told("benchmarks.speech_plain", setting.env, str(sound)))
    (_, pace), (_, plainly) = measure.medians(mine), measure.medians(plain)
    note = f"{MINUTES:g} minutes of announcements; start {mine[0]['start_s']:.1f} s and {plain[0]['start_s']:.1f} s"
    media = setting.folder / "spoken"
    media.mkdir(exist_ok=True)
    _wave(media / "spoken.wav", spoken)
    (media / "note.txt").write_text("The keeper writes down the weather every morning.\n")  # both load the text model
    peaks = {flag: memory.peak(setting, media, "builtin", flag)[0] for flag in ("--no-speech", "--speech")}
    more = peaks["--speech"] - peaks["--no-speech"]
    return [
        Row("speech, times real time", f"{pace:.1f} s/s", "-", pace, 10.0, None, f"{setting.threads} threads"),
        rates("speech, against transformers", pace, plainly, "s", 3.0, note),
        Row("memory, speech", f"{more:.0f} MB", "-", more, None, 500.0, f"peaks {peaks} MB"),
    ]


def _spoken(file: Path) -> np.ndarray:
    """Announcements of the sample, one after the other until they fill the time; float32 (samples,), kept in a file."""
    if file.is_file():
        return np.asarray(np.load(file))
    media = ROOT / "sample_corpus" / "media" / "audio"
    found: list[np.ndarray] = []
    pause = np.zeros(round(PAUSE_S * RATE), np.float32)
    paths = [media / name for name in ("ann_07.mp3", "ann_12.ogg", "tape_1.mp3", "ann_15.wav")]
    while sum(map(len, found)) < MINUTES * 60 * RATE:
        for path in paths:
            found += [_decoded(path), pause]
    whole = np.concatenate(found)[: round(MINUTES * 60 * RATE)]
    np.save(file, whole)
    return whole


def _decoded(path: Path) -> np.ndarray:
    command = ["ffmpeg", "-v", "error", "-i", str(path), "-ac", "1", "-ar", str(RATE), "-f", "f32le", "-"]
    return np.frombuffer(subprocess.run(command, check=True, capture_output=True).stdout, np.float32)


def _wave(path: Path, sound: np.ndarray) -> Path:
    import wave

    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes((sound * 32767).clip(-32768, 32767).astype("<i2").tobytes())
    return path


def _pace(file: Path) -> None:
    """Transcribe a sound stretch by stretch, as a run does, and print the seconds."""
    began = time.perf_counter()
    from mmsearch.encoding.speech_process import cores
    from mmsearch.indexing.transcription import STRETCH_S
    from mmsearch.models.recognition import whisper_weights
    from mmsearch.models.recognition.speech_worker import transcribe
    from mmsearch.models.recognition.voice_activity import VoiceDetector
    from mmsearch.models.recognition.whisper import Whisper

    model = whisper_weights.builtin()
    whisper = Whisper(Path(model.source), model.name, threads=cores())
    detector = VoiceDetector(whisper_weights.detector())
    sound = np.load(file)
    ready = time.perf_counter()
    at_s, texts = 0.0, []
    while at_s < len(sound) / RATE:
        stretch = sound[round(at_s * RATE) :][: round(STRETCH_S * RATE)]
        last = round(at_s * RATE) + len(stretch) >= len(sound)
        found = transcribe(whisper, detector, stretch, at_s, last, {})
        texts += [cue.text for cue in found.cues]
        at_s = found.until_s
    told = {"items": len(sound) / RATE, "seconds": time.perf_counter() - ready, "start_s": ready - began}
    print(json.dumps({**told, "texts": texts}))


def words(text: str) -> list[str]:
    """The words of a text without case and punctuation."""
    return re.findall(r"[\w']+", text.lower().replace("’", "'"))


def errors(wanted: Sequence[str], found: Sequence[str]) -> int:
    """The fewest words to insert, remove or replace."""
    row = list(range(len(found) + 1))
    for at, word in enumerate(wanted, 1):
        before, row[0] = row[0], at
        for place, other in enumerate(found, 1):
            before, row[place] = row[place], min(row[place] + 1, row[place - 1] + 1, before + (word != other))
    return row[-1]


def interval(count: int, figure: Callable[[np.ndarray], float]) -> str:
    """A figure over items with its 95% interval by bootstrap: `figure` takes the numbers of the drawn items."""
    rng = np.random.default_rng(0)
    drawn = sorted(figure(rng.integers(0, count, count)) for _ in range(GENERATED))
    low, high = drawn[round(0.025 * GENERATED)], drawn[round(0.975 * GENERATED) - 1]
    return f"{figure(np.arange(count)):.3f} [{low:.3f}, {high:.3f}]"


def _evaluate(folder: Path) -> None:
    """Index the recordings under neutral names, and print what is understood of them."""
    from mmsearch import Index, Query, Settings

    lines = [json.loads(line) for line in (folder / "queries.jsonl").read_text("utf-8").splitlines()]
    asked = [line for line in lines if line.get("kind") == "transcript" and line["gallery"] == "audio/"]
    files = sorted({line["relevant"][0] for line in asked})
    noises = sorted(path.relative_to(folder).as_posix() for path in (folder / "audio" / "esc10").iterdir())
    with tempfile.TemporaryDirectory() as top:
        media, names = Path(top) / "media", {}
        media.mkdir()
        for number, file in enumerate([*files, *noises]):
            names[file] = media / f"{number:04d}{Path(file).suffix}"
            shutil.copy(folder / file, names[file])
        for _ in Index.update(Path(top) / "index", [media], Settings(ocr="never", speech=True)):
            pass
        with Index.open(Path(top) / "index") as index:
            texts = {
                file: " ".join(one.text for one in index.text(path) if one.origin == "speech")
                for file, path in names.items()
            }
            first = [
                (hits := index.search(Query(line["query"], names=False, min_score=0.0)).hits) != ()
                and bytes(hits[0].path) == bytes(names[line["relevant"][0]])
                for line in asked
            ]
    wrong = np.array([errors(words(line["query"]), words(texts[line["relevant"][0]])) for line in asked])
    said = np.array([len(words(line["query"])) for line in asked])
    noisy = np.array([bool(texts[file].strip()) for file in noises])
    print(
        f"right recording first, {len(asked)} transcripts:", interval(len(asked), lambda at: np.array(first)[at].mean())
    )
    print("word error rate:", interval(len(asked), lambda at: wrong[at].sum() / said[at].sum()))
    print(f"noises with words, of {len(noises)}:", interval(len(noises), lambda at: noisy[at].mean()), int(noisy.sum()))
    for line in asked:
        print(f"  {line['query']}\n    {texts[line['relevant'][0]]}")
    for file in noises:
        if texts[file].strip():
            print(f"  {file}: {texts[file]}")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.speech", description=__doc__)
    parser.add_argument("--eval", type=Path)
    parser.add_argument("--pace", type=Path)
    options = parser.parse_args()
    if options.pace:
        _pace(options.pace)
    if options.eval:
        _evaluate(options.eval)


if __name__ == "__main__":
    main()
