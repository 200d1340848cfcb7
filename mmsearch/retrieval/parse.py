"""Query text as it was typed becomes terms, phrases and exclusions. Nothing that a user types is FTS5 syntax."""

from __future__ import annotations

import re
from dataclasses import dataclass

from mmsearch.store.words import prepare

MAX_CHARACTERS = 20_000  # more of a query than this says nothing new
MAX_TERMS = 64  # the rarest ones are kept; FTS5 refuses deep expressions, and time grows with each term

_TYPED = re.compile(r'(?P<minus>(?<!\S)-)?(?:"(?P<phrase>[^"]*)"|(?P<word>[^\s"]+))')
_WORD = re.compile(r"[^\W_]+(?:[^\W_]|[\u0300-\u036f\u0900-\u0dff\u0e00-\u0fff])*")


@dataclass(frozen=True, slots=True)
class Parsed:
    """A query. `text` is what a model reads; `terms` are prepared words, each once; `phrases` and `excluded` are
    prepared too, each a run of words that must or must not stand together."""

    text: str
    terms: tuple[str, ...]
    phrases: tuple[str, ...]
    excluded: tuple[str, ...]


def parse(typed: str) -> Parsed:
    """Read a query: `"a phrase"` must be there, `-word` and `-"a phrase"` must not, all else is searched for."""
    typed = typed[:MAX_CHARACTERS].replace("\u201c", '"').replace("\u201d", '"').replace("\x00", " ")
    text: list[str] = []
    phrases: list[str] = []
    excluded: list[str] = []
    for match in _TYPED.finditer(typed):
        content = match["phrase"] if match["phrase"] is not None else match["word"]
        words = " ".join(tokens(content))
        if match["minus"] and words:
            excluded.append(words)
            continue
        text.append(content)
        if match["phrase"] is not None and words:
            phrases.append(words)
    shown = " ".join(text)
    return Parsed(shown, tuple(dict.fromkeys(tokens(shown))), tuple(phrases), tuple(excluded))


def tokens(text: str) -> list[str]:
    """The words of a text as the word tables cut it."""
    return _WORD.findall(prepare(text))


def quoted(words: str) -> str:
    """Words as an FTS5 string: matched as a phrase, with no operator in it."""
    return '"' + words.replace('"', '""') + '"'


def expression(terms: tuple[str, ...], parsed: Parsed) -> str:
    """The FTS5 expression for some of a query's terms, with its phrases required and its exclusions taken out. Empty
    when there is nothing to match."""
    any_term = " OR ".join(quoted(term) for term in terms)
    needed = [quoted(phrase) for phrase in parsed.phrases]
    parts = [*needed, *([f"({any_term})"] if any_term and not needed else [])]
    if not parts:
        return ""
    matched = " AND ".join(parts)
    if parsed.excluded:
        matched = f"({matched}) NOT ({' OR '.join(quoted(words) for words in parsed.excluded)})"
    return matched
