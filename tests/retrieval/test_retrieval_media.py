"""Queries of every kind in every space: by words against pictures, by pictures, sounds and films, and all at once."""

import io
import json
import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
from replicas import tiny_clip
from replicas_chat import tiny_qwen3_vl
from replicas_towers import tiny_clap
from small_index import WordEncoder, WordModel, run, use_word_model, write, write_wav

from mmsearch.cli.program import run as mmsearch
from mmsearch.encoding import encoders
from mmsearch.errors import ModelUnavailable, UsageError
from mmsearch.index import Index
from mmsearch.indexing import run_models
from mmsearch.models import builtin, export, registry
from mmsearch.models.embedder import Embedder
from mmsearch.models.model_options import ModelOptions
from mmsearch.query import Answer, Part, Query, RunOptions
from mmsearch.retrieval import query_encoding
from mmsearch.retrieval.query_building import build_query
from mmsearch.retrieval.query_encoding import QueryEncoders
from mmsearch.retrieval.signals import score
from mmsearch.retrieval.words.word_scoring import Words
from mmsearch.store.layout import IndexFolder
from mmsearch.store.snapshot import Snapshot
from mmsearch.types import View

EXACT = ModelOptions(device="cpu", dtype="float32")
CACHE = tempfile.TemporaryDirectory(prefix="mmsearch-tests-")  # no other test may see that models were refused


def use_words(patch: pytest.MonkeyPatch) -> None:
    """The built-in model is one of words; other models are what they are, but no exporter takes them."""

    def refuse(embedder: Embedder) -> None:
        raise ModelUnavailable(f"{embedder.name} is too large to be exported.")

    load, provide = run_models.load_embedder, run_models.Models._export
    opened, problem = encoders.opened, encoders.problem
    use_word_model(patch.setattr)
    patch.setenv("XDG_CACHE_HOME", CACHE.name)
    words = {"text": builtin.fingerprint()["text"]}
    patch.setattr(encoders, "opened", lambda row: WordEncoder() if row.fingerprint == words else opened(row))
    patch.setattr(encoders, "problem", problem)
    patch.setattr(run_models.Models, "_export", lambda self, row: None if row.name == "builtin" else provide(self, row))
    patch.setattr(export, "check_exportable", refuse)
    plain = lambda row, *how: WordModel() if row.name == "builtin" else load(row, *how)  # noqa: E731
    patch.setattr(run_models, "load_embedder", plain)
    patch.setattr(query_encoding, "load_embedder", plain)


def film(path: Path, source: str) -> Path:
    command = ["ffmpeg", "-nostdin", "-v", "error", "-y", "-f", "lavfi", "-i", f"{source}s=64x48:r=5:d=2"]
    subprocess.run([*command, "-pix_fmt", "yuv420p", path], check=True)
    return path


def picture(path: Path, seed: int) -> Path:
    from PIL import Image

    squares = np.random.default_rng(seed).integers(0, 255, (4, 4, 3))
    Image.fromarray(np.kron(squares, np.ones((10, 12, 1))).astype(np.uint8)).save(path)
    return path


