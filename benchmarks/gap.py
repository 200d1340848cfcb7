"""Which calibration undoes a modality gap of known size: `python -m benchmarks.gap`.

Passages (the paragraphs of Python's own help, or the lines of a file) are embedded by the built-in model and cut into
two views; each is shifted by a random offset and brought back to length 1. Shown is the mean overlap of the first ten
with those of the plain cosines before the shift, over queries and seeds, and in brackets the worst seed.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from mmsearch.models import registry
from mmsearch.models.model_options import ModelOptions
from mmsearch.retrieval.ranking import standardise, view_offset, view_spread
from mmsearch.types import View

NORMS = (0.5, 1.0, 1.5, None)  # of the offsets; None: each view's own, anywhere between 0.5 and 1.5
Calibration = Callable[[np.ndarray, np.ndarray], np.ndarray]


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gap", description=__doc__.partition("\n")[0])
    parser.add_argument("--texts", type=Path, help="passages, one a line")
    parser.add_argument("--count", type=int, default=400, help="passages at most (400)")
    parser.add_argument("--seeds", type=int, default=20)
    options = parser.parse_args()
    model = registry.load(registry.resolve("builtin"), ModelOptions(device="cpu"))
    rows = unit(model.embed(View.TEXT, passages(options.texts)[: options.count]).astype(np.float64))
    print("| calibration | " + " | ".join("0.5 to 1.5" if norm is None else f"{norm}" for norm in NORMS) + " |")
    print("| --- " * (1 + len(NORMS)) + "|")
    for name, calibration in CALIBRATIONS.items():
        cells = [shown([overlap(rows, calibration, norm, seed) for seed in range(options.seeds)]) for norm in NORMS]
        print(f"| {name} | {' | '.join(cells)} |", flush=True)


def passages(path: Path | None) -> list[str]:
    """The texts, each once."""
    if path is not None:
        return list(dict.fromkeys(line for line in path.read_text("utf-8").splitlines() if line.strip()))
    from pydoc_data.topics import topics

    every = (" ".join(one.split()) for topic in sorted(topics) for one in re.split(r"\n\s*\n", topics[topic]))
    return [one for one in dict.fromkeys(every) if 50 < len(one) < 200 and one[0].isalpha()]


def unit(rows: np.ndarray) -> np.ndarray:
    result: np.ndarray = rows / np.linalg.norm(rows, axis=-1, keepdims=True)
    return result


def overlap(rows: np.ndarray, calibration: Calibration, norm: float | None, seed: int) -> float:
    """Mean overlap of the first ten, over every twentieth passage as a query."""
    random = np.random.default_rng(seed)
    queries, others = rows[::20], np.delete(rows, np.s_[::20], axis=0)
    order = random.permutation(len(others))
    views = [others[order[: len(order) // 2]], others[order[len(order) // 2 :]]]
    pushed = []
    for view in views:
        direction = unit(np.asarray(random.normal(size=rows.shape[1])))
        pushed.append(unit(view + (random.uniform(0.5, 1.5) if norm is None else norm) * direction))
    before = np.concatenate([queries @ view.T for view in views], axis=1)
    after = np.concatenate([calibration(view, queries) for view in pushed], axis=1)
    first = [np.argsort(-scores, axis=1)[:, :10].tolist() for scores in (before, after)]
    return float(np.mean([len(set(a) & set(b)) / 10 for a, b in zip(*first, strict=True)]))


def shown(values: Sequence[float]) -> str:
    return f"{np.mean(values):.3f} ({min(values):.3f})"


def raw(view: np.ndarray, queries: np.ndarray) -> np.ndarray:
    result: np.ndarray = queries @ view.T
    return result


def centred(view: np.ndarray, queries: np.ndarray) -> np.ndarray:
    result: np.ndarray = queries @ (view - view.mean(axis=0)).T
    return result


def centred_both(view: np.ndarray, queries: np.ndarray) -> np.ndarray:
    """As GR-CLIP (arXiv 2507.19054): both sides lose their mean, and are brought back to length 1."""
    result: np.ndarray = unit(queries - queries.mean(axis=0)) @ unit(view - view.mean(axis=0)).T
    return result


def z_score(view: np.ndarray, queries: np.ndarray) -> np.ndarray:
    scores = queries @ view.T
    result: np.ndarray = (scores - scores.mean(axis=1, keepdims=True)) / scores.std(axis=1, keepdims=True)
    return result


def ranks(view: np.ndarray, queries: np.ndarray) -> np.ndarray:
    scores = queries @ view.T
    result: np.ndarray = -np.argsort(np.argsort(-scores, axis=1), axis=1) + 1e-6 * scores
    return result


def tail(view: np.ndarray, queries: np.ndarray) -> np.ndarray:
    """The share of the view that is no better, as its own background."""
    return ranks(view, queries) / len(view)


def by_spread(view: np.ndarray, queries: np.ndarray) -> np.ndarray:
    return np.stack([standardise(one, one, view_spread(view)) for one in queries @ view.T])


def ours(view: np.ndarray, queries: np.ndarray) -> np.ndarray:
    even = (queries @ view.T) * view_offset(view).factor(view)
    return np.stack([standardise(one, one, view_spread(view)) for one in even])


CALIBRATIONS: dict[str, Calibration] = {
    "plain cosine": raw,
    "mean-centring of the view": centred,
    "mean-centring of both sides (GR-CLIP)": centred_both,
    "z by the query's own spread": z_score,
    "rank alone": ranks,
    "tail probability": tail,
    "z by the view's spread (before)": by_spread,
    "the same with lengths evened (kept)": ours,
}

if __name__ == "__main__":
    main()
