"""How well each look is known on freshly drawn pictures, and where true and false similarities part."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from mmsearch.models.eyes import Eyes
from mmsearch.training import mixture, scores, teacher
from mmsearch.training.looks import NAMES, PHRASES

SEED = 1_000_003  # not a seed that anybody trains with


def heldout(eyes: Eyes, cache: Path, count: int = 400) -> Iterator[str]:
    """Lines: R-precision of every look with at least five pictures, by its first phrase; quantiles of similarities."""
    drawn = [mixture.draw(SEED, number) for number in range(count)]
    vectors = eyes.embed([np.asarray(picture) for picture, _, _ in drawn])[0]
    labels = np.stack([row for _, row, _ in drawn])
    similarity = vectors @ teacher.embed([PHRASES[name][0] for name in NAMES], cache).T
    true, false, found = [], [], {}
    for column, name in enumerate(NAMES):
        known, wanted = labels[:, column] >= 0, labels[:, column] == 1
        if wanted.sum() >= 5:
            found[name] = scores.r_precision(similarity[known, column], wanted[known])
            true.append(similarity[wanted, column])
            false.append(similarity[known & ~wanted, column])
    mean = np.mean(list(found.values()))
    yield f"looks on {count} fresh drawn pictures, mean R-precision of {len(found)}: {mean:.3f}"
    yield "  " + ", ".join(f"{name} {value:.2f}" for name, value in sorted(found.items(), key=lambda item: -item[1]))
    for title, parts in (("true", true), ("false", false)):
        quantiles = np.quantile(np.concatenate(parts), (0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99))
        yield f"  similarity of {title} pairs at 1, 5, 25, 50, 75, 95, 99%: " + " ".join(f"{q:.2f}" for q in quantiles)
