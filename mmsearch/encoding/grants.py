"""Which models of an index may be loaded: those that come with mmsearch, and those that the user allowed for it.

A catalogue is data: it can name any model, request code and state that it was allowed. The model that is loaded for a
space, and its options, are therefore taken from the user's record of trust (`mmsearch/trust.py`).
"""

from __future__ import annotations

import hashlib
import os
import shlex
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from mmsearch import trust
from mmsearch.errors import UntrustedModel, UsageError
from mmsearch.models import builtin
from mmsearch.models.builtin import TEXT_SPACES
from mmsearch.models.model_catalogue import ModelSpec
from mmsearch.models.model_options import CHANGE_VECTORS, ModelOptions
from mmsearch.models.registry import of_source, resolve
from mmsearch.store.layout import IndexFolder
from mmsearch.store.meta import index_id
from mmsearch.store.snapshot import Snapshot
from mmsearch.store.spaces import SpaceRow, plain_name
from mmsearch.trust import Grant

IN_BOX = "comes with mmsearch"
SHOWN = 120  # characters of a name from a catalogue


def spec_of(row: SpaceRow) -> ModelSpec:
    """The model that a space names, by its hub id or the absolute path of its folder: a folder of the working directory
    is never taken for a hub id."""
    spec = builtin.SPECS[plain_name(row)] if in_box(row) else of_source(model_of(row))
    text_space = row.recorded.get("text_space")
    return replace(spec, text_space=str(text_space)) if text_space in TEXT_SPACES.values() else spec


def model_of(row: SpaceRow) -> str:
    """The hub id or the folder of a space's model."""
    return str(row.recorded.get("model", plain_name(row)))


def in_box(row: SpaceRow) -> bool:
    """Whether a space's model comes with mmsearch, which verifies it by hash: it needs no grant. Its name and its model
    must agree, so that no message names a model that is not the one that is loaded."""
    name = plain_name(row)
    return builtin.is_builtin(name) and model_of(row) in (name, builtin.SPECS[name].source)


def shown_name(row: SpaceRow) -> str:
    """The name of the model that is loaded for a space, cut to `SHOWN` characters."""
    return shortened(spec_of(row).name)


def grant_of(folder: IndexFolder, connection: sqlite3.Connection, row: SpaceRow) -> Grant | None:
    """The grant of a space's model for this index; None where it was never allowed.

    An index in the user's own data folder that an older version made, before there was a record, has its models allowed
    as they are recorded, without code of their own. Raises `UsageError` for a damaged record of trust."""
    number = index_id(connection)
    if number is None and trust.in_data_home(folder.path):
        return as_recorded(row)
    return trust.allowed(folder.path, number, spec_of(row).source, row.fingerprint)


def grants_of(folder: IndexFolder, connection: sqlite3.Connection, rows: Sequence[SpaceRow]) -> dict[int, Grant]:
    """The grants of spaces by their id; a space in the box has none and needs none. Raises `UntrustedModel` for a model
    that was never allowed."""
    found = {}
    for row in rows:
        if not in_box(row):
            grant = grant_of(folder, connection, row)
            if grant is None:
                raise refusal(folder, row)
            found[row.id] = grant
    return found


def as_recorded(row: SpaceRow, remote_code: bool = False) -> Grant:
    """A grant of a space's model as the catalogue has it now. The caller decides whether code of its own may run: the
    catalogue is not read for that."""
    options = row.recorded.get("options", {})
    kept = {name: value for name, value in options.items() if name in CHANGE_VECTORS}
    return grant_for(spec_of(row).source, row.fingerprint, kept, remote_code)


def grant_for(source: str, fingerprint: Mapping[str, Any], options: Mapping[str, Any], remote_code: bool) -> Grant:
    """A grant of a model, with the digest of its code where that may run."""
    kept = {name: value for name, value in options.items() if name in CHANGE_VECTORS}
    return Grant(source, trust.digest(fingerprint), kept, remote_code, code_digest(source) if remote_code else "")


def with_code(grant: Grant) -> Grant:
    """A grant by which code of the model's own may run, as it is now."""
    return replace(grant, remote_code=True, code=code_digest(grant.source))


