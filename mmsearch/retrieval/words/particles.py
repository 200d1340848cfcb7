"""Arabic and Hebrew words as they are written: with article, conjunction and preposition before them, and endings of
number and possession behind. Light rules: each yields spellings to look for, of which an index may hold some.

All words are prepared words: without vowel points, أ إ آ as ا, ة as ه, ى as ي.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

_ARTICLES = ("وال", "بال", "كال", "فال", "ولل", "ال", "لل")  # with what is written before them
_ARABIC_BEFORE = (
    "", "ال", "وال", "بال", "كال", "فال", "لل", "ولل", "و", "ف", "ب", "ل", "وب", "ول", "فب", "فل", "ك", "س",
)  # fmt: skip
_ARABIC_BEHIND = ("", "ه", "ها", "هم", "هن", "هما", "كم", "نا", "ي", "ك", "ا", "ات", "ون", "ين", "ان", "يه")
_OF_FEMININE = ("ت" + end for end in ("ه", "ها", "هم", "نا", "ي", "ك", "كم", "ين", "ان"))
_ARABIC_FEMININE = (*_OF_FEMININE, "ات", "اته", "اتها", "اتهم", "اتنا", "اتي")
_HEBREW_BEFORE = (
    "", *"הובלכמש", "וה", "וב", "ול", "וכ", "ומ", "וש", "שה", "שב", "של", "שמ", "כש", "כשה", "מה", "מש", "בכ", "לכ",
    "ושה", "ומה", "וכש", "שבה", "לכש",
)  # fmt: skip
_HEBREW_BEHIND = ("ים", "ות", "י", "ו", "ך", "נו", "ם", "הם", "יו", "יה", "יהם", "ינו", "יים", "כם")
_HEBREW_FEMININE = ("ות", "ת", "תי", "תו", "תה", "תנו", "תם", "תך", "ותי", "ותיו", "ותיה")
_FINAL = str.maketrans("כמנפצ", "ךםןףץ")
_MEDIAL = str.maketrans("ךםןףץ", "כמנפצ")
SHORTEST = 2  # letters of what is left of a word without its particles


def arabic_roots(word: str) -> list[str]:
    """A word, and the same without article."""
    for article in _ARTICLES:
        if word.startswith(article) and len(word) - len(article) > SHORTEST:
            return [word, word[len(article) :]]
    return [word]


def arabic_spellings(roots: Iterable[str]) -> Iterator[str]:
    """How words without particles may be written."""
    for root in roots:
        ends = [root + end for end in _ARABIC_BEHIND]
        if root.endswith("ه"):
            ends += [root[:-1] + end for end in _ARABIC_FEMININE]
        if root.endswith("ات") and len(root) > 4:
            ends += [root[:-2], root[:-2] + "ه"]
        elif root.endswith(("ين", "ون", "ان")) and len(root) > 4:
            ends.append(root[:-2])
        short = len(root) <= 3
        yield from (
            before + end for end in ends for before in _ARABIC_BEFORE if not (short and before in ("ك", "س", "ف"))
        )


def hebrew_roots(word: str) -> list[str]:
    """A word, and what it may be without the particles before it: the longest last."""
    cut = [len(before) for before in _HEBREW_BEFORE if before and word.startswith(before)]
    return [word, *(word[count:] for count in sorted(cut, reverse=True) if len(word) - count > SHORTEST)]


def hebrew_spellings(roots: Iterable[str]) -> Iterator[str]:
    """How words without particles may be written."""
    for root in roots:
        ends = [root, *(root.translate(_MEDIAL) + end for end in _HEBREW_BEHIND)]
        stem = root[:-1]
        if root.endswith("ה"):
            ends += [stem + end for end in (*_HEBREW_FEMININE, "ים")]
        elif root.endswith("ת"):
            ends += [stem + "ות", stem + "יות"]
        if root.endswith(("ים", "ות")) and len(root) > 3:
            bare = root[:-2]
            ends += [bare[:-1] + bare[-1].translate(_FINAL), bare + "ה", bare + "ת", bare + "י"]
        yield from (before + end for end in ends for before in _HEBREW_BEFORE)
