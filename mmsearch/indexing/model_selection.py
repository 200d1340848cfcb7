"""The spaces that a run fills: those of the index, checked against the options; of a new index; added or rebuilt."""

from __future__ import annotations

import shlex
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mmsearch import trust
from mmsearch.config import Settings
from mmsearch.encoding import grants as granting
from mmsearch.encoding.grants import model_of
from mmsearch.encoding.space_models import check_identity, machine_options
from mmsearch.errors import ModelMismatch, ModelUnavailable, UntrustedModel, UsageError
from mmsearch.indexing import picture_spaces, text_spaces
from mmsearch.indexing.run_models import Models
from mmsearch.models import builtin
from mmsearch.models.model_catalogue import ModelSpec
from mmsearch.models.model_options import CHANGE_VECTORS, ModelOptions
from mmsearch.models.recognition import tesseract, whisper_weights
from mmsearch.models.registry import DEFAULT, check_here, check_loadable, load, resolve, resolve_all, revision_of
from mmsearch.run_record import Remark
from mmsearch.store import spaces as rows_of
from mmsearch.store.catalogue import transaction
from mmsearch.store.layout import IndexFolder
from mmsearch.store.meta import ensure_id
from mmsearch.store.spaces import SpaceRow, all_spaces, spaces
from mmsearch.trust import Grant
from mmsearch.types import View, chosen

if TYPE_CHECKING:
    from mmsearch.models.embedder import Embedder

Wanted = tuple[ModelSpec, ModelOptions]
Described = tuple[str, dict[str, dict[str, Any]], dict[str, Any], int, list[str]]


def check_models(settings: Settings, fresh: bool) -> None:
    """Raise `UsageError` or `ModelUnavailable` for everything about a run's models that can be checked before a folder
    is made or anything loaded. Of an existing index it is checked later whether a model is on this machine: first the
    model must be one of the index."""
    if settings.ocr_lang:
        tesseract.check(settings.ocr_lang)
    wanted = named_models(settings)
    if fresh:
        _check_here(wanted)


def _check_here(wanted: Sequence[Wanted]) -> None:
    for spec, options in wanted:
        check_here(spec, options)


def named_models(settings: Settings) -> list[Wanted]:
    """The models that a run names, with their options; empty where it names none. Nothing is loaded or written.
    Raises `UsageError`, `ModelUnavailable`."""
    return _wanted(resolve_all([*settings.models, *settings.add_models]), settings)


def _wanted(specs: Sequence[ModelSpec], settings: Settings) -> list[Wanted]:
    """Models with the options of a run. Raises `UsageError`, `ModelUnavailable`."""
    trusted = [resolve(name).source for name in settings.trust_remote_code]
    for name, source in zip(settings.trust_remote_code, trusted, strict=True):
        if specs and source not in [spec.source for spec in specs]:
            raise UsageError(f"--trust-remote-code names {name}, which this run does not use.", "Leave it out.")
    _check_uses(specs, settings)
    if settings.transcribe:
        if Path(settings.transcribe).is_file():
            raise UsageError(
                f"--transcribe takes a model, and {settings.transcribe} is a file.",
                "Recordings are transcribed without it; `mmsearch text FILE` then writes the words of one.",
            )
        speech = resolve(settings.transcribe)
        if speech.role != "speech" and speech.views is not None:
            raise UsageError(f"{speech.name} writes nothing down.", "--transcribe takes a Whisper: whisper-base")
        check_here(speech, machine_options(settings))
        whisper_weights.find(speech.source, speech.name)
    wanted = []
    for spec in specs:
        options = _options(spec, settings, spec.source in trusted)
        check_loadable(spec, options)
        wanted.append((spec, options))
    return wanted


def _check_uses(specs: Sequence[ModelSpec], settings: Settings) -> None:
    """Raise `UsageError` for an option that none of the models can use, as far as is known without loading them."""
    others = [spec for spec in specs if spec.name not in builtin.TEXT_MODELS]
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
        name = specs[0].name
        raise UsageError(f"The vectors of {name} can't be cut: they have 384 dimensions.", "Leave out --dim.")


def _options(spec: ModelSpec, settings: Settings, trusted: bool) -> ModelOptions:
    options = machine_options(settings)
    if spec.name in builtin.TEXT_MODELS:
        return options
    return replace(
        options,
        **_vector_options(settings),
        revision=settings.revision or revision_of(spec),
        trust_remote_code=trusted,
    )


