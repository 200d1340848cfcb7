"""What a filter refuses, in words: of one file, and where no file passes."""

from __future__ import annotations

from dataclasses import fields, replace
from datetime import datetime

from mmsearch.query import Filter
from mmsearch.store.file_state import FileState
from mmsearch.store.filters import distance_km, passing
from mmsearch.store.snapshot import Snapshot
from mmsearch.types import chosen

_PLACES = {"folders": "within"}  # fields of a filter of which a file needs to pass one
_FIELDS = {"senders": "is from", "recipients": "is to", "subjects": "has in its subject"}
_NOUNS = {
    "kinds": "kind",
    "senders": "sender",
    "recipients": "recipient",
    "subjects": "subject",
    "within": "folder",
    "names": "name",
    "near": "place",
    "since": "date",
    "before": "date",
    "time": "date",
}


def nothing_passes(snapshot: Snapshot, where: Filter) -> str:
    """A sentence about a filter that no file passes, with the first of its conditions that alone lets none through."""
    for name, one in single_filters(where).items():
        if not passing(snapshot.connection, snapshot.roots, one):
            return f"No file of the index passes the filters: {_none(name, one)}."
    return "No file of the index passes the filters."


def _none(name: str, where: Filter) -> str:
    if name == "kinds":
        return f"none is of kind {chosen(where.kinds)}"
    if name == "within":
        return f"none lies in {chosen((*where.within, *where.folders))}"
    if name == "names":
        return f"no name holds {chosen([repr(one) for one in where.names])}"
    if name in _FIELDS:
        return f"no message {_FIELDS[name]} {chosen([repr(one) for one in getattr(where, name)])}"
    if name in ("since", "before", "time"):
        begin, end = _moment(where.since), _moment(where.before)
        times = {"since": f"at or after {begin}", "before": f"before {end}", "time": f"from {begin} until {end}"}
        return f"none was sent, taken or changed {times[name]}"
    if name == "near" and where.near:
        return f"none is known to be taken within {where.near[2]:g} km of {where.near[0]:g}, {where.near[1]:g}"
    if name == "languages":
        return f"none is known to be in {chosen(where.languages)}"
    if name in ("min_bytes", "max_bytes"):
        return "none is that large" if where.min_bytes is not None else "none is that small"
    if name in ("min_duration_s", "max_duration_s"):
        return "none is a recording of that length"
    if name in ("min_pages", "max_pages"):
        return "none has that number of pages"
    return "what the query leaves out is all there is"


def single_filters(where: Filter) -> dict[str, Filter]:
    """A filter as filters of one condition, by field; `within` with `folders`, and both ends of a time as `time`."""
    default = Filter()
    result: dict[str, Filter] = {}
    for name in (field.name for field in fields(Filter)):
        value = getattr(where, name)
        if name == "without":
            result |= {f"without {number}": Filter(without=(one,)) for number, one in enumerate(value)}
        elif value != getattr(default, name):
            key = _PLACES.get(name, name)
            result[key] = replace(result.get(key, default), **{name: value})
    if "since" in result and "before" in result:  # the two ends of a time
        del result["since"], result["before"]
        result["time"] = Filter(since=where.since, before=where.before)
    return result


def refused_fact(name: str, where: Filter, state: FileState) -> str:
    """What of a file a filter of one condition refuses."""
    if name == "kinds":
        return f"it is of kind {state.kind}, not {' or '.join(where.kinds)}"
    if name == "within":
        return f"it does not lie in {' or '.join((*where.within, *where.folders))}"
    if name == "names":
        return f"its name does not hold {' or '.join(repr(one) for one in where.names)}"
    if name in _FIELDS:
        return f"no message in it {_FIELDS[name]} {chosen([repr(one) for one in getattr(where, name)])}"
    if name in ("since", "before", "time"):
        return _date_fact(name, where, state)
    if name == "near" and where.near is not None:
        return _place_fact(where.near, state)
    if name == "languages":
        return f"its language is {state.language or 'not known'}, not {' or '.join(where.languages)}"
    if name in ("min_bytes", "max_bytes"):
        than = f"less than {where.min_bytes:,}" if where.min_bytes is not None else f"more than {where.max_bytes:,}"
        return f"it has {state.size:,} bytes, {than}"
    if name in ("min_duration_s", "max_duration_s"):
        own = "has no known length" if state.duration_s is None else f"takes {state.duration_s:.0f} s"
        least, most = where.min_duration_s, where.max_duration_s
        return f"it {own}, not {f'at least {least:.0f} s' if least is not None else f'at most {most:.0f} s'}"
    if name in ("min_pages", "max_pages"):
        own = "no known number of" if state.pages is None else str(state.pages)
        least, most = where.min_pages, where.max_pages
        return f"it has {own} pages, not {f'at least {least}' if least is not None else f'at most {most}'}"
    inner = dict.fromkeys(_NOUNS.get(one, one) for one in single_filters(where.without[0]))
    return f"the query leaves out files of this {' and '.join(inner)}"


def _date_fact(name: str, where: Filter, state: FileState) -> str:
    changed = f"changed on {_moment(state.mtime_ns // 10**9).partition(' ')[0]}"
    dated = f"taken on {state.taken[:10]}" if state.taken else changed
    if name == "since":
        return f"it was {dated}, before {_moment(where.since)}"
    if name == "before":
        return f"it was {dated}, not before {_moment(where.before)}"
    return f"it was {dated}, not from {_moment(where.since)} until {_moment(where.before)}"


def _place_fact(near: tuple[float, float, float], state: FileState) -> str:
    own = "it is not known where it was taken"
    if state.coordinates:
        away = distance_km(*state.coordinates, *near[:2])
        own = f"it was taken {away:,.{0 if away >= 10 else 1}f} km from there"
    return f"{own}, not within {near[2]:g} km"


def _moment(seconds: float | None) -> str:
    try:
        return datetime.fromtimestamp(seconds or 0.0).isoformat(" ", "minutes").removesuffix(" 00:00")
    except (ValueError, OverflowError, OSError):
        return "that"
