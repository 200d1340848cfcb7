"""The contents of segments that a space can embed, by view, within the limits of its model."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mmsearch.encoding.fitting import fewer, in_parts, resampled
from mmsearch.encoding.jobs import SpanMedia
from mmsearch.models.embedder import Clip, Embedder, TitledText
from mmsearch.types import Extracted, Needs, View


@dataclass(frozen=True, slots=True)
class Space:
    """A space of the index with the embedder that fills it: with these views, within the limits of its fingerprint.
    `others` are the same model on further devices."""

    id: int
    embedder: Embedder
    views: frozenset[View]
    fingerprint: Mapping[str, Mapping[str, Any]]
    others: tuple[Embedder, ...] = ()

    @property
    def replicas(self) -> tuple[Embedder, ...]:
        """The embedder and its others."""
        return (self.embedder, *self.others)

    def limit(self, view: View, name: str) -> float:
        """A limit of the model; 0 where it has none."""
        return float(self.fingerprint[view].get("limits", {}).get(name) or 0)


def needs_of(fingerprints: Iterable[Mapping[str, Mapping[str, Any]]], ocr: str) -> Needs:
    """The needs of extraction for all these models, by the limits of the views in their fingerprints."""
    limits: dict[str, list[Mapping[str, Any]]] = {view.value: [] for view in View}
    for fingerprint in fingerprints:
        for view, facts in fingerprint.items():
            limits[view].append(facts.get("limits", {}))

    def largest(name: str, *views: View) -> int:
        return max((int(one.get(name) or 0) for view in views for one in limits[view]), default=0)

    return Needs(
        image_pixels=largest("max_pixels", View.IMAGE, View.VIDEO),
        sound_rate=largest("rate", View.AUDIO),
        frames=largest("frames", View.VIDEO),
        frame_pixels=largest("max_pixels", View.VIDEO),
        ocr=ocr,
    )


def contents(one: Extracted, words: str, space: Space, sound_rate: int) -> list[tuple[View, Any]]:
    """The contents of a segment that a space can embed, with their views; parts of one view follow each other."""
    found: list[tuple[View, Any]] = []
    if View.TEXT in space.views and words:
        title = str(one.segment.details.get("title") or "")
        parts = space.embedder.split_text(words)
        found += [(View.TEXT, TitledText(part, title) if title else part) for part in parts]
    if View.AUDIO in space.views and one.sound is not None:
        rate = int(space.limit(View.AUDIO, "rate")) or sound_rate
        sound = resampled(one.sound, sound_rate, rate)
        found += [(View.AUDIO, part) for part in in_parts(sound, space.limit(View.AUDIO, "seconds") * rate)]
    if View.VIDEO in space.views and one.frames is not None:
        place = one.segment.locator
        seconds = (place.end_s or 0.0) - (place.start_s or 0.0)
        found.append((View.VIDEO, Clip(fewer(one.frames, int(space.limit(View.VIDEO, "frames"))), seconds)))
    elif View.IMAGE in space.views and one.image is not None:  # of a scene its key frame, for who watches no video
        found.append((View.IMAGE, one.image))
    return found


def present(spans: Sequence[SpanMedia]) -> frozenset[View]:
    """The views of which some spans hold content."""
    every = [one for span in spans for one in span.extracted]
    texts = (text for span in spans for text in read_words(span).values())
    there = {
        View.TEXT: any(texts),
        View.IMAGE: any(one.image is not None for one in every),
        View.AUDIO: any(one.sound is not None for one in every),
        View.VIDEO: any(one.frames is not None for one in every),
    }
    return frozenset(view for view, found in there.items() if found)


def read_words(span: SpanMedia) -> dict[int, str]:
    """By ordinal, all words of each segment of a span: its own text, then recognized text."""
    words = {one.segment.ordinal: [one.segment.text] for one in span.extracted}
    for recognized in span.result.recognized:
        words[recognized.ordinal].append(recognized.text)
    return {number: "\n".join(part for part in parts if part.strip()) for number, parts in words.items()}


def media_bytes(span: SpanMedia) -> int:
    """The memory of the pictures and sounds of a span, in bytes."""
    held = (medium for one in span.extracted for medium in (one.image, one.ocr_image, one.sound, one.frames))
    return sum(medium.nbytes for medium in held if medium is not None)
