"""What a text asks of the built-in senses: the eyes about a look that it names, the ears about a kind of sound.

They are not asked about other texts: they would answer with noise."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mmsearch.encoding.query_encoding import encode_text
from mmsearch.models import builtin
from mmsearch.retrieval.signals import Vector
from mmsearch.types import Query, View

if TYPE_CHECKING:
    from mmsearch.store.layout import IndexFolder
    from mmsearch.store.snapshot import Snapshot


def concept_vectors(folder: IndexFolder, snapshot: Snapshot, text: str, query: Query) -> list[Vector]:
    """A text as queries of the senses that an index holds something of; often none."""
    spaces = {space.name: space for space in snapshot.spaces()}
    reader, found = spaces.get("builtin"), []
    seen, heard = (spaces.get(name) for name in (builtin.EYES, builtin.EARS))
    if seen is not None and reader is not None and snapshot.holds(seen.id):
        from mmsearch.models.picture_classifier import FALSE_COSINE, TRUE_COSINE, named_picture_kind

        # "A bar chart of sales" asks the eyes about a bar chart; sales are for the words to find.
        if look := named_picture_kind(text):
            vector = encode_text(folder, reader, look, query).vector
            found.append(Vector(seen, View.IMAGE, vector, made_of=str(View.TEXT), scale=(FALSE_COSINE, TRUE_COSINE)))
    if heard is not None and snapshot.holds(heard.id):
        from mmsearch.models.audio_features import named_sound

        if sound := named_sound(text):
            found.append(Vector(heard, View.AUDIO, sound.vector, made_of=str(View.TEXT), scale=sound.scale))
    return found
