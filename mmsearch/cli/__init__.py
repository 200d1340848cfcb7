"""The command line: parse, call `Index`, hand to `output`."""

import signal
import sys
import threading
from typing import NoReturn


def main() -> NoReturn:
    """The `mmsearch` command."""
    _die_of(signal.SIGINT)
    from mmsearch.cli.exit_codes import INTERRUPTED
    from mmsearch.cli.program import run
    from mmsearch.cli.stop_signals import stoppable

    with stoppable() as stop:
        code = run(sys.argv[1:])
        if code == INTERRUPTED:
            code = stop.exit_code
    _die_of(signal.SIGINT)
    if stop.signal is not None or _is_in_a_model():
        _end_at_once(code)
    sys.exit(code)


def _die_of(number: signal.Signals) -> None:
    """Have a signal end the process as it does other programs, where Python would show a traceback: while it loads
    and while it ends. What the parent had us ignore stays ignored."""
    if signal.getsignal(number) is not signal.SIG_IGN:
        signal.signal(number, signal.SIG_DFL)


def _is_in_a_model() -> bool:
    """Whether a stage of a run is still inside a model: a run that was stopped does not wait for it for ever."""
    if threading.active_count() == 1:
        return False
    from mmsearch.encoding.jobs import Stage

    return any(isinstance(thread, Stage) for thread in threading.enumerate())


def _end_at_once(code: int) -> None:
    """End the process without Python's own end. That would tear a thread out of a library, which aborts the process,
    and after an interrupted import it kills itself with SIGINT, whatever the exit code."""
    import contextlib
    import os

    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError, AttributeError):  # its reader may be gone
            stream.flush()
    os._exit(code)
