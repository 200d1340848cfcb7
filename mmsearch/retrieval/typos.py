"""Words that are nearly another word: a slip of the finger in a file's name."""

from __future__ import annotations

from collections.abc import Sequence

SHORTEST = 4  # letters: fewer have too many neighbours
LONG = 8  # letters from which on two slips are forgiven
MOST = 5  # neighbours of one word


def slips(word: str) -> int:
    """How many slips are forgiven in a word: none in short words and in whatever holds a digit (a number that is
    nearly right is another number), 1 from 4 letters on, 2 from 8 on."""
    if len(word) < SHORTEST or not word.isalpha():
        return 0
    return 2 if len(word) >= LONG else 1


def close_words(word: str, vocabulary: Sequence[str]) -> tuple[str, ...]:
    """The words of a vocabulary nearest to `word`, all at the same Damerau-Levenshtein distance of at most
    `slips(word)`; at most `MOST`, in alphabetical order. 100,000 words take about 30 ms."""
    from rapidfuzz import process
    from rapidfuzz.distance import DamerauLevenshtein

    allowed = slips(word)
    if not allowed:
        return ()
    found = process.extract(word, vocabulary, scorer=DamerauLevenshtein.distance, score_cutoff=allowed, limit=None)
    least = min((distance for _, distance, _ in found), default=0)
    return tuple(sorted(other for other, distance, _ in found if distance == least)[:MOST])
