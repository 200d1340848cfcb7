"""The built-in models of pictures and sounds in an index: texts, pictures and sounds as queries."""

import subprocess
import wave
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from small_image_encoder import hide_package, use_random_encoder
from small_index import WordModel, broken, events, rows, run, use_word_model, write, write_png, write_wav

from mmsearch.errors import UsageError
from mmsearch.index import Index
from mmsearch.indexing import model_selection, run_models
from mmsearch.models import builtin, registry
from mmsearch.models.images import builtin_images, image_weights
from mmsearch.models.media import builtin_media, picture_classifier
from mmsearch.models.picture_network import PictureTower
from mmsearch.query import DEFAULT_OPTIONS, Query
from mmsearch.retrieval.query_building import build_query
from mmsearch.retrieval.query_encoding import QueryEncoders
from mmsearch.run_record import Remark
from mmsearch.store.layout import IndexFolder
from mmsearch.store.snapshot import Snapshot
from training import audio_probes
from training.train import export

torch.set_num_threads(1)
LACKING = image_weights.lacking  # before tests replace it


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tower of random weights, exported."""
    torch.manual_seed(1)
    folder = tmp_path_factory.mktemp("eyes")
    export(PictureTower().eval(), folder)
    return folder


@pytest.fixture
def senses_here(weights: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The built-in text model is one of words, the image encoder has random weights, the rest is what it is."""
    load = run_models.load_embedder
    use_word_model(monkeypatch.setattr)
    model = lambda row, *how: WordModel() if row.name == "builtin" else load(row, *how)  # noqa: E731
    monkeypatch.setattr(run_models, "load_embedder", model)
    monkeypatch.setattr("mmsearch.retrieval.query_encoding.load_embedder", model)
    use_random_encoder(monkeypatch.setattr)
    monkeypatch.setattr(picture_classifier, "folder", lambda: weights)
    for cache in (builtin_media.shared_classifier, builtin_media.classifier_identity, picture_classifier._kinds):
        cache.cache_clear()
    yield
    builtin_images.shared_encoder.cache_clear()
    for cache in (builtin_media.shared_classifier, builtin_media.classifier_identity, picture_classifier._kinds):
        cache.cache_clear()


@pytest.fixture
def docs(tmp_path: Path) -> Path:
    folder = tmp_path / "docs"
    write(folder / "ferry.txt", "The ferry leaves at nine.")
    rng = np.random.default_rng(0)
    for name in ("one", "two", "three"):
        cells = rng.integers(0, 256, (6, 8, 3), np.uint8)
        Image.fromarray(cells).resize((160, 120), Image.Resampling.BICUBIC).save(folder / f"{name}.png")
    write_png(folder / "plain.png")
    write_wav(folder / "low.wav", tone=200)
    write_wav(folder / "also low.wav", tone=203)
    write_wav(folder / "high.wav", tone=3000)
    return folder


def asked(index: Path, text: str) -> set[str]:
    """What a text query is compared with."""
    query = Query(text)
    with Snapshot(IndexFolder(index), query.where) as snapshot:
        return {
            vector.name
            for vector in build_query(QueryEncoders(snapshot.folder), snapshot, query, DEFAULT_OPTIONS)[0].vectors
        }


def test_a_preset_makes_a_space_of_each_sense(tmp_path: Path, docs: Path, senses_here: None) -> None:
    index = tmp_path / "index"
    assert run(index, docs, models=("senses",)).indexed == 8
    sql = "SELECT s.name, e.view, count(*) FROM embeddings e JOIN spaces s ON s.id = e.space_id GROUP BY 1, 2"
    assert set(rows(index, sql)) == {
        ("builtin", "text", 1),
        (builtin.IMAGES, "image", 4),
        (builtin.SIMILARITY, "image", 4),
        (builtin.EARS, "audio", 3),
    }
    assert broken(index, deep=True) == {}


