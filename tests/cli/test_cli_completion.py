"""`mmsearch completion`: the scripts, and what they call."""

import os
import shutil
import subprocess
import sys

import pytest

from mmsearch.cli.program import run


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_of_a_shell_is_one_that_it_can_read(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["completion", shell]) == 0
    out, err = capsys.readouterr()
    assert f"complete_{shell}" in out and "_MMSEARCH_COMPLETE" in out
    assert err == ""
    if program := shutil.which(shell):
        subprocess.run([program, "-n"], input=out, text=True, check=True, timeout=20)


def test_another_shell_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["completion", "tcsh"]) == 2
    assert capsys.readouterr().err.startswith("Invalid value for 'bash|zsh|fish': 'tcsh' is not one of")


def test_the_options_of_a_command_are_completed() -> None:
    asked = {"_MMSEARCH_COMPLETE": "complete_bash", "COMP_WORDS": "mmsearch watch --in", "COMP_CWORD": "2"}
    done = subprocess.run(
        [sys.executable, "-c", "import sys; sys.argv = ['mmsearch']; from mmsearch.cli import main; main()"],
        env=os.environ | asked, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.stdout.split() == ["--install", "--index"]
