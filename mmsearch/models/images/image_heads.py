"""The heads of the image encoder: from features of the frozen backbone to a text space and to likeness vectors.

Kinds of pictures (charts, pages, receipts, screenshots) come from a head trained on drawn pictures. Objects come from
the backbone's own classes, as a convex combination of the text embeddings of their names (Norouzi and others 2014),
less the mean embedding of all names. A gate, which knows photographs from other pictures, weighs the objects.
"""
# ruff: noqa: TID253 - classes of torch modules need torch when the file is read; nothing light imports this file

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from mmsearch.models.images.efficientnet import CLASSES, HEAD, STAGES, Graph, Network, backbone, model_bytes
from mmsearch.models.images.image_fitting import by_shape

TEXT_SIZE, LIKENESS_SIZE, HIDDEN = 384, 256, 512
POOLED_STAGES = (2, 3, 4, 5)  # whose channels' means and deviations over the picture are features too
FEATURES = HEAD + 2 * sum(STAGES[stage][-1] for stage in POOLED_STAGES)
TORCH_BATCH = 64  # pictures of one shape that a device takes at once
OBJECT_WEIGHT = 1.5  # of the objects beside the kind, where the gate is sure of a photograph


class Heads(nn.Module):
    """All heads for one text space; buffers hold what is computed and not trained."""

    middle: torch.Tensor
    scale: torch.Tensor
    objects: torch.Tensor
    common: torch.Tensor

    def __init__(self, text_size: int = TEXT_SIZE, likeness_size: int = LIKENESS_SIZE, hidden: int = HIDDEN) -> None:
        super().__init__()
        self.first = nn.Linear(FEATURES, hidden)
        self.second = nn.Linear(hidden, text_size)
        self.gate = nn.Linear(FEATURES, 1)
        self.likeness = nn.Linear(FEATURES, likeness_size, bias=False)
        for name, shape in (
            ("middle", (FEATURES,)),  # mean and inverse deviation of each feature over the drawn pictures
            ("scale", (FEATURES,)),
            ("objects", (CLASSES, text_size)),
            ("common", (text_size,)),  # unit vector that all texts share: taken out of every vector
        ):
            self.register_buffer(name, torch.zeros(shape))

    def standardized(self, features: torch.Tensor) -> torch.Tensor:
        """Features (n, FEATURES) at mean 0 and deviation 1 over the drawn pictures, at most 6 away."""
        return ((features - self.middle) * self.scale).clamp(-6, 6)

    def kinds(self, standardized: torch.Tensor) -> torch.Tensor:
        """Unit vectors (n, text_size) of kinds of pictures."""
        return functional.normalize(self.second(functional.gelu(self.first(standardized))), dim=1)

    def forward(self, features: torch.Tensor, classes: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Features (n, FEATURES) and class probabilities (n, 1000) to unit vectors of text and of likeness."""
        x = self.standardized(features)
        objects = functional.normalize(classes @ self.objects, dim=1)
        mixed = self.kinds(x) + OBJECT_WEIGHT * torch.sigmoid(self.gate(x)) * objects
        mixed = mixed - (mixed @ self.common)[:, None] * self.common
        return functional.normalize(mixed, dim=1), functional.normalize(self.likeness(x), dim=1)


def save(heads: Heads, file: Path) -> None:
    """Write the heads as float16 safetensors."""
    from safetensors.torch import save_file

    save_file({name: tensor.half().contiguous() for name, tensor in heads.state_dict().items()}, file)


def load(file: Path) -> Heads:
    """Read heads that `save` wrote; their sizes are those of the file."""
    from safetensors.torch import load_file

    state = {name: tensor.float() for name, tensor in load_file(file).items()}
    heads = Heads(len(state["common"]), len(state["likeness.weight"]), len(state["first.bias"]))
    heads.load_state_dict(state)
    return heads.eval()


def add_features(graph: Graph, network: Network) -> tuple[str, str]:
    """Add the backbone; returns the names of its features (n, FEATURES) and class probabilities (n, 1000)."""
    pooled, stages = backbone(graph, network)
    parts = [pooled]
    for number in POOLED_STAGES:
        mean = graph.add("GlobalAveragePool", stages[number])
        away = graph.add("Sub", stages[number], mean)
        variance = graph.add("GlobalAveragePool", graph.add("Mul", away, away))
        parts += [graph.add("Flatten", mean), graph.add("Flatten", graph.add("Sqrt", variance))]
    layer = network._fc
    logits = graph.linear(pooled, layer.weight.detach().numpy(), layer.bias.detach().numpy())
    return graph.add("Concat", *parts, axis=1), graph.add("Softmax", logits, axis=1)


def torch_features(network: Network, pixels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Pixels, uint8 or float (n, 3, h, w), to features (n, FEATURES) and class probabilities (n, 1000)."""
    pooled, stages = network.stages(pixels)
    parts = [pooled]
    for number in POOLED_STAGES:
        parts += [stages[number].mean((2, 3)), stages[number].std((2, 3), correction=0)]
    classes: torch.Tensor = network._fc(pooled)
    return torch.cat(parts, 1), classes.softmax(1)


class TorchImageEncoder:
    """The encoder on a device of torch; `embed` is that of `image_encoder.ImageEncoder`."""

    def __init__(self, network: Network, heads: Heads, device: str) -> None:
        self.device = device
        self.network = network.to(device)
        self.heads = heads.to(device)

    @torch.inference_mode()
    def embed(self, pictures: Sequence[np.ndarray]) -> tuple[np.ndarray, ...]:
        """Vectors, vectors for copies and class probabilities, float32 (n, columns), rows as the pictures."""
        sizes = (len(self.heads.common), self.heads.likeness.out_features, CLASSES)
        found = tuple(np.zeros((len(pictures), size), np.float32) for size in sizes)
        for rows, pixels in by_shape(pictures, TORCH_BATCH):
            sent = torch.from_numpy(pixels).to(self.device).permute(0, 3, 1, 2)
            features, classes = torch_features(self.network, sent)
            for array, part in zip(found, (*self.heads(features, classes), classes), strict=True):
                array[rows] = part.cpu().numpy()
        return found


def write_features(network: Network, file: Path) -> None:
    """Write the ONNX graph of the backbone alone: `pixels` to `features` (n, FEATURES)."""
    graph = Graph()
    features, _ = add_features(graph, network)
    file.write_bytes(model_bytes(graph, [("features", features, FEATURES)]))


def onnx_bytes(network: Network, heads: Heads) -> bytes:
    """The ONNX model of backbone and heads.

    `pixels` uint8 (n, h, w, 3), sides multiples of 32, to `vector` (n, text_size), `likeness` (n, likeness_size) and
    `classes` (n, 1000), float32.
    """
    graph = Graph()
    features, classes = add_features(graph, network)
    state = {name: tensor.detach().numpy() for name, tensor in heads.state_dict().items()}
    x = graph.add("Mul", graph.add("Sub", features, graph.constant(state["middle"])), graph.constant(state["scale"]))
    x = graph.add("Clip", x, graph.constant(-6.0), graph.constant(6.0))
    kinds = graph.linear(graph.add("Gelu", graph.linear(x, *layer(state, "first"))), *layer(state, "second"))
    kinds = graph.add("LpNormalization", kinds, axis=1, p=2)
    gate = graph.add("Sigmoid", graph.linear(x, *layer(state, "gate")))
    objects = graph.add("MatMul", classes, graph.constant(state["objects"]))
    objects = graph.add("Mul", graph.add("LpNormalization", objects, axis=1, p=2), gate)
    mixed = graph.add("Add", kinds, graph.add("Mul", objects, graph.constant(OBJECT_WEIGHT)))
    common = state["common"]
    mixed = graph.add("MatMul", mixed, graph.constant(np.eye(len(common)) - np.outer(common, common)))
    likeness = graph.add("MatMul", x, graph.constant(state["likeness.weight"].T))
    outputs = [
        ("vector", graph.add("LpNormalization", mixed, axis=1, p=2), len(common)),
        ("likeness", graph.add("LpNormalization", likeness, axis=1, p=2), len(state["likeness.weight"])),
        ("classes", classes, CLASSES),
    ]
    return model_bytes(graph, outputs)


def layer(state: dict[str, np.ndarray], name: str) -> tuple[np.ndarray, np.ndarray]:
    """Weight and bias of a linear layer."""
    return state[f"{name}.weight"], state[f"{name}.bias"]
