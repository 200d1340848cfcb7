"""Models that can't be loaded, each in one sentence with a next step, and models of the hub's cache, offline."""

import json
import shutil
import time
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest
from families import EXACT, TEXTS, Families, load, pictures, same
from replicas import tiny_bert, tiny_clip, tiny_minilm
from replicas_chat import tiny_qwen3_vl
from replicas_rerankers import tiny_ms_marco
from replicas_towers import tiny_colqwen2

from mmsearch.errors import ModelUnavailable, UsageError
from mmsearch.models import loading, model_files
from mmsearch.models.device import free_memory
from mmsearch.models.model_catalogue import ModelSpec
from mmsearch.models.model_options import ModelOptions
from mmsearch.models.sentence_transformer import SentenceTransformerEmbedder
from mmsearch.types import View

pytestmark = pytest.mark.usefixtures("no_network")


def refusal(folder: Path, options: ModelOptions = EXACT) -> tuple[str, str]:
    """The sentence and the hint with which a model is refused."""
    with pytest.raises(ModelUnavailable) as caught:
        load(folder, options)
    assert caught.value.exit_code == 2 and "\n" not in caught.value.sentence
    return caught.value.sentence, caught.value.hint


def change(path: Path, **facts: Any) -> None:
    """Set keys of a JSON file; None removes one."""
    known = json.loads(path.read_text())
    path.write_text(json.dumps({name: fact for name, fact in (known | facts).items() if fact is not None}))


def copied(families: Families, name: str, place: Path) -> Path:
    shutil.copytree(families.folder(name), place)
    return place


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, families: Families) -> str:
    """A hub cache that holds the CLIP replica as `owner/clip`, branches main and refs/pr/7."""
    commit = "0123456789abcdef0123456789abcdef01234567"
    top = tmp_path / "hub" / "models--owner--clip"
    for branch in ("main", "refs/pr/7"):
        (top / "refs" / branch).parent.mkdir(parents=True, exist_ok=True)
        (top / "refs" / branch).write_text(commit)
    copied(families, "clip", top / "snapshots" / commit)
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    return commit


@pytest.mark.parametrize("revision", [None, "refs/pr/7"])
def test_t16_a_cached_model_loads_at_once_and_without_a_network(
    cache: str, revision: str | None, families: Families
) -> None:
    began = time.monotonic()
    options = replace(EXACT, revision=revision, allow_download=True)
    embedder = SentenceTransformerEmbedder("owner/clip", name="clip", options=options)
    assert time.monotonic() - began < 10
    origin = embedder.fingerprint()["image"]
    assert (origin["model"], origin["commit"]) == ("owner/clip", cache)
    same(embedder.embed(View.IMAGE, pictures()), families.embedder("clip").embed(View.IMAGE, pictures()))


def test_t16_an_uncached_model_is_refused_at_once(cache: str) -> None:
    for source, options in (("owner/other", EXACT), ("owner/clip", replace(EXACT, revision="refs/pr/8"))):
        began = time.monotonic()
        with pytest.raises(ModelUnavailable) as caught:
            SentenceTransformerEmbedder(source, name="it", options=options)
        assert time.monotonic() - began < 5
        assert caught.value.sentence == f"{source} is not on this machine."
        assert "mmsearch models pull it" in caught.value.hint


def test_t16_a_model_that_is_here_in_part_is_reported_as_such(cache: str, tmp_path: Path) -> None:
    weights_file = tmp_path / "hub" / "models--owner--clip" / "snapshots" / cache / "model.safetensors"
    weights_file.unlink()
    with pytest.raises(ModelUnavailable, match="owner/clip is on this machine only in part"):
        SentenceTransformerEmbedder("owner/clip", name="clip", options=EXACT)


def test_t17_folders_that_hold_no_model(tmp_path: Path, families: Families) -> None:
    assert refusal(tmp_path) == (f"There is no model in the folder {tmp_path}.", "A model has a config.json.")
    without = copied(families, "clip", tmp_path / "without")
    (without / "model.safetensors").unlink()
    assert refusal(without)[0] == "without has no weights, or not all of them."
    short = copied(families, "clip", tmp_path / "short")
    with (short / "model.safetensors").open("r+b") as file:
        file.truncate(9000)
    sentence, hint = refusal(short)
    assert sentence.startswith("The weights of short can't be read: ") and hint == "Fetch it anew."
    strange = copied(families, "clip", tmp_path / "strange")
    change(strange / "config.json", model_type="no_such_type", architectures=["NoSuchModel"])
    sentence, hint = refusal(strange)
    assert sentence.startswith("strange can't be loaded: ") and hint


