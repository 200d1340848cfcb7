"""Pooling of token vectors: those of a page that resemble each other become one (Clavié et al., "Reducing the Footprint
of Multi-Vector Retrieval with Minimal Performance Impact via Token Pooling", 2024).

Ward clusters on cosine distance, as sentence-transformers, PyLate and colpali-engine make them; a cluster is replaced
by its mean at unit length. The same tree, cut higher, gives the few centroids by which a page is found at all.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

CENTROIDS = 4  # of a part; their vectors are compared with the mean of a query's


@dataclass(frozen=True, slots=True, eq=False)
class Pooled:
    """The token vectors of a part after pooling, and its centroids: both float32 (n, width), unit rows."""

    vectors: np.ndarray
    centroids: np.ndarray


def pooled(vectors: np.ndarray, factor: int) -> Pooled:
    """Token vectors, unit rows float32 (n, width), n at least 1, pooled to n // factor of them (at least 1; `factor` 1
    leaves all), and at most CENTROIDS centroids."""
    import numpy as np

    count = len(vectors)
    wanted = max(count // factor, 1)
    if count == 1:
        return Pooled(vectors, vectors)
    from scipy.cluster.hierarchy import fcluster, linkage
    from scipy.spatial.distance import squareform

    distances = np.clip(1.0 - vectors @ vectors.T, 0.0, 2.0)
    np.fill_diagonal(distances, 0.0)
    tree = linkage(squareform(distances, checks=False), method="ward")
    kept = vectors if wanted >= count else _means(vectors, fcluster(tree, wanted, criterion="maxclust"))
    return Pooled(kept, _means(vectors, fcluster(tree, CENTROIDS, criterion="maxclust")))


def _means(vectors: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """The mean of each cluster at unit length, in the order of the labels."""
    import numpy as np

    _, numbers = np.unique(labels, return_inverse=True)
    sums = np.zeros((int(numbers.max()) + 1, vectors.shape[1]), np.float32)
    np.add.at(sums, numbers, vectors)
    lengths = np.linalg.norm(sums, axis=1, keepdims=True)
    opposite = lengths[:, 0] < 1e-6  # vectors that cancel each other out: the first stands for all
    for number in np.flatnonzero(opposite):
        sums[number] = vectors[np.flatnonzero(numbers == number)[0]]
    result: np.ndarray = sums / np.linalg.norm(sums, axis=1, keepdims=True)
    return result
