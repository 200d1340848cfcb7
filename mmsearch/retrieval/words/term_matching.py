"""The terms of a query in the words of a segment: the snippet and the time that a hit shows, and the proximity of the
terms, which `--rerank builtin` measures."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from itertools import pairwise

from mmsearch.store.snapshot import Place
from mmsearch.store.tokenization import WORD, tokens
from mmsearch.types import Cue, Locator

LENGTH = 200  # characters, about three lines of a terminal
_SIGNS = re.compile(r"[^\w~]")
REACH = 12  # words: two words that are further apart do not count as near each other


def snippet(place: Place, weights: Mapping[str, float], length: int = LENGTH) -> str:
    """The `length` characters of a segment's words with the most query terms, weighted by rarity; its beginning where
    there are none. White space is collapsed. Cut from the original text, not from the prepared one."""
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
    """The occurrences of query terms in a text: (character offset, word as the text has it, weight). Terms are as hits
    show them: `dog`, or `dog~dogs` for another form. Case and accents do not count."""
    wanted = {term.rpartition("~")[2]: weight for term, weight in weights.items()}
    signed = [term for term in wanted if _SIGNS.search(term)]
    found: list[tuple[int, str, float]] = []
    for match in WORD.finditer(text):
        word = match[0]
        if word.isascii():
            if (weight := wanted.get(word.lower())) is not None:
                found.append((match.start(), word, weight))
        else:
            found += _within(word, match.start(), wanted)
    for term in signed:
        for match in re.finditer(rf"(?<!\w){re.escape(term)}", text, re.IGNORECASE):
            found.append((match.start(), match[0], wanted[term]))
    return sorted(found)


def _within(word: str, start: int, wanted: Mapping[str, float]) -> list[tuple[int, str, float]]:
    """The same for a word that is not ASCII, or a run of a script without spaces."""
    parts = _tokens(word)
    if len(parts) == 1:
        return [(start, word, wanted[parts[0]])] if parts[0] in wanted else []
    found, at = [], 0
    for part in parts:
        at = max(word.find(part, at), at)
        if part in wanted:
            found.append((start + at, part, wanted[part]))
    return found


@lru_cache(maxsize=20_000)
def _tokens(word: str) -> tuple[str, ...]:
    return tuple(tokens(word))


def _cut(text: str, start: int, length: int) -> str:
    """A stretch that begins and ends at words, with an ellipsis where something is left out."""
    if start > 0 and (space := text.find(" ", start, start + 20)) >= 0:
        start = space + 1
    end = min(start + length, len(text))
    if end < len(text) and (space := text.rfind(" ", end - 20, end)) > start:
        end = space
    return f"{'…' if start else ''}{text[start:end].strip()}{'…' if end < len(text) else ''}"


def placed(place: Place, weights: Mapping[str, float]) -> Locator:
    """The place of a hit: its segment, or within a segment with timed words the cue that holds most of the query."""
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


def term_proximity(
    words: Sequence[str],
    weights: Mapping[str, float],
    texts: Sequence[Sequence[str]],
    forms: Callable[[str], Mapping[str, float]] = lambda word: {},
) -> list[float]:
    """The proximity of the query's words in each text, 0..1: the share, by information, of the pairs of neighbouring
    query words that stand within `REACH` words of each other, each divided by the square root of its distance. `words`
    are the query's prepared words in order, with their information in nats; `texts` those of each candidate; `forms`
    the other words that stand for one."""
    known = [word for word in words if word in weights]
    stands_for: dict[str, str] = {}
    for word in known:
        for other in (word, *forms(word)):
            stands_for.setdefault(other, stands_for.get(word, word))
    pairs = [(stands_for[one], stands_for[other], weights[one] + weights[other]) for one, other in pairwise(known)]
    pairs = [pair for pair in pairs if pair[0] != pair[1]]
    most = sum(weight for _, _, weight in pairs)
    return [_proximity(pairs, stands_for, text) / most if most else 0.0 for text in texts]


def _proximity(pairs: Sequence[tuple[str, str, float]], stands_for: Mapping[str, str], text: Sequence[str]) -> float:
    """The weights of the pairs, each by its least distance. A pair may stand in either order."""
    last: dict[str, int] = {}
    least: dict[tuple[str, str], int] = {}
    wanted_pairs = {(one, other) for one, other, _ in pairs}
    for at, word in enumerate(text):
        kin = stands_for.get(word)
        if kin is None:
            continue
        for other, before in last.items():
            for pair in ((kin, other), (other, kin)):
                if pair in wanted_pairs:
                    least[pair] = min(at - before, least.get(pair, at))
        last[kin] = at
    near = {pair: gap for pair, gap in least.items() if gap <= REACH}
    result: float = sum(weight / near[one, other] ** 0.5 for one, other, weight in pairs if (one, other) in near)
    return result
