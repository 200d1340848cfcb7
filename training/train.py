"""Stages two and three: train the picture network against frozen MiniLM vectors, and export it.

Three terms for the text space: a contrast between pictures and captions with soft targets (what means the same is no
negative), a yes-or-no loss over the bank of phrases, and plain nearness to the caption. One term for likeness: a
picture and a changed copy of it find each other among all others of the batch.
"""

import json
import logging
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch  # noqa: TID253 - training is torch work; nothing light imports this file
from onnx import TensorProto, helper, numpy_helper
from torch.nn import functional  # noqa: TID253

from mmsearch.models import picture_network as network
from mmsearch.models.media.picture_classifier import LIKENESS_SIZE, TEXT_NOTE, TEXT_SIZE
from training.dataset import DRAWN, TextTargets, bank_vectors
from training.vocabulary import query_phrases


def crop(
    pixels: torch.Tensor, size: tuple[int, int], least: float, turn: float, generator: torch.Generator
) -> torch.Tensor:
    """Cut a random window of at least `least` of each side, turned by up to `turn` radians, and bring it to a size.

    Float (n, 3, h, w) to (n, 3, *size). Beyond the edge lies white, black or the edge's own colour, by chance.
    """
    n = len(pixels)
    share = 1 - (1 - least) * torch.rand(n, 2, generator=generator) * (torch.rand(n, 1, generator=generator) < 0.7)
    shift = (torch.rand(n, 2, generator=generator) * 2 - 1) * (1 - share)
    angle = (torch.rand(n, generator=generator) * 2 - 1) * turn * (torch.rand(n, generator=generator) < 0.5)
    ratio = pixels.shape[2] / pixels.shape[3]
    cos, sin = torch.cos(angle), torch.sin(angle)
    theta = torch.stack(
        [
            torch.stack([cos * share[:, 0], -sin * share[:, 1] * ratio, shift[:, 0]], 1),
            torch.stack([sin * share[:, 0] / ratio, cos * share[:, 1], shift[:, 1]], 1),
        ],
        1,
    )
    grid = functional.affine_grid(theta, [n, 3, *size], align_corners=False)
    mode = ("border", "zeros", "white")[int(torch.randint(3, (1,), generator=generator))] if turn else "border"
    if mode == "white":
        return 255 - functional.grid_sample(255 - pixels, grid, padding_mode="zeros", align_corners=False)
    return functional.grid_sample(pixels, grid, padding_mode=mode, align_corners=False)


def light(pixels: torch.Tensor, strength: float, generator: torch.Generator) -> torch.Tensor:
    """Brightness, contrast, colour cast and grain by chance; float 0 to 255."""
    n = len(pixels)

    def spread(*shape: int) -> torch.Tensor:
        return 1 + strength * (torch.rand(n, *shape, 1, 1, generator=generator) * 2 - 1)

    active = (torch.rand(n, 1, 1, 1, generator=generator) < 0.6).float()
    mean = pixels.mean((1, 2, 3), keepdim=True)
    changed = (mean + (pixels - mean) * spread(1)) * spread(1) * (1 + (spread(3) - 1) * 0.3)
    noise = torch.randn(pixels.shape, generator=generator) * torch.rand(n, 1, 1, 1, generator=generator) * 12 * strength
    return (pixels + active * (changed + noise - pixels)).clamp(0, 255)


def copies(pixels: torch.Tensor, size: tuple[int, int], generator: torch.Generator) -> torch.Tensor:
    """The picture as a copy of it may come back: cut, turned, grey, darker, blurred, smaller, noisy."""
    changed = light(crop(pixels, size, 0.7, 0.12, generator), 0.5, generator)
    n = len(changed)
    dark = 1 - 0.6 * torch.rand(n, 1, 1, 1, generator=generator) * (torch.rand(n, 1, 1, 1, generator=generator) < 0.4)
    changed = changed * dark
    grey = (torch.rand(n, 1, 1, 1, generator=generator) < 0.25).float()
    weights = torch.tensor([0.299, 0.587, 0.114]).view(1, 3, 1, 1)
    changed = changed + grey * ((changed * weights).sum(1, keepdim=True) - changed)
    small = torch.rand(n, generator=generator) < 0.3
    if small.any():
        part = changed[small]
        factor = 0.3 + 0.5 * float(torch.rand(1, generator=generator))
        half = functional.interpolate(part, scale_factor=factor, mode="bilinear", antialias=True)
        changed[small] = functional.interpolate(half, size=size, mode="bilinear")
    return changed


