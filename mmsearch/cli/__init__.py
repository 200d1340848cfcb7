"""The command line: parse, call `Index`, hand to `output`."""

import sys
import threading
from typing import NoReturn


def main() -> NoReturn:
    """The `mmsearch` command."""
    from mmsearch.cli.program import run

    code = run(sys.argv[1:])
    if threading.active_count() > 1:
        _leave_models_behind(code)
    sys.exit(code)


def _leave_models_behind(code: int) -> None:
    """End the process at once where a stage is still inside a model: a run that was stopped waits for a batch, but
    not for ever. Python's own end would tear the thread out of the library, which aborts the process: no exit code."""
    import contextlib
    import os

    from mmsearch.encoding.jobs import Stage

    if any(isinstance(thread, Stage) for thread in threading.enumerate()):
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(OSError, ValueError):  # its reader may be gone
                stream.flush()
        os._exit(code)
