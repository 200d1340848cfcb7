"""The built-in text spaces: which of them a run fills, and what there is to say about it."""

from __future__ import annotations

from collections.abc import Sequence

from mmsearch.errors import ModelUnavailable
from mmsearch.models import builtin
from mmsearch.models.texts import e5
from mmsearch.run_record import Remark
from mmsearch.store.spaces import SpaceRow, plain_name


def of_new_index() -> list[Remark]:
    """What to say of a new index with the default models: that the text encoder for a hundred languages is missing."""
    try:
        e5.find()
    except ModelUnavailable as error:
        then = f"{error.hint}; then: mmsearch index --rebuild"
        return [Remark(f"Text is embedded by {builtin.ENGLISH}, for English. {error.sentence}", then)]
    return []


def of_index(rows: Sequence[SpaceRow]) -> list[Remark]:
    """What to say of an index that is there: that there is a better text encoder than its own."""
    names = {plain_name(row) for row in rows}
    if builtin.ENGLISH in names and builtin.LANGUAGES not in names and e5.available():
        how = f"To take {builtin.LANGUAGES} in its place: mmsearch index --rebuild"
        return [Remark(f"This index embeds text by {builtin.ENGLISH}, which is for English.", how)]
    return []


def successor(row: SpaceRow) -> str:
    """The name of the built-in model that a rebuild takes in place of a space's; empty where it keeps it."""
    return builtin.LANGUAGES if plain_name(row) == builtin.ENGLISH and e5.available() else ""
