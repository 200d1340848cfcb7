"""Why a file is not among the hits of a query, or which hit it is."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import fields, replace
from datetime import datetime

from mmsearch.filestat import stat_values
from mmsearch.query import Answer, Filter, Hit, Query, WhyNot
from mmsearch.retrieval.ordering import MOST_SORTED, is_listing
from mmsearch.retrieval.query_parsing import parse
from mmsearch.store.file_state import FileState
from mmsearch.store.filters import passing
from mmsearch.store.roots import Root
from mmsearch.store.snapshot import Snapshot

Search = Callable[[Query], Answer]
_PLACES = {"folders": "within"}  # fields of a filter of which a file needs to pass one


def filtered(snapshot: Snapshot, state: FileState, where: Filter) -> WhyNot | None:
    """The filters that a file does not pass; None where it passes."""
    facts = [
        fact
        for name, one in _single_filters(where).items()
        if state.file_id not in passing(snapshot.connection, snapshot.roots, one, state.file_id)
        for fact in [(name, _fact(name, one, state, snapshot.roots))]
    ]
    if not facts:
        return None
    sentence = f"It is left out by a filter: {'; '.join(fact for _, fact in facts)}."
    return WhyNot(state.path, "filtered", sentence, filters=tuple(name for name, _ in facts))


def searched(search: Search, state: FileState, query: Query) -> WhyNot:
    """What the search makes of a file that passes the filters of a query. `search` answers queries."""
    asked = search(query)
    if (found := _among(asked.hits, state.path)) is not None:
        return _shown(found, state.path)
    if any(part.file is not None and _file_of(part.file) == state.path for part in query.like):
        return WhyNot(state.path, "example", "It is what the query asks to be like, and not among its own hits.")
    ranked = replace(query, k=MOST_SORTED, sort=query.sort if is_listing(query) else "score")
    passes = _among(search(ranked).hits, state.path)
    if passes is not None:
        sentence = f"It is hit number {passes.rank}, with a score of {passes.score:.2f}; the first {query.k} are shown."
        hint = f"-k {passes.rank} shows it."
        if query.sort != "score" or query.reverse:
            order = f"by {query.sort}{', reversed,' if query.reverse else ''}"
            sentence = f"It is hit number {passes.rank}, but {order} not among the first {query.k}."
            hint = "A larger -k shows it."
        return _scored("limit", sentence, passes, state.path, hint)
    every = replace(ranked, min_score=0.0, reverse=False)
    if (found := _among(search(every).hits, state.path)) is not None:
        return _below_cutoff(found, asked, query, state)
    alone = replace(every, where=Filter(within=(os.fsdecode(state.path),)), fold=False)
    own = _among(search(alone).hits, state.path)
    if own is None:
        return _not_found(search, state, alone)
    sentence = f"It matches less than what is compared with the query; by itself it scores {own.score:.3f}."
    return replace(_scored("no-match", sentence, own, state.path), rank=None)


def _shown(hit: Hit, path: bytes) -> WhyNot:
    if hit.path == path:
        return _scored("hit", f"It is hit number {hit.rank}, with a score of {hit.score:.2f}.", hit, path)
    other = os.fsdecode(hit.path)
    sentence = f"It has the same content as {other}, which is hit number {hit.rank}: copies share a row."
    return replace(_scored("copy", sentence, hit, path, "--no-fold writes a row for each."), copy_of=hit.path)


def _below_cutoff(found: Hit, asked: Answer, query: Query, state: FileState) -> WhyNot:
    """A file whose score is not enough. `found` is its hit where there is no cutoff."""
    if query.min_score is not None:
        least = f"below --min-score {query.min_score:g}"
    elif asked.hits:
        least = f"below the cutoff; the last hit shown has {min(hit.score for hit in asked.hits):.2f}"
    else:
        least = "below the cutoff, as that of every other file"
    sentence = f"Its score, {found.score:.3f}, number {found.rank} of all, is {least}."
    return _scored("cutoff", sentence, found, state.path, "--min-score 0 shows all.")


def _not_found(search: Search, state: FileState, alone: Query) -> WhyNot:
    """A file that no signal finds, or that the text of the query excludes."""
    parsed = parse(alone.text, alone.literal)
    excluded = [f'-"{words}"' for words in parsed.excluded]
    phrases = [f'"{words}"' for words in parsed.phrases]
    if excluded and _finds(search, alone, " ".join([parsed.text, *phrases]), state.path):
        return WhyNot(state.path, "excluded-words", f"It holds words that the query excludes: {', '.join(excluded)}.")
    if phrases and _finds(search, alone, " ".join([parsed.text, *excluded]), state.path):
        return WhyNot(state.path, "phrase", f"It does not hold the quoted words as they stand: {', '.join(phrases)}.")
    by_name = "it can be found by its name only, and the query is not in that"
    if state.held == "failed":
        sentence = f"Its content could not be indexed ({state.code}: {state.reason.rstrip('.')}); {by_name}."
        return WhyNot(state.path, "failed", sentence, "Try it again: mmsearch index --retry-failed")
    if state.held == "skipped":
        reason = state.reason.rstrip(".") or ("it is empty" if not state.size else "it is of no kind that is read")
        return WhyNot(state.path, "skipped", f"Its content is not indexed ({reason}); {by_name}.")
    if state.held == "pending":
        return WhyNot(state.path, "pending", f"Its content is not indexed yet; {by_name}.", "Go on: mmsearch index")
    hint = "`mmsearch text FILE` shows the words that the index holds of it."
    return WhyNot(state.path, "no-match", "Nothing in it matches the query: no word of it, and nothing like it.", hint)


def _finds(search: Search, alone: Query, text: str, path: bytes) -> bool:
    return _among(search(replace(alone, text=text)).hits, path) is not None


def state_notes(state: FileState, found: WhyNot) -> tuple[str, ...]:
    """What the index lacks of a file beside the reason that was found."""
    notes = []
    if state.held == "content" and state.code:
        notes.append(f"It has changed since it was indexed, and could not be read again ({state.reason}).")
    else:
        notes += _changes(state)
    if state.held in ("failed", "skipped", "pending") and found.code != state.held:
        notes.append("The index holds nothing of its content: it can be found by its name only.")
    if state.partly:
        notes.append(f"A part of it could not be indexed: {state.partly}")
    if state.lacks_speech:
        notes.append("Its speech is not transcribed, or not to the end: `mmsearch index` goes on with that.")
    return tuple(notes)


def _changes(state: FileState) -> list[str]:
    try:
        size, mtime_ns, *_ = stat_values(os.stat(state.path, follow_symlinks=False))
    except OSError:
        return ["It is not there any more: `mmsearch index` takes it out of the index."]
    same = (size, mtime_ns) == (state.size, state.mtime_ns)
    return [] if same else ["It has changed since it was indexed: `mmsearch index` brings the index up to date."]


def _among(hits: tuple[Hit, ...], path: bytes) -> Hit | None:
    """The hit that shows a file, itself or as a copy."""
    return next((hit for hit in hits if hit.path == path or path in hit.same), None)


def _scored(code: str, sentence: str, hit: Hit, path: bytes, hint: str = "") -> WhyNot:
    return WhyNot(path, code, sentence, hint, rank=hit.rank, score=hit.score, signals=hit.signals)


def _file_of(target: object) -> bytes:
    """The file of a place in it."""
    return os.path.abspath(os.fsencode(str(target) if not isinstance(target, bytes) else target).partition(b"#")[0])


def _single_filters(where: Filter) -> dict[str, Filter]:
    """A filter as filters of one condition, by field."""
    default = Filter()
    result: dict[str, Filter] = {}
    for name in (field.name for field in fields(Filter)):
        value = getattr(where, name)
        if name == "without":
            result |= {f"without {number}": Filter(without=(one,)) for number, one in enumerate(value)}
        elif value != getattr(default, name):
            key = _PLACES.get(name, name)
            result[key] = replace(result.get(key, default), **{name: value})
    return result


def _fact(name: str, where: Filter, state: FileState, roots: Mapping[int, Root]) -> str:
    """What of a file a filter refuses."""
    changed = datetime.fromtimestamp(state.mtime_ns // 10**9)
    if name == "kinds":
        return f"it is of kind {state.kind}, not {' or '.join(where.kinds)}"
    if name == "within":
        return f"it does not lie in {' or '.join((*where.within, *where.folders))}"
    if name == "names":
        return f"its name does not hold {' or '.join(repr(one) for one in where.names)}"
    if name == "since":
        return f"it was changed on {changed:%Y-%m-%d}, before {_moment(where.since)}"
    if name == "before":
        return f"it was changed on {changed:%Y-%m-%d}, not before {_moment(where.before)}"
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
    inner = _single_filters(where.without[0])
    return f"the query leaves out files of this {' and '.join(_NOUNS.get(one, one) for one in inner)}"


_NOUNS = {"kinds": "kind", "within": "folder", "names": "name", "since": "time", "before": "time"}


def _moment(seconds: float | None) -> str:
    try:
        return datetime.fromtimestamp(seconds or 0.0).isoformat(" ", "minutes").removesuffix(" 00:00")
    except (ValueError, OverflowError, OSError):
        return "that"
