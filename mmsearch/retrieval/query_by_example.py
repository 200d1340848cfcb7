"""Files as queries: one of the index by its stored embeddings and words, another one encoded by every view of every
space that can take it, and by the words in it."""

from __future__ import annotations

import contextlib
import os
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from mmsearch.errors import ExtractionError, UsageError
from mmsearch.models import builtin
from mmsearch.query import RunOptions
from mmsearch.retrieval.queries.ad_hoc_files import Contents, Files, ocr_loading, source_of, words_of
from mmsearch.retrieval.queries.query_files import QueryFile, external_file, stored_file
from mmsearch.retrieval.query_encoding import QueryEncoders, media_needs, query_views, unit
from mmsearch.retrieval.words.word_scoring import idf
from mmsearch.store.file_text import asset_of
from mmsearch.store.snapshot import Snapshot
from mmsearch.store.spaces import SpaceRow, is_late
from mmsearch.store.tokenization import tokens
from mmsearch.store.vocabulary import WORDS, Vocabulary
from mmsearch.types import MEDIA_VIEWS, Extracted, Kind, Needs, Source, View, chosen

if TYPE_CHECKING:
    import numpy as np

WORDS_ASKED = 40  # most informative terms of an example; more of them change nothing
_PLACE = re.compile(rb"^(?P<path>.+?)#(?:page=(?P<page>\d+)|t=(?P<time>\d+(?:\.\d+)?)(?:,[\d.]*)?)$", re.DOTALL)
MOST_DIGITS = 12  # of a page number
SPANS = 3  # that are decoded at most, until there are words
SPANS_COMPARED = 4  # that are decoded for their fingerprints
ENOUGH = 2_000  # characters
PAGES_READ = 2  # pictures whose words are read
PASSAGES = 4  # of its words: its beginning stands for it
CALLED = {View.IMAGE: "image", View.AUDIO: "sound", View.VIDEO: "motion"}


@dataclass(frozen=True, slots=True, eq=False)
class Example:
    """A file as a query: what was encoded of it by (space id, view), unit vectors, float32 (dimension,), its most
    informative terms, and what of the index it is."""

    vectors: Mapping[tuple[int, View], np.ndarray] = field(default_factory=dict)
    words: tuple[str, ...] = ()
    asset: int | None = None
    segments: frozenset[int] = frozenset()  # of the whole asset
    file: QueryFile | None = None  # by which its copies are found
    hidden: frozenset[int] = frozenset()  # files that are not to be found: itself


def is_place(target: bytes) -> bool:
    """Whether a target is written as a place in a file (`PATH#page=3`, `PATH#t=75`)."""
    return _PLACE.match(target) is not None


def stored_example(snapshot: Snapshot, target: bytes) -> Example | None:
    """A file of the index, or a place in one, as a query; None where the index holds no such file. Raises `UsageError`
    for a place that is not in it."""
    path, asset_id, own, page = _segments(snapshot, target)
    if asset_id is None:
        return None
    every = snapshot.connection.execute("SELECT id FROM segments WHERE asset_id = ?", (asset_id,)).fetchall()
    vectors = {}
    for space in (space for space in snapshot.spaces() if not is_late(space)):
        for view in space.views:
            matrix = snapshot.vectors(space.id, view, own)
            if len(matrix):
                vectors[space.id, View(view)] = unit(matrix.mean(axis=0))
    table = Vocabulary(snapshot.connection, WORDS, False)
    held = table.words(own[:200])
    words = _most_informative(table, (word for words in held.values() for word in words))
    file = stored_file(snapshot, asset_id, own, page, len(own) == len(every), vectors, words)
    hidden = frozenset(file_id for file_id, name in snapshot.files_of([asset_id]).get(asset_id, []) if name == path)
    return Example(vectors, words, asset_id, frozenset(row[0] for row in every), file, hidden)


