"""The model registry: names (aliases, hub ids, local folders, presets) to models, and checks before loading."""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from mmsearch.errors import ModelUnavailable, UsageError, disk_full
from mmsearch.models import builtin
from mmsearch.models.embedder import Embedder
from mmsearch.models.hub import commit_of, snapshots, usable_revision
from mmsearch.models.model_catalogue import ModelSpec, catalogue, presets
from mmsearch.models.model_files import is_late
from mmsearch.models.model_options import ModelOptions
from mmsearch.models.texts import e5
from mmsearch.temporary_folders import temporary_folder
from mmsearch.types import View, chosen

HUB_NAME = re.compile(r"[\w.-]+/[\w.-]+")
# The models of an index for which none are requested.
DEFAULT = (builtin.default_text(), builtin.IMAGES, builtin.SIMILARITY)
ROLES = {
    "embedder": "an embedder",
    "late": "a late-interaction model",
    "query": "a query encoder of another model's space",
    "reranker": "a reranker",
    "speech": "for speech",
}


def default_text_space() -> str:
    """The text space of a new index, which its pictures are embedded in (`image_weights.SPACES`)."""
    return builtin.TEXT_SPACES[DEFAULT[0]]


def known_models() -> tuple[ModelSpec, ...]:
    """All models with a short name: the built-in ones, then those of the catalogue."""
    return (*builtin.SPECS.values(), *catalogue())


def resolve(name: str) -> ModelSpec:
    """The model of a name: an alias, a hub id (`owner/name`; of a model of the catalogue also without its owner) or a
    local folder (with a slash, or `.`), each with an optional `:view,view`. Nothing is loaded. Raises `UsageError`."""
    base, limited_to = _views(name.strip())
    spec = builtin.SPECS.get(base) or _find_known(base) or _find_other(base)
    if limited_to and spec.views is not None and not limited_to <= spec.views:
        hint = f"It takes {chosen(sorted(spec.views))}."
        raise UsageError(f"{spec.name} can't embed {chosen(sorted(limited_to - spec.views))}.", hint)
    return replace(spec, limited_to=limited_to)


def resolve_all(names: Sequence[str]) -> list[ModelSpec]:
    """The models of a set of spaces; a preset is replaced by the models that it stands for. Raises `UsageError` for
    unknown names, a preset beside other names, one model twice, and models that are no embedders."""
    preset = next((name for name in names if name not in builtin.SPECS and name in presets()), None)
    if preset:
        if len(names) > 1:
            options = " ".join(f"--model {name}" for name in _members(preset))
            raise UsageError(f"{preset} is a preset and stands alone.", f"It means {options}; name these instead.")
        names = _members(preset)
    specs = [resolve(name) for name in names]
    for number, spec in enumerate(specs):
        if spec.role not in ("embedder", "late"):
            hint = "`mmsearch models` lists what makes an index; rerankers go with `query --rerank`."
            raise UsageError(f"{spec.name} is {ROLES[spec.role]}: it makes no vectors to search.", hint)
        if spec.source in [other.source for other in specs[:number]]:
            raise UsageError(f"{spec.name} is named twice.", f"Put its views together: {spec.name}:text,image")
        if len({other.name for other in specs[: number + 1]}) <= number:
            raise UsageError(f"Two models are called {spec.name}.", "Rename one of the folders.")
    return specs


def _members(preset: str) -> list[str]:
    """The models that a preset stands for; in place of `builtin` the text encoder that a new index takes."""
    text = DEFAULT[0]
    return [re.sub(rf"^{builtin.ENGLISH}(?=:|$)", text, name) for name in presets()[preset].models]


def of_source(source: str) -> ModelSpec:
    """The model of a source as `resolve` returns it, or of an alias: an absolute path is a local folder, all else is of
    the hub. The working directory is not searched, and nothing is loaded."""
    if os.path.isabs(source):
        return ModelSpec(name=Path(source).name, source=source)
    if source in builtin.SPECS:
        return builtin.SPECS[source]
    by_id = {spec.source: spec for spec in known_models()}
    by_alias = {spec.name: spec for spec in known_models()}
    return by_id.get(source) or by_alias.get(source) or ModelSpec(name=source, source=source)


def _find_known(base: str) -> ModelSpec | None:
    """The model of an alias, or of a hub id of the catalogue in any case, with or without its owner."""
    models = known_models()
    by_alias = {spec.name: spec for spec in models}
    by_id = {key: spec for spec in models for key in (spec.source.lower(), spec.source.rpartition("/")[2].lower())}
    return by_alias.get(base) or (by_id.get(base.lower()) if not Path(base).is_dir() else None)


