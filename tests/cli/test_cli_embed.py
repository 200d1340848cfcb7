"""`mmsearch embed`: what vectors come out for what goes in, in which order, and what is said about the rest."""

import io
import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from replicas import tiny_clip
from replicas_rerankers import tiny_ms_marco
from small_index import embedded, load_word_model, write_pdf, write_png

from mmsearch.cli.program import run
from mmsearch.models import registry
from mmsearch.models.model_options import ModelOptions


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_clip(tmp_path_factory.mktemp("models") / "clip")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder, and a model of words in place of the built-in one."""
    load_word_model(monkeypatch.setattr)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def standard_input(monkeypatch: pytest.MonkeyPatch, data: bytes) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(data)))


def matrix(capfdbinary: pytest.CaptureFixture[bytes]) -> np.ndarray:
    found: np.ndarray = np.load(io.BytesIO(capfdbinary.readouterr().out))
    return found


def rows(capfd: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capfd.readouterr().out.splitlines()]


def test_texts_become_rows_of_a_matrix_in_order(folder: Path, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    assert run(["embed", "red car", "blue boat"]) == 0
    vectors = matrix(capfdbinary)
    assert vectors.dtype == np.float32
    assert (vectors == np.stack([embedded("red car"), embedded("blue boat")])).all()


def test_a_file_becomes_a_vector_for_each_place_with_its_locator(
    folder: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    write_pdf(folder / "two.pdf", "First page here", "Second page here")
    (folder / "note.txt").write_text("One\nline")
    assert run(["embed", "two.pdf", "a text", "note.txt", "--no-ocr", "--format", "jsonl"]) == 0
    out, err = capfd.readouterr()
    found = [json.loads(line) for line in out.splitlines()]
    told = ("input", "path", "text", "kind", "view", "part", "page", "line_start")
    assert [tuple(one.get(name) for name in told) for one in found] == [
        (1, str(folder / "two.pdf"), None, "pdf", "text", 0, 1, None),
        (1, str(folder / "two.pdf"), None, "pdf", "text", 0, 2, None),
        (2, None, "a text", "text", "text", 0, None, None),
        (3, str(folder / "note.txt"), None, "text", "text", 0, None, 1),
    ]
    assert {one["schema"] for one in found} == {"mmsearch.vector/1"} and {one["model"] for one in found} == {"builtin"}
    assert found[1]["vector"] == pytest.approx(embedded("Second page here").tolist(), abs=1e-6)
    assert err == "2 files, 1 text (“a text” is not a file here).\n4 vectors of 3 inputs, in order.\n"


def test_what_is_called_like_a_file_can_be_meant_as_text_and_the_other_way_round(
    folder: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    (folder / "red").write_text("blue boat")
    assert run(["embed", "red"]) == 0
    assert (matrix(capfdbinary) == embedded("blue boat")).all()
    assert run(["embed", "red", "--text"]) == 0
    assert (matrix(capfdbinary) == embedded("red")).all()
    assert run(["embed", "rad", "--file"]) == 4
    out, err = capfdbinary.readouterr()
    assert np.load(io.BytesIO(out)).shape == (0, 384)
    assert b"rad' can't be read: No such file or directory." in err


def test_standard_input_is_a_text_a_file_or_lines(
    folder: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    standard_input(monkeypatch, b"red\ncar\n")
    assert run(["embed", "-", "--format", "jsonl"]) == 0
    assert [one["text"] for one in rows(capfd)] == ["red\ncar"]
    (folder / "b.txt").write_text("boat")
    standard_input(monkeypatch, b"red car\n\nb.txt\n")
    assert run(["embed", "-", "--lines", "--format", "jsonl"]) == 0
    assert [one.get("text", one.get("path")) for one in rows(capfd)] == ["red car", str(folder / "b.txt")]
    write_pdf(folder / "one.pdf", "The only page")
    standard_input(monkeypatch, (folder / "one.pdf").read_bytes())
    assert run(["embed", "-", "--no-ocr", "--format", "jsonl"]) == 0
    (found,) = rows(capfd)
    assert (found["path"], found["page"]) == ("-", 1)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["-", "-"], "Standard input can be read once."),
        (["a", "--lines"], "--lines is for standard input, and `-` was not named."),
        (["a", "--text", "--file"], "--text and --file exclude each other."),
        (["."], "'.' is a folder."),
        ([" "], "A text is empty."),
        (["a", "--instruct", "Find."], "--instruct is for queries."),
        (["a", "--model", "nope"], 'There is no model "nope".'),
        (["a", "--model", "ms-marco"], "ms-marco is a reranker: it makes no vectors."),
        (["a", "--trust-remote-code", "clip"], "--trust-remote-code names another model than builtin."),
        (["a", "--dtype", "int3"], "--dtype can't be 'int3'."),
        (["a", "--device", "x!"], "--device can't be 'x!'."),
    ],
)
def test_what_can_not_be_meant_is_one_sentence_and_a_hint(
    folder: Path, arguments: list[str], sentence: str, capfd: pytest.CaptureFixture[str]
) -> None:
    assert run(["embed", *arguments]) == 2
    out, err = capfd.readouterr()
    assert out == ""
    assert err.splitlines()[0].startswith(sentence) and err.splitlines()[2].startswith("hint: ")


def test_t18_a_reranker_of_ones_own_makes_no_vectors(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    tiny_ms_marco(folder / "made")
    assert run(["embed", "a", "--model", "./made"]) == 2
    assert "is a reranker: it makes no vectors" in capfd.readouterr().err


def test_matrices_are_kept_off_terminals(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("mmsearch.output.streams.is_terminal", lambda stream: True)
    assert run(["embed", "a"]) == 2
    assert "npy is binary, and stdout is a terminal." in capfd.readouterr().err


def test_what_a_model_can_not_take_is_reported_and_the_rest_is_done(
    folder: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    write_png(folder / "photo.png")
    (folder / "torn.png").write_bytes(b"\x89PNG\r\n\x1a\n" + b"\0" * 40)
    assert run(["embed", "photo.png", "torn.png", "red", "--no-ocr", "--format", "jsonl", "-q"]) == 4
    out, err = capfd.readouterr()
    assert [json.loads(line)["text"] for line in out.splitlines()] == ["red"]
    lines = err.splitlines()
    assert len(lines) == 2 and "torn.png" in lines[0]
    assert lines[1] == f"builtin takes text, and there is nothing of it in {str(folder / 'photo.png')!r}."


def test_pictures_are_embedded_by_a_model_that_sees_them(
    folder: Path, clip: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    from PIL import Image

    from mmsearch.types import View

    write_png(folder / "photo.png")
    assert run(["embed", "photo.png", "a car", "--model", f"{clip}/", "--no-ocr", "--format", "jsonl"]) == 0
    look, text = rows(capfd)
    assert [look["view"], text["view"]] == ["image", "text"]
    embedder = registry.load(registry.resolve(str(clip)), ModelOptions(device="cpu"))
    pixels = np.asarray(Image.open(folder / "photo.png"))
    assert float(np.dot(look["vector"], embedder.embed(View.IMAGE, [pixels])[0])) > 0.9999
    assert float(np.dot(text["vector"], embedder.embed(View.TEXT, ["a car"])[0])) > 0.9999
    assert run(["embed", "photo.png", "--model", f"{clip}:text", "--no-ocr", "-q"]) == 4
    assert os.path.basename(str(clip)) in capfd.readouterr().err