def _vector_options(settings: Settings) -> dict[str, Any]:
    """The run's options that change vectors, without the revision."""
    return {name: getattr(settings, name) or None for name in CHANGE_VECTORS if name != "revision"}


def open_models(folder: IndexFolder, connection: sqlite3.Connection, settings: Settings, own: bool) -> Models:
    """The models of a run. A new index takes the built-in ones unless others are named. Of an `own` index the record of
    trust is kept: its id, and the models that this run names; of another index only models that come with mmsearch are
    loaded.

    Raises `UntrustedModel` for a model of the index that the user never allowed for it, `ModelMismatch` when other
    models or options are asked for than the index was made with, or when a model is not the one it was (the sentence
    says which part differs); `UsageError`, `ModelUnavailable`. Nothing is written before every model that is named has
    been loaded.
    """
    wanted = named_models(settings)
    rows, said = spaces(connection), list[Remark]()
    held = _held(folder, connection, wanted, settings, own)
    if settings.add_models:
        _check_addable(connection, rows, wanted)
    elif settings.rebuild and rows:
        wanted, said = _rebuilt(folder, connection, rows, wanted, settings, held)
    elif rows:
        _check_same(rows, wanted, settings)
        wanted, said = [], text_spaces.of_index(rows)
    elif not wanted:
        specs, said = picture_spaces.without_missing([resolve(name) for name in DEFAULT])
        said = [*text_spaces.of_new_index(), *said]
        wanted = [(spec, machine_options(settings)) for spec in specs]
    state = rows_of.BUILDING if settings.rebuild and rows else ""
    wanted = picture_spaces.with_text_space(wanted, [] if state else rows)
    _check_here(wanted)
    new = [(*_described(spec, options), options.trust_remote_code) for spec, options in wanted]
    ready: dict[int, Embedder] = {}
    with transaction(connection, folder):
        added = []
        for described, embedder, remote_code in new:
            number = rows_of.add_space(connection, *described, state=state)
            added.append((number, remote_code))
            if embedder is not None:
                ready[number] = embedder
        by_id = {row.id: row for row in all_spaces(connection)}
        held |= {
            number: granting.as_recorded(by_id[number], remote_code)
            for number, remote_code in added
            if not granting.in_box(by_id[number])
        }
        if own:  # before the spaces are committed: a run that is killed in between leaves no model that is not allowed
            said += _registered(folder, ensure_id(connection), held)
    building = spaces(connection, rows_of.BUILDING)
    if building and not settings.rebuild:
        names = ", ".join(granting.shown_name(row) for row in building)
        said.append(Remark(f"The rebuild with {names} goes on; searches use the old spaces until it is done."))
    filled, remarks = picture_spaces.fillable(building or spaces(connection))
    said += remarks
    for row in filled:
        if (name := rows_of.plain_name(row)) in builtin.TEXT_MODELS:  # that of others is known when they are loaded
            check_identity(row, builtin.fingerprint(name))
    return Models(filled, settings, held, said, ready)


def _held(
    folder: IndexFolder, connection: sqlite3.Connection, wanted: Sequence[Wanted], settings: Settings, own: bool
) -> dict[int, Grant]:
    """What the user has allowed of the models of an index, by space; `--trust-remote-code` without a model to go with
    is of one of these. Raises `UntrustedModel`, and `UsageError` for a model that the index does not have."""
    if not own:
        for spec, _ in wanted:
            if not builtin.is_builtin(spec.name):
                raise UntrustedModel(
                    f"{folder.path} is not an index of yours, so {spec.name} is not loaded for it.",
                    f"If you know where it is from: mmsearch trust {shlex.quote(str(folder.path))}",
                )
    rows = [*spaces(connection), *spaces(connection, rows_of.BUILDING)]
    held = granting.grants_of(folder, connection, rows)
    if settings.trust_remote_code and rows and not wanted:
        coded = granting.coded(rows, settings.trust_remote_code)
        for row in rows:
            if row.id in held and held[row.id].source in coded:
                held[row.id] = granting.with_code(held[row.id])
    return held


