"""Ours and the plain way side by side: `python -m benchmarks`, or `make bench`."""

import os

os.environ["ORT_DISABLE_TELEMETRY"] = "1"  # the plain way measures ONNX Runtime without importing mmsearch
