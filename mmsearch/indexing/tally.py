"""What the stages of a run count, and the record that their counts add up to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from mmsearch.run_record import RunRecord


@dataclass(slots=True)
class Tally:
    """The counts of one stage, by field of `RunRecord` and reason; the reason is empty for a field without reasons.
    `seen` and `unchanged` are apart, since a run without changes adds to them for every file."""

    seen: int = 0
    unchanged: int = 0
    counts: Counter[tuple[str, str]] = field(default_factory=Counter)

    def add(self, name: str, reason: str = "", number: int = 1) -> None:
        """Add to a field of the record; with a reason, to its count by reason too."""
        self.counts[name, reason] += number


def total(tallies: Iterable[Tally]) -> RunRecord:
    """The record of stages: the sums of their counts."""
    values: dict[str, Any] = {"seen": 0, "unchanged": 0}
    for tally in tallies:
        values["seen"] += tally.seen
        values["unchanged"] += tally.unchanged
        for (name, reason), number in tally.counts.items():
            values[name] = values.get(name, 0) + number
            if reason:
                by = values.setdefault(f"{name}_by", {})
                by[reason] = by.get(reason, 0) + number
    return RunRecord(**values)
