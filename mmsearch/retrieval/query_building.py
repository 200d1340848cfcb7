"""The parts of a query (text, pictures, sounds, films, `--like`, `--minus`) are encoded and combined.

Vectors: a text, picture, sound or film is encoded once in each space that can take it, and compared with all views that
the space stores: with those of its own modality where there are any, otherwise across modalities. Within one view the
parts' unit vectors are added by weight, those of `--minus` subtracted, and the sum is normalized, as rclip does. Parts
of different modalities are compared and calibrated separately and combined by score, unless the model takes a text and
a picture as one input. A view is searched when a wanted part has a vector for it; vectors of `--minus` alone are
dropped, since the opposite of a concept is no concept. A text is weighted by its token coverage.
Words: the typed words weigh 1, those of a file its weight; words of `--minus` are a penalty (see `ranking.py`), while
`-word` in the text excludes. A place whose score the penalty brings to 0 or below is no hit.
Names: those of the typed words, minus what the unwanted words find there.
"""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from mmsearch.errors import UsageError
from mmsearch.models import builtin
from mmsearch.query import Part, Query, RunOptions, file_paths
from mmsearch.retrieval.picture_queries import picture_vectors
from mmsearch.retrieval.queries.query_parsing import MAX_CHARACTERS, Parsed, parse
from mmsearch.retrieval.query_encoding import QueryEncoders, is_unknown, query_views, unit
from mmsearch.retrieval.signals import LEAST_COVERAGE, EncodedQuery, Vector, Wording
from mmsearch.store.snapshot import Snapshot
from mmsearch.store.spaces import SpaceRow
from mmsearch.store.tokenization import tokens
from mmsearch.types import Kind, View, chosen

if TYPE_CHECKING:
    import numpy as np

    from mmsearch.retrieval.queries.query_files import QueryFile
    from mmsearch.retrieval.query_by_example import Example

LEAST_LENGTH = 0.1  # of a sum of vectors: a shorter one was cancelled by --minus, and its direction means nothing
STANDS_IN = (View.VIDEO, View.IMAGE, View.AUDIO, View.TEXT)  # used for a view that a file lacks, in this order


@dataclass(slots=True)
class _Parts:
    """The parts of a query so far: vectors with their weights, words of others than the typed text, what to hide."""

    encoders: QueryEncoders
    snapshot: Snapshot
    options: RunOptions
    only_files: bool = False  # the query consists of files
    vectors: list[tuple[float, Vector]] = field(default_factory=list)
    wordings: list[Wording] = field(default_factory=list)
    fused: set[int] = field(default_factory=set)  # spaces that took the typed words together with the picture
    without: set[int] = field(default_factory=set)
    hidden: set[int] = field(default_factory=set)
    files: list[QueryFile] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def build_query(
    encoders: QueryEncoders, snapshot: Snapshot, query: Query, options: RunOptions
) -> tuple[EncodedQuery, list[str]]:
    """A query, encoded for every space and view that can take it, and notes about that. Raises `UsageError` for one
    that searches for nothing, and for a file that no view can take."""
    typed = query.text.strip()
    only_files = not typed and not query.minus and all(part.file is not None for part in query.like)
    parts = _Parts(encoders, snapshot, options, only_files)
    given = ((Kind.IMAGE, query.images), (Kind.AUDIO, query.audios), (Kind.VIDEO, query.videos))
    media = [(kind, path) for kind, paths in given for path in file_paths(paths)]
    if not typed and not media and not query.like:
        if query.minus:
            raise UsageError("The query only says what should be less.", "Add what to look for: TEXT or --like FILE.")
        raise UsageError("The query is empty.", 'Say what to look for: mmsearch query "revenue chart"')
    parsed = _checked(query.text, query.literal) if typed else Parsed("", (), (), ())
    for kind, path in media:
        _add_medium(parts, kind, path, parsed.text if len(media) == 1 else "")
    if len(query.text) > MAX_CHARACTERS:
        parts.notes.append(f"Only the first {MAX_CHARACTERS:,} characters of the query are searched for.")
    if typed:
        _add_words(parts, parsed, 1.0)
    for sign, listed in ((1.0, query.like), (-1.0, query.minus)):
        for part in listed:
            if part.file is not None:
                _add_file(parts, os.fsencode(part.file), sign * part.weight)
            else:
                _add_text(parts, part, sign)
    asked = EncodedQuery(
        parsed,
        _summed(parts.vectors),
        parts.wordings,
        frozenset(parts.without),
        frozenset(parts.hidden),
        tuple(parts.files) if only_files else (),
    )
    return asked, list(dict.fromkeys(parts.notes))