@pytest.fixture(scope="module")
def media(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Pictures, sounds, films and a text."""
    folder = tmp_path_factory.mktemp("media")
    for seed in range(8):
        picture(folder / f"p{seed}.png", seed)
    for number in range(4):
        write_wav(folder / f"s{number}.wav", 2.0, 200.0 * 2**number)
    for name, source in (("bars", "smptebars="), ("test", "testsrc2="), ("red", "color=c=red:")):
        film(folder / f"{name}.mp4", source)
    write(folder / "ferry.txt", "The ferry leaves the harbour at nine.")
    return folder


def built(media: Path, top: Path, models: tuple[str, ...]) -> Path:
    with pytest.MonkeyPatch.context() as patch:
        use_words(patch)
        assert run(top / "index", media, models=models, dtype="float32", device="cpu").indexed == 16
    return top / "index"


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_clip(tmp_path_factory.mktemp("models") / "clip")


@pytest.fixture(scope="module")
def clap(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_clap(tmp_path_factory.mktemp("models") / "clap")


@pytest.fixture(scope="module")
def qwen(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_qwen3_vl(tmp_path_factory.mktemp("models") / "qwen")


@pytest.fixture(scope="module")
def specialists_once(media: Path, tmp_path_factory: pytest.TempPathFactory, clip: Path, clap: Path) -> Path:
    return built(media, tmp_path_factory.mktemp("a"), ("builtin:text", f"{clip}:image", f"{clap}:audio"))


@pytest.fixture(scope="module")
def whole_once(media: Path, tmp_path_factory: pytest.TempPathFactory, qwen: Path) -> Path:
    return built(media, tmp_path_factory.mktemp("b"), (str(qwen),))


@pytest.fixture
def specialists(specialists_once: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An index with a space for words, one for looks and one for sounds."""
    use_words(monkeypatch)
    return specialists_once


@pytest.fixture
def whole(whole_once: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An index with one space for texts, pictures and films."""
    use_words(monkeypatch)
    return whole_once


BY_TORCH = RunOptions(query_encoder="torch")
SHIPS = RunOptions(query_encoder="torch", instruct="Find ships.")


def asked(index: Path, text: str = "", options: RunOptions = BY_TORCH, **query: Any) -> Answer:
    return Index.open(index).search(Query(text, **{"min_score": 0.0, "k": 50} | query), options)


def names(answer: Answer) -> list[str]:
    return [os.path.basename(hit.path).decode() for hit in answer.hits]


def raw(index: Path, signal: str, name: str, text: str = "", options: RunOptions = BY_TORCH, **query: Any) -> float:
    """What a signal says of a file on its own scale, whether it is among the hits or not."""
    folder = IndexFolder(index)
    with Snapshot(folder) as snapshot:
        composed, _ = build_query(QueryEncoders(folder), snapshot, Query(text, **query), options)
        scored = score(snapshot, composed, Words(snapshot, composed.parsed.words))
        places = snapshot.places(scored.segments)
        for number, segment in enumerate(scored.segments):
            files = snapshot.files_of([places[segment].asset_id]).values()
            if any(path.endswith(name.encode()) for of in files for _, path in of):
                return cast(float, scored.raw[signal][number])
    raise LookupError(name)


def pixels(path: Path) -> np.ndarray:
    from PIL import Image

    return np.asarray(Image.open(path).convert("RGB"))


def test_a_text_is_compared_with_pictures_and_sounds_by_their_models(
    specialists: Path, media: Path, clip: Path
) -> None:
    model = registry.load(registry.resolve(str(clip)), EXACT)
    text = model.embed(View.TEXT, ["a ferry"], role="query")[0]
    for seed in range(3):
        expected = model.embed(View.IMAGE, [pixels(media / f"p{seed}.png")])[0] @ text
        assert raw(specialists, "clip:image", f"p{seed}.png", "a ferry") == pytest.approx(expected, abs=2e-3)
    assert -1 <= raw(specialists, "clap:audio", "s1.wav", "a ferry") <= 1
    assert names(asked(specialists, "a ferry"))[0] == "ferry.txt"


def test_the_command_line_finds_the_identical_picture_sound_and_film_first(
    specialists: Path, whole: Path, media: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    for index, option, name in (
        (specialists, "--image", "p3.png"),
        (specialists, "--audio", "s2.wav"),
        (specialists, "--video", "test.mp4"),
        (whole, "--image", "p5.png"),
        (whole, "--video", "bars.mp4"),
    ):
        copy = tmp_path / f"elsewhere.{name.rpartition('.')[2]}"
        copy.write_bytes((media / name).read_bytes())
        assert mmsearch(["query", option, str(copy), "--format", "jsonl", "--index", str(index)]) == 0
        out, err = capfd.readouterr()
        first = json.loads(out.splitlines()[0])
        assert os.path.basename(first["path"]) == name, (option, out)
        by_frames = index is specialists and option == "--video"
        assert err == ("elsewhere.mp4 is compared by its image (clip).\n" if by_frames else "")


def test_a_picture_comes_from_standard_input_too(
    specialists: Path, media: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    data = (media / "p6.png").read_bytes()
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(data)))
    assert mmsearch(["query", "--image", "-", "-k", "1", "--format", "paths", "--index", str(specialists)]) == 0
    assert capfd.readouterr() == (f"{media / 'p6.png'}\n", "")


def test_text_and_picture_are_one_input_where_the_model_fuses_them(whole: Path, media: Path, qwen: Path) -> None:
    model = registry.load(registry.resolve(str(qwen)), EXACT)
    fused = model.embed_pair("a red ferry", pixels(media / "p1.png"), role="query")
    stored = model.embed(View.IMAGE, [pixels(media / "p2.png")])[0]
    found = raw(whole, "qwen:image", "p2.png", "a red ferry", images=(bytes(media / "p1.png"),))
    assert found == pytest.approx(fused @ stored, abs=5e-3)


def test_text_and_picture_are_fused_by_score_elsewhere(specialists: Path, media: Path) -> None:
    images = (bytes(media / "p1.png"),)
    text, picture, both = (
        raw(specialists, "clip:image", "p4.png", words, images=shown)
        for words, shown in (("the", ()), ("", images), ("the", images))
    )
    assert both == pytest.approx((text + picture) / 2, abs=1e-5)
    assert {"ferry.txt", "p1.png"} <= set(names(asked(specialists, "ferry", images=images))[:3])


def test_several_pictures_are_one_query_of_their_sum(specialists: Path, media: Path, clip: Path) -> None:
    model = registry.load(registry.resolve(str(clip)), EXACT)
    one, other, third = model.embed(View.IMAGE, [pixels(media / f"p{seed}.png") for seed in (1, 2, 3)])
    images = (bytes(media / "p1.png"), bytes(media / "p2.png"))
    expected = (one + other) @ third / np.linalg.norm(one + other)
    assert raw(specialists, "clip:image", "p3.png", images=images) == pytest.approx(expected, abs=2e-3)


def test_a_file_outside_is_compared_by_what_it_shows_and_by_its_words(
    specialists: Path, media: Path, tmp_path: Path
) -> None:
    from PIL import Image

    captioned = tmp_path / "outside.jpg"
    exif = Image.Exif()
    exif[0x010E] = "The ferry in the harbour"
    Image.open(media / "p4.png").convert("RGB").save(captioned, exif=exif, quality=95)
    answer = Index.open(specialists).similar(bytes(captioned), Query(k=50, min_score=0.0), BY_TORCH)
    assert answer.notes == ("outside.jpg is not in the index: it is compared by its image (clip) and the words in it.",)
    assert names(answer)[0] == "p4.png" and "ferry.txt" in names(answer)


def test_views_that_no_model_takes_are_reported(specialists: Path, whole: Path, media: Path, tmp_path: Path) -> None:
    sound = bytes(media / "s1.wav")
    other = write_wav(tmp_path / "other.wav", 0.4, 333.0)  # one of the index is found as a copy, without a model
    unheard = asked(whole, audios=(bytes(other),))
    assert unheard.notes == ("qwen can't hear other.wav, and there are no words to search by.",) and not unheard.hits
    with pytest.raises(UsageError, match="is no picture"):
        asked(specialists, images=(sound,))
    broken = tmp_path / "broken.png"
    broken.write_bytes((media / "p1.png").read_bytes()[:60])
    with pytest.raises(UsageError, match="can't be decoded"):
        asked(specialists, images=(bytes(broken),))


def test_words_that_name_a_file_or_a_url_are_words(
    whole: Path, media: Path, qwen: Path, monkeypatch: pytest.MonkeyPatch
) -> None:  # T1
    model = registry.load(registry.resolve(str(qwen)), EXACT)
    stored = model.embed(View.IMAGE, [pixels(media / "p2.png")])[0]
    for text in (str(media / "p2.png"), "http://127.0.0.1:9/p2.png", "data:image/png;base64,AAAA"):
        expected = model.embed(View.TEXT, [text], role="query")[0] @ stored
        assert raw(whole, "qwen:image", "p2.png", text) == pytest.approx(expected, abs=5e-3)


def test_an_instruction_reaches_the_models_that_follow_one(
    specialists: Path, whole: Path, media: Path, qwen: Path
) -> None:
    model = registry.load(registry.resolve(str(qwen)), EXACT)
    stored = model.embed(View.IMAGE, [pixels(media / "p2.png")])[0]
    told = model.embed(View.TEXT, ["ferry"], role="query", instruction="Find ships.")[0]
    assert raw(whole, "qwen:image", "p2.png", "ferry", SHIPS) == pytest.approx(told @ stored, abs=5e-3)
    assert raw(whole, "qwen:image", "p2.png", "ferry") != pytest.approx(told @ stored, abs=5e-3)
    assert asked(whole, "ferry", SHIPS).notes == ()
    deaf = asked(specialists, "ferry", SHIPS, images=(bytes(media / "p2.png"),))
    told = [note for note in deaf.notes if "instruction" in note]
    assert told == [
        f"The model {name} takes no instruction: it searched without." for name in ("clip", "builtin", "clap")
    ]


def test_the_encoder_of_words_can_be_chosen(specialists: Path) -> None:
    with pytest.raises(ModelUnavailable) as raised:
        asked(specialists, "ferry", RunOptions(query_encoder="onnx"))
    assert raised.value.sentence == "clip can't answer without torch: clip is too large to be exported."
    assert raised.value.hint.startswith("Leave out `--query-encoder onnx`")
    assert asked(specialists, "ferry", RunOptions()).notes == ()  # that was said when the index was made
    chosen = asked(specialists, "ferry")
    assert chosen.notes == () and names(chosen)[0] == "ferry.txt"


def test_a_missing_encoder_is_made_up_for_and_reported(whole: Path, tmp_path: Path) -> None:
    for part in (Path(CACHE.name) / "mmsearch" / "encoders").iterdir():
        shutil.rmtree(part)
    answer = asked(whole, "ferry", RunOptions())
    assert answer.notes == (
        "There is no exported query encoder. qwen was loaded as a whole instead."
        " Queries will load the whole model: qwen is too large to be exported.",
    )
    assert names(answer)[0] == "ferry.txt"
    assert asked(whole, "ferry", RunOptions()).notes == ()  # that is noted, and not told again


def test_unwanted_words_weigh_against_pictures_and_pictures_against_words(specialists: Path, media: Path) -> None:
    image = (bytes(media / "p3.png"),)
    plain, less = asked(specialists, images=image), asked(specialists, images=image, minus=(Part("ferry"),))
    assert names(plain)[0] == names(less)[0] == "p3.png"
    assert less.hits[0].score < plain.hits[0].score and plain.hits[0].match and not less.hits[0].match
    unlike = asked(specialists, "ferry", minus=(Part(file=bytes(media / "p3.png")),))
    assert names(unlike)[0] == "ferry.txt"
