"""torch's family of libraries, imported late, told to be quiet and to stay off the network."""

from __future__ import annotations

import logging
import os
import sys
import warnings
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from mmsearch.config import torch_cache


def quiet(offline: bool) -> None:
    """Call before the first import of transformers or sentence_transformers: `HF_HUB_OFFLINE` is read at import, and
    without it a cached model costs minutes of retries where there is no network."""
    if offline:
        os.environ["HF_HUB_OFFLINE"] = "1"
        os.environ["TRANSFORMERS_OFFLINE"] = "1"
    os.environ.update(torch_cache())
    os.environ.setdefault("TRANSFORMERS_NO_ADVISORY_WARNINGS", "1")
    mend_torchvision()
    import transformers

    transformers.utils.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    for name in ("sentence_transformers", "huggingface_hub"):
        logging.getLogger(name).setLevel(logging.ERROR)
    warnings.filterwarnings("ignore", module=r"(transformers|sentence_transformers|torch|huggingface_hub)(\.|$)")


@lru_cache
def mend_torchvision() -> Any:
    """Lets transformers be imported beside a torchvision whose own library can't be loaded.

    The torchvision on PyPI is built for CUDA. Beside a CPU torch it lacks its library, registers functions for
    operators of that library all the same, and every import of transformers' models ends in an error about
    `torchvision::nms`. Naming these operators is enough: nothing here calls them. Gives the names' owner, which must
    stay alive, or None where there is nothing to mend. To be called before the first import of transformers."""
    found = find_spec("torchvision")
    if found is None or not found.origin or "torchvision" in sys.modules:
        return None
    import torch
    from torch import library

    for compiled in Path(found.origin).parent.glob("_C*.so"):
        try:
            torch.ops.load_library(str(compiled))
        except OSError:
            continue
        return None
    names = library.Library("torchvision", "FRAGMENT")
    for name in ("nms", "qnms"):
        names.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    return names
