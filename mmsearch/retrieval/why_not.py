"""Why a file is not among the hits of a query, or which hit it is."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace

from mmsearch.filestat import stat_values
from mmsearch.query import Answer, Filter, Hit, Query, WhyNot
from mmsearch.retrieval.filter_facts import refused_fact, single_filters
from mmsearch.retrieval.ordering import MOST_SORTED, is_listing
from mmsearch.retrieval.queries.query_parsing import parse
from mmsearch.store.file_state import FileState
from mmsearch.store.filters import passing
from mmsearch.store.snapshot import Snapshot

NO_MATCH = "No word of the query is in it, and its meaning is not near enough to count."
KNOWN_WORDS = "The words that the index holds of it: mmsearch text FILE"
Search = Callable[[Query], Answer]


def filtered(snapshot: Snapshot, state: FileState, where: Filter) -> WhyNot | None:
    """The filters that a file does not pass; None where it passes."""
    facts = [
        fact
        for name, one in single_filters(where).items()
        if state.file_id not in passing(snapshot.connection, snapshot.roots, one, state.file_id)
        for fact in [(name, refused_fact(name, one, state))]
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
    if any(signal.terms and signal.contribution > 0 for signal in own.signals):
        return WhyNot(state.path, "no-match", f"It matches less than the {MOST_SORTED:,} files that match best.")
    return WhyNot(state.path, "no-match", NO_MATCH, KNOWN_WORDS)


def _shown(hit: Hit, path: bytes) -> WhyNot:
    if hit.path == path:
        return _scored("hit", f"It is hit number {hit.rank}, with a score of {hit.score:.2f}.", hit, path)
    other = os.fsdecode(hit.path)
    if path not in hit.same:
        sentence = f"Its thread is hit number {hit.rank}, shown by {other}: the messages of a thread share a row."
        return _scored("thread", sentence, hit, path, "--no-fold writes a row for each.")
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
    return _scored("cutoff", sentence, found, state.path, "--all shows it.")


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
    return WhyNot(state.path, "no-match", NO_MATCH, KNOWN_WORDS)


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
        size, mtime_ns, *_ = stat_values(os.stat(state.archive or state.path, follow_symlinks=False))
    except OSError:
        return ["It is not there any more: `mmsearch index` takes it out of the index."]
    same = (size, mtime_ns) == (state.archive_stat if state.archive else (state.size, state.mtime_ns))
    return [] if same else ["It has changed since it was indexed: `mmsearch index` brings the index up to date."]


def _among(hits: tuple[Hit, ...], path: bytes) -> Hit | None:
    """The hit that shows a file, itself or as a copy."""
    shown = (hit for hit in hits if hit.path == path or path in hit.same)
    folded = (hit for hit in hits if any(one.path == path for one in hit.thread))
    return next(shown, None) or next(folded, None)


def _scored(code: str, sentence: str, hit: Hit, path: bytes, hint: str = "") -> WhyNot:
    return WhyNot(path, code, sentence, hint, rank=hit.rank, score=hit.score, signals=hit.signals)


def _file_of(target: object) -> bytes:
    """The file of a place in it."""
    return os.path.abspath(os.fsencode(str(target) if not isinstance(target, bytes) else target).partition(b"#")[0])
