"""The built-in embedders of pictures and sounds: unit vectors in order, stable fingerprints, plain refusals."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from mmsearch.errors import ModelUnavailable, UsageError
from mmsearch.models.media import builtin_media, picture_classifier
from mmsearch.models.picture_network import PictureTower
from mmsearch.types import View
from training.train import export

torch.set_num_threads(1)


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tower of random weights, exported."""
    torch.manual_seed(1)
    folder = tmp_path_factory.mktemp("classifier")
    export(PictureTower().eval(), folder)
    return folder


@pytest.fixture
def exported(weights: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(picture_classifier, "folder", lambda: weights)
    builtin_media.shared_classifier.cache_clear()
    builtin_media.classifier_identity.cache_clear()
    yield
    builtin_media.shared_classifier.cache_clear()
    builtin_media.classifier_identity.cache_clear()


def pictures() -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    return [rng.integers(0, 256, (height, width, 3), np.uint8) for height, width in ((40, 50), (120, 30), (64, 64))]


@pytest.mark.parametrize(("name", "dimension"), [(builtin_media.EYES, 384), (builtin_media.LIKENESS, 640)])
def test_pictures_become_unit_vectors_in_order(exported: None, name: str, dimension: int) -> None:
    model = builtin_media.BuiltinMediaEmbedder(name)
    vectors = model.embed(View.IMAGE, pictures())
    assert vectors.shape == (3, dimension) == (3, model.dimension)
    assert vectors.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    for picture, vector in zip(pictures(), vectors, strict=True):
        np.testing.assert_allclose(model.embed(View.IMAGE, [picture])[0], vector, atol=1e-4)
    assert model.embed(View.IMAGE, []).shape == (0, dimension)


def test_two_spaces_share_one_pass(exported: None, monkeypatch: pytest.MonkeyPatch) -> None:
    passes: list[int] = []
    embed = picture_classifier.PictureClassifier.embed
    monkeypatch.setattr(
        picture_classifier.PictureClassifier,
        "embed",
        lambda self, items: passes.append(len(items)) or embed(self, items),  # type: ignore[func-returns-value]
    )
    batch, other = pictures(), pictures()[::-1]
    vectors = builtin_media.BuiltinMediaEmbedder(builtin_media.EYES).embed(View.IMAGE, batch)
    builtin_media.BuiltinMediaEmbedder(builtin_media.LIKENESS).embed(View.IMAGE, list(batch))
    assert passes == [3]
    np.testing.assert_allclose(
        builtin_media.BuiltinMediaEmbedder(builtin_media.EYES).embed(View.IMAGE, other), vectors[::-1], atol=1e-4
    )


def test_sounds_become_unit_vectors_and_silence_is_like_silence_alone() -> None:
    model = builtin_media.BuiltinMediaEmbedder(builtin_media.EARS)
    rng = np.random.default_rng(0)
    vectors = model.embed(
        View.AUDIO, [rng.normal(0, 0.1, 16_000).astype(np.float32), *([np.zeros(16_000, np.float32)] * 2)]
    )
    assert vectors.shape == (3, model.dimension)
    np.testing.assert_allclose(vectors @ vectors.T, [[1, 0, 0], [0, 1, 1], [0, 1, 1]], atol=1e-4)


def test_fingerprints_name_the_weights_and_the_limits(exported: None) -> None:
    kinds, likeness, sounds = (
        builtin_media.BuiltinMediaEmbedder(name).fingerprint()
        for name in (builtin_media.EYES, builtin_media.LIKENESS, builtin_media.EARS)
    )
    assert kinds["image"]["weights"] == likeness["image"]["weights"]
    assert kinds["image"]["weights"].startswith("sha256:")
    assert (kinds["image"]["dimension"], likeness["image"]["dimension"]) == (384, 640)
    assert kinds["image"]["limits"] == {"max_pixels": builtin_media.MAX_PIXELS}
    assert sounds["audio"]["limits"] == {"rate": 16_000, "seconds": 30.0}


def test_missing_weights_are_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(picture_classifier, "folder", lambda: tmp_path)
    builtin_media.classifier_identity.cache_clear()
    with pytest.raises(ModelUnavailable, match="The weights of the built-in picture classifier are missing"):
        builtin_media.BuiltinMediaEmbedder(builtin_media.EYES).fingerprint()


def test_other_views_are_refused(exported: None) -> None:
    for name, view in ((builtin_media.EYES, View.TEXT), (builtin_media.EARS, View.IMAGE)):
        with pytest.raises(UsageError, match="can't embed"):
            builtin_media.BuiltinMediaEmbedder(name).embed(view, ["x"])
