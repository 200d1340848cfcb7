"""Many queries in one process: the exported encoder is loaded once, and again when its files change."""

import os

import pytest

from mmsearch.encoding import queries
from mmsearch.models import query_encoder


@pytest.fixture
def loaded(monkeypatch):
    folders = []

    class Encoder:
        def __init__(self, folder):
            folders.append(folder)

    monkeypatch.setattr(query_encoder, "OnnxTextEncoder", Encoder)
    queries._loaded.cache_clear()
    yield folders
    queries._loaded.cache_clear()


def test_the_same_files_are_loaded_once_and_changed_ones_again(tmp_path, loaded):
    for name in ("text.onnx", "encoder.json"):
        (tmp_path / name).write_text("1")
    first = queries._exported(tmp_path)
    assert queries._exported(tmp_path) is first
    facts = (tmp_path / "text.onnx").stat()
    os.utime(tmp_path / "text.onnx", ns=(facts.st_atime_ns, facts.st_mtime_ns + 1))
    assert queries._exported(tmp_path) is not first
    assert loaded == [tmp_path, tmp_path]
