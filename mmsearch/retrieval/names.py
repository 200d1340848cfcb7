"""The names signal: how well a file's path answers a query. It belongs to files, never to their contents."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from mmsearch.retrieval.queries.query_parsing import Parsed, is_name, names_meant
from mmsearch.retrieval.signals import POOL, EncodedQuery
from mmsearch.retrieval.words.word_scoring import Term, Words, idf
from mmsearch.store.snapshot import Snapshot
from mmsearch.store.tokenization import prepare_name, shown, tokens
from mmsearch.store.vocabulary import quoted

WEIGHT = 0.9  # of a name that answers the whole query: nothing but a better name comes before it
EXACT_WEIGHT = 0.999  # of the very name that was typed: nothing comes before it
FORM_VALUE = 0.8  # of a word found only in another form (`report` in reports.pdf)
START_VALUE = 0.5  # of a word found only as the beginning of another (`annu` in annual.pdf)
TYPO_VALUE = 0.5  # of a word found only as another that is nearly the same (`reprot` in report.pdf)
FOLDER_VALUE = 0.5  # of a word found only in a folder's name: it applies to all files in it
EXACTNESS = 0.3  # how much of the score hangs on the name holding nothing else
SHORTEST_START = 3  # letters of a beginning
SHORTEST_CORRECTED = 4  # letters: fewer have too many neighbours
LONG = 8  # letters from which on two slips are forgiven
MOST_CLOSE = 5  # close words of one word


@dataclass(frozen=True, slots=True)
class Named:
    """A file that was found by its name: the score in 0..1, what it weighs in the hit's score, and the query words that
    it holds, a misspelled one as `reprot~report`."""

    file_id: int
    asset_id: int | None
    kind: str  # of the file; "other" for a file of no kind that is indexed
    path: bytes
    score: float
    terms: tuple[str, ...]
    weight: float = WEIGHT


def find_names(
    snapshot: Snapshot, encoded: EncodedQuery, words: Words, minus: Sequence[tuple[float, Words]] = ()
) -> dict[int, Named]:
    """Files whose path holds words of the query, by file id. The score is the square of the share of the query's
    information that the name holds, a little less where it holds much else; 1 for the name that was typed.

    Quoted phrases must stand in the name. What unwanted words, with their weights, find in a name is taken off.
    """
    parsed = encoded.parsed
    weights = _weights(words)
    total = sum(weights.values())
    if not total:
        return {}
    close, forms = _close(words, weights), {word: words.forms.of(word) for word in weights}
    ids = _candidates(parsed, words, weights, close, forms)
    marks = ",".join("?" * len(ids))
    rows = snapshot.connection.execute(
        f"SELECT id, asset_id, coalesce(kind, 'other'), root_id, path FROM files WHERE id IN ({marks})", ids
    )
    unwanted = [(weight, _weights(part)) for weight, part in minus if part.terms]
    meant = names_meant(parsed)
    found: dict[int, Named] = {}
    for file_id, asset_id, kind, root_id, path in rows.fetchall():
        relative = path or os.path.basename(snapshot.roots[root_id].path)
        if file_id in encoded.hidden:
            continue
        score, terms = score_name(relative, weights, total, close, forms)
        for weight, own in unwanted:
            score -= weight * score_name(relative, own, sum(own.values()), {}, {})[0]
        exact = is_name(relative, meant)
        if score > 0 or exact:
            absolute, weight = snapshot.absolute(root_id, path), EXACT_WEIGHT if exact else WEIGHT
            found[file_id] = Named(file_id, asset_id, kind, absolute, 1.0 if exact else score, terms, weight)
    return found


def _candidates(
    parsed: Parsed,
    words: Words,
    weights: Mapping[str, float],
    close: Mapping[str, tuple[str, ...]],
    forms: Mapping[str, Mapping[str, float]],
) -> list[int]:
    """The files worth scoring."""
    rare = words.names.rare(list(weights), words.names.frequency)
    starts = [word for word in rare if _can_start(word)]
    near = dict.fromkeys([*(one for others in close.values() for one in others), *(o for w in rare for o in forms[w])])
    encoded = " OR ".join([*map(quoted, rare), *(f"{quoted(start)} *" for start in starts), *map(quoted, near)])
    ids = words.names.best(encoded, POOL)
    for meant in names_meant(parsed):  # a very common name would be lost among its relatives
        if run := " ".join(tokens(meant)):
            ids += words.names.best(quoted(run), POOL)
    if parsed.required:
        ids = words.names.best(parsed.required, POOL)
    return list(dict.fromkeys(ids))


def refused_files(snapshot: Snapshot, encoded: EncodedQuery, words: Words, named: Mapping[int, Named]) -> set[int]:
    """The files that hold an excluded word in their name, and of the `named` also those that hold one in every
    segment."""
    if not encoded.parsed.refused:
        return set()
    refused = words.table.matching(encoded.parsed.refused)
    assets = sorted({one.asset_id for one in named.values() if one.asset_id is not None})
    rows = snapshot.connection.execute(
        f"SELECT asset_id, id FROM segments WHERE asset_id IN ({','.join('?' * len(assets))})", assets
    ).fetchall()
    spoiled = {asset for asset, _ in rows} - {asset for asset, segment_id in rows if segment_id not in refused}
    return words.names.matching(encoded.parsed.refused) | {i for i, one in named.items() if one.asset_id in spoiled}


def _weights(words: Words) -> dict[str, float]:
    """The information of each query word over contents and names together: a word that is common in texts carries
    little information in a name as well."""
    rows = words.table.rows + words.names.rows
    return {
        term.word: idf(rows, words.frequency(term.word) + words.names.frequency(term.word))
        for term in _distinct(words.terms)
    }


def _distinct(terms: Sequence[Term]) -> list[Term]:
    return list({term.word: term for term in terms}.values())


def _can_start(word: str) -> bool:
    return len(word) >= SHORTEST_START and not word.isdigit()


def _close(words: Words, weights: Mapping[str, float]) -> dict[str, tuple[str, ...]]:
    """For each query word that stands in no text and no name, nor begins one: the most similar words of names."""
    unknown = [
        word
        for word in weights
        if slips(word)
        and not words.frequency(word)
        and not words.names.frequency(word)
        and not words.names.begins_one(word)
        and not words.forms.of(word)
    ]
    if not unknown:
        return {}
    known = words.names.known(min(len(word) - slips(word) for word in unknown), max(map(len, unknown)) + 2)
    return {word: close_words(word, known) for word in unknown}


def score_name(
    path: bytes,
    weights: Mapping[str, float],
    total: float,
    close: Mapping[str, tuple[str, ...]],
    forms: Mapping[str, Mapping[str, float]],
) -> tuple[float, tuple[str, ...]]:
    """The score of one path (relative to its root) and the query words in it. `close` has words that stand in for
    misspelled ones, `forms` the other forms of words, each with its weight."""
    folder, base = os.path.split(path)
    own, stem = set(prepare_name(base).split()), set(prepare_name(os.path.splitext(base)[0]).split())
    above = set(prepare_name(folder).split()) if folder else set()
    share = 0.0
    matched: list[str] = []
    held: set[str] = set()
    for word, weight in weights.items():
        value, as_ = _value(word, own, above, close.get(word, ()), forms.get(word, {}))
        if value:
            share += value * weight
            matched.append(
                f"{shown(word)}~{as_}" if as_ in close.get(word, ()) or as_ in forms.get(word, {}) else shown(word)
            )
            held.add(as_)
    exact = sum(word in held for word in stem) / len(stem) if stem else 0.0
    return (share / total) ** 2 * (1 - EXACTNESS + EXACTNESS * exact), tuple(matched)


def _value(
    word: str, own: set[str], above: set[str], close: Sequence[str], forms: Mapping[str, float]
) -> tuple[float, str]:
    """How much of a query word a name holds, 0..1, and the word that it is found as."""
    if word in own:
        return 1.0, word
    if held := [other for other in own if other in forms]:
        best = max(sorted(held), key=lambda other: forms[other])
        return FORM_VALUE * forms[best], best
    if _can_start(word) and (longer := [other for other in own if other.startswith(word)]):
        return START_VALUE, min(longer)
    if near := [other for other in close if other in own]:
        return TYPO_VALUE, near[0]
    if word in above or any(other in forms for other in above):
        return FOLDER_VALUE, word
    return 0.0, ""


def slips(word: str) -> int:
    """How many slips are forgiven in a word: none in short words and in whatever holds a digit (a number that is
    nearly right is another number), 1 from 4 letters on, 2 from 8 on."""
    if len(word) < SHORTEST_CORRECTED or not word.isalpha():
        return 0
    return 2 if len(word) >= LONG else 1


def close_words(word: str, vocabulary: Sequence[str]) -> tuple[str, ...]:
    """The words of a vocabulary nearest to `word`, all at the same Damerau-Levenshtein distance of at most
    `slips(word)`; at most `MOST_CLOSE`, in alphabetical order. 100,000 words take about 30 ms."""
    from rapidfuzz import process
    from rapidfuzz.distance import DamerauLevenshtein

    allowed = slips(word)
    if not allowed:
        return ()
    found = process.extract(word, vocabulary, scorer=DamerauLevenshtein.distance, score_cutoff=allowed, limit=None)
    least = min((distance for _, distance, _ in found), default=0)
    return tuple(sorted(other for other, distance, _ in found if distance == least)[:MOST_CLOSE])
