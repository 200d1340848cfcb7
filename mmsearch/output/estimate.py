"""The share of a run that is done and the time left, by the seconds that each kind of work has taken in this run.

Several kinds of work go on at once, so no second belongs to one kind alone. Each stretch of the run is one equation:
its length is the sum, over kinds, of units done times seconds per unit. The seconds per unit are found from all
stretches by expectation maximisation (the multiplicative update of Richardson and Lucy), which keeps them positive. A
kind without finished units is estimated by its usual cost, scaled by the ratio of measured to usual costs of others.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from mmsearch.run_record import Progress, Work

STRETCH_S = 1.0  # a shorter one would measure batches, not work
STRETCHES = 128  # when there are twice as many, neighbours are joined
_ROUNDS = 8  # of the update, each time
KNOWN_S = 6.0  # least seconds of measured work for an estimate
KNOWN_STRETCHES = 3
MEASURED_S = 4.0  # seconds of a kind from which its cost counts as measured
_UNKNOWN = 0.25  # share of the rest that may be of kinds not measured yet
# seconds a unit, before any is measured
_COSTS = {
    "text": 2e-6,
    "image": 0.2,
    "pdf": 0.4,
    "audio": 0.01,
    "video": 0.1,
    "speech": 0.1,
    "mail": 2e-6,
    "document": 0.1,
}
_COST = 0.2


class Estimate:
    """The share of a run's work that is done, and the seconds left. `update` takes each progress event with its time in
    seconds; the methods answer for the last event."""

    def __init__(self) -> None:
        self._work: dict[str, Work] = {}
        self._costs: dict[str, float] = {}  # seconds a unit
        self._spent: dict[str, float] = {}  # seconds that the costs were measured in
        self._stretches: list[tuple[float, dict[str, float]]] = []
        self._since: float | None = None  # when the open stretch began
        self._before: dict[str, float] = {}  # units done by then
        self._shown = 0.0

    def update(self, progress: Progress, at: float) -> None:
        """Add the progress of the run at a time in seconds."""
        self._work = {one.kind: one for one in works(progress)}
        done = {kind: one.done for kind, one in self._work.items()}
        if self._since is None:
            if any(done.values()):  # the time before is that of loading models
                self._since, self._before = at, done
        elif at - self._since >= STRETCH_S:
            units = {kind: done[kind] - self._before.get(kind, 0.0) for kind in done}
            units = {kind: count for kind, count in units.items() if count > 0}
            if units:
                self._stretches.append((at - self._since, units))
                self._since, self._before = at, done
                self._measure()
        share = self._share()
        if progress.done and share < 0.01:
            share = 0.01
        self._shown = max(self._shown, share)

    def share(self) -> float:
        """The part of the work that is done, 0 to 1; it never falls."""
        return self._shown

    def remaining(self) -> float | None:
        """Seconds left; None while too little was measured."""
        if not self._left():
            return 0.0 if self._work else None
        if len(self._stretches) < KNOWN_STRETCHES or sum(length for length, _ in self._stretches) < KNOWN_S:
            return None
        left = {kind: one.left * self._cost(kind) for kind, one in self._work.items()}
        unknown = sum(seconds for kind, seconds in left.items() if self._spent.get(kind, 0.0) < MEASURED_S)
        return None if unknown > _UNKNOWN * sum(left.values()) else sum(left.values())

    def at_usual_cost(self, elapsed: float) -> float | None:
        """Seconds left if all of `elapsed` was work, at usual costs: a last resort. None while nothing is done."""
        share = self._share()
        return elapsed * (1 - share) / share if share > 0 else None

    def _left(self) -> float:
        return sum(one.left * self._cost(kind) for kind, one in self._work.items())

    def _share(self) -> float:
        done = sum(one.done * self._cost(kind) for kind, one in self._work.items())
        whole = done + self._left()
        return done / whole if whole else 0.0

    def _cost(self, kind: str) -> float:
        if kind in self._costs:
            return self._costs[kind]
        usual = sum(seconds / self._costs[one] * _COSTS.get(one, _COST) for one, seconds in self._spent.items())
        scale = sum(self._spent.values()) / usual if usual else 1.0
        return _COSTS.get(kind, _COST) * scale

    def _measure(self) -> None:
        """Bring the seconds a unit of each kind up to date."""
        if len(self._stretches) >= 2 * STRETCHES:
            self._stretches = [_joined(self._stretches[at : at + 2]) for at in range(0, len(self._stretches), 2)]
        kinds = {kind for _, units in self._stretches for kind in units}
        costs = {kind: self._cost(kind) for kind in kinds}
        totals = {kind: sum(units.get(kind, 0.0) for _, units in self._stretches) for kind in kinds}
        spent: dict[str, float] = {}
        for _ in range(_ROUNDS):
            spent = dict.fromkeys(kinds, 0.0)
            for length, units in self._stretches:
                expected = sum(costs[kind] * count for kind, count in units.items())
                for kind, count in units.items():
                    spent[kind] += length * costs[kind] * count / expected
            costs = {kind: max(spent[kind] / totals[kind], 1e-12) for kind in kinds}
        self._costs, self._spent = costs, spent


def _joined(stretches: Sequence[tuple[float, Mapping[str, float]]]) -> tuple[float, dict[str, float]]:
    units: dict[str, float] = {}
    for _, counts in stretches:
        for kind, count in counts.items():
            units[kind] = units.get(kind, 0.0) + count
    return sum(length for length, _ in stretches), units


def works(progress: Progress) -> Sequence[Work]:
    """The work of a run by kind; in files where the event has no kinds."""
    return progress.work or ([Work("file", progress.done, progress.total)] if progress.total else [])
