"""The path of a query: encode, score by every signal, fuse, rerank, group by file, collapse duplicates, build hits."""

from __future__ import annotations

import os
import time
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import replace

from mmsearch.encoding.grants import leave_out
from mmsearch.query import Answer, Hit, Query, RunOptions, Signal
from mmsearch.retrieval import relevance
from mmsearch.retrieval.answer_rows import Row, candidate_rows, estimated
from mmsearch.retrieval.copies.copy_detection import find_copies
from mmsearch.retrieval.file_similarity import SIMILARITY_CUTOFF, by_similarity
from mmsearch.retrieval.filter_facts import nothing_passes
from mmsearch.retrieval.grouping import RowGroup, grouped, is_copy
from mmsearch.retrieval.names import find_names, refused_files
from mmsearch.retrieval.ordering import MOST_SORTED, file_facts, in_order, is_listing, list_files
from mmsearch.retrieval.picture_queries import seen_in
from mmsearch.retrieval.query_building import build_query
from mmsearch.retrieval.query_encoding import QueryEncoders
from mmsearch.retrieval.signals import EncodedQuery, Scored, score
from mmsearch.retrieval.words.term_matching import placed, snippet, term_proximity
from mmsearch.retrieval.words.word_scoring import Words
from mmsearch.store.mail_filters import dates_of
from mmsearch.store.snapshot import Place, Snapshot
from mmsearch.types import Locator, View

MORE_PLACES = 4  # further places that a file's row names
MANY = 10_000  # hits, where they are only counted
BUILTIN = "builtin"  # the name of reranking by the proximity of the query's words
SHARE = 0.05  # of what is missing to 1, for a proximity of 1; twice of it lost on docstrings and German
AS_TYPED = 0.5  # of the score, contributed by the name or the number that was typed


def search(snapshot: Snapshot, encoders: QueryEncoders, query: Query, options: RunOptions) -> Answer:
    """Answer a query over a snapshot that its filter limits. Raises `UsageError` for one that searches for nothing."""
    if is_listing(query):
        return list_files(snapshot, query)
    began = time.monotonic()
    left_out = leave_out(snapshot.folder, snapshot)
    encoded, notes = build_query(encoders, snapshot, query, options)
    notes = [*left_out, *notes]
    is_sorted = query.sort != "score" or query.reverse
    wanted = replace(query, k=max(query.k, MOST_SORTED)) if is_sorted else query
    hits, remarks = find(snapshot, encoded, wanted, options)
    hits = in_order(hits, query)
    notes += remarks + snapshot.notes
    if snapshot.filtered and not hits and snapshot.nothing_allowed():
        notes.append(nothing_passes(snapshot, query.where))
    elif not hits and encoded.parsed.phrases:
        notes.append(_without_quotes(snapshot, encoded, query, options))
    return Answer(hits, tuple(notes), time.monotonic() - began)


def find(
    snapshot: Snapshot, encoded: EncodedQuery, query: Query, options: RunOptions
) -> tuple[tuple[Hit, ...], list[str]]:
    """The hits of an encoded query, and notes: that a cutoff left none, what a reranker could not do."""
    words = Words(snapshot, encoded.parsed.words)
    rows, scored = ranked(snapshot, encoded, words, query)
    is_plain = _is_plain(query, encoded)
    if is_plain:
        rows = estimated(rows, scored)
    ends = is_plain and query.min_score is None
    passing = [] if ends and rows and rows[0].score < relevance.NOTHING else rows
    if encoded.files and query.min_score is None:
        passing = [row for row in rows if row.score >= SIMILARITY_CUTOFF]
    notes: list[str] = []
    if options.rerank == BUILTIN:
        passing = _reranked_by_proximity(passing, encoded, words, scored, options)
    elif options.rerank is not None and passing:
        passing, notes = _reranked_by_model(passing, snapshot, encoded, scored, query, options)
    best = (passing or rows)[:1]
    passing = [row for row in passing if query.min_score is None or row.score >= query.min_score]
    if best and not passing:
        notes.append(_below(rows, best[0].score))
    shown = grouped(passing, query, snapshot, scored)
    if ends and (weaker := len(shown) - relevance.tail([group.rows[0].score for group in shown])):
        shown = shown[:-weaker]
        notes.append(f"{weaker} weaker hit{'s' if weaker > 1 else ''} not shown (--all shows all).")
    places = snapshot.places([scored.segments[row.at] for group in shown for row in group.rows if row.at is not None])
    ascending = {name: sorted(value for value in values if value is not None) for name, values in scored.raw.items()}
    best_places = [scored.segments[at] for group in shown if (at := group.rows[0].at) is not None]
    seen = seen_in(snapshot, best_places) if query.k < MANY else {}
    dates = dates_of(snapshot.connection, best_places)
    facts = file_facts(snapshot, [group.rows[0].files[0][0] for group in shown])
    hits = []
    for number, group in enumerate(shown, 1):
        size, modified_s, taken = facts[group.rows[0].files[0][0]]
        hit = _hit(number, group, scored, ascending, places, seen)
        sent_s = dates.get(hit.segment_id or 0)
        hits.append(replace(hit, size=size, modified_s=modified_s, dated_s=sent_s, taken=taken))
    return tuple(hits), notes


