"""A text tower exported for queries: the same vectors without torch, complete or not there, and damage found."""

import json
import shutil
import socket
import subprocess
import sys

import numpy as np
import pytest

from mmsearch.errors import ModelUnavailable
from mmsearch.models import builtin, export, registry
from mmsearch.models.options import ModelOptions
from mmsearch.models.query_encoder import OnnxTextEncoder, check_files, read_note
from mmsearch.types import View


@pytest.fixture(autouse=True)
def no_network(monkeypatch):
    def refuse(*_):
        raise AssertionError("network attempt")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    folder = tmp_path_factory.mktemp("index") / "encoders" / "builtin"
    return folder, export.export_query_encoder(registry.resolve("builtin"), folder)


@pytest.fixture
def copy(exported, tmp_path):
    shutil.copytree(exported[0], tmp_path / "builtin")
    return tmp_path / "builtin"


def small_model(folder):
    """One layer of the real architecture, random weights, float32; the built-in model's tokenizer."""
    import torch
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import Pooling, Transformer
    from transformers import BertConfig, BertModel

    torch.manual_seed(0)
    torch.set_num_threads(1)
    config = BertConfig(
        vocab_size=30522, hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=32
    )
    BertModel(config, add_pooling_layer=False).save_pretrained(folder)
    for name in ("tokenizer.json", "tokenizer_config.json", "vocab.txt", "special_tokens_map.json"):
        shutil.copy(builtin.locate() / name, folder / name)
    small = SentenceTransformer(modules=[Transformer(str(folder)), Pooling(16, "mean")], device="cpu").eval()
    small.max_seq_length = 32
    return small


def test_the_graph_gives_the_vectors_of_torch(exported):
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


def test_token_vectors_come_one_a_token_at_unit_length(exported):
    encoder = OnnxTextEncoder(exported[0])
    short, long = encoder.embed_tokens(["train", "a longer text about trains"])
    assert short.shape == (3, 384) and long.shape == (7, 384)
    assert np.allclose(np.linalg.norm(long, axis=1), 1, atol=1e-5)


def test_tokens_say_how_much_of_a_text_the_model_can_read(exported):
    plain, chinese = OnnxTextEncoder(exported[0]).tokenize(["revenue chart", "會議 紀錄 🦔"])
    assert (plain.pieces, plain.unknown) == (["revenue", "chart"], 0)
    assert plain.offsets == [(0, 7), (8, 13)]
    assert chinese.unknown == chinese.pieces.count("[UNK]") > 0


def test_the_query_encoder_never_imports_torch(exported):
    code = (
        "import sys; from pathlib import Path; from mmsearch.models.query_encoder import OnnxTextEncoder\n"
        "print(OnnxTextEncoder(Path(sys.argv[1])).embed(['revenue chart']).shape,"
        "[m for m in ('torch', 'transformers', 'sentence_transformers') if m in sys.modules])"
    )
    command = [sys.executable, "-c", code, str(exported[0])]
    result = subprocess.run(command, capture_output=True, text=True, check=True)
    assert (result.stdout, result.stderr) == ("(1, 384) []\n", "")


def test_what_was_written_is_complete_and_nothing_else_is_left(exported):
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
def test_missing_and_damaged_folders_are_one_sentence(copy, damage, sentence):
    damage(copy)
    with pytest.raises(ModelUnavailable) as caught:
        OnnxTextEncoder(copy)
    assert caught.value.sentence == sentence and "torch" in caught.value.hint


def test_a_graph_of_the_right_size_that_is_none_is_refused(copy):
    graph = copy / "text.onnx"
    graph.write_bytes(b"\xff" * graph.stat().st_size)
    assert check_files(copy) == ["text.onnx"]
    with pytest.raises(ModelUnavailable, match="can't be loaded"):
        OnnxTextEncoder(copy)


def test_a_tower_that_differs_is_not_used_and_leaves_the_old_one(tmp_path, monkeypatch):
    folder = tmp_path / "encoders" / "small"
    facts = {"dimension": 16, "max_tokens": 32, "prompt": "query: ", "fingerprint": {"model": "small"}}
    model = small_model(tmp_path)
    assert export.export_text_tower(model, folder, **facts) >= 0.9999
    before = json.loads((folder / "encoder.json").read_text())
    assert (before["prompt"], before["fingerprint"]) == ("query: ", {"model": "small"})
    monkeypatch.setattr(export, "_parity", lambda *_: 0.99)
    with pytest.raises(ModelUnavailable, match=r"differs from the model \(cosine 0.99000\)"):
        export.export_text_tower(model, folder, **facts)
    assert [path.name for path in folder.parent.iterdir()] == ["small"]
    assert json.loads((folder / "encoder.json").read_text()) == before
    assert OnnxTextEncoder(folder).embed(["still here"]).shape == (1, 16)


def test_the_parity_texts_span_lengths_and_scripts():
    lengths = [len(text.split()) for text in export.parity_texts(256)]
    assert len(lengths) == 50 and min(lengths) == 0 and max(lengths) > 150