def gentle(pixels: torch.Tensor, size: tuple[int, int], generator: torch.Generator) -> torch.Tensor:
    """Small changes that keep every name true."""
    return light(crop(pixels, size, 0.88, 0.0, generator), 0.2, generator)


log = logging.getLogger(__name__)
BATCH = 48  # pictures a step and process: many small steps learn more in the same time than few large ones
WORDINGS = 2  # captions used of each picture; the third is for whoever trains longer
COPIES = 12  # pictures of each batch that also come as changed copies


@dataclass(frozen=True, slots=True)
class Plan:
    """How long, how fast, from which seed. The rate rises over `warmup`, stays, and falls at the end."""

    steps: int = 7000
    rate: float = 1.5e-3
    decay: float = 0.05
    warmup: int = 200
    sides: tuple[tuple[float, float], ...] = ((0.65, 0.6), (1.0, 0.7))  # up to this share of the steps: times the side
    fall: float = 0.35  # the last share of the steps, over which the rate falls to nearly nothing
    seed: int = 7

    def rate_at(self, step: int) -> float:
        """Learning rate at a step."""
        return self.rate * min(1.0, (step + 1) / self.warmup, max(0.02, (self.steps - step) / (self.steps * self.fall)))

    def size_at(self, step: int, shape: int) -> tuple[int, int]:
        """Height and width of the pictures at a step: small ones first, since they cost a third."""
        side = next(side for until, side in self.sides if step < until * self.steps)
        height, width = DRAWN[shape]
        return (round(height * side / 16) * 16, round(width * side / 16) * 16)


class Pictures:
    """The drawn pictures, read from disk as needed."""

    def __init__(self, folder: Path, cache: Path) -> None:
        self.places: list[list[tuple[str, int, int]]] = [[] for _ in DRAWN]  # by shape: file, row, number
        captions: list[list[str]] = []
        labels = []
        for path in sorted(folder.glob("*.json")):
            records = json.loads(path.read_text())
            for record in records:
                file = str(folder / f"{path.stem}-{record['shape']}.npy")
                self.places[record["shape"]].append((file, record["row"], len(captions)))
                captions.append(record["captions"][:WORDINGS])
            labels.append(np.load(folder / f"{path.stem}-labels.npy"))
        self.labels = np.concatenate(labels)
        unique = sorted({text for said in captions for text in said})
        number = {text: i for i, text in enumerate(unique)}
        self.captions = np.array([[number[text] for text in said] for said in captions])
        self.texts = TextTargets(cache).embed(unique)
        self.files: dict[str, np.ndarray] = {}

    def batches(self, rng: np.random.Generator) -> Iterator[tuple[int, torch.Tensor, np.ndarray]]:
        """Endless batches of one shape: its index, uint8 (n, 3, h, w), and the pictures' numbers."""
        while True:
            epoch = []
            for shape, places in enumerate(self.places):
                order = rng.permutation(len(places))
                epoch += [(shape, order[i : i + BATCH]) for i in range(0, len(order) - BATCH + 1, BATCH)]
            for turn in rng.permutation(len(epoch)):
                shape, rows = epoch[turn]
                chosen = [self.places[shape][row] for row in rows]
                stack = np.stack([self.file(file)[row] for file, row, _ in chosen])
                pixels = torch.from_numpy(stack).permute(0, 3, 1, 2)
                yield shape, pixels, np.array([number for _, _, number in chosen])

    def file(self, path: str) -> np.ndarray:
        """A chunk, mapped into memory."""
        if path not in self.files:
            self.files[path] = np.load(path, mmap_mode="r")
        return self.files[path]


