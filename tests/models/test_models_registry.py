"""Names of models, what is known of each before it is loaded, and what is said of those that can't be had."""

import subprocess
import sys
from pathlib import Path
from typing import Any, cast

import pytest

from mmsearch.config import Settings
from mmsearch.errors import MmsearchError, ModelUnavailable, UsageError
from mmsearch.indexing.model_selection import check_models, named_models
from mmsearch.models import builtin, hub, machine, model_catalogue, registry
from mmsearch.models.model_catalogue import ModelSpec, Preset
from mmsearch.models.model_options import ModelOptions
from mmsearch.types import View

NAMED = {  # what the program promises to know
    "qwen3-vl-2b": "Qwen/Qwen3-VL-Embedding-2B",
    "qwen3-vl-8b": "Qwen/Qwen3-VL-Embedding-8B",
    "nemotron-vl-1b": "nvidia/llama-nemotron-embed-vl-1b-v2",
    "omni-nemotron": "nvidia/omni-embed-nemotron-3b",
    "embeddinggemma-2": "google/embeddinggemma-2",
    "neomme-260m": "Hcompany/NeoMME-260M-Retriever-ST-late",
    "nanovdr": "nanovdr/NanoVDR-S-Multi",
    "granite-97m": "ibm-granite/granite-embedding-97m-multilingual-r2",
    "harrier-270m": "microsoft/harrier-oss-v1-270m",
    "ettin-32m": "cross-encoder/ettin-reranker-32m-v1",
    "lighton-rerank-2b": "lightonai/LightOn-rerank-PW-2B",
    "lco-omni": "LCO-Embedding/LCO-Embedding-Omni-3B",
    "bge-vl": "BAAI/BGE-VL-base",
    "clip": "sentence-transformers/clip-ViT-B-32",
    "clip-b16": "sentence-transformers/clip-ViT-B-16",
    "clip-l14": "sentence-transformers/clip-ViT-L-14",
    "clip-multilingual": "sentence-transformers/clip-ViT-B-32-multilingual-v1",
    "siglip": "google/siglip-base-patch16-224",
    "siglip2": "google/siglip2-base-patch16-224",
    "jina-clip-v2": "jinaai/jina-clip-v2",
    "nomic-vision": "nomic-ai/nomic-embed-vision-v1.5",
    "clap": "laion/clap-htsat-unfused",
    "minilm": "sentence-transformers/all-MiniLM-L6-v2",
    "e5-small": "intfloat/multilingual-e5-small",
    "colqwen2": "vidore/colqwen2-v1.0-hf",
    "qwen3-vl-reranker-2b": "Qwen/Qwen3-VL-Reranker-2B",
    "qwen3-vl-reranker-8b": "Qwen/Qwen3-VL-Reranker-8B",
    "nemotron-rerank-vl-1b": "nvidia/llama-nemotron-rerank-vl-1b-v2",
    "jina-reranker-m0": "jinaai/jina-reranker-m0",
    "qwen3-reranker-0.6b": "Qwen/Qwen3-Reranker-0.6B",
    "qwen3-reranker-4b": "Qwen/Qwen3-Reranker-4B",
    "qwen3-reranker-8b": "Qwen/Qwen3-Reranker-8B",
    "mxbai-rerank-base": "mixedbread-ai/mxbai-rerank-base-v2",
    "mxbai-rerank-large": "mixedbread-ai/mxbai-rerank-large-v2",
    "ms-marco": "cross-encoder/ms-marco-MiniLM-L6-v2",
    "whisper-tiny": "openai/whisper-tiny",
}


@pytest.fixture(autouse=True)
def cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """An empty hub cache."""
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    return tmp_path / "hub"


def put(cache: Path, source: str, revision: str = "main", commit: str = "a" * 40, **files: str) -> None:
    """A model in the cache, as huggingface_hub lays it out."""
    folder = cache / f"models--{source.replace('/', '--')}"
    for name, text in files.items():
        path = folder / "snapshots" / commit / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    (folder / "snapshots" / commit).mkdir(parents=True, exist_ok=True)
    (folder / "refs" / revision).parent.mkdir(parents=True, exist_ok=True)
    (folder / "refs" / revision).write_text(commit)


