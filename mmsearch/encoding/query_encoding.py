"""Queries as vectors: texts by the exported encoder in the user's cache, without torch; all else by the whole model."""

from __future__ import annotations

import contextlib
import functools
import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, NamedTuple

from mmsearch.config import Settings
from mmsearch.encoding import encoders
from mmsearch.encoding.grants import grant_of, in_box, spec_of
from mmsearch.encoding.space_models import check_identity, load_embedder, model_options
from mmsearch.errors import ModelUnavailable
from mmsearch.models import builtin
from mmsearch.models.model_options import ModelOptions
from mmsearch.store.catalogue import open_reader
from mmsearch.store.layout import IndexFolder
from mmsearch.store.spaces import SpaceRow
from mmsearch.trust import Grant
from mmsearch.types import Extracted, Needs, Query, View

if TYPE_CHECKING:
    import numpy as np

    from mmsearch.models.embedder import Embedder
    from mmsearch.models.query_encoder import OnnxTextEncoder

ITEMS = 4  # of a view of one file: its beginning stands for it


class EncodedText(NamedTuple):
    """A text query in one space: a unit vector, float32 (dimension,), and its word pieces with their offsets in the
    text, from which follows how much of it the model can read; `single_characters` is as `reads_single_characters`
    says."""

    vector: np.ndarray
    pieces: list[str]
    offsets: list[tuple[int, int]]
    single_characters: bool
    notes: tuple[str, ...] = ()  # what the user should know about how it was encoded


def query_views(row: SpaceRow) -> frozenset[View]:
    """What a query of a space can be made of: all that its model takes, also where only some of it is stored."""
    return frozenset(View(view) for view in row.recorded.get("query_views", row.fingerprint))


def encode_text(folder: IndexFolder, row: SpaceRow, text: str, query: Query) -> EncodedText:
    """Encode a text for a space, with the query's instruction and by the encoder that it asks for. Raises
    `ModelMismatch` when the installed model is not the space's, and `ModelUnavailable` when there is none."""
    if row.name == "builtin":
        check_identity(row, builtin.fingerprint())
    if query.query_encoder == "torch":
        return _by_torch(folder, row, text, query)
    remake = ""
    try:
        encoder = _exported(row, encoders.signature(row))
        if query.instruct and encoder.takes_instruction:
            raise ModelUnavailable("An instruction is a matter of the whole model.")
        tokens = encoder.tokenize([text])[0]
        notes = _uninstructed(row, query)
        return EncodedText(encoder.embed([text])[0], tokens.pieces, tokens.offsets, encoder.single_characters, notes)
    except encoders.EncoderUnusable as error:
        problem = remake = error.sentence
    except ModelUnavailable as error:  # that a model can't have one, is no news
        problem = error.sentence
    if query.query_encoder == "onnx":
        raise ModelUnavailable(f"{row.name} can't answer without torch: {problem}", "--query-encoder torch")
    return _by_torch(folder, row, text, query, remake)


def encode_media(
    folder: IndexFolder, row: SpaceRow, pieces: Sequence[Extracted], sound_rate: int, query: Query
) -> tuple[dict[View, np.ndarray], tuple[str, ...]]:
    """What the pieces of a file look and sound like in a space, by view: a unit vector, float32 (dimension,), the mean
    of its first items; and what there is to say. A view that the space lacks or of which the file has nothing is
    missing. Sound comes at `sound_rate` Hz. Raises as `encode_text`."""
    from mmsearch.encoding.contents import Space, contents

    views = query_views(row) - {View.TEXT}
    items: dict[View, list[Any]] = {}
    embedder, instruction, notes = _instructed(folder, row, query)
    for one in pieces:
        for view, item in contents(one, "", Space(row.id, embedder, views, row.fingerprint), sound_rate):
            items.setdefault(view, []).append(item)
    vectors = {
        view: unit(embedder.embed(view, some[:ITEMS], role="query", instruction=instruction).mean(axis=0))
        for view, some in items.items()
    }
    return vectors, notes


def encode_fused(
    folder: IndexFolder, row: SpaceRow, text: str, look: np.ndarray, query: Query
) -> tuple[np.ndarray, tuple[str, ...]] | None:
    """A text and a picture, uint8 (height, width, 3) RGB, as one input: a unit vector, float32 (dimension,), and what
    there is to say; None for a model that doesn't fuse them. Raises as `encode_text`."""
    embedder, instruction, notes = _instructed(folder, row, query)
    return (
        (embedder.embed_pair(text, look, role="query", instruction=instruction), notes)
        if embedder.embeds_pairs
        else None
    )


