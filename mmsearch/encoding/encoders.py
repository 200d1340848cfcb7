"""Exported query encoders: once per user in the cache folder, by the fingerprint of their model, and never in an index.

The folder of each is recorded and verified by `models/encoder_cache.py`. It also holds embeddings of the anchor texts:
the similarities of a usual text query to embeddings of another modality.
"""

from __future__ import annotations

import os
import shutil
import zipfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mmsearch.errors import ModelUnavailable, disk_full
from mmsearch.models.encoder_cache import (
    CacheUnwritable,
    cache_place,
    encoder_draft,
    file_stat,
    note_use,
    problem,
    unwritable,
)
from mmsearch.models.model_catalogue import ModelSpec
from mmsearch.models.model_options import ModelOptions
from mmsearch.run_record import Remark
from mmsearch.store.spaces import SpaceRow
from mmsearch.types import View

if TYPE_CHECKING:
    import numpy as np

    from mmsearch.models.embedder import Embedder
    from mmsearch.models.query_encoder import OnnxTextEncoder

_ANCHORS = "everyday.npy"
_LATE_ANCHORS = "late.npz"  # the token vectors of the first of them, in a late-interaction space
_FEW = 16
ANCHOR_TEXTS = (
    "a photo of a dog",
    "two children on a beach",
    "a red car in the street",
    "a plate of food",
    "a tall building",
    "a group of people at a party",
    "mountains with snow",
    "a screenshot of a program",
    "a bar chart of revenue",
    "a scanned invoice",
    "a map of the city",
    "a page of a book",
    "handwritten notes",
    "a portrait of a woman",
    "a cat asleep on a sofa",
    "flowers in a garden",
    "a boat on the water",
    "a football match",
    "an empty room",
    "a machine in a factory",
    "a man speaks about politics",
    "a dog barks",
    "piano music",
    "rain on a roof",
    "an engine starts",
    "people laugh and clap",
    "birds sing",
    "meeting minutes",
    "a recipe for soup",
    "how to change a password",
    "the annual report",
    "a letter to the landlord",
    "train timetable",
    "a wedding",
    "a drawing of a house",
    "night sky with stars",
    "a bicycle leans on a wall",
    "a cup of coffee",
    "a crowded market",
    "a list of names and numbers",
)


class EncoderUnusable(ModelUnavailable):
    """An exported query encoder that is missing, damaged, or of another ONNX Runtime: it can be made again."""


def place_of(fingerprint: Mapping[str, Any]) -> Path:
    """The folder of the query encoder of a model with this fingerprint of its text view."""
    from mmsearch.models.query_encoder import EXPORTER

    return cache_place([EXPORTER, fingerprint])


def opened(row: SpaceRow) -> OnnxTextEncoder:
    """The query encoder of a space, after its files are compared with the record. Raises `EncoderUnusable`, and
    `ModelUnavailable` where the model can't have one."""
    from mmsearch.models import query_encoder

    fingerprint = _text_fingerprint(row)
    place = place_of(fingerprint)
    if why := problem(place):
        raise EncoderUnusable(why)
    note_use(place)
    try:
        encoder = query_encoder.OnnxTextEncoder(place)
    except ModelUnavailable as error:
        if not error.hint:  # the model can't have one
            raise
        raise EncoderUnusable(error.sentence) from error
    if encoder.fingerprint != fingerprint:
        raise EncoderUnusable("The exported query encoder belongs to another model.")
    return encoder


def signature(row: SpaceRow) -> tuple[object, ...]:
    """A value that changes with the files of a space's encoder; the files are not read."""
    place = place_of(_text_fingerprint(row))
    try:
        names = sorted(os.listdir(place))
        return (str(place), *((name, *file_stat(place / name).values()) for name in names))
    except OSError:
        return (str(place),)


def state(row: SpaceRow, deep: bool = False) -> str:
    """What is wrong with the query encoder of a space, as a sentence; empty where it is as it was written, or where
    the space takes no words. With `deep` all bytes are read."""
    if "text" not in row.fingerprint:
        return ""
    return problem(place_of(_text_fingerprint(row)), deep)


