"""The plain ways to encode media: one process that loads a model with sentence-transformers and calls `encode`.

python -m benchmarks.plain_encode photos MODEL LIST     files named in LIST, one a line, in batches of 32
python -m benchmarks.plain_encode passages MODEL LIST   a JSON array of texts in the file LIST
python -m benchmarks.plain_encode pages MODEL PDF       each page rendered at 144 dpi
python -m benchmarks.plain_encode film MODEL VIDEO N    every frame is read, one a second kept; N of them are encoded

With `--device cuda` it computes there. Prints a JSON object: `items`, the `seconds` that they took once the model was
loaded, and `start_s` before that.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

BATCH = 32
DPI = 144


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.plain_encode")
    parser.add_argument("what", choices=["photos", "passages", "pages", "film"])
    parser.add_argument("model")
    parser.add_argument("source")
    parser.add_argument("count", type=int, nargs="?", default=0)
    parser.add_argument("--device", default="cpu")
    options = parser.parse_args()
    began = time.perf_counter()
    from mmsearch.models.libraries import quiet  # the same conditions: offline, and mended where torchvision is broken

    quiet(offline=True)
    from sentence_transformers import SentenceTransformer

    model = SentenceTransformer(options.model, device=options.device)
    loaded = time.perf_counter()
    batches: dict[str, Callable[[str], Iterator[list[Any]]]] = {
        "photos": photos,
        "passages": lambda path: iter([json.loads(Path(path).read_text("utf-8"))]),
        "pages": pages,
        "film": lambda path: film(path, options.count),
    }
    items = 0
    for batch in batches[options.what](options.source):
        items += len(model.encode(batch, batch_size=BATCH, show_progress_bar=False))
    ended = time.perf_counter()
    print(json.dumps({"items": items, "seconds": ended - loaded, "start_s": loaded - began}))


def photos(source: str) -> Iterator[list[Any]]:
    """All paths at once; pictures opened 32 at a time where transformers can't open paths, beside a torchvision whose
    own library does not load."""
    from PIL import Image
    from transformers.image_utils import load_image_as_tensor
    from transformers.utils import is_torchvision_available

    paths = Path(source).read_text("utf-8").splitlines()
    try:
        if is_torchvision_available():
            load_image_as_tensor(paths[0])
    except RuntimeError:
        for at in range(0, len(paths), BATCH):
            yield [Image.open(path) for path in paths[at : at + BATCH]]
    else:
        yield paths


def pages(source: str) -> Iterator[list[Any]]:
    """Pictures of the pages, a batch at a time."""
    import pypdfium2

    with pypdfium2.PdfDocument(source) as document:
        for at in range(0, len(document), BATCH):
            wanted = range(at, min(at + BATCH, len(document)))
            yield [document[number].render(scale=DPI / 72).to_pil() for number in wanted]


def film(source: str, count: int) -> Iterator[list[Any]]:
    """`count` of the frames that remain when one a second is kept, evenly spaced, a batch at a time."""
    from PIL import Image
    from torchcodec.decoders import VideoDecoder

    decoder: Any = VideoDecoder(source)
    rate, seconds = round(decoder.metadata.average_fps), int(decoder.metadata.duration_seconds)
    wanted = {int((number + 0.5) * seconds / count) for number in range(count)}
    kept: list[Any] = []
    for number in range(len(decoder)):
        frame = decoder[number]
        if number % rate == 0 and number // rate in wanted:
            kept.append(Image.fromarray(frame.permute(1, 2, 0).numpy()))
        if len(kept) == BATCH:
            yield kept
            kept = []
    if kept:
        yield kept


if __name__ == "__main__":
    main()
