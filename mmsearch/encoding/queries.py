"""Queries as vectors: by the exported encoder in the index folder, without torch; else by the model itself."""

from __future__ import annotations

import contextlib
import functools
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from mmsearch.config import Settings
from mmsearch.encoding.spaces import check_identity, encoder_folder, load_embedder
from mmsearch.errors import ModelUnavailable
from mmsearch.models import builtin
from mmsearch.store.layout import IndexFolder
from mmsearch.store.snapshot import SpaceRow
from mmsearch.types import View

if TYPE_CHECKING:
    import numpy as np

    from mmsearch.models.query_encoder import OnnxTextEncoder


class EncodedText(NamedTuple):
    """A text query in one space: a unit vector, float32 (dimension,), and its word pieces with their offsets in the
    text, from which follows how much of it the model can read."""

    vector: np.ndarray
    pieces: list[str]
    offsets: list[tuple[int, int]]
    note: str  # what the user should know about how it was encoded


def encode_text(folder: IndexFolder, row: SpaceRow, text: str) -> EncodedText:
    """Encode a text query for a space. Raises `ModelMismatch` when the installed model is not the space's, and
    `ModelUnavailable` when there is none."""
    if row.name == "builtin":
        check_identity(row, builtin.fingerprint())
    try:
        encoder = _exported(encoder_folder(folder, row))
        if encoder.fingerprint == row.fingerprint["text"]:
            tokens = encoder.tokenize([text])[0]
            return EncodedText(encoder.embed([text])[0], tokens.pieces, tokens.offsets, "")
        problem = "The exported query encoder belongs to another model."
    except ModelUnavailable as error:
        problem = error.sentence
    return _by_torch(row, text, f"{problem} The whole model was loaded instead; the next `mmsearch index` mends that.")


def _exported(folder: Path) -> OnnxTextEncoder:
    """The exported encoder of a folder; the same one again as long as its files are the same."""
    stamps = []
    with contextlib.suppress(OSError):  # the encoder says what is missing
        for path in sorted(folder.iterdir()):
            facts = path.stat()
            stamps.append((path.name, facts.st_size, facts.st_mtime_ns, facts.st_ino))
    return _loaded(folder, tuple(stamps))


@functools.lru_cache(maxsize=2)
def _loaded(folder: Path, stamps: tuple[tuple[str, int, int, int], ...]) -> OnnxTextEncoder:
    from mmsearch.models.query_encoder import OnnxTextEncoder

    return OnnxTextEncoder(folder)


def _by_torch(row: SpaceRow, text: str, note: str) -> EncodedText:
    from tokenizers import Tokenizer

    embedder = load_embedder(row, Settings(device="cpu", dtype="float32"))
    check_identity(row, embedder.fingerprint())
    encoding = Tokenizer.from_file(str(builtin.tokenizer_path())).encode(text, add_special_tokens=False)
    return EncodedText(embedder.embed(View.TEXT, [text], role="query")[0], encoding.tokens, encoding.offsets, note)
