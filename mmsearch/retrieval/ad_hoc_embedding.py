"""Files and texts that belong to no index, opened piece by piece and embedded as an index would: what `embed` and
`rank` are made of."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mmsearch.encoding.contents import Space, contents, needs_of
from mmsearch.errors import ExtractionError, ModelUnavailable, UsageError
from mmsearch.retrieval.ad_hoc_files import Files, source_of, words_of
from mmsearch.types import Extracted, Kind, Locator, Needs, Segment, View, chosen

if TYPE_CHECKING:
    import numpy as np

    from mmsearch.models.embedder import Embedder, Role

AT_ONCE = 64  # pieces whose pictures and sounds are held in memory


@dataclass(frozen=True, slots=True)
class AdHocInput:
    """A text, or else a file, which may go by another name (`-`: standard input)."""

    text: str = ""
    path: bytes | None = None
    alias: bytes = b""

    @property
    def name(self) -> bytes:
        """What it is called: the file's name, or the text itself."""
        return self.alias or self.path or os.fsencode(self.text)

    @property
    def shown(self) -> str:
        """The same for messages."""
        return os.fsdecode(self.name)


@dataclass(frozen=True, slots=True, eq=False)
class InputSegment:
    """A piece of a thing, which is known by its number: what was decoded, and all words, those read by OCR too."""

    thing: int
    kind: Kind
    extracted: Extracted
    words: str


@dataclass(frozen=True, slots=True)
class SkippedFile:
    """Why nothing came of a thing, or less than all."""

    thing: int
    sentence: str


@dataclass(frozen=True, slots=True, eq=False)
class Embedded:
    """A part of one view of one piece of a thing: a unit vector, float32 (dimension,)."""

    thing: int
    kind: Kind
    locator: Locator
    view: View
    part: int
    vector: np.ndarray
    words: str


def segments_of(
    files: Files, things: Sequence[AdHocInput], needs: Callable[[Kind], Needs]
) -> Iterator[InputSegment | SkippedFile]:
    """The things in order, piece by piece. What can't be opened is a trouble, not an end."""
    for number, thing in enumerate(things):
        if thing.path is None:
            yield InputSegment(number, Kind.TEXT, Extracted(Segment(0, Locator(), thing.text)), thing.text)
            continue
        try:
            source = source_of(thing.path)
            found = files.read(source, needs(source.kind))
        except (UsageError, ExtractionError) as error:
            sentence = error.sentence if isinstance(error, UsageError) else f"{thing.shown!r}: {error.sentence}"
            yield SkippedFile(number, sentence)
            continue
        for one, words in zip(found.pieces, words_of(found.pieces), strict=True):
            yield InputSegment(number, source.kind, one, words)
        if found.failure is not None:
            yield SkippedFile(number, f"{thing.shown!r} was read in part: {found.failure.sentence}")


class Embedding:
    """Embeds pieces by one model, limited to some of its views."""

    def __init__(self, embedder: Embedder, views: frozenset[View] | None = None, ocr: str = "auto") -> None:
        self._embedder = embedder
        self._space = Space(0, embedder, (views or embedder.views) & embedder.views, embedder.fingerprint())
        held = self._space.views
        limited = {str(view): self._space.fingerprint[view] for view in held}
        self._needs = needs_of([limited], ocr if View.TEXT in held else "never")
        self._rate = self._needs.sound_rate

    def embed(
        self, files: Files, things: Sequence[AdHocInput], role: Role = "document", instruction: str | None = None
    ) -> Iterator[Embedded | SkippedFile]:
        """Every view of every piece of the things, in order; a trouble for what gives no vector."""
        waiting: list[InputSegment] = []
        fruitless = set(range(len(things)))
        for one in segments_of(files, things, lambda kind: self._needs):
            if isinstance(one, SkippedFile):
                fruitless.discard(one.thing)
                yield one
                continue
            waiting.append(one)
            if len(waiting) == AT_ONCE:
                yield from _seen(self._embedded(waiting, role, instruction), fruitless)
                waiting = []
        yield from _seen(self._embedded(waiting, role, instruction), fruitless)
        able = chosen(sorted(self._space.views))
        for number in sorted(fruitless):
            name = self._embedder.name
            yield SkippedFile(number, f"{name} takes {able}, and there is nothing of it in {things[number].shown!r}.")

    def _embedded(
        self, pieces: Sequence[InputSegment], role: Role, instruction: str | None
    ) -> Iterator[Embedded | SkippedFile]:
        items: list[tuple[InputSegment, View, int, Any]] = []
        for piece in pieces:
            parts: dict[View, int] = {}
            for view, content in contents(piece.extracted, piece.words, self._space, self._rate):
                items.append((piece, view, parts.setdefault(view, 0), content))
                parts[view] += 1
        by_view: dict[View, list[int]] = {}
        for number, (_, view, _, _) in enumerate(items):
            by_view.setdefault(view, []).append(number)
        found: dict[int, np.ndarray | str] = {}
        for view, numbers in by_view.items():
            vectors = self._vectors(view, [items[number][3] for number in numbers], role, instruction)
            found.update(zip(numbers, vectors, strict=True))
        for number, (piece, view, part, _) in enumerate(items):
            vector = found[number]
            if isinstance(vector, str):
                yield SkippedFile(piece.thing, vector)
            else:
                place = piece.extracted.segment.locator
                yield Embedded(piece.thing, piece.kind, place, view, part, vector, piece.words)

    def _vectors(
        self, view: View, contents: Sequence[Any], role: Role, instruction: str | None
    ) -> list[np.ndarray | str]:
        """A vector for each content, or the sentence that says why there is none."""
        try:
            return list(self._embedder.embed(view, contents, role, instruction))
        except (UsageError, ModelUnavailable, MemoryError):
            raise
        except Exception as error:  # the libraries raise a dozen types for what they can't take
            if len(contents) > 1:
                return [vector for one in contents for vector in self._vectors(view, [one], role, instruction)]
            lines = str(error).splitlines()
            return [f"{self._embedder.name} can't take it: {lines[0] if lines else type(error).__name__}"]


def _seen(found: Iterable[Embedded | SkippedFile], fruitless: set[int]) -> Iterator[Embedded | SkippedFile]:
    for one in found:
        fruitless.discard(one.thing)
        yield one
