"""Each family of embedders by a tiny real replica: its vectors equal the library's on inputs prepared as it asks."""

from dataclasses import replace

import numpy as np
import pytest
from replicas import tiny_clip, tiny_minilm
from replicas_chat import tiny_omni, tiny_qwen3_vl
from replicas_towers import tiny_clap, tiny_siglip, tiny_student

from mmsearch.models.embedder import Clip
from mmsearch.models.known import ModelSpec
from mmsearch.models.options import ModelOptions
from mmsearch.models.sentence_transformer import SentenceTransformerEmbedder
from mmsearch.types import View

MAKERS = {
    "clip": tiny_clip, "siglip": tiny_siglip, "clap": tiny_clap, "qwen": tiny_qwen3_vl, "omni": tiny_omni,
    "minilm": tiny_minilm, "student": tiny_student,
}  # fmt: skip
TEXTS = ["A dog in the rain", "invoice 4711", "/etc/passwd", "https://example.org/cat.jpg", "a " * 30]
EXACT = ModelOptions(device="cpu", dtype="float32")


@pytest.fixture(scope="session")
def folders(tmp_path_factory):
    top = tmp_path_factory.mktemp("families")
    return {name: make(top / name) for name, make in MAKERS.items()}


@pytest.fixture(scope="session")
def embedders(folders):
    made = {}

    def get(name):
        if name not in made:
            pair = str(folders["clip"]) if name == "student" else None
            spec = ModelSpec(name, str(folders[name]), pair=pair)
            made[name] = SentenceTransformerEmbedder(folders[name], name=name, options=EXACT, spec=spec)
        return made[name]

    return get


@pytest.fixture(scope="session")
def library(folders):
    """The library's own object, untouched by us."""
    from mmsearch.models.libraries import quiet

    quiet(offline=True)
    from sentence_transformers import SentenceTransformer

    return lambda name: SentenceTransformer(str(folders[name]), device="cpu")


def pictures():
    rng = np.random.default_rng(1)
    return [rng.integers(0, 256, (high, wide, 3), dtype=np.uint8) for high, wide in ((40, 60), (64, 48), (50, 50))]


def sounds(rate):
    times = np.arange(rate * 3) / rate
    return [np.sin(times[: int(rate * length)] * tone).astype(np.float32) / 3 for length, tone in ((3, 900), (1, 4000))]


def clips():
    rng = np.random.default_rng(2)
    return [Clip(rng.integers(0, 256, (count, 36, 64, 3), dtype=np.uint8), 4.0) for count in (4, 8)]


def in_library_form(clip):
    import torch

    count = len(clip.frames)
    times = {"fps": count / clip.seconds, "total_num_frames": count, "duration": clip.seconds}
    frames = torch.from_numpy(clip.frames.transpose(0, 3, 1, 2).copy())
    return {"video": {"array": frames, "video_metadata": times | {"frames_indices": list(range(count))}}}


def same(found, expected):
    assert found.dtype == np.float32 and found.shape == expected.shape
    assert np.allclose(np.linalg.norm(found, axis=1), 1, atol=1e-5)
    unit = expected / np.linalg.norm(expected, axis=1, keepdims=True)
    assert (found * unit).sum(axis=1).min() >= 0.9999


@pytest.mark.parametrize("name", ["clip", "clap", "qwen", "omni", "minilm"])
@pytest.mark.parametrize("role", ["document", "query"])
def test_texts(name, role, embedders, library):
    model = library(name)
    inputs = [{"text": text} for text in TEXTS] if len(model.modalities) > 1 else TEXTS
    encode = model.encode_query if role == "query" else model.encode_document
    same(embedders(name).embed(View.TEXT, TEXTS, role=role), encode(inputs))


@pytest.mark.parametrize("name", ["clip", "siglip", "qwen", "omni"])
def test_pictures(name, embedders, library):
    from PIL import Image

    inputs = [{"image": Image.fromarray(picture)} for picture in pictures()]
    found = embedders(name).embed(View.IMAGE, pictures())
    same(found, library(name).encode_document(inputs))
    assert np.ptp(found @ found.T) > 1e-3  # else anything would be the same


@pytest.mark.parametrize(("name", "rate"), [("clap", 48_000), ("omni", 16_000)])
def test_sounds(name, rate, embedders, library):
    inputs = [{"audio": {"array": sound, "sampling_rate": rate}} for sound in sounds(rate)]
    same(embedders(name).embed(View.AUDIO, sounds(rate)), library(name).encode_document(inputs))


