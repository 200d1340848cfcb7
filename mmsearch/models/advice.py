"""The models with a short name and what is known of each, and the preset that suits this machine. Nothing is loaded."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from typing import NamedTuple

from mmsearch.config import data_home
from mmsearch.models import builtin, e5, image_weights, registry
from mmsearch.models.device import total_memory
from mmsearch.models.downloads import recorded
from mmsearch.models.hub import bytes_on_disk, commit_of
from mmsearch.models.model_catalogue import ModelSpec
from mmsearch.models.registry import known_models, resolve, revision_of, state

SEES = {
    builtin.IMAGES: "it knows kinds of pictures and 1,000 classes of objects; no people, faces, places or text",
    builtin.SIMILARITY: "it knows copies, and pictures that are made alike; objects are for builtin-images",
}
GPU_BYTES = 8 << 30  # what the publisher of the gpu preset's model asks for
PHOTO_BYTES = 4 << 30  # SigLIP 2 takes 1.5 GB; torch and the workers take the rest of less


class Machine(NamedTuple):
    """Cores that this process may use, memory in bytes (None: unknown), the GPU's name and its memory in bytes."""

    cores: int
    memory: int | None
    gpu: str = ""
    gpu_memory: int | None = None


def probe() -> Machine:
    """This machine."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    name, memory = _gpu()
    return Machine(cores, total_memory(), name, memory)


def recommended(machine: Machine) -> tuple[str, str]:
    """The preset (or `builtin`) that suits a machine, and the reason."""
    cores = f"{machine.cores} core{'' if machine.cores == 1 else 's'}"
    memory = f"{machine.memory / (1 << 30):.0f} GB of memory" if machine.memory else "unknown memory"
    if machine.gpu_memory is not None and machine.gpu_memory >= GPU_BYTES:
        size = f"{machine.gpu_memory / (1 << 30):.0f} GB"
        return "gpu", f"{machine.gpu} with {size}: qwen3-vl-2b asks for 8 GB, and one model then takes all but sound"
    gpu = f"{machine.gpu}, too small for a large model" if machine.gpu else "no GPU that could be found"
    if machine.memory is not None and machine.memory < PHOTO_BYTES:
        return "builtin", f"{cores}, {memory}, {gpu}: a second model would leave too little room"
    return (
        "photos",
        f"{cores}, {memory}, {gpu}: SigLIP 2 embeds pictures on any CPU, larger models are too slow on this one",
    )


def _gpu() -> tuple[str, int | None]:
    """The largest NVIDIA GPU; on a Mac its own chip, whose memory is the machine's."""
    if sys.platform == "darwin" and os.uname().machine == "arm64":
        return "Apple GPU", None
    program = shutil.which("nvidia-smi")
    if program is None:
        return "", None
    try:
        command = [program, "--query-gpu=name,memory.total", "--format=csv,noheader,nounits"]
        output = subprocess.run(command, capture_output=True, text=True, timeout=10, check=True).stdout
        gpus = [line.rsplit(",", 1) for line in output.splitlines() if "," in line]
        name, size = max(gpus, key=lambda gpu: float(gpu[1]))
        return name.strip(), int(float(size)) << 20
    except (OSError, ValueError, subprocess.SubprocessError):
        return "", None


@dataclass(frozen=True, slots=True)
class ModelFacts:
    """The published facts of a model and its state on this machine. None: not known.

    `bytes_here` are those on this disk, 0 where the model is not here; `loads` is whether it loaded after its download.
    """

    name: str
    source: str
    role: str
    takes: tuple[str, ...]
    dimension: int | None
    matryoshka: tuple[int, int] | None
    parameters: int | None
    weights_bytes: int | None
    memory_bytes: int | None
    licence: str | None
    remote_code: bool | None
    revision: str | None
    prompts: dict[str, str]
    libraries: tuple[str, ...]
    pair: str | None
    state: str
    reason: str
    bytes_here: int
    commit: str | None
    loads: bool | None


def facts(spec: ModelSpec) -> ModelFacts:
    """The facts of one model; those of its download take precedence over the published ones."""
    record = recorded(spec)
    status, reason = state(spec)
    here = _builtin_bytes(spec.name) if spec.name in builtin.TEXT_MODELS else bytes_on_disk(spec.source)
    if spec.name in builtin.TEXT_MODELS and not here:
        status, reason = "not installed", e5.HINT if spec.name == builtin.LANGUAGES else builtin.HINT
    if spec.name in builtin.IMAGE_SPACES:
        error = image_weights.lacking(registry.default_text_space())
        status, reason = (status, SEES[spec.name]) if error is None else ("not installed", error.hint)
    if here and record.get("loads"):
        status, reason = "works", "it was pulled and loads here without a network"
    elif here and record.get("loads") is False:
        status, reason = "does not load", str(record.get("reason", ""))
    return ModelFacts(
        name=spec.name,
        source=spec.source,
        role=spec.role,
        takes=tuple(sorted(record.get("views") or [str(view) for view in spec.views or ()])),
        dimension=record.get("dimension") or spec.dimension,
        matryoshka=spec.matryoshka,
        parameters=spec.parameters,
        weights_bytes=record.get("bytes") or spec.weights_bytes,
        memory_bytes=spec.memory_bytes,
        licence=spec.licence,
        remote_code=spec.remote_code,
        revision=record.get("revision") or revision_of(spec),
        prompts=dict(spec.prompts),
        libraries=spec.libraries,
        pair=spec.pair,
        state=status,
        reason=reason,
        bytes_here=here,
        commit=record.get("commit") or commit_of(spec.source, revision_of(spec)),
        loads=record.get("loads"),
    )


def listing() -> list[ModelFacts]:
    """Facts of all models with a short name, then of others that were downloaded."""
    models = known_models()
    others = []
    for path in sorted((data_home() / "models").glob("*.json")):
        try:
            source = str(json.loads(path.read_text("utf-8"))["source"])
        except (OSError, ValueError, LookupError, TypeError):
            continue
        if source not in [spec.source for spec in models]:
            others.append(resolve(source))
    return [facts(spec) for spec in (*models, *others)]


def _builtin_bytes(name: str) -> int:
    from mmsearch.errors import ModelUnavailable

    try:
        if name == builtin.LANGUAGES:
            return e5.find().stat().st_size
        return sum(path.stat().st_size for path in builtin.locate().rglob("*") if path.is_file())
    except ModelUnavailable:
        return 0
