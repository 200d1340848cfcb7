"""A file that need not be in the index, as a query: encoded by every view of every space that can take it, and by its
words."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mmsearch.encoding.ad_hoc_files import Files, ocr_loading, source_of, words_of
from mmsearch.encoding.query_encoding import encode_fused, encode_media, encode_text, media_needs, query_views, unit
from mmsearch.errors import ExtractionError, UsageError
from mmsearch.models import builtin
from mmsearch.store.layout import IndexFolder
from mmsearch.store.snapshot import Snapshot
from mmsearch.store.spaces import SpaceRow
from mmsearch.types import MEDIA_VIEWS, Extracted, Kind, Needs, Query, Source, View, chosen

if TYPE_CHECKING:
    import numpy as np

SPANS = 3  # that are decoded at most, until there are words
ENOUGH = 2_000  # characters
PAGES_READ = 2  # pictures whose words are read
PASSAGES = 4  # of its words: its beginning stands for it
CALLED = {View.IMAGE: "look", View.AUDIO: "sound", View.VIDEO: "motion"}


@dataclass(frozen=True, slots=True, eq=False)
class ExternalQuery:
    """A file as a query: by space and view, what was encoded of it, unit vectors, float32 (dimension,); its words, as
    far as they were asked for; the spaces that took it together with a text; and what there is to say."""

    name: str
    vectors: Mapping[tuple[int, View], np.ndarray]
    passages: list[str]
    fused: frozenset[int]
    notes: tuple[str, ...] = ()


def encode_external(
    folder: IndexFolder, snapshot: Snapshot, path: bytes, kind: Kind | None, words: bool, text: str, query: Query
) -> ExternalQuery:
    """Open a file in a worker process, as when indexing, and encode it. With `words` its words are read and encoded
    too; without, only where no space can see or hear it, or only the built-in senses, which can't read. A `text` goes
    with a picture where the model takes both.

    Raises `UsageError` when it can't be decoded, or is not of the `kind` asked for."""
    source = source_of(path, kind)
    rows = [row for row in snapshot.spaces() if snapshot.holds(row.id)]
    able = [row for row in rows if query_views(row) & MEDIA_VIEWS[source.kind]]
    needs = media_needs(able, "always" if source.kind is Kind.IMAGE else "auto")
    words = words or all(builtin.is_builtin(row.name) for row in able)
    with ocr_loading() if words and source.kind is Kind.IMAGE else contextlib.nullcontext():
        pieces = _pieces(source, needs, words)
        vectors, fused, notes = _media_vectors(folder, able, pieces, needs.sound_rate, source.kind, text, query)
    passages = words_of(pieces, PAGES_READ) if words or not vectors else []
    passages = [passage for passage in passages if passage.strip()]
    own, said = _text_vectors(folder, rows, passages, query)
    return ExternalQuery(os.fsdecode(os.path.basename(path)), own | vectors, passages, fused, (*notes, *said))


def _media_vectors(
    folder: IndexFolder,
    rows: Iterable[SpaceRow],
    pieces: Sequence[Extracted],
    sound_rate: int,
    kind: Kind,
    text: str,
    query: Query,
) -> tuple[dict[tuple[int, View], np.ndarray], frozenset[int], list[str]]:
    """What the pieces of a file look and sound like in every space; the spaces that took the text together with the
    picture; and what there is to say."""
    vectors: dict[tuple[int, View], np.ndarray] = {}
    fused: set[int] = set()
    notes: list[str] = []
    looks = [one.image for one in pieces if one.image is not None]
    for row in rows:
        both = text and looks and kind is Kind.IMAGE
        joined = encode_fused(folder, row, text, looks[0], query) if both else None
        if joined is not None:
            fused.add(row.id)
            found, said = {View.IMAGE: joined[0]}, joined[1]
        else:
            found, said = encode_media(folder, row, pieces, sound_rate, query)
        vectors |= {(row.id, view): vector for view, vector in found.items()}
        notes += said
    return vectors, frozenset(fused), notes


def _text_vectors(
    folder: IndexFolder, rows: Iterable[SpaceRow], passages: Sequence[str], query: Query
) -> tuple[dict[tuple[int, View], np.ndarray], tuple[str, ...]]:
    """Passages in every space that takes words, as one vector, and what there is to say."""
    vectors: dict[tuple[int, View], np.ndarray] = {}
    notes: list[str] = []
    for row in rows:
        if View.TEXT in query_views(row) and passages:
            encoded = [encode_text(folder, row, passage, query) for passage in passages[:PASSAGES]]
            vectors[row.id, View.TEXT] = unit(sum((one.vector for one in encoded[1:]), encoded[0].vector))
            notes += [note for one in encoded for note in one.notes]
    return vectors, tuple(notes)


def compared_by(snapshot: Snapshot, one: ExternalQuery) -> str:
    """By what a file is compared, in words: `its look (clip) and its words`."""
    names = {row.id: row.name for row in snapshot.spaces()}
    said = []
    for view, called in CALLED.items():
        models = [names[space_id] for space_id, of in one.vectors if of is view]
        said += [f"its {called} ({', '.join(models)})"] if models else []
    said += ["the words in it"] if one.passages else []
    return " and ".join(said)


def why_not_encoded(snapshot: Snapshot, kind: Kind, name: str) -> str:
    """Why no model of the index has seen or heard a file of this kind, as the beginning of a sentence."""
    able = [row.name for row in snapshot.spaces() if query_views(row) & MEDIA_VIEWS[kind]]
    if able:
        return f"There is nothing in {name} that {chosen(able)} could take"
    models = " and ".join(row.name for row in snapshot.spaces()) or "this index"
    return f"{models} can't {'hear' if kind is Kind.AUDIO else 'see'} {name}"


def _pieces(source: Source, needs: Needs, words: bool) -> list[Extracted]:
    with Files() as files:
        try:
            return files.read(source, needs, SPANS if words else 1, ENOUGH).pieces
        except ExtractionError as error:
            shown_path = os.fsdecode(source.path)
            raise UsageError(f"{shown_path!r} can't be decoded: {error.sentence}", "Try another file.") from error
