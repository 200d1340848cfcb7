"""A modality gap of known size, through the whole program: a tiny CLIP whose pictures are pushed away from its texts by
a known offset is indexed and asked, and must rank pictures and texts as it does without the push."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
from PIL import Image
from replicas import _clip_processor, clip_words
from small_index import run, write

from mmsearch.errors import ModelUnavailable
from mmsearch.index import Index
from mmsearch.models import export, registry
from mmsearch.models.embedder import Embedder
from mmsearch.models.model_options import ModelOptions
from mmsearch.query import Query, RunOptions
from mmsearch.retrieval.ranking import standardise_across
from mmsearch.types import View

THINGS = (
    "amber ash bark birch brass brick chalk clay cloud coral cotton denim dust ebony ember fern fire flint glass grass"
    " gravel hemp honey ice iron jade jute kelp leaf lime linen marble moss mud nickel night nylon oil olive paper"
    " pearl plum quartz quill rope rust sand silk slate snow stone tar thorn umber velvet vine water wax wheat wood"
    " yarn zinc"
).split()
SHOWN = 4  # things in a picture or text
WIDTH, DIMENSION = 256, len(THINGS) - 1
NORMS = (0.5, 1.0, 1.5)  # of the offsets, the length of a picture's embedding being 1 on average
DIRECTIONS = 2  # for each of them
FILES, QUERIES = 60, 20  # of either kind
WANTED = 0.95


def chosen(count: int, random: np.random.Generator) -> list[np.ndarray]:
    return [random.choice(len(THINGS), SHOWN, replace=False) for _ in range(count)]


def drawn(things: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """A picture, uint8 (32, 32, 3), of 16 tiles; each thing has a pattern of four colours, on four of the tiles."""
    patterns = np.random.default_rng(0).integers(0, 256, (len(THINGS), 2, 2, 3))
    tiles = patterns[random.permutation(np.repeat(things, 16 // SHOWN))].reshape(4, 4, 2, 2, 3)
    plain = tiles.transpose(0, 2, 1, 3, 4).reshape(8, 8, 3).repeat(4, 0).repeat(4, 1)
    pixels: np.ndarray = np.clip(plain + random.normal(0, 8, plain.shape), 0, 255).astype(np.uint8)
    return pixels


def named(things: np.ndarray, random: np.random.Generator) -> str:
    return " ".join(THINGS[one] for one in random.permutation(things))


def mirrored(text: str) -> str:
    """The same in another language: no word is shared, so words decide nothing."""
    return " ".join(word[::-1] for word in text.split())


def unit(rows: np.ndarray) -> np.ndarray:
    unit_rows: np.ndarray = rows / np.linalg.norm(rows, axis=-1, keepdims=True)
    return unit_rows


class Clip:
    """A CLIP of one layer that knows the things, in both languages, and has no gap: its towers are random, their
    projections are fitted so that a picture and the texts of the same things lie at one place."""

    def __init__(self) -> None:
        import torch
        from transformers import CLIPConfig, CLIPModel

        torch.set_num_threads(1)
        torch.manual_seed(0)
        vocabulary, merges = clip_words()
        for word in [*THINGS, *map(mirrored, THINGS)]:
            for end in range(2, len(word) + 1):
                pair = word[: end - 1], word[end - 1] + "</w>" * (end == len(word))
                merges += [] if pair in merges else [pair]
                vocabulary.setdefault("".join(pair), len(vocabulary))
        ends = {"bos_token_id": vocabulary["<|startoftext|>"], "eos_token_id": vocabulary["<|endoftext|>"]}
        tower = {"hidden_size": WIDTH, "intermediate_size": WIDTH, "num_hidden_layers": 1, "num_attention_heads": 2}
        config = CLIPConfig(
            text_config=tower | ends | {"vocab_size": len(vocabulary), "max_position_embeddings": 77},
            vision_config=tower | {"image_size": 32, "patch_size": 8},
            projection_dim=DIMENSION,
        )
        self.model = CLIPModel(config).eval()
        self.processor = _clip_processor(vocabulary, merges)
        self._fit()

    def _fit(self) -> None:
        random = np.random.default_rng(0)
        shown = chosen(1200, random)
        axes = np.column_stack([np.ones(len(THINGS)), random.normal(size=(len(THINGS), DIMENSION))])
        codes = np.linalg.qr(axes)[0][:, 1:]  # equally far from each other, around the origin
        wanted = unit(np.stack([codes[things].sum(axis=0) for things in shown]))
        texts = [named(things, random) for things in shown]
        self._project("text", [*texts, *map(mirrored, texts)], np.concatenate([wanted, wanted]))
        self._project("vision", [drawn(things, random) for things in shown], wanted)

    def _parts(self, tower: str) -> tuple[Any, Any]:
        """A tower's projection, and the norm before it, whose bias comes to everything."""
        if tower == "text":
            return self.model.text_projection, self.model.text_model.final_layer_norm
        return self.model.visual_projection, self.model.vision_model.post_layernorm

    def _inner(self, tower: str, items: Sequence[Any]) -> np.ndarray:
        """What goes into a projection, float64 (n, WIDTH)."""
        import torch

        given = {"text": items, "padding": True} if tower == "text" else {"images": items}
        with torch.no_grad():
            inputs = self.processor(**given, return_tensors="pt")
            pooled = getattr(self.model, f"{tower}_model")(**inputs).pooler_output
            return cast(np.ndarray, pooled.double().numpy())

    def _project(self, tower: str, items: Sequence[Any], wanted: np.ndarray) -> None:
        """Fits a projection by ridge regression; the norm before it takes off the mean."""
        import torch

        projection, norm = self._parts(tower)
        inner = self._inner(tower, items)
        rows = inner - inner.mean(axis=0)
        kernel = rows.T @ rows
        ridge = 1e-3 * np.trace(kernel) / WIDTH * np.eye(WIDTH)
        with torch.no_grad():
            projection.weight.copy_(torch.tensor(np.linalg.solve(kernel + ridge, rows.T @ wanted).T))
            norm.bias -= torch.tensor(inner.mean(axis=0)).float()

    def embedded(self, tower: str, items: Sequence[Any]) -> np.ndarray:
        """Embeddings before they are brought to length 1, float64 (n, DIMENSION)."""
        weight: np.ndarray = self._parts(tower)[0].weight.detach().double().numpy()
        rows: np.ndarray = self._inner(tower, items) @ weight.T
        return rows

    def saved(self, folder: Path, offset: np.ndarray) -> Path:
        """The folder of this model with an offset (DIMENSION,) on every picture's embedding. The projection has no
        bias, so what it makes the offset of comes to the bias of the norm before it."""
        import torch

        projection, norm = self._parts("vision")
        before = norm.bias.detach().clone()
        with torch.no_grad():
            norm.bias += (torch.linalg.pinv(projection.weight.double()) @ torch.tensor(offset)).float()
            self.model.save_pretrained(folder)
            norm.bias.copy_(before)
        self.processor.save_pretrained(folder)
        return folder


