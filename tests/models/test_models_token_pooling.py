"""Token pooling: the clusters of sentence-transformers, and centroids of the same tree."""

import numpy as np
import numpy.typing as npt
import pytest

from mmsearch.models.token_pooling import CENTROIDS, pooled


def unit_vectors(count: int, width: int, seed: int) -> npt.NDArray[np.float32]:
    found = np.random.default_rng(seed).standard_normal((count, width)).astype(np.float32)
    return np.asarray(found / np.linalg.norm(found, axis=1, keepdims=True), np.float32)


@pytest.mark.parametrize(("count", "factor"), [(97, 3), (97, 10), (7, 8), (20, 1)])
def test_pooled_vectors_are_the_library_s(count: int, factor: int) -> None:
    import torch
    from sentence_transformers.multi_vector_encoder.modules import HierarchicalTokenPooling

    vectors = unit_vectors(count, 16, seed=count)
    library = HierarchicalTokenPooling(pool_factor=factor, num_protected_tokens=0)
    expected = library.pool_one(torch.from_numpy(vectors)).numpy()
    assert pooled(vectors, factor).vectors == pytest.approx(expected, abs=1e-6)


def test_repeated_vectors_become_one_and_the_centroids_are_few() -> None:
    distinct = unit_vectors(CENTROIDS, 16, seed=1)
    found = pooled(np.repeat(distinct, 10, axis=0), 10)
    assert sorted(map(tuple, found.vectors.round(4))) == sorted(map(tuple, distinct.round(4)))
    assert found.centroids == pytest.approx(found.vectors, abs=1e-6)


def test_one_vector_and_opposite_vectors_are_pooled_to_unit_length() -> None:
    one = unit_vectors(1, 16, seed=2)
    assert pooled(one, 10).vectors.tolist() == pooled(one, 10).centroids.tolist() == one.tolist()
    both = pooled(np.concatenate([one, -one]), 2)
    assert np.linalg.norm(both.vectors, axis=1) == pytest.approx([1.0])
