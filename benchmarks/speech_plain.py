"""The plain way to transcribe: the same weights with transformers, 30 seconds at a time, as `--transcribe` did it.

python -m benchmarks.speech_plain SOUND.npy     float32 (samples,) mono at 16 kHz; prints a JSON object
"""

from __future__ import annotations

import json
import struct
import sys
import time
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

RATE, WINDOW = 16_000, 30 * 16_000
TYPES = {0: np.float32, 1: np.int8, 2: np.int16, 3: np.int32, 4: np.float16}  # of CTranslate2's files
NORM = {"gamma": "weight", "beta": "bias"}


def variables(file: Path) -> dict[str, np.ndarray]:
    """The arrays of a CTranslate2 model file by name."""
    found: dict[str, np.ndarray] = {}
    with file.open("rb") as stream:
        _unpack(stream, "<I")
        _text(stream)
        _unpack(stream, "<I")
        for _ in range(_unpack(stream, "<I")):
            name = _text(stream)
            shape = [_unpack(stream, "<I") for _ in range(_unpack(stream, "<B"))]
            kind, size = _unpack(stream, "<B"), _unpack(stream, "<I")
            found[name] = np.frombuffer(stream.read(size), TYPES[kind]).reshape(shape)
    return found


def _unpack(stream: BinaryIO, form: str) -> int:
    return int(struct.unpack(form, stream.read(struct.calcsize(form)))[0])


def _text(stream: BinaryIO) -> str:
    return stream.read(_unpack(stream, "<H")).rstrip(b"\0").decode()


def state(arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The same by the names of transformers' Whisper."""
    found: dict[str, np.ndarray] = {}
    for name, array in arrays.items():
        parts = name.replace("layer_norm", "norm").split("/")
        if len(parts) < 3 or parts[0] not in ("encoder", "decoder") or array.ndim == 0:
            continue
        side, rest, leaf = parts[0], parts[1:-1], NORM.get(parts[-1], parts[-1])
        if rest == ["embeddings"]:
            found[f"model.{side}.embed_tokens.weight"] = found["proj_out.weight"] = array
        elif rest == ["position_encodings"]:
            found[f"model.{side}.embed_positions.weight"] = array
        elif rest == ["norm"]:
            found[f"model.{side}.layer_norm.{leaf}"] = array
        elif rest[0].startswith("conv"):
            found[f"model.{side}.{rest[0]}.{leaf}"] = array
        elif rest[0].startswith("layer_"):
            found |= _layer(f"model.{side}.layers.{rest[0].removeprefix('layer_')}", rest[1:], leaf, array)
    return {name: array for name, array in found.items() if not name.endswith("k_proj.bias")}


def _layer(place: str, rest: list[str], leaf: str, array: np.ndarray) -> dict[str, np.ndarray]:
    block, part = rest
    if block == "ffn":
        name = {"norm": "final_layer_norm", "linear_0": "fc1", "linear_1": "fc2"}[part]
        return {f"{place}.{name}.{leaf}": array}
    name = {"self_attention": "self_attn", "attention": "encoder_attn"}[block]
    if part == "norm":
        return {f"{place}.{name}_layer_norm.{leaf}": array}
    own = block == "self_attention"
    joined = {"linear_0": ["q_proj", "k_proj", "v_proj"] if own else ["q_proj"]}
    joined |= {"linear_1": ["out_proj"] if own else ["k_proj", "v_proj"], "linear_2": ["out_proj"]}
    split = np.split(array, len(joined[part]))
    return {f"{place}.{name}.{each}.{leaf}": one for each, one in zip(joined[part], split, strict=True)}


def load(folder: Path) -> tuple[Any, Any]:
    """Processor and model."""
    from mmsearch.models.libraries import quiet

    quiet(offline=True)
    import torch
    from transformers import (
        GenerationConfig,
        WhisperConfig,
        WhisperFeatureExtractor,
        WhisperForConditionalGeneration,
        WhisperProcessor,
        WhisperTokenizer,
    )

    tokenizer = WhisperTokenizer.from_pretrained(str(folder))
    facts = json.loads((folder / "config.json").read_text())
    ids = {name: tokenizer.convert_tokens_to_ids(name) for name in tokenizer.get_added_vocab()}
    config = WhisperConfig(
        vocab_size=51_865, d_model=512, encoder_layers=6, decoder_layers=6, encoder_attention_heads=8,
        decoder_attention_heads=8, encoder_ffn_dim=2048, decoder_ffn_dim=2048, eos_token_id=50_257, pad_token_id=50_257,
        bos_token_id=50_257, decoder_start_token_id=50_258,
    )  # fmt: skip
    model = WhisperForConditionalGeneration(config)
    weights = {name: torch.from_numpy(array.astype(np.float32)) for name, array in state(_file(folder)).items()}
    lacking, _ = model.load_state_dict(weights, strict=False)
    assert not lacking, lacking
    model.generation_config = GenerationConfig(
        is_multilingual=True, task_to_id={"transcribe": ids["<|transcribe|>"], "translate": ids["<|translate|>"]},
        lang_to_id={f"<|{code}|>": ids[f"<|{code}|>"] for code in ("en", "de", "fr")},
        no_timestamps_token_id=ids["<|notimestamps|>"], max_initial_timestamp_index=50, max_length=448,
        suppress_tokens=facts["suppress_ids"], begin_suppress_tokens=facts["suppress_ids_begin"],
        decoder_start_token_id=50_258, eos_token_id=50_257, pad_token_id=50_257, return_timestamps=True,
        prev_sot_token_id=ids["<|startofprev|>"],
    )  # fmt: skip
    return WhisperProcessor(WhisperFeatureExtractor(), tokenizer), model.eval()


def _file(folder: Path) -> dict[str, np.ndarray]:
    return variables(folder / "model.bin")


def main() -> None:
    began = time.perf_counter()
    import torch

    from mmsearch.models.recognition import whisper_weights

    processor, model = load(Path(whisper_weights.builtin().source))
    sound = np.load(sys.argv[1])
    ready = time.perf_counter()
    texts: list[str] = []
    windows = [sound[start : start + WINDOW] for start in range(0, len(sound), WINDOW)]
    for at in range(0, len(windows), 4):
        given = processor(windows[at : at + 4], sampling_rate=RATE, return_tensors="pt", return_attention_mask=True)
        with torch.inference_mode():
            ids = model.generate(**given, max_new_tokens=440, return_timestamps=True, num_beams=1, task="transcribe")
        texts += processor.batch_decode(ids, skip_special_tokens=True)
    told = {"items": len(sound) / RATE, "seconds": time.perf_counter() - ready, "start_s": ready - began}
    print(json.dumps({**told, "texts": texts}))


if __name__ == "__main__":
    main()
