"""Exported query encoders: once per user in the cache folder, by the fingerprint of their model, and never in an index.

Beside each lies a record of its files (`files.json`): their SHA-256 and the result of `stat`. Before an encoder is
loaded `stat` is compared with the record, and where it differs the files are hashed again; an encoder that does not
match is deleted and made again. The folder also holds embeddings of the anchor texts: the similarities of a usual text
query to embeddings of another modality.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import stat
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mmsearch.config import cache_home
from mmsearch.durable import sync
from mmsearch.errors import ModelUnavailable, disk_full
from mmsearch.models.model_catalogue import ModelSpec
from mmsearch.models.model_options import ModelOptions
from mmsearch.run_record import Remark
from mmsearch.store.spaces import SpaceRow
from mmsearch.types import View

if TYPE_CHECKING:
    import numpy as np

    from mmsearch.models.embedder import Embedder
    from mmsearch.models.query_encoder import OnnxTextEncoder

_RECORD, _ANCHORS = "files.json", "everyday.npy"
_LEFTOVER_S = 3600.0  # after which a draft is that of a process that was killed
_UNUSED_S = 90 * 86400.0  # after which an encoder that no query has used goes when another one is made
_DAY_S = 86400.0
_STAT = ("size", "mtime_ns", "ctime_ns", "inode")
ANCHOR_TEXTS = (
    "a photo of a dog",
    "two children on a beach",
    "a red car in the street",
    "a plate of food",
    "a tall building",
    "a group of people at a party",
    "mountains with snow",
    "a screenshot of a program",
    "a bar chart of revenue",
    "a scanned invoice",
    "a map of the city",
    "a page of a book",
    "handwritten notes",
    "a portrait of a woman",
    "a cat asleep on a sofa",
    "flowers in a garden",
    "a boat on the water",
    "a football match",
    "an empty room",
    "a machine in a factory",
    "a man speaks about politics",
    "a dog barks",
    "piano music",
    "rain on a roof",
    "an engine starts",
    "people laugh and clap",
    "birds sing",
    "meeting minutes",
    "a recipe for soup",
    "how to change a password",
    "the annual report",
    "a letter to the landlord",
    "train timetable",
    "a wedding",
    "a drawing of a house",
    "night sky with stars",
    "a bicycle leans on a wall",
    "a cup of coffee",
    "a crowded market",
    "a list of names and numbers",
)


class EncoderUnusable(ModelUnavailable):
    """An exported query encoder that is missing, damaged, or of another ONNX Runtime: it can be made again."""


class CacheUnwritable(ModelUnavailable):
    """The cache folder can't hold an encoder."""


def place_of(fingerprint: Mapping[str, Any]) -> Path:
    """The folder of the query encoder of a model with this fingerprint of its text view."""
    from mmsearch.models.query_encoder import EXPORTER

    key = json.dumps([EXPORTER, fingerprint], sort_keys=True)
    return cache_home() / "encoders" / hashlib.sha256(key.encode()).hexdigest()[:32]


def opened(row: SpaceRow) -> OnnxTextEncoder:
    """The query encoder of a space, after its files are compared with the record. Raises `EncoderUnusable`, and
    `ModelUnavailable` where the model can't have one."""
    from mmsearch.models import query_encoder

    fingerprint = _text_fingerprint(row)
    place = place_of(fingerprint)
    if why := problem(place):
        raise EncoderUnusable(why)
    _note_use(place)
    try:
        encoder = query_encoder.OnnxTextEncoder(place)
    except ModelUnavailable as error:
        if not error.hint:  # the model can't have one
            raise
        raise EncoderUnusable(error.sentence) from error
    if encoder.fingerprint != fingerprint:
        raise EncoderUnusable("The exported query encoder belongs to another model.")
    return encoder


def signature(row: SpaceRow) -> tuple[object, ...]:
    """A value that changes with the files of a space's encoder; the files are not read."""
    place = place_of(_text_fingerprint(row))
    try:
        names = sorted(os.listdir(place))
        return (str(place), *((name, *_stat(place / name).values()) for name in names))
    except OSError:
        return (str(place),)


def state(row: SpaceRow, deep: bool = False) -> str:
    """What is wrong with the query encoder of a space, as a sentence; empty where it is as it was written, or where
    the space takes no words. With `deep` all bytes are read."""
    if "text" not in row.fingerprint:
        return ""
    return problem(place_of(_text_fingerprint(row)), deep)


