"""A stand-in for the program `tesseract` that records its calls (outside workers) and answers what a test tells it."""

import sys
from pathlib import Path

HEADER = "level\tpage_num\tblock_num\tpar_num\tline_num\tword_num\tleft\ttop\twidth\theight\tconf\ttext"
OSD = "Rotate: 0\nScript: {}\nScript confidence: {}\n"

STAND_IN = """#!{python}
import contextlib, os, sys, pathlib, time
here, options = pathlib.Path({folder!r}), sys.argv[1:]
asked = " ".join(options)
given = sys.stdin.buffer.read() if "stdin" in options else b""
with contextlib.suppress(OSError), (here / "calls").open("a") as calls:  # a worker can't write
    print(asked, os.environ.get("OMP_THREAD_LIMIT"), given[:15], file=calls)
if "--psm" in options:
    print((here / "script").read_text())
elif asked == "--version":
    print("tesseract 5.9.1")
elif asked == "--list-langs":
    print("List of available languages (3):", *(here / "languages").read_text().split(), sep="\\n")
elif options[-1] == "tsv":
    exec((here / "answer").read_text())
"""


class StandIn:
    """A program `tesseract` in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()
        program = folder / "tesseract"
        program.write_text(STAND_IN.format(python=sys.executable, folder=str(folder)))
        program.chmod(0o755)
        self.has("eng", "osd", "rus", "ukr", "ara", "deu")
        self.detects(OSD.format("Cyrillic", "6.0"))
        self.answers(tsv("Мост", "закрыт"))

    def has(self, *languages: str) -> None:
        (self.folder / "languages").write_text(" ".join(languages))

    def detects(self, said: str) -> None:
        (self.folder / "script").write_text(said)

    def answers(self, text: str) -> None:
        self.does(f"sys.stdout.buffer.write({text.encode()!r})")

    def does(self, code: str) -> None:
        (self.folder / "answer").write_text(code)

    def calls(self) -> list[str]:
        try:
            return (self.folder / "calls").read_text().splitlines()
        except FileNotFoundError:
            return []

    def languages(self) -> list[str]:
        """The languages of each page that was read."""
        return [call.split()[3] for call in self.calls() if " tsv " in call]


def tsv(*words: str, score: float = 96.5) -> str:
    rows = [
        f"5\t1\t1\t1\t{n // 2 + 1}\t{n % 2 + 1}\t{10 + 50 * n}\t20\t40\t12\t{score}\t{word}"
        for n, word in enumerate(words)
    ]
    return "\n".join([HEADER, "1\t1\t0\t0\t0\t0\t0\t0\t60\t40\t-1\t", *rows, ""])