def ranked(snapshot: Snapshot, encoded: EncodedQuery, words: Words, query: Query) -> tuple[list[Row], Scored]:
    """All candidates as rows by their fused scores, best first, and the scores of their signals."""
    minus = [(-one.weight, Words(snapshot, one.words)) for one in encoded.wordings if one.weight < 0]
    named = find_names(snapshot, encoded, words, minus) if query.names else {}
    copies = find_copies(snapshot, encoded.files)
    scored = by_similarity(score(snapshot, encoded, words, list(copies)), encoded, copies)
    refused = {*encoded.hidden, *refused_files(snapshot, encoded, words, named)}
    rows = candidate_rows(snapshot, scored, named, refused, query)
    # Scores that differ by rounding alone are equal: their order must not hang on the order of candidates.
    rows.sort(
        key=lambda row: (-round(row.score, 6), row.files[0][1], scored.segments[row.at] if row.at is not None else 0)
    )
    return rows, scored


def _is_plain(query: Query, encoded: EncodedQuery) -> bool:
    """Whether a query is of words alone, without a quoted phrase: then scores are probabilities, and an answer ends."""
    media = query.images or query.audios or query.videos
    return bool(query.text) and not (media or query.like or query.minus or encoded.parsed.phrases)


def _reranked_by_proximity(
    rows: list[Row], encoded: EncodedQuery, words: Words, scored: Scored, options: RunOptions
) -> list[Row]:
    """Rows, best first, after the proximity of the query's words has raised the first `rerank_top` places."""
    places = list(dict.fromkeys(row.at for row in rows if row.at is not None))[: options.rerank_top]
    held = words.table.words([scored.segments[at] for at in places])
    texts = [held.get(scored.segments[at], []) for at in places]
    near = dict(zip(places, term_proximity(encoded.parsed.words, scored.weights, texts, words.forms.of), strict=True))
    seen = []
    for row in rows:
        if row.at is not None and row.at in near:
            rank = 1 + sum(other > near[row.at] for other in near.values())
            added = SHARE * (1.0 - row.score) * near[row.at]
            row = replace(row, score=row.score + added, reranked=(near[row.at], added, rank))
        seen.append(row)
    return sorted(seen, key=lambda row: (-row.score, row.files[0][1]))


def _reranked_by_model(
    rows: list[Row], snapshot: Snapshot, encoded: EncodedQuery, scored: Scored, query: Query, options: RunOptions
) -> tuple[list[Row], list[str]]:
    """Rows in the order of a model's scores (see `merge_into_ranks`), and notes about what it could not score."""
    from mmsearch.retrieval.model_reranking import merge_into_ranks, rerank_by_model

    typed = {row.at for row in rows if row.at is not None and (_as_typed(row, scored) or is_copy(row, scored))}
    places = list(dict.fromkeys(row.at for row in rows if row.at is not None and row.at not in typed))
    reranked = rerank_by_model(
        snapshot, encoded.parsed.text, query, options, [scored.segments[at] for at in places[: options.rerank_top]]
    )
    model_scores = [None if row.at is None else reranked.scores.get(scored.segments[row.at]) for row in rows]
    result = []
    for number, new in merge_into_ranks([row.score for row in rows], model_scores):
        row, own = rows[number], model_scores[number]
        if own is not None:
            rank = 1 + sum(other > own for other in reranked.scores.values())
            row = replace(row, score=new, reranked=(own, new - row.score, rank))
        result.append(row)
    return result, reranked.notes


