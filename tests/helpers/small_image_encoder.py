"""The image encoder with random weights of the real architecture and the shipped heads: no package is needed."""

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import torch

from mmsearch.models.images import builtin_images, efficientnet, image_encoder, image_heads, image_weights

Patch = Callable[[Any, str, Any], None]  # `monkeypatch.setattr`


@lru_cache(maxsize=1)
def random_network() -> efficientnet.Network:
    """The backbone with random weights and uneven normalisations, in evaluation mode."""
    torch.manual_seed(0)
    network = efficientnet.Network()
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            assert isinstance(module.running_mean, torch.Tensor) and isinstance(module.running_var, torch.Tensor)
            module.running_mean.normal_(0, 0.1)
            module.running_var.uniform_(0.5, 2)
            module.weight.data.uniform_(0.8, 1.6)
            module.bias.data.normal_(0.2, 0.1)
    return network.eval()


@lru_cache(maxsize=2)
def random_bytes(text_space: str = "minilm") -> bytes:
    """The exported encoder of random weights."""
    return image_heads.onnx_bytes(random_network(), fitted_heads(text_space))


def fitted_heads(text_space: str = "minilm") -> image_heads.Heads:
    """The shipped heads, their standardisation that of the features of the random weights."""
    heads = image_heads.load(image_weights.heads_file(text_space))
    torch.manual_seed(2)
    cells = torch.rand(24, 3, 6, 6) * 255
    pixels = torch.nn.functional.interpolate(cells, size=(96, 96), mode="bicubic").clamp(0, 255)
    with torch.no_grad():
        features, _ = image_heads.torch_features(random_network(), pixels)
    heads.middle.copy_(features.mean(0))
    heads.scale.copy_(1 / (features.std(0) + 1e-3))
    return heads


def use_random_encoder(patch: Patch) -> None:
    """Put it where runs and queries take the encoder from, as if the package were there."""
    builtin_images.shared_encoder.cache_clear()
    patch(image_weights, "lacking", lambda text_space: None)
    patch(image_encoder, "opened", lambda text_space: image_encoder.ImageEncoder(random_bytes(text_space)))


def hide_package(patch: Patch) -> None:
    """As if the package of weights were not installed."""
    builtin_images.shared_encoder.cache_clear()
    patch(image_weights, "WHEEL_PACKAGE", "no_such_package_of_weights")
