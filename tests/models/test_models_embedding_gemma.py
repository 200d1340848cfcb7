"""EmbeddingGemma 2 by a tiny real replica: parity with the library, and its traps by name."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from families import EXACT, TEXTS, clips, load, pictures, same, sounds
from replicas_gemma import tiny_embedding_gemma
from test_models_families import in_library_form

from benchmarks.gemma_model import PROMPTS
from mmsearch.errors import ModelUnavailable, UsageError
from mmsearch.models import export, loading, model_files
from mmsearch.models.device import Precision
from mmsearch.models.embedder import Role, TitledText
from mmsearch.models.export import parity_texts
from mmsearch.models.model_catalogue import ModelSpec
from mmsearch.models.model_files import find
from mmsearch.models.model_options import ModelOptions
from mmsearch.models.query_encoder import OnnxTextEncoder
from mmsearch.models.sentence_transformer import SentenceTransformerEmbedder
from mmsearch.types import View

pytestmark = pytest.mark.usefixtures("no_network")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_embedding_gemma(tmp_path_factory.mktemp("gemma") / "gemma")


@pytest.fixture(scope="module")
def gemma(folder: Path) -> SentenceTransformerEmbedder:
    return load(folder)


@pytest.fixture(scope="module")
def plain(folder: Path) -> Any:
    from sentence_transformers import SentenceTransformer

    return SentenceTransformer(str(folder), device="cpu")


@pytest.fixture(scope="module")
def text_alone(folder: Path) -> SentenceTransformerEmbedder:
    return load(folder, replace(EXACT, views=frozenset({View.TEXT})))


def test_the_dimension_is_that_of_the_vectors_and_not_of_the_hidden_states(
    gemma: SentenceTransformerEmbedder, plain: Any
) -> None:
    assert plain.get_embedding_dimension() == 32 and gemma.dimension == 24  # the first is what the library states


@pytest.mark.parametrize("role", ["document", "query"])
def test_texts_equal_the_library(role: Role, gemma: SentenceTransformerEmbedder, plain: Any) -> None:
    encode = plain.encode_query if role == "query" else plain.encode_document
    same(gemma.embed(View.TEXT, TEXTS, role=role), encode([{"text": text} for text in TEXTS]))


def test_pictures_sounds_and_films_equal_the_library(gemma: SentenceTransformerEmbedder, plain: Any) -> None:
    from PIL import Image

    seen = [{"image": Image.fromarray(picture)} for picture in pictures()]
    same(gemma.embed(View.IMAGE, pictures()), plain.encode_document(seen))
    played = [{"audio": {"array": sound, "sampling_rate": 16_000}} for sound in sounds(16_000)]
    same(gemma.embed(View.AUDIO, sounds(16_000)), plain.encode_document(played))
    shown = [in_library_form(clip) for clip in clips()]
    settings = {"video": {"do_sample_frames": False}}
    same(gemma.embed(View.VIDEO, clips()), plain.encode_document(shown, processing_kwargs=settings))


@pytest.mark.parametrize(
    ("pixels", "tokens"), [(None, 280), (161_280, 70), (200_000, 70), (322_560, 140), (10**9, 1120)]
)
def test_soft_tokens_follow_the_pixels(folder: Path, plain: Any, pixels: int | None, tokens: int) -> None:
    from PIL import Image

    embedder = load(folder, replace(EXACT, max_pixels=pixels, views=frozenset({View.IMAGE})))
    limits = embedder.fingerprint()["image"]["limits"]
    assert limits == {"max_pixels": 4 * tokens * 48 * 48, "soft_tokens": tokens}
    if tokens <= 140:
        settings = {"image": {"max_soft_tokens": tokens}}
        seen = [{"image": Image.fromarray(picture)} for picture in pictures()[:1]]
        expected = plain.encode_document(seen, processing_kwargs=settings)
        same(embedder.embed(View.IMAGE, pictures()[:1]), expected)


def test_too_few_pixels_for_the_least_number_of_tokens_are_refused(folder: Path) -> None:
    with pytest.raises(UsageError, match="--max-pixels 5000 is too few") as caught:
        load(folder, replace(EXACT, max_pixels=5000))
    assert "161280, 322560, 645120" in caught.value.hint


def test_parts_that_no_view_needs_are_not_loaded(
    folder: Path, gemma: SentenceTransformerEmbedder, text_alone: SentenceTransformerEmbedder
) -> None:
    seeing = load(folder, spec=ModelSpec("gemma", str(folder), limited_to=frozenset({View.IMAGE})))
    assert text_alone.views == {View.TEXT} and seeing.views == {View.TEXT, View.IMAGE, View.VIDEO}
    assert text_alone.model[0].model.vision_tower is None and text_alone.model[0].model.audio_tower is None
    assert seeing.model[0].model.vision_tower is not None and seeing.model[0].model.audio_tower is None
    same(text_alone.embed(View.TEXT, TEXTS), gemma.embed(View.TEXT, TEXTS))
    same(seeing.embed(View.IMAGE, pictures()), gemma.embed(View.IMAGE, pictures()))
    assert text_alone.fingerprint() == seeing.fingerprint() == gemma.fingerprint()  # it is the same space


def test_a_view_whose_part_is_not_loaded_is_refused_in_a_sentence(text_alone: SentenceTransformerEmbedder) -> None:
    assert text_alone.model.supports("image")  # the library claims it, and fails while it encodes
    with pytest.raises(UsageError, match="gemma can't embed image"):
        text_alone.embed(View.IMAGE, pictures())


def test_only_the_parts_that_are_loaded_must_fit_the_memory(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = find("gemma", str(folder), EXACT)
    whole, text = (
        sum(loading._count_weights(files, replace(EXACT, views=views)).values())
        for views in (None, frozenset({View.TEXT}))
    )
    assert text < 0.7 * whole
    monkeypatch.setattr(loading, "free_memory", lambda device: int(text * 4 * 1.2))
    exact = Precision("cpu", "float32", "")
    loading.check_memory(files, exact, replace(EXACT, views=frozenset({View.TEXT})))
    with pytest.raises(ModelUnavailable, match="GB of memory"):
        loading.check_memory(files, exact, EXACT)


def test_torchvision_is_needed_even_for_text_alone(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(model_files, "find_spec", lambda name: None if name == "torchvision" else object())
    with pytest.raises(ModelUnavailable, match="needs torchvision, which is not installed") as caught:
        load(folder, replace(EXACT, views=frozenset({View.TEXT})))
    assert "pip install" in caught.value.hint


def test_float16_is_refused_and_never_chosen(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ModelUnavailable, match="gemma gives wrong vectors in float16") as caught:
        load(folder, replace(EXACT, dtype="float16"))
    assert "float32" in caught.value.hint
    old = Precision("cpu", "float16", "an old GPU supports it, but not bfloat16")
    monkeypatch.setattr("mmsearch.models.sentence_transformer.preferred", lambda device: old)
    chosen = load(folder, ModelOptions(device="cpu", views=frozenset({View.TEXT})))
    assert chosen.precision.dtype == "float32" and "wrong in float16" in chosen.describe_precision()


@pytest.mark.parametrize("text", ["a <|image|> b", "<image|> end", "<|audio>x", "<bos><eos>", "<|video|>"])
def test_control_words_in_a_text_are_escaped(text: str, gemma: SentenceTransformerEmbedder) -> None:
    vector = gemma.embed(View.TEXT, [text])
    ids = gemma.model.preprocess([{"text": gemma._escaped(text)}])["input_ids"][0].tolist()
    special = set(gemma.model.tokenizer.all_special_ids) - {gemma.model.tokenizer.unk_token_id}
    assert np.isfinite(vector).all() and sum(number in special for number in ids) == sum(
        number in special for number in gemma.model.preprocess([{"text": "a b"}])["input_ids"][0].tolist()
    )


def test_sound_has_the_rate_of_the_model_and_windows_of_thirty_seconds(gemma: SentenceTransformerEmbedder) -> None:
    assert gemma.fingerprint()["audio"]["limits"] == {"rate": 16_000, "seconds": 30.0}
    long = np.sin(np.arange(16_000 * 40) * 0.05).astype(np.float32)
    prepared = gemma._inputs.prepared(View.AUDIO, [long])[0]["audio"]
    assert prepared["sampling_rate"] == 16_000 and len(prepared["array"]) == 16_000 * 30


def test_forty_minutes_of_sound_become_eighty_windows(gemma: SentenceTransformerEmbedder) -> None:
    from mmsearch.encoding.contents import Space, contents
    from mmsearch.types import Extracted, Locator, Segment

    sound = np.zeros(16_000 * 2400, np.float32)
    space = Space(1, gemma, frozenset({View.AUDIO}), gemma.fingerprint())
    found = contents(Extracted(Segment(0, Locator()), sound=sound), "", space, 16_000)
    assert len(found) == 80 and {len(part) for _, part in found} == {16_000 * 30}


def test_the_title_of_a_file_stands_in_the_prompt(gemma: SentenceTransformerEmbedder, plain: Any) -> None:
    titled = [TitledText("herring and cod", "The Harbour"), "herring and cod", TitledText("a", "The\n Harbour")]
    found = gemma.embed(View.TEXT, titled)
    prompts = ["title: The Harbour | text: ", PROMPTS["document"], "title: The Harbour | text: "]
    expected = [
        plain.encode([{"text": str(one)}], prompt=prompt)[0] for one, prompt in zip(titled, prompts, strict=True)
    ]
    same(found, np.stack(expected))
    same(gemma.embed(View.TEXT, titled[:1], role="query"), gemma.embed(View.TEXT, [str(titled[0])], role="query"))


@pytest.fixture(scope="module")
def exported(text_alone: SentenceTransformerEmbedder, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("exported") / "encoder"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(export, "parity_texts", lambda most: parity_texts(most)[:16])
        assert export.export_text_tower(text_alone, folder) >= 0.9999
    yield folder


def test_a_text_query_needs_neither_torch_nor_the_towers(
    exported: Path, gemma: SentenceTransformerEmbedder, plain: Any
) -> None:
    encoder = OnnxTextEncoder(exported)
    queries = ["herring", "a <|image|> b", "会议记录", "word " * 500]
    same(encoder.embed(queries[:3]), gemma.embed(View.TEXT, queries[:3], role="query"))
    same(encoder.embed(queries[:1]), plain.encode_query([{"text": queries[0]}]))
    same(encoder.embed(queries[3:]), gemma.embed(View.TEXT, queries[3:], role="query"))  # longer than the model
    assert encoder.fingerprint == gemma.fingerprint()["text"]


def test_a_dimension_is_cut_and_normalised_again(folder: Path, gemma: SentenceTransformerEmbedder) -> None:
    cut = load(folder, replace(EXACT, dim=8, views=frozenset({View.TEXT})))
    same(cut.embed(View.TEXT, TEXTS), gemma.embed(View.TEXT, TEXTS)[:, :8])


def test_an_index_of_all_media_is_made_and_asked_offline(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from small_index import run, write_png, write_wav

    from mmsearch.encoding import encoders
    from mmsearch.index import Index
    from mmsearch.query import Query, RunOptions

    monkeypatch.setattr(encoders, "provide", lambda *_: None)  # exporting the text tower has a test of its own
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "boats.txt").write_text("The fishing boats come back at dawn.\n")
    write_png(tmp_path / "docs" / "lagoon.png")
    write_wav(tmp_path / "docs" / "siren.wav", 2.0)
    chosen: dict[str, Any] = {"models": (str(folder),), "device": "cpu", "dtype": "float32", "ocr": "never"}
    record = run(tmp_path / "index", tmp_path / "docs", **chosen)
    index = Index.open(tmp_path / "index")
    (space,) = index.status().spaces
    assert record.failed == 0 and dict(space.embeddings) == {"text": 1, "image": 1, "audio": 1, "video": 0}
    options = RunOptions(device="cpu")
    answer = index.search(Query("fishing boats", k=3, min_score=0.0), options)
    assert answer.hits[0].path.endswith(b"boats.txt")
    assert {"gemma:text", "words"} <= {signal.name for signal in answer.hits[0].signals}
