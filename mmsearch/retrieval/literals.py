"""Strings that are meant as they are typed: numbers, references, codes."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

from mmsearch.retrieval.query_parsing import Parsed, folded
from mmsearch.retrieval.word_scoring import Words
from mmsearch.store.snapshot import Snapshot
from mmsearch.store.tokenization import tokens

if TYPE_CHECKING:
    import numpy as np

SHORTEST = 4  # letters and digits of an identifier
_SIGNS = ".,;:!?()[]{}<>'\u2018\u2019\u201a\u201e\u00ab\u00bb"  # what a sentence puts around a word
_YEAR = re.compile(r"(1[5-9]|20)\d\d")
INEXACT = 0.8  # of an identifier whose words stand there with other punctuation between them


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


def exact_share(
    snapshot: Snapshot, words: Words, runs: Mapping[str, str], texts: Mapping[int, list[str]]
) -> np.ndarray:
    """The share of the query's information that lies in identifiers which a candidate holds, float64 (n,) in 0..1; a
    little less where the words are there, but other signs between them."""
    import numpy as np

    known = {term.word: term.idf for term in words.terms}
    whole = sum(known.values()) or 1.0
    joined = {i: f" {' '.join(text)} " for i, text in texts.items()}
    holding = {i: [run for run in runs if f" {run} " in text] for i, text in joined.items()}
    places = snapshot.places([i for i, held in holding.items() if held])
    share = np.zeros(len(texts))
    for number, (segment_id, held) in enumerate(holding.items()):
        if held and (place := places.get(segment_id)):
            shown = folded("\n".join([place.text, *(cue.text for _, cue in place.read)]))
            counted: set[str] = set()
            for run in held:
                own = set(run.split()) - counted
                counted |= own
                share[number] += sum(known.get(word, 0.0) for word in own) * (
                    1.0 if stands_in(runs[run], shown) else INEXACT
                )
    return share / whole