def _registered(folder: IndexFolder, number: str, held: Mapping[int, Grant]) -> list[Remark]:
    """Record in the record of trust that an index is the user's own, with its models. Returns remarks where the record
    can't be written."""
    try:
        trust.register(folder.path, number)
        for grant in held.values():
            trust.allow_model(folder.path, number, grant)
    except trust.RecordUnwritable as error:
        models = " nor its models be loaded" if held else ""
        return [Remark(f"{error.sentence} Later runs and searches won't know this index as yours{models}.", error.hint)]
    return []


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
    held: Mapping[int, Grant],
) -> tuple[list[Wanted], list[Remark]]:
    """The models that a rebuild still has to begin with (none where one continues), and remarks."""
    if not wanted:
        coded = [grant.source for grant in held.values() if grant.remote_code]
        again = replace(settings, trust_remote_code=(*settings.trust_remote_code, *coded))
        found = _wanted([_as_was(row) for row in rows], again)
        wanted = [
            (spec, _merged(options, held[row.id])) if row.id in held else (spec, options)
            for (spec, options), row in zip(found, rows, strict=True)
        ]
    building = spaces(connection, rows_of.BUILDING)
    if not building:
        return list(wanted), []
    same = len(building) == len(wanted) and all(
        any(
            _is_same(row, spec) and _vector_facts(row.recorded.get("options", {})) == _vector_facts(options.recorded())
            for row in building
        )
        for spec, options in wanted
    )
    if same:
        return [], [Remark("The rebuild that was cut off goes on.")]
    rows_of.abandon(connection, folder)
    return list(wanted), [Remark("The rebuild that was cut off was with other models or options: it starts over.")]


def _merged(options: ModelOptions, grant: Grant) -> ModelOptions:
    """The options that a model was allowed with, those of this run over them."""
    granting.granted_options(grant, options)  # it checks the code
    both = options.with_recorded({**grant.options, **options.recorded()})
    return replace(both, trust_remote_code=grant.remote_code)


def _vector_facts(recorded: Mapping[str, Any]) -> dict[str, Any]:
    """The recorded options that change vectors."""
    return {name: value for name, value in recorded.items() if name in CHANGE_VECTORS}


def _as_was(row: SpaceRow) -> ModelSpec:
    """The model of a space, or the one that took its place in the box, limited to the views that are filled."""
    limited = set(row.views) != set(rows_of.document_views(row))
    successor = text_spaces.successor(row) or builtin.SUCCESSORS.get(row.name)
    spec = resolve(successor) if successor else granting.spec_of(row)
    return replace(spec, limited_to=frozenset(View(view) for view in row.views) if limited else None)


def _is_same(row: SpaceRow, spec: ModelSpec) -> bool:
    wanted = rows_of.document_views(row) if spec.limited_to is None else spec.limited_to
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
            if row.name not in builtin.TEXT_MODELS and stored.get(name) != value:
                option = f"--{name.replace('_', '-')}"
                was = f"{option} {stored[name]}" if name in stored else f"no {option}"
                raise ModelMismatch(f"{row.name} was taken into this index with {was}, not with {value}.", hint)


def _label(name: str, views: Sequence[str] | frozenset[View], every: Sequence[str] | dict[str, Any]) -> str:
    return f"{name}:{','.join(sorted(views))}" if views and set(views) != set(every) else name


def _described(spec: ModelSpec, options: ModelOptions) -> tuple[Described, Embedder | None]:
    """A space as `add_space` takes it: name, fingerprint, what is recorded, dimension and views. The model is loaded,
    and given along, unless it is a built-in text encoder."""
    from mmsearch.models.late_embedder import LateInteractionEmbedder

    embedder = None
    if spec.name in builtin.TEXT_MODELS:
        fingerprint: dict[str, dict[str, Any]] = builtin.fingerprint(spec.name)
        dimension = builtin.DIMENSION
    else:
        embedder = load(spec, options)
        fingerprint, dimension = embedder.fingerprint(), embedder.dimension
    able, query_views = list(fingerprint), list(fingerprint)
    if isinstance(embedder, LateInteractionEmbedder):
        able, query_views = list(embedder.views), list(embedder.query_views)
    views = sorted(str(view) for view in spec.limited_to or able)
    if lacking := sorted(set(views) - set(fingerprint)):
        raise ModelUnavailable(
            f"{spec.name} can't embed {chosen(lacking)}.", f"It takes {chosen(sorted(fingerprint))}."
        )
    recorded = {"model": spec.source, "options": options.recorded(), "query_views": sorted(query_views)}
    if spec.text_space:
        recorded["text_space"] = spec.text_space
    return (spec.name, fingerprint, recorded, dimension, views), embedder
