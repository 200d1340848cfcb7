"""The command line: parse, call `Index`, hand to `output`."""

from mmsearch import restore_default_interrupt

TYPE_CHECKING = False  # that of `typing`: nothing else is imported before `main` has taken care of Ctrl-C
if TYPE_CHECKING:
    from typing import NoReturn


def main() -> "NoReturn":
    """The `mmsearch` command."""
    restore_default_interrupt()
    import sys

    from mmsearch.cli.exit_codes import INTERRUPTED
    from mmsearch.cli.program import run
    from mmsearch.cli.stop_signals import stoppable

    with stoppable() as stop:
        code = run(sys.argv[1:])
        if code == INTERRUPTED:
            code = stop.exit_code
    restore_default_interrupt()
    if stop.signal is not None or _has_running_stage():
        _exit_at_once(code)
    sys.exit(code)


def _has_running_stage() -> bool:
    """Whether a pipeline stage is still running in a thread: a run that was stopped does not wait for a model."""
    import threading

    if threading.active_count() == 1:
        return False
    from mmsearch.encoding.jobs import Stage

    return any(isinstance(thread, Stage) for thread in threading.enumerate())


def _exit_at_once(code: int) -> None:
    """Exit without Python's finalization, which aborts the process where a thread is inside a library, and which
    replaces the exit code by SIGINT after an interrupted import."""
    import contextlib
    import os
    import sys

    from mmsearch.temporary_folders import remove_all

    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError, AttributeError):  # its reader may be gone
            stream.flush()
    remove_all()
    os._exit(code)
