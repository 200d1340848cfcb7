"""Words that say nothing about what a query wants: articles, pronouns, prepositions, question words, by language."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from importlib.resources import files

from mmsearch.retrieval.words.languages import script_of

# Function words of some language that are words of their own in English: alone they do not tell a language.
HOMOGRAPHS = frozenset(
    "art ben care cat come comment con dan die dont door dove end era face far hat kim los man men met min non per plus"
    " pot pre pro sale sea sense sin sole solo son sub take ten tie till tim tom van via vice war".split()
)


def content_words(words: Sequence[str]) -> list[str]:
    """The distinct words of a prepared query that are no stop words of its language; all of them where nothing else is
    asked for."""
    distinct = list(dict.fromkeys(words))
    stops = _stop_words_in(distinct)
    return [word for word in distinct if word not in stops] or distinct


def says_nothing(words: Sequence[str]) -> bool:
    """Whether all words of a prepared query are stop words."""
    return bool(words) and set(words) <= _stop_words_in(words)


def _stop_words_in(words: Sequence[str]) -> set[str]:
    """The stop words among some words: of any language in scripts that few languages write, in Latin letters of the
    language that most of them belong to, of English where several have as many."""
    latin = [word for word in words if word.isascii()]
    stops = {word for word in words if not word.isascii() and word in _by_script().get(script_of(word), ())}
    told = {
        language: sum(1 for word in latin if word in some and word not in HOMOGRAPHS)
        for language, some in _by_language().items()
    }
    most = max(told.values(), default=0)
    if not most:
        return stops
    best = [language for language, count in told.items() if count == most]
    if "en" in best:
        best = ["en"]
    return stops | {word for word in latin if all(word in _by_language()[language] for language in best)}


@lru_cache(maxsize=1)
def _by_language() -> dict[str, frozenset[str]]:
    lines = (files("mmsearch") / "data" / "stop_words.txt").read_text("utf-8").splitlines()
    parts = (line.partition(": ") for line in lines)
    return {language: frozenset(words.split()) for language, _, words in parts}


@lru_cache(maxsize=1)
def _by_script() -> dict[str, frozenset[str]]:
    """The stop words of all languages of a script other than Latin."""
    found: dict[str, set[str]] = {}
    for some in _by_language().values():
        for word in some:
            if not word.isascii():
                found.setdefault(script_of(word), set()).add(word)
    return {script: frozenset(some) for script, some in found.items()}
