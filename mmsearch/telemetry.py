"""Usage reports of the libraries: none is sent, stored or prepared, in any process that imports mmsearch."""

from __future__ import annotations

import os
import sys

OFF = {
    "ORT_DISABLE_TELEMETRY": "1",  # ONNX Runtime: a device id and events under ~/.cache/Microsoft, and their upload
    "HF_HUB_DISABLE_TELEMETRY": "1",  # huggingface_hub, transformers, hf_xet: reports, details in headers
    "HF_HUB_DISABLE_UPDATE_CHECK": "1",  # huggingface_hub: asks the package index for a newer version
    "HF_XET_TELEMETRY_ENABLED": "false",  # hf_xet: reports during a download
    "DO_NOT_TRACK": "1",  # what every other library may honour
}


def refuse() -> None:
    """Set the variables above for this process and all that it starts.

    The libraries read them when they are imported, so this comes first. Where ONNX Runtime has been imported before,
    its own call stops further events."""
    os.environ.update(OFF)
    stop = getattr(sys.modules.get("onnxruntime"), "disable_telemetry_events", None)
    if stop is not None:
        stop()
