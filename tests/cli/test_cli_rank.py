"""`mmsearch rank`: the order that a reranker or an embedder gives, how it is written, and what is left out."""

import csv
import io
import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from replicas import tiny_clip
from replicas_rerankers import tiny_ms_marco, tiny_qwen3_reranker
from small_index import embedded, load_word_model, write_pdf, write_png

from mmsearch.cli.program import run
from mmsearch.models import registry
from mmsearch.models.reranker import Candidate
from mmsearch.models.rerankers import load_reranker
from mmsearch.types import View


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    base = tmp_path_factory.mktemp("models")
    return {
        "marco": tiny_ms_marco(base / "marco"),
        "qwen": tiny_qwen3_reranker(base / "qwen"),
        "clip": tiny_clip(base / "clip"),
    }


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder with files, and a model of words in place of the built-in one."""
    load_word_model(monkeypatch.setattr)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "car.txt").write_text("A red car stands in the yard.")
    write_pdf(tmp_path / "boats.pdf", "Nothing of interest", "A blue boat at sea")
    return tmp_path


def rows(capfd: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capfd.readouterr().out.splitlines()]


def test_a_file_counts_as_its_best_place_and_scores_are_cosines(
    folder: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert run(["rank", "blue boat", "car.txt", "boats.pdf", "a boat", "--no-ocr", "--format", "jsonl"]) == 0
    found = rows(capfd)
    texts = {1: "A red car stands in the yard.", 2: "A blue boat at sea", 3: "a boat"}
    wanted = {number: float(embedded("blue boat") @ embedded(text)) for number, text in texts.items()}
    assert {one["input"]: one["score"] for one in found} == pytest.approx(
        {number: max(score, 0.0) for number, score in wanted.items()}, abs=1e-6
    )
    assert [one["input"] for one in found] == sorted(wanted, key=lambda number: -wanted[number])
    assert [one["rank"] for one in found] == [1, 2, 3]
    (pdf,) = [one for one in found if one["input"] == 2]
    assert (pdf["page"], pdf["kind"], pdf["snippet"], pdf["view"]) == (2, "pdf", "A blue boat at sea", "text")


@pytest.mark.parametrize("name", ["marco", "qwen"])
def test_a_reranker_orders_the_inputs(
    folder: Path, models: dict[str, Path], name: str, capfd: pytest.CaptureFixture[str]
) -> None:
    texts = ["one car", "two boats", "no"]
    assert run(["rank", "red car", *texts, "--model", f"{models[name]}/", "--format", "jsonl"]) == 0
    scores = load_reranker(registry.resolve(str(models[name]))).score(
        Candidate("red car"), [Candidate(t) for t in texts]
    )
    found = rows(capfd)
    assert [one["text"] for one in found] == [texts[number] for number in np.argsort(-scores)]
    assert [one["score"] for one in found] == pytest.approx(sorted(scores.tolist(), reverse=True), abs=1e-5)


def test_a_model_that_sees_compares_pictures_with_words(
    folder: Path, models: dict[str, Path], capfd: pytest.CaptureFixture[str]
) -> None:
    from PIL import Image

    for number, shade in enumerate((10, 120, 250)):
        write_png(folder / f"{number}.png", shade)
    pictures = [f"{number}.png" for number in range(3)]
    assert run(["rank", "a red thing", *pictures, "--model", f"{models['clip']}:image", "--format", "jsonl"]) == 0
    clip = registry.load(registry.resolve(str(models["clip"])))
    looks = clip.embed(View.IMAGE, [np.asarray(Image.open(folder / name)) for name in pictures])
    cosines = looks @ clip.embed(View.TEXT, ["a red thing"], "query")[0]
    found = rows(capfd)
    best_first = sorted(range(3), key=lambda number: (-max(cosines[number], 0), number))
    assert [os.path.basename(one["path"]) for one in found] == [pictures[number] for number in best_first]
    assert [one["score"] for one in found] == pytest.approx([max(cosines[n], 0) for n in best_first], abs=1e-4)
    assert run(["rank", "0.png", *pictures, "--model", f"{models['clip']}/", "--no-ocr", "--format", "jsonl"]) == 0
    assert rows(capfd)[0]["input"] == 1  # a picture is most like itself


def test_texts_and_images_beside_each_other_are_remarked_upon(
    folder: Path, models: dict[str, Path], capfd: pytest.CaptureFixture[str]
) -> None:
    write_png(folder / "photo.png")
    assert run(["rank", "car", "photo.png", "car.txt", "--model", f"{models['clip']}/", "--no-ocr"]) == 0
    assert "these scores don't compare" in capfd.readouterr().err


def test_every_format_holds_the_same(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    arguments = ["rank", "red car", "car.txt", "a boat"]
    assert run(arguments) == 0
    out, err = capfd.readouterr()
    first = float(embedded("red car") @ embedded("A red car stands in the yard."))
    table = [line.split() for line in out.splitlines()]
    assert table[0][:4] == ["1", f"{first:.3f}", "text", "car.txt"] and len(table) == 2
    assert err == "1 file, 1 text (“a boat” is not a file here).\n"
    assert run([*arguments, "--format", "paths"]) == 0
    assert capfd.readouterr().out == f"{folder}/car.txt\na boat\n"
    assert run([*arguments, "-0"]) == 0
    assert capfd.readouterr().out == f"{folder}/car.txt\0a boat\0"
    assert run([*arguments, "--format", "json"]) == 0
    whole = json.loads(capfd.readouterr().out)
    assert run([*arguments, "--format", "jsonl"]) == 0
    assert rows(capfd) == whole
    assert run([*arguments, "--format", "csv"]) == 0
    read = list(csv.DictReader(io.StringIO(capfd.readouterr().out)))
    assert [(row["input"], row["text"]) for row in read] == [("1", ""), ("2", "a boat")]


def test_the_best_are_enough_and_weak_ones_can_be_left_out(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    arguments = ["rank", "red car", "a boat", "red car", "red", "--format", "paths", "-q"]
    assert run([*arguments, "-k", "2"]) == 0
    assert capfd.readouterr().out == "red car\nred\n"
    assert run([*arguments, "--min-score", "0.999"]) == 0
    assert capfd.readouterr().out == "red car\n"
    assert run(["rank", "red car", "a boat", "--min-score", "0.999"]) == 1
    assert capfd.readouterr().out == ""


def test_what_can_not_be_ranked_is_reported_and_the_rest_is(
    folder: Path, models: dict[str, Path], capfd: pytest.CaptureFixture[str]
) -> None:
    write_png(folder / "photo.png")
    (folder / "sub").mkdir()
    for model in ("builtin", f"{models['marco']}/"):
        arguments = ["rank", "car", "photo.png", "car.txt", "nothing.pdf", "--file", "--no-ocr", "--model", model]
        assert run([*arguments, "--format", "paths"]) == 4
        out, err = capfd.readouterr()
        assert out == f"{folder}/car.txt\n"
        assert "nothing.pdf' can't be read" in err and "photo.png" in err and len(err.splitlines()) == 2


def test_a_list_may_hold_folders(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    (folder / "sub").mkdir()
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"sub\ncar.txt\n")))
    assert run(["rank", "car", "-", "--lines", "--format", "paths"]) == 4
    out, err = capfd.readouterr()
    assert out == f"{folder}/car.txt\n" and "sub' is no file." in err


def test_a_query_that_a_model_can_not_take_is_one_sentence(
    folder: Path, models: dict[str, Path], capfd: pytest.CaptureFixture[str]
) -> None:
    write_png(folder / "photo.png")
    assert run(["rank", "photo.png", "car.txt", "--no-ocr", "--model", f"{models['marco']}/"]) == 2
    assert "marco takes text, and a query has none of it." in capfd.readouterr().err
    assert run(["rank", "photo.png", "car.txt", "--no-ocr"]) == 2
    assert "builtin takes text" in capfd.readouterr().err


def test_t09_an_instruction_is_heeded_or_refused(
    folder: Path, models: dict[str, Path], capfd: pytest.CaptureFixture[str]
) -> None:
    arguments = ["rank", "red car", "one car", "--format", "jsonl", "--model"]
    assert run([*arguments, f"{models['marco']}/", "--instruct", "Find cars."]) == 2
    assert "marco takes no instruction." in capfd.readouterr().err
    assert run([*arguments, f"{models['qwen']}/", "--instruct", "Find cars."]) == 0
    told = rows(capfd)[0]["score"]
    assert run([*arguments, f"{models['qwen']}/"]) == 0
    assert rows(capfd)[0]["score"] != pytest.approx(told, abs=1e-6)


def test_models_that_are_not_here_are_named(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert run(["rank", "a", "b", "--model", "qwen3-reranker-0.6b"]) == 2
    err = capfd.readouterr().err
    assert "is not on this machine" in err and "mmsearch models pull" in err
