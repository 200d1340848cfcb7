"""Runs with a stand-in for Tesseract: what it reads is found, under its name, and no reading is repeated in vain."""

import os
from pathlib import Path

import pytest
from PIL import Image, ImageDraw, ImageFont
from small_index import broken, holding, rows, run, use_word_model
from tesseract_program import StandIn, tsv

from mmsearch.cli.program import run as command
from mmsearch.models.recognition import ocr

ENGINES = "SELECT reader, engine, text FROM recognized_text"
READERS = "SELECT readers FROM assets"


@pytest.fixture
def stand_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> StandIn:
    use_word_model(monkeypatch.setattr)
    program = StandIn(tmp_path / "programs")
    program.answers(tsv("Мост", "закрыт"))
    monkeypatch.setenv("PATH", f"{program.folder}{os.pathsep}{os.environ['PATH']}")
    folder = tmp_path / "media"
    folder.mkdir()
    picture = Image.new("RGB", (500, 160), "white")
    ImageDraw.Draw(picture).text((30, 50), "Garden chair", fill="black", font=ImageFont.load_default(40))
    picture.save(folder / "page.png")
    return program


def test_a_run_and_a_refresh_in_named_languages_replace_what_was_read(stand_in: StandIn, tmp_path: Path) -> None:
    index, media, engine = tmp_path / "index", tmp_path / "media", ocr.engine()
    assert run(index, media, ocr="auto").indexed == 1
    assert rows(index, ENGINES) == [("ocr", engine, "Garden chair")]
    assert run(index, media, ocr="auto", ocr_lang="rus").unchanged == 1
    assert run(index, media, ocr="auto", ocr_lang="rus", refresh=True).failed == 0
    assert rows(index, ENGINES) == [("ocr", "tesseract 5.9.1 rus", "Мост закрыт")]
    assert rows(index, READERS) == [(f'{{"ocr": "{engine}, tesseract 5.9.1 rus"}}',)]
    assert (set(holding(index, "закрыт")), holding(index, "chair")) == ({"page.png"}, [])
    assert run(index, media, ocr="auto", ocr_lang="rus", refresh=True).unchanged == 1
    assert run(index, media, ocr="auto", refresh=True).unchanged == 1
    assert broken(index, deep=True) == {}


def test_a_language_that_is_not_installed_ends_a_run_before_anything_is_made(
    stand_in: StandIn, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    index = f"{tmp_path / 'index'}/"
    assert command(["index", str(tmp_path / "media"), "--ocr-lang", "kor", "--index", index]) == 2
    assert "Tesseract has no language 'kor' here." in capfd.readouterr().err
    assert not Path(index).exists()
