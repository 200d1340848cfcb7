"""The program: its commands, the sources of their options, and the handling of every exception."""

from __future__ import annotations

import functools
import importlib
import re
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from mmsearch import __version__, config
from mmsearch.cli import config_file, exit_codes, option_origins, system_errors, variables
from mmsearch.errors import MmsearchError, UsageError
from mmsearch.output import streams

_GROUPS = {  # as `mmsearch --help` lists the commands
    "Search": ("query", "similar", "dupes", "rank", "serve"),
    "Index": ("index", "watch", "merge", "forget", "failed", "trust"),
    "Inspect": ("status", "text", "verify", "doctor", "eval", "completion"),
    "Models": ("models", "embed"),
}
_COMMANDS = tuple(name for names in _GROUPS.values() for name in names)


@dataclass(slots=True)
class Session:
    """State of one invocation, for its error messages."""

    debug: bool = False
    config: config_file.ConfigFile | None = None
    context: typer.Context | None = None  # of the command


class _Bug(Exception):
    """Wraps an exception that Typer would handle: it takes any broken pipe for a closed stdout."""


class _Program(TyperGroup):
    """The Click group of the commands, whose help lists them by what they are for."""

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Write a section for each group of commands."""
        width = max(map(len, self.commands))
        for title, names in _GROUPS.items():
            rows = [
                (name.ljust(width), self.commands[name].get_short_help_str(formatter.width - 6 - width))
                for name in names
                if name in self.commands
            ]
            if rows:
                with formatter.section(title):
                    formatter.write_dl(rows)


def run(arguments: Sequence[str]) -> int:
    """Run one command and return its exit code. Nothing is raised."""
    streams.configure()
    session = Session()
    try:
        try:
            program = _program(_named(arguments))
            code = program.main(list(arguments), prog_name="mmsearch", standalone_mode=False, obj=session)
            return code if isinstance(code, int) else exit_codes.DONE
        except _Bug as error:
            raise error.__cause__ or error from None
    except streams.ClosedPipe:
        streams.discard_stdout()
        return exit_codes.DONE
    except SystemExit:  # Typer's way to end when the reader of `--help` has gone
        streams.discard_stdout()
        return exit_codes.DONE
    except MmsearchError as error:
        return _report_error(system_errors.translate(error) or error, session)
    except typer.TyperException as error:
        return _usage(error, session, arguments)
    except (KeyboardInterrupt, typer.Abort):
        return exit_codes.INTERRUPTED
    except Exception as error:
        if session.debug:
            streams.write_message(traceback.format_exc().rstrip())
        return _report_error(system_errors.translate(error) or _unexpected(error, session), session)


def _report_error(error: MmsearchError, session: Session) -> int:
    """Write an error, with the variable or the line of the config file that it comes from, and return its exit code."""
    if session.context is not None:
        option_origins.prefix_origins(error, session.context, session.config)
    streams.write_error(error)
    return error.exit_code


def _unexpected(error: Exception, session: Session) -> MmsearchError:
    """A library that can't be loaded, or a bug."""
    if isinstance(error, ImportError) and not (error.name or "").startswith("mmsearch"):
        return UsageError(f"A library can't be loaded: {error}", "`mmsearch doctor` shows the remedy.")
    told = f"{type(error).__name__}: {error}".rstrip(": ")
    hint = "This should not happen. " + ("Please report it." if session.debug else "Run again with --debug.")
    return MmsearchError(f"Unexpected error: {told}", hint)