def test_every_promised_model_has_its_short_name() -> None:
    assert {name: registry.resolve(name).source for name in NAMED} == NAMED


@pytest.mark.parametrize("spec", registry.known_models(), ids=lambda spec: spec.name)
def test_a_hub_id_in_any_case_is_the_short_name(spec: ModelSpec) -> None:
    again = registry.resolve(spec.source.upper())
    assert again.source == spec.source
    assert again.name == spec.name or spec.name == "builtin" or again.name == "builtin"


def test_short_names_are_unique_and_say_what_they_take() -> None:
    models = registry.known_models()
    assert len({spec.name for spec in models}) == len(models) == 94
    assert all(spec.views and spec.role in registry.ROLES for spec in models)


@pytest.mark.parametrize("spec", registry.known_models(), ids=lambda spec: spec.name)
def test_the_facts_of_the_catalogue_are_consistent(spec: ModelSpec) -> None:
    assert spec.tested in ("", "works", "replica", "stand-in")
    assert spec.name == spec.name.lower() and (registry.HUB_NAME.fullmatch(spec.source) or spec.source == spec.name)
    assert spec.pair is None or registry.HUB_NAME.fullmatch(spec.pair)
    assert spec.dimension is None or spec.role in ("embedder", "late", "query")
    low, high = spec.matryoshka or (1, 1)
    assert not spec.cuts or (spec.cuts[0], spec.cuts[-1]) == (low, high)
    assert {view for view, _ in spec.gflop} <= set(View) and all(score > 0 for _, score in spec.scores)
    assert "; read 2026-" in spec.facts_from and bool(spec.unusable) == bool(spec.instead)
    assert not spec.fallback or hub.COMMIT.fullmatch(spec.revision or "")
    assert 0 < low <= high and (spec.matryoshka is None or high == spec.dimension)
    parameters = cast(int, spec.parameters)  # known of every model whose weights have a size
    assert spec.weights_bytes is None or parameters < spec.weights_bytes < 5 * parameters
    assert {role for role, _ in spec.prompts} <= {"query", "document"}
    assert spec.limited_to is None and spec.licence != ""


def test_a_fact_of_an_unknown_name_in_the_catalogue_is_an_error() -> None:
    facts = {"source": "owner/x", "views": ["text", "image"], "libraries": ["timm"], "matryoshka": [64, 128]}
    expected = ModelSpec(
        "x", "owner/x", views=frozenset({View.TEXT, View.IMAGE}), libraries=("timm",), matryoshka=(64, 128)
    )
    assert model_catalogue._spec("x", dict(facts)) == expected
    with pytest.raises(TypeError, match="licens"):
        model_catalogue._spec("x", {**facts, "licens": "MIT"})
    with pytest.raises(ValueError, match="smell"):
        model_catalogue._spec("x", {**facts, "views": ["smell"]})