def test_a_new_index_has_pictures_without_being_told(
    tmp_path: Path, docs: Path, senses_here: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(model_selection, "DEFAULT", ("builtin", *registry.DEFAULT[1:]))
    index = tmp_path / "index"
    said = [event.sentence for event in events(index, docs) if isinstance(event, Remark)]
    assert [name for (name,) in rows(index, "SELECT name FROM spaces ORDER BY id")] == [
        "builtin",
        *registry.DEFAULT[1:],
    ]
    assert said == ["The model builtin computes in plain arithmetic."]
    assert asked(index, "a bar chart of ferry tickets") == {"builtin:text", f"{builtin.IMAGES}:image"}
    assert asked(index, "when does the ferry leave") == {"builtin:text", f"{builtin.IMAGES}:image"}


def test_without_the_package_all_else_works(
    tmp_path: Path, docs: Path, senses_here: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(model_selection, "DEFAULT", ("builtin", *registry.DEFAULT[1:]))
    index = tmp_path / "index"
    with monkeypatch.context() as patch:
        patch.setattr(image_weights, "lacking", LACKING)
        patch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
        hide_package(patch.setattr)
        said = [event for event in events(index, docs) if isinstance(event, Remark)]
        assert [name for (name,) in rows(index, "SELECT name FROM spaces")] == ["builtin"]
        (told,) = [one for one in said if "image encoder" in one.sentence]
        assert told.sentence.endswith("The weights of the image encoder are not installed.")
        assert f"--add-model {builtin.IMAGES} --add-model {builtin.SIMILARITY}" in told.hint
    run(index, add_models=(builtin.IMAGES, builtin.SIMILARITY))
    assert asked(index, "ferry") == {"builtin:text", f"{builtin.IMAGES}:image"}


def test_an_index_waits_for_a_package_that_is_gone(
    tmp_path: Path, docs: Path, senses_here: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    index = tmp_path / "index"
    run(index, docs, models=("senses",))
    write_png(docs / "late.png", shade=90)
    sql = "SELECT count(*) FROM embeddings e JOIN spaces s ON s.id = e.space_id WHERE s.name = ?"
    with monkeypatch.context() as patch:
        patch.setattr(image_weights, "lacking", LACKING)
        patch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
        hide_package(patch.setattr)
        said = [event.sentence for event in events(index, docs) if isinstance(event, Remark)]
        assert any("not installed" in sentence for sentence in said)
        assert rows(index, sql, builtin.IMAGES) == [(4,)]
    run(index)
    assert rows(index, sql, builtin.IMAGES) == rows(index, sql, builtin.SIMILARITY) == [(5,)]
    assert broken(index, deep=True) == {}


def test_pictures_alone_are_refused_without_a_text_model(tmp_path: Path, docs: Path, senses_here: None) -> None:
    with pytest.raises(UsageError, match="asked through a built-in text model"):
        run(tmp_path / "index", docs, models=(builtin.IMAGES,))


def test_models_are_added_to_an_index_that_has_none(tmp_path: Path, docs: Path, senses_here: None) -> None:
    index = tmp_path / "index"
    run(index, docs)
    assert asked(index, "ferry chart") == {"builtin:text"}
    run(index, add_models=(builtin.IMAGES,))
    assert asked(index, "ferry chart") == {"builtin:text", f"{builtin.IMAGES}:image"}


def test_an_older_index_keeps_its_classifier_until_it_is_rebuilt(tmp_path: Path, docs: Path, senses_here: None) -> None:
    index = tmp_path / "index"
    run(index, docs, models=("builtin", builtin.EYES, builtin.LIKENESS))
    write_png(docs / "late.png", shade=90)
    said = [event for event in events(index, docs) if isinstance(event, Remark)]
    assert ["mmsearch index --rebuild" in one.hint for one in said if "knows kinds" in one.sentence] == [True]
    sql = "SELECT s.name, count(*) FROM embeddings e JOIN spaces s ON s.id = e.space_id GROUP BY 1"
    assert dict(rows(index, sql)) == {"builtin": 1, builtin.EYES: 5, builtin.LIKENESS: 5}
    assert asked(index, "a bar chart of ferry tickets") == {"builtin:text", f"{builtin.EYES}:image"}
    assert asked(index, "when does the ferry leave") == {"builtin:text"}
    run(index, rebuild=True)
    assert dict(rows(index, sql)) == {"builtin": 1, builtin.IMAGES: 5, builtin.SIMILARITY: 5}
    assert asked(index, "when does the ferry leave") == {"builtin:text", f"{builtin.IMAGES}:image"}


def test_a_changed_copy_of_a_picture_finds_it(tmp_path: Path, docs: Path, senses_here: None) -> None:
    index = tmp_path / "index"
    run(index, docs, models=("senses",))
    copy = tmp_path / "copy.jpg"
    Image.open(docs / "two.png").resize((120, 90)).save(copy, quality=60)
    hits = Index.open(index).search(Query("", images=(bytes(copy),))).hits
    assert hits[0].path == bytes(docs / "two.png")


def test_a_sound_finds_what_sounds_like_it(tmp_path: Path, docs: Path, senses_here: None) -> None:
    index = tmp_path / "index"
    run(index, docs, models=("senses",))
    hits = Index.open(index).similar(bytes(docs / "low.wav"), Query()).hits
    assert hits[0].path == bytes(docs / "also low.wav")


def test_the_words_of_a_picture_are_searched_beside_its_likeness(
    tmp_path: Path, docs: Path, senses_here: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    index = tmp_path / "index"
    run(index, docs, models=("senses",))
    monkeypatch.setattr(
        "mmsearch.retrieval.query_by_example.words_of", lambda pieces, most: ["The ferry leaves at nine."]
    )
    query = Query("", images=(bytes(docs / "two.png"),))
    with Snapshot(IndexFolder(index), query.where) as snapshot:
        asked, notes = build_query(QueryEncoders(snapshot.folder), snapshot, query, DEFAULT_OPTIONS)
    names = {vector.name for vector in asked.vectors}
    assert names == {"builtin:text", f"{builtin.IMAGES}:image", f"{builtin.SIMILARITY}:image"}
    assert [set(wording.words) for wording in asked.wordings] == [{"the", "ferry", "leaves", "at", "nine"}]
    assert notes == []


def test_a_film_is_found_by_a_picture_of_one_of_its_scenes(tmp_path: Path, docs: Path, senses_here: None) -> None:
    inputs = [part for name in ("one", "two") for part in ("-loop", "1", "-t", "4", "-i", docs / f"{name}.png")]
    joined = "[0:v][1:v]concat=n=2:v=1,fps=10,format=yuv420p"
    film = docs.parent / "films" / "film.mp4"
    film.parent.mkdir()
    subprocess.run(["ffmpeg", "-nostdin", "-v", "error", *inputs, "-filter_complex", joined, film], check=True)
    index = tmp_path / "index"
    run(index, film.parent, models=("senses",))
    sql = "SELECT s.name, count(*) FROM embeddings e JOIN spaces s ON s.id = e.space_id GROUP BY 1"
    assert dict(rows(index, sql)) == {builtin.IMAGES: 2, builtin.SIMILARITY: 2}
    for name, begins in (("one", 0), ("two", 4)):
        hit = Index.open(index).search(Query("", images=(bytes(docs / f"{name}.png"),))).hits[0]
        assert hit.path == bytes(film)
        assert hit.locator.start_s == pytest.approx(begins, abs=0.5)


def save(path: Path, samples: np.ndarray) -> None:
    """A recording, float samples in -1..1."""
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, 16_000, 0, "NONE", ""))
        file.writeframes((samples * 32_000).astype("<i2").tobytes())


def test_recordings_are_found_by_what_kind_of_sound_they_are(tmp_path: Path, docs: Path, senses_here: None) -> None:
    for kind in ("speech", "noise", "music"):
        save(docs / f"{kind[:1]}.wav", audio_probes.made(kind, 1000))
    save(docs / "empty.wav", np.zeros(32_000))
    index = tmp_path / "index"
    run(index, docs, models=("senses",))
    with Index.open(index) as opened:
        for text, name in (("someone talking", "s.wav"), ("background noise", "n.wav"), ("silence", "empty.wav")):
            hits = opened.search(Query(text, names=False)).hits
            assert [hit.path for hit in hits] == [bytes(docs / name)], text
    images = f"{builtin.IMAGES}:image"
    assert asked(index, "someone talking") == {"builtin:text", images, f"{builtin.EARS}:audio"}
    assert asked(index, "a speech about noise") == {"builtin:text", images}
