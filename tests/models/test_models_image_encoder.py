"""The image encoder: the network is the published one, its ONNX graph gives what torch gives, heads join it."""

from pathlib import Path
from typing import cast

import numpy as np
import pytest
import torch

from mmsearch.errors import ModelUnavailable
from mmsearch.models.images import efficientnet, image_encoder, image_fitting, image_heads, image_weights
from mmsearch.models.images.image_heads import FEATURES, Heads


@pytest.fixture(scope="module")
def network() -> efficientnet.Network:
    """The network with random weights and uneven normalisations."""
    torch.manual_seed(0)
    network = efficientnet.Network()
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            mean, variance = cast(tuple[torch.Tensor, torch.Tensor], (module.running_mean, module.running_var))
            mean.normal_(0, 0.1)
            variance.uniform_(0.5, 2)
            module.weight.data.uniform_(0.8, 1.6)
            module.bias.data.normal_(0.2, 0.1)
    return network.eval()


@pytest.fixture(scope="module")
def heads() -> Heads:
    """Random heads of small sizes."""
    torch.manual_seed(1)
    heads = Heads(text_size=12, likeness_size=5, hidden=16)
    heads.middle.uniform_(0, 0.5)
    heads.scale.uniform_(0.5, 3)
    heads.objects.normal_()
    heads.common.copy_(torch.nn.functional.normalize(torch.randn(12), dim=0))
    return heads.eval()


@pytest.fixture(scope="module")
def encoder(
    network: efficientnet.Network, heads: Heads, tmp_path_factory: pytest.TempPathFactory
) -> image_encoder.ImageEncoder:
    file = tmp_path_factory.mktemp("encoder") / "encoder.onnx"
    file.write_bytes(image_heads.onnx_bytes(network, heads))
    return image_encoder.ImageEncoder(file)


def pictures(*sizes: tuple[int, int]) -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    return [rng.integers(0, 256, (height, width, 3), np.uint8) for height, width in sizes]


def test_the_network_has_the_published_sizes(network: efficientnet.Network) -> None:
    classifier = network._fc.weight.numel() + network._fc.bias.numel()
    assert sum(parameter.numel() for parameter in network.parameters()) == 6_092_072
    assert classifier == 1_281_000
    assert len(network._blocks) == 21


def test_a_convolution_pads_more_at_the_right_and_below() -> None:
    layer = efficientnet.Convolution(1, 1, 3, stride=2)
    torch.nn.init.ones_(layer.weight)
    found = layer(torch.ones(1, 1, 4, 4))[0, 0]
    assert found.tolist() == [[9, 6], [6, 4]]


def test_onnx_gives_what_torch_gives(
    network: efficientnet.Network, heads: Heads, encoder: image_encoder.ImageEncoder
) -> None:
    images = pictures((256, 256), (224, 288))
    for picture in images:
        pixels = torch.from_numpy(picture.copy())[None].permute(0, 3, 1, 2)
        with torch.no_grad():
            pooled = network(pixels)
            classes = torch.softmax(network._fc(pooled), 1)
            features = torch.cat([pooled, stage_features(network, pixels)], 1)
            vector, likeness = heads(features, classes)
        found = encoder.embed([picture])
        for wanted, got in zip((vector, likeness, classes), found, strict=True):
            np.testing.assert_allclose(got, wanted.numpy(), atol=2e-4)


def stage_features(network: efficientnet.Network, pixels: torch.Tensor) -> torch.Tensor:
    """Means and deviations of the stages that the heads see, by hooks on their last blocks."""
    ends = np.cumsum([stage[0] for stage in efficientnet.STAGES]) - 1
    kept: dict[int, torch.Tensor] = {}
    hooks = [
        network._blocks[int(ends[stage])].register_forward_hook(
            lambda module, inputs, output, stage=stage: kept.update({stage: output})
        )
        for stage in image_heads.POOLED_STAGES
    ]
    network(pixels)
    for hook in hooks:
        hook.remove()
    return torch.cat(
        [
            part
            for stage in image_heads.POOLED_STAGES
            for part in (kept[stage].mean((2, 3)), kept[stage].std((2, 3), correction=0))
        ],
        1,
    )


def test_rows_keep_the_order_of_pictures_of_any_size(encoder: image_encoder.ImageEncoder) -> None:
    images = pictures((30, 200), (64, 64), (1, 1), (300, 40), (64, 64), (200, 300))
    together = encoder.embed(images)
    assert [array.shape for array in together] == [(6, 12), (6, 5), (6, 1000)]
    assert all(array.dtype == np.float32 for array in together)
    for array in together[:2]:
        np.testing.assert_allclose(np.linalg.norm(array, axis=1), 1, atol=1e-5)
    for i, picture in enumerate(images):
        for array, alone in zip(together, encoder.embed([picture]), strict=True):
            np.testing.assert_allclose(alone[0], array[i], atol=1e-4)
    assert [array.shape for array in encoder.embed([])] == [(0, 12), (0, 5), (0, 1000)]


def test_vectors_hold_nothing_of_what_all_texts_share(heads: Heads, encoder: image_encoder.ImageEncoder) -> None:
    assert np.abs(encoder.embed(pictures((90, 90)))[0] @ heads.common.numpy()).max() < 1e-5


@pytest.mark.parametrize(
    ("height", "width", "shape"), [(100, 100, 0), (300, 400, 1), (400, 300, 2), (90, 160, 3), (10, 900, 5), (9, 1, 6)]
)
def test_a_picture_goes_to_the_shape_of_nearest_proportions(height: int, width: int, shape: int) -> None:
    assert image_fitting.nearest_shape(height, width) == shape


def test_saved_heads_load_with_their_sizes(heads: Heads, tmp_path: Path) -> None:
    image_heads.save(heads, tmp_path / "heads.safetensors")
    again = image_heads.load(tmp_path / "heads.safetensors")
    features, classes = torch.randn(3, FEATURES), torch.softmax(torch.randn(3, 1000), 1)
    with torch.no_grad():
        for one, other in zip(heads(features, classes), again(features, classes), strict=True):
            assert one.shape == other.shape
            assert float((one * other).sum(1).min()) > 0.999


def test_other_weights_are_refused(tmp_path: Path) -> None:
    (tmp_path / "weights.pth").write_bytes(b"other")
    with pytest.raises(ModelUnavailable, match="not those that were published"):
        efficientnet.load(tmp_path / "weights.pth")


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(image_weights, "WHEEL_PACKAGE", "no_such_package_of_weights")
    with pytest.raises(ModelUnavailable) as caught:
        image_weights.locate()
    assert "mmsearch[eyes]" in (caught.value.hint or "")


def test_there_is_a_name_for_each_class() -> None:
    names = image_weights.class_names()
    assert len(set(names)) == efficientnet.CLASSES
    assert names[207] == "golden retriever"


@pytest.mark.parametrize("space", image_weights.SPACES)
def test_the_shipped_heads_are_small_and_sound(space: str) -> None:
    file = image_weights.folder() / f"heads-{space}.safetensors"
    heads = image_heads.load(file)
    assert file.stat().st_size < 6e6
    assert heads.first.in_features == FEATURES
    assert len(heads.common) == image_heads.TEXT_SIZE
    assert float(heads.common.norm()) == pytest.approx(1, abs=1e-2)
    assert all(bool(torch.isfinite(tensor).all()) for tensor in heads.state_dict().values())
