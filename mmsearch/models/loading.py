"""Loading a model from files that were checked before."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from mmsearch.errors import ModelUnavailable
from mmsearch.models.device import Precision, free_memory, preferred
from mmsearch.models.libraries import quiet
from mmsearch.models.model_files import LIST, ModelFiles, first_line, is_lco
from mmsearch.models.model_options import ModelOptions
from mmsearch.types import View

BYTES = {"float32": 4, "bfloat16": 2, "float16": 2}
OVERHEAD = 1.1  # of the weights' own bytes: buffers, and the batches to come
LCO_SUFFIX = "\nSummarize the above {} in one word:"
PADDED = ("siglip", "siglip2")  # trained on texts padded to the full length; the library does not pad
# Parts of a model that are left out where their views are not embedded: keys of its config, prefixes of its weights.
PARTS = {
    "embedding_gemma2": {
        "vision_config": (("vision_tower.", "embed_vision."), frozenset({View.IMAGE, View.VIDEO})),
        "audio_config": (("audio_tower.", "embed_audio."), frozenset({View.AUDIO})),
    }
}
NO_FLOAT16 = ("embedding_gemma2", "gemma3_text")  # their activations exceed its range: NaN or wrong vectors, no error
LIBRARIES = {"torchvision": "pip install 'mmsearch[video]'", "flash_attn": "--attn sdpa"}
FAILURES = (OSError, ValueError, ImportError, AssertionError, RuntimeError, KeyError, TypeError, AttributeError)


def initial_precision(files: ModelFiles, options: ModelOptions) -> Precision:
    """The device, and the number format in which the weights are loaded: that of the options; else bfloat16 where they
    are published in it and the device supports it; else float32, with which a lower precision is compared later."""
    fastest = preferred(options.device)
    if options.dtype == "float16" and refuses_float16(files):
        raise ModelUnavailable(
            f"{files.name} gives wrong vectors in float16, without an error.", "--dtype float32, or bfloat16 on a GPU."
        )
    if options.dtype:
        return Precision(fastest.device, options.dtype, "as asked")
    counts = _count_weights(files, options)
    published = max(counts, key=lambda name: counts[name], default="")
    if published == "BF16" and fastest.dtype == "bfloat16":
        return Precision(fastest.device, "bfloat16", f"its weights are published in it, and {fastest.reason}")
    return Precision(fastest.device, "float32", fastest.reason)


def refuses_float16(files: ModelFiles) -> bool:
    """Whether a model's vectors are wrong in float16."""
    return files.config.get("model_type") in NO_FLOAT16


def absent_parts(files: ModelFiles, options: ModelOptions) -> dict[str, tuple[str, ...]]:
    """The parts of a model that are not loaded because none of their views is embedded: the prefixes of their weights,
    by the key of the model's config."""
    if options.views is None:
        return {}
    parts = PARTS.get(str(files.config.get("model_type")), {})
    return {key: prefixes for key, (prefixes, views) in parts.items() if not views & options.views}


def load(files: ModelFiles, precision: Precision, options: ModelOptions, kind: str = "SentenceTransformer") -> Any:
    """An object of sentence-transformers' class `kind`, in evaluation mode. Raises `ModelUnavailable`."""
    check_memory(files, precision, options)
    quiet(offline=not options.allow_download)
    absent = absent_parts(files, options)
    model_kwargs = {"dtype": precision.dtype, "use_safetensors": True}
    if options.attn:
        model_kwargs["attn_implementation"] = options.attn
    try:
        if is_lco(files):
            return _lco(files, precision, model_kwargs).eval()
        import sentence_transformers

        model: Any = getattr(sentence_transformers, kind)(
            str(files.folder),
            device=precision.device,
            local_files_only=not options.allow_download,
            trust_remote_code=options.trust_remote_code,
            model_kwargs=model_kwargs,
            **({"config_kwargs": dict.fromkeys(absent)} if absent else {}),
        )
    except FAILURES as error:
        raise _loading_error(files.name, error) from error
    if files.config.get("model_type") in PADDED:
        pad = {"padding": "max_length", "max_length": int(model.max_seq_length or 64)}
        model[0].processing_kwargs = {**model[0].processing_kwargs, "text": pad}
    return model.eval()


def _lco(files: ModelFiles, precision: Precision, model_kwargs: dict[str, Any]) -> Any:
    """A model of the LCO family, which has no sentence-transformers files: inputs are padded on the left, and the
    vector is the last token's state at unit length."""
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.base.modules import Normalize, Transformer
    from sentence_transformers.sentence_transformer.modules import Pooling

    transformer = Transformer(
        str(files.folder),
        model_kwargs=model_kwargs,
        processor_kwargs={"padding_side": "left"},
        processing_kwargs={"chat_template": {"add_generation_prompt": True}},
    )
    pooling = Pooling(transformer.get_embedding_dimension(), "lasttoken")
    return SentenceTransformer(modules=[transformer, pooling, Normalize()], device=precision.device)


