"""`--open N`: hand a hit to the desktop, at its page, second or line where its program is known to take one."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence

from mmsearch.errors import UsageError
from mmsearch.types import Hit

# How programs take a place: desktop file name without the ending, kind of place, arguments before the path.
_PLACES = {
    "org.gnome.Evince": ("page", "evince", "--page-index={page}"),
    "org.gnome.Papers": ("page", "papers", "--page-index={page}"),
    "okularApplication_pdf": ("page", "okular", "--page={page}"),
    "org.pwmt.zathura": ("page", "zathura", "--page={page}"),
    "mpv": ("start_s", "mpv", "--start={start_s}"),
    "vlc": ("start_s", "vlc", "--start-time={start_s}"),
    "org.gnome.gedit": ("line_start", "gedit", "+{line_start}"),
    "org.gnome.TextEditor": ("line_start", "gnome-text-editor", "+{line_start}"),
    "org.kde.kate": ("line_start", "kate", "--line={line_start}"),
}


def open_hit(hits: Sequence[Hit], number: int) -> None:
    """Open hit `number` (from 1) and go on. Raises `UsageError` where there is no such hit or no desktop."""
    if number > len(hits):
        if hits:
            raise UsageError(f"There is no hit {number} to open, only {len(hits)}.", "Choose a smaller number.")
        return
    command = _command(hits[number - 1])
    subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def _command(hit: Hit) -> list[str]:
    path = os.fsdecode(hit.path)
    if not os.path.exists(path):
        raise UsageError("The file is not there any more.", "`mmsearch index` brings the index up to date.")
    target = path if _may_open(hit) else os.path.dirname(path)
    if sys.platform == "darwin":
        return ["open", target]
    opener = shutil.which("xdg-open")
    if opener is None or not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        raise UsageError("There is no desktop here that could open a file.", "Open the path above yourself.")
    return (_at_place(hit, path) if target == path else None) or [opener, target]


def _may_open(hit: Hit) -> bool:
    """Whether a desktop will show the file. What it might run instead is shown in its folder: nothing in an indexed
    tree is ever executed."""
    return hit.kind != "other" and not hit.path.endswith(b".desktop") and not os.access(hit.path, os.X_OK)


def _at_place(hit: Hit, path: str) -> list[str] | None:
    """The command of the default program with the place; None where we don't know how it takes one."""
    kind, program, argument = _PLACES.get(_default_program(path) or "", ("", "", ""))
    value = getattr(hit.locator, kind) if kind else None
    if value is None or not shutil.which(program):
        return None
    return [program, argument.format(**{kind: round(value, 2)}), path]


def _default_program(path: str) -> str | None:
    def ask(*words: str) -> str:
        try:
            done = subprocess.run(["xdg-mime", "query", *words], capture_output=True, text=True, timeout=5, check=False)
        except (OSError, subprocess.TimeoutExpired):
            return ""
        return done.stdout.strip()

    kind = ask("filetype", path)
    return ask("default", kind).removesuffix(".desktop") if kind else None
