"""The words of a transcript in the segments of its recording, and the embeddings that follow from them."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence

from mmsearch.encoding.encode import text_vectors
from mmsearch.indexing.run_models import Models
from mmsearch.store import spaces
from mmsearch.store.segments import Vectors
from mmsearch.store.transcripts import READER
from mmsearch.types import Cue, View


def placed_words(
    connection: sqlite3.Connection, asset_id: int, cues: Sequence[Cue], is_new: bool
) -> tuple[list[tuple[int, Cue]], dict[int, str]]:
    """Cues with the ordinals of the segments that their middles lie in, and all words of the segments whose words
    change, by ordinal. `is_new`: the words of an older transcript do not count any more."""
    if not cues and not is_new:
        return [], {}
    stored, read = spaces.stored_words(connection, asset_id)
    timed = sorted((one.locator.start_s, one.ordinal) for one in stored if one.locator.start_s is not None)
    placed = []
    for cue in cues if timed else ():
        middle = (cue.start_s + cue.end_s) / 2
        placed.append((max((one for one in timed if one[0] <= middle), default=timed[0])[1], cue))
    changed = {ordinal for ordinal, _ in placed}
    if is_new:
        changed |= {one.ordinal for one in read if one.reader == READER}
        read = [one for one in read if one.reader != READER]
    words = {one.ordinal: [one.text] for one in stored if one.ordinal in changed}
    for ordinal, text in [*((one.ordinal, one.text) for one in read), *((at, cue.text) for at, cue in placed)]:
        if ordinal in words:
            words[ordinal].append(text)
    joined = {ordinal: "\n".join(filter(str.strip, texts)) for ordinal, texts in words.items()}
    return placed, {ordinal: text for ordinal, text in joined.items() if text}


def word_vectors(connection: sqlite3.Connection, models: Models, words: Mapping[int, str]) -> list[Vectors]:
    """The embeddings of the words of segments, by ordinal, in the spaces of a run that are in use or being built.
    Raises what a model raises."""
    if not words:
        return []
    kept = {row.id for row in spaces.all_spaces(connection) if row.recorded.get("state") != spaces.LEAVING}
    rows = [row for row in models.rows if row.id in kept]
    return text_vectors(words, models.load(frozenset({View.TEXT}), rows))
