"""Stage three: the trained tower as a Sentence Transformers directory, safetensors and ONNX.

The ONNX graph is written node by node (there are only six kinds) and holds no weights: it points into the safetensors
file beside it, so that the weights are shipped once.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from mmsearch.models import eyes_network as network
from mmsearch.models.eyes import LIKENESS_SIZE, TEXT_NOTE, TEXT_SIZE
from mmsearch.training.card import write_card
from mmsearch.training.looks import spoken

OPSET = 20  # the first with Gelu


def export(tower: network.Tower, folder: Path) -> None:
    """Write the model directory; `tower` with its normalisations, as trained."""
    image = folder / "image"
    (folder / "text").mkdir(parents=True, exist_ok=True)
    (folder / "1_Normalize").mkdir(exist_ok=True)
    image.mkdir(exist_ok=True)
    network.save(network.fold(tower), image / "model.safetensors")
    (folder / "text" / "README.txt").write_text(TEXT_NOTE)
    write_onnx(image / "model.safetensors", image / "model.onnx")
    base, own = "sentence_transformers.base.modules", "mmsearch.models.eyes_routes"
    router = {
        "types": {"text": f"{own}.InstalledMiniLM", "image": f"{own}.PictureRoute"},
        "structure": {"text": ["text"], "image": ["image"]},
        "parameters": {"default_route": "text", "allow_empty_key": True, "route_mappings": {}},
    }
    modules = [
        {"idx": 0, "name": "0", "path": "", "type": f"{base}.router.Router"},
        {"idx": 1, "name": "1", "path": "1_Normalize", "type": f"{base}.normalize.Normalize"},
    ]
    settings = {"similarity_fn_name": "cosine", "prompts": {}, "model_type": "SentenceTransformer"}
    for name, content in (
        ("router_config.json", router),
        ("modules.json", modules),
        ("config_sentence_transformers.json", settings),
        ("1_Normalize/config.json", {}),
    ):
        (folder / name).write_text(json.dumps(content, indent=2) + "\n")
    write_card(folder, ())
    (folder / "looks.json").write_text(json.dumps(spoken(), indent=0) + "\n")


class Graph:
    """An ONNX graph under construction; every method adds nodes and returns the name of their output."""

    def __init__(self, weights: Path) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []
        self.file = weights.name
        with weights.open("rb") as stream:
            length = int.from_bytes(stream.read(8), "little")
            self.header = json.loads(stream.read(length))
        self.begin = 8 + length

    def add(self, kind: str, *inputs: str, **attributes: Any) -> str:
        """One node."""
        name = f"{kind.lower()}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, list(inputs), [name], **attributes))
        return name

    def constant(self, value: float) -> str:
        """A number, kept in the graph."""
        name = f"constant_{len(self.constants)}"
        array = np.array(value, np.float32)
        self.constants.append(numpy_helper.from_array(array, name))
        return name

    def axis(self, number: int) -> str:
        """An axis as a node's input: int64 (1,)."""
        name = f"constant_{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.array([number], np.int64), name))
        return name

    def weight(self, name: str) -> str:
        """A tensor of the safetensors file, by reference, as float32."""
        entry = self.header[name]
        tensor = TensorProto(name=name, data_type=TensorProto.FLOAT16, dims=entry["shape"])
        tensor.data_location = TensorProto.EXTERNAL
        start, end = entry["data_offsets"]
        for key, value in (("location", self.file), ("offset", self.begin + start), ("length", end - start)):
            tensor.external_data.add(key=key, value=str(value))
        self.constants.append(tensor)
        return self.add("Cast", name, to=TensorProto.FLOAT)

    def convolution(self, x: str, name: str, stride: int = 1) -> str:
        """A folded 3x3 convolution."""
        weights = self.weight(f"{name}.0.weight"), self.weight(f"{name}.0.bias")
        return self.add("Conv", x, *weights, strides=[stride] * 2, pads=[1] * 4, kernel_shape=[3, 3])

    def linear(self, x: str, name: str) -> str:
        """A linear layer."""
        return self.add("Gemm", x, self.weight(f"{name}.weight"), self.weight(f"{name}.bias"), transB=1)

    def block(self, x: str, name: str) -> str:
        """See `network.Block`."""
        inner = self.add("Relu", self.convolution(x, f"{name}.first"))
        return self.add("Relu", self.add("Add", x, self.convolution(inner, f"{name}.second")))

    def pooled(self, x: str) -> str:
        """Mean over the picture, less the mean over channels, at unit length."""
        flat = self.add("Flatten", self.add("GlobalAveragePool", x))
        mean = self.add("ReduceMean", flat, self.axis(1), keepdims=1)
        return self.add("LpNormalization", self.add("Sub", flat, mean), axis=1, p=2)


def write_onnx(weights: Path, out: Path) -> None:
    """The tower as ONNX: `pixels` uint8 (n, height, width, 3) to `vector` (n, 384) and `likeness` (n, 640), float32."""
    graph = Graph(weights)
    x = graph.add("Transpose", graph.add("Cast", "pixels", to=TensorProto.FLOAT), perm=[0, 3, 1, 2])
    x = graph.add("Sub", x, graph.constant(255 * network.MEAN))
    x = graph.add("Mul", x, graph.constant(1 / (255 * network.SPREAD)))
    x = graph.add("Relu", graph.convolution(x, "stem.0", 2))
    pooled = []
    for number, depth in enumerate(network.DEPTHS):
        x = graph.add("Relu", graph.convolution(x, f"stages.{number}.0", 2))
        for block in range(depth):
            x = graph.block(x, f"stages.{number}.{block + 2}")
        if number >= len(network.DEPTHS) - 2:
            pooled.append(graph.pooled(x))
    likeness = graph.add("Mul", graph.add("Concat", *pooled, axis=1), graph.constant(len(pooled) ** -0.5))
    hidden = graph.linear(graph.add("Mul", likeness, graph.constant(network.GAIN)), "project.0")
    vector = graph.add("LpNormalization", graph.linear(graph.add("Gelu", hidden), "project.2"), axis=1, p=2)
    graph.nodes.append(helper.make_node("Identity", [vector], ["vector"]))
    graph.nodes.append(helper.make_node("Identity", [likeness], ["likeness"]))
    made = helper.make_graph(
        graph.nodes,
        "eyes",
        [helper.make_tensor_value_info("pixels", TensorProto.UINT8, ["n", "height", "width", 3])],
        [
            helper.make_tensor_value_info("vector", TensorProto.FLOAT, ["n", TEXT_SIZE]),
            helper.make_tensor_value_info("likeness", TensorProto.FLOAT, ["n", LIKENESS_SIZE]),
        ],
        graph.constants,
    )
    model = helper.make_model(made, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=9)
    out.write_bytes(model.SerializeToString())