def test_t17_a_device_that_is_not_there(families: Families, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    for device, sentence in (
        ("cuda", "There is no cuda on this machine, or PyTorch is not built for it."),
        ("warp:9", '"warp:9" is no device.'),
    ):
        with pytest.raises(UsageError) as caught:
            load(families.folder("clip"), ModelOptions(device=device))
        assert caught.value.sentence == sentence and caught.value.hint


def test_t17_code_of_a_model_s_own_is_not_run_unasked(tmp_path: Path, families: Families) -> None:
    folder = copied(families, "clip", tmp_path / "own")
    change(folder / "config.json", architectures=["OwnModel"], auto_map={"AutoModel": "modeling_own.OwnModel"})
    (folder / "modeling_own.py").write_text("raise SystemExit('run')")
    sentence, hint = refusal(folder)
    assert sentence == "own runs code of its own, which mmsearch does not do unasked."
    assert hint.startswith("--trust-remote-code own")
    module = {"idx": 0, "name": "0", "path": "", "type": "custom_st.Transformer"}
    plain = copied(families, "clip", tmp_path / "plain")
    (plain / "modules.json").write_text(json.dumps([module]))
    assert refusal(plain)[0] == "plain runs code of its own, which mmsearch does not do unasked."


def test_t17_code_that_is_not_needed_is_not_asked_for(tmp_path: Path, families: Families) -> None:
    """BGE-VL: its config names code, its weights are a plain CLIP's."""
    folder = copied(families, "clip", tmp_path / "bge-vl")
    change(folder / "config.json", auto_map={"AutoModel": "modeling_MMRet_CLIP.CLIPModel"})
    same(load(folder).embed(View.IMAGE, pictures()), families.embedder("clip").embed(View.IMAGE, pictures()))


def test_t13_a_model_of_films_without_torchvision(families: Families, monkeypatch: pytest.MonkeyPatch) -> None:
    real = model_files.find_spec
    monkeypatch.setattr(model_files, "find_spec", lambda name: None if name == "torchvision" else real(name))
    assert refusal(families.folder("qwen")) == (
        "qwen needs torchvision, which is not installed.",
        "pip install 'mmsearch[video]'",
    )
    assert load(families.folder("clip")).views == {View.TEXT, View.IMAGE}


def test_t13_what_the_libraries_miss_is_named(families: Families) -> None:
    error = ImportError("\nQwen3VLVideoProcessor requires the torchvision library but it was not found")
    found = loading._loading_error("it", error)
    assert (found.sentence, found.hint) == ("it needs torchvision.", "pip install 'mmsearch[video]'")
    found = loading._loading_error("it", ModuleNotFoundError("No module named 'einops'"))
    assert (found.sentence, found.hint) == ("it needs einops.", "pip install einops")


def test_t19_flash_attention_without_its_package(families: Families, monkeypatch: pytest.MonkeyPatch) -> None:
    real = model_files.find_spec
    monkeypatch.setattr(model_files, "find_spec", lambda name: None if name == "flash_attn" else real(name))
    assert refusal(families.folder("clip"), replace(EXACT, attn="flash_attention_2")) == (
        "flash_attention_2 needs flash-attn, which is not installed.",
        "--attn sdpa",
    )


def test_t18_models_of_another_class(tmp_path: Path) -> None:
    judge = tiny_ms_marco(tmp_path / "judge")
    hint = "Give it to `mmsearch query --rerank`."
    assert refusal(judge) == ("judge is a reranker, not an embedder.", hint)
    (judge / "config_sentence_transformers.json").unlink()
    assert refusal(judge) == ("judge is a reranker, not an embedder.", hint)
    late = tiny_colqwen2(tmp_path / "late")
    both = "Give it to `mmsearch index --model` or `mmsearch query --rerank`."
    assert refusal(late) == ("late is a late-interaction model, not an embedder.", both)
    sparse = tiny_minilm(tmp_path / "sparse")
    change(sparse / "config_sentence_transformers.json", model_type="SparseEncoder")
    assert refusal(sparse)[0] == "sparse is an embedder of sparse vectors, not an embedder."


def test_t18_a_model_that_lacks_its_sentence_transformers_files(tmp_path: Path) -> None:
    """Loaded all the same it would give the mean of its token vectors instead of the last one."""
    sentence, hint = refusal(tiny_qwen3_vl(tmp_path / "bare", files=False))
    assert sentence == "bare lacks its sentence-transformers files (modules.json): its vectors would mean nothing."
    assert "--revision" in hint


def test_t18_an_encoder_without_them_takes_the_mean_and_reports_it(tmp_path: Path) -> None:
    tiny_bert(tmp_path / "bert")
    embedder = load(tmp_path / "bert")
    assert embedder.describe_precision() == (
        "float32 on this CPU: as asked; its files name no pooling (modules.json), so the mean is taken"
    )
    same(embedder.embed(View.TEXT, TEXTS), embedder.model.encode(TEXTS))


def test_an_adapter_without_its_library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "adapter_config.json").write_text("{}")
    real = model_files.find_spec
    monkeypatch.setattr(model_files, "find_spec", lambda name: None if name == "peft" else real(name))
    sentence, hint = refusal(tmp_path)
    assert sentence.endswith("is an adapter to another model and needs peft.") and hint == "pip install peft"


