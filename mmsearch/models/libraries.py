"""Set-up of torch's libraries before their late import: no network, no log output."""

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
    """Set up the libraries; to be called before the first import of transformers or sentence_transformers.

    `HF_HUB_OFFLINE` is read at import. Without it a cached model costs minutes of retries where there is no network.
    """
    if offline:
        os.environ["HF_HUB_OFFLINE"] = "1"
        os.environ["TRANSFORMERS_OFFLINE"] = "1"
    os.environ.update(torch_cache())
    os.environ.setdefault("TRANSFORMERS_NO_ADVISORY_WARNINGS", "1")
    repair_torchvision()
    import transformers

    transformers.utils.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    for name in ("sentence_transformers", "huggingface_hub"):
        logging.getLogger(name).setLevel(logging.ERROR)
    warnings.filterwarnings("ignore", module=r"(transformers|sentence_transformers|torch|huggingface_hub)(\.|$)")


@lru_cache
def installed_library() -> str:
    """The library that orders the contents of an input, with its version: `sentence-transformers 6.2`. Since 6.1 the
    order of keys decides, which changed the vectors of pictures with texts. Empty where it is not installed."""
    from importlib.metadata import PackageNotFoundError, version

    try:
        return "sentence-transformers " + ".".join(version("sentence-transformers").split(".")[:2])
    except PackageNotFoundError:
        return ""


@lru_cache
def repair_torchvision() -> Any:
    """Make transformers importable beside a torchvision whose compiled library can't be loaded.

    The torchvision on PyPI is built for CUDA. Beside a CPU torch it lacks its library, but registers functions for
    operators of that library, and every import of transformers' models fails with an error about `torchvision::nms`.
    Declaring these operators is enough, because nothing here calls them. Returns their owner, which must stay alive,
    or None where nothing is to be repaired. To be called before the first import of transformers."""
    spec = find_spec("torchvision")
    if spec is None or not spec.origin or "torchvision" in sys.modules:
        return None
    import torch
    from torch import library

    for compiled in Path(spec.origin).parent.glob("_C*.so"):
        try:
            torch.ops.load_library(str(compiled))
        except OSError:
            continue
        return None
    owner = library.Library("torchvision", "FRAGMENT")
    for name in ("nms", "qnms"):
        owner.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    return owner
