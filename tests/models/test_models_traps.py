"""The traps of sentence-transformers that wait in inputs, prompts, precision and batches, by their numbers."""

import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from families import EXACT, TEXTS, Families, clips, load, pictures, same, sounds
from replicas import tiny_minilm
from replicas_chat import tiny_qwen3_vl

from mmsearch.errors import ExtractionError, UsageError
from mmsearch.models import device
from mmsearch.models.batching import Budget
from mmsearch.models.embedder import Clip
from mmsearch.models.model_catalogue import ModelSpec
from mmsearch.models.model_options import ModelOptions
from mmsearch.types import View

pytestmark = pytest.mark.usefixtures("no_network")


@pytest.mark.parametrize("name", ["clip", "clap", "qwen", "omni"])
def test_t01_a_text_that_names_a_file_or_a_url_is_a_text(
    name: str, families: Families, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from PIL import Image

    Image.fromarray(pictures()[0]).save(tmp_path / "photo.png")
    monkeypatch.chdir(tmp_path)
    texts = ["photo.png", str(tmp_path / "photo.png"), "https://example.org/a.jpg", "data:image/png;base64,AAAA"]
    expected = families.plain_model(name).encode_query([{"text": text} for text in texts])
    same(families.embedder(name).embed(View.TEXT, texts, role="query"), expected)


@pytest.mark.parametrize("name", ["clip", "clap", "qwen", "minilm"])
def test_t02_no_items_give_no_rows_of_the_right_width(name: str, families: Families) -> None:
    embedder = families.embedder(name)
    assert embedder.embed(View.TEXT, []).shape == (0, embedder.dimension)


def test_t03_views_are_those_that_the_model_takes_and_others_are_refused(families: Families) -> None:
    assert {name: families.embedder(name).views for name in ("clip", "clap", "minilm")} == {
        "clip": {View.TEXT, View.IMAGE},
        "clap": {View.TEXT, View.AUDIO},
        "minilm": {View.TEXT},
    }
    assert families.embedder("qwen").views == {View.TEXT, View.IMAGE, View.VIDEO}
    assert families.embedder("omni").views == set(View)
    for name, view, items in (("clip", View.AUDIO, sounds(16_000)), ("clap", View.IMAGE, pictures())):
        with pytest.raises(UsageError, match=f"{name} can't embed {view}."):
            families.embedder(name).embed(view, items)
    with pytest.raises(UsageError, match="can't take a text and a picture"):
        families.embedder("clip").embed_pair("red", pictures()[0])


@pytest.mark.parametrize("shape", [(1, 1, 3), (3, 3, 3), (1, 3000, 3), (3000, 2, 3), (1200, 1600, 3)])
@pytest.mark.parametrize("name", ["clip", "siglip", "qwen", "omni"])
def test_t04_pictures_of_any_shape_have_a_vector(name: str, shape: tuple[int, int, int], families: Families) -> None:
    picture = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    found = families.embedder(name).embed(View.IMAGE, [picture])
    assert np.linalg.norm(found) == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize(
    "wrong", [np.zeros((9, 9, 3), np.float32), np.zeros((9, 9), np.uint8), np.zeros((9, 9, 4), np.uint8)]
)
def test_t04_pictures_of_another_type_are_refused(wrong: np.ndarray, families: Families) -> None:
    with pytest.raises(UsageError, match=r"uint8 \(height, width, 3\)"):
        families.embedder("clip").embed(View.IMAGE, [wrong])


def test_t05_pixel_limits_hold_for_pictures_and_for_films(families: Families) -> None:
    few = load(families.folder("qwen"), replace(EXACT, max_pixels=2048, min_pixels=1024, frames=4))
    assert few.fingerprint()["image"]["limits"] == {"max_pixels": 2048, "min_pixels": 1024}
    assert few.fingerprint()["video"]["limits"] == {"frames": 4, "max_pixels": 2048}
    large = np.zeros((900, 1600, 3), np.uint8)
    made = few.model.preprocess(few._inputs.prepared(View.IMAGE, [large]))
    assert int(made["image_grid_thw"].prod()) * 16 * 16 <= 2048
    made = few.model.preprocess(few._inputs.prepared(View.VIDEO, [Clip(np.stack([large] * 9), 3.0)]))
    assert made["video_grid_thw"][0, 0] == 2 and int(made["video_grid_thw"].prod()) * 16 * 16 <= 2 * 2048


def test_t05_a_model_of_one_picture_size_has_no_least_number_of_pixels(families: Families) -> None:
    with pytest.raises(UsageError, match="min-pixels"):
        load(families.folder("clip"), replace(EXACT, min_pixels=64))


@pytest.mark.parametrize("name", ["clip", "siglip", "clap", "qwen", "omni", "minilm", "student"])
def test_t06_long_texts_become_parts_of_which_nothing_is_cut(name: str, families: Families) -> None:
    embedder = families.embedder(name)
    text = "\n".join(f"Paragraph {n} of wind, water and ships in the harbour." for n in range(200))
    parts = embedder.split_text(text)
    assert len(parts) > 1 and "".join("".join(parts).split()) == "".join(text.split())
    inputs = embedder._inputs.prepared(View.TEXT, [max(parts, key=len)])
    route = embedder.model[0].sub_modules["text"][0] if name == "student" else embedder.model[0]
    route.max_seq_length, limit = 100_000, route.max_seq_length
    try:
        loose = {"text": {"truncation": False, "padding": True, "max_length": None}}
        whole = embedder.model.preprocess(inputs, processing_kwargs=loose)["input_ids"].shape[1]
    finally:
        route.max_seq_length = limit
    assert embedder.max_tokens / 4 < whole <= embedder.max_tokens


def test_t06_a_picture_with_a_long_text_is_taken(families: Families) -> None:
    found = families.embedder("qwen").embed_pair("word " * 5000, pictures()[0])
    assert np.linalg.norm(found) == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize("wrong", [np.zeros(4800, np.int16), np.zeros((2, 4800), np.float32), np.zeros(4800)])
@pytest.mark.parametrize("name", ["clap", "omni"])
def test_t07_sounds_of_another_type_are_refused(name: str, wrong: np.ndarray, families: Families) -> None:
    with pytest.raises(UsageError, match=r"float32 \(samples,\) mono"):
        families.embedder(name).embed(View.AUDIO, [wrong])


@pytest.mark.parametrize("name", ["clap", "omni"])
def test_t07_sounds_of_any_length_have_a_vector_and_always_the_same(name: str, families: Families) -> None:
    embedder = families.embedder(name)
    rate = embedder.fingerprint()["audio"]["limits"]["rate"]
    long = np.random.default_rng(0).standard_normal(rate * 13).astype(np.float32) / 9
    items = [np.zeros(0, np.float32), np.zeros(5, np.float32), long]
    one, other = embedder.embed(View.AUDIO, items), embedder.embed(View.AUDIO, items)
    assert np.allclose(np.linalg.norm(one, axis=1), 1, atol=1e-5)
    assert (one * other).sum(axis=1).min() > 0.999999  # no random crop


def test_t07_a_short_sound_is_not_padded_to_five_minutes(families: Families) -> None:
    embedder = families.embedder("omni")
    made = embedder.model.preprocess(embedder._inputs.prepared(View.AUDIO, sounds(16_000)))
    assert made["input_features"].shape[-1] <= 3000


@pytest.mark.parametrize("name", ["qwen", "omni"])
def test_t08_films_of_one_frame_and_of_many_have_a_vector(name: str, families: Families) -> None:
    frames = np.random.default_rng(0).integers(0, 256, (40, 36, 64, 3), dtype=np.uint8)
    films = [Clip(frames[:count], 5.0) for count in (1, 3, 40)]
    found = families.embedder(name).embed(View.VIDEO, films)
    assert np.allclose(np.linalg.norm(found, axis=1), 1, atol=1e-5)
    thinned = Clip(frames[((np.arange(8) + 0.5) * 5).astype(int)], 5.0)
    assert found[2] @ families.embedder(name).embed(View.VIDEO, [thinned])[0] > 0.9999


def test_t08_frames_carry_their_times_and_stay_below_a_rate(families: Families) -> None:
    slow = load(families.folder("qwen"), replace(EXACT, frames=16, fps=1.0))
    assert slow.fingerprint()["video"]["limits"] == {"frames": 16, "max_pixels": 640 * 360, "fps": 1.0}
    film = Clip(np.zeros((16, 36, 64, 3), np.uint8), 6.0)
    made = slow._inputs.prepared(View.VIDEO, [film])[0]["video"]
    assert made["video_metadata"] == {
        "fps": 1.0,
        "total_num_frames": 6,
        "duration": 6.0,
        "frames_indices": [0, 1, 2, 3, 4, 5],
    }
    made = families.embedder("qwen")._inputs.prepared(View.VIDEO, clips()[:1])[0]["video"]
    assert made["video_metadata"]["fps"] == 1.0 and tuple(made["array"].shape) == (4, 3, 36, 64)


@pytest.mark.parametrize("wrong", [np.zeros((0, 9, 9, 3), np.uint8), np.zeros((4, 3, 9, 9), np.uint8)])
def test_t08_frames_of_another_shape_are_refused(wrong: np.ndarray, families: Families) -> None:
    with pytest.raises(UsageError, match="Frames must be uint8"):
        families.embedder("qwen").embed(View.VIDEO, [Clip(wrong, 1.0)])


def test_t09_prompts_by_role_also_where_the_model_calls_documents_passages(tmp_path: Path) -> None:
    """The library gives documents no prompt where only a passage prompt is stated."""
    folder = tiny_minilm(tmp_path / "e5", prompts={"query": "query: ", "passage": "passage: "})
    embedder = load(folder)
    assert embedder.fingerprint()["text"]["prompts"] == {"query": "query: ", "document": "passage: "}
    same(embedder.embed(View.TEXT, TEXTS), embedder.model.encode(TEXTS, prompt="passage: "))
    same(embedder.embed(View.TEXT, TEXTS, role="query"), embedder.model.encode_query(TEXTS))
    with pytest.raises(UsageError, match="takes no instruction"):
        embedder.embed(View.TEXT, TEXTS, role="query", instruction="Find it.")


def test_t09_prompts_that_files_lack_come_from_what_is_known(tmp_path: Path) -> None:
    folder = tiny_minilm(tmp_path / "e5")
    known = (("query", "query: "), ("document", "passage: "))
    embedder = load(folder, spec=ModelSpec("e5", str(folder), prompts=known))
    same(embedder.embed(View.TEXT, TEXTS), embedder.model.encode(TEXTS, prompt="passage: "))


def test_t09_an_instruction_takes_the_place_of_the_one_in_the_query_prompt(tmp_path: Path) -> None:
    folder = tiny_minilm(tmp_path / "told", prompts={"query": "Instruct: Find a passage.\nQuery:", "document": ""})
    embedder = load(folder)
    assert embedder.takes_instruction
    expected = embedder.model.encode(TEXTS, prompt="Instruct: Find a poem.\nQuery:")
    same(embedder.embed(View.TEXT, TEXTS, role="query", instruction="Find a poem."), expected)


@pytest.mark.parametrize("name", ["qwen", "omni"])
def test_t09_an_instruction_is_the_system_s_turn_and_reaches_pictures(name: str, families: Families) -> None:
    from PIL import Image

    embedder, model = families.embedder(name), families.plain_model(name)
    inputs = [{"image": Image.fromarray(picture)} for picture in pictures()]
    told = embedder.embed(View.IMAGE, pictures(), role="query", instruction="Find the same room.")
    same(told, model.encode_query(inputs, prompt="Find the same room."))
    plain = embedder.embed(View.IMAGE, pictures(), role="query")
    assert (told * plain).sum(axis=1).max() < 0.9999


@pytest.mark.parametrize("name", ["clip", "qwen", "omni"])
def test_t10_control_tokens_in_a_text_are_letters(name: str, families: Families) -> None:
    hostile = ["a <|image_pad|> b", "<|im_end|><|endoftext|> c", "<|VIDEO|><|AUDIO|>"]
    embedder = families.embedder(name)
    found = embedder.embed(View.TEXT, hostile)
    expected = families.plain_model(name).encode_document([{"text": text.replace("<|", "< |")} for text in hostile])
    same(found, expected)


def test_t11_a_siglip_text_does_not_depend_on_its_batch(families: Families) -> None:
    embedder = families.embedder("siglip")
    alone = np.concatenate([embedder.embed(View.TEXT, [text]) for text in TEXTS])
    same(embedder.embed(View.TEXT, TEXTS), alone)
    padded = {"text": {"padding": "max_length", "max_length": 64}}
    same(alone, families.plain_model("siglip").encode([{"text": text} for text in TEXTS], processing_kwargs=padded))


def test_t11_a_model_that_knows_small_letters_only_reads_capitals(families: Families) -> None:
    spec = ModelSpec("siglip2", str(families.folder("siglip")), lower_case=True)
    embedder = load(families.folder("siglip"), spec=spec)
    same(embedder.embed(View.TEXT, ["A DOG"]), embedder.embed(View.TEXT, ["a dog"]))


def test_t15_names_and_files_are_known_without_the_heavy_libraries() -> None:
    code = (
        "import sys\n"
        "from mmsearch.models import late_interaction, loading, model_options, registry, sentence_transformer\n"
        "registry.resolve('clip:image')\n"
        "print([one for one in ('torch', 'transformers', 'sentence_transformers', 'PIL') if one in sys.modules])"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


def test_t19_weights_published_in_bfloat16_are_computed_in_it_only_where_the_cpu_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tiny_qwen3_vl(tmp_path / "half", dtype="bfloat16")
    monkeypatch.setattr(device, "cpu_flags", lambda: frozenset({"avx2"}))
    slow = load(folder, ModelOptions(device="cpu"))
    assert slow.describe_precision() == "float32 on this CPU: the CPU has no bfloat16 instructions"
    assert {one.dtype.itemsize for one in slow.model.parameters()} == {4}
    monkeypatch.setattr(device, "cpu_flags", lambda: frozenset({"avx512_bf16"}))
    fast = load(folder, ModelOptions(device="cpu"))
    assert fast.describe_precision().startswith(
        "bfloat16 on this CPU: its weights are published in it, and the CPU supports it"
    )
    assert {one.dtype.itemsize for one in fast.model.parameters()} == {2}
    plain = load(folder, ModelOptions(device="cpu", attn="eager"))
    assert plain.model.transformers_model.config._attn_implementation == "eager"


def test_t21_vectors_have_unit_length_in_any_precision(families: Families) -> None:
    for name in ("clip", "qwen"):
        reduced = load(families.folder(name), ModelOptions(device="cpu", dtype="bfloat16"))
        for view, items in ((View.TEXT, TEXTS), (View.IMAGE, pictures())):
            found = reduced.embed(view, items)
            assert found.dtype == np.float32 and np.allclose(np.linalg.norm(found, axis=1), 1, atol=1e-6)
            assert (found * families.embedder(name).embed(view, items)).sum(axis=1).min() > 0.98


@pytest.mark.parametrize("dim", [17, 0, -3])
def test_t21_a_dimension_that_the_model_lacks_is_refused(dim: int, families: Families) -> None:
    with pytest.raises(UsageError) as caught:
        load(families.folder("clip"), replace(EXACT, dim=dim))
    assert (caught.value.sentence, caught.value.hint) == (f"clip has no {dim} dimensions.", "Choose --dim 1 to 16.")


@pytest.mark.parametrize("name", ["clip", "qwen"])
def test_t22_several_threads_at_once_change_nothing(name: str, families: Families) -> None:
    embedder = load(families.folder(name))
    rng = np.random.default_rng(5)
    many = [rng.integers(0, 256, (30 + n, 40, 3), dtype=np.uint8) for n in range(12)]
    texts = ["one word", "a few words more than that, so that batches are padded to another length", "x"] * 3
    embedder.batches.budgets[View.IMAGE] = Budget(40, most=40)
    work: list[tuple[View, Sequence[Any]]] = [
        (View.IMAGE, many),
        (View.TEXT, texts),
        (View.IMAGE, many[::-1]),
        (View.TEXT, texts[:2]),
    ] * 2
    expected = [embedder.embed(view, items) for view, items in work[:4]]
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda one: embedder.embed(*one), work))
    for got, wanted in zip(found, expected * 2, strict=True):
        same(got, wanted)
    weights = {id(one) for one in embedder.model.parameters()}
    preparers = [embedder.batches._preparers.get_nowait() for _ in range(embedder.batches._preparers.qsize())]
    assert len(preparers) <= 4 and all({id(one) for one in preparer.parameters()} == weights for preparer in preparers)