@pytest.mark.parametrize("name", ["qwen", "omni"])
def test_films(name, embedders, library):
    settings = {"do_sample_frames": False, "size": {"shortest_edge": 1024, "longest_edge": 8 * 640 * 360}}
    if name == "qwen":
        settings["cap_pixels_per_frame"] = True
    inputs = [in_library_form(clip) for clip in clips()]
    expected = library(name).encode_document(inputs, processing_kwargs={"video": settings})
    same(embedders(name).embed(View.VIDEO, clips()), expected)


@pytest.mark.parametrize("name", ["qwen", "omni"])
def test_a_text_and_a_picture_in_one(name, embedders, library):
    from PIL import Image

    picture, embedder = pictures()[0], embedders(name)
    assert embedder.fuses
    expected = library(name).encode_query([{"image": Image.fromarray(picture), "text": "but in red"}])
    same(embedder.fused("but in red", picture)[None], expected)


def test_t12_the_multilingual_student_reads_and_its_pair_looks(embedders, library):
    from PIL import Image

    student = embedders("student")
    assert student.views == {View.TEXT, View.IMAGE} and not student.fuses
    same(student.embed(View.TEXT, TEXTS), library("student").encode_document(TEXTS))
    inputs = [Image.fromarray(picture) for picture in pictures()]
    same(student.embed(View.IMAGE, pictures()), library("clip").encode_document(inputs))
    origin = student.fingerprint()
    assert origin["text"]["limits"] == {"max_tokens": 128} and origin["image"]["limits"] == {"max_pixels": 4096}
    assert origin["image"]["pair"]["model"] == "clip" and origin["text"]["model"] == "student"


def test_what_a_fingerprint_says_of_each_view(embedders):
    found = {name: embedders(name).fingerprint() for name in ("clip", "clap", "qwen", "omni")}
    limits = {name: {view: facts["limits"] for view, facts in views.items()} for name, views in found.items()}
    film = {"frames": 8, "max_pixels": 640 * 360}
    chat_picture = {"max_pixels": 4096, "min_pixels": 1024}
    assert limits == {
        "clip": {"text": {"max_tokens": 77}, "image": {"max_pixels": 4096}},
        "clap": {"text": {"max_tokens": 77}, "audio": {"rate": 48_000, "seconds": 10.0}},
        "qwen": {"text": {"max_tokens": 4096}, "image": chat_picture, "video": film},
        "omni": {
            "text": {"max_tokens": 4096}, "image": chat_picture, "video": film,
            "audio": {"rate": 16_000, "seconds": 30.0},
        },
    }  # fmt: skip
    assert {(name, facts["pooling"], facts["class"]) for name, views in found.items() for facts in views.values()} == {
        ("clip", "own", "CLIPModel"),
        ("clap", "own", "ClapModel"),
        ("qwen", "lasttoken", "Qwen3VLModel"),
        ("omni", "lasttoken", "Qwen2_5OmniThinkerModel"),
    }


def test_vectors_are_cut_before_they_get_their_length(folders, embedders):
    cut = SentenceTransformerEmbedder(folders["qwen"], name="qwen", options=replace(EXACT, dim=8))
    whole = embedders("qwen").embed(View.IMAGE, pictures())
    assert cut.dimension == 8 and cut.fingerprint()["image"]["dimension"] == 8
    same(cut.embed(View.IMAGE, pictures()), whole[:, :8])


def test_lco_models_are_asked_for_one_word(tmp_path):
    folder = tiny_omni(tmp_path / "lco", files=False)
    embedder = SentenceTransformerEmbedder(folder, name="lco", options=EXACT)
    assert embedder.fingerprint()["audio"]["pooling"] == "lasttoken"
    model = embedder.model
    assert model.processor.tokenizer.padding_side == "left"
    asked = [{"text": f"{text}\nSummarize the above text in one word:"} for text in TEXTS]
    same(embedder.embed(View.TEXT, TEXTS), model.encode(asked))
    seen = embedder.embed(View.AUDIO, sounds(16_000))
    heard = [{"array": sound, "sampling_rate": 16_000} for sound in sounds(16_000)]
    word = "\nSummarize the above audio in one word:"
    same(seen, model.encode([{"audio": sound, "text": word} for sound in heard]))
