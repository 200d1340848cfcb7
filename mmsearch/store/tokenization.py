"""Tokenization of the word tables. Stored texts and queries are prepared in the same way."""

from __future__ import annotations

import re
import unicodedata

# Letters, digits and marks make words. Without M*, unicode61 cuts Hindi or Tamil words at every vowel sign.
TOKENIZE = "unicode61 remove_diacritics 2 categories 'L* N* M* Co'"
FAMILY = 5  # letters that stand for a word and its inflections and compounds: fewer join strangers, more miss kin

# Scripts that put no spaces between words, and Hangul, whose particles stick to the noun. Overlapping character pairs
# stand in for words there (measured on Chinese questions: nDCG@10 0.97 where plain tokens give 0.21).
_UNSPACED = re.compile(
    "["
    "\u0e01-\u0e3a\u0e40-\u0e4e"  # Thai
    "\u0e80-\u0edf"  # Lao
    "\u0f40-\u0fbc"  # Tibetan
    "\u1000-\u103f\u1050-\u109f\uaa60-\uaa7f"  # Burmese
    "\u1780-\u17d3"  # Khmer
    "\u3005-\u3007\u3021-\u3029\u3041-\u309f\u30a1-\u30ff\u31f0-\u31ff"  # kana, iteration marks
    "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U000323af"  # Han
    "\u1100-\u11ff\uac00-\ud7af"  # Hangul
    "]+"
)
_WORD = re.compile(
    r"[^\W_]+(?:[\u0300-\u036f\u0483-\u0487\u0591-\u05c7\u064b-\u065f\u0670\u0900-\u0dff\u0b00-\u0d7f]+[^\W_]*)*"
)
# Marks that writers may leave out: Latin, Greek and Cyrillic accents, Hebrew points, Arabic vowel signs, soft hyphens.
_OPTIONAL = re.compile(
    "[\u0300-\u036f\u0483-\u0487\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4\u05c5\u05c7\u064b-\u065f\u0670"
    "\u06d6-\u06ed\u0640\u200b-\u200f\u00ad]"
)
_FOLD = str.maketrans(
    {
        "ς": "σ",
        "ß": "ss",
        "æ": "ae",
        "œ": "oe",
        "ø": "o",
        "đ": "d",
        "ð": "d",
        "ł": "l",
        "ı": "i",
        "þ": "th",
        "ى": "ي",
        "ی": "ي",
        "ة": "ه",
        "ک": "ك",  # Arabic letters that writers exchange
    }
)
# Punctuation and signs among the marks that `_WORD` lets into words: the Hindi full stop, the Hebrew hyphen.
_FOLD |= {
    code: " " for code in (*range(0x0591, 0x05C8), *range(0x0900, 0x0E00)) if unicodedata.category(chr(code))[0] in "PS"
}
_NAME_PARTS = re.compile(r"[A-Z]{2,}(?![a-z])|[A-Z]?[a-z]+|[A-Z]|\d+")


def prepare(text: str) -> str:
    """What the word tables hold for a text: its words, each a token of FTS5, separated by spaces."""
    return " ".join(tokens(text))


def tokens(text: str) -> list[str]:
    """The words of a text in order, in lower case and without optional marks; runs of an unspaced script as
    overlapping character pairs."""
    found: list[str] = []
    for match in _WORD.finditer(_plain(text)):
        word = match[0]
        if word.isascii():
            found.append(word)
            continue
        end = 0
        for run in _UNSPACED.finditer(word):
            if run.start() > end:
                found.append(word[end : run.start()])
            letters = run[0]
            found += [letters] if len(letters) == 1 else [letters[i : i + 2] for i in range(len(letters) - 1)]
            end = run.end()
        if end < len(word):
            found.append(word[end:])
    return found


def family(word: str) -> str:
    """The leading letters that a word shares with its inflections and compounds. A number keeps all of its digits."""
    return word if len(word) <= FAMILY or word.isdigit() else word[:FAMILY]


def prepare_name(path: bytes) -> str:
    """The searchable words of a path relative to its root: every folder and file name, also cut at case changes and
    between letters and digits (`IMG2041-neuerHafen.jpg` also as `IMG 2041 neuer Hafen`)."""
    words: list[str] = []
    for name in path.decode("utf-8", "replace").split("/"):
        parts = [part for word in re.findall(r"[A-Za-z0-9]+", name) for part in _cut_name(word)]
        words += [name, *parts]
    return prepare(" ".join(words))


def _cut_name(word: str) -> list[str]:
    parts = _NAME_PARTS.findall(word)
    return parts if len(parts) > 1 else []


def _plain(text: str) -> str:
    """NFKC in lower case, optional marks dropped (é as e, ё as е, أ as ا), ligature letters written out."""
    text = unicodedata.normalize("NFKD", text).lower()  # in this order: decomposing gives capitals (℡ is TEL)
    return unicodedata.normalize("NFKC", _OPTIONAL.sub("", text)).translate(_FOLD)
