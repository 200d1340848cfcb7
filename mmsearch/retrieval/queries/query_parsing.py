"""Query text becomes words, phrases and exclusions. Nothing that a user types is FTS5 syntax."""

from __future__ import annotations

import os
import re
import unicodedata
from dataclasses import dataclass

from mmsearch.store.tokenization import query_words, signed_words, tokens
from mmsearch.store.vocabulary import quoted

MAX_CHARACTERS = 20_000  # longer queries are cut

_TYPED = re.compile(r'(?P<minus>(?<!\S)-)?(?:"(?P<phrase>[^"]*)"|(?P<word>[^\s"]+))')


@dataclass(frozen=True, slots=True)
class Parsed:
    """A query. `text` is what a model reads; `words` are prepared, each once; `phrases` and `excluded` are prepared
    runs of words that must, or must not, stand together."""

    text: str
    words: tuple[str, ...]
    phrases: tuple[str, ...]
    excluded: tuple[str, ...]

    @property
    def required(self) -> str:
        """The FTS5 expression for what must be there; empty where nothing must."""
        return " AND ".join(quoted(phrase) for phrase in self.phrases)

    @property
    def refused(self) -> str:
        """The FTS5 expression for what must not be there; empty where nothing is excluded."""
        return " OR ".join(quoted(words) for words in self.excluded)


def parse(typed: str, literal: bool = False) -> Parsed:
    """Read a query: `"a phrase"` must be there, `-word` and `-"a phrase"` must not, all else is searched for. With
    `literal` all of it is."""
    typed = typed[:MAX_CHARACTERS].encode("utf-8", "replace").decode()  # half of a surrogate pair is no text
    typed = typed.replace("\u201c", '"').replace("\u201d", '"').replace("\x00", " ")
    if literal:
        typed = typed.replace('"', " ")
        return Parsed(typed.strip(), tuple(dict.fromkeys(query_words(typed))), (), ())
    text: list[str] = []
    phrases: list[str] = []
    excluded: list[str] = []
    for match in _TYPED.finditer(typed):
        content = match["phrase"] if match["phrase"] is not None else match["word"]
        words, signed = " ".join(tokens(content)), signed_words(content)
        if match["minus"] and (words or signed):
            excluded += signed or [words]
            continue
        text.append(content)
        if match["phrase"] is not None:
            phrases += [run for run in (words, *signed) if run]
    shown = " ".join(text)
    return Parsed(shown, tuple(dict.fromkeys(query_words(shown))), tuple(phrases), tuple(excluded))


def names_meant(parsed: Parsed) -> tuple[str, ...]:
    """File names that a query may have been typed for, folded: the whole of it, and each word that has an ending."""
    ended = [word for word in parsed.text.split() if re.search(r"[^.]\.[^.]", word)]
    return tuple(dict.fromkeys(folded(name) for name in (parsed.text, *ended)))


def is_name(path: bytes, meant: tuple[str, ...]) -> bool:
    """Whether a path (relative to its root) ends in one of these names; the first may lack the ending."""
    whole = folded(path.decode("utf-8", "replace"))
    stem = os.path.splitext(whole)[0]
    return any(whole == name or whole.endswith("/" + name) for name in meant) or any(
        stem == name or stem.endswith("/" + name) for name in meant[:1]
    )


def folded(name: str) -> str:
    """A name or text without case; letters with marks in their composed form."""
    return unicodedata.normalize("NFC", name.strip().casefold())