def provide(row: SpaceRow, embedder: Embedder, spec: ModelSpec, options: ModelOptions) -> Remark | None:
    """Make the query encoder of a model where there is none, or none that is sound and loads here.

    `embedder` is the space's as the caller has it; unless it computes in float32 on the CPU, `spec` is loaded once more
    for the export. Returns a remark for the user: that the model can't have one (noted in the cache, so that it is
    neither tried nor reported again), or that the cache can't hold it."""
    from mmsearch.models.query_encoder import is_refused

    fingerprint = dict(embedder.fingerprint().get("text", {}))
    place = place_of(fingerprint)
    if not problem(place) and (is_refused(place, fingerprint) or _loads(place)):
        return None
    try:
        with _draft(place) as draft:
            said = _export(draft, fingerprint, embedder, spec, options)
    except Exception as error:  # a full disk comes in as many classes as there are libraries that write
        full = disk_full(error)
        if full is None and not isinstance(error, CacheUnwritable):
            raise
        told = error if isinstance(error, CacheUnwritable) else _unwritable(full or error)
        return Remark(f"Queries will load the whole model: {told.sentence}", told.hint)
    return said


def anchor_embeddings(row: SpaceRow) -> np.ndarray:
    """Anchor texts in a space, unit rows, float32 (n, dimension); none where the cache has none of this model."""
    import numpy as np

    none = np.empty((0, row.dimension), np.float32)
    place = place_of(_text_fingerprint(row))
    if "text" not in row.fingerprint or problem(place):
        return none
    try:
        found = np.load(place / _ANCHORS, allow_pickle=False).astype(np.float32)
    except (OSError, ValueError, EOFError):
        return none
    return found if found.ndim == 2 and found.shape[1] == row.dimension else none


def problem(place: Path, deep: bool = False) -> str:
    """What is wrong with an encoder's folder, as a sentence; empty where its files are those that were written. They
    are hashed where `stat` differs from the record, or with `deep`."""
    try:
        for folder in (place.parent, place):
            _check_folder(folder)
        record = json.loads(_plain_bytes(place / _RECORD))
        names = {name for name in os.listdir(place) if name != _RECORD}
        if names != record.keys() or "encoder.json" not in names:
            return "The exported query encoder is incomplete."
        stats = {name: _stat(place / name) for name in record}
        touched = [name for name in record if {key: record[name][key] for key in _STAT} != stats[name]]
        for name in record if deep else touched:
            if _sha256(place / name) != record[name]["sha256"]:
                return "The exported query encoder is damaged."
        if touched:  # for example by a restored backup
            with contextlib.suppress(OSError):
                _write_record(place, {name: {"sha256": record[name]["sha256"], **stats[name]} for name in record})
    except (FileNotFoundError, NotADirectoryError):
        return "There is no exported query encoder."
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return "The exported query encoder is damaged."
    return ""


def _text_fingerprint(row: SpaceRow) -> dict[str, Any]:
    return dict(row.fingerprint.get("text", {}))


def _export(
    draft: Path, fingerprint: dict[str, Any], embedder: Embedder, spec: ModelSpec, options: ModelOptions
) -> Remark | None:
    """Write the encoder of a model into a draft, or the note that it can't have one."""
    import numpy as np

    from mmsearch.models.export import check_exportable, export_query_encoder, export_text_tower
    from mmsearch.models.query_encoder import write_refusal

    said = None
    try:
        check_exportable(embedder)
        if (embedder.precision.device, embedder.precision.dtype) == ("cpu", "float32"):
            export_text_tower(embedder, draft)
        else:
            export_query_encoder(spec, draft, replace(options, device="cpu", dtype="float32"))
    except ModelUnavailable as error:
        if disk_full(error) is not None:  # which says nothing about the model
            raise
        shutil.rmtree(draft, ignore_errors=True)
        write_refusal(draft, fingerprint, error.sentence)
        said = Remark(f"Queries will load the whole model: {error.sentence}", error.hint)
    if len(embedder.views) > 1:
        with (draft / _ANCHORS).open("wb") as file:
            np.save(file, embedder.embed(View.TEXT, ANCHOR_TEXTS, role="query").astype(np.float16))
    return said


