"""Runs judged queries on an index, and maps its hits to the paths of the judgements."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from mmsearch.errors import UsageError
from mmsearch.evaluation.judgements import JudgedQuery, right_place
from mmsearch.query import DEFAULT_OPTIONS, Answer, Hit, Query, RunOptions
from mmsearch.retrieval.relevance import NOTHING
from mmsearch.types import Locator

ASKED = 50  # files at least, of which unjudged ones are dropped


@dataclass(frozen=True, slots=True)
class RankedAnswer:
    """The answer of an index to a judged query: judged files only, best first, each with the place of its hit.

    answerable: the index holds a right file. passes: the default cutoff leaves hits, judged or not."""

    judged: JudgedQuery
    files: tuple[tuple[str, Locator], ...]
    scores: tuple[float, ...]
    seconds: float
    notes: tuple[str, ...] = ()
    answerable: bool = True
    passes: bool = True

    @property
    def first_right(self) -> bool | None:
        """Whether the first hit is a right file at a right place; None where the index holds no right answer."""
        if not self.answerable or not any(grade > 0 for grade in self.judged.grades.values()):
            return None
        if not self.files:
            return False
        path, found = self.files[0]
        wanted = self.judged.places.get(path)
        return self.judged.grades.get(path, 0) > 0 and (wanted is None or right_place(wanted, found))


class Searching(Protocol):
    """The interface of what is measured; `Index` has it."""

    def search(self, query: Query, options: RunOptions = DEFAULT_OPTIONS, /) -> Answer:
        """The best places for a query."""
        ...

    def paths(self) -> set[bytes]:
        """All files that can be found."""
        ...


def present(judged: Sequence[JudgedQuery], base: bytes) -> tuple[list[JudgedQuery], list[str]]:
    """The queries that can be run, and a note about those whose picture is missing. Raises `UsageError` where none
    can."""
    kept = [one for one in judged if not one.image or os.path.isfile(_picture(one, base))]
    missing = [one.image for one in judged if one.image and not os.path.isfile(_picture(one, base))]
    if not kept:
        raise UsageError("No query can be asked: their pictures are not there.", "Say where they are: --base DIR.")
    count = f"{len(missing)} of {len(judged)} queries were left out: their pictures are not there"
    return kept, [f"{count} ({missing[0]}{', ...' if len(missing) > 1 else ''})."] if missing else []


def _picture(one: JudgedQuery, base: bytes) -> bytes:
    return os.path.join(base, os.fsencode(one.image))


def run(
    index: Searching,
    judged: Sequence[JudgedQuery],
    base: bytes,
    k: int,
    names: bool,
    options: RunOptions = DEFAULT_OPTIONS,
) -> Iterator[RankedAnswer]:
    """Run every query without a cutoff, and check whether the default cutoff leaves hits; `names` switches the names
    signal, `options` may name a reranker. `base` is the absolute folder to which the judgements' paths are relative.
    Rankings end at `k` files. Raises `UsageError` for a file that is no picture."""
    folders = tuple(dict.fromkeys((base, os.path.realpath(base))))
    held = {relative(path, folders) for path in index.paths()}
    for one in judged:
        images = (_picture(one, base),) if one.image else ()
        query = Query(text=one.text, images=images, k=max(ASKED, 5 * k), min_score=0.0, names=names)
        answer = index.search(query, options)
        passes = bool(answer.hits)
        if passes and (one.image or answer.hits[0].score < NOTHING):
            passes = bool(index.search(replace(query, k=1, min_score=None)).hits)
        files, scores = _judged_files(answer.hits, one, folders)
        answerable = any(grade > 0 and path in held for path, grade in one.grades.items())
        yield RankedAnswer(one, tuple(files[:k]), tuple(scores[:k]), answer.seconds, answer.notes, answerable, passes)


def _judged_files(
    hits: Sequence[Hit], one: JudgedQuery, folders: Sequence[bytes]
) -> tuple[list[tuple[str, Locator]], list[float]]:
    """The judged files among the hits, each once. A row of files with the same content counts as its right files, or as
    one wrong file."""
    files: dict[str, tuple[Locator, float]] = {}
    for hit in hits:
        paths = [relative(path, folders) for path in (hit.path, *hit.same)]
        known = [path for path in paths if path is not None and one.judges(path)]
        right = [path for path in known if one.grades.get(path, 0) > 0]
        for path in right or known[:1]:
            files.setdefault(path, (hit.locator, hit.score))
    return [(path, locator) for path, (locator, _) in files.items()], [score for _, score in files.values()]


def relative(path: bytes, folders: Sequence[bytes]) -> str | None:
    """A path below one of the folders, relative to it; None for another."""
    for folder in folders:
        inside = folder.rstrip(b"/") + b"/"
        if path.startswith(inside):
            return os.fsdecode(path[len(inside) :])
    return None


def base_folder(queries: str, given: str | None) -> bytes:
    """The absolute folder to which a queries file's paths are relative: the given one, else `media/` beside the file
    where there is one, else the file's own. Raises `UsageError` where it is no folder."""
    if given is not None:
        folder = os.path.abspath(given)
    else:
        own = os.path.dirname(os.path.abspath(queries))
        media = os.path.join(own, "media")
        folder = media if os.path.isdir(media) else own
    if not os.path.isdir(folder):
        raise UsageError(f"--base: {given} is no folder.", "Name the folder to which the queries' paths are relative.")
    return os.fsencode(folder)