def _find_other(base: str) -> ModelSpec:
    """A folder, or a model of the hub that is not in the catalogue. Raises `UsageError`."""
    if Path(base).expanduser().is_file():
        raise UsageError(f"{base} is no model: it is a file.", "Name the folder that holds the model's files.")
    if "/" in base or base in (".", ".."):
        folder = Path(base).expanduser()
        if folder.is_dir():
            resolved = folder.resolve()
            return ModelSpec(name=resolved.name, source=str(resolved))
        if HUB_NAME.fullmatch(base) and not base.startswith("."):
            return ModelSpec(name=base, source=base)
        raise UsageError(
            f"There is no model folder {base}.", "Give a folder that holds a model, or its name on the hub."
        )
    import difflib

    close = difflib.get_close_matches(
        base.lower(), [*(spec.name for spec in known_models()), *presets()], n=3, cutoff=0.6
    )
    suggestion = f"Did you mean {chosen(close)}? " if close else ""
    raise UsageError(
        f'There is no model "{base}".',
        f"{suggestion}`mmsearch models` lists what has a short name; OWNER/NAME is a model on the hub, ./DIR a folder.",
    )


def _views(name: str) -> tuple[str, frozenset[View] | None]:
    base, colon, listed = name.rpartition(":")
    if not colon or "/" in listed:
        return name, None
    try:
        return base, frozenset(View(part.strip()) for part in listed.split(","))
    except ValueError:
        choices = chosen([str(view) for view in View])
        raise UsageError(f'"{listed}" after the model\'s name is no list of views.', f"Use {choices}.") from None


def state(spec: ModelSpec) -> tuple[str, str]:
    """The state of a model on this machine, and the reason: `works`, `replica only`, `not tried`, `needs remote code`,
    `needs LIBRARY`, `not with transformers 5`, `can't serve`. Checks which packages are installed; loads nothing."""
    from importlib.metadata import PackageNotFoundError, version
    from importlib.util import find_spec

    if spec.unusable and not spec.transformers:
        return "can't serve", spec.unusable
    if spec.transformers:
        limit = int(spec.transformers.lstrip("<"))
        try:
            found = version("transformers")
        except PackageNotFoundError:
            return "needs transformers", "the library is not installed"
        if int(found.split(".")[0]) >= limit:
            return f"not with transformers {limit}", f"its own code asks for less than {limit}; {found} is installed"
    lacking = [name for name in spec.libraries if find_spec(name) is None]
    if lacking:
        return f"needs {lacking[0]}", f"not installed: {', '.join(lacking)}"
    if spec.remote_code:
        return "needs remote code", "it runs code of its publisher, without which it can't be tried"
    reasons = {
        "works": ("works", "its real weights run here"),
        "replica": ("replica only", "its architecture runs here with random weights; the real ones were not tried"),
        "stand-in": ("stand-in only", "an architecture close to it runs here; the model itself was not tried"),
    }
    return reasons.get(spec.tested, ("not tried", "models of its kind load here; this one was not tried"))


def check_loadable(spec: ModelSpec, options: ModelOptions) -> None:
    """Raise `ModelUnavailable` where it is known without loading that a model can't be loaded here, `UsageError` where
    it doesn't have the dimension of the options."""
    found, reason = state(spec)
    if found == "can't serve":
        raise ModelUnavailable(f"{spec.name} can't serve here: {reason}", _nearest(spec))
    if found.startswith(("not with", "needs")) and found != "needs remote code":
        hint = f"pip install {' '.join(spec.libraries)}" if spec.libraries and found.startswith("needs") else ""
        sentence = f"{spec.name} can't be loaded here ({found}): {reason}."
        raise ModelUnavailable(sentence, hint or _nearest(spec))
    if spec.remote_code and not options.trust_remote_code:
        publisher = spec.source.partition("/")[0]
        raise ModelUnavailable(
            f"{spec.name} runs code of its own from the hub, which mmsearch does not do unasked.",
            f"--trust-remote-code {spec.name}, if you trust {publisher} with all that you can do on this machine.",
        )
    if options.dim is not None and spec.dimension is not None and spec.remote_code is not None:
        if spec.matryoshka is None:
            raise UsageError(
                f"The vectors of {spec.name} can't be cut: they have {spec.dimension} dimensions.",
                "Leave out --dim; `mmsearch models` shows which models allow it.",
            )
        low, high = spec.matryoshka
        if not low <= options.dim <= high:
            raise UsageError(f"{spec.name} has no {options.dim} dimensions.", f"Choose --dim {low} to {high}.")
        if spec.cuts and options.dim not in spec.cuts:
            sizes = chosen([str(size) for size in spec.cuts])
            raise UsageError(f"{spec.name} was not trained to be cut to {options.dim} dimensions.", f"Choose {sizes}.")