@contextlib.contextmanager
def _draft(place: Path) -> Iterator[Path]:
    """A name beside `place` to make a folder of; at the end its files are recorded, and it takes the place in one step.
    Where another process was quicker, its folder stays and this one goes. Raises `CacheUnwritable`."""
    try:
        place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        _check_folder(place.parent)
        _remove_leftovers(place.parent)
        top = Path(tempfile.mkdtemp(dir=place.parent, prefix=f".{place.name[:8]}-"))
    except OSError as error:
        raise _unwritable(error) from error
    try:
        draft = top / "encoder"
        yield draft
        try:
            draft.chmod(0o700)
            for path in draft.iterdir():
                path.chmod(0o600)
                sync(path)
            files = sorted(draft.iterdir())
            _write_record(draft, {path.name: {"sha256": _sha256(path), **_stat(path)} for path in files})
            sync(draft)
            if os.path.lexists(place) and problem(place):
                place.rename(top / "damaged")  # a link is moved, not followed
            if not os.path.lexists(place):
                draft.rename(place)
                sync(place.parent)
            _remove_unused(place)
        except OSError as error:
            if problem(place):  # else another process made it in the same moment
                raise _unwritable(error) from error
    finally:
        shutil.rmtree(top, ignore_errors=True)


def _remove_leftovers(folder: Path) -> None:
    """Remove what killed exports left in the folder of the encoders: drafts and records in which nothing has changed
    for `_LEFTOVER_S`. Links are removed, not followed."""
    oldest = time.time() - _LEFTOVER_S
    for left in folder.glob(".*-*"):
        with contextlib.suppress(OSError):
            is_folder = stat.S_ISDIR(left.lstat().st_mode)
            parts = [left, *left.rglob("*")] if is_folder else [left]
            if any(part.lstat().st_mtime > oldest for part in parts):
                continue
            if is_folder:
                shutil.rmtree(left, ignore_errors=True)
            else:
                left.unlink()


def _note_use(place: Path) -> None:
    """Note in the modification time of an encoder's folder, to the day, that it is used."""
    with contextlib.suppress(OSError):
        if time.time() - place.stat().st_mtime > _DAY_S:
            os.utime(place)


def _remove_unused(place: Path) -> None:
    """Remove the encoders beside `place` that no query has used for 90 days, such as those of an older exporter or of a
    model that was replaced."""
    for other in place.parent.glob("[0-9a-f]" * 32):
        with contextlib.suppress(OSError):
            if other != place and time.time() - other.lstat().st_mtime > _UNUSED_S:
                shutil.rmtree(other, ignore_errors=True)


def _unwritable(error: BaseException) -> CacheUnwritable:
    where = cache_home() / "encoders"
    if disk_full(error) is not None:
        reason, hint = "no space left on its disk", "Make room there, or set XDG_CACHE_HOME to a folder that has room."
    else:
        reason = str(getattr(error, "strerror", None) or error)
        hint = "Give yourself the right to write there, or set XDG_CACHE_HOME to a folder of yours."
    return CacheUnwritable(f"The cache folder {where} can't hold a query encoder ({reason}).", hint)


def _check_folder(folder: Path) -> None:
    """Raise `OSError` unless a folder is one, not a link to one, and the user's own."""
    facts = os.lstat(folder)
    if not stat.S_ISDIR(facts.st_mode):
        raise PermissionError(13, "it is a link, or no folder", str(folder))
    if facts.st_uid != os.getuid() or facts.st_mode & 0o022:
        raise PermissionError(13, "other users can write there", str(folder))


def _loads(place: Path) -> bool:
    from mmsearch.models import query_encoder

    try:
        query_encoder.OnnxTextEncoder(place)
    except ModelUnavailable:
        return False
    return True


def _write_record(folder: Path, record: Mapping[str, Any]) -> None:
    """Write the record of a folder's files beside them, in one step."""
    descriptor, draft = tempfile.mkstemp(dir=folder.parent, prefix=".record-")
    with open(descriptor, "w", encoding="utf-8") as file:
        json.dump(record, file, indent=1)
    os.replace(draft, folder / _RECORD)


def _stat(path: Path) -> dict[str, int]:
    """Raises `OSError` for what is no plain file."""
    facts = os.lstat(path)
    if not stat.S_ISREG(facts.st_mode):
        raise OSError(f"{path} is no plain file")
    return dict(zip(_STAT, (facts.st_size, facts.st_mtime_ns, facts.st_ctime_ns, facts.st_ino), strict=True))


def _plain_bytes(path: Path) -> bytes:
    _stat(path)
    with open(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC), "rb") as file:
        return file.read()


def _sha256(path: Path) -> str:
    with open(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC), "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
