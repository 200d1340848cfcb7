"""The recordings: announcements spoken by espeak-ng, an interview with a sidecar .vtt, and sounds made with numpy.

Nothing recognises speech here: an announcement is found by its tags or its name, the interview by its captions.
Encoders run with `bitexact` and one thread, so that they write neither versions nor times into a file.
"""

from __future__ import annotations

import io
import subprocess
import wave
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.float32]
RATE = 22_050  # what espeak-ng speaks in; plenty for a voice
EXACT = ("-map_metadata", "-1", "-fflags", "+bitexact", "-flags:a", "+bitexact", "-threads", "1")
CODECS = {
    ".mp3": ("-c:a", "libmp3lame", "-b:a", "40k"),
    ".ogg": ("-c:a", "libvorbis", "-q:a", "1"),
    ".opus": ("-c:a", "libopus", "-b:a", "24k"),
    ".m4a": ("-c:a", "aac", "-b:a", "40k"),
    ".flac": ("-c:a", "flac"),
    ".wav": ("-c:a", "pcm_s16le", "-ar", "11025"),
}


@dataclass(frozen=True)
class Spoken:
    """An announcement: its text, its voice, and its tags."""

    file: str
    voice: str
    words: str
    tags: dict[str, str]


TERMINAL = {"artist": "Port Aldern terminal", "album": "Terminal announcements"}
ANNOUNCEMENTS = (
    Spoken(
        "ann_07.mp3",
        "en-gb",
        "Attention please. Because of fog on the sound, the fourteen twenty ferry to Morrow Island is delayed. "
        "It will now leave at five past three from pier two. We apologise for the wait.",
        {**TERMINAL, "title": "Ferry to Morrow Island delayed by fog", "comment": "New departure 15:05 from pier 2"},
    ),
    Spoken(
        "ann_12.ogg",
        "en-us",
        "A blue rucksack with a toy rabbit has been found in the waiting room. "
        "Its owner is asked to come to the information desk beside the ticket office.",
        {**TERMINAL, "title": "Lost property: child's rucksack", "comment": "Blue, with a toy rabbit, waiting room"},
    ),
    Spoken(
        "ann_15.wav",
        "en-gb",
        "Drivers for Skerra, please return to your cars. Switch off your alarm and put the handbrake on.",
        {**TERMINAL, "title": "Boarding call for drivers, car alarms off"},
    ),
    Spoken(
        "saloon.m4a",
        "en-gb-scotland",
        "Ladies and gentlemen, the saloon bar closes in ten minutes. Last orders for sandwiches and tea, please.",
        {"artist": "MV Guillemot", "album": "On board", "title": "Last orders: the bar closes in ten minutes"},
    ),
    Spoken(
        "ansage_3.flac",
        "de",
        "Herzlich willkommen an Bord. Die Rettungswesten liegen unter Ihren Sitzen. Bei sieben kurzen Tönen und einem "
        "langen Ton gehen Sie bitte zum Sammelplatz auf dem Oberdeck.",
        {
            "artist": "MS Guillemot",
            "album": "Ansagen an Bord",
            "title": "Sicherheitshinweise: Rettungswesten und Sammelplatz",
        },
    ),
    Spoken(
        "annonce_2.opus",
        "fr-fr",
        "Mesdames et messieurs, changement de quai. Le bateau pour Skerra partira du quai numéro trois. "
        "Les vélos embarquent en dernier.",
        {"artist": "Gare maritime", "album": "Annonces", "title": "Changement de quai pour Skerra, vélos en dernier"},
    ),
)

INTERVIEW = (
    (0.8, "My name is Hesper Lindqvane. I kept the light on Skerra for twenty six years."),
    (8.0, "When I came, in nineteen sixty one, the lamp still burned paraffin."),
    (15.0, "Every four hours somebody had to climb the stairs and wind the clockwork, day and night."),
    (23.0, "In the hard winter the supply boat could not land for thirty nine days."),
    (30.0, "We ate potatoes, dried fish, and in the end the seed peas from the garden."),
    (38.0, "The children had their lessons by radio. The teacher sat on Morrow Island."),
    (46.0, "Once a goose flew through the glass and put out the lamp. I still have one of its feathers."),
    (54.0, "The day they brought electricity, I cried a little. The machine needed nobody any more."),
    (62.0, "Now I sell honey at the market. Bees are like a light. They ask for you every single day."),
)