def _nearest(spec: ModelSpec) -> str:
    """The next step for a model that can't be loaded here."""
    if spec.instead:
        return f"The nearest that can: {spec.instead} (`mmsearch models show {spec.instead}`)."
    return "`mmsearch models` lists those that can."


def revision_of(spec: ModelSpec) -> str | None:
    """The revision of a model of the hub that is loaded where the user names none."""
    return usable_revision(spec.source, spec.revision, spec.fallback)


def check_here(spec: ModelSpec, options: ModelOptions) -> None:
    """Raise `ModelUnavailable` where a model of the hub is not on this machine and must not be downloaded."""
    if spec.name == builtin.LANGUAGES:
        e5.find()
    if options.allow_download or builtin.is_builtin(spec.name) or os.path.isabs(spec.source):
        return
    for source in filter(None, (spec.source, spec.pair)):
        revision = (options.revision or revision_of(spec)) if source == spec.source else None
        if commit_of(source, revision) is None:
            which = f" in revision {revision}" if revision and snapshots(source) else ""
            raise ModelUnavailable(
                f"{source} is not on this machine{which}.",
                f"`mmsearch models pull {spec.name}` fetches it, or let this run do it: --allow-download.",
            )


def load(spec: ModelSpec, options: ModelOptions | None = None) -> Embedder:
    """Load an embedder. Raises `ModelUnavailable`, and `UsageError` where it lacks a view of the spec."""
    options = options or ModelOptions()
    check_loadable(spec, options)
    check_here(spec, options)
    if spec.name in builtin.IMAGE_SPACES:
        from mmsearch.models.images.builtin_images import BuiltinImageEmbedder

        return BuiltinImageEmbedder(spec.name, spec.text_space or default_text_space(), options.device)
    if builtin.is_builtin(spec.name) and spec.name not in builtin.TEXT_MODELS:
        from mmsearch.models.media.builtin_media import BuiltinMediaEmbedder

        return BuiltinMediaEmbedder(spec.name)
    if spec.name == builtin.LANGUAGES:
        return _load_languages(spec, options)
    from mmsearch.models.sentence_transformer import SentenceTransformerEmbedder

    source = spec.source
    identity = None
    embedder: Embedder
    if spec.name == builtin.ENGLISH:
        folder = builtin.locate(options.allow_download)
        builtin.verify(folder)
        source, identity = str(folder), builtin.identity()
    if spec.name != builtin.ENGLISH and is_late(spec, options):
        from mmsearch.models.late_embedder import LateInteractionEmbedder

        embedder = LateInteractionEmbedder(spec, options)
    else:
        embedder = SentenceTransformerEmbedder(source, name=spec.name, options=options, identity=identity, spec=spec)
    if not embedder.views:
        raise ModelUnavailable(f"{spec.name} embeds nothing that mmsearch can give it.", "Use an embedder.")
    lacking = (spec.limited_to or frozenset()) - embedder.views
    if lacking:
        hint = f"It takes {chosen(sorted(embedder.views))}."
        raise UsageError(f"{spec.name} can't embed {chosen(sorted(lacking))}.", hint)
    return embedder


def _load_languages(spec: ModelSpec, options: ModelOptions) -> Embedder:
    """Load the text encoder for a hundred languages by way of a folder that is removed again: 240 MB, which are not
    worth their place beside the 72 MB that they come from. Raises `ModelUnavailable`."""
    from mmsearch.models.sentence_transformer import SentenceTransformerEmbedder

    weights = e5.locate()
    try:
        with temporary_folder() as folder:
            e5.convert(weights, folder, e5.projection())
            return SentenceTransformerEmbedder(
                str(folder), name=spec.name, options=options, identity=e5.identity(), spec=spec
            )
    except OSError as error:
        if disk_full(error) is None:
            raise
        hint = "Make room there, or set TMPDIR to a folder on a disk that has 240 MB."
        raise ModelUnavailable(f"{tempfile.gettempdir()} has no room to load {spec.name} from.", hint) from error
