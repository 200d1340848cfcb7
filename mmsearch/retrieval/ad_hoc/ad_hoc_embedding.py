"""Files and texts that belong to no index, split into segments and embedded as when indexing: for the commands `embed`
and `rank`."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mmsearch.encoding.contents import Space, contents, needs_of
from mmsearch.errors import ExtractionError, ModelUnavailable, UsageError
from mmsearch.retrieval.queries.ad_hoc_files import Files, source_of, words_of
from mmsearch.types import Extracted, Kind, Locator, Needs, Segment, View, chosen

if TYPE_CHECKING:
    import numpy as np

    from mmsearch.models.embedder import Embedder, Role

AT_ONCE = 64  # segments whose media are held in memory


@dataclass(frozen=True, slots=True)
class AdHocInput:
    """A text, or else a file, whose name for messages may be an alias (`-`: standard input)."""

    text: str = ""
    path: bytes | None = None
    alias: bytes = b""

    @property
    def name(self) -> bytes:
        """The alias, the file's name, or the text itself."""
        return self.alias or self.path or os.fsencode(self.text)

    @property
    def shown(self) -> str:
        """The same for messages."""
        return os.fsdecode(self.name)


@dataclass(frozen=True, slots=True, eq=False)
class InputSegment:
    """A segment of the input with this index: what was decoded, and all words, those recognized by OCR too."""

    input_index: int
    kind: Kind
    extracted: Extracted
    words: str


@dataclass(frozen=True, slots=True)
class SkippedFile:
    """The reason why the input with this index has no result, or only a part of it."""

    input_index: int
    sentence: str


@dataclass(frozen=True, slots=True, eq=False)
class Embedded:
    """A part of one view of one segment of the input with this index: a unit vector, float32 (dimension,)."""

    input_index: int
    kind: Kind
    locator: Locator
    view: View
    part: int
    vector: np.ndarray
    words: str


def segments_of(
    files: Files, inputs: Sequence[AdHocInput], needs: Callable[[Kind], Needs]
) -> Iterator[InputSegment | SkippedFile]:
    """The segments of the inputs in order; a `SkippedFile` for an input that can't be opened or was read in part."""
    for number, item in enumerate(inputs):
        if item.path is None:
            yield InputSegment(number, Kind.TEXT, Extracted(Segment(0, Locator(), item.text)), item.text)
            continue
        try:
            source = source_of(item.path)
            result = files.read(source, needs(source.kind))
        except (UsageError, ExtractionError) as error:
            sentence = error.sentence if isinstance(error, UsageError) else f"{item.shown!r}: {error.sentence}"
            yield SkippedFile(number, sentence)
            continue
        for one, words in zip(result.segments, words_of(result.segments), strict=True):
            yield InputSegment(number, source.kind, one, words)
        if result.failure is not None:
            yield SkippedFile(number, f"{item.shown!r} was read in part: {result.failure.sentence}")


class Embedding:
    """Embeds segments by one model, limited to some of its views."""

    def __init__(self, embedder: Embedder, views: frozenset[View] | None = None, ocr: str = "auto") -> None:
        self._embedder = embedder
        self._space = Space(0, embedder, (views or embedder.views) & embedder.views, embedder.fingerprint())
        held = self._space.views
        limited = {str(view): self._space.fingerprint[view] for view in held}
        self._needs = needs_of([limited], ocr if View.TEXT in held else "never")
        self._rate = self._needs.sound_rate

    def embed(
        self, files: Files, inputs: Sequence[AdHocInput], role: Role = "document", instruction: str | None = None
    ) -> Iterator[Embedded | SkippedFile]:
        """Every view of every segment of the inputs, in order; a `SkippedFile` for what has no vector."""
        waiting: list[InputSegment] = []
        unused = set(range(len(inputs)))
        for one in segments_of(files, inputs, lambda kind: self._needs):
            if isinstance(one, SkippedFile):
                unused.discard(one.input_index)
                yield one
                continue
            waiting.append(one)
            if len(waiting) == AT_ONCE:
                yield from _noting_used(self._embedded(waiting, role, instruction), unused)
                waiting = []
        yield from _noting_used(self._embedded(waiting, role, instruction), unused)
        able = chosen(sorted(self._space.views))
        for number in sorted(unused):
            name = self._embedder.name
            yield SkippedFile(number, f"{name} takes {able}, and there is nothing of it in {inputs[number].shown!r}.")

    def _embedded(
        self, segments: Sequence[InputSegment], role: Role, instruction: str | None
    ) -> Iterator[Embedded | SkippedFile]:
        items: list[tuple[InputSegment, View, int, Any]] = []
        for segment in segments:
            parts: dict[View, int] = {}
            for view, content in contents(segment.extracted, segment.words, self._space, self._rate):
                items.append((segment, view, parts.setdefault(view, 0), content))
                parts[view] += 1
        by_view: dict[View, list[int]] = {}
        for number, (_, view, _, _) in enumerate(items):
            by_view.setdefault(view, []).append(number)
        result: dict[int, np.ndarray | str] = {}
        for view, numbers in by_view.items():
            vectors = self._vectors(view, [items[number][3] for number in numbers], role, instruction)
            result.update(zip(numbers, vectors, strict=True))
        for number, (segment, view, part, _) in enumerate(items):
            vector = result[number]
            if isinstance(vector, str):
                yield SkippedFile(segment.input_index, vector)
            else:
                place = segment.extracted.segment.locator
                yield Embedded(segment.input_index, segment.kind, place, view, part, vector, segment.words)

    def _vectors(
        self, view: View, contents: Sequence[Any], role: Role, instruction: str | None
    ) -> list[np.ndarray | str]:
        """A vector for each content, or the reason, a sentence, why there is none."""
        try:
            return list(self._embedder.embed(view, contents, role, instruction))
        except (UsageError, ModelUnavailable, MemoryError):
            raise
        except Exception as error:  # libraries raise a dozen types for unsupported content
            if len(contents) > 1:
                return [vector for one in contents for vector in self._vectors(view, [one], role, instruction)]
            lines = str(error).splitlines()
            return [f"{self._embedder.name} can't take it: {lines[0] if lines else type(error).__name__}"]


def _noting_used(result: Iterable[Embedded | SkippedFile], unused: set[int]) -> Iterator[Embedded | SkippedFile]:
    for one in result:
        unused.discard(one.input_index)
        yield one
