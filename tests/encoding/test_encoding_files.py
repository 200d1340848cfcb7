"""Single files read for a question: their pieces come out of worker processes, their words from OCR where it is due."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import numpy as np
import pytest
from PIL import Image
from small_index import write_pdf, write_wav

from mmsearch.errors import ExtractionError, UsageError
from mmsearch.retrieval.queries.ad_hoc_files import Files, source_of, words_of
from mmsearch.types import Kind, Needs


@pytest.fixture(scope="module")
def files() -> Iterator[Files]:
    with Files() as opened:
        yield opened


def test_every_segment_of_a_file_comes_in_order(files: Files, tmp_path: Path) -> None:
    write_pdf(tmp_path / "six.pdf", *(f"This is page number {n}, written out in full." for n in range(1, 7)))
    found = files.read(source_of(os.fsencode(tmp_path / "six.pdf")), Needs(image_pixels=5_000, ocr="never"))
    assert [one.segment.locator.page for one in found.segments] == [1, 2, 3, 4, 5, 6]
    assert [f"number {n}" in words for n, words in enumerate(words_of(found.segments), 1)] == [True] * 6
    images = [cast(np.ndarray, one.image) for one in found.segments]
    assert all(image.shape[0] * image.shape[1] <= 5_000 for image in images)
    few = files.read(found.source, Needs(ocr="never"), spans=2, enough=10)
    assert len(few.segments) == 4


def test_words_are_read_from_as_many_pictures_as_asked(
    files: Files, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mmsearch.models.recognition import ocr

    monkeypatch.setattr(ocr, "handle", lambda request, pages: ({"pages": [{"text": "read"}]}, []))
    noise = np.random.default_rng(0).integers(0, 255, (64, 96, 3), np.uint8)
    Image.fromarray(noise).save(tmp_path / "a.png")
    found = files.read(source_of(os.fsencode(tmp_path / "a.png"), Kind.IMAGE), Needs(ocr="always"))
    twice = found.segments * 2
    assert words_of(twice) == ["read", "read"]
    assert words_of(twice, pictures=1) == ["read", ""]


def test_what_is_no_such_file_is_reported(files: Files, tmp_path: Path) -> None:
    write_wav(tmp_path / "tone.wav")
    with pytest.raises(UsageError, match="is no picture"):
        source_of(os.fsencode(tmp_path / "tone.wav"), Kind.IMAGE)
    with pytest.raises(UsageError, match="is no file"):
        source_of(os.fsencode(tmp_path))
    with pytest.raises(UsageError, match="can't be read"):
        source_of(os.fsencode(tmp_path / "nothing.txt"))
    (tmp_path / "torn.png").write_bytes(b"\x89PNG\r\n\x1a\n" + b"\0" * 40)
    with pytest.raises(ExtractionError):
        files.read(source_of(os.fsencode(tmp_path / "torn.png")), Needs())


def test_a_file_that_changed_since_is_not_read(files: Files, tmp_path: Path) -> None:
    (tmp_path / "note.txt").write_text("first words")
    source = source_of(os.fsencode(tmp_path / "note.txt"))
    (tmp_path / "note.txt").write_text("other words now")
    with pytest.raises(ExtractionError) as caught:
        files.open(source, Needs())
    assert caught.value.code == "vanished"