def _usage(error: typer.TyperException, session: Session, arguments: Sequence[str]) -> int:
    """Write a usage error of Typer in the form of ours; `mmsearch` alone shows the help. Returns the exit code."""
    context = getattr(error, "ctx", None)
    if type(error).__name__ == "NoArgsIsHelpError":
        streams.write_message(error.format_message())
        return exit_codes.USAGE
    command = context.command_path if context is not None else "mmsearch"
    sentence = re.sub(r"(?<![.?!])$", ".", error.format_message().strip())
    parameter = getattr(error, "param", None)
    if (
        context is not None
        and parameter is not None
        and (place := option_origins.origin(context, parameter, session.config))
    ):
        sentence = f"{place}: {sentence[0].lower()}{sentence[1:]}"
    word = next((one for one in arguments if re.fullmatch(r"-[^\W\d_][^\W_].*", one, re.DOTALL)), None)
    if word is not None and command.endswith(" query"):  # meant as a word that must not be there
        hint = f"A word to leave out stands in quotes behind others: '... {word}', or behind --: {command} -- {word}"
    else:
        hint = f"`{command} --help` shows what it takes."
    streams.write_error(UsageError(sentence, hint))
    return exit_codes.USAGE


def _root(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="Show the version and exit.")] = False,
) -> None:
    """Search a folder of mixed media by meaning: text, documents, pictures, PDFs, sound and video, on this machine."""
    if version:
        streams.write_text(f"mmsearch {__version__}\n")
        raise typer.Exit
    if context.invoked_subcommand is None:
        streams.write_message(context.get_help())
        raise typer.Exit(exit_codes.USAGE)
    variables.check_variables(_variables(context.command), _COMMANDS, lambda names: _variables(_program(names)))
    context.default_map = _read_config(context.obj)


def _named(arguments: Sequence[str]) -> Sequence[str]:
    """The command that is called, or all commands where that is not clear. Only these are imported."""
    first = next((word for word in arguments if not word.startswith("-")), "")
    return [first] if first in _COMMANDS else _COMMANDS


def _program(names: Sequence[str]) -> Any:
    """The Click group that Typer makes of our functions, each option with its environment variables."""
    app = typer.Typer(
        cls=_Program,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
        epilog=exit_codes.table(),
    )
    app.callback(invoke_without_command=True)(_root)
    for name in names:
        module = importlib.import_module(f"mmsearch.cli.{name}_command")
        app.command(name, epilog=module.EXAMPLES)(_kept(getattr(module, name)))
    group = typer.main.get_command(app)
    for name, command in group.commands.items():  # type: ignore[attr-defined]
        for option, parameter in _options(command).items():
            names = [f"MMSEARCH_{name}_{option}".upper()]
            parameter.envvar = names + ([f"MMSEARCH_{option}".upper()] if option in variables.GLOBAL else [])
            parameter.show_envvar = False  # a rule that the epilog states once
    return group


def _variables(group: Any) -> dict[str, list[str]]:
    """The environment variables of the options of each command of a group."""
    return {
        name: [variable for parameter in _options(command).values() for variable in parameter.envvar]
        for name, command in group.commands.items()
    }


def _options(command: Any) -> dict[str, Any]:
    """The parameters of a command by the name of their option (`no_fold`)."""
    return {
        option_origins.option_name(parameter): parameter
        for parameter in command.params
        if parameter.param_type_name == "option" and "--help" not in parameter.opts
    }


def _type(parameter: Any) -> config_file.Type:
    """What an option takes in the config file."""
    if parameter.is_flag:
        return config_file.Type("flag")
    names = {"integer": "integer", "int": "integer", "float": "float"}  # the last two are of ranges
    return config_file.Type(names.get(str(parameter.type.name).split()[0], "text"), parameter.multiple)


def _read_config(session: Session) -> dict[str, dict[str, Any]]:
    """Defaults by command and parameter from the user's config file."""
    path = config.config_file()
    text = config_file.read_config(path, config_file.named_by())
    if not text.strip():
        return {}
    options = {name: _options(command) for name, command in _program(_COMMANDS).commands.items()}
    types = {name: {option: _type(one) for option, one in named.items()} for name, named in options.items()}
    session.config = config_file.parse_config(path, text, types)
    return {
        command: {options[command][name].name: value for name, value in values.items()}
        for command, values in session.config.values.items()
    }


def _kept(function: Callable[..., int]) -> Callable[..., int]:
    """`function` whose operating system errors reach `run` instead of Typer."""

    @functools.wraps(function)
    def kept(*args: Any, **options: Any) -> int:
        try:
            return function(*args, **options)
        except OSError as error:
            raise _Bug from error

    return kept
