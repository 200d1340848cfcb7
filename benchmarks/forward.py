"""What a model does alone: its forward pass on inputs that lie ready, in the precision in which ours runs it.

python -m benchmarks.forward MODEL      pictures of random noise, prepared beforehand
Prints a JSON object: `rate` in pictures a second at the best of some batch sizes, `batch`, and `choice`, the precision.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from typing import Any

BATCHES = (8, 16, 32, 64)
SECONDS = 4.0  # for each size
SIDE = 336  # pixels of a picture before the processor cuts it to the model's size


def main() -> None:
    import numpy as np
    import torch

    from mmsearch.models.registry import load, resolve
    from mmsearch.types import View

    embedder: Any = load(resolve(sys.argv[1]))
    from sentence_transformers.util import batch_to_device  # not before, where torchvision has to be mended

    model, inputs = embedder.model, embedder._inputs
    chance = np.random.default_rng(0)
    best = {"rate": 0.0, "batch": 0}
    for batch in BATCHES:
        noise = [chance.integers(0, 256, (SIDE, SIDE, 3), np.uint8) for _ in range(batch)]
        features = batch_to_device(model.preprocess(inputs.prepared(View.IMAGE, noise)), model.device)

        def forward(features: dict[str, Any] = features) -> None:
            with torch.inference_mode():
                model(features, task="document")["sentence_embedding"].float().cpu()

        rate = batch * paced(forward)
        if rate > best["rate"]:
            best = {"rate": rate, "batch": batch}
    print(json.dumps({**best, "choice": embedder.describe_precision()}))


def paced(call: Callable[[], None]) -> float:
    """Calls a second, over some seconds, after one that warms up."""
    call()
    calls, began = 0, time.perf_counter()
    while (taken := time.perf_counter() - began) < SECONDS:
        call()
        calls += 1
    return calls / taken


if __name__ == "__main__":
    main()
