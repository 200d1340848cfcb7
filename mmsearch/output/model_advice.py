"""What `mmsearch models` recommends, as lines: this machine, this index, and presets with their cost and reason."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from mmsearch.output import streams, text_layout
from mmsearch.output.formatting import approximate_duration, counted, duration, size
from mmsearch.types import Kind, View

if TYPE_CHECKING:
    from mmsearch.index_status import Holdings
    from mmsearch.models.advice import Advice, Cost
    from mmsearch.models.machine import Machine

_ITEMS = {View.TEXT: "a passage", View.IMAGE: "a picture", View.AUDIO: "for 30 s of sound"}
_LONG_S = 20.0  # a whole index that takes less is not worth a word


def write_advice(machine: Machine, holdings: Holdings | None, gflops: float, advice: Sequence[Advice]) -> None:
    """Write the advice to stderr, the best first; each in a command and three facts."""
    columns = streams.width(sys.stderr)
    lines = ["", f"This machine: {_machine(machine, gflops)}.", f"This index: {_index(holdings)}.", ""]
    if not advice:
        lines.append("Recommended: the models that the index has, or those in the box (no --model at all).")
    for number, one in enumerate(advice, 1):
        models = ", ".join(one.preset.models)
        lines.append(f"{number}. {one.preset.name}: {models}" if models != one.preset.name else f"{number}. {models}")
        lines.append(f"   {one.command}")
        facts = [("adds", one.preset.adds), ("costs", _cost(one.cost)), ("why", one.preset.why)]
        width = None if columns is None else columns - 3
        lines += [f"   {line}" for line in text_layout.pairs(facts, width)]
    streams.write_message(*lines)


def _machine(machine: Machine, gflops: float) -> str:
    memory = f"{machine.memory / (1 << 30):.0f} GB of memory" if machine.memory else "unknown memory"
    gpu = machine.gpu or "no GPU that could be found"
    if machine.gpu and machine.gpu_memory:
        gpu += f" with {machine.gpu_memory / (1 << 30):.0f} GB"
    speed = f"{gflops:.0f} GFLOP/s in float32, measured just now"
    return f"{counted(machine.cores, 'core')}, {memory}, {gpu}; {speed}"


def _index(holdings: Holdings | None) -> str:
    if holdings is None:
        return "there is none here; this is for a folder with files of all kinds"
    kinds = holdings.by_kind
    documents = sum(kinds.get(kind, 0) for kind in (Kind.TEXT, Kind.PDF, Kind.DOCUMENT, Kind.MAIL))
    pages = f" ({counted(holdings.pages, 'page')}, {holdings.scanned_pages:,} by OCR)" if holdings.pages else ""
    parts = [counted(kinds[Kind.IMAGE], "picture")] if kinds.get(Kind.IMAGE) else []
    parts += [f"{counted(documents, 'document')}{pages}"] if documents else []
    parts += [counted(kinds[Kind.AUDIO], "recording")] if kinds.get(Kind.AUDIO) else []
    parts += [counted(kinds[Kind.VIDEO], "film")] if kinds.get(Kind.VIDEO) else []
    parts += [f"{duration(holdings.recorded_s)} of sound"] if holdings.recorded_s else []
    languages = [code for code, _ in sorted(holdings.languages.items(), key=lambda pair: -pair[1])][:4]
    parts += [f"in {', '.join(languages)}"] if languages else []
    return ", ".join(parts) or "it holds nothing yet"


def _cost(cost: Cost) -> str:
    """The bytes, then the time, which is computed and not measured."""
    parts = [f"{size(cost.download)} to download" if cost.download else "nothing to download"]
    if cost.per_embedding:
        parts.append(f"{size(cost.per_embedding)} on disk for each segment")
    if not cost.seconds:
        return f"{', '.join(parts)}; how long it takes is not known"
    times = ", ".join(f"{_seconds(seconds)} {_ITEMS[view]}" for view, seconds in cost.seconds.items())
    total = sum(seconds * cost.items.get(view, 0) for view, seconds in cost.seconds.items())
    whole = f", {approximate_duration(total)} for this index" if total >= _LONG_S else ""
    return (
        f"{', '.join(parts)}; here about {times}{whole} (computed from its operations, not measured with its weights)"
    )


def _seconds(seconds: float) -> str:
    if seconds < 0.95:
        return f"{max(seconds, 0.001):.1g} s"
    return duration(seconds) if seconds < 60 else approximate_duration(seconds).removeprefix("about ")
