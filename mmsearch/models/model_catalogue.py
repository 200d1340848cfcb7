"""The models that mmsearch knows by name: facts as they were published, nothing measured, nothing guessed.

What no publication gave is None here, and becomes known when the model is pulled or loaded. `tried` says how far this
project has come with it: `works` (the real weights run here), `replica` (the same architecture with random weights),
`stand-in` (an architecture close to it), or nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from mmsearch.models import builtin
from mmsearch.types import View


@dataclass(frozen=True, slots=True)
class ModelSpec:
    """A model that can be asked for. What is not known before the model was loaded is None.

    views:         what it embeds, what a reranker can look at, or what a reader hears
    limited_to:    those that the user wants of them
    matryoshka:    the smallest and the largest dimension that its vectors may be cut to
    weights_bytes: of the published files; memory_bytes: what its publisher asks of a GPU
    prompts:       by role, those that its files may lack
    padding:       the length that texts must be padded to
    libraries:     what it needs besides the usual ones
    transformers:  the versions of transformers it runs with, where that is not all of them
    pair:          the model that gives it its picture tower
    """

    name: str
    source: str  # hub id or folder
    role: str = "embedder"  # embedder, late, reranker, speech
    views: frozenset[View] | None = None
    dimension: int | None = None
    matryoshka: tuple[int, int] | None = None
    revision: str | None = None
    parameters: int | None = None
    weights_bytes: int | None = None
    memory_bytes: int | None = None
    licence: str | None = None
    remote_code: bool | None = None
    prompts: tuple[tuple[str, str], ...] = ()
    padding: int | None = None
    lower_case: bool = False
    libraries: tuple[str, ...] = ()
    transformers: str = ""
    pair: str | None = None
    tried: str = ""
    limited_to: frozenset[View] | None = None


def _views(text: str) -> frozenset[View]:
    return frozenset(View(word) for word in text.split())


TEXT, LOOK, SPEECH = _views("text"), _views("text image"), _views("text audio")
WATCH, ALL = _views("text image video"), _views("text image audio video")
M, GB, GPU_GB = 1_000_000, 1_000_000_000, 1 << 30
NVIDIA = "NVIDIA Open Model + Llama 3.2"
VIDEO_PROCESSOR = ("torchvision",)


def _embedders() -> Iterable[ModelSpec]:
    builtin_facts = {"dimension": builtin.DIMENSION, "licence": "Apache-2.0", "remote_code": False}
    yield ModelSpec(
        "builtin", builtin.HUB_ID, views=TEXT, parameters=23 * M, tried="works", **builtin_facts,  # type: ignore[arg-type]
    )  # fmt: skip
    for name, view, dimension in builtin.SENSES:
        yield ModelSpec(
            name, name, views=_views(view), dimension=dimension, parameters=0 if view == "audio" else 7 * M,
            licence="Apache-2.0", remote_code=False, tried="works",
        )  # fmt: skip
    yield ModelSpec(
        "qwen3-vl-2b", "Qwen/Qwen3-VL-Embedding-2B", views=WATCH, dimension=2048, matryoshka=(64, 2048),
        parameters=2130 * M, weights_bytes=int(4.3 * GB), memory_bytes=8 * GPU_GB, licence="Apache-2.0",
        remote_code=False, revision="refs/pr/23", libraries=VIDEO_PROCESSOR, tried="replica",
    )  # fmt: skip
    yield ModelSpec(
        "qwen3-vl-8b", "Qwen/Qwen3-VL-Embedding-8B", views=WATCH, dimension=4096, matryoshka=(64, 4096),
        parameters=8140 * M, weights_bytes=16 * GB, memory_bytes=20 * GPU_GB, licence="Apache-2.0",
        remote_code=False, revision="refs/pr/11", libraries=VIDEO_PROCESSOR, tried="replica",
    )  # fmt: skip
    yield ModelSpec(
        "nemotron-vl-1b", "nvidia/llama-nemotron-embed-vl-1b-v2", views=LOOK, dimension=2048, parameters=1680 * M,
        weights_bytes=int(3.4 * GB), licence=NVIDIA, remote_code=True,
    )  # fmt: skip
    yield ModelSpec(
        "omni-nemotron", "nvidia/omni-embed-nemotron-3b", views=ALL, dimension=2048, parameters=4700 * M,
        weights_bytes=int(9.4 * GB), licence="NVIDIA non-commercial, research", remote_code=True,
        libraries=VIDEO_PROCESSOR, tried="stand-in",
    )  # fmt: skip
    yield ModelSpec(
        "lco-omni", "LCO-Embedding/LCO-Embedding-Omni-3B", views=ALL, dimension=2048, parameters=4700 * M,
        weights_bytes=int(9.4 * GB), licence="MIT", remote_code=False, libraries=VIDEO_PROCESSOR, tried="stand-in",
    )  # fmt: skip
    yield ModelSpec(
        "bge-vl", "BAAI/BGE-VL-base", views=LOOK, dimension=512, parameters=150 * M, licence="MIT",
        remote_code=False, tried="replica",
    )  # fmt: skip
    yield ModelSpec(
        "bge-vl-large", "BAAI/BGE-VL-large", views=LOOK, dimension=768, parameters=428 * M, licence="MIT",
        remote_code=False, tried="replica",
    )  # fmt: skip
    for number in ("1", "2"):
        yield ModelSpec(
            f"bge-vl-mllm-s{number}", f"BAAI/BGE-VL-MLLM-S{number}", views=LOOK, dimension=4096,
            parameters=7600 * M, weights_bytes=15 * GB, licence="MIT",
        )  # fmt: skip
    yield from _clips()
    yield ModelSpec(
        "clap", "laion/clap-htsat-unfused", views=SPEECH, dimension=512, parameters=153 * M,
        weights_bytes=int(0.6 * GB), licence="MIT", remote_code=False, tried="replica",
    )  # fmt: skip
    yield from _text_embedders()


def _clips() -> Iterable[ModelSpec]:
    small = {"views": LOOK, "dimension": 512, "parameters": 151 * M, "weights_bytes": int(0.6 * GB)}
    for name, source in (
        ("clip", "sentence-transformers/clip-ViT-B-32"),
        ("clip-b16", "sentence-transformers/clip-ViT-B-16"),
        ("clip-openai", "openai/clip-vit-base-patch32"),
    ):
        yield ModelSpec(name, source, remote_code=False, tried="replica", **small)  # type: ignore[arg-type]
    yield ModelSpec(
        "clip-l14", "sentence-transformers/clip-ViT-L-14", views=LOOK, dimension=768, parameters=428 * M,
        weights_bytes=int(1.7 * GB), remote_code=False, tried="replica",
    )  # fmt: skip
    yield ModelSpec(
        "clip-multilingual", "sentence-transformers/clip-ViT-B-32-multilingual-v1", views=LOOK, dimension=512,
        parameters=135 * M, weights_bytes=int(0.5 * GB), licence="Apache-2.0", remote_code=False,
        pair="sentence-transformers/clip-ViT-B-32", tried="replica",
    )  # fmt: skip
    yield ModelSpec(
        "siglip", "google/siglip-base-patch16-224", views=LOOK, dimension=768, parameters=203 * M,
        weights_bytes=int(0.8 * GB), licence="Apache-2.0", remote_code=False, padding=64, tried="replica",
    )  # fmt: skip
    yield ModelSpec(
        "siglip2", "google/siglip2-base-patch16-224", views=LOOK, dimension=768, parameters=375 * M,
        licence="Apache-2.0", padding=64, lower_case=True,
    )  # fmt: skip
    for version, size, dimension, licence in (
        ("v1", 223 * M, 768, "Apache-2.0"),
        ("v2", 865 * M, 1024, "CC-BY-NC-4.0"),
    ):
        yield ModelSpec(
            f"jina-clip-{version}", f"jinaai/jina-clip-{version}", views=LOOK, dimension=dimension,
            matryoshka=(64, 1024) if version == "v2" else None, parameters=size, licence=licence, remote_code=True,
            libraries=("einops", "timm", "peft"), transformers="<5",
        )  # fmt: skip
    yield ModelSpec(
        "nomic-vision", "nomic-ai/nomic-embed-vision-v1.5", views=LOOK, dimension=768, parameters=93 * M,
        licence="Apache-2.0", remote_code=True, libraries=("einops",), pair="nomic-ai/nomic-embed-text-v1.5",
    )  # fmt: skip


def _text_embedders() -> Iterable[ModelSpec]:
    yield ModelSpec(
        "minilm", builtin.HUB_ID, views=TEXT, dimension=384, parameters=23 * M, licence="Apache-2.0",
        remote_code=False, tried="works",
    )  # fmt: skip
    yield ModelSpec(
        "e5-small", "intfloat/multilingual-e5-small", views=TEXT, dimension=384, parameters=118 * M, licence="MIT",
        prompts=(("query", "query: "), ("document", "passage: ")),
    )  # fmt: skip
    yield ModelSpec("bge-m3", "BAAI/bge-m3", views=TEXT, dimension=1024, parameters=568 * M, licence="MIT")
    for size, count in (("0.6b", 600), ("4b", 4000), ("8b", 8000)):
        yield ModelSpec(
            f"qwen3-embedding-{size}", f"Qwen/Qwen3-Embedding-{size.upper()}", views=TEXT, parameters=count * M,
            licence="Apache-2.0",
        )  # fmt: skip


def _late() -> Iterable[ModelSpec]:
    yield ModelSpec(
        "colqwen2", "vidore/colqwen2-v1.0-hf", role="late", views=LOOK, dimension=128, parameters=2200 * M,
        weights_bytes=int(4.4 * GB), licence="Apache-2.0", remote_code=False, tried="replica",
    )  # fmt: skip


def _rerankers() -> Iterable[ModelSpec]:
    for size, count, weights, revision in (("2B", 2000, 4.3, "refs/pr/11"), ("8B", 8000, None, "refs/pr/9")):
        yield ModelSpec(
            f"qwen3-vl-reranker-{size.lower()}", f"Qwen/Qwen3-VL-Reranker-{size}", role="reranker", views=WATCH,
            parameters=count * M, weights_bytes=int(weights * GB) if weights else None, licence="Apache-2.0",
            memory_bytes=(8 if size == "2B" else 20) * GPU_GB, remote_code=False, revision=revision,
            libraries=VIDEO_PROCESSOR, tried="replica",
        )  # fmt: skip
    yield ModelSpec(
        "nemotron-rerank-vl-1b", "nvidia/llama-nemotron-rerank-vl-1b-v2", role="reranker", views=LOOK,
        parameters=1700 * M, weights_bytes=int(3.4 * GB), licence=NVIDIA, remote_code=True,
    )  # fmt: skip
    yield ModelSpec(
        "jina-reranker-m0", "jinaai/jina-reranker-m0", role="reranker", views=LOOK, parameters=2400 * M,
        weights_bytes=int(4.8 * GB), licence="CC-BY-NC-4.0", remote_code=True,
    )  # fmt: skip
    for size, count, weights in (("0.6B", 600, 1.2), ("4B", 4000, None), ("8B", 8000, None)):
        yield ModelSpec(
            f"qwen3-reranker-{size.lower()}", f"Qwen/Qwen3-Reranker-{size}", role="reranker", views=TEXT,
            parameters=count * M, weights_bytes=int(weights * GB) if weights else None, licence="Apache-2.0",
            remote_code=False, revision="refs/pr/24" if size == "0.6B" else None, tried="replica",
        )  # fmt: skip
    yield ModelSpec(
        "mxbai-rerank-base", "mixedbread-ai/mxbai-rerank-base-v2", role="reranker", views=TEXT, parameters=500 * M,
        weights_bytes=GB, licence="Apache-2.0", remote_code=False, tried="replica",
    )  # fmt: skip
    yield ModelSpec(
        "mxbai-rerank-large", "mixedbread-ai/mxbai-rerank-large-v2", role="reranker", views=TEXT,
        parameters=1500 * M, licence="Apache-2.0", tried="replica",
    )  # fmt: skip
    yield ModelSpec(
        "ms-marco", "cross-encoder/ms-marco-MiniLM-L6-v2", role="reranker", views=TEXT, parameters=23 * M,
        licence="Apache-2.0", remote_code=False, tried="replica",
    )  # fmt: skip


def _speech() -> Iterable[ModelSpec]:
    for name, count in (
        ("tiny", 39), ("base", 74), ("small", 244), ("medium", 769), ("large-v3", 1550), ("large-v3-turbo", 810),
    ):  # fmt: skip
        yield ModelSpec(
            f"whisper-{name}", f"openai/whisper-{name}", role="speech", views=_views("audio"), parameters=count * M,
            licence={"large-v3": "Apache-2.0", "large-v3-turbo": "MIT"}.get(name, "Apache-2.0 / MIT"),
            tried="replica",
        )  # fmt: skip


KNOWN = tuple([*_embedders(), *_late(), *_rerankers(), *_speech()])