class Loss(torch.nn.Module):
    """All terms, with their learnt scales."""

    def __init__(self, bank: np.ndarray, owner: np.ndarray) -> None:
        super().__init__()
        self.bank = torch.from_numpy(bank)
        self.owner = torch.from_numpy(owner)
        self.scale = torch.nn.Parameter(torch.tensor(2.7))  # logarithm
        self.offset = torch.nn.Parameter(torch.tensor(-6.0))

    def names(self, vectors: torch.Tensor, labels: torch.Tensor, template: int) -> torch.Tensor:
        """Yes or no for every phrase of the bank; what cannot be said is left out."""
        logits = vectors @ self.bank[template].T * self.scale.exp() + self.offset
        wanted = labels[:, self.owner]
        known = (wanted >= 0).float()
        each = functional.binary_cross_entropy_with_logits(logits, wanted.clamp(min=0).float(), reduction="none")
        return (each * known).sum(1).mean() / 10  # a picture has about ten true phrases

    @staticmethod
    def captions(vectors: torch.Tensor, texts: torch.Tensor) -> torch.Tensor:
        """Each picture picks its caption among the batch's, and captions of like meaning share the target."""
        target = functional.softmax(texts @ texts.T * 20, 1)
        logits = vectors @ texts.T * 20
        both = functional.cross_entropy(logits, target) + functional.cross_entropy(logits.T, target)
        return both / 2

    @staticmethod
    def likeness(a: torch.Tensor, b: torch.Tensor, others: torch.Tensor) -> torch.Tensor:
        """Copies find their originals among all pictures of the batch, and the other way round."""
        target = torch.arange(len(a))
        forward = functional.cross_entropy(a @ torch.cat([b, others]).T * 12, target)
        return (forward + functional.cross_entropy(b @ a.T * 12, target)) / 2


def train_together(rank: int, ranks: int, folder: Path, out: Path, plan: Plan) -> None:
    """One of several processes that train the same weights on different batches; the first writes `out/final.pt`.

    Processes of one thread each, not threads: backward passes in two threads took five times the processor time of one.
    """
    torch.set_num_threads(1)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    meeting = out / "meeting"
    torch.distributed.init_process_group("gloo", init_method=f"file://{meeting}", rank=rank, world_size=ranks)
    tower, loss = train(folder, out, plan, rank, ranks)
    if rank == 0:
        torch.save({"tower": tower.state_dict(), "loss": loss.state_dict()}, out / "final.pt")
    torch.distributed.destroy_process_group()


def share_gradients(parameters: list[torch.nn.Parameter], ranks: int) -> None:
    """Replace every gradient by its mean over the processes, in one message."""
    gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
    flat = torch.cat([gradient.flatten() for gradient in gradients])
    torch.distributed.all_reduce(flat)
    flat /= ranks
    for gradient, part in zip(gradients, flat.split([g.numel() for g in gradients]), strict=True):
        gradient.copy_(part.view_as(gradient))


