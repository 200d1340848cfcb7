"""Peak memory: a film of two hours and a PDF of a thousand pages, each minus the peak of a single page.

Measured is PSS, summed over all processes of a run: what they share counts once. Linux only.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

from benchmarks import clip_model, documents, films
from benchmarks.measure import ROOT, CommandFailed, Setting
from benchmarks.table import Row

POLL_S = 0.2
MOST_MB = 600.0
HOURS, PAGES = 2.0, 1000


def rows(setting: Setting) -> list[Row]:
    """A line for each file and model."""
    if sys.platform != "linux":
        return [Row("memory", note="skipped: only Linux tells how much memory processes share")]
    page = documents.pdf(setting.folder / "pages-1.pdf", 1)
    film = films.long_film(setting.folder / "film-2h.mp4", HOURS)
    book = documents.pdf(setting.folder / f"pages-{PAGES}.pdf", PAGES)
    clip = clip_model.vit_b_32(setting.folder / "vit-b-32")
    models = {"built-in": "builtin", "CLIP ViT-B/32": f"{clip}:image"}  # it would read texts letter by letter
    found = []
    for name, model in models.items():
        least, _ = peak(setting, page, model, "--no-speech")
        for what, path in ((f"{HOURS:g}-hour video", film), (f"{PAGES:,}-page PDF", book)):
            most, seconds = peak(setting, path, model, "--no-speech")
            print(f"{what}, {name}: {most:.0f} MB at its peak, a page {least:.0f} MB", file=sys.stderr, flush=True)
            note = f"peak {most:.0f} MB, a one-page PDF {least:.0f} MB; {seconds:.0f} s"
            found.append(
                Row(f"memory, {what}, {name}", f"{most - least:.0f} MB", "-", most - least, None, MOST_MB, note)
            )
    return found


def peak(setting: Setting, path: Path, model: str, *flags: str) -> tuple[float, float]:
    """The peak of a run over one file in MB, and its seconds. Raises `CommandFailed`."""
    place = setting.folder / "index-memory"
    shutil.rmtree(place, ignore_errors=True)
    command = [sys.executable, "-m", "mmsearch", "index", "--quiet", "--no-ocr", "--model", model, *flags]
    command += ["--index", str(place), str(path)]
    began, most = time.monotonic(), 0.0
    running = subprocess.Popen(
        command, env=setting.env, cwd=ROOT, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, start_new_session=True
    )
    while running.poll() is None:
        most = max(most, _pss(running.pid))
        time.sleep(POLL_S)
    if running.returncode:
        said = running.stderr.read().decode(errors="replace") if running.stderr else ""
        raise CommandFailed(command, running.returncode, said)
    return most, time.monotonic() - began


def _pss(root: int) -> float:
    """MB that a process, its descendants and the other processes of its session hold now."""
    parents, sessions = {}, {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                fields = Path("/proc", entry, "stat").read_text("utf-8", "replace").rpartition(")")[2].split()
            except OSError:  # it has ended meanwhile
                continue
            parents[int(entry)], sessions[int(entry)] = int(fields[1]), int(fields[3])
    ours = {pid for pid in parents if sessions[pid] == root or _descends(pid, root, parents)}
    return sum(map(_own_pss, ours)) / 1e6


def _descends(pid: int, root: int, parents: Mapping[int, int]) -> bool:
    while pid and pid != root:
        pid = parents.get(pid, 0)
    return pid == root


def _own_pss(pid: int) -> int:
    try:
        rollup = Path("/proc", str(pid), "smaps_rollup").read_text("ascii")
    except OSError:
        return 0
    found = re.search(r"^Pss:\s+(\d+) kB", rollup, re.M)
    return int(found[1]) * 1024 if found else 0
