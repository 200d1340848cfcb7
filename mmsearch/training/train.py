"""Stage two: train the tower on the drawn pictures against frozen MiniLM vectors.

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
import torch  # noqa: TID253 - training is torch work; nothing light imports this file
from torch.nn import functional  # noqa: TID253

from mmsearch.models import eyes_network as network
from mmsearch.training import teacher, views
from mmsearch.training.draw import DRAWN

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
        self.texts = teacher.embed(unique, cache)
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


def train(folder: Path, out: Path, plan: Plan, rank: int = 0, ranks: int = 1) -> tuple[network.Tower, Loss]:
    """Train from the drawn pictures and return the averaged weights and the loss.

    A stopped run goes on from `out/checkpoint.pt`.
    """
    torch.manual_seed(plan.seed)
    own = plan.seed + 1000 * rank
    generator, rng = torch.Generator().manual_seed(own), np.random.default_rng(own)
    data = Pictures(folder, out)
    loss = Loss(*teacher.bank_vectors(out))
    tower = network.Tower()
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
    assert isinstance(trained, network.Tower)
    return trained, loss


def one_step(
    tower: network.Tower,
    loss: Loss,
    data: Pictures,
    size: tuple[int, int],
    pixels: torch.Tensor,
    numbers: np.ndarray,
    generator: torch.Generator,
    rng: np.random.Generator,
) -> list[torch.Tensor]:
    """The four terms for one batch; float pixels (n, 3, h, w)."""
    both = torch.cat([views.gentle(pixels, size, generator), views.copies(pixels[:COPIES], size, generator)])
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