def _segments(snapshot: Snapshot, target: bytes) -> tuple[bytes, int | None, list[int], int | None]:
    """The path and the asset that a target means, those of its segments, and the page where it names one."""
    path, found = _file(snapshot, target)
    place = _PLACE.match(target) if found is None else None
    if place is not None:
        path, found = _file(snapshot, place["path"])
    if found is None:
        return path, None, [], None
    condition, values = "", [float(found)]
    if place is not None and place["page"]:
        if len(place["page"]) > MOST_DIGITS:  # SQLite takes numbers of 64 bits
            raise _no_place(target)
        condition, values = " AND page = ?", [found, int(place["page"])]
    elif place is not None:
        moment = float(place["time"])
        condition, values = " AND start_s <= ? AND end_s > ?", [found, moment, moment]
    ids = [
        row[0]
        for row in snapshot.connection.execute(
            f"SELECT id FROM segments WHERE asset_id = ?{condition} ORDER BY ordinal", values
        )
    ]
    if place is not None and not ids:
        raise _no_place(target)
    return path, found, ids, int(place["page"]) if place is not None and place["page"] else None


def _no_place(target: bytes) -> UsageError:
    return UsageError(f"There is no such place: {os.fsdecode(target)!r}.", "Pages count from 1, times are seconds.")


def _file(snapshot: Snapshot, path: bytes) -> tuple[bytes, int | None]:
    """A path as the index holds it, and its asset."""
    for wanted in (os.path.abspath(path), os.path.realpath(path)):
        _, asset_id = asset_of(snapshot.connection, snapshot.roots.values(), wanted)
        if asset_id is not None:
            return wanted, asset_id
    return path, None


def _most_informative(table: Vocabulary, words: Iterable[str]) -> tuple[str, ...]:
    """The terms with the highest tf-idf: frequent in the example, in few segments of the index."""
    counts = Counter(words)
    weighed = {word: count * idf(table.rows, table.frequency(word)) for word, count in counts.most_common(400)}
    return tuple(sorted(weighed, key=lambda word: (-weighed[word], word))[:WORDS_ASKED])


@dataclass(frozen=True, slots=True, eq=False)
class ExternalQuery:
    """A file as a query: by space and view, what was encoded of it, unit vectors, float32 (dimension,); its words, as
    far as they were asked for; the spaces that embedded it together with a text; and notes."""

    name: str
    vectors: Mapping[tuple[int, View], np.ndarray]
    passages: list[str]
    fused: frozenset[int]
    file: QueryFile
    notes: tuple[str, ...] = ()

    def example(self, snapshot: Snapshot) -> Example:
        """The same as an example, with its most informative terms."""
        table = Vocabulary(snapshot.connection, WORDS, False)
        words = _most_informative(table, tokens("\n".join(self.passages)))
        return Example(self.vectors, words, file=replace(self.file, terms=words))


def encode_external(
    encoders: QueryEncoders,
    snapshot: Snapshot,
    path: bytes,
    kind: Kind | None,
    words: bool,
    text: str,
    options: RunOptions,
) -> ExternalQuery:
    """Open a file in a worker process, as when indexing, and encode it. With `words` its words are read and encoded
    too; without, only where no space takes its media, or only the built-in media models, which don't read. A `text`
    goes with a picture where the model takes both.

    Raises `UsageError` when it can't be decoded, or is not of the `kind` asked for."""
    source = source_of(path, kind)
    rows = [row for row in snapshot.spaces() if snapshot.holds(row.id) and not is_late(row)]
    able = [row for row in rows if query_views(row) & MEDIA_VIEWS[source.kind]]
    needs = media_needs(able, "always" if source.kind is Kind.IMAGE else "auto")
    words = words or all(builtin.is_builtin(row.name) for row in able)
    with ocr_loading() if words and source.kind is Kind.IMAGE else contextlib.nullcontext():
        contents, further = _decoded(source, needs, words)
        segments = contents.segments
        vectors, fused, notes = _media_vectors(encoders, able, segments, needs.sound_rate, source.kind, text, options)
    passages = words_of(segments, PAGES_READ) if words or not vectors else []
    passages = [passage for passage in passages if passage.strip()]
    own, parts = _text_vectors(encoders, rows, passages, options)
    whole = max(contents.spans, SPANS_COMPARED) >= len(contents.probe.spans)
    file = external_file(snapshot, source, contents, further, whole, own | vectors)
    return ExternalQuery(os.fsdecode(os.path.basename(path)), own | vectors, passages, fused, file, (*notes, *parts))


