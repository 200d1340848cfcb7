"""The rows of an answer: every candidate with the files that show it and the best name among them, and the evidence by
which its probability is estimated."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mmsearch.query import COPIES, Query
from mmsearch.retrieval import relevance
from mmsearch.retrieval.names import Named
from mmsearch.retrieval.ranking import FAINT
from mmsearch.retrieval.signals import Scored, filled
from mmsearch.store.snapshot import Snapshot
from mmsearch.types import View

if TYPE_CHECKING:
    import numpy as np

FORM = 0.9  # of a word's information, for a candidate that holds another form of it


@dataclass(frozen=True, slots=True)
class Row:
    """A place in a file with its score: `at` is its number among the candidates, None for a file known by name."""

    score: float
    at: int | None
    asset_id: int | None
    named: Named | None
    files: tuple[tuple[int, bytes], ...]  # with the same contents, best name first
    factor: float = 1.0  # of the contributions of signals, which makes them sum to the score
    reranked: tuple[float, float, int] | None = None  # a reranker's score, what that added to the row's score, its rank


def candidate_rows(
    snapshot: Snapshot, scored: Scored, named: dict[int, Named], refused: set[int], query: Query
) -> list[Row]:
    """Every candidate as a row of the answer, with the name of its best-named file counted in; then the files that
    are known by their name only."""
    assets = snapshot.assets_of(scored.segments)
    files = snapshot.files_of(sorted(set(assets.values())))
    copied = {assets.get(scored.segments[at]) for at, match in enumerate(scored.matches) if match in COPIES}
    rows: list[Row] = []
    seen = set(refused)
    for at, segment_id in enumerate(scored.segments):
        asset_id = assets.get(segment_id)
        of = [one for one in files.get(asset_id, ()) if one[0] not in refused] if asset_id is not None else []
        if not of:
            continue
        base = float(scored.ranking.score[at])
        folds = query.fold and asset_id not in copied  # every copy of the query is shown
        for group in [of] if folds else [[one] for one in of]:
            best = group if len(group) == 1 else sorted(group, key=lambda one: (-_name_score(named, one[0]), one[1]))
            name = named.get(best[0][0])
            seen.update(file_id for file_id, _ in best)
            total = base + (1 - max(base, 0.0)) * (name.weight * name.score if name else 0.0)
            if total > (FAINT if query.min_score is None else 0.0):
                rows.append(Row(total, at, asset_id, name, tuple(best)))
    for name in named.values():
        if name.file_id not in seen and name.weight * name.score > 0:
            rows.append(Row(name.weight * name.score, None, name.asset_id, name, ((name.file_id, name.path),)))
    return rows


def _name_score(named: dict[int, Named], file_id: int) -> float:
    return named[file_id].score if file_id in named else 0.0


def estimated(rows: list[Row], scored: Scored) -> list[Row]:
    """Rows, best first, whose scores are the probabilities that they answer the query."""
    if not rows:
        return []
    chances = relevance.probabilities(evidence_of(rows, scored))
    return [
        Row(chance, row.at, row.asset_id, row.named, row.files, chance / row.score if row.score else 0.0, row.reranked)
        for row, chance in zip(rows, chances.tolist(), strict=True)
    ]


def evidence_of(rows: Sequence[Row], scored: Scored) -> relevance.Evidence:
    """What the signals say of rows, best first."""
    import numpy as np

    texts = [name for name in scored.calibrated if name.endswith(f":{View.TEXT}")]
    media = [name for name in scored.calibrated if ":" in name and name not in texts]
    parts = scored.ranking.contributions
    most = np.argmax(list(parts.values()), axis=0) if parts and scored.segments else np.zeros(len(scored.segments), int)
    by_picture = np.isin(most, [number for number, name in enumerate(parts) if name in media])
    every = _coverage(scored)
    named = np.array([row.named.score if row.named else 0.0 for row in rows])
    coverage = np.maximum(_of_rows(rows, every), named)
    return relevance.Evidence(
        score=np.array([row.score for row in rows]),
        information=coverage * sum(scored.weights.values()),
        coverage=coverage,
        meaning=_of_rows(rows, np.max([filled(scored.calibrated[name]) for name in texts], axis=0, initial=0.0))
        if texts
        else np.zeros(len(rows)),
        by_picture=_of_rows(rows, by_picture).astype(bool),
        best_coverage=max([*every, *named.tolist()], default=0.0),
        length=len(scored.weights),
    )


def _of_rows(rows: Sequence[Row], values: Sequence[float] | np.ndarray) -> np.ndarray:
    """The values of rows, float64 (n,), from those of all candidates; 0 for a file known by name."""
    import numpy as np

    at = np.array([-1 if row.at is None else row.at for row in rows], int)
    return np.asarray(np.append(np.asarray(values, float), 0.0)[at])


def _coverage(scored: Scored) -> list[float]:
    """The share of the query's information that each candidate holds. Another form of a word is nearly the word: its
    weight in the fused score is less, so that exact forms come first."""
    whole = sum(scored.weights.values()) or 1.0
    return [
        sum(
            scored.weights.get(word, 0.0) * (FORM if form else 1.0)
            for word, _, form in (t.partition("~") for t in terms)
        )
        / whole
        for terms in scored.terms
    ]
