"""Questions on office files, books and mail that other programs wrote: is the right file first, and the right place?

`python -m benchmarks.office_questions` makes the set by LibreOffice (`soffice`): 42 files, 88 questions, some minutes.
`--files DIR --queries FILE` asks of files that are there: JSON lines with `query`, `relevant` and where it is known
`slide`, `sheet` or `chapter`.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import re
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from benchmarks.office_files import Question, make
from mmsearch import Index, Query
from mmsearch.config import Settings
from mmsearch.query import Hit


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.office_questions", description=__doc__)
    parser.add_argument("--files", type=Path, help="a folder of files that are there")
    parser.add_argument("--queries", type=Path, help="their questions")
    parser.add_argument("--index", type=Path, help="an index of them that is there already")
    options = parser.parse_args()
    if options.files is None and shutil.which("soffice") is None:
        sys.exit("This needs LibreOffice (soffice), or --files and --queries.")
    with tempfile.TemporaryDirectory() as folder:
        files = options.files or Path(folder) / "files"
        asked = questions(options.queries) if options.files else make(files)
        index = options.index or Path(folder) / "index"
        if options.index is None:
            print(f"indexing {files}", file=sys.stderr)
            for _ in Index.update(index, [files], Settings(ocr="never", speech=False)):
                pass
        report(index, files, asked)


def questions(path: Path) -> list[Question]:
    """The questions of a file."""
    found = []
    for line in path.read_text("utf-8").splitlines():
        one = json.loads(line)
        place = next((f"{name} {one[name]}" for name in ("slide", "sheet") if name in one), one.get("chapter", ""))
        found.append(Question(one["query"], one["relevant"][0], str(place)))
    return found


def report(index: Path, files: Path, asked: Sequence[Question]) -> None:
    """Ask all and print what is not first, and the shares with their intervals."""
    right, placed, of_kind = 0, [0, 0], Counter[tuple[str, bool]]()
    with Index.open(index) as opened:
        for one in asked:
            hits = opened.search(Query(one.text, k=3)).hits
            first = hits[0] if hits else None
            shown = os.path.relpath(os.fsdecode(first.path), files) if first else "nothing"
            is_right = first is not None and shown == one.file
            right += is_right
            of_kind[_kind(one.file), is_right] += 1
            at_place = is_right and first is not None and is_at(first, one.place)
            if one.place:
                placed = [placed[0] + at_place, placed[1] + 1]
            if not is_right or (one.place and not at_place):
                section = first.locator.section if first else ""
                print(f"  {one.text!r}: {one.file} {one.place!r}; first is {shown} {section!r}")
    kinds = sorted({kind for kind, _ in of_kind})
    print(", ".join(f"{kind} {of_kind[kind, True]}/{of_kind[kind, True] + of_kind[kind, False]}" for kind in kinds))
    print(f"right file first: {share(right, len(asked))}")
    print(f"and its right place: {share(*placed)}")


def is_at(hit: Hit, place: str) -> bool:
    """Whether a hit names the place: its section holds the words, which a further digit may not follow."""
    section = " ".join((hit.locator.section or "").casefold().split())
    return re.search(re.escape(" ".join(place.casefold().split())) + r"(?!\d)", section) is not None


def share(right: int, number: int) -> str:
    """A share with its 95% interval (Wilson)."""
    if not number:
        return "none asked"
    p, z = right / number, 1.96
    middle = (p + z * z / (2 * number)) / (1 + z * z / number)
    half = z * math.sqrt(p * (1 - p) / number + z * z / (4 * number * number)) / (1 + z * z / number)
    return f"{right} of {number}, {100 * p:.1f}% ({100 * (middle - half):.1f} to {100 * (middle + half):.1f})"


def _kind(file: str) -> str:
    return "Maildir" if file.startswith("Maildir") else file.rpartition(".")[2]


if __name__ == "__main__":
    main()
