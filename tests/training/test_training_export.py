"""The exported tower is the trained one: folded, in safetensors, in ONNX, and as a Sentence Transformers model."""

from pathlib import Path
from typing import cast

import numpy as np
import pytest
import torch
from PIL import Image

from mmsearch.models import picture_network
from mmsearch.models.media import picture_classifier
from training.train import export


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> tuple[picture_network.PictureTower, Path]:
    """A tower with uneven normalisations, as trained, and the directory it was exported to."""
    torch.manual_seed(0)
    tower = picture_network.PictureTower()
    for module in tower.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            mean, variance = cast(tuple[torch.Tensor, torch.Tensor], (module.running_mean, module.running_var))
            mean.normal_(0, 0.1)
            variance.uniform_(0.5, 2)
            module.weight.data.uniform_(0.3, 1)
    folder = tmp_path_factory.mktemp("model")
    export(tower.eval(), folder)
    return tower, folder


def pictures() -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    return [rng.integers(0, 256, (h, w, 3), np.uint8) for h, w in ((160, 160), (60, 240), (300, 200), (160, 160))]


def test_onnx_returns_what_torch_returned(exported: tuple[picture_network.PictureTower, Path]) -> None:
    tower, folder = exported
    vectors, likeness = picture_classifier.PictureClassifier(folder).embed(pictures())
    for i, picture in enumerate(pictures()):
        fitted = picture_classifier.fit(
            picture, picture_classifier.SHAPES[picture_classifier.nearest_shape(*picture.shape[:2])]
        )
        with torch.no_grad():
            a, b = tower(torch.from_numpy(fitted.copy())[None].permute(0, 3, 1, 2))
        assert float(a[0].numpy() @ vectors[i]) > 0.9999
        assert float(b[0].numpy() @ likeness[i]) > 0.9999


def test_sentence_transformers_loads_both_routes(exported: tuple[picture_network.PictureTower, Path]) -> None:
    _, folder = exported
    model = picture_network.sentence_transformer(folder)
    images = [Image.fromarray(picture) for picture in pictures()]
    np.testing.assert_allclose(
        model.encode(images), picture_classifier.PictureClassifier(folder).embed(pictures())[0], atol=2e-3
    )
    words = model.encode(["bar chart", "column graph", "a black cat"])
    assert words.shape == (3, picture_classifier.TEXT_SIZE)
    assert words[0] @ words[1] > words[0] @ words[2]


def test_the_weights_are_shipped_once(exported: tuple[picture_network.PictureTower, Path]) -> None:
    _, folder = exported
    assert (folder / "image" / "model.onnx").stat().st_size < 50_000
    assert not list((folder / "text").glob("*.safetensors"))
