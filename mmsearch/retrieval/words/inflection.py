"""Which words are forms of one word: the same Snowball stem with endings that inflection exchanges, or a line of the
tables of irregular forms.

All words here are prepared words (see `tokenization`): in lower case, without accents. Snowball joins relatives as well
as forms (`universal`, `university`); the tables in `data/inflection` list the pairs of endings that forms of one word
have, and the forms that no stem joins (`mice`, `went`). `training/inflection.py` makes them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from importlib.resources import files
from typing import Any

SNOWBALL = {
    "en": "english", "de": "german", "fr": "french", "es": "spanish", "it": "italian", "pt": "portuguese",
    "nl": "dutch", "sv": "swedish", "da": "danish", "no": "norwegian", "fi": "finnish", "hu": "hungarian",
    "ro": "romanian", "tr": "turkish", "pl": "polish", "cs": "czech", "sk": "czech", "ca": "catalan",
    "hr": "serbian", "lt": "lithuanian", "et": "estonian", "eu": "basque", "id": "indonesian", "ru": "russian",
    "el": "greek", "hi": "hindi", "hy": "armenian", "ta": "tamil",
}  # fmt: skip
# Endings of languages that Snowball does not know.
ENDINGS = {
    "uk": "ами ями ові еві ого ому ими ому ою ею єю ів їв ах ях ам ям ом ем єм ою ий ии ій їй их ми ти в а я у ю о е є"
    " и і ї й ь ла ло ли ть ать ять еть ють уть ить ала али ало ати ити іти ував увала ували увати",
    "bg": "овете овците ите ата ята ото ета ът ят та то те ове еве ци а я и е о у ъ",
}
COMPOUNDING = frozenset({"de", "nl", "sv", "da", "no"})  # languages that write compounds as one word
STRICT = frozenset({"en", "de", "fr", "es", "it", "pt", "nl", "ca", "ro"})  # whose stems join relatives: pairs decide
SHORTEST_STEM = 2
_DIGRAPHS = str.maketrans({"ä": "a", "ö": "o", "ü": "u"})
_GLIDE = re.compile("(?<=[аеиоуыэюяіїє])и$")  # й, without its mark


def stem(word: str, language: str) -> str:
    """The stem of a prepared word in a language; the word itself for a language without rules."""
    if name := SNOWBALL.get(language):
        word = _respelled(word, language)
        if language == "ru":
            word = _GLIDE.sub("й", word)
        return str(_stemmer(name).stemWord(word)).translate(_DIGRAPHS)
    if language in ENDINGS:
        word = _GLIDE.sub("й", word)
        for ending in _endings(language):
            if word.endswith(ending) and len(word) - len(ending) >= SHORTEST_STEM:
                return word[: len(word) - len(ending)]
    return word


def _respelled(word: str, language: str) -> str:
    """A word as the stemmer knows it: French `mangeait` as `mangait`, German `repariert` as `reparieren`."""
    if language == "fr":
        return re.sub("ge(?=[ao])", "g", word)
    return re.sub("iert(e|en|er|es|em)?$", "ieren", word) if language == "de" else word


def share_a_stem(word: str, other: str, language: str) -> bool:
    """Whether two words are regular forms of one word in a language."""
    return word == other or bool(regular_forms(word, (other,), language))


def regular_forms(word: str, others: Iterable[str], language: str) -> list[str]:
    """Those of other words that are regular forms of a word in a language."""
    root = stem(word, language)
    same = [other for other in others if other != word and stem(other, language) == root]
    if language in STRICT:
        allowed = _exchanges(language) | {("", "")}  # spelled otherwise only
        return [other for other in same if endings(word, other, language) in allowed]
    return same


def endings(word: str, other: str, language: str) -> tuple[str, str]:
    """What follows the common beginning of two words, in alphabetical order."""
    if language == "de":
        word, other = without_digraphs(word), without_digraphs(other)
    word, other = _respelled(word, language), _respelled(other, language)
    at = 0
    while at < min(len(word), len(other)) and word[at] == other[at]:
        at += 1
    first, second = sorted((word[at:], other[at:]))
    return first, second


def beginnings(word: str, language: str) -> tuple[str, ...]:
    """What every regular form of a word begins with: one of these."""
    root = stem(word, language)
    if len(root) > SHORTEST_STEM and (len(root) > 4 or root[-1] in "iyje"):
        root = root[:-1]
    root = root if word.startswith(root) else root[:SHORTEST_STEM]
    if language == "de":  # Häuser may be written Haeuser
        marked = [root[: at + 1] + "e" + root[at + 1 :] for at, letter in enumerate(root) if letter in "aou"]
        return (root, *marked)
    if language == "nl":
        return root, "ge" + root
    return (root,)


def irregular_forms(word: str, language: str) -> tuple[str, ...]:
    """The words that stand with a word in the table of a language's irregular forms."""
    text, found, wanted = _tables(language)[1], dict[str, None](), f" {word} "
    at = text.find(wanted)
    while at >= 0:
        start, end = text.rfind("\n", 0, at) + 1, text.find("\n", at)
        found |= dict.fromkeys(text[start : end if end >= 0 else len(text)].split())
        at = text.find(wanted, at + 1)
    found.pop(word, None)
    return tuple(found)


def without_digraphs(word: str) -> str:
    """A word with a, o, u for ae, oe, ue: as `prepare` leaves ä, ö, ü."""
    return re.sub("([ao])e|(?<![aeq])(u)e", r"\1\2", word)


def spelled_otherwise(word: str) -> list[str]:
    """How a German name or word may be written else: Mueller for Müller, and the other way."""
    if len(word) < 5 or not word.isascii():
        return []
    marked = [word[: at + 1] + "e" + word[at + 1 :] for at, letter in enumerate(word) if letter in "aou"]
    return [other for other in dict.fromkeys((without_digraphs(word), *marked)) if other != word]


@lru_cache(maxsize=64)
def _stemmer(name: str) -> Any:
    import Stemmer

    return Stemmer.Stemmer(name)


@lru_cache(maxsize=8)
def _endings(language: str) -> list[str]:
    return sorted(set(ENDINGS[language].split()), key=lambda ending: (-len(ending), ending))


def _exchanges(language: str) -> frozenset[tuple[str, str]]:
    return _tables(language)[0]


@lru_cache(maxsize=32)
def _tables(language: str) -> tuple[frozenset[tuple[str, str]], str]:
    """The pairs of endings that forms of one word have, and the irregular forms: a line for each word, with a space
    before and after each form."""
    file = files("mmsearch") / "data" / "inflection" / f"{language}.txt"
    if not file.is_file():
        return frozenset(), ""
    first, _, rest = file.read_text("utf-8").partition("\n")
    pairs = (pair.partition("/") for pair in first.split())
    return frozenset((one, other) for one, _, other in pairs), rest
