"""The output of `index --profile`: the busy share of each stage of a run, and which one was the bottleneck."""

from __future__ import annotations

from collections.abc import Sequence

from mmsearch.output.formatting import duration
from mmsearch.run_record import StageProfile

FULL = 0.75  # busy share from which a stage is the bottleneck
_UNITS = {
    "extract": "tasks",
    "sound and film": "tasks",
    "read": "pictures",
    "speech": "stretches",
    "prepare": "embeddings",
    "encode": "embeddings",
    "commit": "segments",
}
_REMEDIES = {
    "extract": "More cores help, and --workers N where the disk is slow.",
    "sound and film": "More cores help, and --workers N.",
    "read": "Reading words from pictures is what takes long: more cores help, or --no-ocr.",
    "speech": "A smaller model for --transcribe, or a GPU, is quicker.",
    "prepare": "More cores help: the model's own library brings pictures, sounds and texts into shape.",
    "encode": "A GPU or a smaller model is quicker.",
    "commit": "The disk of the index is slow: put the index on a faster one with --index DIR.",
}


def profile_lines(stages: Sequence[StageProfile]) -> list[str]:
    """The table of a run's stages, then a sentence that names the bottleneck."""
    if not stages:
        return ["profile: there was nothing to do."]
    rows = [("stage", "done", "a second", "workers", "busy", "waiting")]
    for stage in stages:
        rate = stage.items / stage.elapsed_s if stage.elapsed_s else 0.0
        rows.append(
            (
                stage.name,
                f"{stage.items:,} {_UNITS[stage.name]}",
                f"{rate:,.1f}",
                str(stage.workers),
                f"{stage.share:.0%}",
                f"{stage.waiting:,.1f}",
            )
        )
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    table = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    return [*table, bottleneck(stages)]


def bottleneck(stages: Sequence[StageProfile]) -> str:
    """Which stage the others waited for, in a sentence."""
    most = max(stages, key=lambda stage: stage.share)
    took = duration(most.elapsed_s)
    if most.share >= FULL:
        return f"The bottleneck is {most.name}: busy {most.share:.0%} of {took}. {_REMEDIES[most.name]}"
    return (
        f"No stage was the bottleneck: {most.name}, the busiest, worked {most.share:.0%} of {took}; start-up counts in."
    )
