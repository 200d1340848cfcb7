"""EfficientNet-Lite2 (Tan and Le 2019, in the variant without squeeze-and-excitation, with ReLU6), and its ONNX graph.

`image_weights.py` finds the published weights.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch  # noqa: TID253 - a network of torch; nothing light imports this file
from torch import nn  # noqa: TID253
from torch.nn import functional  # noqa: TID253

from mmsearch.models.images.image_weights import verified

if TYPE_CHECKING:
    from collections.abc import Sequence

# Repeats, kernel, stride of the first, expansion, output channels: width 1.1 and depth 1.2 of the published table.
STAGES = (
    (1, 3, 1, 1, 16),
    (3, 3, 2, 6, 24),
    (3, 5, 2, 6, 48),
    (4, 3, 2, 6, 88),
    (4, 5, 1, 6, 120),
    (5, 5, 2, 6, 208),
    (1, 3, 1, 6, 352),
)
STEM, HEAD, CLASSES = 32, 1280, 1000
MEAN, SPREAD = 127.0, 128.0  # pixels become (x - 127) / 128
EPSILON = 1e-3  # of the batch normalisations


def load(file: Path) -> Network:
    """The network with the published weights, in evaluation mode.

    Raises `ModelUnavailable` where the file is not the published one.
    """
    network = Network()
    network.load_state_dict(torch.load(verified(file), weights_only=True, map_location="cpu"))
    return network.eval()


class Convolution(nn.Conv2d):
    """A convolution without bias, padded as TensorFlow pads: one pixel more at the right and below where it must be."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int = 1, groups: int = 1) -> None:
        super().__init__(inputs, outputs, kernel, stride, groups=groups, bias=False)

    def pads(self) -> tuple[int, int]:
        """Padding before and after, for inputs whose sides are multiples of the stride."""
        total = self.kernel_size[0] - self.stride[0]
        return total // 2, total - total // 2

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Float (n, inputs, h, w) to (n, outputs, h / stride, w / stride)."""
        before, after = self.pads()
        return super().forward(functional.pad(x, (before, after, before, after)))


class Block(nn.Module):
    """An inverted residual: expand, convolve by channel, project; with a shortcut where the shapes agree."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int, expansion: int) -> None:
        super().__init__()
        wide = inputs * expansion
        self.expands, self.shortcut = expansion > 1, stride == 1 and inputs == outputs
        if self.expands:
            self._expand_conv = Convolution(inputs, wide, 1)
            self._bn0 = nn.BatchNorm2d(wide, EPSILON)
        self._depthwise_conv = Convolution(wide, wide, kernel, stride, wide)
        self._bn1 = nn.BatchNorm2d(wide, EPSILON)
        self._project_conv = Convolution(wide, outputs, 1)
        self._bn2 = nn.BatchNorm2d(outputs, EPSILON)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Float (n, inputs, h, w) to (n, outputs, h / stride, w / stride)."""
        y = functional.relu6(self._bn0(self._expand_conv(x))) if self.expands else x
        y = functional.relu6(self._bn1(self._depthwise_conv(y)))
        y = self._bn2(self._project_conv(y))
        result: torch.Tensor = x + y if self.shortcut else y
        return result


class Network(nn.Module):
    """The whole classifier; its names are those of the published weights."""

    def __init__(self) -> None:
        super().__init__()
        self._conv_stem = Convolution(3, STEM, 3, 2)
        self._bn0 = nn.BatchNorm2d(STEM, EPSILON)
        blocks, inputs = [], STEM
        for repeats, kernel, stride, expansion, outputs in STAGES:
            for number in range(repeats):
                blocks.append(Block(inputs, outputs, kernel, stride if number == 0 else 1, expansion))
                inputs = outputs
        self._blocks = nn.ModuleList(blocks)
        self._conv_head = Convolution(inputs, HEAD, 1)
        self._bn1 = nn.BatchNorm2d(HEAD, EPSILON)
        self._fc = nn.Linear(HEAD, CLASSES)

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        """uint8 or float (n, 3, h, w), 0 to 255, sides multiples of 32, to pooled features float (n, 1280)."""
        return self.stages(pixels)[0]

    def stages(self, pixels: torch.Tensor) -> tuple[torch.Tensor, list[torch.Tensor]]:
        """The pooled features, and the output of each stage, float (n, channels, height, width)."""
        x = functional.relu6(self._bn0(self._conv_stem((pixels.float() - MEAN) / SPREAD)))
        found, blocks = [], iter(self._blocks)
        for repeats, *_ in STAGES:
            for _ in range(repeats):
                x = next(blocks)(x)
            found.append(x)
        return functional.relu6(self._bn1(self._conv_head(x))).mean((2, 3)), found


class Graph:
    """An ONNX graph under construction; every method adds nodes and returns the name of their output."""

    def __init__(self) -> None:
        self.nodes: list[Any] = []
        self.constants: list[Any] = []

    def add(self, kind: str, *inputs: str, **attributes: Any) -> str:
        """Add one node."""
        from onnx import helper

        name = f"{kind.lower()}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, list(inputs), [name], **attributes))
        return name

    def constant(self, value: Any, dtype: type = np.float32) -> str:
        """Add an array or a number."""
        from onnx import numpy_helper

        name = f"constant_{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(value, dtype), name))
        return name

    def convolution(self, x: str, layer: nn.Module, norm: nn.Module, active: bool = True) -> str:
        """Add a convolution with its normalisation folded in, and ReLU6 if `active`."""
        assert isinstance(layer, Convolution)
        assert isinstance(norm, nn.BatchNorm2d)
        fused = nn.utils.fusion.fuse_conv_bn_eval(layer, norm)
        assert fused.bias is not None
        before, after = layer.pads()
        y = self.add(
            "Conv",
            x,
            self.constant(fused.weight.detach().numpy()),
            self.constant(fused.bias.detach().numpy()),
            strides=list(layer.stride),
            pads=[before, before, after, after],
            group=layer.groups,
        )
        return self.add("Clip", y, self.constant(0.0), self.constant(6.0)) if active else y

    def block(self, x: str, block: Block) -> str:
        """Add an inverted residual."""
        y = self.convolution(x, block._expand_conv, block._bn0) if block.expands else x
        y = self.convolution(y, block._depthwise_conv, block._bn1)
        y = self.convolution(y, block._project_conv, block._bn2, active=False)
        return self.add("Add", x, y) if block.shortcut else y

    def pooled(self, x: str) -> str:
        """Add the mean over the picture: (n, channels)."""
        return self.add("Flatten", self.add("GlobalAveragePool", x))

    def linear(self, x: str, weight: np.ndarray, bias: np.ndarray) -> str:
        """Add a linear layer; weight (outputs, inputs)."""
        return self.add("Gemm", x, self.constant(weight), self.constant(bias), transB=1)


def backbone(graph: Graph, network: Network) -> tuple[str, list[str]]:
    """Add the network from `pixels`, uint8 (n, h, w, 3).

    Returns the names of the pooled features (n, 1280) and of the output of each stage (n, channels, h, w).
    """
    from onnx import TensorProto

    x = graph.add("Transpose", graph.add("Cast", "pixels", to=TensorProto.FLOAT), perm=[0, 3, 1, 2])
    x = graph.add("Mul", graph.add("Sub", x, graph.constant(MEAN)), graph.constant(1 / SPREAD))
    x = graph.convolution(x, network._conv_stem, network._bn0)
    stages, blocks = [], iter(network._blocks)
    for repeats, *_ in STAGES:
        for _ in range(repeats):
            block = next(blocks)
            assert isinstance(block, Block)
            x = graph.block(x, block)
        stages.append(x)
    return graph.pooled(graph.convolution(x, network._conv_head, network._bn1)), stages


def model_bytes(graph: Graph, outputs: Sequence[tuple[str, str, int]]) -> bytes:
    """A serialised ONNX model of a graph: outputs are (name, node output, columns), float32."""
    from onnx import TensorProto, helper

    for name, source, _ in outputs:
        graph.nodes.append(helper.make_node("Identity", [source], [name]))
    made = helper.make_graph(
        graph.nodes,
        "image_encoder",
        [helper.make_tensor_value_info("pixels", TensorProto.UINT8, ["n", "height", "width", 3])],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", columns]) for name, _, columns in outputs],
        graph.constants,
    )
    model = helper.make_model(made, opset_imports=[helper.make_opsetid("", 20)], ir_version=9)
    return bytes(model.SerializeToString())