def _checked(text: str, literal: bool = False) -> Parsed:
    """A text query, read. Raises `UsageError` where it asks nothing."""
    parsed = parse(text, literal)
    if not parsed.text.strip():
        raise UsageError("The query has no words to search for.", "Add a word to search for.")
    if not parsed.words and not any(unicodedata.category(sign) == "So" for sign in parsed.text):
        raise UsageError("There are no words in the query, only signs.", "Add a word to look for.")
    return parsed


def _add_words(parts: _Parts, parsed: Parsed, weight: float) -> None:
    """A text in every space that can take it."""
    for space in parts.snapshot.spaces():
        if View.TEXT not in query_views(space) or space.id in parts.fused:
            continue
        if not parts.snapshot.holds(space.id):  # no model is loaded to compare with nothing
            continue
        encoded = parts.encoders.encode_text(space, parsed.text, parts.options)
        if not tokens(parsed.text) and all(is_unknown(token) for token in encoded.tokens):
            parts.notes.append(f"The model {space.name} can't read the signs of this query.")
            continue
        parts.notes += encoded.notes
        coverage = encoded.coverage(parsed.text)
        found = _for_views(space, {View.TEXT: encoded.vector}, coverage)
        parts.vectors += [(weight, replace(one, tokens=encoded.token_vectors)) for one in found]
    parts.vectors += [(weight, one) for one in _concept_vectors(parts, parsed.text)]


def _concept_vectors(parts: _Parts, text: str) -> list[Vector]:
    """A text as queries of the built-in media models that the index holds embeddings of: the image encoder; the audio
    features where the text names a kind of sound, since other texts would only match noise there."""
    snapshot = parts.snapshot
    spaces = {space.name: space for space in snapshot.spaces()}
    result = picture_vectors(parts.encoders, snapshot, text, parts.options)
    sounds = spaces.get(builtin.EARS)
    if sounds is not None and snapshot.holds(sounds.id):
        from mmsearch.models.media.audio_features import named_sound

        if sound := named_sound(text):
            result.append(Vector(sounds, View.AUDIO, sound.vector, made_of=str(View.TEXT), scale=sound.scale))
    return result


def _add_text(parts: _Parts, part: Part, sign: float) -> None:
    if not part.text.strip():
        raise UsageError("A part of the query is empty.", "Write words, or the name of a file.")
    parsed = _checked(part.text)
    _add_words(parts, parsed, sign * part.weight)
    parts.wordings.append(Wording(parsed.words, sign * part.weight))


def _add_medium(parts: _Parts, kind: Kind, path: bytes, text: str) -> None:
    """A picture, sound or film that need not be in the index; if it is, it may be found. With `text`, a space whose
    model takes both takes them as one."""
    from mmsearch.retrieval import query_by_example

    one = query_by_example.encode_external(parts.encoders, parts.snapshot, path, kind, False, text, parts.options)
    parts.fused |= one.fused
    views = {view for _, view in one.vectors}
    if not views - {View.TEXT}:
        said = query_by_example.why_not_encoded(parts.snapshot, kind, one.name)
        by_words = "it is searched for by the words in it"
        parts.notes.append(f"{said}{f': {by_words}.' if one.passages else ', and there are no words to search by.'}")
    elif View(kind.value) not in views:
        parts.notes.append(f"{one.name} is compared by {query_by_example.compared_by(parts.snapshot, one)}.")
    parts.notes += one.notes
    _add_example(parts, one.example(parts.snapshot), 1.0)


def _add_file(parts: _Parts, target: bytes, weight: float) -> None:
    """A file or place of the index by its stored embeddings and words; another file by all of its views and words."""
    from mmsearch.retrieval import query_by_example

    example = query_by_example.stored_example(parts.snapshot, target)
    name = os.fsdecode(target)
    if example is None:
        if not os.path.lexists(target):
            hint = "Index it first: mmsearch index PATH" if query_by_example.is_place(target) else "Check the path."
            raise UsageError(f"The index holds nothing of {name!r}, and there is no such file.", hint)
        one = query_by_example.encode_external(parts.encoders, parts.snapshot, target, None, True, "", parts.options)
        example = one.example(parts.snapshot)
        ways = query_by_example.compared_by(parts.snapshot, one)
        parts.notes += [f"{one.name} is not in the index: it is compared by {ways}."] if ways else []
        parts.notes += one.notes
    if not example.vectors and not example.words:
        models = chosen([space.name for space in parts.snapshot.spaces()] or ["this index"])
        if not (parts.only_files and example.file is not None and example.file.comparable()):
            raise UsageError(
                f"There is nothing in {name!r} that this index could compare: no words, and no view of {models} takes"
                " it.",
                "Say in words what to look for, or make an index with a model that takes such files: --model NAME.",
            )
        parts.notes.append(f"Only copies of {os.path.basename(name)} are looked for: {models} can't take it.")
    _add_example(parts, example, weight)