def test_the_built_in_models_are_resolved_without_the_catalogue() -> None:
    code = (
        "import sys\nfrom mmsearch.models import model_catalogue, registry\n"
        "model_catalogue.CATALOGUE = None\n"
        "names = registry.DEFAULT\n"
        "assert [spec.name for spec in registry.resolve_all(names)] == list(names)\n"
        "assert [registry.of_source(name).name for name in names] == list(names)\n"
        "print('tomllib' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == "False"


def test_a_known_model_is_found_without_its_owner_and_a_folder_wins_by_its_slash(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert registry.resolve("clip-ViT-B-32").name == "clip"
    (tmp_path / "clip").mkdir()
    monkeypatch.chdir(tmp_path)
    assert registry.resolve("clip").source == NAMED["clip"]
    assert registry.resolve("./clip").source == str(tmp_path / "clip")


def test_presets_are_taken_apart() -> None:
    photos = registry.resolve_all(["photos"])
    assert [(spec.name, spec.limited_to) for spec in photos] == [
        ("builtin", frozenset({View.TEXT})),
        ("siglip2", frozenset({View.IMAGE})),
    ]
    sounds = registry.resolve_all(["sounds"])
    assert [(spec.name, spec.limited_to) for spec in sounds] == [
        ("builtin", frozenset({View.TEXT})),
        ("clap", frozenset({View.AUDIO})),
    ]
    assert [(spec.name, spec.limited_to) for spec in registry.resolve_all(["gpu"])] == [("qwen3-vl-2b", None)]


@pytest.mark.parametrize(
    ("settings", "sentence", "hint"),
    [
        ({"models": ("clop",)}, 'There is no model "clop".', "Did you mean clip or clap?"),
        ({"models": ("photo",)}, 'There is no model "photo".', "Did you mean photos or photos-gpu?"),
        ({"models": ("xyzzy",)}, 'There is no model "xyzzy".', "`mmsearch models` lists"),
        (
            {"models": ("photos", "clap")},
            "photos is a preset and stands alone.",
            "--model siglip2:image",
        ),
        ({"models": ("clip", "clip:image")}, "clip is named twice.", "clip:text,image"),
        ({"models": ("clip", NAMED["clip"])}, "clip is named twice.", "clip:text,image"),
        ({"models": ("clip:audio",)}, "clip can't embed audio.", "It takes image or text."),
        ({"models": ("clip:taste",)}, '"taste" after the model\'s name is no list of views.', "Use text"),
        ({"models": ("ms-marco",)}, "ms-marco is a reranker: it makes no vectors", "query --rerank"),
        ({"models": ("clip",), "dim": 64}, "The vectors of clip can't be cut: they have 512", "Leave out --dim"),
        ({"models": ("builtin",), "dim": 64}, "The vectors of builtin can't be cut", "Leave out --dim"),
        ({"models": ("clip",), "frames": 4}, "--frames is of no use: no model of this run takes film.", "Leave"),
        ({"models": ("clap",), "max_pixels": 9}, "--max-pixels is of no use: no model of this run takes pictures.", ""),
        ({"models": ("clip", "clap"), "revision": "x"}, "--revision is of one model", "--add-model"),
        ({"models": ("clip",), "trust_remote_code": ("clap",)}, "--trust-remote-code names clap", "Leave it out."),
        ({"models": ("omni-nemotron",)}, "omni-nemotron runs code of its own", "--trust-remote-code omni-nemotron"),
        ({"models": ("clip",)}, "sentence-transformers/clip-ViT-B-32 is not on this machine.", "models pull clip"),
        ({"transcribe": "clip"}, "clip writes nothing down.", "whisper-base"),
        ({"transcribe": "whisper-base"}, "openai/whisper-base is not on this machine.", "pull whisper-base"),
        ({"add_models": ("owner/x",)}, "owner/x is not on this machine.", "mmsearch models pull owner/x"),
    ],
)
def test_what_can_not_be_meant_is_said_before_anything_is_loaded(
    settings: dict[str, Any], sentence: str, hint: str
) -> None:
    with pytest.raises(MmsearchError) as caught:
        check_models(Settings(**settings), True)
    assert caught.value.exit_code == 2
    assert caught.value.sentence.startswith(sentence) and hint in caught.value.hint


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"dtype": "half"}, "--dtype can't be 'half'."),
        ({"attn": "flash"}, "--attn can't be 'flash'."),
        ({"device": "gpu"}, "--device can't be 'gpu'."),
        ({"min_pixels": 9, "max_pixels": 4}, "--min-pixels is larger than --max-pixels."),
        ({"frames": 1}, "--frames 1 is no film."),
        ({"dim": -1}, "--dim can't be negative."),
        ({"rebuild": True, "add_models": ("clip",)}, "--rebuild and --add-model are two runs."),
        ({"models": ("clap",), "add_models": ("clip",)}, "--add-model is for an index that is there"),
    ],
)
def test_settings_that_contradict_each_other_are_refused(settings: dict[str, Any], sentence: str) -> None:
    with pytest.raises(UsageError) as caught:
        Settings(**settings)
    assert caught.value.sentence.startswith(sentence) and caught.value.hint