@dataclass
class Found:
    """The first ten names for each query, by the program and by the plain cosines of its embeddings, and which signals
    gave anything."""

    program: list[list[bytes]]
    plain: list[list[bytes]]
    signals: set[str]


@pytest.fixture(scope="module")
def clip() -> Clip:
    return Clip()


@pytest.fixture(scope="module")
def offsets(clip: Clip) -> dict[float, np.ndarray]:
    """By norm, several in random directions, and none."""
    random = np.random.default_rng(1)
    pictures = clip.embedded("vision", [drawn(things, random) for things in chosen(100, random)])
    length = np.linalg.norm(pictures, axis=1).mean()
    pushed = {norm: length * norm * unit(random.normal(size=(DIRECTIONS, DIMENSION))) for norm in NORMS}
    return {0.0: np.zeros((1, DIMENSION)), **pushed}


@pytest.fixture(scope="module")
def found(
    clip: Clip, offsets: dict[float, np.ndarray], tmp_path_factory: pytest.TempPathFactory
) -> dict[float, list[Found]]:
    """By norm, what an index of pictures and texts finds with each offset."""
    top, random = tmp_path_factory.mktemp("gap"), np.random.default_rng(2)
    (top / "files").mkdir()
    for number, things in enumerate(chosen(FILES, random)):
        Image.fromarray(drawn(things, random)).save(top / "files" / f"{number}.png")
    for number, things in enumerate(chosen(FILES, random)):
        write(top / "files" / f"{number}.txt", mirrored(named(things, random)))
    queries = [named(things, random) for things in chosen(QUERIES, random)]

    def refuse(embedder: Embedder) -> None:
        raise ModelUnavailable(f"{embedder.name} would take ten seconds to export.")

    result: dict[float, list[Found]] = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(export, "check_exportable", refuse)
        for norm, some in offsets.items():
            for number, offset in enumerate(some):
                model = clip.saved(top / f"{norm}-{number}" / "clip", offset)
                index = model.parent / "index"
                record = run(index, top / "files", models=(str(model),), dtype="float32", device="cpu")
                assert record.indexed == 2 * FILES
                result.setdefault(norm, []).append(searched(index, queries))
    return result


