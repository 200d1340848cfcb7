"""Query text as it was typed becomes words, phrases and exclusions. Nothing that a user types is FTS5 syntax."""

from __future__ import annotations

import re
from dataclasses import dataclass

from mmsearch.store.tokenization import tokens
from mmsearch.store.vocabulary import quoted

MAX_CHARACTERS = 20_000  # more of a query than this says nothing new

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


def parse(typed: str) -> Parsed:
    """Read a query: `"a phrase"` must be there, `-word` and `-"a phrase"` must not, all else is searched for."""
    typed = typed[:MAX_CHARACTERS].encode("utf-8", "replace").decode()  # half of a surrogate pair is no text
    typed = typed.replace("\u201c", '"').replace("\u201d", '"').replace("\x00", " ")
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
