"""The words of an index that stand for a query's word: its other forms, and compounds with it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from functools import cache

from mmsearch.retrieval.words.inflection import (
    COMPOUNDING,
    beginnings,
    irregular_forms,
    regular_forms,
    spelled_otherwise,
)
from mmsearch.retrieval.words.languages import function_words_told, language_of, script_of
from mmsearch.retrieval.words.particles import arabic_roots, arabic_spellings, hebrew_roots, hebrew_spellings
from mmsearch.store.snapshot import Snapshot
from mmsearch.store.tokenization import is_unspaced
from mmsearch.store.vocabulary import NAMES, WORDS, Vocabulary, WordList
from mmsearch.store.words import has_forms

COMPOUND = 0.5  # of a form's weight, for a compound with a word, or for a part of it
MOST_FORMS = 60  # of one word
MOST_CHARACTERS, MOST_PAIRS = 3, 500  # of a query that is single characters; pairs that hold one
LONGER = 9  # letters that a form may have more
SHORTEST_HEAD, SHORTEST_MODIFIER, SURE_HEAD = 4, 3, 6  # letters; of a head that is taken for one in any text
MOST_COMPOUNDS = 40
SAMPLED, MOST_MET = 200, 6  # segments by which the languages of an index are told; languages
_LINKS = ("", "s", "n", "en", "es", "er", "e")  # between the parts of a compound
_OF_SCRIPT = {
    "cyrillic": ("ru", "uk", "bg"),
    "greek": ("el",),
    "devanagari": ("hi",),
    "armenian": ("hy",),
    "tamil": ("ta",),
}


class WordForms:
    """The forms of words in a snapshot. The languages are those of the query's words, or where these do not tell, those
    of the index."""

    def __init__(self, snapshot: Snapshot, words: Sequence[str]) -> None:
        self._snapshot = snapshot
        self._list = WordList(snapshot.connection)
        self._told = language_of(words) or function_words_told(words)
        # In a longer query such characters are counters and particles, which hardly tell anything.
        self._is_of_characters = len(words) <= MOST_CHARACTERS and all(
            len(one) == 1 and is_unspaced(one) for one in words
        )
        self.of = cache(self._of)

    def _of(self, word: str) -> dict[str, float]:
        """The other words that stand for one, each with its weight, at most 1."""
        if self._is_of_characters:
            return self._snapshot.cached(("pairs", word), lambda: self._pairs(word))
        if not has_forms(word):
            return {}
        return self._snapshot.cached(("forms", word, self._told), lambda: self._find(word))

    def _find(self, word: str) -> dict[str, float]:
        script = script_of(word)
        if script == "arabic":
            roots = [form for root in arabic_roots(word) for form in (root, *irregular_forms(root, "ar"))]
            found: Iterable[str] = self._list.among(arabic_spellings(roots))
        elif script == "hebrew":
            found = self._hebrew(word)
        else:
            found = self._inflected(word, self._languages(script))
        forms = dict.fromkeys([other for other in found if other != word][:MOST_FORMS], 1.0)
        if not script:
            for other in self._compounds([word, *forms]) or self._parts(word):
                if other != word:
                    forms.setdefault(other, COMPOUND)
        return forms

    def _pairs(self, character: str) -> dict[str, float]:
        """The pairs of characters that hold one, in scripts whose words are stored as pairs."""
        tables = (Vocabulary(self._snapshot.connection, table, False) for table in (WORDS, NAMES))
        return dict.fromkeys((pair for table in tables for pair in table.pairs_with(character, MOST_PAIRS)), 1.0)

    def _languages(self, script: str) -> tuple[str, ...]:
        if script:
            return _OF_SCRIPT.get(script, ())
        return (self._told,) if self._told else self._met()

    def _met(self) -> tuple[str, ...]:
        """English, and the languages in Latin letters of the index, the most common first."""
        return self._snapshot.cached(("languages met",), lambda: met_languages(self._snapshot))

    def _inflected(self, word: str, languages: Sequence[str]) -> list[str]:
        found = dict.fromkeys(self._list.among(spelled_otherwise(word)))
        for language in languages:
            found |= dict.fromkeys(self._list.among(irregular_forms(word, language)))
            for start in beginnings(word, language):
                near = self._list.beginning_with(start, len(word) + LONGER)
                found |= dict.fromkeys(regular_forms(word, near, language))
        return list(found)

    def _hebrew(self, word: str) -> list[str]:
        """The forms of a word; without the particles before it only where the index has that."""
        roots = [word, *self._list.among(hebrew_roots(word)[1:])] if len(word) > 3 else [word]
        return self._list.among(
            hebrew_spellings(dict.fromkeys(form for root in roots for form in (root, *irregular_forms(root, "he"))))
        )

    def _compounding(self) -> bool:
        return bool(COMPOUNDING & set((self._told,) if self._told else self._met()))

    def _compounds(self, heads: Sequence[str]) -> list[str]:
        """Compounds that end in one of some words, in languages that write them as one."""
        if not self._compounding():
            return []
        found: dict[str, None] = {}
        for head in (head for head in heads if len(head) >= SHORTEST_HEAD and head.isascii()):
            least = SHORTEST_MODIFIER + (len(head) == SHORTEST_HEAD)
            for compound in self._list.ending_with(head):
                sure = len(head) >= SURE_HEAD or self._told in COMPOUNDING
                if len(compound) - len(head) >= least and (sure or self._in_compounding_text(compound)):
                    found[compound] = None
        return list(found)[:MOST_COMPOUNDS]

    def _in_compounding_text(self, word: str) -> bool:
        """Whether a text that holds a word is of a language that writes compounds as one word."""
        table = Vocabulary(self._snapshot.connection, WORDS, False)
        rows = table.words(table.best(f'"{word}"', 3))
        return any(language_of(words) in COMPOUNDING for words in rows.values())

    def _parts(self, word: str) -> list[str]:
        """The two words of the index that a compound is made of, and their forms."""
        if len(word) < 2 * SHORTEST_HEAD or not self._compounding():
            return []
        if self._told not in COMPOUNDING and self._list.among([word]):
            return []
        best: tuple[int, list[str]] = (0, [])
        for at in range(SHORTEST_HEAD, len(word) - SHORTEST_HEAD + 1):
            before, head = word[:at], word[at:]
            modifiers = [before.removesuffix(link) for link in _LINKS if before.endswith(link)]
            some = [one for one in modifiers if len(one) >= SHORTEST_HEAD]
            languages = [one for one in ((self._told,) if self._told else self._met()) if one in COMPOUNDING]
            heads = self._list.among([head, *self._inflected(head, languages)])
            firsts = self._list.among([*some, *(form for one in some[:1] for form in self._inflected(one, languages))])
            if heads and firsts and len(head) > best[0]:
                best = len(head), [*firsts, *heads]
        return best[1][:MOST_FORMS]


def met_languages(snapshot: Snapshot) -> tuple[str, ...]:
    """English and the most common languages in Latin letters of a sample of an index's texts."""
    connection = snapshot.connection
    last = connection.execute("SELECT max(id) FROM segments").fetchone()[0] or 0
    step = max(last // SAMPLED, 1)
    table = Vocabulary(connection, WORDS, False)
    told = Counter(language_of(words) for words in table.words(range(1, last + 1, step)).values())
    common = [one for one, _ in told.most_common() if one and len(one) == 2]
    return tuple(dict.fromkeys(["en", *common[:MOST_MET]]))