def test_matryoshka_bounds_are_inclusive() -> None:
    spec = registry.resolve("qwen3-vl-2b")
    for dim in (64, 512, 2048):
        registry.check_loadable(spec, ModelOptions(dim=dim))
    for dim in (63, 2049):
        with pytest.raises(UsageError, match=f"has no {dim} dimensions"):
            registry.check_loadable(spec, ModelOptions(dim=dim))


def test_options_go_to_the_models_that_they_are_meant_for(cache: Path) -> None:
    put(cache, NAMED["qwen3-vl-2b"], "refs/pr/23", **{"modules.json": "[]"})
    settings = Settings(models=("builtin", "qwen3-vl-2b"), dim=256, device="cpu", max_pixels=100)
    (_, plain), (_, cut) = named_models(settings)
    assert plain.recorded() == {} and plain.device == "cpu"
    assert cut.recorded() == {"dim": 256, "max_pixels": 100, "revision": "refs/pr/23"}


@pytest.mark.parametrize(
    ("facts", "installed", "state"),
    [
        ({"tested": "works"}, {}, "works"),
        ({"tested": "replica"}, {}, "replica only"),
        ({"tested": "stand-in"}, {}, "stand-in only"),
        ({}, {}, "not tried"),
        ({"remote_code": True, "tested": "stand-in"}, {}, "needs remote code"),
        ({"libraries": ("no_such_library",), "tested": "replica"}, {}, "needs no_such_library"),
        ({"transformers": "<5", "remote_code": True}, {"transformers": "5.23.0"}, "not with transformers 5"),
        ({"transformers": "<5", "remote_code": True}, {"transformers": "4.57.1"}, "needs remote code"),
    ],
)
def test_the_state_is_honest_about_what_is_installed(
    monkeypatch: pytest.MonkeyPatch, facts: dict[str, Any], installed: dict[str, str], state: str
) -> None:
    import importlib.metadata

    real = importlib.metadata.version
    monkeypatch.setattr(importlib.metadata, "version", lambda name: installed.get(name) or real(name))
    found, reason = registry.state(ModelSpec("x", "owner/x", **facts))
    assert found == state and reason


def test_no_model_whose_weights_never_ran_here_is_said_to_work() -> None:
    working = {spec.source for spec in registry.known_models() if registry.state(spec)[0] == "works"}
    ours = set(builtin.SPECS) - {"builtin"}  # they come with the program
    assert working == {"sentence-transformers/all-MiniLM-L6-v2", *ours}


@pytest.mark.parametrize("preset", registry.presets().values(), ids=lambda preset: preset.name)
def test_a_preset_is_of_models_that_can_serve_and_says_what_it_needs(preset: Preset) -> None:
    specs = registry.resolve_all([preset.name])
    assert len(specs) == len(preset.models) and not any(spec.unusable or spec.remote_code for spec in specs)
    assert preset.name == "senses" or (preset.adds and preset.why and preset.suits)
    assert preset.name == "senses" or bool(preset.memory) != bool(preset.gpu_memory)


def test_each_preset_comes_in_a_size_for_a_cpu_and_one_for_a_gpu() -> None:
    presets = registry.presets()
    for name in ("everything", "photos", "documents", "sounds", "languages"):
        assert presets[name].memory and presets[f"{name}-gpu"].gpu_memory
    assert 0 < presets["gpu"].gpu_memory < presets["gpu-large"].gpu_memory