def searched(index: Path, queries: list[str]) -> Found:
    opened = Index.open(index)
    found = Found([], [], set())
    for text in queries:
        query = Query(text, k=2 * FILES, names=False, fold=False, min_score=0.0)
        hits = opened.search(query, RunOptions(query_encoder="torch")).hits
        assert len(hits) == 2 * FILES
        cosines: dict[bytes, float] = {}
        for hit in hits:
            (seen,) = [signal for signal in hit.signals if signal.contribution]
            cosines[os.path.basename(hit.path)] = seen.raw
            found.signals.add(seen.name)
        found.program.append(list(cosines)[:10])
        found.plain.append(sorted(cosines, key=cosines.__getitem__, reverse=True)[:10])
    return found


def overlap(rankings: list[list[bytes]], others: list[list[bytes]]) -> float:
    return float(np.mean([len(set(one) & set(other)) / 10 for one, other in zip(rankings, others, strict=True)]))


def pictures(rankings: list[list[bytes]]) -> np.ndarray:
    """Their share of the first ten, for each query."""
    return np.array([sum(name.endswith(b".png") for name in ranking) / 10 for ranking in rankings])


def test_the_offset_is_what_every_picture_gets_and_no_text(
    clip: Clip, offsets: dict[float, np.ndarray], tmp_path: Path
) -> None:
    random = np.random.default_rng(3)
    images = [drawn(things, random) for things in chosen(10, random)]
    folder = clip.saved(tmp_path / "clip", offsets[1.0][0])
    model = registry.load(registry.resolve(str(folder)), ModelOptions(device="cpu", dtype="float32"))
    expected = unit(clip.embedded("vision", images) + offsets[1.0][0])
    assert model.embed(View.IMAGE, images) == pytest.approx(expected, abs=1e-4)
    assert model.embed(View.TEXT, THINGS) == pytest.approx(unit(clip.embedded("text", THINGS)), abs=1e-4)


def test_without_a_push_pictures_and_texts_lie_together(clip: Clip, found: dict[float, list[Found]]) -> None:
    random = np.random.default_rng(4)
    shown = chosen(300, random)
    looks = unit(clip.embedded("vision", [drawn(things, random) for things in shown]))
    texts = unit(clip.embedded("text", [mirrored(named(things, random)) for things in shown]))
    assert np.linalg.norm(looks.mean(axis=0) - texts.mean(axis=0)) < 0.1
    assert (looks * texts).sum(axis=1).mean() > 0.5
    (free,) = found[0.0]
    assert free.signals == {"clip:image", "clip:text"}, "words must not decide"
    for rankings, least in ((free.plain, 0.4), (free.program, 0.25)):
        assert least < pictures(rankings).mean() < 0.75
        assert (pictures(rankings) > 0).all() and (pictures(rankings) < 1).all()


@pytest.mark.parametrize(("count", "most"), [(10, 2.0), (60, 0.15), (1000, 0.003)])
def test_what_is_usual_for_other_queries_counts_less_the_more_pictures_there_are(count: int, most: float) -> None:
    random = np.random.default_rng(count)
    usual = random.normal(0.2, 0.1, count)
    near, far = (standardise_across(usual, usual, random.normal(mean, 0.1, (40, count))).mean() for mean in (0.2, 0.6))
    assert abs(near) < 0.1 and 0 < near - far < most


def test_the_program_ranks_as_it_does_without_the_gap(found: dict[float, list[Found]]) -> None:
    (free,) = found[0.0]
    program = {norm: float(np.mean([overlap(one.program, free.program) for one in found[norm]])) for norm in NORMS}
    plain = {norm: float(np.mean([overlap(one.plain, free.plain) for one in found[norm]])) for norm in NORMS}
    told = f"overlap of the first ten by norm: program {program}, plain cosine {plain}"
    assert np.mean(list(program.values())) >= WANTED, told
    assert np.mean(list(plain.values())) < 0.85, told
    assert all(program[norm] > plain[norm] + 0.05 for norm in NORMS), told
