"""Ownership of an index: one that is found, not named, is used only where this user's mmsearch made or adopted it."""

from __future__ import annotations

import contextlib
import os
import pwd
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mmsearch import trust
from mmsearch.encoding.grants import IN_BOX, as_recorded, coded, in_box, shortened, spec_of, would_load
from mmsearch.errors import IndexUnusable, UntrustedIndex
from mmsearch.store.catalogue import open_reader, transaction, translate_sqlite_errors
from mmsearch.store.layout import IndexFolder
from mmsearch.store.meta import ensure_id, index_id
from mmsearch.store.roots import roots
from mmsearch.store.spaces import LEAVING, all_spaces, plain_name
from mmsearch.store.writing import writing
from mmsearch.trust import Standing, State

MOST_NAMED = 4  # models in one sentence


@dataclass(frozen=True, slots=True)
class Described:
    """The facts about an index, read without loading a model of it.

    owner: the name of the user that the folder belongs to
    made:  when its first run began, in seconds since 1970; None where it has no run
    """

    folder: Path
    index_id: str | None
    standing: Standing
    owner: str
    made: float | None
    roots: tuple[bytes, ...]
    models: tuple[tuple[str, str], ...]  # name, and what it would have loaded


def require_own(folder: Path, here: bool = False) -> None:
    """Raise `UntrustedIndex` for an index that was found and not named, unless this user's mmsearch made or adopted it
    at this path. With `here`, a folder without a catalogue may become an index."""
    place = IndexFolder(folder)
    if not os.path.lexists(place.catalogue) and not folder.is_symlink():
        if here or not folder.exists() or trust.is_registered(folder):
            return
        raise UntrustedIndex(
            f"The folder {folder} has the name of an index, but holds none that your mmsearch made.",
            "Remove it, make an index there (mmsearch index --here PATH), or name another one: --index NAME",
        )
    number: str | None = None
    known: Described | None = None
    with contextlib.suppress(IndexUnusable):
        known = describe(folder)
        number = known.index_id
    linked = folder.is_symlink()
    if not linked and known is None and trust.is_registered(folder):
        return  # its catalogue can't be read: the command says so
    standing = known.standing if known is not None else trust.standing(folder, number)
    if standing.is_own and not linked:
        return
    raise UntrustedIndex(_unasked(folder, standing, known, linked), _hint(folder))


def describe(folder: Path) -> Described:
    """The facts about an index. Raises `NoIndex` and the like."""
    place = IndexFolder(folder)
    with translate_sqlite_errors(place), contextlib.closing(open_reader(place)) as connection:
        number = index_id(connection)
        models = [row for row in all_spaces(connection) if row.recorded.get("state") != LEAVING]
        made = connection.execute("SELECT min(started) FROM runs").fetchone()[0]
        return Described(
            folder,
            number,
            trust.standing(folder, number),
            _owner(folder),
            float(made) if isinstance(made, int | float) else None,
            tuple(root.path for root in roots(connection, place)),
            tuple((shortened(plain_name(row)), would_load(row)) for row in models),
        )


def adopt(folder: Path, trusted: Sequence[str] = ()) -> Described:
    """Record an index as the user's own, and allow its models as they are recorded now: without code of their own,
    unless `trusted` names them. An index of an older version is given an id, for which its catalogue is written.

    Raises `UsageError` for a name in `trusted` that is none of the index's models, `RecordUnwritable`, `NoIndex` and
    the like, `LockHeld`."""
    before = describe(folder)
    place = IndexFolder(folder)
    with contextlib.closing(open_reader(place)) as connection, translate_sqlite_errors(place):
        rows = [row for row in all_spaces(connection) if row.recorded.get("state") != LEAVING]
    sources = coded(rows, trusted)
    number = before.index_id
    if number is None:
        with writing(place, "trust") as writer, transaction(writer.connection, place):
            number = ensure_id(writer.connection)
    trust.register(folder, number)
    for row in rows:
        if not in_box(row):
            trust.allow_model(folder, number, as_recorded(row, spec_of(row).source in sources))
    if before.standing.moved_from is not None and not before.standing.moved_from.exists():
        trust.forget(before.standing.moved_from)
    return describe(folder)


def _unasked(folder: Path, standing: Standing, known: Described | None, linked: bool) -> str:
    """Why an index is not used without being named."""
    owner = _owner(folder)
    if linked:
        why = f"is a link to {os.path.realpath(folder)}"
    elif standing.state is State.MOVED:
        why = f"was moved or copied here from {standing.moved_from}"
    elif known is not None and known.index_id is None:
        why = "was made by an older mmsearch, or not by yours"
    else:
        why = "was not made here by your mmsearch"
    loads = [f"{name} ({what})" for name, what in known.models if what != IN_BOX] if known is not None else []
    more = f" and {len(loads) - MOST_NAMED} more" if len(loads) > MOST_NAMED else ""
    would = f" It would load {', '.join(loads[:MOST_NAMED])}{more}." if loads else ""
    return f"The index {folder}, which belongs to {owner}, {why}, so it is not used unasked.{would}"


def _hint(folder: Path) -> str:
    shown = shlex.quote(str(folder))
    return f"Search it as data: --index {shown}. If you know where it is from, adopt it: mmsearch trust {shown}"


def _owner(folder: Path) -> str:
    try:
        number = os.stat(folder).st_uid
    except OSError:
        return "nobody"
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return f"user {number}"
