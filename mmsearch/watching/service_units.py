"""Files by which a system keeps `mmsearch watch` running for its user: a systemd user unit, a launchd agent."""

from __future__ import annotations

import os
import plistlib
import re
import sys
from collections.abc import Sequence
from pathlib import Path

from mmsearch.errors import UsageError


def unit_name(index: Path) -> str:
    """The name of the service for an index, without the ending."""
    return f"mmsearch-watch-{re.sub(r'[^A-Za-z0-9_-]', '_', index.name or 'index')}"


def systemd_unit(command: Sequence[str]) -> str:
    """A systemd user unit that runs a command."""
    return (
        "[Unit]\n"
        "Description=mmsearch keeps an index up to date\n"
        "\n"
        "[Service]\n"
        f"ExecStart={' '.join(_quoted(word) for word in command)}\n"
        "Nice=10\n"
        "Restart=on-failure\n"
        "RestartSec=60\n"
        "SuccessExitStatus=129 130 143\n"
        "\n"
        "[Install]\n"
        "WantedBy=default.target\n"
    )


def launchd_agent(label: str, command: Sequence[str]) -> str:
    """A launchd agent that runs a command. Raises `UsageError` for a word that no property list can hold."""
    facts = {
        "Label": label,
        "ProgramArguments": list(command),
        "RunAtLoad": True,
        "KeepAlive": {"SuccessfulExit": False},
        "ProcessType": "Background",
    }
    try:
        return plistlib.dumps(facts, sort_keys=False).decode("utf-8")
    except (ValueError, UnicodeError) as error:
        raise UsageError(
            "A launchd file can't hold a path with control characters or bytes that are no UTF-8.", "Rename it."
        ) from error


def service_file(index: Path) -> Path:
    """Where the file of the service belongs on this system."""
    if sys.platform == "darwin":
        return Path.home() / "Library" / "LaunchAgents" / f"{unit_name(index)}.plist"
    config = os.environ.get("XDG_CONFIG_HOME") or str(Path.home() / ".config")
    return Path(config) / "systemd" / "user" / f"{unit_name(index)}.service"


def service_text(index: Path, command: Sequence[str]) -> str:
    """The file of the service on this system."""
    return launchd_agent(unit_name(index), command) if sys.platform == "darwin" else systemd_unit(command)


def start_commands(index: Path) -> list[list[str]]:
    """The commands that start the service now and with each session."""
    if sys.platform == "darwin":
        return [["launchctl", "load", "-w", str(service_file(index))]]
    return [
        ["systemctl", "--user", "daemon-reload"],
        ["systemctl", "--user", "enable", "--now", f"{unit_name(index)}.service"],
    ]


def _quoted(word: str) -> str:
    """A word of a command line as systemd reads it: in quotes, with its specifiers and variables taken as they are."""
    if "\0" in word or any("\ud800" <= letter <= "\udfff" for letter in word):
        raise UsageError("A systemd unit can't hold a path with bytes that are no UTF-8.", "Rename it.")
    text = word.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%").replace("$", "$$")
    text = re.sub(r"[\x00-\x1f\x7f]", lambda found: f"\\x{ord(found[0]):02x}", text)
    return f'"{text}"'
