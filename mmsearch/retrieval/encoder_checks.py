"""Whether the query encoders that an index needs lie in the user's cache as they were written."""

from __future__ import annotations

from mmsearch.config import Settings
from mmsearch.encoding import encoders
from mmsearch.encoding.grants import grant_of, in_box, spec_of
from mmsearch.encoding.space_models import load_embedder, model_options
from mmsearch.errors import MmsearchError
from mmsearch.index_status import Finding, FindingState
from mmsearch.models.model_options import ModelOptions
from mmsearch.store.layout import IndexFolder
from mmsearch.store.snapshot import Snapshot
from mmsearch.store.spaces import SpaceRow, plain_name

_INVARIANT = "The query encoders in the cache are as they were written"


def wrong_encoders(folder: IndexFolder) -> list[str]:
    """A sentence for each space of an index whose query encoder is missing or damaged."""
    with Snapshot(folder) as snapshot:
        return [f"{sentence} The next query makes it again." for _, sentence in _wrong(snapshot, False)]


def verified(folder: IndexFolder, repair: bool, deep: bool) -> Finding:
    """Whether the query encoders of an index are as they were written; with `repair` those that are not are made again,
    for which their models are loaded. With `deep` all bytes are read."""
    with Snapshot(folder) as snapshot:
        wrong = _wrong(snapshot, deep)
        sentence = " ".join(sentence for _, sentence in wrong)
        if not wrong:
            return Finding(_INVARIANT, FindingState.OK)
        if repair:
            left = " ".join(why for row, _ in wrong if (why := _made_again(folder, snapshot, row)))
            return (
                Finding(_INVARIANT, FindingState.DERIVED, left, "Queries load the whole model until then.")
                if left
                else Finding(_INVARIANT, FindingState.REPAIRED, sentence)
            )
    return Finding(
        _INVARIANT, FindingState.DERIVED, sentence, "The next query makes it again, or `mmsearch verify --repair`."
    )


def _wrong(snapshot: Snapshot, deep: bool) -> list[tuple[SpaceRow, str]]:
    """The spaces that hold something and take words, and whose encoder is not as it was written, with what is wrong."""
    rows = [row for row in snapshot.spaces() if snapshot.holds(row.id) and "text" in row.fingerprint]
    rows = [row for row in rows if in_box(row) or grant_of(snapshot.folder, snapshot.connection, row) is not None]
    return [(row, f"{plain_name(row)}: {why}") for row in rows if (why := encoders.state(row, deep))]


def _made_again(folder: IndexFolder, snapshot: Snapshot, row: SpaceRow) -> str:
    """Make the encoder of a space again; why that could not be done, if so."""
    grant = None if in_box(row) else grant_of(folder, snapshot.connection, row)
    try:
        embedder = load_embedder(row, grant, Settings(device="cpu", dtype="float32"))
        said = encoders.provide(row, embedder, spec_of(row), model_options(row, grant, ModelOptions()))
    except MmsearchError as error:
        return f"{plain_name(row)}: {error.sentence}"
    return "" if said is None or not encoders.state(row) else f"{plain_name(row)}: {said.sentence}"
