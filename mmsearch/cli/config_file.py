"""The user's config file: a table for each command, options by their long names, and the line of every value."""

from __future__ import annotations

import datetime
import errno
import os
import stat
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mmsearch.errors import UsageError

LARGEST = 1 << 20  # bytes of a config file
MOST_LINES = 2000  # of a file in which the line of a value is searched

_WANTED = {"flag": "true or false", "integer": "a whole number", "float": "a number", "text": "a text"}


@dataclass(frozen=True, slots=True)
class Type:
    """What an option takes: `name` is flag, integer, float or text; `several` of them in a list."""

    name: str
    several: bool = False


@dataclass(frozen=True, slots=True)
class ConfigFile:
    """A config file that was read. `values` holds option values by command and by option name with underscores."""

    path: Path
    text: str = ""
    values: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    spelled: Mapping[tuple[str, str], str] = field(default_factory=dict)  # option names as they stand in the file

    def place(self, command: str, option: str | None = None) -> str:
        """Where a command's option stands, for a message: `/home/me/config.toml, line 3`; without `option`, where its
        table first appears."""
        keys = [command] if option is None else [command, self.spelled.get((command, option), option)]
        line = line_of(self.text, keys)
        return f"{self.path}, line {line}" if line else f"{self.path}, [{'] '.join(keys)}{']' * (len(keys) == 1)}"


def read_config(path: Path, variable: str | None) -> str:
    """The text of a config file. `variable` is the environment variable that names it, if one does: then it must be
    there; else a missing file is an empty one. Raises `UsageError`."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)  # a named pipe would wait for a writer
        with open(descriptor, "rb") as file:
            kind = os.fstat(descriptor).st_mode
            if not stat.S_ISREG(kind) and not stat.S_ISCHR(kind):
                raise OSError(errno.EINVAL, "it is no file")
            data = file.read(LARGEST + 1)
        if len(data) > LARGEST:
            raise UsageError(f"The config file {path} is larger than 1 MB.", "Name another file: MMSEARCH_CONFIG=FILE.")
        return data.decode("utf-8-sig")
    except (FileNotFoundError, NotADirectoryError) as error:
        if variable is None:
            return ""
        problem = error.strerror
    except OSError as error:
        problem = error.strerror
    except UnicodeDecodeError:
        problem = "it is not UTF-8 text"
    if variable is not None:
        hint = f"Name an existing file, or unset {variable}; {variable}=/dev/null means no settings."
        raise UsageError(f"{variable} names {path}, which can't be read: {problem}.", hint)
    raise UsageError(
        f"The config file {path} can't be read: {problem}.", "MMSEARCH_CONFIG=/dev/null means no settings."
    )


def parse_config(path: Path, text: str, known: Mapping[str, Mapping[str, Type]]) -> ConfigFile:
    """The settings in the text of a config file. `known` are the options of each command, names with underscores.

    Raises `UsageError` with the line for invalid TOML, for unknown tables and names, and for values of a wrong type.
    Dates become ISO text; a number becomes text where an option takes text.
    """
    try:
        tables = tomllib.loads(text)
    except (ValueError, RecursionError) as error:  # a number of thousands of digits is a plain ValueError
        raise UsageError(
            f"The config file {path} is not valid TOML: {error}.", "Correct it, or move it away."
        ) from error
    bare = ConfigFile(path, text)
    values: dict[str, dict[str, Any]] = {}
    spelled: dict[tuple[str, str], str] = {}
    for command, options in tables.items():
        if command not in known or not isinstance(options, dict):
            raise UsageError(
                f"{bare.place(command)}: {command!r} is not the name of a command.",
                f"Tables are {', '.join(f'[{name}]' for name in sorted(known))}.",
            )
        values[command] = {}
        for name, value in options.items():
            option = name.replace("-", "_")
            place = bare.place(command, name)
            if option not in known[command]:
                raise UsageError(f"{place}: {command} has no option {name!r}.", f"See mmsearch {command} --help.")
            if option in values[command]:
                raise UsageError(f"{place}: {name!r} is set twice, with - and with _.", "Leave one of them out.")
            spelled[command, option] = name
            values[command][option] = _checked(value, known[command][option], f"{place}: {name}")
    return ConfigFile(path, text, values, spelled)


def _checked(value: Any, wanted: Type, where: str) -> Any:
    """A TOML value as an option takes it."""
    if wanted.several:
        return [_checked(one, Type(wanted.name), where) for one in (value if isinstance(value, list) else [value])]
    if isinstance(value, datetime.date | datetime.time) and wanted.name == "text":
        return value.isoformat()
    number = isinstance(value, int | float) and not isinstance(value, bool)
    fits = {
        "flag": isinstance(value, bool),
        "integer": number and isinstance(value, int),
        "float": number,
        "text": number or isinstance(value, str),
    }[wanted.name]
    if not fits:
        shown = str(value).lower() if isinstance(value, bool) else repr(value)
        raise UsageError(f"{where} can't be {shown}.", f"Write {_WANTED[wanted.name]}.")
    return str(value) if wanted.name == "text" else value


def line_of(text: str, keys: list[str]) -> int | None:
    """The line, from 1, on which the value at `keys` begins in a TOML text; None where there is none.

    The TOML parser runs on growing prefixes of the text. The value is in the first prefix that parses and contains it;
    its statement begins after the last prefix that parses without it. So tables, dotted keys, inline tables and
    repeated names follow the rules of TOML.
    """
    lines = text.split("\n")
    if len(lines) > MOST_LINES:
        return None
    begin = 0
    for number in range(1, len(lines) + 1):
        try:
            found: Any = tomllib.loads("\n".join(lines[:number]) + "\n")
        except tomllib.TOMLDecodeError:
            continue
        for key in keys:
            found = found.get(key, _MISSING) if isinstance(found, dict) else _MISSING
        if found is not _MISSING:
            return begin + 1
        begin = number
    return None


_MISSING: Any = object()


def named_by() -> str | None:
    """The environment variable that names the config file, where one does."""
    return "MMSEARCH_CONFIG" if os.environ.get("MMSEARCH_CONFIG") else None
