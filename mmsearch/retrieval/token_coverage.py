"""How much of a text a model can read, told by its word pieces."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

_UNKNOWN = re.compile(r"\[UNK\]|<unk>|<0x[0-9A-F]{2}>")
_SIGN = re.compile(
    "[\u3005-\u3007\u3041-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff\U00020000-\U000323af]"
)


def is_unknown(piece: str) -> bool:
    """Whether a piece of a text is none of the tokenizer's own: its stand-in for such, or a single byte."""
    return _UNKNOWN.fullmatch(piece) is not None


def token_coverage(
    text: str, pieces: Sequence[str], offsets: Sequence[tuple[int, int]], single_characters: bool = False
) -> float:
    """The share of a text's letters that lie in known word pieces of at least two letters, 0..1; 1 without letters.

    A sub-word tokenizer spells a script that it never learned letter by letter (WordPiece, SentencePiece) or byte by
    byte (CLIP's and Qwen's), so this tells whether a model can read a query: English and German 0.9 to 1 for MiniLM,
    Russian 0.1, Arabic, Hindi and Chinese 0. With `single_characters`, which multilingual vocabularies have, a sign of
    Chinese, Japanese or Korean that is a piece of its own counts too.
    """
    good: dict[int, bool] = {}
    shares = Counter(at for start, end in offsets for at in range(start, end))
    for piece, (start, end) in zip(pieces, offsets, strict=True):
        letters = [at for at in range(start, end) if text[at].isalpha()]
        known = len(letters) >= 2 or (
            single_characters and len(letters) == 1 and _SIGN.match(text[letters[0]]) is not None
        )
        known = known and not is_unknown(piece) and all(shares[at] == 1 for at in letters)
        good |= {at: known for at in letters}
    return sum(good.values()) / len(good) if good else 1.0
