"""Ours and the plain way side by side: `python -m benchmarks`, or `make bench`."""
