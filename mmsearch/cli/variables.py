"""Environment variables that begin with MMSEARCH_: one that sets no option is refused, as in the config file."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping

from mmsearch.errors import UsageError

_PREFIX = "MMSEARCH_"
GLOBAL = ("index", "quiet", "debug")  # options that one variable sets for all commands, of those that have them
_OTHERS = frozenset({"MMSEARCH_CONFIG", *(f"{_PREFIX}{option.upper()}" for option in GLOBAL)})

Variables = Mapping[str, Iterable[str]]  # of options: by command the names of its variables


def check_variables(known: Variables, commands: Iterable[str], build: Callable[[list[str]], Variables]) -> None:
    """Raise `UsageError` for a variable that is set and that no option has, with the nearest name that one has.

    `known` are the variables of the commands that are loaded already, `commands` the names of all commands; `build`
    loads some of these and returns their variables.
    """
    names = [name for name, value in os.environ.items() if name.startswith(_PREFIX) and value]
    for name in sorted(set(names) - _OTHERS - _flat(known)):
        owners = [command for command in commands if name.startswith(f"{_PREFIX}{command.upper()}_")]
        if name not in _flat(build(owners)):
            nearest = _nearest(name, next(iter(known), ""), build(list(commands)))
            raise UsageError(
                f"{name} is not the variable of an option.",
                (f"Did you mean {nearest}? " if nearest else "Unset it. ")
                + "MMSEARCH_QUERY_K sets `query -k`, and so on for every option.",
            )


def _flat(variables: Variables) -> set[str]:
    return {name for names in variables.values() for name in names}


def _nearest(name: str, command: str, variables: Variables) -> str:
    """The variable whose name is most like one that is misspelt, or lacks the command in its middle: then that of
    `command`, which is called, where it has such an option. Empty where none is like it."""
    import difflib

    shown: dict[str, str] = {}
    for owner in (command, "index", *variables):
        for one in variables.get(owner, ()):
            shown.setdefault(one.removeprefix(f"{_PREFIX}{owner.upper()}_"), one)
    shown |= {one.removeprefix(_PREFIX): one for one in _flat(variables) | _OTHERS}
    close = difflib.get_close_matches(name.removeprefix(_PREFIX), list(shown), 1)
    return shown[close[0]] if close else ""
