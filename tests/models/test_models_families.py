"""Each family of embedders by a tiny real replica: its vectors equal the library's on inputs prepared as it asks."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from families import EXACT, TEXTS, Families, clips, load, pictures, same, sounds
from replicas_chat import tiny_omni

from mmsearch.models.embedder import Clip, Role
from mmsearch.types import View

pytestmark = pytest.mark.usefixtures("no_network")


def in_library_form(clip: Clip) -> dict[str, Any]:
    import torch

    count = len(clip.frames)
    times = {"fps": count / clip.seconds, "total_num_frames": count, "duration": clip.seconds}
    frames = torch.from_numpy(clip.frames.transpose(0, 3, 1, 2).copy())
    return {"video": {"array": frames, "video_metadata": times | {"frames_indices": list(range(count))}}}


@pytest.mark.parametrize("name", ["clip", "clap", "qwen", "omni", "minilm"])
@pytest.mark.parametrize("role", ["document", "query"])
def test_texts(name: str, role: Role, families: Families) -> None:
    model = families.plain_model(name)
    inputs = [{"text": text} for text in TEXTS] if len(model.modalities) > 1 else TEXTS
    encode = model.encode_query if role == "query" else model.encode_document
    same(families.embedder(name).embed(View.TEXT, TEXTS, role=role), encode(inputs))


@pytest.mark.parametrize("name", ["clip", "siglip", "qwen", "omni"])
def test_pictures(name: str, families: Families) -> None:
    from PIL import Image

    inputs = [{"image": Image.fromarray(picture)} for picture in pictures()]
    found = families.embedder(name).embed(View.IMAGE, pictures())
    same(found, families.plain_model(name).encode_document(inputs))
    assert (found @ found.T).min() < 0.999  # else anything would be the same


@pytest.mark.parametrize(("name", "rate"), [("clap", 48_000), ("omni", 16_000)])
def test_sounds(name: str, rate: int, families: Families) -> None:
    inputs = [{"audio": {"array": sound, "sampling_rate": rate}} for sound in sounds(rate)]
    same(families.embedder(name).embed(View.AUDIO, sounds(rate)), families.plain_model(name).encode_document(inputs))


@pytest.mark.parametrize("name", ["qwen", "omni"])
def test_films(name: str, families: Families) -> None:
    settings = {"do_sample_frames": False, "size": {"shortest_edge": 1024, "longest_edge": 8 * 640 * 360}}
    if name == "qwen":
        settings["cap_pixels_per_frame"] = True
    inputs = [in_library_form(clip) for clip in clips()]
    expected = families.plain_model(name).encode_document(inputs, processing_kwargs={"video": settings})
    same(families.embedder(name).embed(View.VIDEO, clips()), expected)


@pytest.mark.parametrize("name", ["qwen", "omni"])
def test_a_text_and_a_picture_in_one(name: str, families: Families) -> None:
    from PIL import Image

    picture, embedder = pictures()[0], families.embedder(name)
    assert embedder.embeds_pairs
    expected = families.plain_model(name).encode_query([{"image": Image.fromarray(picture), "text": "but in red"}])
    same(embedder.embed_pair("but in red", picture)[None], expected)


def test_t12_the_multilingual_student_embeds_texts_and_its_pair_embeds_images(families: Families) -> None:
    from PIL import Image

    student = families.embedder("student")
    assert student.views == {View.TEXT, View.IMAGE} and not student.embeds_pairs
    same(student.embed(View.TEXT, TEXTS), families.plain_model("student").encode_document(TEXTS))
    inputs = [Image.fromarray(picture) for picture in pictures()]
    same(student.embed(View.IMAGE, pictures()), families.plain_model("clip").encode_document(inputs))
    origin = student.fingerprint()
    assert origin["text"]["limits"] == {"max_tokens": 128} and origin["image"]["limits"] == {"max_pixels": 4096}
    assert origin["image"]["pair"]["model"] == "clip" and origin["text"]["model"] == "student"


def test_what_a_fingerprint_holds_of_each_view(families: Families) -> None:
    found = {name: families.embedder(name).fingerprint() for name in ("clip", "clap", "qwen", "omni")}
    limits = {name: {view: facts["limits"] for view, facts in views.items()} for name, views in found.items()}
    film = {"frames": 8, "max_pixels": 640 * 360}
    chat_picture = {"max_pixels": 4096, "min_pixels": 1024}
    assert limits == {
        "clip": {"text": {"max_tokens": 77}, "image": {"max_pixels": 4096}},
        "clap": {"text": {"max_tokens": 77}, "audio": {"rate": 48_000, "seconds": 10.0}},
        "qwen": {"text": {"max_tokens": 4096}, "image": chat_picture, "video": film},
        "omni": {
            "text": {"max_tokens": 4096},
            "image": chat_picture,
            "video": film,
            "audio": {"rate": 16_000, "seconds": 30.0},
        },
    }
    assert {(name, facts["pooling"], facts["class"]) for name, views in found.items() for facts in views.values()} == {
        ("clip", "own", "CLIPModel"),
        ("clap", "own", "ClapModel"),
        ("qwen", "lasttoken", "Qwen3VLModel"),
        ("omni", "lasttoken", "Qwen2_5OmniThinkerModel"),
    }


def test_vectors_are_cut_before_they_get_their_length(families: Families) -> None:
    cut = load(families.folder("qwen"), replace(EXACT, dim=8))
    whole = families.embedder("qwen").embed(View.IMAGE, pictures())
    assert cut.dimension == 8 and cut.fingerprint()["image"]["dimension"] == 8
    same(cut.embed(View.IMAGE, pictures()), whole[:, :8])


def test_lco_models_are_asked_for_one_word(tmp_path: Path) -> None:
    folder = tiny_omni(tmp_path / "lco", files=False)
    embedder = load(folder)
    assert embedder.fingerprint()["audio"]["pooling"] == "lasttoken"
    model = embedder.model
    assert model.processor.tokenizer.padding_side == "left"
    asked = [{"text": f"{text}\nSummarize the above text in one word:"} for text in TEXTS]
    same(embedder.embed(View.TEXT, TEXTS), model.encode(asked))
    seen = embedder.embed(View.AUDIO, sounds(16_000))
    heard = [{"array": sound, "sampling_rate": 16_000} for sound in sounds(16_000)]
    word = "\nSummarize the above audio in one word:"
    same(seen, model.encode([{"audio": sound, "text": word} for sound in heard]))
