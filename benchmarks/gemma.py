"""EmbeddingGemma 2 of the real size with random weights on the CPU: what one text, picture and sound take, ours beside
`encode` of sentence-transformers, in one process and in alternation; and a text query in a new process.

python -m benchmarks.gemma FOLDER THREADS     prints a JSON object: seconds by input and side
"""

from __future__ import annotations

import json
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks import measure
from benchmarks.gemma_model import real_embedding_gemma
from benchmarks.measure import Setting
from benchmarks.table import Row

TEXTS, TEXT_TOKENS = 8, 200
REPEATS = 3
QUERY_GOAL_S = 1.5


def rows(setting: Setting) -> list[Row]:
    """Seconds of each input, ours and the plain way."""
    folder = real_embedding_gemma(setting.folder / "embedding-gemma-2")
    command = [sys.executable, "-m", "benchmarks.gemma", str(folder), str(setting.threads)]
    found = json.loads(measure.run(command, setting.env)[1].stdout.splitlines()[-1])
    made = [
        Row(
            f"EmbeddingGemma 2, {name}",
            f"{ours:.2f} s",
            f"{plain:.2f} s",
            plain / ours,
            0.95,
            note=f"random weights, float32; plain: encode_document; medians of {REPEATS}",
        )
        for name, (ours, plain) in found.items()
    ]
    return [*made, query(setting, folder)]


def query(setting: Setting, folder: Path) -> Row:
    """A text query in a new process, over an index of one text by that model."""
    files, index = setting.folder / "gemma-files", setting.folder / "gemma-index"
    files.mkdir(exist_ok=True)
    (files / "harbour.txt").write_text("The fishing boats come back at dawn with herring and cod.\n")
    own = [sys.executable, "-m", "mmsearch"]
    measure.run([*own, "index", "-q", "--index", str(index), "--model", f"{folder}:text", str(files)], setting.env)
    ask = [*own, "query", "boats at dawn", "--index", str(index), "--query-encoder", "onnx", "--format", "json"]
    seconds = statistics.median(measure.run(ask, setting.env)[0] for _ in range(setting.repeats))
    note = f"its text tower by ONNX Runtime, 1.1 GB; a new process; median of {setting.repeats}"
    return Row("a text query with EmbeddingGemma 2", f"{seconds:.2f} s", "-", seconds, None, QUERY_GOAL_S, note=note)


def main() -> None:
    from mmsearch.models.libraries import quiet

    quiet(offline=True)
    import numpy as np
    import torch
    from PIL import Image

    from mmsearch.models.model_options import ModelOptions
    from mmsearch.models.sentence_transformer import SentenceTransformerEmbedder
    from mmsearch.types import View

    torch.set_num_threads(int(sys.argv[2]))
    folder = Path(sys.argv[1])
    rng = np.random.default_rng(0)
    photo = rng.integers(0, 256, (768, 1024, 3), dtype=np.uint8)
    sound = np.sin(np.arange(16_000 * 30) * 0.05).astype(np.float32) / 3
    texts = ["".join(rng.choice(list("abcdefgh "), TEXT_TOKENS - 12)) for _ in range(TEXTS)]
    exact = ModelOptions(device="cpu", dtype="float32")
    found: dict[str, tuple[float, float]] = {}

    def both(name: str, ours: Callable[[], Any], plain: Callable[[], Any], count: int) -> None:
        times: dict[bool, list[float]] = {True: [], False: []}
        for _ in range(REPEATS):
            for own, call in ((True, ours), (False, plain)):
                began = time.perf_counter()
                call()
                times[own].append((time.perf_counter() - began) / count)
        found[name] = (statistics.median(times[True]), statistics.median(times[False]))
        print(name, found[name], file=sys.stderr, flush=True)

    for pixels in (161_280, None):
        embedder = SentenceTransformerEmbedder(folder, name="gemma", options=replace(exact, max_pixels=pixels))
        embed, plain = embedder.embed, embedder.model.encode_document
        if pixels:
            wrapped = [{"text": text} for text in texts]
            both(f"a text of {TEXT_TOKENS} tokens", partial(embed, View.TEXT, texts), partial(plain, wrapped), TEXTS)
            played = [{"audio": {"array": sound, "sampling_rate": 16_000}}]
            both("30 s of sound", partial(embed, View.AUDIO, [sound]), partial(plain, played), 1)
        shown = [{"image": Image.fromarray(photo)}]
        tokens = 70 if pixels else 280
        both(f"a picture of {tokens} tokens", partial(embed, View.IMAGE, [photo]), partial(plain, shown), 1)
    print(json.dumps(found))


if __name__ == "__main__":
    main()
