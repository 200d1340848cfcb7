"""The command line: parse, call `Index`, hand to `output`."""

import sys
from typing import NoReturn


def main() -> NoReturn:
    """The `mmsearch` command."""
    from mmsearch.cli.program import run

    sys.exit(run(sys.argv[1:]))
