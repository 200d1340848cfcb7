"""Which spaces a run fills: those of the index, held against what was asked for; of a new index; added or rebuilt."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from mmsearch.config import Settings
from mmsearch.encoding.spaces import Models, check_identity, machine_options, model_of
from mmsearch.errors import ModelMismatch, ModelUnavailable, UsageError
from mmsearch.models import builtin
from mmsearch.models.known import ModelSpec
from mmsearch.models.options import CHANGE_VECTORS, ModelOptions
from mmsearch.models.registry import DEFAULT, check_here, check_loadable, load, resolve, resolve_all
from mmsearch.store import spaces as rows_of
from mmsearch.store.catalogue import transaction
from mmsearch.store.layout import IndexFolder
from mmsearch.store.snapshot import SpaceRow, spaces
from mmsearch.types import Remark, View, chosen

if TYPE_CHECKING:
    from mmsearch.models.embedder import Embedder

Wanted = tuple[ModelSpec, ModelOptions]
Described = tuple[str, dict[str, dict[str, Any]], dict[str, Any], int, list[str]]


def check_models(settings: Settings, fresh: bool) -> None:
    """Raise `UsageError` or `ModelUnavailable` for all that can be known of a run's models before a folder is made or
    anything loaded. Of an index that is there it is looked later whether a model is on this machine: first it has to
    be one of the index's own."""
    wanted = named_models(settings)
    if fresh:
        _check_here(wanted)


def _check_here(wanted: Sequence[Wanted]) -> None:
    for spec, options in wanted:
        check_here(spec, options)


def named_models(settings: Settings) -> list[Wanted]:
    """The models that a run names, with their options; empty where it names none. Nothing is loaded or written.
    Raises `UsageError`, `ModelUnavailable`."""
    specs = resolve_all([*settings.models, *settings.add_models])
    trusted = [resolve(name).source for name in settings.trust_remote_code]
    for name, source in zip(settings.trust_remote_code, trusted, strict=True):
        if specs and source not in [spec.source for spec in specs]:
            raise UsageError(f"--trust-remote-code names {name}, which this run does not use.", "Leave it out.")
    _check_uses(specs, settings)
    if settings.transcribe:
        speech = resolve(settings.transcribe)
        if speech.role != "speech" and speech.views is not None:
            raise UsageError(f"{speech.name} writes nothing down.", "--transcribe takes a Whisper: whisper-base")
        check_here(speech, machine_options(settings))
    wanted = []
    for spec in specs:
        options = _options(spec, settings, spec.source in trusted)
        check_loadable(spec, options)
        wanted.append((spec, options))
    return wanted


def _check_uses(specs: Sequence[ModelSpec], settings: Settings) -> None:
    """Each option must be of use to one of the models, as far as is known of them."""
    others = [spec for spec in specs if spec.name != "builtin"]
    if settings.revision and specs and len(others) != 1:
        hint = "Name one model; others are added with a run of their own: --add-model."
        raise UsageError("--revision is of one model, and this run names none or several.", hint)
    taken = frozenset[View]().union(*(spec.limited_to or spec.views or frozenset(View) for spec in others))
    for option, value, views in (
        ("--max-pixels", settings.max_pixels, {View.IMAGE, View.VIDEO}),
        ("--min-pixels", settings.min_pixels, {View.IMAGE, View.VIDEO}),
        ("--frames", settings.frames, {View.VIDEO}),
        ("--fps", settings.fps, {View.VIDEO}),
    ):
        if value and specs and not taken & views:
            what = "pictures" if View.IMAGE in views else "film"
            raise UsageError(f"{option} is of no use: no model of this run takes {what}.", "Leave it out.")
    if settings.dim and specs and not others:
        raise UsageError("The vectors of builtin can't be cut: they have 384 dimensions.", "Leave out --dim.")


def _options(spec: ModelSpec, settings: Settings, trusted: bool) -> ModelOptions:
    options = machine_options(settings)
    if spec.name == "builtin":
        return options
    return replace(
        options,
        **_vector_options(settings),
        revision=settings.revision or spec.revision,
        trust_remote_code=trusted,
    )


def _vector_options(settings: Settings) -> dict[str, Any]:
    """What the run says of vectors, apart from the revision."""
    return {name: getattr(settings, name) or None for name in CHANGE_VECTORS if name != "revision"}


def open_models(folder: IndexFolder, connection: sqlite3.Connection, settings: Settings) -> Models:
    """The models of a run. A new index takes the built-in ones unless others are named.

    Raises `ModelMismatch` when other models or options are asked for than the index was made with, or when a model
    is not the one it was (the sentence says which part differs); `UsageError`, `ModelUnavailable`. Nothing is written
    before every model that is named has been loaded.
    """
    wanted = named_models(settings)
    rows, said = spaces(connection), list[Remark]()
    if settings.add_models:
        _check_addable(connection, rows, wanted)
    elif settings.rebuild and rows:
        wanted, said = _rebuilt(folder, connection, rows, wanted, settings)
    elif rows:
        _check_same(rows, wanted, settings)
        wanted = []
    elif not wanted:
        wanted = [(resolve(name), machine_options(settings)) for name in DEFAULT]
    state = rows_of.BUILDING if settings.rebuild and rows else ""
    _check_here(wanted)
    new = [_described(spec, options) for spec, options in wanted]
    ready: dict[int, Embedder] = {}
    if new:
        with transaction(connection, folder):
            for described, embedder in new:
                number = rows_of.add_space(connection, *described, state=state)
                if embedder is not None:
                    ready[number] = embedder
    building = spaces(connection, rows_of.BUILDING)
    if building and not settings.rebuild:
        names = ", ".join(rows_of.plain_name(row) for row in building)
        said.append(Remark(f"The rebuild with {names} goes on; searches use the old spaces until it is done."))
    filled = building or spaces(connection)
    for row in filled:
        if rows_of.plain_name(row) == "builtin":  # the identity of others is known when they are loaded
            check_identity(row, builtin.fingerprint())
    return Models(folder, filled, settings, said, ready)


