"""`mmsearch completion`: what a shell needs to complete commands and options."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from mmsearch.cli import exit_codes, options
from mmsearch.output import streams

EXAMPLES = exit_codes.epilog(
    "cd ~/.local/share/bash-completion/completions",
    "mmsearch completion bash > mmsearch",
    "mmsearch completion zsh > ~/.zfunc/_mmsearch    # a folder in fpath",
    "mmsearch completion fish > ~/.config/fish/completions/mmsearch.fish",
)


class Shell(StrEnum):
    """A shell that can complete words."""

    BASH = "bash"
    ZSH = "zsh"
    FISH = "fish"


def completion(
    shell: Annotated[Shell, typer.Argument(metavar="bash|zsh|fish", help="The shell.")],
    debug: options.Debug = False,
) -> int:
    """Print the script by which a shell completes commands.

    Write it where the shell looks for such scripts, and start a new shell.
    """
    from typer._completion_shared import get_completion_script

    script = get_completion_script(prog_name="mmsearch", complete_var="_MMSEARCH_COMPLETE", shell=shell.value)
    streams.write_text(f"{script.strip()}\n")
    return exit_codes.DONE
