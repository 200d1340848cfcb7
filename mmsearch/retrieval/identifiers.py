"""What is typed to find one thing: file names, invoice numbers, part numbers."""

from __future__ import annotations

import os
import re
import unicodedata

from mmsearch.retrieval.query_parsing import Parsed
from mmsearch.store.tokenization import tokens

SHORTEST = 4  # letters and digits of an identifier
_SIGNS = ".,;:!?()[]{}<>'\u2018\u2019\u201a\u201e\u00ab\u00bb"  # what a sentence puts around a word
_YEAR = re.compile(r"(1[5-9]|20)\d\d")


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
