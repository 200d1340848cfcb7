"""A text tower exported for queries: the same vectors without torch, complete or not there, and damage found."""

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import cast

import numpy as np
import pytest
from replicas import tiny_clip, tiny_minilm
from replicas_towers import tiny_clap, tiny_siglip, tiny_student
from small_index import run, write_png
from test_structure import modules_of

from mmsearch.encoding import encoders
from mmsearch.errors import ModelUnavailable
from mmsearch.models import builtin, export, registry
from mmsearch.models.model_catalogue import ModelSpec
from mmsearch.models.model_options import ModelOptions
from mmsearch.models.query_encoder import OnnxTextEncoder, check_files, is_refused, read_note, write_refusal
from mmsearch.models.sentence_transformer import SentenceTransformerEmbedder
from mmsearch.types import View

pytestmark = pytest.mark.usefixtures("no_network")


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, float]:
    folder = tmp_path_factory.mktemp("index") / "encoders" / "builtin"
    return folder, export.export_query_encoder(registry.resolve("builtin"), folder)


@pytest.fixture
def copy(exported: tuple[Path, float], tmp_path: Path) -> Path:
    shutil.copytree(exported[0], tmp_path / "builtin")
    return tmp_path / "builtin"


def loaded(folder: Path) -> SentenceTransformerEmbedder:
    found = registry.load(registry.resolve(str(folder)), ModelOptions(device="cpu", dtype="float32"))
    return cast(SentenceTransformerEmbedder, found)


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> tuple[SentenceTransformerEmbedder, Path, float]:
    """A CLIP of two towers, and its exported text tower."""
    top = tmp_path_factory.mktemp("clip")
    embedder = loaded(tiny_clip(top / "model"))
    return embedder, top / "encoder", export.export_text_tower(embedder, top / "encoder")


def test_the_graph_returns_the_vectors_of_torch(exported: tuple[Path, float]) -> None:
    folder, cosine = exported
    assert cosine >= 0.9999
    texts = [*export.parity_texts(256), "", "zebra", "ⅷ ½ ﬁ", "x" * 3000]
    torch_side = registry.load(registry.resolve("builtin"), ModelOptions(device="cpu", dtype="float32")).embed(
        View.TEXT, texts
    )
    encoder = OnnxTextEncoder(folder)
    found = np.concatenate([encoder.embed([text]) for text in texts])
    assert found.shape == (54, 384) and found.dtype == np.float32
    assert (found * torch_side).sum(axis=1).min() > 0.9999
    assert np.allclose(np.linalg.norm(found, axis=1), 1, atol=1e-5)
    assert (encoder.fingerprint, encoder.dimension) == (builtin.fingerprint()["text"], 384)


def test_token_vectors_come_one_a_token_at_unit_length(exported: tuple[Path, float]) -> None:
    encoder = OnnxTextEncoder(exported[0])
    short, long = encoder.embed_tokens(["train", "a longer text about trains"])
    assert short.shape == (3, 384) and long.shape == (7, 384)
    assert np.allclose(np.linalg.norm(long, axis=1), 1, atol=1e-5)


def test_tokens_say_how_much_of_a_text_the_model_can_read(exported: tuple[Path, float]) -> None:
    plain, chinese = OnnxTextEncoder(exported[0]).tokenize(["revenue chart", "會議 紀錄 🦔"])
    assert (plain.pieces, plain.unknown) == (["revenue", "chart"], 0)
    assert plain.offsets == [(0, 7), (8, 13)]
    assert chinese.unknown == chinese.pieces.count("[UNK]") > 0


def test_the_query_encoder_never_imports_torch(exported: tuple[Path, float]) -> None:
    code = (
        "import sys; from pathlib import Path; from mmsearch.models.query_encoder import OnnxTextEncoder\n"
        "print(OnnxTextEncoder(Path(sys.argv[1])).embed(['revenue chart']).shape,"
        "[m for m in ('torch', 'transformers', 'sentence_transformers') if m in sys.modules])"
    )
    command = [sys.executable, "-c", code, str(exported[0])]
    result = subprocess.run(command, capture_output=True, text=True, check=True)
    assert (result.stdout, result.stderr) == ("(1, 384) []\n", "")