def train(folder: Path, out: Path, plan: Plan, rank: int = 0, ranks: int = 1) -> tuple[network.PictureTower, Loss]:
    """Train from the drawn pictures and return the averaged weights and the loss.

    A stopped run goes on from `out/checkpoint.pt`.
    """
    torch.manual_seed(plan.seed)
    own = plan.seed + 1000 * rank
    generator, rng = torch.Generator().manual_seed(own), np.random.default_rng(own)
    data = Pictures(folder, out)
    loss = Loss(*bank_vectors(TextTargets(out)))
    tower = network.PictureTower()
    tower.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    average = torch.optim.swa_utils.AveragedModel(
        tower, multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(0.98), use_buffers=True
    )
    strict = [p for p in tower.parameters() if p.ndim > 1]
    free = [p for p in tower.parameters() if p.ndim <= 1] + list(loss.parameters())
    optimiser = torch.optim.AdamW(
        [{"params": strict, "weight_decay": plan.decay}, {"params": free, "weight_decay": 0.0}], lr=plan.rate
    )
    parts: dict[str, Any] = {"tower": tower, "average": average, "loss": loss, "optimiser": optimiser}
    kept, first = out / "checkpoint.pt", 0
    if kept.exists():
        state = torch.load(kept, weights_only=True)
        first = int(state["step"])
        for name, part in parts.items():
            part.load_state_dict(state[name])
        generator.manual_seed(own + first)
        rng = np.random.default_rng([own, first])
    began, running = time.monotonic(), np.zeros(4)
    for step, (shape, pixels, numbers) in enumerate(data.batches(rng), first):
        if step >= plan.steps:
            break
        for group in optimiser.param_groups:
            group["lr"] = plan.rate_at(step)
        size = plan.size_at(step, shape)
        terms = one_step(tower, loss, data, size, pixels.float(), numbers, generator, rng)
        optimiser.zero_grad(set_to_none=True)
        (terms[0] + terms[1] + 0.5 * terms[2] + 0.5 * terms[3]).backward()
        if ranks > 1:
            share_gradients(strict + free, ranks)
        torch.nn.utils.clip_grad_norm_(tower.parameters(), 2.0)
        optimiser.step()
        average.update_parameters(tower)
        running += (np.array([float(term.detach()) for term in terms]) - running) * max(0.02, 1 / (step - first + 1))
        if step % 20 == 0 and rank == 0:
            words = "captions {:.3f} names {:.3f} cosine {:.3f} likeness {:.3f}".format(*running)
            log.info(f"step {step} of {plan.steps}: {words}, {time.monotonic() - began:.0f} s")
        if step % 100 == 99 and rank == 0:
            state = {name: part.state_dict() for name, part in parts.items()}
            torch.save({**state, "step": step + 1}, kept.with_suffix(".new"))
            kept.with_suffix(".new").rename(kept)
    trained = average.module.eval()
    assert isinstance(trained, network.PictureTower)
    return trained, loss


def one_step(
    tower: network.PictureTower,
    loss: Loss,
    data: Pictures,
    size: tuple[int, int],
    pixels: torch.Tensor,
    numbers: np.ndarray,
    generator: torch.Generator,
    rng: np.random.Generator,
) -> list[torch.Tensor]:
    """The four terms for one batch; float pixels (n, 3, h, w)."""
    both = torch.cat([gentle(pixels, size, generator), copies(pixels[:COPIES], size, generator)])
    with torch.autocast("cpu", torch.bfloat16):
        vectors, likeness = tower(both.contiguous(memory_format=torch.channels_last))
    n = len(pixels)
    vectors, likeness = vectors.float(), likeness.float()
    texts = torch.from_numpy(data.texts[data.captions[numbers, rng.integers(0, WORDINGS, n)]])
    labels = torch.from_numpy(data.labels[numbers].astype(np.int64))
    # Copies keep their names: the last COPIES rows repeat the labels of the first ones.
    again = torch.cat([labels, labels[:COPIES]])
    return [
        loss.captions(vectors[:n], texts),
        loss.names(vectors, again, int(rng.integers(len(loss.bank)))),
        (1 - (vectors[:n] * texts).sum(1)).mean(),
        loss.likeness(likeness[:COPIES], likeness[n:], likeness[COPIES:n].detach()),
    ]


OPSET = 20  # the first with Gelu


def export(tower: network.PictureTower, folder: Path) -> None:
    """Write the model directory; `tower` with its normalisations, as trained."""
    image = folder / "image"
    (folder / "text").mkdir(parents=True, exist_ok=True)
    (folder / "1_Normalize").mkdir(exist_ok=True)
    image.mkdir(exist_ok=True)
    network.save(network.fold(tower), image / "model.safetensors")
    (folder / "text" / "README.txt").write_text(TEXT_NOTE)
    write_onnx(image / "model.safetensors", image / "model.onnx")
    base, own = "sentence_transformers.base.modules", "mmsearch.models.picture_network"
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
    (folder / "picture_kinds.json").write_text(json.dumps(query_phrases(), indent=0) + "\n")


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
        """Two convolutions with a shortcut, as `picture_network.ResidualBlock`."""
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
