"""Files of queries with their right answers: one JSON object a line, and the qrels files of BEIR and TREC."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from mmsearch.errors import UsageError
from mmsearch.types import Locator

_LARGEST = 1 << 28  # bytes of a file of queries or judgements: a device may have no end
NEAR_S = 2.0  # a moment missed by no more than this is found
_PLACE = re.compile(
    r"^(?P<path>.+)#(?:page=(?P<page>\d+)|t=(?P<start>\d+(?:\.\d+)?)(?:,(?P<end>\d+(?:\.\d+)?))?)$", re.S
)
_FORM = 'A line is {"query": "...", "relevant": ["a/file.pdf#page=3"]}; docs/usage.md describes the rest.'


@dataclass(frozen=True, slots=True)
class JudgedQuery:
    """A query with its right answers. Paths are relative to the base folder and use slashes.

    grades:   path -> relevance grade, from 1; a path graded 0 or less is wrong, as is one without a grade.
    places:   path -> where in it the answer lies; of a path without places every hit is right.
    gallery:  the folder whose files the judgements cover; empty for all files.
    unjudged: files of the gallery that are neither right nor wrong."""

    qid: str
    text: str
    grades: Mapping[str, int]
    places: Mapping[str, tuple[Locator, ...]] = field(default_factory=dict)
    image: str = ""  # of a picture query: the picture's path
    gallery: str = ""
    modality: str = ""
    kind: str = ""
    unjudged: frozenset[str] = frozenset()

    def judges(self, path: str) -> bool:
        """Whether the judgements cover a file: not the query's own, those of other galleries, or translations."""
        return path.startswith(self.gallery) and path != self.image and path not in self.unjudged


def right_place(wanted: Sequence[Locator], found: Locator) -> bool:
    """Whether a hit lies where the answer is: on its page, or at most `NEAR_S` seconds from it."""
    return any(_meets(place, found) for place in wanted)


def _meets(wanted: Locator, found: Locator) -> bool:
    if wanted.page is not None:
        return found.page == wanted.page
    if wanted.start_s is None or found.start_s is None:
        return False
    wanted_end = wanted.start_s if wanted.end_s is None else wanted.end_s
    found_end = found.start_s if found.end_s is None else found.end_s
    return found.start_s <= wanted_end + NEAR_S and found_end >= wanted.start_s - NEAR_S


def read_queries(path: Path) -> list[JudgedQuery]:
    """The queries of a file, also of one of BEIR (`_id`, `text`, no answers). Raises `UsageError` with the number of a
    line that is invalid."""
    judged = [_judged(row, number, path.name) for number, row in _rows(path)]
    if not judged:
        raise UsageError(f"There is no query in {path}.", _FORM)
    return _distinct(judged, path.name)


def read_qrels(path: Path) -> dict[str, dict[str, int]]:
    """Judgements by query: file -> grade, from the four columns of TREC or the three of BEIR (with its header line).
    Raises `UsageError` with the number of a line that is invalid."""
    lines = [(number, line) for number, line in enumerate(_text(path).splitlines(), 1) if line.strip()]
    beir = bool(lines) and len(lines[0][1].split("\t")) == 3
    if beir and not _is_whole(lines[0][1].split("\t")[2]):
        lines = lines[1:]
    grades: dict[str, dict[str, int]] = {}
    for number, line in lines:
        row = line.split("\t") if beir else line.split()
        row = [row[0], "0", *row[1:]] if beir and len(row) == 3 else row
        if len(row) != 4 or not _is_whole(row[3]):
            raise UsageError(f"{path.name}, line {number}: this is no judgement.", "A line is: query 0 path grade")
        grades.setdefault(row[0], {})[row[2]] = int(row[3])
    return grades


def _is_whole(text: str) -> bool:
    return re.fullmatch(r"\s*[-+]?[0-9]+\s*", text) is not None


