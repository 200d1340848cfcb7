"""The plain way to answer one query: load the model with sentence-transformers, encode, multiply, sort.

python -m benchmarks.plain_query make FOLDER VECTORS.npy    encode the text files below FOLDER, once
python -m benchmarks.plain_query ask VECTORS.npy QUERY      what is timed
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from sentence_transformers import SentenceTransformer

from mmsearch.models.builtin import locate


def main() -> None:
    model = SentenceTransformer(str(locate()), device="cpu")
    if sys.argv[1] == "make":
        texts = dict.fromkeys(path.read_text("utf-8") for path in sorted(Path(sys.argv[2]).rglob("*.txt")))
        np.save(sys.argv[3], model.encode(list(texts), normalize_embeddings=True))
        return
    vectors = np.load(sys.argv[2])
    scores = vectors @ model.encode(sys.argv[3], normalize_embeddings=True)
    for number in np.argsort(-scores)[:10]:
        print(f"{scores[number]:.3f}  {number}")


if __name__ == "__main__":
    main()
