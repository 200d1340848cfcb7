"""Freed memory is kept, and waiting threads sleep: seen from outside, in processes of their own."""

import os
import platform
import subprocess
import sys
from pathlib import Path

import pytest

FAULTS = """
import resource, sys
from mmsearch.allocation import keep_freed
if sys.argv[1] == "kept":
    keep_freed()
def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt
def layers():  # as a forward pass: some large blocks at once, and none of them afterwards
    held = [bytearray(b"x") * (20 << 20) for _ in range(5)]
layers()
layers()
before = faults()
for _ in range(4):
    layers()
print(faults() - before)
"""
RUN = """
import sys
from mmsearch.indexing import run
def seen(real):
    def call():
        print(real.__name__, "torch" in sys.modules)
        real()
    return call
run.keep_freed, run.spin_little = seen(run.keep_freed), seen(run.spin_little)
from mmsearch.cli import main
sys.argv = ["mmsearch", "index", "--quiet", "--index", sys.argv[1] + "/index", sys.argv[1] + "/docs"]
main()
"""
SPINS = "import os\nfrom mmsearch.allocation import spin_little\nspin_little()\nprint(os.environ.get('GOMP_SPINCOUNT'))"


def told(code: str, *arguments: str, **environment: str) -> str:
    clean = {name: value for name, value in os.environ.items() if name not in ("GOMP_SPINCOUNT", "OMP_WAIT_POLICY")}
    command = [sys.executable, "-c", code, *arguments]
    return subprocess.run(command, env=clean | environment, capture_output=True, text=True, check=True).stdout.strip()


@pytest.mark.skipif("glibc" not in platform.libc_ver(), reason="another C library hands out memory")
def test_pages_of_freed_blocks_are_given_out_again() -> None:
    plain, kept = int(told(FAULTS, "plain")), int(told(FAULTS, "kept"))
    assert kept < 100 < 4 * 1000 < plain  # five blocks of 5,000 pages, four times


def test_waiting_threads_sleep_soon_unless_the_environment_sets_how() -> None:
    assert told(SPINS) == "1000"
    assert told(SPINS, GOMP_SPINCOUNT="7") == "7"
    assert told(SPINS, OMP_WAIT_POLICY="active") == "None"


def test_a_run_sets_both_before_torch_is_loaded(tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    assert told(RUN, str(tmp_path)).splitlines() == ["keep_freed False", "spin_little False"]
