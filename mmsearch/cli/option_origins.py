"""Where the value of an option came from: messages name the variable or the line of the config file."""

from __future__ import annotations

import os
import re
from typing import Any

from mmsearch.cli.config_file import ConfigFile
from mmsearch.errors import MmsearchError

# Options whose values are names that messages repeat without the option.
_NAMES = frozenset(
    "index model add_model transcribe rerank trust_remote_code revision device image audio video like minus"
    " queries_from files_from qrels compare save base gallery".split()
)
_SHORTEST = 3  # characters of such a value: shorter ones stand in any sentence


def option_name(parameter: Any) -> str:
    """The name of an option in the config file and in variables: its long flag with underscores, else the short one."""
    return str(max(parameter.opts, key=len)).lstrip("-").replace("-", "_")


def origin(context: Any, parameter: Any, config: ConfigFile | None) -> str | None:
    """The variable or the place in the config file that set an option; None: the command line, or nothing did."""
    source = context.get_parameter_source(parameter.name)
    if source is not None and source.name == "ENVIRONMENT":
        return next((name for name in parameter.envvar if os.environ.get(name)), None)
    if source is not None and source.name == "DEFAULT_MAP" and config is not None:
        return config.place(context.info_name, option_name(parameter))
    return None


def prefix_origins(error: MmsearchError, context: Any, config: ConfigFile | None) -> None:
    """Prefix the error's sentence with the variables and config file lines of the options that it names or quotes."""
    options = [parameter for parameter in context.command.params if parameter.param_type_name == "option"]
    matching = [one for one in options if _is_named(error.sentence, one)]
    matching = matching or [one for one in options if _is_quoted(error.sentence, one, context.params.get(one.name))]
    places = [place for one in matching if (place := origin(context, one, config)) is not None]
    if places:
        error.sentence = f"{', '.join(dict.fromkeys(places))}: {error.sentence}"


def _is_named(sentence: str, parameter: Any) -> bool:
    flags = [*parameter.opts, *parameter.secondary_opts]
    return any(re.search(rf"(?<![\w-]){re.escape(flag)}(?![\w-])", sentence) for flag in flags)


def _is_quoted(sentence: str, parameter: Any, value: Any) -> bool:
    """Whether a sentence has an option's value, or what stands before a colon in it (`clip:image`)."""
    if option_name(parameter) not in _NAMES:
        return False
    values = [value] if isinstance(value, str) else list(value or ()) if isinstance(value, list | tuple) else []
    words = [word.strip("./") for one in values for word in (one, one.partition(":")[0])]
    words = [word for word in words if len(word) >= _SHORTEST]
    return any(re.search(rf"(?<!\w){re.escape(word)}(?!\w)", sentence) for word in words)
