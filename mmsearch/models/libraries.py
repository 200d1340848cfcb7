"""torch's family of libraries, imported late, told to be quiet and to stay off the network."""

from __future__ import annotations

import logging
import os
import warnings


def quiet(offline: bool) -> None:
    """Call before the first import of transformers or sentence_transformers: `HF_HUB_OFFLINE` is read at import, and
    without it a cached model costs minutes of retries where there is no network."""
    if offline:
        os.environ["HF_HUB_OFFLINE"] = "1"
        os.environ["TRANSFORMERS_OFFLINE"] = "1"
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    os.environ.setdefault("TRANSFORMERS_NO_ADVISORY_WARNINGS", "1")
    import transformers

    transformers.utils.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    for name in ("sentence_transformers", "huggingface_hub"):
        logging.getLogger(name).setLevel(logging.ERROR)
    warnings.filterwarnings("ignore", module=r"(transformers|sentence_transformers|torch|huggingface_hub)(\.|$)")
