"""A query of several parts becomes one: typed words, a picture, files to be like, what should be less like it.

Meaning: within one (space, view) the parts' unit vectors are added by weight, those of `--minus` subtracted, and the
sum is brought back to length 1, as rclip does. It is then calibrated like any other query's vector, so scores keep
their meaning. A view is asked when a wanted part has a vector in it; what `--minus` alone could say there is dropped:
the opposite of a thing is not a thing. A text counts as far as the model can read it.
Words: the typed words weigh 1, those of a file its weight; words of `--minus` are a penalty (see `ranking.py`), while
`-word` in the text excludes. What the penalty brings to 0 or below is no hit.
Names: those of the typed words, less what the unwanted words find there.
"""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, field

from mmsearch.encoding.queries import encode_text
from mmsearch.errors import UsageError
from mmsearch.retrieval.examples import Example, fresh, is_place, stored
from mmsearch.retrieval.parse import Parsed, parse
from mmsearch.retrieval.ranking import readable_share
from mmsearch.retrieval.signals import Asked, Vector, Wording
from mmsearch.store.layout import IndexFolder
from mmsearch.store.snapshot import Snapshot
from mmsearch.types import Kind, Part, Query, View, chosen

UNKNOWN_PIECE = "[UNK]"
LEAST_LENGTH = 0.1  # of a sum of vectors: what is shorter was taken off by --minus, and its direction means nothing
LEAST_READABLE = 0.01


@dataclass(slots=True)
class _Parts:
    """The parts of a query so far: vectors with their weights, words of others than the typed text, what to hide."""

    vectors: list[tuple[float, Vector]] = field(default_factory=list)
    wordings: list[Wording] = field(default_factory=list)
    without: set[int] = field(default_factory=set)
    assets: set[int] = field(default_factory=set)
    notes: list[str] = field(default_factory=list)


def compose(folder: IndexFolder, snapshot: Snapshot, query: Query) -> tuple[Asked, list[str]]:
    """A query, encoded for every space and view that can take it, and what there is to say about that. Raises
    `UsageError` for one that asks nothing, and for a file that no view can take."""
    parts = _Parts()
    parsed = Parsed("", (), (), ())
    if query.text.strip():
        asked, parts.notes = ask(folder, snapshot, query.text)
        parsed = asked.parsed
        parts.vectors += [(1.0, vector) for vector in asked.vectors]
    elif query.minus and not query.like and not query.images:
        raise UsageError("The query only says what should be less.", "Add what to look for: TEXT or --like FILE.")
    elif not query.like and not query.images:
        raise UsageError("The query is empty.", 'Say what to look for: mmsearch query "revenue chart"')
    for image in query.images:
        _add_picture(parts, folder, snapshot, image)
    for sign, listed in ((1.0, query.like), (-1.0, query.minus)):
        for part in listed:
            if part.file is not None:
                _add_file(parts, folder, snapshot, part.file, sign * part.weight)
            else:
                _add_text(parts, folder, snapshot, part, sign)
    asked = Asked(parsed, _summed(parts.vectors), parts.wordings, frozenset(parts.without), frozenset(parts.assets))
    return asked, list(dict.fromkeys(parts.notes))


def ask(folder: IndexFolder, snapshot: Snapshot, text: str) -> tuple[Asked, list[str]]:
    """A text query, encoded for every space that can take it, and what there is to say about that."""
    parsed = parse(text)
    if not parsed.text.strip():
        raise UsageError("The query only says what must not be there.", "Add what to look for.")
    if not parsed.words and not any(unicodedata.category(sign) == "So" for sign in parsed.text):
        raise UsageError("There are no words in the query, only signs.", "Add a word to look for.")
    vectors, notes = [], []
    for space in snapshot.spaces():
        if View.TEXT not in space.views or not snapshot.holds(space.id):  # no model is loaded to compare with nothing
            continue
        encoded = encode_text(folder, space, parsed.text)
        readable = readable_share(parsed.text, encoded.pieces, encoded.offsets, UNKNOWN_PIECE)
        if not parsed.words and all(piece == UNKNOWN_PIECE for piece in encoded.pieces):
            notes.append(f"The model {space.name} can't read the signs of this query.")
            continue
        notes += [encoded.note] if encoded.note else []
        vectors.append(Vector(space, View.TEXT, encoded.vector, readable))
    return Asked(parsed, vectors), notes


