"""Texts as queries of the built-in models of pictures, and what these models see in a hit."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from mmsearch.models import builtin
from mmsearch.query import RunOptions
from mmsearch.retrieval.query_encoding import QueryEncoders
from mmsearch.retrieval.signals import Vector
from mmsearch.store.snapshot import Snapshot
from mmsearch.store.spaces import SpaceRow
from mmsearch.types import View

if TYPE_CHECKING:
    from mmsearch.models.media.picture_labels import PictureLabels


def picture_vectors(encoders: QueryEncoders, snapshot: Snapshot, text: str, options: RunOptions) -> list[Vector]:
    """A text as a query of the image encoder, or of the picture classifier of older indexes, where the index holds
    embeddings of it: encoded by the built-in text model of the same text space."""
    spaces = {space.name: space for space in snapshot.spaces()}
    images, kinds = spaces.get(builtin.IMAGES), spaces.get(builtin.EYES)
    if images is not None and snapshot.holds(images.id):
        text_space = text_space_of(images)
        reader = next(
            (spaces[name] for name, heads in builtin.TEXT_SPACES.items() if heads == text_space and name in spaces),
            None,
        )
        return [_image_vector(encoders, images, reader, text, options)] if reader is not None else []
    if kinds is not None and "builtin" in spaces and snapshot.holds(kinds.id):
        return _kind_vectors(encoders, kinds, spaces["builtin"], text, options)
    return []


def _image_vector(
    encoders: QueryEncoders, images: SpaceRow, reader: SpaceRow, text: str, options: RunOptions
) -> Vector:
    """A query of the image encoder, with how much of it the encoder can know as its token coverage. Where the text
    names a kind of drawn picture, that alone: "a bar chart of sales" is compared as "bar chart", and the words signal
    finds sales."""
    from mmsearch.models.media import picture_labels

    kind = picture_labels.named_drawing(text)
    asked = kind or text
    encoded = encoders.encode_text(reader, asked, options)
    coverage = encoded.coverage(asked)
    text_space = text_space_of(images)
    vector = picture_labels.as_query(text_space, encoded.vector)
    coverage *= picture_labels.labels_for(text_space).coverage(vector)
    known = picture_labels.SCALES[text_space]
    scale = known.nothing, known.half_kind if kind else known.half
    return Vector(images, View.IMAGE, vector, coverage, made_of=str(View.TEXT), scale=scale)


def _kind_vectors(
    encoders: QueryEncoders, kinds: SpaceRow, reader: SpaceRow, text: str, options: RunOptions
) -> list[Vector]:
    """A query of the picture classifier of older indexes, which knows nothing but kinds of pictures."""
    from mmsearch.models.media.picture_classifier import FALSE_COSINE, TRUE_COSINE, named_picture_kind

    if kind := named_picture_kind(text):
        vector = encoders.encode_text(reader, kind, options).vector
        return [Vector(kinds, View.IMAGE, vector, made_of=str(View.TEXT), scale=(FALSE_COSINE, TRUE_COSINE))]
    return []


def text_space_of(images: SpaceRow) -> str:
    """The text space that the pictures of a space are embedded in."""
    return str(images.fingerprint.get("image", {}).get("text_space", ""))


def seen_in(snapshot: Snapshot, segment_ids: Sequence[int]) -> dict[int, tuple[str, ...]]:
    """What the pictures of segments show, by the embeddings that the index holds; without those it knows nothing of."""
    images = next((space for space in snapshot.spaces() if space.name == builtin.IMAGES), None)
    if images is None or not segment_ids:
        return {}
    labels: PictureLabels | None = None
    found = {}
    for segment_id in dict.fromkeys(segment_ids):
        vectors = snapshot.vectors(images.id, View.IMAGE, [segment_id])
        if len(vectors):
            if labels is None:
                from mmsearch.models.media.picture_labels import labels_for

                labels = labels_for(text_space_of(images))
            if seen := labels.of(vectors[0]):
                found[segment_id] = seen
    return found