def test_what_was_written_is_complete_and_nothing_else_is_left(exported: tuple[Path, float]) -> None:
    folder, cosine = exported
    assert sorted(path.name for path in folder.iterdir()) == ["encoder.json", "text.bin", "text.onnx", "tokenizer.json"]
    assert [path.name for path in folder.parent.iterdir()] == ["builtin"]
    assert check_files(folder) == []
    assert read_note(folder)["cosine"] == round(cosine, 7)


@pytest.mark.parametrize(
    ("damage", "sentence"),
    [
        (lambda folder: shutil.rmtree(folder), "There is no exported query encoder."),
        (lambda folder: (folder / "encoder.json").write_text("{"), "The exported query encoder is damaged."),
        (lambda folder: (folder / "encoder.json").write_text("[]"), "The exported query encoder is damaged."),
        (lambda folder: (folder / "text.bin").unlink(), "The exported query encoder is incomplete."),
        (lambda folder: (folder / "text.bin").write_bytes(b""), "The exported query encoder is incomplete."),
    ],
)
def test_missing_and_damaged_folders_are_one_sentence(
    copy: Path, damage: Callable[[Path], object], sentence: str
) -> None:
    damage(copy)
    with pytest.raises(ModelUnavailable) as caught:
        OnnxTextEncoder(copy)
    assert caught.value.sentence == sentence and "torch" in caught.value.hint


def test_a_graph_of_the_right_size_that_is_none_is_refused(copy: Path) -> None:
    graph = copy / "text.onnx"
    graph.write_bytes(b"\xff" * graph.stat().st_size)
    assert check_files(copy) == ["text.onnx"]
    with pytest.raises(ModelUnavailable, match="can't be loaded"):
        OnnxTextEncoder(copy)


