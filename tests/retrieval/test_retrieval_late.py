"""A space of late interaction: a tiny NeoMME from indexing to the answer, against brute force and the library."""

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image
from replicas_late import WORDS, tiny_neomme
from small_index import broken, change, rows, run, seal

from mmsearch import Index
from mmsearch.config import Settings
from mmsearch.errors import DamagedIndex, ModelUnavailable, UsageError
from mmsearch.models.late_embedder import FACTORS, LateInteractionEmbedder
from mmsearch.models.late_interaction import max_sim
from mmsearch.models.model_options import ModelOptions
from mmsearch.models.registry import load, resolve
from mmsearch.models.token_pooling import pooled
from mmsearch.query import Hit, Query, RunOptions
from mmsearch.retrieval.late_scoring import scores
from mmsearch.retrieval.query_building import build_query
from mmsearch.retrieval.query_encoding import QueryEncoders
from mmsearch.retrieval.signals import score
from mmsearch.retrieval.words.word_scoring import Words
from mmsearch.store.layout import IndexFolder
from mmsearch.store.snapshot import Snapshot
from mmsearch.store.token_vectors import PartVectors, packed, unpacked
from mmsearch.types import View

Floats = npt.NDArray[np.float32]
EXACT = ModelOptions(device="cpu", dtype="float32")
WIDTH = 32
QUERY = " ".join(WORDS[1:4])


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Twelve texts and four pictures in `docs`, the replica in `neomme`, and their index in `index`."""
    base = tmp_path_factory.mktemp("late")
    with pytest.MonkeyPatch.context() as patch:
        for name in ("XDG_DATA_HOME", "XDG_CACHE_HOME", "XDG_CONFIG_HOME"):
            patch.setenv(name, str(base / name))
        rng = np.random.default_rng(0)
        (base / "docs").mkdir()
        for number in range(12):
            words = " ".join(rng.choice(WORDS[4:], 30))
            (base / f"docs/note{number}.txt").write_text(f"{words} {QUERY}" if number == 7 else words)
        for number in range(4):
            Image.fromarray(rng.integers(0, 256, (90, 70, 3), dtype=np.uint8)).save(base / f"docs/page{number}.png")
        run(base / "index", base / "docs", models=(str(tiny_neomme(base / "neomme")),), device="cpu", dtype="float32")
        yield base


@pytest.fixture(scope="module")
def embedder(home: Path) -> LateInteractionEmbedder:
    found = load(resolve(str(home / "neomme")), EXACT)
    assert isinstance(found, LateInteractionEmbedder)
    return found


def hits(index: Path, text: str, **query: object) -> tuple[Hit, ...]:
    return Index.open(index).search(Query(text, min_score=0.0, k=50, **query)).hits  # type: ignore[arg-type]


def stored(index: Path, view: str) -> dict[str, Floats]:
    """The stored token vectors of each file, by its name."""
    found = rows(
        index,
        "SELECT f.path, t.vectors FROM token_vectors t JOIN embeddings e ON e.id = t.embedding_id"
        " JOIN segments s ON s.id = e.segment_id JOIN files f ON f.asset_id = s.asset_id WHERE e.view = ?",
        view,
    )
    result = {}
    for path, blob in found:
        values, scales = unpacked(blob, WIDTH)
        result[os.fsdecode(path)] = (values * scales[:, None]).astype(np.float32)
    return result


def test_every_signal_of_an_answer_is_the_brute_force_score_of_the_stored_vectors(
    home: Path, embedder: LateInteractionEmbedder
) -> None:
    (query,) = embedder.query_vectors([QUERY])
    folder = IndexFolder(home / "index")
    with Snapshot(folder) as snapshot:
        encoded, _ = build_query(QueryEncoders(folder), snapshot, Query(QUERY), RunOptions())
        found = score(snapshot, encoded, Words(snapshot, encoded.parsed.words))
        assets = snapshot.assets_of(found.segments)
        files = snapshot.files_of(list(assets.values()))
        names = [os.path.basename(os.fsdecode(files[assets[i]][0][1])) for i in found.segments]
    for view in ("text", "image"):
        expected = {name: max_sim(query, vectors) for name, vectors in stored(home / "index", view).items()}
        told = {name: raw for name, raw in zip(names, found.raw[f"neomme:{view}"], strict=True) if raw is not None}
        assert told == pytest.approx(expected, abs=1e-5)
    assert sorted(names) == sorted(os.listdir(home / "docs")), "files without a word of the query are candidates too"


def test_scores_before_pooling_and_quantisation_are_the_library_s(embedder: LateInteractionEmbedder) -> None:
    texts = [" ".join([*WORDS[number : number + 3], WORDS[9]]) for number in range(5)]
    pages = [np.random.default_rng(n).integers(0, 256, (64, 48 + 16 * n, 3), dtype=np.uint8) for n in range(3)]
    (query,) = embedder.query_vectors([QUERY])
    model = embedder.model
    for view, items, given in (
        (View.TEXT, texts, texts),
        (View.IMAGE, pages, [Image.fromarray(page) for page in pages]),
    ):
        expected = model.similarity(model.encode_query([QUERY]), model.encode_document(given)).numpy()[0]
        documents = embedder._late.tokens(view, items, "document")
        parts = [PartVectors(n, one, np.ones(len(one), np.float32)) for n, one in enumerate(documents)]
        found = scores(query, parts)
        assert list(found.values()) == pytest.approx(expected.tolist(), abs=1e-3)


def test_a_segment_of_several_parts_has_the_score_of_its_best_part() -> None:
    rng = np.random.default_rng(1)
    parts = [
        PartVectors(n // 2, *unpacked(packed(unit(rng.standard_normal((9, 8)).astype(np.float32))), 8))
        for n in range(6)
    ]
    query = unit(rng.standard_normal((5, 8)).astype(np.float32))
    each = [max_sim(query, (one.values * one.scales[:, None]).astype(np.float32)) for one in parts]
    assert min(each) > 0
    assert scores(query, parts) == pytest.approx({n: max(each[2 * n : 2 * n + 2]) for n in range(3)})


def ndcg(order: list[int], answer: int) -> float:
    """nDCG@10 of one planted answer."""
    return 1.0 / np.log2(order.index(answer) + 2) if answer in order[:10] else 0.0


def mean_ndcg(documents: list[Floats], queries: list[tuple[int, Floats]]) -> float:
    values = [
        ndcg(sorted(range(len(documents)), key=lambda n: -max_sim(query, documents[n])), answer)
        for answer, query in queries
    ]
    return float(np.mean(values))


def quantised(vectors: Floats, factor: int) -> Floats:
    values, scales = unpacked(packed(pooled(vectors, factor).vectors), vectors.shape[1])
    return np.asarray(values * scales[:, None], np.float32)


def unit(vectors: Floats) -> Floats:
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), np.float32)


def test_pages_with_planted_answers_keep_their_ndcg_pooled_by_ten_and_as_int8() -> None:
    """A page is made of subjects whose patches resemble each other; a query asks for one of its subjects, and the other
    pages have subjects near to it."""
    rng = np.random.default_rng(5)
    subjects = unit(rng.standard_normal((60, 64)).astype(np.float32))
    pages, held = [], []
    for _ in range(40):
        own = rng.choice(60, 12, replace=False)
        shift = 0.35 * rng.standard_normal((12, 64)) / 8
        patches = np.repeat(subjects[own] + shift, 20, axis=0) + 0.5 * rng.standard_normal((240, 64)) / 8
        pages.append(unit(patches.astype(np.float32)))
        held.append(subjects[own] + shift)
    queries = []
    for answer in range(40):
        wanted = held[answer][rng.integers(0, 12, 2)]
        asked = np.repeat(wanted, 4, axis=0) + 2.6 * rng.standard_normal((8, 64)) / 8
        queries.append((answer, unit(asked.astype(np.float32))))
    exact = mean_ndcg(pages, queries)
    assert 0.6 < exact < 0.99, "the test could not show a loss"
    assert mean_ndcg([quantised(page, FACTORS[View.IMAGE]) for page in pages], queries) >= exact - 0.01


def test_texts_with_planted_answers_keep_their_ndcg_in_a_space(embedder: LateInteractionEmbedder) -> None:
    rng = np.random.default_rng(6)
    words = [rng.choice(WORDS, 30) for _ in range(40)]
    texts = [" ".join(own) for own in words]
    asked = [" ".join(rng.choice(own, 2, replace=False)) for own in words]
    documents = embedder._late.tokens(View.TEXT, texts, "document")
    queries = list(enumerate(embedder.query_vectors(asked)))
    exact = mean_ndcg(documents, queries)
    kept = [quantised(one, FACTORS[View.TEXT]) for one in documents]
    assert exact > 0.3 and mean_ndcg(kept, queries) >= exact - 0.01


def test_a_picture_is_no_query_and_a_text_no_pair(embedder: LateInteractionEmbedder) -> None:
    picture = np.zeros((32, 32, 3), np.uint8)
    with pytest.raises(UsageError) as caught:
        embedder.embed(View.IMAGE, [picture], role="query")
    assert (caught.value.sentence, caught.value.hint) == (
        "neomme takes text for a query, not image.",
        "Say in words what to look for.",
    )
    with pytest.raises(UsageError, match="can't take a text and a picture"):
        embedder.embed_pair("zaba", picture)


def test_a_page_without_words_is_found_and_damage_in_it_is_told(home: Path, embedder: LateInteractionEmbedder) -> None:
    """A picture whose token vectors are made those of the query; then a bit of them is turned over."""
    index = home / "index"
    assert broken(index, deep=True) == {}
    (query,) = embedder.query_vectors([QUERY])
    owner = "(SELECT e.id FROM embeddings e JOIN segments s ON s.id = e.segment_id JOIN files f USING (asset_id)"
    place = f"embedding_id = {owner} WHERE e.view = 'image' AND f.path = CAST('page2.png' AS BLOB) AND e.part = 0)"
    blob = packed(query)
    change(index, f"UPDATE token_vectors SET vectors = x'{blob.hex()}' WHERE {place}")
    seal(index)
    found = hits(index, QUERY)
    best = {os.path.basename(hit.path): hit for hit in found}[b"page2.png"]
    (signal,) = best.signals
    assert (signal.name, best.kind) == ("neomme:image", "image") and signal.raw == pytest.approx(1.0, abs=0.02)
    turned = blob[:40] + bytes([blob[40] ^ 16]) + blob[41:]
    change(index, f"UPDATE token_vectors SET vectors = x'{turned.hex()}' WHERE {place}")
    seal(index)
    with pytest.raises(DamagedIndex):
        hits(index, QUERY)
    Index.forget(index, [os.fsencode(home / "docs/page2.png")], Settings())
    assert rows(index, "SELECT count(*) FROM token_vectors") == [(15,)]
    assert broken(index, deep=True) == {}


def test_t_the_repository_without_markers_is_refused_and_nothing_is_written(tmp_path: Path) -> None:
    """NeoMME's own repository loads as a late-interaction model that leaves out markers and masks."""
    folder = tiny_neomme(tmp_path / "plain", files=False)
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs/a.txt").write_text("zaba zabe")
    with pytest.raises(ModelUnavailable) as caught:
        run(tmp_path / "index", tmp_path / "docs", models=(str(folder),))
    assert caught.value.sentence.startswith("plain lacks its sentence-transformers files (modules.json)")
    assert "-ST-late" in caught.value.hint
    assert not IndexFolder(tmp_path / "index").catalogue.exists()
