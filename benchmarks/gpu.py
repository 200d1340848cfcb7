"""A GPU's rows: 12-megapixel photos through a ViT-L/14 and a vision-language model of two billion weights, at random.

Besides the ratio to the plain way the rows state how busy the device was, by `nvidia-smi`. No machine with a GPU
has run these rows yet.
"""

from __future__ import annotations

import shutil
import statistics
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks import clip_model, measure, ours, pictures, vlm_model
from benchmarks.measure import Setting
from benchmarks.table import Row, rates

SIZE = (4000, 3000)
BUSY = 50  # percent: between the first and the last sample above this the device counts as in use
LOOK_MS = 100


def photos(setting: Setting) -> list[Row]:
    """CLIP ViT-L/14."""
    return _rows(setting, "12-MP photos, CLIP ViT-L/14, GPU", lambda: clip_model.vit_l_14(setting.folder / "vit-l-14"))


def vlm(setting: Setting) -> list[Row]:
    """The shape of Qwen3-VL-Embedding-2B."""
    return _rows(setting, "12-MP photos, 2B VLM, GPU", lambda: vlm_model.two_billion(setting.folder / "vlm-2b"))


def _rows(
    setting: Setting, work: str, made: Callable[[], Path], ours_files: int = 2000, plain_files: int = 64
) -> list[Any]:
    """Against the plain way, and how busy the device was."""
    if reason := missing():
        return [Row(work, note=f"skipped: {reason}")]
    paths = pictures.make(setting.folder / "photos-gpu", *SIZE, ours_files)
    model = str(made())
    listed = setting.folder / "photos-gpu.txt"
    listed.write_text("".join(f"{path}\n" for path in paths[:plain_files]), "utf-8")
    measure.warm(paths)
    place = setting.folder / "index-gpu"
    plain, mine, busy = [], [], []
    for _ in range(setting.turns):
        watch = subprocess.Popen(
            [
                "nvidia-smi",
                "-i",
                "0",
                "--query-gpu=utilization.gpu",
                "--format=csv,noheader,nounits",
                f"-lms={LOOK_MS}",
            ],
            stdout=subprocess.PIPE,
            text=True,
        )
        try:
            mine.append(ours.index(place, [paths[0].parent], setting.env, "--no-ocr", "--model", f"{model}:image"))
        finally:
            watch.terminate()
        busy.append(share(watch.communicate()[0]))
        plain.append(
            measure.told("benchmarks.plain_encode", setting.env, "photos", model, str(listed), "--device", "cuda")
        )
    seconds, steady = ours.median(mine)
    _, plainly = measure.medians(plain)
    used = statistics.median(busy)
    note = f"ours {seconds:.1f} s for {ours_files:,} files; {mine[0].stages()}; {setting.turns} turns"
    sampled = f"nvidia-smi every {LOOK_MS} ms, between the first and the last moment above {BUSY}%"
    return [
        rates(work, steady, plainly, "pictures", 3.0, note),
        Row(f"{work}: device busy", f"{used:.0%}", "-", used, 0.9, None, sampled),
    ]


def missing() -> str:
    """Why the rows can't run here; empty where they can."""
    if shutil.which("nvidia-smi") is None:
        return "there is no NVIDIA GPU"
    import torch

    return "" if torch.cuda.is_available() else "PyTorch finds no CUDA device"


def share(samples: str) -> float:
    """The mean of the samples, a percentage a line, between the first and the last that show the device in use."""
    values = [int(line) for line in samples.split() if line.isdecimal()]
    used = [number for number, value in enumerate(values) if value > BUSY]
    return statistics.mean(values[used[0] : used[-1] + 1]) / 100 if used else 0.0
