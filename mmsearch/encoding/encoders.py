"""Query encoders of an index: made once per model in the user's cache, copied into the index folder. Beside them lie
everyday texts as the model embeds them, which tell how near any text is to what the index holds of another kind."""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from mmsearch.config import cache_home
from mmsearch.errors import ModelUnavailable
from mmsearch.models.known import ModelSpec
from mmsearch.models.options import ModelOptions
from mmsearch.store.layout import IndexFolder, sync
from mmsearch.store.snapshot import SpaceRow
from mmsearch.types import Remark, View

if TYPE_CHECKING:
    import numpy as np

    from mmsearch.models.embedder import Embedder


_EVERYDAY = "everyday.npy"
EVERYDAY = (
    "a photo of a dog", "two children on a beach", "a red car in the street", "a plate of food", "a tall building",
    "a group of people at a party", "mountains with snow", "a screenshot of a program", "a bar chart of revenue",
    "a scanned invoice", "a map of the city", "a page of a book", "handwritten notes", "a portrait of a woman",
    "a cat asleep on a sofa", "flowers in a garden", "a boat on the water", "a football match", "an empty room",
    "a machine in a factory", "a man speaks about politics", "a dog barks", "piano music", "rain on a roof",
    "an engine starts", "people laugh and clap", "birds sing", "meeting minutes", "a recipe for soup",
    "how to change a password", "the annual report", "a letter to the landlord", "train timetable", "a wedding",
    "a drawing of a house", "night sky with stars", "a bicycle leans on a wall", "a cup of coffee", "a crowded market",
    "a list of names and numbers",
)  # fmt: skip


def encoder_folder(folder: IndexFolder, row: SpaceRow) -> Path:
    """Where the exported query encoder of a space lies."""
    return folder.encoders / str(row.id)


def provide(
    folder: IndexFolder, row: SpaceRow, embedder: Embedder, spec: ModelSpec, options: ModelOptions
) -> Remark | None:
    """Put the query encoder of a space into the index folder where there is none, or none that works here.

    `embedder` is the space's as the run has it; where an export is due, `spec` is loaded once more in float32 on the
    CPU. Gives what there is to say where the model can't have one; that is noted in the folder, so that it is neither
    tried nor said again."""
    import numpy as np

    from mmsearch.models.export import check_exportable
    from mmsearch.models.query_encoder import is_refused, write_refusal

    place = encoder_folder(folder, row)
    fingerprint = embedder.fingerprint().get("text", {})
    if is_refused(place, fingerprint) or works(place, fingerprint):
        return None
    place.parent.mkdir(exist_ok=True)
    said = None
    with tempfile.TemporaryDirectory(prefix=".", dir=place.parent) as top:
        draft = Path(top) / place.name
        try:
            check_exportable(embedder)
            shutil.copytree(_exported(fingerprint, spec, options), draft)
        except ModelUnavailable as error:
            write_refusal(draft, fingerprint, error.sentence)
            said = Remark(f"Queries will load the whole model: {error.sentence}", error.hint)
        if len(embedder.views) > 1:
            with (draft / _EVERYDAY).open("wb") as file:
                np.save(file, embedder.embed(View.TEXT, EVERYDAY, role="query").astype(np.float16))
        _put(draft, place)
    return said


def everyday(folder: IndexFolder, row: SpaceRow) -> np.ndarray:
    """Everyday texts in a space, unit rows, float32 (n, dimension); none where the folder has none of this model."""
    import numpy as np

    try:
        found = np.load(encoder_folder(folder, row) / _EVERYDAY, allow_pickle=False).astype(np.float32)
    except (OSError, ValueError):
        found = np.empty((0, row.dimension), np.float32)
    return found if found.ndim == 2 and found.shape[1] == row.dimension else np.empty((0, row.dimension), np.float32)


def works(place: Path, fingerprint: dict[str, object]) -> bool:
    """Whether a folder holds a query encoder of this model that loads."""
    from mmsearch.models.query_encoder import OnnxTextEncoder

    try:
        return bool(OnnxTextEncoder(place).fingerprint == fingerprint)
    except ModelUnavailable:
        return False


def _exported(fingerprint: dict[str, object], spec: ModelSpec, options: ModelOptions) -> Path:
    """The query encoder of a model in the user's cache, made there the first time: an export takes some ten seconds,
    and every index of a model needs the same one."""
    from mmsearch.models.export import export_query_encoder

    digest = hashlib.sha256(json.dumps(fingerprint, sort_keys=True).encode()).hexdigest()[:24]
    place = cache_home() / "encoders" / digest
    if not works(place, fingerprint):
        export_query_encoder(spec, place, options)
    return place


def _put(draft: Path, place: Path) -> None:
    """A folder takes its place in one step, complete and on the disk."""
    for path in [*draft.iterdir(), draft]:
        sync(path)
    if place.exists():
        place.rename(draft.parent / "old")
    draft.rename(place)
    sync(place.parent)