def provide(row: SpaceRow, embedder: Embedder, spec: ModelSpec, options: ModelOptions) -> Remark | None:
    """Make the query encoder of a model where there is none, or none that is sound and loads here.

    `embedder` is the space's as the caller has it; unless it computes in float32 on the CPU, `spec` is loaded once more
    for the export. Returns a remark for the user: that the model can't have one (noted in the cache, so that it is
    neither tried nor reported again), or that the cache can't hold it."""
    from mmsearch.models.query_encoder import is_refused

    fingerprint = dict(embedder.fingerprint().get("text", {}))
    place = place_of(fingerprint)
    if not problem(place) and (is_refused(place, fingerprint) or _loads(place)):
        return None
    try:
        with encoder_draft(place) as draft:
            said = _export(draft, fingerprint, embedder, spec, options)
    except Exception as error:  # a full disk comes in as many classes as there are libraries that write
        full = disk_full(error)
        if full is None and not isinstance(error, CacheUnwritable):
            raise
        told = error if isinstance(error, CacheUnwritable) else unwritable(full or error)
        return Remark(f"Queries will load the whole model: {told.sentence}", told.hint)
    return said


def anchor_embeddings(row: SpaceRow) -> np.ndarray:
    """Anchor texts in a space, unit rows, float32 (n, dimension); none where the cache has none of this model."""
    import numpy as np

    none = np.empty((0, row.dimension), np.float32)
    place = place_of(_text_fingerprint(row))
    if "text" not in row.fingerprint or problem(place):
        return none
    try:
        found = np.load(place / _ANCHORS, allow_pickle=False).astype(np.float32)
    except (OSError, ValueError, EOFError):
        return none
    return found if found.ndim == 2 and found.shape[1] == row.dimension else none


def anchor_tokens(row: SpaceRow) -> list[np.ndarray]:
    """The token vectors of anchor texts as queries of a late-interaction space, float32 (vectors, dimension) each; none
    where the cache has none."""
    import numpy as np

    try:
        with np.load(place_of(_text_fingerprint(row)) / _LATE_ANCHORS, allow_pickle=False) as kept:
            vectors, counts = kept["vectors"].astype(np.float32), kept["counts"].astype(np.int64)
    except (OSError, ValueError, EOFError, KeyError, zipfile.BadZipFile):
        return []
    if vectors.ndim != 2 or vectors.shape[1] != row.dimension or (counts < 1).any() or counts.sum() != len(vectors):
        return []
    return np.split(vectors, np.cumsum(counts)[:-1])


def _text_fingerprint(row: SpaceRow) -> dict[str, Any]:
    return dict(row.fingerprint.get("text", {}))


def _export(
    draft: Path, fingerprint: dict[str, Any], embedder: Embedder, spec: ModelSpec, options: ModelOptions
) -> Remark | None:
    """Write the encoder of a model into a draft, or the note that it can't have one."""
    import numpy as np

    from mmsearch.models.export import check_exportable, export_query_encoder, export_text_tower
    from mmsearch.models.late_embedder import LateInteractionEmbedder
    from mmsearch.models.query_encoder import write_refusal

    said = None
    if isinstance(embedder, LateInteractionEmbedder):
        sentence = f"{embedder.name} makes many vectors of a query, which no exported encoder does."
        write_refusal(draft, fingerprint, sentence)
        tokens = embedder.query_vectors(ANCHOR_TEXTS[:_FEW])
        with (draft / _LATE_ANCHORS).open("wb") as file:
            np.savez(file, vectors=np.concatenate(tokens).astype(np.float16), counts=[len(one) for one in tokens])
        return Remark(f"Queries will load the whole model: {sentence}")
    try:
        check_exportable(embedder)
        if (embedder.precision.device, embedder.precision.dtype) == ("cpu", "float32"):
            export_text_tower(embedder, draft)
        else:
            export_query_encoder(spec, draft, replace(options, views=frozenset({View.TEXT})))
    except ModelUnavailable as error:
        if disk_full(error) is not None:  # which says nothing about the model
            raise
        shutil.rmtree(draft, ignore_errors=True)
        write_refusal(draft, fingerprint, error.sentence)
        said = Remark(f"Queries will load the whole model: {error.sentence}", error.hint)
    if len(embedder.views) > 1:
        with (draft / _ANCHORS).open("wb") as file:
            np.save(file, embedder.embed(View.TEXT, ANCHOR_TEXTS, role="query").astype(np.float16))
    return said


def _loads(place: Path) -> bool:
    from mmsearch.models import query_encoder

    try:
        query_encoder.OnnxTextEncoder(place)
    except ModelUnavailable:
        return False
    return True
