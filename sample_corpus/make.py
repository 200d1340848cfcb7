"""Draw, typeset, speak and film the whole sample collection into `media/`, then check the answers of `queries.jsonl`.

    python sample_corpus/make.py [FOLDER]

Everything is seeded: two runs with the same tools give the same bytes. Other versions of Pillow, FFmpeg, espeak-ng or
of the fonts give files with the same content and other bytes. The folder is made anew each time.
"""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

import charts
import films
import letters
import notes
import paperwork
import pictures
import reports
import sounds

HERE = Path(__file__).resolve().parent


def make(media: Path) -> None:
    """The collection, a folder per topic as a small cooperative keeps them."""
    charts.make(media / "figures")
    pictures.make(media / "pictures")
    paperwork.make(media / "paper")
    reports.make(media / "paper")
    sounds.make(media / "audio")
    films.make(media / "video")
    notes.make(media / "office")
    letters.make(media / "letters")
    notes.copy_of(media / "paper" / "scan_0033.jpg", media / "office" / "to pay" / "fuel november.jpg")


def missing_answers(queries: Path, media: Path) -> list[str]:
    """The queries whose right answer, or whose query picture, is not among the files."""
    lost = []
    for line in queries.read_text(encoding="utf-8").splitlines():
        entry = json.loads(line)
        paths = [answer.partition("#")[0] for answer in entry["relevant"]]
        if entry["query"].startswith("image:"):
            paths.append(entry["query"].removeprefix("image:"))
        lost += [f"{entry['qid']}: {path}" for path in paths if not (media / path).is_file()]
    return lost


def main() -> int:
    """Make everything; 1 if a tool or an answer is missing."""
    absent = [tool for tool in ("ffmpeg", "espeak-ng") if shutil.which(tool) is None]
    if absent:
        print(f"{' and '.join(absent)} must be installed to make the sample collection.", file=sys.stderr)
        return 1
    media = Path(sys.argv[1]) if len(sys.argv) > 1 else HERE / "media"
    shutil.rmtree(media, ignore_errors=True)
    make(media)
    files = [path for path in media.rglob("*") if path.is_file()]
    print(f"{len(files)} files, {sum(path.stat().st_size for path in files) / 1e6:.1f} MB in {media}")
    lost = missing_answers(HERE / "queries.jsonl", media)
    for line in lost:
        print(f"queries.jsonl names a file that is not there: {line}", file=sys.stderr)
    return 1 if lost else 0


if __name__ == "__main__":
    sys.exit(main())
