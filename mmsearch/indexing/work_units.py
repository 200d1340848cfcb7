"""The work of a run in units of similar cost: bytes of text, pictures, pages, seconds of sound and film, parts
of documents.

The units of a file are known when it has been opened. Until then they are estimated from its size, by the files of its
kind that were opened in this run.
"""

from __future__ import annotations

from dataclasses import dataclass

from mmsearch.run_record import Work
from mmsearch.store.segments import SpanResult
from mmsearch.types import Kind

# units of a file of a kind of which none was opened yet, from its bytes: pages, seconds of sound, seconds of film,
# stretches and pictures of a document
_PER_BYTE = {
    Kind.TEXT: 1.0,
    Kind.PDF: 1 / 50_000,
    Kind.AUDIO: 1 / 20_000,
    Kind.VIDEO: 1 / 250_000,
    Kind.MAIL: 1.0,
    Kind.DOCUMENT: 1 / 20_000,
}


@dataclass(slots=True)
class _Asset:
    kind: Kind
    size: int
    done_before: frozenset[int]  # spans that an earlier run committed
    units: float | None = None  # None until it was opened
    done: float = 0.0


class Ledger:
    """The work of a run, asset by asset."""

    def __init__(self) -> None:
        self._open: dict[int, _Asset] = {}
        self._done = dict.fromkeys(Kind, 0.0)  # units of assets that are done with
        self._opened = dict.fromkeys(Kind, (0, 0.0))  # bytes and units of assets that were opened
        self.added = self.added_done = 0  # assets to encode for a model that came later
        self.transcribes = False  # whether the recordings will be transcribed when all else is done

    def add(self, asset_id: int, kind: Kind, size: int, done_before: frozenset[int]) -> None:
        """An asset is to be extracted."""
        self._open[asset_id] = _Asset(kind, size, done_before)

    def back(self, result: SpanResult) -> None:
        """Count a span that is done, or an asset that could not be opened."""
        asset = self._open.get(result.asset_id)
        if asset is None:
            return
        if result.probe is not None and asset.units is None:
            whole = sum(span.stop - span.start for span in result.probe.spans)
            size, units = self._opened[asset.kind]
            self._opened[asset.kind] = size + asset.size, units + whole
            spans = enumerate(result.probe.spans)
            asset.units = sum(span.stop - span.start for at, span in spans if at not in asset.done_before)
        if result.probe is None or result.span is None:
            self._finish(result.asset_id, asset)
            return
        span = result.probe.spans[result.span]
        asset.done += span.stop - span.start
        if asset.done >= (asset.units or 0.0) - 1e-6:
            self._finish(result.asset_id, asset)

    def _finish(self, asset_id: int, asset: _Asset) -> None:
        self._done[asset.kind] += asset.done
        del self._open[asset_id]

    def work(self) -> tuple[Work, ...]:
        """The work by kind, done and in all, as far as it is known."""
        done, total = dict(self._done), dict(self._done)
        for asset in self._open.values():
            done[asset.kind] += asset.done
            total[asset.kind] += max(self._expected(asset) if asset.units is None else asset.units, asset.done)
        added = [Work("added", self.added_done, self.added)] if self.added else []
        sound = total[Kind.AUDIO] + total[Kind.VIDEO] if self.transcribes else 0.0
        speech = [Work("speech", 0.0, sound)] if sound else []
        return (*(Work(kind.value, done[kind], total[kind]) for kind in Kind if total[kind]), *added, *speech)

    def _expected(self, asset: _Asset) -> float:
        if asset.kind is Kind.IMAGE:
            return 1.0
        size, units = self._opened[asset.kind]
        return asset.size * (units / size if size and units else _PER_BYTE[asset.kind])
