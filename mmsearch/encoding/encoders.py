"""Query encoders of an index: made once per model in the user's cache, copied into the index folder."""

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
from mmsearch.types import Remark

if TYPE_CHECKING:
    from mmsearch.models.embedder import Embedder


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
    from mmsearch.models.export import check_exportable
    from mmsearch.models.query_encoder import is_refused, write_refusal

    place = encoder_folder(folder, row)
    fingerprint = embedder.fingerprint().get("text", {})
    if is_refused(place, fingerprint) or works(place, fingerprint):
        return None
    place.parent.mkdir(exist_ok=True)
    try:
        check_exportable(embedder)
        made = _exported(fingerprint, spec, options)
    except ModelUnavailable as error:
        with tempfile.TemporaryDirectory(prefix=".", dir=place.parent) as draft:
            write_refusal(Path(draft) / place.name, fingerprint, error.sentence)
            _put(Path(draft) / place.name, place)
        return Remark(f"Queries will load the whole model: {error.sentence}", error.hint)
    with tempfile.TemporaryDirectory(prefix=".", dir=place.parent) as draft:
        shutil.copytree(made, Path(draft) / place.name)
        _put(Path(draft) / place.name, place)
    return None


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
