"""The command line: parse, call `Index`, hand to `output`."""

import signal
import sys
import threading
from typing import NoReturn


def main() -> NoReturn:
    """The `mmsearch` command."""
    _die_of(signal.SIGINT)
    from mmsearch.cli.codes import INTERRUPTED
    from mmsearch.cli.program import run
    from mmsearch.cli.signals import stoppable

    with stoppable() as stop:
        code = run(sys.argv[1:])
        if code == INTERRUPTED:
            code = stop.exit_code
    _die_of(signal.SIGINT)
    if threading.active_count() > 1:
        _leave_models_behind(code)
    sys.exit(code)


def _die_of(number: signal.Signals) -> None:
    """Have a signal end the process as it does other programs, where Python would show a traceback: while it loads
    and while it ends. What the parent had us ignore stays ignored."""
    if signal.getsignal(number) is not signal.SIG_IGN:
        signal.signal(number, signal.SIG_DFL)


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
