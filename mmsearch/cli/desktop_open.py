"""`--open N`: open a hit with the desktop, at its page, second or line where the program takes one."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence

from mmsearch.archive_paths import outermost
from mmsearch.errors import UsageError
from mmsearch.filestat import open_regular
from mmsearch.output import streams
from mmsearch.output.formatting import display_path
from mmsearch.query import Hit

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


def open_hit(hits: Sequence[Hit], number: int, may_open: Callable[[bytes], bool]) -> None:
    """Open the hit of rank `number` without waiting. For a file that a desktop might execute its folder is opened
    instead, which is reported. Raises `UsageError` where there is no such hit or no desktop, and for a path to which
    `may_open` says no."""
    if not hits:
        return
    hit = next((hit for hit in hits if hit.rank == number), None)
    if hit is None:
        raise UsageError(f"There is no hit {number} to open, only {len(hits)}.", "Choose another number.")
    if not may_open(hit.path):
        shown = display_path(hit.path)
        raise UsageError(
            f"{shown} is not opened: the index is not yours, and the file lies elsewhere.",
            "Open it yourself, or adopt the index: mmsearch trust DIR",
        )
    archive = b"" if os.path.lexists(hit.path) else outermost(hit.path)
    command = _open_command(os.fsdecode(archive)) if os.path.isfile(archive) else _command(hit)
    subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    if os.path.isfile(archive):
        streams.write_note(f"{display_path(hit.path)} lies in an archive, which was opened.")
    elif reason := _refusal(hit):
        streams.write_note(f"{display_path(hit.path)} {reason}: its folder was opened.")


def _command(hit: Hit) -> list[str]:
    path = os.fsdecode(hit.path)
    if not os.path.exists(path):
        raise UsageError("The file does not exist any more.", "`mmsearch index` brings the index up to date.")
    target = os.path.dirname(path) if _refusal(hit) else path
    command = _open_command(target)
    return (_at_place(hit, path) if target == path and sys.platform != "darwin" else None) or command


def _open_command(target: str) -> list[str]:
    """The command that opens a file or folder by its default program."""
    if sys.platform == "darwin":
        return ["open", target]
    opener = shutil.which("xdg-open")
    if opener is None or not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        raise UsageError("There is no desktop here that could open a file.", "Open the path above yourself.")
    return [opener, target]


# Endings by which a desktop starts a program, mounts an image or goes to the web, with or without a bit for it.
_RUN_BY_NAME = frozenset(
    ".desktop .exe .msi .bat .cmd .com .scr .ps1 .vbs .jar .appimage .run .command .tool .app .workflow .terminal"
    " .action .scpt .scptd .jnlp .flatpakref .flatpakrepo .snap .deb .rpm .pkg .dmg .iso .url .webloc .lnk .inetloc"
    " .fileloc .reg .hta .wsf .appref-ms .kmacro .xpi".split()
)
_RUN_BY_CONTENT = (b"#!", b"\x7fELF", b"MZ", b"\xca\xfe\xba\xbe", b"\xcf\xfa\xed\xfe", b"[Desktop Entry]")
_HEAD_BYTES = 4096


def _refusal(hit: Hit) -> str:
    """Why a file is not opened itself: a desktop might execute it. Empty where it is opened."""
    if hit.kind == "other":
        return "is of an unknown kind"
    if not os.path.isfile(hit.path):  # a named pipe, a device
        return "is no regular file"
    suffix = os.path.splitext(os.fsdecode(hit.path))[1].lower()
    if os.stat(hit.path).st_mode & 0o111 or suffix in _RUN_BY_NAME or _starts_a_program(hit.path):
        return "is a program or could start one"
    return ""


def _starts_a_program(path: bytes) -> bool:
    """Whether the beginning of a file is that of a program, a script or a launcher, whatever the file is called."""
    try:
        with open(open_regular(os.path.realpath(path)), "rb") as file:
            head = file.read(_HEAD_BYTES).removeprefix(b"\xef\xbb\xbf").lstrip()
    except OSError:
        return True
    lines = [line.strip() for line in head.split(b"\n")]
    first = next((line for line in lines if line and not line.startswith(b"# ")), b"")
    return head.startswith(_RUN_BY_CONTENT) or first == b"[Desktop Entry]"


def _at_place(hit: Hit, path: str) -> list[str] | None:
    """The command of the default program with the place; None where its option for a place is unknown."""
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
