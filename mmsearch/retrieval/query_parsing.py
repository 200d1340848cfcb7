"""Query text becomes words, phrases, exclusions and identifiers, and an FTS5 expression that finds candidates. Nothing
that a user types is FTS5 syntax."""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import combinations

from mmsearch.store.tokenization import FAMILY, family, tokens
from mmsearch.store.vocabulary import quoted

MAX_CHARACTERS = 20_000  # longer queries are cut

_TYPED = re.compile(r'(?P<minus>(?<!\S)-)?(?:"(?P<phrase>[^"]*)"|(?P<word>[^\s"]+))')
SHORTEST = 4  # letters and digits of an identifier
_SIGNS = ".,;:!?()[]{}<>'\u2018\u2019\u201a\u201e\u00ab\u00bb"  # what a sentence puts around a word
_YEAR = re.compile(r"(1[5-9]|20)\d\d")
CANDIDATE_ROWS = 30_000  # of a word table that the rarest words of a query may find together


@dataclass(frozen=True, slots=True)
class Parsed:
    """A query. `text` is what a model reads; `words` are prepared, each once; `phrases` and `excluded` are prepared
    runs of words that must, or must not, stand together."""

    text: str
    words: tuple[str, ...]
    phrases: tuple[str, ...]
    excluded: tuple[str, ...]

    @property
    def required(self) -> str:
        """The FTS5 expression for what must be there; empty where nothing must."""
        return " AND ".join(quoted(phrase) for phrase in self.phrases)

    @property
    def refused(self) -> str:
        """The FTS5 expression for what must not be there; empty where nothing is excluded."""
        return " OR ".join(quoted(words) for words in self.excluded)


def parse(typed: str) -> Parsed:
    """Read a query: `"a phrase"` must be there, `-word` and `-"a phrase"` must not, all else is searched for."""
    typed = typed[:MAX_CHARACTERS].encode("utf-8", "replace").decode()  # half of a surrogate pair is no text
    typed = typed.replace("\u201c", '"').replace("\u201d", '"').replace("\x00", " ")
    text: list[str] = []
    phrases: list[str] = []
    excluded: list[str] = []
    for match in _TYPED.finditer(typed):
        content = match["phrase"] if match["phrase"] is not None else match["word"]
        words = " ".join(tokens(content))
        if match["minus"] and words:
            excluded.append(words)
            continue
        text.append(content)
        if match["phrase"] is not None and words:
            phrases.append(words)
    shown = " ".join(text)
    return Parsed(shown, tuple(dict.fromkeys(tokens(shown))), tuple(phrases), tuple(excluded))


def identifiers(parsed: Parsed) -> dict[str, str]:
    """The identifiers among what was typed: what holds a digit, is no year, and has at least four letters and digits
    (`RB-2024/117`, `4711`). By their prepared words, which must stand together: how they were typed, folded."""
    found: dict[str, str] = {}
    for typed in parsed.text.split():
        words = tokens(typed.strip(_SIGNS))
        whole = "".join(words)
        if len(whole) >= SHORTEST and re.search(r"\d", whole) and not _YEAR.fullmatch(whole):
            found.setdefault(" ".join(words), folded(typed.strip(_SIGNS)))
    return found


def stands_in(typed: str, text: str) -> bool:
    """Whether a folded text holds what was typed, not as a part of a longer word or number."""
    return re.search(rf"(?<!\w){re.escape(typed)}(?!\w)", text) is not None


def names_meant(parsed: Parsed) -> tuple[str, ...]:
    """File names that a query may have been typed for, folded: the whole of it, and each word that has an ending."""
    ended = [word for word in parsed.text.split() if re.search(r"[^.]\.[^.]", word)]
    return tuple(dict.fromkeys(folded(name) for name in (parsed.text, *ended)))


def is_name(path: bytes, meant: tuple[str, ...]) -> bool:
    """Whether a path (relative to its root) ends in one of these names; the first may lack the ending."""
    whole = folded(path.decode("utf-8", "replace"))
    stem = os.path.splitext(whole)[0]
    return any(whole == name or whole.endswith("/" + name) for name in meant) or any(
        stem == name or stem.endswith("/" + name) for name in meant[:1]
    )


def folded(name: str) -> str:
    """A name or text without case; letters with marks in their composed form."""
    return unicodedata.normalize("NFC", name.strip().casefold())


def candidate_expression(words: Sequence[str], frequency: Callable[[str], int], bounded: bool = True) -> str:
    """The FTS5 expression for some words of a query; `frequency` returns the number of rows that hold a word."""
    ordered = sorted(words, key=frequency)
    kept, rows = 0, 0
    while kept < len(ordered):
        rows += frequency(ordered[kept])
        if bounded and kept and rows > CANDIDATE_ROWS:
            break
        kept += 1
    alone, together = ordered[:kept], ordered[kept:]
    starts = dict.fromkeys(family(word) for word in alone if len(word) > FAMILY and not word.isdigit())
    either = [*map(quoted, alone), *(f"{quoted(start)} *" for start in starts)]
    if together:
        either.append(f"(({_any(alone)}) AND ({_any(together)}))")
        either += [f"({quoted(a)} AND {quoted(b)})" for a, b in combinations(together, 2)]
    return " OR ".join(either)


def _any(words: Sequence[str]) -> str:
    return " OR ".join(map(quoted, words))
