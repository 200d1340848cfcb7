"""The image encoder on one core, against the same network and heads in torch.

python -m benchmarks.image_encoder ours|plain     prints a JSON object
"""

from __future__ import annotations

import json
import statistics
import sys
import time
from typing import TYPE_CHECKING

from benchmarks import measure
from benchmarks.measure import Setting
from benchmarks.table import Row, times

if TYPE_CHECKING:
    from mmsearch.models.images.image_heads import TorchImageEncoder

PICTURES = 24  # photos of the size that indexing passes on
SIDES = (400, 400)
MOST_MS = 22.0


def rows(setting: Setting) -> list[Row]:
    """Milliseconds of one core for a picture, from pixels to vectors: the median of processes that take turns."""
    env = {**setting.env, "OMP_NUM_THREADS": "1"}
    told: dict[str, list[float]] = {"ours": [], "plain": []}
    for _ in range(setting.turns):
        for way, found in told.items():
            found.append(measure.told("benchmarks.image_encoder", env, way)["picture_s"])
    ours, plain = (statistics.median(found) for found in told.values())
    note = f"plain: torch with one thread, the same pictures one by one; median of {setting.turns} processes"
    return [
        times("image encoder, a picture on one core", ours, plain, None, note),
        Row(
            "the same, in milliseconds", f"{ours * 1000:.1f} ms", "-", ours * 1000, None, MOST_MS, "on an idle machine"
        ),
    ]


def main() -> None:
    import numpy as np

    from benchmarks.pictures import draw
    from mmsearch.models.images import image_encoder, image_weights

    photos = [np.asarray(draw(*SIDES, seed)) for seed in range(PICTURES)]
    encoder: image_encoder.ImageEncoder | TorchImageEncoder
    if sys.argv[1] == "ours":
        encoder = image_encoder.opened("minilm")
    else:
        import torch

        from mmsearch.models.images import efficientnet, image_heads

        torch.set_num_threads(1)
        network = efficientnet.load(image_weights.locate())
        encoder = image_heads.TorchImageEncoder(network, image_heads.load(image_weights.heads_file("minilm")), "cpu")
    encoder.embed(photos[:1])
    taken = []
    for photo in photos:
        began = time.process_time()
        encoder.embed([photo])
        taken.append(time.process_time() - began)
    print(json.dumps({"picture_s": statistics.median(taken)}))


if __name__ == "__main__":
    main()