def _check_addable(connection: sqlite3.Connection, rows: Sequence[SpaceRow], wanted: Sequence[Wanted]) -> None:
    if not rows:
        raise UsageError("There is no index yet that a model could be added to.", "Make one: --model A --model B")
    if spaces(connection, rows_of.BUILDING):
        raise UsageError("A rebuild of this index is not done yet.", "Let it end first: mmsearch index")
    for spec, _ in wanted:
        for row in rows:
            if model_of(row) == spec.source or row.name == spec.name:
                raise UsageError(
                    f"{row.name} is in this index already, with {', '.join(row.views)}.",
                    "Its views and options are changed by --rebuild.",
                )


def _rebuilt(
    folder: IndexFolder,
    connection: sqlite3.Connection,
    rows: Sequence[SpaceRow],
    wanted: Sequence[Wanted],
    settings: Settings,
) -> tuple[list[Wanted], list[Remark]]:
    """The models that a rebuild still has to begin with (none where one goes on), and what there is to say."""
    if not wanted:
        again = replace(settings, models=tuple(_asked_as(row) for row in rows))
        options = {model_of(row): row.recorded.get("options", {}) for row in rows}
        wanted = [(spec, _merged(one, options.get(spec.source, {}))) for spec, one in named_models(again)]
    building = spaces(connection, rows_of.BUILDING)
    if not building:
        return list(wanted), []
    same = len(building) == len(wanted) and all(
        any(_is_same(row, spec) and row.recorded.get("options", {}) == options.recorded() for row in building)
        for spec, options in wanted
    )
    if same:
        return [], [Remark("The rebuild that was cut off goes on.")]
    rows_of.abandon(connection, folder)
    return list(wanted), [Remark("The rebuild that was cut off was with other models or options: it starts over.")]


def _merged(options: ModelOptions, stored: dict[str, Any]) -> ModelOptions:
    """Stored options, those of this run over them."""
    return options.with_recorded({**stored, **options.recorded()})


def _asked_as(row: SpaceRow) -> str:
    """A space as `--model` would name it."""
    source = row.name if rows_of.plain_name(row) == "builtin" else model_of(row)
    limited = set(row.views) != set(row.fingerprint)
    return f"{source}:{','.join(row.views)}" if limited else source


def _is_same(row: SpaceRow, spec: ModelSpec) -> bool:
    wanted = row.fingerprint if spec.limited_to is None else spec.limited_to
    return model_of(row) == spec.source and set(row.views) == set(wanted)


def _check_same(rows: Sequence[SpaceRow], wanted: Sequence[Wanted], settings: Settings) -> None:
    """Raise `ModelMismatch` unless the run asks for the spaces that are there, or for none."""
    hint = (
        "Leave --model and its options out to go on with it; or take a further model in (--add-model), make its spaces"
        " anew beside the old ones (--rebuild), or make another index (--index NAME)."
    )
    if wanted and not (
        len(wanted) == len(rows) and all(any(_is_same(row, spec) for row in rows) for spec, _ in wanted)
    ):
        there = ", ".join(_label(row.name, row.views, row.fingerprint) for row in rows)
        asked = ", ".join(_label(spec.name, spec.limited_to or (), ()) for spec, _ in wanted)
        raise ModelMismatch(f"This index was made with {there}, not with {asked}.", hint)
    asked_options = {name: value for name, value in _vector_options(settings).items() if value is not None}
    if settings.revision:
        asked_options["revision"] = settings.revision
    for row in rows:
        stored = row.recorded.get("options", {})
        for name, value in asked_options.items():
            if row.name != "builtin" and stored.get(name) != value:
                option = f"--{name.replace('_', '-')}"
                was = f"{option} {stored[name]}" if name in stored else f"no {option}"
                raise ModelMismatch(f"{row.name} was taken into this index with {was}, not with {value}.", hint)


def _label(name: str, views: Sequence[str] | frozenset[View], every: Sequence[str] | dict[str, Any]) -> str:
    return f"{name}:{','.join(sorted(views))}" if views and set(views) != set(every) else name


def _described(spec: ModelSpec, options: ModelOptions) -> tuple[Described, Embedder | None]:
    """A space as `add_space` takes it: name, fingerprint, what is recorded, dimension and views. The model is loaded,
    and given along, unless it is the built-in one."""
    embedder = None
    if spec.name == "builtin":
        fingerprint: dict[str, dict[str, Any]] = builtin.fingerprint()
        dimension = builtin.DIMENSION
    else:
        embedder = load(spec, options)
        fingerprint, dimension = embedder.fingerprint(), embedder.dimension
    views = sorted(str(view) for view in spec.limited_to or fingerprint)
    if lacking := sorted(set(views) - set(fingerprint)):
        raise ModelUnavailable(
            f"{spec.name} can't embed {chosen(lacking)}.", f"It takes {chosen(sorted(fingerprint))}."
        )
    recorded = {"model": spec.source, "options": options.recorded(), "query_views": sorted(fingerprint)}
    return (spec.name, fingerprint, recorded, dimension, views), embedder