def test_pickled_weights_are_refused_at_any_depth(tmp_path: Path, families: Families) -> None:
    import torch

    folder = copied(families, "clip", tmp_path / "old")
    (folder / "model.safetensors").unlink()
    torch.save({}, folder / "pytorch_model.bin")
    sentence, hint = refusal(folder)
    assert sentence == "old has pickled weights (pytorch_model.bin), which could run any code."
    assert hint.startswith("Only safetensors are loaded")
    student = copied(families, "student", tmp_path / "student")
    (student / "2_Dense" / "model.safetensors").rename(student / "2_Dense" / "pytorch_model.bin")
    assert "student has pickled weights (2_Dense/pytorch_model.bin)" in refusal(student)[0]


def test_a_model_that_does_not_fit_the_memory_is_refused_before_it_is_loaded(
    families: Families, monkeypatch: pytest.MonkeyPatch
) -> None:
    numbers = sum(loading.count_numbers(families.folder("clip")).values())
    needed = numbers * 4 * 1.1
    monkeypatch.setattr(loading, "free_memory", lambda device: int(needed) - 1)
    sentence, hint = refusal(families.folder("clip"))
    assert sentence == "clip needs 0.0 GB of memory in float32; this machine has 0.0 GB left."
    assert hint.startswith("Take half of it with --dtype bfloat16, or choose a smaller model")
    monkeypatch.setattr(loading, "free_memory", lambda device: int(needed / 4))
    assert refusal(families.folder("clip"))[1].startswith("Choose a smaller model")
    monkeypatch.setattr(loading, "free_memory", lambda device: int(needed) + 1)
    assert load(families.folder("clip")).dimension == 16


def test_how_many_numbers_files_hold(families: Families) -> None:
    import torch

    model = families.plain_model("clip")
    assert loading.count_numbers(families.folder("clip")) == {"F32": sum(one.numel() for one in model.parameters())}
    half = torch.zeros(3, 5, dtype=torch.bfloat16)
    assert cast(int, free_memory("cpu")) > half.nbytes


def test_shards_that_are_missing_are_noticed(tmp_path: Path, families: Families) -> None:
    folder = copied(families, "clip", tmp_path / "shards")
    index = {"weight_map": {"a": "model.safetensors", "b": "model-00002-of-00002.safetensors"}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    assert refusal(folder)[0] == "shards has no weights, or not all of them."


def test_what_a_space_remembers_of_its_options_wins_over_those_of_a_later_run() -> None:
    made = ModelOptions(device="cpu", dim=64, max_pixels=4096, trust_remote_code=True, revision="abc")
    stored = made.recorded()
    assert stored == {"dim": 64, "max_pixels": 4096, "revision": "abc", "trust_remote_code": True}
    later = ModelOptions(device="cuda", dim=32, frames=9, dtype="float16").with_recorded(json.loads(json.dumps(stored)))
    assert later == replace(made, device="cuda", dtype="float16", trust_remote_code=False)
    trusting = ModelOptions(trust_remote_code=True).with_recorded({})
    assert trusting.trust_remote_code  # the user's word, whatever is stored


def test_a_pair_is_found_and_checked_like_the_model_itself(tmp_path: Path, families: Families) -> None:
    judge = tiny_ms_marco(tmp_path / "judge")
    for pair, sentence in (
        (str(judge), "student is a reranker, not an embedder."),
        ("owner/nowhere", "owner/nowhere is not on this machine."),
    ):
        with pytest.raises(ModelUnavailable) as caught:
            load(families.folder("student"), spec=ModelSpec("student", "", pair=pair))
        assert caught.value.sentence == sentence


def test_a_pair_of_another_width_is_refused(tmp_path: Path, families: Families) -> None:
    wide = tiny_minilm(tmp_path / "wide")  # 32 numbers, the tower 16
    with pytest.raises(ModelUnavailable) as caught:
        load(wide, spec=ModelSpec("wide", str(wide), pair=str(tiny_clip(tmp_path / "tower"))))
    assert caught.value.sentence == "wide has 32 dimensions and its picture tower 16: they are no pair."