def _media_vectors(
    encoders: QueryEncoders,
    rows: Iterable[SpaceRow],
    segments: Sequence[Extracted],
    sound_rate: int,
    kind: Kind,
    text: str,
    options: RunOptions,
) -> tuple[dict[tuple[int, View], np.ndarray], frozenset[int], list[str]]:
    """The media vectors of a file in every space; the spaces that embedded the text together with the image; and
    notes."""
    vectors: dict[tuple[int, View], np.ndarray] = {}
    fused: set[int] = set()
    notes: list[str] = []
    images = [segment.image for segment in segments if segment.image is not None]
    for row in rows:
        both = text and images and kind is Kind.IMAGE
        joined = encoders.encode_fused(row, text, images[0], options) if both else None
        if joined is not None:
            fused.add(row.id)
            found, parts = {View.IMAGE: joined[0]}, joined[1]
        else:
            found, parts = encoders.encode_media(row, segments, sound_rate, options)
        vectors |= {(row.id, view): vector for view, vector in found.items()}
        notes += parts
    return vectors, frozenset(fused), notes


def _text_vectors(
    encoders: QueryEncoders, rows: Iterable[SpaceRow], passages: Sequence[str], options: RunOptions
) -> tuple[dict[tuple[int, View], np.ndarray], tuple[str, ...]]:
    """The passages as one vector in every space that takes text, and notes."""
    vectors: dict[tuple[int, View], np.ndarray] = {}
    notes: list[str] = []
    for row in rows:
        if View.TEXT in query_views(row) and passages:
            encoded = [encoders.encode_text(row, passage, options) for passage in passages[:PASSAGES]]
            vectors[row.id, View.TEXT] = unit(sum((one.vector for one in encoded[1:]), encoded[0].vector))
            notes += [note for one in encoded for note in one.notes]
    return vectors, tuple(notes)


def compared_by(snapshot: Snapshot, one: ExternalQuery) -> str:
    """By what a file is compared, in words: `its image (clip) and the words in it`."""
    names = {row.id: row.name for row in snapshot.spaces()}
    parts = []
    for view, called in CALLED.items():
        models = [names[space_id] for space_id, of in one.vectors if of is view]
        parts += [f"its {called} ({', '.join(models)})"] if models else []
    parts += ["the words in it"] if one.passages else []
    return " and ".join(parts)


def why_not_encoded(snapshot: Snapshot, kind: Kind, name: str) -> str:
    """Why no model of the index takes a file of this kind, as the beginning of a sentence."""
    able = [row.name for row in snapshot.spaces() if query_views(row) & MEDIA_VIEWS[kind]]
    if able:
        return f"There is nothing in {name} that {chosen(able)} could take"
    models = " and ".join(row.name for row in snapshot.spaces()) or "this index"
    return f"{models} can't {'hear' if kind is Kind.AUDIO else 'see'} {name}"


def _decoded(source: Source, needs: Needs, words: bool) -> tuple[Contents, list[Extracted]]:
    """The first spans of a file, and the segments of further ones, of which only fingerprints are wanted."""
    with Files() as files:
        try:
            contents = files.read(source, needs, SPANS if words else 1, ENOUGH)
        except ExtractionError as error:
            shown_path = os.fsdecode(source.path)
            raise UsageError(f"{shown_path!r} can't be decoded: {error.sentence}", "Try another file.") from error
        further: list[Extracted] = []
        with contextlib.suppress(ExtractionError):  # what is damaged further on does not make it another file
            for number in _fingerprinted(source.kind, len(contents.probe.spans)):
                if number >= contents.spans:
                    further += files.span(source, contents.probe, number, Needs(ocr="never")).segments
        return contents, further


def _fingerprinted(kind: Kind, spans: int) -> list[int]:
    """The spans of a file that are decoded for its fingerprints: of sound only the ends have one."""
    return [spans - 1] if kind is Kind.AUDIO else list(range(min(spans, SPANS_COMPARED)))
