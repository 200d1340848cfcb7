"""What ranking does where texts of several languages lie in one space.

Each language keeps its own region of a multilingual space, as each modality does: what is usual for the similarities of
a query to the texts of one language is not usual for those of another. So the z of a text is taken against the texts of
its own language in the background. And a text in another language than the query's can't hold the query's words: there
the words signal is missing, not zero, and the meaning speaks alone, unless the words that are there say more.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from mmsearch.models.builtin import LANGUAGES
from mmsearch.retrieval.ranking import PRIOR_COUNT, Floats
from mmsearch.store.snapshot import Snapshot

SAMPLE, LETTERS = 300, 300  # texts of the background that are told by language, and how much of each is read


class TextScale(NamedTuple):
    """The cosines of unrelated texts in a multilingual space: their mean, for an index that is too small to tell, and
    their deviation, the unit of z."""

    usual: float
    unit: float


# Of questions and paragraphs within English, German and Chinese 0.74 to 0.76, deviation 0.019 to 0.023; of sentences
# 0.80 in 15 languages. The unit was chosen among 0.020, 0.024, 0.027 and 0.040 on half of the questions.
SCALES = {LANGUAGES: TextScale(0.75, 0.020)}


def background_languages(snapshot: Snapshot, space_id: int, view: str) -> list[str]:
    """The languages of the first texts of a view's background, in its order; none that can be told are empty."""
    from mmsearch.retrieval.words.languages import language_of

    return [language_of(text.split()) for text in snapshot.background_words(space_id, view, SAMPLE, LETTERS)]


def standardise_by_language(
    similarities: Floats, languages: Sequence[str], usual: Floats, usual_languages: Sequence[str], scale: TextScale
) -> Floats:
    """z of similarities (n,) to texts, each against the query's similarities to the background texts of its language.
    `usual` (m,) are all those to the background, `usual_languages` the languages of the first of them. Where a language
    has few, they count beside `PRIOR_COUNT` of the mean of all."""
    mean = (float(usual.sum()) + PRIOR_COUNT * scale.usual) / (len(usual) + PRIOR_COUNT)
    known = np.array(usual_languages, object)
    means = {"": mean}
    for language in set(languages) - {""}:
        own = usual[: len(known)][known == language]
        means[language] = (float(own.sum()) + PRIOR_COUNT * mean) / (len(own) + PRIOR_COUNT)
    return np.asarray((similarities - np.array([means[language] for language in languages])) / scale.unit, np.float64)


def foreign(query: str, languages: Sequence[str]) -> npt.NDArray[np.bool_]:
    """Which texts (n,) are in another language than a query; where either can't be told, none."""
    return np.array([bool(query and language and language != query) for language in languages], bool)