def _as_typed(row: Row, scored: Scored) -> bool:
    """Whether a place was found by the very name or number that was typed, which a model does not know."""
    assert row.at is not None
    exact = scored.ranking.contributions.get("exact")
    named = row.named.weight * row.named.score if row.named else 0.0
    return max(named, float(exact[row.at]) if exact is not None else 0.0) >= AS_TYPED


def _without_quotes(snapshot: Snapshot, encoded: EncodedQuery, query: Query, options: RunOptions) -> str:
    """A note about a phrase that is nowhere: how many results its words have without the quotes."""
    unquoted = replace(encoded, parsed=replace(encoded.parsed, phrases=()))
    hits, _ = find(snapshot, unquoted, replace(query, k=MANY), replace(options, rerank=None))
    found = {0: "is nothing either", 1: "is one result"}.get(len(hits), f"are {len(hits):,} results")
    return f"Nothing has the quoted words as they stand; without the quotes there {found}."


def _below(rows: list[Row], best: float) -> str:
    count = len({row.files[0][0] for row in rows})
    which = "the one file" if count == 1 else f"the best of {count} files"
    return f"Nothing above the cutoff; {which} below it scores {best:.3f} (--all shows all)."


def _hit(
    number: int,
    group: RowGroup,
    scored: Scored,
    ranked: Mapping[str, Sequence[float]],
    places: dict[int, Place],
    seen: dict[int, tuple[str, ...]],
) -> Hit:
    best = group.rows[0]
    path, same = best.files[0][1], group.same(scored)
    if best.at is None:
        name = best.named
        assert name is not None
        alone = (Signal("names", name.score, name.score, 1, best.score, name.terms),)
        shown = os.fsdecode(os.path.basename(path))
        return Hit(number, best.score, path, name.kind, "names", Locator(), shown, alone, None, same)
    place = places[scored.segments[best.at]]
    signals = _signals(best, scored, ranked)
    weights = {term: scored.weights.get(term.partition("~")[0], 1.0) for term in scored.terms[best.at]}
    more = tuple(places[segment_id].locator for segment_id in group.further(scored))
    shows = seen.get(place.segment_id, ())
    view = max(signals, key=lambda signal: (signal.name != "rerank", signal.contribution)).name if signals else ""
    by_sight = view.endswith(f":{View.IMAGE}") and not scored.terms[best.at]
    words = "" if shows and by_sight else snippet(place, weights)
    return Hit(
        rank=number,
        score=best.score,
        path=path,
        kind=place.kind,
        view=view,
        locator=placed(place, weights),
        snippet=words or (f"seen: {', '.join(shows)}" if shows else ""),
        signals=signals,
        segment_id=place.segment_id,
        same=same,
        more=tuple(dict.fromkeys(one for one in more if one != place.locator))[:MORE_PLACES],
        seen=shows,
        match=scored.matches[best.at] if scored.matches else None,
        thread=group.thread(scored),
    )


def _signals(row: Row, scored: Scored, ranked: Mapping[str, Sequence[float]]) -> tuple[Signal, ...]:
    """Each signal's share in a hit. The contributions sum to the hit's score. `ranked` are the raw values of each
    signal, ascending."""
    assert row.at is not None
    signals = []
    for name, parts in scored.ranking.contributions.items():
        raw, calibrated = scored.raw[name][row.at], scored.calibrated[name][row.at]
        if raw is None or calibrated is None or (name == "words" and raw == 0.0):
            continue
        rank = 1 + len(ranked[name]) - bisect_right(ranked[name], raw)
        terms = {"words": scored.terms, "minus": scored.unwanted}.get(name, {row.at: ()})[row.at]
        signals.append(Signal(name, raw, calibrated, rank, row.factor * float(parts[row.at]), terms))
    if row.named is not None:
        given = (
            row.score - row.factor * float(scored.ranking.score[row.at]) - (row.reranked[1] if row.reranked else 0.0)
        )
        signals.append(Signal("names", row.named.score, row.named.score, 1, given, row.named.terms))
    if row.reranked is not None:
        signals.append(Signal("rerank", row.reranked[0], row.reranked[0], row.reranked[2], row.reranked[1]))
    return tuple(signals)
