"""The corpus of the crash test: small files of all five kinds in several versions, made from a seed."""

from __future__ import annotations

import io
import os
import random
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "helpers"))

import small_index
from PIL import Image, ImageDraw

WORDS = (
    "walrus otter heron lynx badger harbour ferry pump lighthouse ledger revenue cable anchor storm pilot tide".split()
)
QUERIES = (
    "walrus harbour",
    "the pilot of the ferry",
    "ledger revenue cable",
    "note 3",
    "scan",
    "storm tide badger",
    "film",
)

Version = dict[str, bytes]  # a file's content by its name


def versions(seed: int, count: int) -> list[Version]:
    """`count` states of a folder. From one to another files come, go, change, move and are copied; sound and film
    change in every third only, since their decoders take seconds to start."""
    lots = random.Random(seed)
    media = _Media(lots)
    now: Version = {f"note{n}.md": _note(lots, n) for n in range(5)}
    now |= {"long.txt": _long(lots), "report.pdf": media.pdf(3), "scan.pdf": media.scan(), "sign.png": media.png()}
    now |= {
        "photo.jpg": media.png("JPEG"),
        "broken.pdf": b"%PDF-1.4\nbroken",
        "data.bin": b"\x00\x01",
        "empty.txt": b"",
    }
    now |= {
        "tape.wav": media.wav(),
        "tape.srt": _subtitles(lots),
        "film.mp4": media.film(),
        "sub/film.txt": b"about it\n",
    }
    found = [dict(now)]
    for number in range(1, count):
        for name in lots.sample(sorted(name for name in now if name.startswith("note")), 3):
            now[name] = _note(lots, number)
        moved = lots.choice(sorted(name for name in now if name.startswith("note")))
        now[f"note{number}0.md"] = now.pop(moved)
        now[f"copies/note{number}1.md"] = now[f"note{number}0.md"]
        now[f"note{number}2.md"] = _note(lots, number)
        now |= {
            "long.txt": _long(lots),
            f"sign{number}.png": media.png(),
            "scan.pdf": media.scan(),
            "report.pdf": media.pdf(4),
        }
        if number % 3 == 0:
            now |= {"tape.wav": media.wav(), "tape.srt": _subtitles(lots), "film.mp4": media.film()}
        found.append(dict(now))
    return found


def put(version: Version, folder: Path) -> None:
    """Make a folder hold a version and nothing else; files that are as they should be stay untouched."""
    for path in [path for path in folder.rglob("*") if path.is_file()]:
        if str(path.relative_to(folder)) not in version:
            path.unlink()
    for name, content in version.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists() or path.read_bytes() != content:
            path.unlink(missing_ok=True)
            path.write_bytes(content)


def _note(lots: random.Random, number: int) -> bytes:
    words = " ".join(lots.choices(WORDS, k=12))
    return f"# Note {number}\n\nCode q{lots.randrange(10**9)}: {words}.\n".encode()


def _long(lots: random.Random) -> bytes:
    """A text of several spans (the crash test makes spans short)."""
    return "".join(
        f"Line {n} with code q{lots.randrange(10**9)} of the {lots.choice(WORDS)}.\n\n" for n in range(40)
    ).encode()


def _subtitles(lots: random.Random) -> bytes:
    lines = [
        f"{n + 1}\n00:00:{n * 8:02},000 --> 00:00:{n * 8 + 5:02},000\n{' '.join(lots.choices(WORDS, k=5))}\n"
        for n in range(3)
    ]
    return "\n".join(lines).encode()


class _Media:
    """Files that libraries write."""

    def __init__(self, lots: random.Random) -> None:
        self.lots = lots

    def png(self, format: str = "PNG") -> bytes:
        picture = Image.new("RGB", (240, 80), (self.lots.randrange(256), 230, 240))
        ImageDraw.Draw(picture).text((8, 20), " ".join(self.lots.choices(WORDS, k=4)), (0, 0, 0))
        buffer = io.BytesIO()
        picture.save(buffer, format)
        return buffer.getvalue()

    def scan(self) -> bytes:
        pages = [Image.open(io.BytesIO(self.png())) for _ in range(2)]
        buffer = io.BytesIO()
        pages[0].save(buffer, "PDF", save_all=True, append_images=pages[1:])
        return buffer.getvalue()

    def pdf(self, pages: int) -> bytes:
        with tempfile.TemporaryDirectory() as folder:
            words = [f"{' '.join(self.lots.choices(WORDS, k=6))} q{self.lots.randrange(10**9)}" for _ in range(pages)]
            result: bytes = small_index.write_pdf(Path(folder) / "a.pdf", *words).read_bytes()
            return result

    def wav(self) -> bytes:
        with tempfile.TemporaryDirectory() as folder:
            result: bytes = small_index.write_wav(
                Path(folder) / "a.wav", 24.0, self.lots.uniform(200, 800)
            ).read_bytes()
            return result

    def film(self) -> bytes:
        with tempfile.TemporaryDirectory() as folder:
            path, colours = os.path.join(folder, "a.mp4"), self.lots.sample(["red", "green", "blue", "white"], 3)
            inputs = [part for colour in colours for part in ("-f", "lavfi", "-i", f"color=c={colour}:s=96x64:r=5:d=3")]
            join = [
                "-filter_complex",
                "concat=n=3:v=1",
                "-metadata",
                f"title={' '.join(self.lots.choices(WORDS, k=3))}",
            ]
            subprocess.run(["ffmpeg", "-nostdin", "-v", "error", "-y", *inputs, *join, path], check=True)
            return Path(path).read_bytes()
