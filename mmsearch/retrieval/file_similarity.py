"""The one scale of queries that consist of files: `similar`, `--like`, `--image`, `--audio` and `--video`.

1.00          the same bytes
0.90 to 0.99  a copy (`copies.py`), the surer the higher
below 0.90    no copy: SIMILARITY_END * (likeness + (1 - likeness) * share * words), likeness being z^2 / (z^2 + HALF^2)
              over what the files show, sound like and say, words the share of the query's most informative words. For
              texts share is 1; for pictures, sounds and films it is WORDS_SHARE

So what is like a picture in what it shows comes before what only shares words with it. Words of a picture count where
two of them are longer than the two letters that OCR finds in any texture.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from mmsearch.query import Match
from mmsearch.retrieval.copies.copy_detection import FoundCopy
from mmsearch.retrieval.ranking import HALF, Floats, Ranking
from mmsearch.retrieval.signals import EncodedQuery, Scored, filled
from mmsearch.types import Kind, View

SIMILARITY_END = 0.899  # the score of what can't be more alike and yet is no copy
WORDS_SHARE = 0.3  # of what likeness leaves open
SIMILARITY_CUTOFF = 0.25  # a weaker hit is not shown; see benchmarks/RESULTS.md
REAL_LETTERS, REAL_WORDS = 3, 2  # letters of a word, and such words, that make a match by words


def by_similarity(scored: Scored, encoded: EncodedQuery, copies: Mapping[int, FoundCopy]) -> Scored:
    """The scores of a query that consists of files on the scale of likeness, with the kind of each match; of any other
    query as they are. `copies` are by segment."""
    if not encoded.files:
        return scored
    media = all(file.fingerprints.kind not in (Kind.TEXT, Kind.PDF, Kind.DOCUMENT) for file in encoded.files)
    worded = {"words", "exact"}
    if media:  # embeddings of the words in a picture are no more than its words
        worded |= {vector.name for vector in encoded.vectors if vector.made_of in ("", View.TEXT)}
    parts = _parts(scored, worded, WORDS_SHARE if media else 1.0)
    count = len(scored.segments)
    total = sum(parts.values(), np.zeros(count))
    by_words = sum((part for name, part in parts.items() if name in worded), np.zeros(count))
    matches = [
        copies[segment].match if segment in copies else Match.WORDS if words > whole / 2 else Match.LIKENESS
        for segment, words, whole in zip(scored.segments, by_words, total, strict=True)
    ]
    sure = [copies[segment].score if segment in copies else None for segment in scored.segments]
    parts["copy"] = np.array([0.0 if one is None else one for one in sure]) - np.where(
        [one is None for one in sure], 0.0, total
    )
    raw, calibrated = scored.raw | {"copy": sure}, scored.calibrated | {"copy": sure}
    ranking = Ranking(total + parts["copy"], parts)
    return replace(scored, ranking=ranking, raw=raw, calibrated=calibrated, matches=matches)


def _parts(scored: Scored, worded: set[str], share: float) -> dict[str, Floats]:
    """The contributions of the signals to the likeness, by signal. Of those that compare words (`worded`) only the
    words themselves count."""
    count = len(scored.segments)
    certain = {name: filled(values) for name, values in scored.calibrated.items()}
    power = {name: HALF**2 * c / np.maximum(1.0 - c, 1e-6) for name, c in certain.items() if name not in worded}
    together = sum(power.values(), np.zeros(count))
    similarity = together / (together + HALF**2)
    parts = {name: SIMILARITY_END * own / (together + HALF**2) for name, own in power.items()}
    words = filled(scored.raw.get("words", [None] * count))
    if share < 1.0:
        words *= [sum(map(_is_real, terms)) >= REAL_WORDS for terms in scored.terms]
    parts["words"] = SIMILARITY_END * (1.0 - similarity) * share * words
    return {name: part for name, part in parts.items() if name in scored.raw}


def _is_real(term: str) -> bool:
    """Whether a term is more than what OCR finds in any texture; pairs of Chinese or Japanese letters are."""
    return len(term) >= REAL_LETTERS or (len(term) > 1 and not term.isascii())