def with_qrels(judged: Sequence[JudgedQuery], qrels: Mapping[str, Mapping[str, int]]) -> list[JudgedQuery]:
    """The queries of which the qrels hold judgements, with these. Raises `UsageError` where there are none."""
    kept = [replace(one, grades=dict(qrels[one.qid]), places={}) for one in judged if one.qid in qrels]
    if not kept:
        raise UsageError("The judgements know none of these queries.", "Both name a query by the same id.")
    return kept


def _text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            data = file.read(_LARGEST + 1)
        if len(data) > _LARGEST:
            raise UsageError(f"{path} has more than 256 MB.", _FORM)
        return data.decode("utf-8-sig").replace("\r\n", "\n").replace("\r", "\n")
    except OSError as error:
        raise UsageError(f"{path} can't be read: {error.strerror}.", "Check the path.") from error
    except UnicodeDecodeError as error:
        raise UsageError(f"{path} is no UTF-8 text.", _FORM) from error


def _rows(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    for number, line in enumerate(_text(path).split("\n"), 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except ValueError as error:
            raise UsageError(f"{path.name}, line {number}: no JSON.", _FORM) from error
        if not isinstance(row, dict):
            raise UsageError(f"{path.name}, line {number}: no JSON object.", _FORM)
        yield number, row


def _judged(row: dict[str, Any], number: int, name: str) -> JudgedQuery:
    text = row.get("query", row.get("text"))
    relevant, others = row.get("relevant", []), row.get("translations", [])
    if not isinstance(text, str) or not text.strip() or not _strings(relevant) or not _strings(others):
        raise UsageError(f"{name}, line {number}: a query with a list of right answers is missing.", _FORM)
    grades: dict[str, int] = {}
    places: dict[str, tuple[Locator, ...]] = {}
    for answer, grade in zip(relevant, _grades(row.get("grades"), relevant, f"{name}, line {number}"), strict=True):
        path, place = _placed(answer)
        if path not in grades:
            places[path] = () if place is None else (place,)
        elif places[path]:  # a path that was named without a place is right everywhere
            places[path] = () if place is None else (*places[path], place)
        grades[path] = max(grade, grades.get(path, grade))
    image = text.removeprefix("image:").strip() if text.startswith("image:") else ""
    gallery = str(row.get("gallery") or "").strip("/")
    return JudgedQuery(
        qid=str(row.get("qid", row.get("_id", number))),
        text="" if image else text,
        grades=grades,
        places={path: wanted for path, wanted in places.items() if wanted},
        image=image,
        gallery=f"{gallery}/" if gallery else "",
        modality=str(row.get("modality") or ""),
        kind=str(row.get("kind") or ""),
        unjudged=frozenset(_placed(other)[0] for other in others) - grades.keys(),
    )


def _strings(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(one, str) and one for one in value)


def _grades(given: object, relevant: Sequence[str], where: str) -> list[int]:
    """One grade for each answer: from an object by path, or a list in the order of the answers; 1 without either."""
    if given is None:
        return [1] * len(relevant)
    values = [given.get(path, 1) for path in relevant] if isinstance(given, dict) else given
    if not isinstance(values, list) or len(values) != len(relevant) or not all(type(one) is int for one in values):
        raise UsageError(f"{where}: the grades don't fit the answers.", "Give a whole number for each answer.")
    return values


def _placed(answer: str) -> tuple[str, Locator | None]:
    """`a.pdf#page=3` as path and place."""
    match = _PLACE.match(answer)
    if match is None:
        return answer, None
    if match["page"]:
        return match["path"], Locator(page=int(match["page"]))
    return match["path"], Locator(start_s=float(match["start"]), end_s=float(match["end"]) if match["end"] else None)


def _distinct(judged: list[JudgedQuery], name: str) -> list[JudgedQuery]:
    seen: set[str] = set()
    for one in judged:
        if one.qid in seen:
            raise UsageError(f"{name}: two queries are called {one.qid!r}.", "Give each a `qid` of its own.")
        seen.add(one.qid)
    return judged
