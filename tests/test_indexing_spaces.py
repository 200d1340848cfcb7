"""Several spaces in one index: added, rebuilt, killed in between; OCR is never repeated, and queries go on."""

import os
import subprocess
import sys

import pytest
from small_index import WordModel, broken, count_tasks, events, found, rows, run, use_word_model, write, write_png

from mmsearch.config import Settings
from mmsearch.encoding import spaces
from mmsearch.errors import ModelMismatch, ModelUnavailable, UsageError
from mmsearch.index import Index
from mmsearch.types import Remark


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    from replicas import tiny_clip

    return tiny_clip(tmp_path_factory.mktemp("models") / "tiny-clip")


@pytest.fixture(scope="module")
def minilm(tmp_path_factory):
    from replicas import tiny_minilm

    return tiny_minilm(tmp_path_factory.mktemp("models") / "tiny-minilm")


@pytest.fixture
def words(monkeypatch):
    """The built-in model is one of words; all others are what they are."""
    load = spaces.load_embedder
    use_word_model(monkeypatch.setattr)
    model = lambda row, settings: WordModel() if spaces.plain_name(row) == "builtin" else load(row, settings)  # noqa: E731
    monkeypatch.setattr(spaces, "load_embedder", model)


@pytest.fixture
def docs(tmp_path):
    folder = tmp_path / "docs"
    write(folder / "ferry.txt", "The ferry leaves at nine.")
    write(folder / "boat.txt", "A boat of wood.")
    write_png(folder / "red.png", 250)
    write_png(folder / "dark.png", 20)
    return folder


def spans(index):
    """(space, view): how many embeddings."""
    sql = "SELECT s.name, e.view, count(*) FROM embeddings e JOIN spaces s ON s.id = e.space_id GROUP BY 1, 2"
    return {(name, view): count for name, view, count in rows(index, sql)}


def said(happened):
    return [event.sentence for event in happened if isinstance(event, Remark)]


def test_two_models_make_two_spaces_with_the_views_that_were_asked_for(tmp_path, docs, clip, words):
    index = tmp_path / "index"
    assert run(index, docs, models=("builtin:text", f"{clip}:image")).indexed == 4
    assert spans(index) == {("builtin", "text"): 2, ("tiny-clip", "image"): 2}
    assert broken(index, deep=True) == {}
