"""All exit codes, which are part of the interface, and the texts that end the help pages."""

from __future__ import annotations

DONE = 0
NOTHING_FOUND = 1
USAGE = 2
UNUSABLE = 3
SOME_FAILED = 4
STOPPED_EARLY = 5
LOCKED = 6
BUG = 70
INTERRUPTED = 130

EXIT_CODES = {
    DONE: "done, or found",
    NOTHING_FOUND: "nothing found (query, similar, dupes); a figure under its floor (eval)",
    USAGE: "bad usage or configuration",
    UNUSABLE: "no index here, or not usable",
    SOME_FAILED: "finished, but some files failed in this run",
    STOPPED_EARLY: "stopped early, or work is pending",
    LOCKED: "another run is writing the index",
    BUG: "a bug in mmsearch",
    INTERRUPTED: "interrupted (143: by SIGTERM, 129: by a hang-up); progress is kept",
}


def epilog(*examples: str) -> str:
    """The end of a command's help: examples, one a line."""
    return "\b\nExamples:\n" + "\n".join(f"  {example}" for example in examples)


def table() -> str:
    """The exit codes and where settings come from, as the end of `mmsearch --help`."""
    rows = "\n".join(f"  {code:>3}  {meaning}" for code, meaning in EXIT_CODES.items())
    return (
        f"\b\nExit codes:\n{rows}\n\n"
        "Every option can also be set by an environment variable (MMSEARCH_QUERY_K=20 is `query -k 20`; "
        "MMSEARCH_INDEX, MMSEARCH_QUIET and MMSEARCH_DEBUG hold for all commands) "
        "or in the config file (a table per command); flags win over the environment, and that over the file."
    )
