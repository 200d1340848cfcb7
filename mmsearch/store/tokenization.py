"""Tokenization of the word tables. Stored texts and queries are prepared in the same way."""

from __future__ import annotations

import re
import unicodedata

# Letters, digits and marks make words. Without M*, unicode61 cuts Hindi or Tamil words at every vowel sign.
TOKENIZE = "unicode61 remove_diacritics 2 categories 'L* N* M* Co'"

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
WORD = re.compile(
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
# Punctuation and signs among the marks that `WORD` lets into words: the Hindi full stop, the Hebrew hyphen.
_FOLD |= {
    code: " " for code in (*range(0x0591, 0x05C8), *range(0x0900, 0x0E00)) if unicodedata.category(chr(code))[0] in "PS"
}
_PLUS, _SHARP, _DOT = "\ue02b", "\ue023", "\ue02e"  # private letters that stand for + # . in words such as C++
_SIGNED = re.compile(r"(?<![^\W_])([^\W\d_]{1,20})(\+\+|[+#](?!\w))(?![+#])|(?<![\w.])\.([^\W\d_]\w{1,12})(?!\w)")
_EMOJI = re.compile("[\u2600-\u27bf\u2b00-\u2bff\U0001f300-\U0001f3fa\U0001f400-\U0001faff]|[\U0001f1e6-\U0001f1ff]{2}")
_EMOJI_LOW, _EMOJI_HIGH = 0xEC00 - 0x2600, 0xE100 - 0x1F000  # from an emoji to its private letter
_GROUPED = re.compile(r"(?<![\w.,/-])\+?\(?\d+(?:\)?(?:[ \u00a0\u202f./'\u2019-]|[-/] | [-/])\(?\d+)+(?![\w,]|\.\d)")
_THOUSANDS = re.compile(r"(?<![\w.,])\d{1,3}(?:[.,'\u2019]\d{3})+(?![\w,]|\.\d)")
_MIXED = re.compile(r"(?<!\w)[^\W_]+(?:[-/._][^\W_]+){1,5}(?!\w)")
_ACCOUNT = re.compile(r"(?<!\w)[a-z]{2}\d{2}(?: [a-z0-9]{4}){2,7}(?: [a-z0-9]{1,3})?(?!\w)")
_DECIMAL = re.compile(r"\d+[.,]\d{1,2}")
FEWEST_DIGITS, MOST_SIGNS = 7, 34  # of numbers in groups; letters and digits of what is joined
_MARKED = re.compile("[+#\u2600-\u27bf\u2b00-\u2bff\U0001f1e6-\U0001faff]|(?<!\\w)\\.\\w")
_JOINABLE = re.compile(
    r"\d[ \u00a0\u202f./'\u2019_,()-]{1,3}\d|\d[-/._]\w|\w[-/._]\w{0,20}\d|[a-z]\d\d ", re.IGNORECASE
)
_NAME_PARTS = re.compile(r"[A-Z]{2,}(?![a-z])|[A-Z]?[a-z]+|[A-Z]|\d+")


def prepare(text: str) -> str:
    """What the word table holds for a text: its words, each a token of FTS5, separated by spaces; after them its words
    with signs, its emoji, and its numbers and references without what separates their parts."""
    words = tokens(text)
    if _MARKED.search(text):
        words += signed_words(text)
    if _JOINABLE.search(text):
        words += joined(text)
    return " ".join(words)


def tokens(text: str) -> list[str]:
    """The words of a text in order, in lower case and without optional marks; runs of an unspaced script as
    overlapping character pairs."""
    found: list[str] = []
    for match in WORD.finditer(_plain(text)):
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


def query_words(text: str) -> list[str]:
    """The words of a query: as `tokens`, but of a word with signs (`C++`) only that, not the bare word."""
    signed = signed_words(text) if _MARKED.search(text) else []
    return [*tokens(_SIGNED.sub(" ", _plain(text))), *signed] if signed else tokens(text)


def signed_words(text: str) -> list[str]:
    """The words of a text that are spelled with signs (`c++`, `c#`, `.net`) and its emoji, each as one token: private
    letters stand for the signs. `shown` returns them as they are written."""
    found: list[str] = []
    plain = _plain(text).replace("\u266f", "#")
    for word, signs, ended in _SIGNED.findall(plain):
        bare = tokens(word or ended)
        if len(bare) == 1:
            found.append(_DOT + bare[0] if ended else bare[0] + signs.replace("+", _PLUS).replace("#", _SHARP))
    for emoji in _EMOJI.findall(plain):
        found.append("".join(chr(ord(one) + (_EMOJI_LOW if ord(one) < 0x3000 else _EMOJI_HIGH)) for one in emoji))
    return found


def shown(word: str) -> str:
    """A prepared word as people write it: signs and emoji for the private letters that stand for them."""
    if not any("\ue000" <= letter <= "\uf8ff" for letter in word):
        return word
    return "".join(_shown_letter(letter) for letter in word)


def _shown_letter(letter: str) -> str:
    code = ord(letter)
    if letter in (_PLUS, _SHARP, _DOT):
        return chr(code - 0xE000)
    if 0xE100 <= code < 0xEC00:
        return chr(code - _EMOJI_HIGH)
    return chr(code - _EMOJI_LOW) if 0xEC00 <= code < 0xF200 else letter


def joined(text: str) -> list[str]:
    """The numbers, references and dates of a text without what separates their parts: `41441234567` for
    `+41 44 123 45 67`, `rb2024117` for `RB-2024/117`. A decimal fraction is left out."""
    plain = _plain(text)
    runs = [match[0] for pattern in (_GROUPED, _THOUSANDS, _ACCOUNT) for match in pattern.finditer(plain)]
    runs = [run for run in runs if sum(map(str.isdigit, run)) >= FEWEST_DIGITS or _THOUSANDS.fullmatch(run)]
    for part in plain.split():  # the pattern is slow, and few parts have a digit
        if len(part) < 200 and any(sign in part for sign in "-/._") and any(map(str.isdigit, part)):
            runs += [match[0] for match in _MIXED.finditer(part)]
    whole = (re.sub(r"[\W_]", "", run) for run in runs if not _DECIMAL.fullmatch(run))
    return [one for one in dict.fromkeys(whole) if 3 <= len(one) <= MOST_SIGNS and one.isascii() and not one.isalpha()]


def is_unspaced(word: str) -> bool:
    """Whether a word is of a script that puts no spaces between words, or of Hangul."""
    return _UNSPACED.match(word) is not None


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