def _add_example(parts: _Parts, example: Example, weight: float) -> None:
    for space in parts.snapshot.spaces():
        own = {view: vector for (space_id, view), vector in example.vectors.items() if space_id == space.id}
        parts.vectors += [(weight, one) for one in _for_views(space, own)]
    parts.wordings.append(Wording(example.words, weight))
    parts.hidden |= example.hidden
    if example.file is not None:
        parts.files.append(example.file)
    if example.asset is not None:
        shown = parts.snapshot.files_of([example.asset]).get(example.asset, [])
        if weight < 0:  # what is subtracted is not to be found under any name
            parts.hidden |= {file_id for file_id, _ in shown}
        if {file_id for file_id, _ in shown} <= parts.hidden:
            parts.without |= example.segments


def _for_views(space: SpaceRow, own: Mapping[View, np.ndarray], coverage: float = 1.0) -> list[Vector]:
    """The vectors of one input of a query, for each view that a space stores."""
    result = []
    for view in space.views:
        made_of = view if view in own else next((other for other in STANDS_IN if other in own), None)
        if made_of is not None:
            vector = own[View(made_of)]
            result.append(Vector(space, view, vector, coverage if made_of == View.TEXT else 1.0, str(made_of)))
    return result


def _summed(vectors: Sequence[tuple[float, Vector]]) -> list[Vector]:
    """One vector for each space, view and modality of the input, for views for which a wanted part has one. Its token
    coverage is the mean of the wanted parts', its weight their sum."""
    groups: dict[tuple[str, str], list[tuple[float, Vector]]] = {}
    for weight, vector in vectors:
        groups.setdefault((vector.name, vector.made_of), []).append((weight, vector))
    result = [one for group in groups.values() if (one := _sum(group)) is not None]
    asked = {vector.name for vector in result if vector.weight > 0}
    return [vector for vector in result if vector.name in asked]


def _sum(group: Sequence[tuple[float, Vector]]) -> Vector | None:
    """The parts of one kind as one vector; one of a weight below 0 where none of them is wanted; None where nothing is
    left."""
    import numpy as np

    first = group[0][1]
    wanted = [(weight, vector) for weight, vector in group if weight > 0]
    if not wanted:
        group = wanted = [(-weight, vector) for weight, vector in group]
        sign = -1.0
    else:
        sign = 1.0
    most = sum(weight for weight, _ in wanted)
    if first.tokens is not None:
        return _joined_tokens(wanted) if sign > 0 else None
    if len(group) == 1:
        return replace(first, weight=sign * most)
    total = sum(
        (weight * max(vector.token_coverage, LEAST_COVERAGE) * vector.vector for weight, vector in group),
        np.zeros_like(first.vector),
    )
    length = float(np.linalg.norm(total))
    coverage = sum(weight * vector.token_coverage for weight, vector in wanted) / most
    if length <= LEAST_LENGTH * most * max(coverage, LEAST_COVERAGE):
        return None
    return replace(first, vector=(total / length).astype(np.float32), token_coverage=coverage, weight=sign * most)


def _joined_tokens(wanted: Sequence[tuple[float, Vector]]) -> Vector:
    """The wanted texts of a query of late interaction as one: all of their token vectors, and the mean direction. Words
    of `--minus` only count as words there: a score by the best of many vectors has no opposite."""
    import numpy as np

    most = sum(weight for weight, _ in wanted)
    total = np.sum([weight * vector.vector for weight, vector in wanted], axis=0)
    tokens = np.concatenate([vector.tokens for _, vector in wanted if vector.tokens is not None])
    coverage = sum(weight * vector.token_coverage for weight, vector in wanted) / most
    return replace(wanted[0][1], vector=unit(total), tokens=tokens, token_coverage=coverage, weight=most)
