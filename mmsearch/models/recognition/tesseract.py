"""OCR by the program `tesseract`, where it is installed, for scripts that the built-in OCR can't read.

It runs as a process of its own, without a shell: the picture goes in as PPM on its standard input, words and their
confidences come out as TSV. Whatever goes wrong there yields no result, and the built-in OCR's stays."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import subprocess
import unicodedata
from collections import Counter
from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from mmsearch.errors import UsageError

if TYPE_CHECKING:
    import numpy as np

SCRIPT_S, PAGE_S, FACTS_S = 15.0, 30.0, 15.0  # time limits: to detect a script, to read a page, to list languages
MOST_LANGUAGES = 8  # at once: each one more makes a page slower
SURE_SCRIPT = 1.0  # least confidence of script detection that counts
LEAST_WORD = 0.3  # words of less confidence are dropped
LEAST_CONFIDENCE = 0.6  # pages of less are nonsense
SAME_WORD = 0.4  # of the height: a smaller gap between Hangul lies in a word, which Tesseract cuts into syllables

# What the built-in OCR can't read: by the script's name in Tesseract, code and name of its languages, those first that
# are read where the script is unknown.
FURTHER = {
    "Cyrillic": {
        "rus": "Russian", "ukr": "Ukrainian", "bul": "Bulgarian", "srp": "Serbian", "bel": "Belarusian",
        "mkd": "Macedonian", "kaz": "Kazakh", "kir": "Kyrgyz", "mon": "Mongolian", "tgk": "Tajik", "tat": "Tatar",
        "uzb_cyrl": "Uzbek", "aze_cyrl": "Azerbaijani",
    },
    "Arabic": {"ara": "Arabic", "fas": "Persian", "urd": "Urdu", "pus": "Pashto", "snd": "Sindhi", "uig": "Uyghur"},
    "Devanagari": {"hin": "Hindi", "mar": "Marathi", "nep": "Nepali", "san": "Sanskrit"},
    "Hangul": {"kor": "Korean", "kor_vert": "Korean, vertical"},
    "Hebrew": {"heb": "Hebrew", "yid": "Yiddish"},
    "Thai": {"tha": "Thai"},
    "Bengali": {"ben": "Bengali", "asm": "Assamese"},
    "Tamil": {"tam": "Tamil"},
    "Telugu": {"tel": "Telugu"},
    "Gujarati": {"guj": "Gujarati"},
    "Gurmukhi": {"pan": "Punjabi"},
    "Kannada": {"kan": "Kannada"},
    "Malayalam": {"mal": "Malayalam"},
    "Oriya": {"ori": "Odia"},
    "Sinhala": {"sin": "Sinhala"},
    "Georgian": {"kat": "Georgian"},
    "Armenian": {"hye": "Armenian"},
    "Ethiopic": {"amh": "Amharic", "tir": "Tigrinya"},
    "Khmer": {"khm": "Khmer"},
    "Lao": {"lao": "Lao"},
    "Myanmar": {"mya": "Burmese"},
    "Tibetan": {"bod": "Tibetan", "dzo": "Dzongkha"},
}  # fmt: skip
KNOWN = ("Latin", "Fraktur", "Greek", "Han", "Japanese", "Katakana", "Hiragana")  # to the built-in OCR
_ALIASES = {"Korean": "Hangul"}
_LANGUAGE = re.compile(r"[A-Za-z][\w/]*")


class Installed(NamedTuple):
    """The program: its path, its version (`5.3.0`), and the codes of its languages, `osd` among them if it is there."""

    path: str
    version: str
    languages: tuple[str, ...]

    @property
    def further(self) -> tuple[str, ...]:
        """The languages in scripts that the built-in OCR can't read, in the order of `FURTHER`."""
        return tuple(code for script in FURTHER for code in self.of_script(script))

    def of_script(self, script: str) -> tuple[str, ...]:
        """The languages of a script, or where there are none, its model for the whole script."""
        found = tuple(code for code in FURTHER.get(script, {}) if code in self.languages)
        whole = f"script/{script}"
        return found or ((whole,) if script in FURTHER and whole in self.languages else ())


class ReadWord(NamedTuple):
    """A word: `box` is left, top, right and bottom in pixels, `score` its confidence, 0..1."""

    box: tuple[int, int, int, int]
    text: str
    score: float


class Reading(NamedTuple):
    """What was read: lines of text, the mean confidence of its characters, 0..1, its words, and the languages that it
    was read with (`rus+eng`)."""

    text: str
    confidence: float
    words: list[ReadWord]
    languages: str


def installed() -> Installed | None:
    """The program that PATH finds, if it can be started."""
    path = shutil.which("tesseract")
    return _facts(path) if path else None


def check(languages: str) -> None:
    """Raise `UsageError` unless all of some languages (`rus+ara`) are installed."""
    program = installed()
    if program is None:
        raise UsageError("--ocr-lang needs the program tesseract, which is not installed.", install_hint())
    for code in languages.split("+"):
        if code not in program.languages or code == "osd":
            there = ", ".join(one for one in program.languages if one != "osd") or "none"
            raise UsageError(
                f"--ocr-lang: Tesseract has no language {code!r} here.",
                f"Installed: {there}. On Debian, apt-get install tesseract-ocr-CODE adds one.",
            )


def install_hint(codes: str = "rus") -> str:
    """How to add Tesseract and a language."""
    return f"apt-get install tesseract-ocr tesseract-ocr-{codes} (brew install tesseract tesseract-lang)"