def media_needs(rows: Iterable[SpaceRow], ocr: str) -> Needs:
    """What extraction must give of a file so that all these spaces can take it, by the limits of their models."""
    from mmsearch.encoding.contents import needs_of

    return needs_of(({view: row.fingerprint.get(view, {}) for view in query_views(row)} for row in rows), ocr)


def unit(vector: np.ndarray) -> np.ndarray:
    """The vector at length 1, float32."""
    import numpy as np

    return (vector / max(float(np.linalg.norm(vector)), 1e-9)).astype(np.float32)


@functools.lru_cache(maxsize=4)
def _cached(place: tuple[object, ...], stored: str) -> OnnxTextEncoder:
    return encoders.opened(SpaceRow(0, "", json.loads(stored), {}, 0, ()))


def _exported(row: SpaceRow, signature: tuple[object, ...]) -> OnnxTextEncoder:
    """The exported encoder of a space; the same one again as long as its files are the same."""
    return _cached(signature, json.dumps(row.fingerprint))


def _by_torch(folder: IndexFolder, row: SpaceRow, text: str, query: Query, remake: str = "") -> EncodedText:
    """Encode a text by the whole model. With `remake`, what was wrong with the exported encoder, that is made again."""
    from mmsearch.models.query_encoder import reads_single_characters

    embedder, instruction, notes = _instructed(folder, row, query)
    vector = embedder.embed(View.TEXT, [text], role="query", instruction=instruction)[0]
    notes = (*notes, _remade(folder, row, embedder, remake)) if remake else notes
    tokenizer = getattr(getattr(embedder.model, "tokenizer", None), "backend_tokenizer", None)
    if tokenizer is None:
        return EncodedText(vector, [text], [(0, len(text))], True, notes)
    encoding = tokenizer.encode(text, add_special_tokens=False)
    single = not text.isascii() and reads_single_characters(tokenizer)
    return EncodedText(vector, encoding.tokens, encoding.offsets, single, notes)


def _remade(folder: IndexFolder, row: SpaceRow, embedder: Embedder, problem: str) -> str:
    """Make the query encoder of a space again; what there is to tell."""
    options = model_options(row, _grant(folder, row), ModelOptions())
    said = encoders.provide(row, embedder, spec_of(row), options)
    if said is not None:
        return f"{problem} {row.name} was loaded as a whole instead. {said.sentence} {said.hint}".rstrip()
    return f"{problem} {row.name} was loaded as a whole, and its query encoder made again: the next query is quick."


def _grant(folder: IndexFolder, row: SpaceRow) -> Grant | None:
    """What the user allowed of a space's model; None for one in the box, which needs no grant."""
    if in_box(row):
        return None
    with contextlib.closing(open_reader(folder)) as connection:
        return grant_of(folder, connection, row)


def _instructed(folder: IndexFolder, row: SpaceRow, query: Query) -> tuple[Embedder, str | None, tuple[str, ...]]:
    """The model of a space, the instruction for it, and what there is to say about that."""
    settings = (query.device, query.dtype, query.allow_download)
    grant = _grant(folder, row)
    allowed = None if grant is None else json.dumps(asdict(grant))
    embedder = _whole(row.id, row.name, json.dumps([row.fingerprint, row.recorded]), allowed, settings)
    if query.instruct and embedder.takes_instruction:
        return embedder, query.instruct, ()
    return embedder, None, _uninstructed(row, query)


def _uninstructed(row: SpaceRow, query: Query) -> tuple[str, ...]:
    return (f"The model {row.name} takes no instruction: it searched without.",) if query.instruct else ()


@functools.lru_cache(maxsize=4)
def _whole(space_id: int, name: str, stored: str, allowed: str | None, settings: tuple[str, str, bool]) -> Embedder:
    """The model of a space. On a CPU in float32: a lower precision would have to be compared with it first, which costs
    more than a few queries gain. What computes without torch has no choice of devices."""
    from mmsearch.models.device import preferred

    fingerprint, recorded = json.loads(stored)
    device, dtype, allow_download = settings
    torchless = name != "builtin" and builtin.is_builtin(name)
    if not torchless and dtype == "auto" and preferred(None if device == "auto" else device).device == "cpu":
        dtype = "float32"
    row = SpaceRow(space_id, name, fingerprint, recorded, 0, ())
    grant = None if allowed is None else Grant(**json.loads(allowed))
    embedder = load_embedder(row, grant, Settings(device=device, dtype=dtype, allow_download=allow_download))
    check_identity(row, embedder.fingerprint())
    return embedder