def _add_text(parts: _Parts, folder: IndexFolder, snapshot: Snapshot, part: Part, sign: float) -> None:
    if not part.text.strip():
        raise UsageError("A part of the query is empty.", "Write words, or the name of a file.")
    asked, notes = ask(folder, snapshot, part.text)
    weight = sign * part.weight
    parts.vectors += [(weight, vector) for vector in asked.vectors]
    parts.wordings.append(Wording(asked.parsed.words, weight))
    parts.notes += notes


def _add_picture(parts: _Parts, folder: IndexFolder, snapshot: Snapshot, path: bytes) -> None:
    """A picture that need not be in the index; if it is, it may be found."""
    from mmsearch.retrieval.outside import passages_of

    passages = passages_of(path, Kind.IMAGE)
    name = os.fsdecode(os.path.basename(path))
    if not passages:
        parts.notes.append(f"The built-in model can't see, and there are no words in {name} to search by.")
        return
    parts.notes.append(f"The built-in model can't see: {name} is searched for by the words in it.")
    _add_example(parts, snapshot, fresh(folder, snapshot, passages), 1.0)


def _add_file(parts: _Parts, folder: IndexFolder, snapshot: Snapshot, target: bytes, weight: float) -> None:
    """A file or place of the index by what is stored of it; another file by its words."""
    from mmsearch.retrieval.outside import passages_of

    example = stored(snapshot, target)
    shown = os.fsdecode(target)
    if example is None:
        if not os.path.lexists(target):
            hint = "Index it first: mmsearch index PATH" if is_place(target) else "Check the path."
            raise UsageError(f"The index holds nothing of {shown!r}, and there is no such file.", hint)
        example = fresh(folder, snapshot, passages_of(target))
        if example.words:
            parts.notes.append(f"{os.path.basename(shown)} is not in the index: the words in it are the query.")
    if not example.vectors and not example.words:
        models = chosen([space.name for space in snapshot.spaces()] or ["this index"])
        raise UsageError(
            f"There is nothing in {shown!r} that this index could compare: no words, and no view of {models} takes it.",
            "Say in words what to look for, or make an index with a model that takes such files: --model NAME.",
        )
    _add_example(parts, snapshot, example, weight)


def _add_example(parts: _Parts, snapshot: Snapshot, example: Example, weight: float) -> None:
    spaces = {space.id: space for space in snapshot.spaces()}
    parts.vectors += [
        (weight, Vector(spaces[space_id], view, vector)) for (space_id, view), vector in example.vectors.items()
    ]
    parts.wordings.append(Wording(example.words, weight))
    parts.without |= example.segments
    parts.assets |= {example.asset} if example.asset is not None else set()
    parts.notes += example.notes


def _summed(vectors: Sequence[tuple[float, Vector]]) -> list[Vector]:
    """One vector for each space and view that a wanted part has one in; how readable it is, is the parts' mean."""
    import numpy as np

    groups: dict[str, list[tuple[float, Vector]]] = {}
    for weight, vector in vectors:
        groups.setdefault(vector.name, []).append((weight, vector))
    result = []
    for group in groups.values():
        if len(group) == 1:
            result += [vector for weight, vector in group if weight > 0]
            continue
        wanted = [(weight, vector) for weight, vector in group if weight > 0]
        if not wanted:
            continue
        total = sum(
            (weight * max(vector.readable, LEAST_READABLE) * vector.vector for weight, vector in group),
            np.zeros_like(group[0][1].vector),
        )
        length, most = float(np.linalg.norm(total)), sum(weight for weight, _ in wanted)
        readable = sum(weight * vector.readable for weight, vector in wanted) / most
        if length > LEAST_LENGTH * most * max(readable, LEAST_READABLE):
            first = wanted[0][1]
            result.append(Vector(first.space, first.view, (total / length).astype(np.float32), readable))
    return result
