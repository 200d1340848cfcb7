"""Valid but absurd files, in a run with real workers: each has a verdict, none takes long or holds up the others."""

import io
import json
import os
import struct
import zipfile
from pathlib import Path

import pytest
from PIL import Image
from small_index import broken, counts, found, holding, rows, run, write, write_pdf

from mmsearch.index import Index

pytestmark = pytest.mark.usefixtures("word_model", "own_fork_servers")


def hundred_megapixels(path: Path) -> None:
    Image.new("L", (10_000, 10_000), 200).save(path)


def one_pixel(path: Path) -> None:
    Image.new("RGB", (1, 1)).save(path)


def bomb(path: Path) -> None:
    Image.new("1", (20_000, 20_000)).save(path)


def a_thousand_frames(path: Path) -> None:
    head = b"GIF89a" + struct.pack("<HHBBB", 8, 8, 0x80, 0, 0) + bytes(range(6))
    frame = b"," + struct.pack("<HHHHB", 0, 0, 8, 8, 0) + b"\x02\x02\x84\x51\x00"
    path.write_bytes(head + frame * 100_000 + b";")


def two_days(path: Path) -> None:
    """A WAV header that claims four gigabytes of 8 kHz, and half a second of silence."""
    size = 0xFFFFFFF0
    fmt = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, 1, 8000, 8000, 1, 8)
    path.write_bytes(
        b"RIFF" + struct.pack("<I", size) + b"WAVE" + fmt + b"data" + struct.pack("<I", size) + b"\x80" * 4000
    )


def huge_page(path: Path) -> None:
    path.write_bytes(write_pdf(path, "A walrus").read_bytes().replace(b"[0 0 400 200]", b"[0 0 9e9 9e9]"))


def one_line(path: Path) -> None:
    path.write_text("walrus " * 60_000)


def deep_json(path: Path) -> None:
    path.write_text("[" * 100_000 + "1" + "]" * 100_000)


def deep_markup(path: Path) -> None:
    path.write_text("<div>" * 50_000 + "<p>A walrus.</p>")


def laughs(path: Path) -> None:
    entities = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 12))
    path.write_text(f'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY l0 "ha">{entities}]><x>&l11; a walrus</x>')


def nested(path: Path) -> None:
    content = b"A walrus"
    for _ in range(50):
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("a.zip", content)
        content = buffer.getvalue()
    path.write_bytes(content)


def hole(path: Path) -> None:
    with path.open("wb") as file:
        file.write(b"A walrus.\n")
        file.truncate(1 << 40)


ABSURD = {
    "plain.jpg": (hundred_megapixels, "indexed"),
    "dot.png": (one_pixel, "indexed"),
    "bomb.png": (bomb, ""),
    "frames.gif": (a_thousand_frames, ""),
    "two_days.wav": (two_days, "indexed"),
    "page.pdf": (huge_page, "indexed"),
    "line.txt": (one_line, "indexed"),
    "deep.json": (deep_json, "indexed"),
    "deep.html": (deep_markup, "indexed"),
    "laughs.xml": (laughs, "indexed"),
    "zips.zip": (nested, "skipped"),
    "zips.docx": (nested, ""),
    "hole.txt": (hole, "skipped"),
}


def test_absurd_files_have_a_verdict_each_and_cost_nobody_else(tmp_path: Path) -> None:
    docs, index = tmp_path / "docs", tmp_path / "index"
    docs.mkdir()
    for name, (make, _) in ABSURD.items():
        make(docs / name)
    write(docs / "zz.txt", "An otter, looked at last.\n")
    record = run(index, docs, workers=2)
    assert (record.outcome, record.seen, record.pending) == ("done", len(ABSURD) + 1, 0)
    assert record.skipped_by == {".zip": 1, "sparse file": 1}
    failed = {os.path.basename(one.path).decode(): one.failure for one in Index.open(index).failed()}
    for name, (_, verdict) in ABSURD.items():
        assert (name in failed) is False or verdict == "", failed[name]
    assert found(index, "otter")[0].endswith(b"zz.txt")
    assert set(holding(index, "walrus")) >= {"line.txt", "page.pdf", "deep.html"}
    assert rows(index, "SELECT max(length(text)) < 100000 FROM segments") == [(1,)]
    assert broken(index, deep=True) == {}
    again = counts(run(index, docs))
    assert "indexed" not in again and again.get("failed", 0) == 0
    assert json.dumps(record.notes)
