"""Many small text files for the benchmarks: 2,000 distinct contents under as many names as asked for."""

from __future__ import annotations

import random
from pathlib import Path

DISTINCT = 2000
A_FOLDER = 100  # files in one folder
_SUBJECTS = "ferry harbour lighthouse engine ticket pilot winter crew cargo anchor island storm".split()
_VERBS = "carries repairs delays measures reports replaces paints orders counts inspects".split()
_OBJECTS = "propeller timetable radio buoy mooring cabin pump invoice chart battery lantern rope".split()
_ADVERBS = "at dawn|after the storm|near the pier|for the second time|without a word|on Monday|in fog".split("|")


def texts(count: int = DISTINCT) -> list[str]:
    """`count` different notes of about 60 words, the same in every run."""
    chance = random.Random(2026)
    return [f"Note {number}. " + " ".join(_sentence(chance) for _ in range(8)) + "\n" for number in range(count)]


def make(folder: Path, files: int) -> None:
    """Write `files` text files into `folder`, a hundred in each subfolder; nothing to do where they are."""
    ready = folder.with_suffix(".ready")
    if ready.is_file():
        return
    contents = texts(min(files, DISTINCT))
    for number in range(files):
        path = folder / f"{number // A_FOLDER:04d}" / f"note {number:06d}.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(contents[number % len(contents)], "utf-8")
    ready.touch()


def paragraph(chance: random.Random, words: int) -> str:
    """Sentences of at least `words` words together."""
    said = ""
    while said.count(" ") + 1 < words:
        said += " " * bool(said) + _sentence(chance)
    return said


def _sentence(chance: random.Random) -> str:
    number = chance.randint(2, 900)
    return (
        f"The {chance.choice(_SUBJECTS)} {chance.choice(_VERBS)} {number} of the {chance.choice(_OBJECTS)}s "
        f"{chance.choice(_ADVERBS)}."
    )
