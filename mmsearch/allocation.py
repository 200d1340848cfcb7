"""Settings of the memory allocator and of OpenMP for a process that runs models, made before those libraries load.

glibc returns large blocks to the kernel as soon as they are freed, and a forward pass allocates and frees a hundred
large tensors: with CLIP ViT-B/32 in bfloat16 on two cores the kernel spent 4 to 6 ms of a core a photo on mapping the
same pages again (measured). The threads of OpenMP spin for a millisecond at each barrier, which costs nothing on an
idle machine and takes a core from the decoders on a busy one.
"""

from __future__ import annotations

import ctypes
import os
import sys

KEPT_BYTES = 128 << 20  # of freed memory; single blocks above this go back at once
SPINS = 1000  # checks of a barrier before a thread sleeps; the default of GNU OpenMP is 300,000
_TRIM_THRESHOLD, _MMAP_THRESHOLD, _ARENA_MAX = -1, -3, -8  # mallopt's parameters, malloc.h


def keep_freed() -> None:
    """Make glibc reuse freed memory, from one heap for all threads. Does nothing with another C library."""
    if not sys.platform.startswith("linux"):
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:  # another C library
        return
    for parameter, value in ((_MMAP_THRESHOLD, KEPT_BYTES), (_TRIM_THRESHOLD, KEPT_BYTES), (_ARENA_MAX, 1)):
        mallopt(parameter, value)


def spin_little() -> None:
    """Make the waiting threads of OpenMP sleep soon, unless the environment sets their policy. For use before torch is
    loaded."""
    if "OMP_WAIT_POLICY" not in os.environ:
        os.environ.setdefault("GOMP_SPINCOUNT", str(SPINS))