def speak(words: str, voice: str, speed: int = 150) -> Samples:
    """The words as sound between -1 and 1."""
    command = ["espeak-ng", "-v", voice, "-s", str(speed), "--stdout", words]
    said = subprocess.run(command, check=True, capture_output=True).stdout
    with wave.open(io.BytesIO(said)) as sound:
        frames = sound.readframes(sound.getnframes())
    return (np.frombuffer(frames[: len(frames) // 2 * 2], dtype="<i2") / 32768).astype(np.float32)


def encode(samples: Samples, path: Path, tags: dict[str, str], extra: tuple[str, ...] = ()) -> None:
    """Write the samples in the format that the name asks for, with tags."""
    written = [part for key, value in tags.items() for part in ("-metadata", f"{key}={value}")]
    source = ["-f", "f32le", "-ar", str(RATE), "-ac", "1", "-i", "pipe:0"]
    ending = [*CODECS[path.suffix], *EXACT, *written, *extra, str(path)]
    command = ["ffmpeg", "-y", "-v", "error", *source, *ending]
    subprocess.run(command, input=samples.clip(-1, 1).astype("<f4").tobytes(), check=True)


def seconds(length: float) -> NDArray[np.float64]:
    """The time of every sample."""
    return np.arange(int(length * RATE)) / RATE


def smooth(noise: NDArray[np.float64], width: int) -> NDArray[np.float64]:
    """Noise with its high frequencies taken off by a moving average."""
    return np.convolve(noise, np.ones(width) / width, mode="same")


def chime() -> Samples:
    """The two notes before an announcement."""
    t = seconds(0.55)
    notes = [np.sin(2 * np.pi * pitch * t) * np.exp(-5 * t) for pitch in (784, 587)]
    return (0.4 * np.concatenate([*notes, np.zeros(RATE // 4)])).astype(np.float32)


def rain() -> Samples:
    """Steady hiss and single drops on a roof."""
    rng = np.random.default_rng(71)
    t = seconds(14)
    hiss = 0.11 * rng.normal(size=t.size) * (1 + 0.3 * np.sin(2 * np.pi * t / 6))
    for start in rng.integers(0, t.size - 900, 260):
        drop = np.arange(900) / RATE
        hiss[start : start + 900] += rng.uniform(0.1, 0.5) * np.exp(-180 * drop) * np.sin(2 * np.pi * 1300 * drop)
    return smooth(hiss, 3).astype(np.float32)


def foghorn() -> Samples:
    """Two low blasts, then only the sea."""
    t = seconds(15)
    swell = smooth(np.random.default_rng(72).normal(size=t.size), 60) * (0.5 + 0.3 * np.sin(2 * np.pi * t / 5))
    horn = sum(np.sin(2 * np.pi * 110 * k * t) / k for k in (1, 2, 3, 5))
    blast = ((t > 1) & (t < 4)) | ((t > 6) & (t < 9))
    return (0.25 * swell + 0.22 * horn * smooth(blast.astype(float), 2000)).astype(np.float32)


def bilge_alarm() -> Samples:
    """A shrill tone that changes pitch twice a second over the hum of an engine."""
    t = seconds(8)
    pitch = np.where((t * 4).astype(int) % 2 == 0, 1480, 1110)
    tone = np.sign(np.sin(2 * np.pi * np.cumsum(pitch) / RATE))
    hum = np.sin(2 * np.pi * 48 * t) + 0.4 * np.sin(2 * np.pi * 96 * t)
    return (0.12 * tone + 0.2 * hum).astype(np.float32)


def interview(folder: Path) -> None:
    """Each sentence at its second, room noise under all of them, and the captions that say so beside it."""
    track = (0.004 * np.random.default_rng(73).normal(size=int(71 * RATE))).astype(np.float32)
    captions = ["WEBVTT", ""]
    for start, words in INTERVIEW:
        said = speak(words, "en-gb-x-rp", 165)
        first = int(start * RATE)
        track[first : first + said.size] += said
        end = start + said.size / RATE
        captions += [f"00:{start // 60:02.0f}:{start % 60:06.3f} --> 00:{end // 60:02.0f}:{end % 60:06.3f}", words, ""]
    encode(track, folder / "tape_1.mp3", {"title": "Conversations, tape 1", "artist": "Ternsound archive"})
    (folder / "tape_1.vtt").write_text("\n".join(captions), encoding="utf-8")


def make(folder: Path) -> None:
    """Record everything into this folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for spoken in ANNOUNCEMENTS:
        encode(np.concatenate([chime(), speak(spoken.words, spoken.voice)]), folder / spoken.file, spoken.tags)
    ambience = {"artist": "Ternsound archive", "album": "Sounds of the sound"}
    encode(rain(), folder / "field_01.ogg", {**ambience, "title": "Rain on the wheelhouse roof"})
    encode(foghorn(), folder / "field_02.mp3", {**ambience, "title": "The fog horn of Skerra, two blasts"})
    encode(bilge_alarm(), folder / "bilge alarm test.wav", {})
    interview(folder)
