"""What a hit shows: the stretch of a segment's words that answers, and the moment at which they are said."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import replace

from mmsearch.store.snapshot import Place
from mmsearch.types import Cue, Locator

LENGTH = 200  # characters, about three lines of a terminal


def snippet(place: Place, weights: Mapping[str, float], length: int = LENGTH) -> str:
    """The `length` characters of a segment's words with the most query terms, weighted by rarity; its beginning where
    there are none. White space is folded. Cut from the original text, not from the prepared one."""
    words = "\n".join(part for part in (place.text, *(cue.text for _, cue in place.read)) if part.strip())
    text = re.sub(r"\s+", " ", words or place.title).strip()
    if len(text) <= length:
        return text
    found = matches(text, weights)
    if not found:
        return _cut(text, 0, length)
    best, score = 0, -1.0
    for begin, _, _ in found:
        inside = {term: weight for at, term, weight in found if begin <= at < begin + length * 3 // 4}
        if (total := sum(inside.values())) > score:
            best, score = begin, total
    return _cut(text, max(best - length // 5, 0), length)


def matches(text: str, weights: Mapping[str, float]) -> list[tuple[int, str, float]]:
    """Where query terms stand in a text: (character offset, term, weight). Accents do not count."""
    plain = fold(text)
    if len(plain) != len(text):  # folding changed lengths (ligatures, full-width forms): offsets would be off
        plain = text.casefold() if len(text.casefold()) == len(text) else text
    found: list[tuple[int, str, float]] = []
    for term, weight in weights.items():
        bounded = rf"(?<!\w){re.escape(fold(term))}(?!\w)" if term.isascii() else re.escape(fold(term))
        found += [(match.start(), term, weight) for match in re.finditer(bounded, plain)]
    return sorted(found)


def fold(text: str) -> str:
    """Text without case and accents."""
    if text.isascii():  # which has neither accents nor decompositions
        return text.lower()
    return "".join(c for c in unicodedata.normalize("NFD", text.casefold()) if not unicodedata.combining(c))


def _cut(text: str, start: int, length: int) -> str:
    """A stretch that begins and ends at words, with an ellipsis where something is left out."""
    if start > 0 and (space := text.find(" ", start, start + 20)) >= 0:
        start = space + 1
    end = min(start + length, len(text))
    if end < len(text) and (space := text.rfind(" ", end - 20, end)) > start:
        end = space
    return f"{'…' if start else ''}{text[start:end].strip()}{'…' if end < len(text) else ''}"


def placed(place: Place, weights: Mapping[str, float]) -> Locator:
    """Where a hit is: its segment, or within a segment with timed words the cue that holds most of the query."""
    timed = [cue for cue in (*place.cues, *(cue for _, cue in place.read)) if cue.start_s is not None]
    cue = best_cue(timed, weights)
    if cue is None or place.locator.start_s is None:
        return place.locator
    return replace(place.locator, start_s=cue.start_s, end_s=max(cue.end_s, cue.start_s))


def best_cue(cues: Sequence[Cue], weights: Mapping[str, float]) -> Cue | None:
    """The cue with the most query terms, weighted by rarity; a line that runs on into the next counts with it."""
    best: Cue | None = None
    most = 0.0
    for number, cue in enumerate(cues):
        own = {term: weight for _, term, weight in matches(cue.text, weights)}
        near = (
            {term: weight for _, term, weight in matches(cues[number + 1].text, weights)}
            if number + 1 < len(cues)
            else {}
        )
        score = sum(own.values()) + 0.5 * sum(weight for term, weight in near.items() if term not in own)
        if own and score > most:
            best, most = cue, score
    return best
