"""Stage one: draw the training pictures, in chunks, each at its shape; a chunk that exists is kept.

A chunk `00012` is `00012.json` (captions and the place of each picture) and, for each shape k of `DRAWN`,
`00012-k.npy` (uint8 (n, height, width, 3), a tenth larger than the network's input, for crops) beside
`00012-labels.npy` (int8 (pictures, looks)).
"""

import json
import multiprocessing
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from mmsearch.models.eyes import fit, nearest_shape
from mmsearch.training import canvas, mixture

# Height and width of the drawn pictures for each shape of the eyes, whose own are smaller.
DRAWN: tuple[tuple[int, int], ...] = ((160, 160), (128, 192), (192, 128), (96, 256), (256, 96))
CHUNK = 250  # pictures: small enough to lose little when a run is stopped


def larger(shape: tuple[int, int]) -> tuple[int, int]:
    """A tenth larger, in steps of 16 pixels."""
    return ((shape[0] * 11 // 10 + 8) // 16 * 16, (shape[1] * 11 // 10 + 8) // 16 * 16)


def draw_chunk(job: tuple[Path, int, int]) -> int:
    """Draw one chunk of pictures and write it; returns its number."""
    folder, seed, chunk = job
    if (folder / f"{chunk:05}.json").exists():
        return chunk
    stacks: list[list[np.ndarray]] = [[] for _ in DRAWN]
    labels, records = [], []
    for number in range(chunk * CHUNK, (chunk + 1) * CHUNK):
        picture, row, said = mixture.draw(seed, number)
        array = np.asarray(picture)
        shape = nearest_shape(array.shape[0], array.shape[1])
        records.append({"shape": shape, "row": len(stacks[shape]), "captions": said})
        stacks[shape].append(fit(array, larger(DRAWN[shape])))
        labels.append(row)
    for shape, stack in enumerate(stacks):
        if stack:
            np.save(folder / f"{chunk:05}-{shape}.npy", np.stack(stack))
    np.save(folder / f"{chunk:05}-labels.npy", np.stack(labels))
    # Last, so that a chunk cut short by a kill is drawn again.
    (folder / f"{chunk:05}.json").write_text(json.dumps(records))
    return chunk


def draw(folder: Path, numbers: range, seed: int, fonts: list[Path], processes: int) -> Iterator[int]:
    """Draw the pictures of these numbers (whole chunks) with so many processes; yields the chunks as they are done."""
    folder.mkdir(parents=True, exist_ok=True)
    jobs = [(folder, seed, chunk) for chunk in range(numbers.start // CHUNK, numbers.stop // CHUNK)]
    with multiprocessing.get_context("spawn").Pool(processes, use_fonts, (fonts,)) as pool:
        yield from pool.imap_unordered(draw_chunk, jobs)


def use_fonts(fonts: list[Path]) -> None:
    """Look for fonts in these folders first (each worker process does this once)."""
    canvas.FONT_FOLDERS[:0] = fonts
