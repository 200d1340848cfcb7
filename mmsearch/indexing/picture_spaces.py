"""The built-in spaces of pictures: which of them a run can fill, and the text space that queries reach them by."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from mmsearch.encoding import grants as granting
from mmsearch.errors import UsageError
from mmsearch.models import builtin, registry
from mmsearch.models.images import image_weights
from mmsearch.models.model_catalogue import ModelSpec
from mmsearch.models.model_options import ModelOptions
from mmsearch.run_record import Remark
from mmsearch.store.spaces import SpaceRow, plain_name

NOT_SEEN = "What pictures show is not recognized in this run."
REBUILD = f"To have both, for all files: mmsearch index --rebuild (it makes {builtin.IMAGES} and {builtin.SIMILARITY})."


def without_missing(specs: list[ModelSpec]) -> tuple[list[ModelSpec], list[Remark]]:
    """The default models of a new index. Those of pictures are left out, with a remark, where the weights of the image
    encoder are not installed."""
    pictures = [spec for spec in specs if spec.name in builtin.IMAGE_SPACES]
    error = image_weights.lacking(registry.default_text_space()) if pictures else None
    if error is None:
        return specs, []
    added = " ".join(f"--add-model {spec.name}" for spec in pictures)
    return [spec for spec in specs if spec not in pictures], [
        Remark(f"{NOT_SEEN} {error.sentence}", f"{error.hint}; then: mmsearch index {added}")
    ]


def with_text_space(
    wanted: Sequence[tuple[ModelSpec, ModelOptions]], rows: Sequence[SpaceRow]
) -> list[tuple[ModelSpec, ModelOptions]]:
    """The models of a run; those of pictures with the text space that queries will reach them by: of the built-in text
    models that the index has or gets. Raises `UsageError` where there is none for one that needs it."""
    names = {*(row.name for row in rows), *(spec.name for spec, _ in wanted)}
    text_space = next((heads for name, heads in builtin.TEXT_SPACES.items() if name in names), None)
    if text_space is None and any(spec.name == builtin.IMAGES for spec, _ in wanted):
        model = registry.DEFAULT[0]
        raise UsageError(
            f"{builtin.IMAGES} is asked through a built-in text model, and the index has none.",
            f"Take one in: --model {model} --model {builtin.IMAGES}",
        )
    return [
        (replace(spec, text_space=text_space or registry.default_text_space()), options)
        if spec.name in builtin.IMAGE_SPACES
        else (spec, options)
        for spec, options in wanted
    ]


def fillable(rows: Sequence[SpaceRow]) -> tuple[list[SpaceRow], list[Remark]]:
    """The spaces that a run can fill, and what there is to say: those of the image encoder wait until it is there."""
    without, said = [], []
    for row in rows:
        if plain_name(row) in builtin.IMAGE_SPACES:
            error = image_weights.lacking(granting.spec_of(row).text_space or registry.default_text_space())
            if error is not None:
                without.append(row)
                said = [Remark(f"{NOT_SEEN} {error.sentence}", error.hint)]
    if any(plain_name(row) == builtin.EYES for row in rows):
        said.append(Remark(f"{builtin.EYES} knows kinds of pictures only, not what is in photos.", REBUILD))
    return [row for row in rows if row not in without], said