@pytest.mark.parametrize("spec", [spec for spec in registry.known_models() if spec.unusable], ids=lambda one: one.name)
def test_a_model_that_can_not_serve_names_the_nearest_that_can(spec: ModelSpec) -> None:
    nearest = registry.resolve(spec.instead)
    assert not nearest.unusable and nearest.role == spec.role
    with pytest.raises(ModelUnavailable) as caught:
        registry.check_loadable(spec, ModelOptions())
    assert spec.name in caught.value.sentence and f"The nearest that can: {nearest.name}" in caught.value.hint


def test_the_pinned_commit_serves_where_it_has_its_modules_and_the_older_revision_where_not(cache: Path) -> None:
    spec = registry.resolve("qwen3-vl-2b")
    assert registry.revision_of(spec) == spec.revision  # neither is here: a pull begins with the pinned one
    put(cache, spec.source, "main", str(spec.revision), config="{}")
    assert registry.revision_of(spec) == spec.revision
    put(cache, spec.source, str(spec.fallback), "b" * 40, **{"modules.json": "[]"})
    assert registry.revision_of(spec) == spec.fallback
    put(cache, spec.source, "main", str(spec.revision), **{"modules.json": "[]"})
    assert registry.revision_of(spec) == spec.revision


@pytest.mark.parametrize("name", ["embeddinggemma-2", "neomme-260m-dense"])
def test_a_model_is_cut_to_the_sizes_that_it_was_trained_for(name: str) -> None:
    spec = registry.resolve(name)
    for dim in spec.cuts:
        registry.check_loadable(spec, ModelOptions(dim=dim))
    with pytest.raises(UsageError, match=f"{name} was not trained to be cut to 300 dimensions"):
        registry.check_loadable(spec, ModelOptions(dim=300))


def test_the_cache_is_read_as_huggingface_hub_writes_it(cache: Path) -> None:
    put(cache, "owner/x", "refs/pr/23", "b" * 40, config="{}")
    put(cache, "owner/x", "main", "c" * 40, config="{}", weights="1234")
    assert hub.commit_of("owner/x") == "c" * 40
    assert hub.commit_of("owner/x", "refs/pr/23") == "b" * 40
    assert hub.commit_of("owner/x", "b" * 40) == "b" * 40
    assert hub.commit_of("owner/x", "v2") is None and hub.commit_of("owner/y") is None
    assert hub.bytes_on_disk("owner/x") == 2 + 6 + 80  # files and references


def test_a_revision_that_is_not_here_is_named(cache: Path) -> None:
    put(cache, "owner/x")
    registry.check_here(registry.resolve("owner/x"), ModelOptions())
    with pytest.raises(ModelUnavailable, match=r"owner/x is not on this machine in revision v2\."):
        registry.check_here(registry.resolve("owner/x"), ModelOptions(revision="v2"))
    registry.check_here(registry.resolve("owner/x"), ModelOptions(revision="v2", allow_download=True))


def test_the_picture_tower_of_a_pair_must_be_here_too(cache: Path) -> None:
    put(cache, NAMED["clip-multilingual"])
    with pytest.raises(ModelUnavailable, match="clip-ViT-B-32 is not on this machine"):
        registry.check_here(registry.resolve("clip-multilingual"), ModelOptions())


def test_an_nvidia_gpu_is_found_without_torch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "nvidia-smi"
    program.write_text("#!/bin/sh\necho 'NVIDIA T400, 4096'\necho 'NVIDIA L4, with, commas, 23034'\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    assert machine.probe()[2:] == ("NVIDIA L4, with, commas", 23034 << 20)
    program.write_text("#!/bin/sh\nexit 9\n")
    assert machine.probe()[2:] == ("", None)


def test_naming_models_loads_no_library_of_models() -> None:
    code = (
        "import sys\nfrom mmsearch.config import Settings\nfrom mmsearch.indexing.model_selection import check_models\n"
        "from mmsearch.models.model_facts import listing\nlisting()\n"
        "try:\n    check_models(Settings(models=('photos',)), True)\nexcept Exception:\n    pass\n"
        "print({'torch', 'transformers', 'sentence_transformers', 'huggingface_hub'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == "set()"
