"""Search a folder of mixed media by meaning: text, office documents, pictures, PDFs, sound and video, locally.

from mmsearch import Index, Query, Settings

for event in Index.update("my.index", ["docs"], Settings()):
    ...
with Index.open("my.index") as index:
    for hit in index.search(Query("revenue chart")).hits:
        print(hit.path, hit.locator.fragment(), hit.score)
"""

import _signal  # what `signal` is made of: built in, while `signal` takes milliseconds to import
import sys


def restore_default_interrupt() -> None:
    """Restore the default action of SIGINT, so that it ends the process without a traceback while the program starts
    and exits. A SIGINT that the parent process ignores stays ignored."""
    if _signal.getsignal(_signal.SIGINT) != _signal.SIG_IGN:
        _signal.signal(_signal.SIGINT, _signal.SIG_DFL)


def is_program() -> bool:
    """Whether this process was started as `mmsearch` or `python -m mmsearch`, and not as a user of the library."""
    started = sys.argv[0] if sys.argv else ""
    if started == "-m" and "-m" in sys.orig_argv:  # Python imports the package of the module that it is to run
        return sys.orig_argv[sys.orig_argv.index("-m") + 1] == "mmsearch"
    return started.rpartition("/")[2] == "mmsearch"


if is_program():  # before anything else is imported; a program that uses the library keeps its own handler
    restore_default_interrupt()

from mmsearch import telemetry  # noqa: E402

TYPE_CHECKING = False  # that of `typing`, whose import would take longer than all of this
if TYPE_CHECKING:
    from mmsearch.config import Settings
    from mmsearch.errors import MmsearchError
    from mmsearch.index import Index
    from mmsearch.query import Answer, Filter, Hit, Part, Query, RunOptions

__version__ = "0.1.0"
__all__ = [
    "Answer",
    "Filter",
    "Hit",
    "Index",
    "MmsearchError",
    "Part",
    "Query",
    "RunOptions",
    "Settings",
    "__version__",
]
_MODULES = {"Index": "index", "MmsearchError": "errors", "Settings": "config"}  # of names; the others are in `query`

telemetry.refuse()  # nothing above imports a library that reports


def __getattr__(name: str) -> object:
    """Import a public name when it is first used, so that the program sets its signal handlers before any import."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import importlib

    value: object = getattr(importlib.import_module(f"mmsearch.{_MODULES.get(name, 'query')}"), name)
    globals()[name] = value
    return value