def describe() -> str:
    """Which languages the program adds to the built-in OCR, or how to add some."""
    program = installed()
    if program is None or not program.further:
        where = f"Tesseract {program.version} has no language to add" if program else "Tesseract is not installed"
        return f"{where}; for Russian: {install_hint()}"
    names = [name for script in FURTHER.values() for code, name in script.items() if code in program.languages]
    whole = [code for code in program.further if code.startswith("script/")]
    return f"Tesseract {program.version} adds {', '.join(names + whole)}"


def engine(languages: str) -> str:
    """Name, version and languages, as the index records them: `tesseract 5.3.0 rus+eng`."""
    program = installed()
    return f"tesseract {program.version if program else '?'} {languages}"


def read(picture: np.ndarray, languages: str = "") -> Reading | None:
    """What Tesseract reads in a picture, uint8 (height, width, 3) RGB, in some languages, or where none are given in
    those that fit its script. None: nothing that makes sense, or no language to read it with."""
    program = installed()
    if program is None:
        return None
    ppm = b"P6 %d %d 255\n" % (picture.shape[1], picture.shape[0]) + picture.tobytes()
    if languages:
        return _read(program, ppm, languages.split("+"))
    if not program.further or (script := _detected(program, ppm)) in KNOWN:
        return None
    if script:
        return _read(program, ppm, _with_english(program, program.of_script(script)))
    by_script = [program.of_script(one) for one in FURTHER]
    each = [codes[n] for n in range(MOST_LANGUAGES) for codes in by_script if n < len(codes)]
    first = _read(program, ppm, _with_english(program, each))
    own = program.of_script(_script_of(first.text)) if first else ()
    if not own or len(each) == 1:
        return first if own else None
    return _read(program, ppm, _with_english(program, own)) or first  # fewer languages confuse less


def _with_english(program: Installed, codes: Sequence[str]) -> list[str]:
    """Some of the languages, and English where it is installed: documents in every script contain some."""
    return [*codes[:MOST_LANGUAGES], *(["eng"] if codes and "eng" in program.languages else [])]


def _detected(program: Installed, ppm: bytes) -> str:
    """The script of a picture, by Tesseract's script detection; empty where that is missing or unsure."""
    if "osd" not in program.languages:
        return ""
    said = _run(program.path, ["stdin", "stdout", "--psm", "0", "-l", "osd"], SCRIPT_S, ppm)
    found = re.search(r"^Script: (\w+)\s+Script confidence: ([\d.]+)$", said, re.MULTILINE)
    return _ALIASES.get(found[1], found[1]) if found and float(found[2]) >= SURE_SCRIPT else ""


def _script_of(text: str) -> str:
    """The script of most letters of a text, as `FURTHER` names it; empty where it is none of these. A picture in a
    script without a language here yields a little of each."""
    names = Counter(unicodedata.name(letter, "?").split()[0] for letter in text if letter.isalpha())
    return next((script for script in FURTHER if 2 * names[script.upper()] > names.total()), "")


def _read(program: Installed, ppm: bytes, codes: Sequence[str]) -> Reading | None:
    """What is read in some languages; None for none."""
    if not codes:
        return None
    languages = "+".join(codes)
    return _reading(_run(program.path, ["stdin", "stdout", "-l", languages, "tsv"], PAGE_S, ppm), languages)


def _reading(tsv: str, languages: str) -> Reading | None:
    """The words of Tesseract's TSV by line. Rows that are no words are left out, whatever they hold."""
    lines: dict[tuple[str, ...], list[ReadWord]] = {}
    sure = length = 0.0
    for row in tsv.split("\n"):
        cells = row.split("\t")
        if len(cells) != 12 or cells[0] != "5" or not (text := cells[11].strip()):
            continue
        try:
            left, top, width, height = (int(cell) for cell in cells[6:10])
            score = float(cells[10]) / 100
        except ValueError:
            continue
        if not 0 <= score <= 1:
            continue
        sure, length = sure + score * len(text), length + len(text)
        if score >= LEAST_WORD:
            lines.setdefault(tuple(cells[1:5]), []).append(
                ReadWord((left, top, left + width, top + height), text, score)
            )
    words = [word for line in lines.values() for word in line]
    if not words or sure / length < LEAST_CONFIDENCE or not any(c.isalnum() for word in words for c in word.text):
        return None
    return Reading("\n".join(_joined(line) for line in lines.values()), sure / length, words, languages)


def _joined(line: Sequence[ReadWord]) -> str:
    """The text of a line, in the order in which Tesseract reads it: from right to left in Arabic."""
    text = ""
    for before, word in zip([None, *line], line, strict=False):
        if before is not None:
            height = max(word.box[3] - word.box[1], before.box[3] - before.box[1])
            hangul = "가" <= before.text[-1] <= "힣" and "가" <= word.text[0] <= "힣"
            text += "" if hangul and word.box[0] - before.box[2] < SAME_WORD * height else " "
        text += word.text
    return text


@lru_cache(maxsize=4)
def _facts(path: str) -> Installed | None:
    """Version and languages of a program; None where it does not say them."""
    version = re.search(r"tesseract v?(\d[\w.-]*)", _run(path, ["--version"], FACTS_S))
    listed = _run(path, ["--list-langs"], FACTS_S).splitlines()[1:]
    codes = tuple(sorted(code for line in listed if _LANGUAGE.fullmatch(code := line.strip())))
    return Installed(path, version[1], codes) if version else None


def _run(path: str, options: Sequence[str], seconds: float, given: bytes = b"") -> str:
    """The program's standard output; empty where it fails or takes too long."""
    environment = {**os.environ, "OMP_THREAD_LIMIT": "1"}
    with contextlib.suppress(OSError, subprocess.SubprocessError, MemoryError):
        done = subprocess.run(
            [path, *options],
            input=given,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=environment,
            timeout=seconds,
            check=True,
        )
        return done.stdout.decode("utf-8", "replace")
    return ""
