"""Which presets would serve an index best on a machine: what each adds, what it costs, why, and the command."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass

from mmsearch.index_status import Holdings
from mmsearch.models import builtin
from mmsearch.models.hub import bytes_on_disk
from mmsearch.models.machine import Machine
from mmsearch.models.model_catalogue import ModelSpec, Preset, presets
from mmsearch.models.registry import resolve_all
from mmsearch.types import Kind, View

DOMINANT = 0.6  # share of an index's files from which one kind of content is what the index is about
NOTABLE = 0.15  # share from which a kind of content counts at all
MOST = 3  # presets that are recommended
UNKNOWN_MEMORY = 8 << 30  # taken where the system does not state its memory
# Share of the speed of large products of matrices that a whole model reaches on a CPU. Measured with EmbeddingGemma 2
# of the real size: see benchmarks/RESULTS.md.
MODEL_SHARE = 0.5
GPU_GFLOPS = 10_000.0  # of any GPU of 8 GB and more, in bfloat16
BYTES_PER_WEIGHT = 2  # where the size of the published files is not known
_DOCUMENTS = (Kind.TEXT, Kind.PDF, Kind.DOCUMENT, Kind.MAIL)


@dataclass(frozen=True, slots=True)
class Cost:
    """What a preset costs: bytes to download and on disk for each embedding; by view, seconds for one item and items of
    the index. An item is a passage, a picture or 30 s of sound. Views whose operations are not known are missing."""

    download: int
    per_embedding: int
    seconds: dict[View, float]
    items: dict[View, int]


@dataclass(frozen=True, slots=True)
class Advice:
    """A preset that suits a machine and an index, with the command that takes it into use."""

    preset: Preset
    command: str
    cost: Cost


def recommend(machine: Machine, holdings: Holdings | None, gflops: float) -> list[Advice]:
    """The presets that suit best, the best first; at most `MOST`, and none for a machine that is too small for any.

    `holdings` is what the index holds, None where there is none; `gflops` is the speed of the CPU.
    """
    found: list[Advice] = []
    for content in contents(holdings):
        suiting = [preset for preset in presets().values() if content in preset.suits and _fits(preset, machine)]
        suiting.sort(key=lambda one: (not one.gpu_memory, one.suits.index(content), -max(one.memory, one.gpu_memory)))
        for preset in suiting[: 2 if content == "mixed" else 1]:  # of both the second is the smaller one
            lacking = _lacking(preset, holdings)
            if lacking and preset not in [advice.preset for advice in found]:
                cost = _cost(preset, lacking, holdings, gflops)
                found.append(Advice(preset, _command(preset, lacking, holdings), cost))
    return found[:MOST]


def contents(holdings: Holdings | None) -> list[str]:
    """What an index is about, the most first: kinds of files, `document` for all kinds of text, `scan` for documents
    whose pages were read by OCR, `language` for another one than English, `mixed` for several kinds."""
    total = sum(holdings.by_kind.values()) if holdings else 0
    if holdings is None or not total:
        return ["mixed"]
    shares = {str(kind): holdings.by_kind.get(kind, 0) / total for kind in (Kind.IMAGE, Kind.AUDIO, Kind.VIDEO)}
    documents = sum(holdings.by_kind.get(kind, 0) for kind in _DOCUMENTS) / total
    scanned = holdings.scanned_pages / max(holdings.pages, 1)
    shares["scan" if scanned > 0.5 else "document"] = documents
    known = sum(holdings.languages.values())
    if known and holdings.languages.get("en", 0) / known < 0.5 and known / total >= NOTABLE:
        shares["language"] = NOTABLE
    ranked = sorted((content for content in shares if shares[content] >= NOTABLE), key=lambda one: -shares[one])
    return ranked if shares[ranked[0]] >= DOMINANT else ["mixed", *ranked]


def _fits(preset: Preset, machine: Machine) -> bool:
    if preset.gpu_memory:
        return machine.gpu_memory is not None and machine.gpu_memory >= preset.gpu_memory
    return (machine.memory or UNKNOWN_MEMORY) >= preset.memory


def _lacking(preset: Preset, holdings: Holdings | None) -> list[ModelSpec]:
    """The models of a preset that the index does not have."""
    specs = resolve_all([preset.name])
    if holdings is None:
        return specs
    return [spec for spec in specs if not builtin.is_builtin(spec.name) and spec.source not in holdings.models]


def _command(preset: Preset, lacking: Sequence[ModelSpec], holdings: Holdings | None) -> str:
    options = f" {preset.options}" if preset.options else ""
    if holdings is None:
        return f"mmsearch index --model {preset.name}{options} --allow-download FOLDER"
    added = " ".join(f"--add-model {shlex.quote(_name(spec))}" for spec in lacking)
    return f"mmsearch index {added}{options} --allow-download"


def _name(spec: ModelSpec) -> str:
    views = "" if spec.limited_to is None else ":" + ",".join(view for view in View if view in spec.limited_to)
    return spec.name + views


def _cost(preset: Preset, lacking: Sequence[ModelSpec], holdings: Holdings | None, gflops: float) -> Cost:
    published = [spec for spec in lacking if not builtin.is_builtin(spec.name)]
    download = sum(
        spec.weights_bytes or BYTES_PER_WEIGHT * (spec.parameters or 0)
        for spec in published
        if not bytes_on_disk(spec.source)
    )
    rate = GPU_GFLOPS if preset.gpu_memory else gflops * MODEL_SHARE
    seconds: dict[View, float] = {}
    for spec in published:
        for name, operations in spec.gflop:
            view = View(name)
            if spec.limited_to is None or view in spec.limited_to:
                seconds[view] = seconds.get(view, 0.0) + dict(preset.gflop).get(name, operations) / rate
    return Cost(download, 2 * sum(spec.dimension or 0 for spec in published), seconds, _items(holdings))


def _items(holdings: Holdings | None) -> dict[View, int]:
    if holdings is None:
        return {}
    pictures = holdings.by_kind.get(Kind.IMAGE, 0)
    return {View.TEXT: holdings.segments, View.IMAGE: pictures, View.AUDIO: round(holdings.recorded_s / 30)}
