"""The report of an evaluation: its figures, the rankings behind them, and its JSON form."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from mmsearch.errors import UsageError
from mmsearch.evaluation.metrics import FALSE, Difference, GroupFigures, Scores, compare, grouped, measures, scores
from mmsearch.evaluation.runner import RankedAnswer
from mmsearch.index_status import Status

_LARGEST = 1 << 28  # bytes of a saved run: a device may have no end
SCHEMA = "mmsearch.eval/1"


@dataclass(frozen=True, slots=True)
class Report:
    """The figures of an evaluation. `search` has for each view of the index how it is searched and, where that is not
    exact, its recall against exact search."""

    k: int
    names: bool
    groups: tuple[GroupFigures, ...]
    ranked: tuple[RankedAnswer, ...]
    scores: Mapping[str, Scores]
    search: Mapping[str, str]
    notes: tuple[str, ...]
    changes: tuple[Difference, ...] = ()


def report(
    ranked: Sequence[RankedAnswer],
    status: Status,
    k: int,
    names: bool,
    before: Mapping[str, Scores] | None = None,
    notes: Sequence[str] = (),
) -> Report:
    """The figures of a run over an index, compared with an earlier run's scores where given. `notes` precede the
    report's own."""
    found = scores(ranked, k)
    views = {f"{space.name}:{view}": how for space in status.spaces for view, how in space.search.items()}
    groups = tuple(grouped(ranked, found, k))
    changes = tuple(compare(found, before or {}, k))
    told = (*notes, *_notes(ranked, groups))
    return Report(k, names, groups, tuple(ranked), found, views, told, changes)


def _notes(ranked: Sequence[RankedAnswer], groups: Sequence[GroupFigures]) -> list[str]:
    """Notes on the figures: galleries of which the index holds no right answer, queries without an answer, and the
    notes of the searches."""
    strangers = [
        group.name if group.by == "gallery" else "the judgements"
        for group in groups
        if group.by != "modality"
        and not any(one.answerable for one in ranked if group.by == "overall" or one.judged.gallery == group.name)
    ]
    notes = [f"The index holds no right answer in {name} (see --base)." for name in strangers]
    if without := sum(not one.answerable for one in ranked):
        which = f"{without} of {len(ranked)} queries have no right answer in this index"
        notes.append(f"{which}: they count as false hits where the default cutoff lets anything through.")
    return [*notes, *dict.fromkeys(note for one in ranked if not one.judged.image for note in one.notes)]


def record(told: Report) -> dict[str, Any]:
    """The report as JSON values, schema `mmsearch.eval/1`, with every query's ranking and scores."""
    return {
        "schema": SCHEMA,
        "k": told.k,
        "names": told.names,
        "groups": [asdict(group) for group in told.groups],
        "search": dict(told.search),
        "notes": list(told.notes),
        "changes": [asdict(change) | {"change": change.change} for change in told.changes],
        "queries": [
            {
                "qid": one.judged.qid,
                "query": one.judged.text or f"image:{one.judged.image}",
                "gallery": one.judged.gallery,
                "modality": one.judged.modality,
                "kind": one.judged.kind,
                "scores": told.scores.get(one.judged.qid, {}),
                "seconds": one.seconds,
                "hits": [
                    {"path": path + (place.fragment() if place.line_start is None else ""), "score": score}
                    for (path, place), score in zip(one.files, one.scores, strict=True)
                ],
            }
            for one in told.ranked
        ],
    }


def read_scores(path: Path) -> dict[str, Scores]:
    """The scores of a saved run, by query id. Raises `UsageError` for a file that is no saved run."""
    try:
        with path.open("rb") as file:
            saved = json.loads(file.read(_LARGEST))
        if saved["schema"] != SCHEMA:
            raise ValueError("another schema")
        return {
            str(row["qid"]): {measure: float(value) for measure, value in row["scores"].items()}
            for row in saved["queries"]
        }
    except OSError as error:
        raise UsageError(f"--compare: {path} can't be read: {error.strerror}.", "Check the path.") from error
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise UsageError(
            f"--compare: {path} is no saved run.", "Save one: mmsearch eval ... --save RUN.json"
        ) from error


def below(told: Report, wanted: Mapping[str, float]) -> list[str]:
    """A sentence for each overall figure that is below its floor, or missing."""
    overall = told.groups[0].figures
    sentences = []
    for measure, value in wanted.items():
        found = overall.get(measure)
        if found is None:
            sentences.append(f"{measure} could not be measured.")
        elif found.mean < value:
            sentences.append(f"{measure} is {found.mean:.4f}, below {value:g}.")
    return sentences


def floors(given: Sequence[str], k: int) -> dict[str, float]:
    """The floors of `nDCG@10=0.9`, ...: measure -> least value. Raises `UsageError`."""
    known = {name.lower(): name for name in measures(k) if name != FALSE}
    wanted = {}
    for one in given:
        name, _, value = one.partition("=")
        measure = known.get(name.strip().lower())
        try:
            least = float(value)
        except ValueError:
            least = -1.0
        if measure is None or not 0 <= least <= 1:
            raise UsageError(
                f"--fail-under can't be {one!r}.", f"METRIC=VALUE, 0 to 1, of {', '.join(known.values())}."
            )
        wanted[measure] = least
    return wanted