def coded(rows: Sequence[SpaceRow], trusted: Sequence[str]) -> set[str]:
    """The sources of the models of an index that `trusted` names: they may run code of their own. Raises `UsageError`
    for a name that is none of them."""
    every = {spec_of(row).source for row in rows}
    found = set()
    for name in trusted:
        source = resolve(name).source
        if source not in every:
            raise UsageError(f"--trust-remote-code names {name}, which this index does not use.", "Leave it out.")
        found.add(source)
    return found


def granted_options(grant: Grant, here: ModelOptions) -> ModelOptions:
    """The options to load a space's model with: those of this machine, and those of the grant. Raises `UntrustedModel`
    where the code in a local folder is not the one that was allowed."""
    if grant.remote_code and code_digest(grant.source) != grant.code:
        raise UntrustedModel(
            f"The code in the model folder {grant.source} has changed since you allowed it: it is not run.",
            f"Look at it; `mmsearch trust DIR --trust-remote-code {shlex.quote(grant.source)}` allows it as it is now.",
        )
    return replace(here.with_recorded(dict(grant.options)), trust_remote_code=grant.remote_code)


def code_digest(source: str) -> str:
    """SHA-256 over the Python files of a local model folder and the JSON files that say which of them are used; empty
    for a hub id, whose commit is part of the fingerprint."""
    if not os.path.isabs(source):
        return ""
    whole = hashlib.sha256()
    folder = Path(source)
    for path in sorted(path for pattern in ("*.py", "*.json") for path in folder.rglob(pattern) if path.is_file()):
        with path.open("rb") as file:
            whole.update(f"{path.relative_to(folder)}\0{hashlib.file_digest(file, 'sha256').hexdigest()}\n".encode())
    return whole.hexdigest()


def would_load(row: SpaceRow) -> str:
    """The model that a space would load, in words: `owner/name from the hub`, `the local folder /models/mine, with code
    of its own`."""
    if in_box(row):
        return IN_BOX
    spec = spec_of(row)
    local = os.path.isabs(spec.source)
    what = f"the local folder {shortened(spec.source)}" if local else f"{shortened(spec.source)} from the hub"
    options = row.recorded.get("options", {})
    revision = f", revision {shortened(str(options['revision']))}" if options.get("revision") else ""
    code = ", with code of its own" if asks_for_code(row) else ""
    return what + revision + code


def asks_for_code(row: SpaceRow) -> bool:
    """Whether a space's model runs code of its own, by the catalogue or by what is known of the model."""
    return bool(spec_of(row).remote_code or row.recorded.get("options", {}).get("trust_remote_code"))


def refusal(folder: IndexFolder, row: SpaceRow) -> UntrustedModel:
    """Why a space's model is not loaded, and what would allow it."""
    return UntrustedModel(
        f"The index {folder.path} names a model that you never allowed for it, so it is not loaded: {would_load(row)}.",
        allow_hint(folder, row),
    )


def allow_hint(folder: IndexFolder, row: SpaceRow) -> str:
    """The command that allows a space's model."""
    code = f" --trust-remote-code {shlex.quote(shortened(model_of(row)))}" if asks_for_code(row) else ""
    return f"If you know where the index is from: mmsearch trust {shlex.quote(str(folder.path))}{code}"


def leave_out(folder: IndexFolder, snapshot: Snapshot) -> list[str]:
    """Hide the spaces of a snapshot whose models may not be loaded; a sentence for each that holds anything. Raises
    `UsageError` for a damaged record of trust."""
    notes, hidden = [], set()
    for row in snapshot.spaces():
        if not in_box(row) and grant_of(folder, snapshot.connection, row) is None:
            hidden.add(row.id)
            if snapshot.holds(row.id):
                name = shortened(plain_name(row))
                notes.append(
                    f"The model {name} was left out: you never allowed it for this index"
                    f" ({would_load(row)}). {allow_hint(folder, row)}"
                )
    snapshot.left_out = frozenset(hidden)
    return notes


def shortened(text: str) -> str:
    """A name from a catalogue, of `SHOWN` characters at most."""
    return text if len(text) <= SHOWN else text[: SHOWN - 1] + "…"
