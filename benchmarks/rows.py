"""The rows of the table, each a comparison of two commands."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

from benchmarks import (
    cold,
    corpus,
    documents,
    films,
    gemma,
    gpu,
    image_encoder,
    late_pages,
    measure,
    memory,
    million,
    ocr_pages,
    passages,
    photos,
    picture_query,
    second_query,
    speech,
)
from benchmarks.measure import Setting
from benchmarks.table import Row, times


def no_change(setting: Setting) -> list[Row]:
    """`index` over a tree in which nothing changed, against a bare walk with a stat of every file."""
    index = _indexed(setting)
    tree = str(_files(setting))
    ours = [sys.executable, "-m", "mmsearch", "index", "--quiet", "--index", str(index), tree]
    plain = [sys.executable, "-m", "benchmarks.plain_walk", tree]
    medians = measure.alternate({"ours": ours, "plain": plain}, setting.repeats, setting.env)
    return [
        times(
            f"no-change re-index, {setting.files:,} files",
            medians["ours"],
            medians["plain"],
            4.0,
            f"plain: scandir and stat; median of {setting.repeats}",
        ),
        Row("the same, in seconds", f"{medians['ours']:.3f} s", "-", medians["ours"], None, 3.0),
    ]


ROWS: dict[str, Callable[[Setting], list[Row]]] = {
    "photos-12mp": photos.big,
    "photos-1mp": photos.small,
    "passages": passages.rows,
    "pdf-pages": documents.rows,
    "video": films.rows,
    "ocr": ocr_pages.rows,
    "speech": speech.rows,
    "memory": memory.rows,
    "search-100k": partial(million.rows, passages=100_000),
    "search-1m": partial(million.rows, passages=1_000_000),
    "gpu-photos": gpu.photos,
    "gpu-vlm": gpu.vlm,
    "embedding-gemma": gemma.rows,
    "no-change": no_change,
    "cold-query": cold.rows,
    "second-query": second_query.rows,
    "picture-query": picture_query.rows,
    "image-encoder": image_encoder.rows,
    "late-pages": late_pages.rows,
}


def _files(setting: Setting) -> Path:
    return setting.folder / f"files-{setting.files}"


def _indexed(setting: Setting) -> Path:
    """The index of the tree, brought up to date; both are made once and kept for the next run of the benchmarks."""
    tree, index = _files(setting), setting.folder / f"index-{setting.files}"
    corpus.make(tree, setting.files)
    command = [sys.executable, "-m", "mmsearch", "index", "--quiet", "--index", str(index), str(tree)]
    seconds, _ = measure.run(command, setting.env)
    if seconds > 60:
        print(f"Made the index of {setting.files:,} files in {seconds:.0f} s.", file=sys.stderr)
    return index