def test_a_tower_that_differs_is_not_used_and_leaves_the_old_one(
    clip: tuple[SentenceTransformerEmbedder, Path, float], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    embedder, exported, _ = clip
    folder = tmp_path / "encoders" / "1"
    shutil.copytree(exported, folder)
    before = json.loads((folder / "encoder.json").read_text())
    monkeypatch.setattr(export, "_write_graph", lambda _, target: target.touch())
    monkeypatch.setattr(
        export, "write_optimised", lambda _, target: shutil.copytree(exported, target.parent, dirs_exist_ok=True)
    )
    monkeypatch.setattr(export, "_parity", lambda *_: 0.99)
    with pytest.raises(ModelUnavailable, match=r"differs from the model \(cosine 0.99000\)"):
        export.export_text_tower(embedder, folder)
    assert [path.name for path in folder.parent.iterdir()] == ["1"]
    assert json.loads((folder / "encoder.json").read_text()) == before
    assert OnnxTextEncoder(folder).embed(["still here"]).shape == (1, 16)


def minilm(top: Path) -> SentenceTransformerEmbedder:
    return loaded(tiny_minilm(top / "model", prompts={"query": "query: ", "document": "passage: "}))


def pair(top: Path) -> SentenceTransformerEmbedder:
    """The multilingual student with the picture tower of the CLIP that taught it; vectors cut to 8."""
    student, tower = tiny_student(top / "student"), tiny_clip(top / "tower")
    options = ModelOptions(device="cpu", dtype="float32", dim=8)
    spec = ModelSpec("pair", str(student), pair=str(tower))
    return SentenceTransformerEmbedder(student, name="pair", options=options, spec=spec)


def siglip(top: Path) -> SentenceTransformerEmbedder:
    return loaded(tiny_siglip(top / "model"))


def clap(top: Path) -> SentenceTransformerEmbedder:
    return loaded(tiny_clap(top / "model"))


@pytest.mark.parametrize("make", [minilm, pair, siglip, clap])
def test_every_family_of_small_text_towers_is_exported(
    make: Callable[[Path], SentenceTransformerEmbedder], tmp_path: Path
) -> None:
    model = make(tmp_path)
    assert export.export_text_tower(model, tmp_path / "encoder") >= 0.9999
    encoder = OnnxTextEncoder(tmp_path / "encoder")
    assert (encoder.fingerprint, encoder.dimension) == (model.fingerprint()["text"], model.dimension)
    texts = ["a", "still here", "A Cat, 3 DOGS <|endoftext|>", "x y " * 200]
    expected = model.embed(View.TEXT, texts, role="query")
    for found in (encoder.embed(texts), np.concatenate([encoder.embed([text]) for text in texts])):  # T11
        np.testing.assert_allclose(found, expected, atol=1e-5)
    whole = sum(one.numel() for one in model.model.parameters())
    assert make is minilm or (tmp_path / "encoder" / "text.bin").stat().st_size < 4 * whole / 2


def test_the_text_tower_of_a_model_that_sees_is_exported_alone(
    clip: tuple[SentenceTransformerEmbedder, Path, float],
) -> None:
    embedder, folder, cosine = clip
    assert cosine >= 0.9999
    towers = embedder.model[0].model
    texts = sum(one.numel() for one in [*towers.text_model.parameters(), *towers.text_projection.parameters()])
    weights = (folder / "text.bin").stat().st_size + (folder / "text.onnx").stat().st_size
    assert 4 * texts < weights < 4 * texts + 60_000  # numbers of text.bin, and the graph itself
    assert not any(name in (folder / "text.onnx").read_bytes() for name in (b"vision", b"visual", b"pixel", b"patch"))


def test_short_and_cut_texts_of_a_tower_that_sees_are_those_of_torch(
    clip: tuple[SentenceTransformerEmbedder, Path, float],
) -> None:
    embedder, folder, _ = clip
    texts = ["", "a", "the hen in the tree", "THE HEN", "会议 🙂", "word " * 200]
    encoder = OnnxTextEncoder(folder)
    expected = embedder.embed(View.TEXT, texts, role="query")
    for found in (encoder.embed(texts), np.concatenate([encoder.embed([text]) for text in texts])):
        np.testing.assert_allclose(found, expected, atol=1e-5)


def test_a_text_query_over_pictures_loads_no_torch(
    clip: tuple[SentenceTransformerEmbedder, Path, float], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    embedder, exported, _ = clip
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    for shade in (10, 200):
        write_png(tmp_path / f"{shade}.png", shade)
    model = str(exported.parent / "model")
    run(tmp_path / "index", tmp_path / "10.png", tmp_path / "200.png", models=(model,), device="cpu", dtype="float32")
    (place,) = (tmp_path / "cache" / "mmsearch" / "encoders").iterdir()
    everyday = np.load(place / "everyday.npy").astype(np.float32)
    expected = embedder.embed(View.TEXT, encoders.ANCHOR_TEXTS, role="query")
    np.testing.assert_allclose(everyday, expected, atol=1e-3)
    loaded = modules_of("query", "the hen", "--min-score", "0", "--index", str(tmp_path / "index"))
    assert "onnxruntime" in loaded and not loaded & {"torch", "transformers", "sentence_transformers", "torchcodec"}


def test_a_large_tower_is_refused_with_its_size(
    clip: tuple[SentenceTransformerEmbedder, Path, float], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(export, "MOST_PARAMETERS", 20_000)
    with pytest.raises(ModelUnavailable, match="million parameters, more than 0"):
        export.export_text_tower(clip[0], tmp_path / "encoder")
    assert list(tmp_path.iterdir()) == []


def test_a_refusal_is_noted_and_read_again(tmp_path: Path) -> None:
    folder = tmp_path / "1"
    write_refusal(folder, {"model": "large"}, "It is too large.")
    assert is_refused(folder, {"model": "large"}) and not is_refused(folder, {"model": "other"})
    with pytest.raises(ModelUnavailable, match=r"^It is too large\.$"):
        OnnxTextEncoder(folder)


def test_the_parity_texts_span_lengths_and_scripts() -> None:
    lengths = [len(text.split()) for text in export.parity_texts(256)]
    assert len(lengths) == 50 and min(lengths) == 0 and max(lengths) > 150
