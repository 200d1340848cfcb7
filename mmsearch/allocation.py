"""How a process that computes holds its memory and waits for its threads: set before the libraries that do so load.

Measured with CLIP ViT-B/32 in bfloat16 on two cores, a photo: the kernel spent 4 to 6 ms of a core on handing out the
same pages again and again, since glibc returns what is large as soon as it is freed, and a forward pass makes and frees
a hundred large tensors. OpenMP's threads spin for a millisecond at each barrier, which is free on an idle machine and
takes a core from the decoders on a busy one.
"""

from __future__ import annotations

import ctypes
import os
import sys

KEPT_BYTES = 128 << 20  # of freed memory; single blocks above this go back at once
SPINS = 1000  # looks at a barrier before a thread sleeps; the default of GNU OpenMP is 300,000
_TRIM_THRESHOLD, _MMAP_THRESHOLD, _ARENA_MAX = -1, -3, -8  # mallopt's parameters, malloc.h


def keep_freed() -> None:
    """Have glibc keep what is freed and give it out again, from one heap for all threads; nothing elsewhere."""
    if not sys.platform.startswith("linux"):
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:  # another C library
        return
    for parameter, value in ((_MMAP_THRESHOLD, KEPT_BYTES), (_TRIM_THRESHOLD, KEPT_BYTES), (_ARENA_MAX, 1)):
        mallopt(parameter, value)


def spin_little() -> None:
    """Have OpenMP's threads sleep soon where they wait, unless the environment says how. Before torch is loaded."""
    if "OMP_WAIT_POLICY" not in os.environ:
        os.environ.setdefault("GOMP_SPINCOUNT", str(SPINS))