def test_t23_large_pictures_are_shrunk_before_the_processor_sees_them(families: Families) -> None:
    embedder = families.embedder("clip")
    seen = embedder._inputs.prepared(View.IMAGE, [np.zeros((1500, 2000, 3), np.uint8)])[0]["image"]
    assert seen.size == (73, 55)  # four times 32 x 32 pixels at most


@pytest.mark.parametrize("name", ["clip", "omni"])
def test_t24_running_out_of_memory_halves_batches_of_pictures(
    name: str, families: Families, monkeypatch: pytest.MonkeyPatch
) -> None:
    embedder = load(families.folder(name))
    expected = embedder.embed(View.IMAGE, pictures() * 3)
    sizes: list[int] = []
    real = embedder.model.forward

    def scarce(features: dict[str, Any], **named: Any) -> Any:
        sizes.append(len(features["input_ids"]) if "input_ids" in features else len(features["pixel_values"]))
        if sizes[-1] > 2:
            raise RuntimeError("CUDA out of memory. Tried to allocate 20.00 GiB")
        return real(features, **named)

    monkeypatch.setattr(embedder.model, "forward", scarce)
    same(embedder.embed(View.IMAGE, pictures() * 3), expected)
    assert max(sizes) > 2 and sizes[-1] <= 2

    def never(features: dict[str, Any], **named: Any) -> None:
        raise RuntimeError("CUDA out of memory")

    monkeypatch.setattr(embedder.model, "forward", never)
    with pytest.raises(ExtractionError) as caught:
        embedder.embed(View.IMAGE, pictures())
    assert caught.value.code == "memory"


def test_t25_tiny_models_run_on_one_thread() -> None:
    import torch

    assert torch.get_num_threads() == 1
