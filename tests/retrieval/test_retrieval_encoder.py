"""Many queries in one process: the exported encoder is loaded once, and again when its files change."""

import os
from pathlib import Path
from typing import Any

import pytest

from mmsearch.encoding import encoders
from mmsearch.retrieval.query_encoding import QueryEncoders
from mmsearch.store.layout import IndexFolder
from mmsearch.store.spaces import SpaceRow

ROW = SpaceRow(1, "toy", {"text": {"weights": "of a toy"}}, {}, 2, ("text",))


@pytest.fixture
def loaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(encoders, "opened", lambda row: rows.append(row.fingerprint) or object())  # type: ignore[func-returns-value]
    return rows


def test_the_same_files_are_loaded_once_and_changed_ones_again(loaded: list[dict[str, Any]], tmp_path: Path) -> None:
    place = encoders.place_of(ROW.fingerprint["text"])
    place.mkdir(parents=True)
    for name in ("text.onnx", "encoder.json"):
        (place / name).write_text("1")
    queries = QueryEncoders(IndexFolder(tmp_path / "index"))
    first = queries.exported(ROW)
    assert queries.exported(ROW) is first
    facts = (place / "text.onnx").stat()
    os.utime(place / "text.onnx", ns=(facts.st_atime_ns, facts.st_mtime_ns + 1))
    assert queries.exported(ROW) is not first
    assert loaded == [ROW.fingerprint, ROW.fingerprint]