def pair_towers(name: str, text_tower: Any, image_tower: Any) -> Any:
    """One model of two that share a space: texts go to the first, pictures to the second. Raises `ModelUnavailable`
    where their dimensions differ."""
    widths = [int(one.get_embedding_dimension()) for one in (text_tower, image_tower)]
    if widths[0] != widths[1]:
        raise ModelUnavailable(
            f"{name} has {widths[0]} dimensions and its picture tower {widths[1]}: they are no pair.",
            LIST,
        )
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.base.modules import Router

    routes = {"text": list(text_tower.children()), "image": list(image_tower.children())}
    router = Router(sub_modules=routes)
    return SentenceTransformer(modules=[router], device=str(text_tower.device), prompts=dict(text_tower.prompts)).eval()


def lower_case(model: Any) -> None:
    """Make the model's tokenizer lower-case all texts."""
    from tokenizers import normalizers

    core = model.tokenizer.backend_tokenizer
    core.normalizer = normalizers.Sequence([normalizers.Lowercase(), *([core.normalizer] if core.normalizer else [])])


def check_memory(files: ModelFiles, precision: Precision, options: ModelOptions) -> None:
    """Raise `ModelUnavailable` where the weights that are loaded exceed the free memory of the device in this number
    format."""
    device, dtype, _ = precision
    count, free = sum(_count_weights(files, options).values()), free_memory(device)
    needed = count * BYTES[dtype] * OVERHEAD
    if free is None or needed <= free:
        return
    where = "this machine" if device == "cpu" else device
    half = "Take half of it with --dtype bfloat16, or choose" if dtype == "float32" and needed / 2 <= free else "Choose"
    raise ModelUnavailable(
        f"{files.name} needs {needed / 1e9:.1f} GB of memory in {dtype}; {where} has {free / 1e9:.1f} GB left.",
        f"{half} a smaller model: `mmsearch models` shows their sizes.",
    )


def _count_weights(files: ModelFiles, options: ModelOptions) -> dict[str, int]:
    absent = tuple(prefix for prefixes in absent_parts(files, options).values() for prefix in prefixes)
    try:
        return count_numbers(files.folder, absent)
    except (OSError, ValueError, KeyError, TypeError) as error:
        hint = "Fetch it anew."
        raise ModelUnavailable(f"The weights of {files.name} can't be read: {first_line(error)}", hint) from error


def _loading_error(name: str, error: BaseException) -> ModelUnavailable:
    """An error of the libraries as a sentence and a next step."""
    text = str(error)
    if isinstance(error, ImportError):
        known = re.search(r"torchvision|flash_attn|sentencepiece|accelerate|peft|einops|timm", text)
        unnamed = re.search(r"No module named '?([\w-]+)", text)
        if not known and not unnamed:
            return ModelUnavailable(f"{name} needs another library: {first_line(error)}", LIST)
        library = (known or unnamed)[0 if known else 1]  # type: ignore[index]
        return ModelUnavailable(f"{name} needs {library}.", LIBRARIES.get(library, f"pip install {library}"))
    if isinstance(error, AssertionError) or (isinstance(error, RuntimeError) and "device" in text.lower()):
        return ModelUnavailable(f"{name} can't be put where it was asked to: {first_line(error)}", "--device cpu")
    return ModelUnavailable(f"{name} can't be loaded: {first_line(error)}", LIST)


def count_numbers(folder: Path, absent: tuple[str, ...] = ()) -> dict[str, int]:
    """The number of weights in the safetensors files below a folder by data type, as the files name it (`F32`, `BF16`),
    without those whose names begin with a prefix in `absent`. Only headers are read. Raises `ValueError` for a file
    that is damaged or truncated."""
    counts: dict[str, int] = {}
    for path in sorted(folder.rglob("*.safetensors")):
        for name, tensor in _header(path).items():
            if absent and name.startswith(absent):
                continue
            size = 1
            for side in tensor["shape"]:
                size *= side
            counts[tensor["dtype"]] = counts.get(tensor["dtype"], 0) + size
    return counts


def _header(path: Path) -> dict[str, Any]:
    size = path.stat().st_size
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        if not 2 <= length <= size - 8:
            raise ValueError(f"{path.name} is damaged.")
        found = json.loads(file.read(length))
    found.pop("__metadata__", None)
    if max((tensor["data_offsets"][1] for tensor in found.values()), default=0) > size - 8 - length:
        raise ValueError(f"{path.name} is cut short.")
    return dict(found)
