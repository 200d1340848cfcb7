"""Strings that are meant as they are typed: addresses, numbers, references, dates, words with signs, emoji."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mmsearch.retrieval.queries.query_parsing import Parsed, folded
from mmsearch.retrieval.words.stop_words import says_nothing
from mmsearch.retrieval.words.word_scoring import Words
from mmsearch.store.segments import neighbours
from mmsearch.store.snapshot import Snapshot
from mmsearch.store.tokenization import joined, shown, signed_words, tokens
from mmsearch.store.vocabulary import Vocabulary, quoted

if TYPE_CHECKING:
    import numpy as np

SHORTEST = 4  # letters and digits of a reference without signs in it
FEWEST_TOGETHER = 4  # words of a query that is sought as a whole too: three may stand together by chance
FEWEST_WORDS = 3  # of a query of nothing but stop words that is meant as it stands
INEXACT = 0.8  # of a literal whose words stand there with other punctuation between them
OTHERWISE = 0.95  # of a number that is written with other separators, or with none
_SIGNS = ".,;:!?()[]{}<>'\u2018\u2019\u201a\u201e\u00ab\u00bb"  # what a sentence puts around a word
_YEAR = re.compile(r"(1[5-9]|20)\d\d")
_ADDRESS = re.compile(r"[^\s@]+@[^\s@]+\.\w+|\w+://\S+|www\.\S+|\w[\w-]*(\.\w[\w-]*)+(/\S*)?", re.IGNORECASE)
_NUMBER = re.compile(r"(?<![\w./-])\+?\(?\d+(?:\)?[ \u00a0\u202f./'\u2019-]{1,2}\(?\d+)+")


@dataclass(frozen=True, slots=True)
class Literal:
    """A string that is meant as it is typed: folded, as the prepared words that must stand together, and as the one
    word that the word table has for it in any spelling, empty for none."""

    typed: str
    run: str
    whole: str = ""

    @property
    def expression(self) -> str:
        """The FTS5 expression for the rows that may hold it."""
        return " OR ".join(quoted(words) for words in dict.fromkeys((self.run, self.whole)) if words)


def literals(parsed: Parsed) -> tuple[Literal, ...]:
    """The literals among what was typed: addresses, what holds a digit and is no year, numbers in groups, words with
    signs, emoji, and a query of nothing but stop words."""
    found: dict[str, Literal] = {}

    def add(typed: str, run: str, whole: str = "") -> None:
        if run or whole:
            found.setdefault(whole or run, Literal(folded(typed), run, whole))

    for match in _NUMBER.finditer(parsed.text):
        for whole in joined(match[0]):
            if whole == re.sub(r"\D", "", match[0]):
                add(match[0], " ".join(tokens(match[0])), whole)
    for typed in parsed.text.split():
        typed = typed.strip(_SIGNS) or typed
        words = tokens(typed)
        whole = "".join(words)
        cut = len(words) > 1
        if _ADDRESS.fullmatch(typed) and cut:
            add(typed, " ".join(words))
        elif re.search(r"\d", whole) and not _YEAR.fullmatch(whole) and len(whole) >= (2 if cut else SHORTEST):
            add(typed, " ".join(words), whole if cut and whole in joined(typed) else "" if cut else whole)
    for word in signed_words(parsed.text):
        add(shown(word), "", word)
    if len(parsed.words) >= FEWEST_WORDS and says_nothing(parsed.words):
        add(parsed.text, " ".join(tokens(parsed.text)))
    return tuple(found.values())


def whole_query(parsed: Parsed) -> tuple[Literal, ...]:
    """What was typed, as a literal, where it is long enough: a text that holds it word by word is what is meant. It
    is looked for among the candidates only, since a search for a run of common words is slow."""
    run = tokens(parsed.text)
    if len(run) < FEWEST_TOGETHER or parsed.phrases or parsed.excluded:
        return ()
    return (Literal(folded(parsed.text), " ".join(run)),)


def stands_in(typed: str, text: str) -> bool:
    """Whether a folded text holds what was typed, not as a part of a longer word or number."""
    before = r"(?<!\w)" if typed[:1].isalnum() else ""
    after = r"(?!\w)" if typed[-1:].isalnum() else ""
    return re.search(f"{before}{re.escape(typed)}{after}", text) is not None


def exact_share(
    snapshot: Snapshot, words: Words, wanted: Sequence[Literal], texts: Mapping[int, list[str]]
) -> np.ndarray:
    """The share of the query's information that lies in literals which a candidate holds, float64 (n,) in 0..1; a
    little less where the words are there, but other signs between them."""
    import numpy as np

    known = {term.word: term.idf for term in words.terms}
    whole = sum(known.values()) or 1.0
    joined_texts = {i: f" {' '.join(text)} " for i, text in texts.items()}
    holding = {
        i: [one for one in wanted if any(f" {words} " in text for words in (one.run, one.whole) if words)]
        for i, text in joined_texts.items()
    }
    places = snapshot.places([i for i, held in holding.items() if held])
    share = np.zeros(len(texts))
    for number, (segment_id, held) in enumerate(holding.items()):
        if held and (place := places.get(segment_id)):
            text = folded("\n".join([place.text, *(cue.text for _, cue in place.read)]))
            text = re.sub(r"\s+", " ", text)
            counted: set[str] = set()
            for one in held:
                own = set(one.run.split() or [one.whole]) - counted
                counted |= own
                joined_there = one.whole and f" {one.whole} " in joined_texts[segment_id]
                value = 1.0 if stands_in(one.typed, text) else OTHERWISE if joined_there else INEXACT
                share[number] += sum(known.get(word, 0.0) for word in own) * value
    return share / whole


def phrase_rows(snapshot: Snapshot, table: Vocabulary, phrases: Sequence[str]) -> set[int]:
    """The segments that hold every one of some phrases, given as prepared words; a phrase that runs from one segment
    of a file into the next is held by both."""
    sets = [table.matching(quoted(phrase)) | _over_breaks(snapshot, table, phrase.split(" ")) for phrase in phrases]
    return set.intersection(*sets)


def _over_breaks(snapshot: Snapshot, table: Vocabulary, words: Sequence[str]) -> set[int]:
    found: set[int] = set()
    for at in range(1, len(words)):
        before, after = words[:at], words[at:]
        ends, starts = table.matching(quoted(" ".join(before))), table.matching(quoted(" ".join(after)))
        for one, other in neighbours(snapshot.connection, ends, starts):
            if tokens(one[1])[-at:] == list(before) and tokens(other[1])[: len(after)] == list(after):
                found |= {one[0], other[0]}
    return found
