"""The plain way to answer one query: load the model with sentence-transformers, encode, multiply, sort.

python -m benchmarks.plain_query VECTORS.npy MODEL QUERY
"""

from __future__ import annotations

import sys

import numpy as np

from mmsearch.models.libraries import repair_torchvision


def main() -> None:
    repair_torchvision()  # where it is broken, nothing below could be imported
    from sentence_transformers import SentenceTransformer

    model = SentenceTransformer(sys.argv[2], device="cpu")
    vectors = np.load(sys.argv[1])
    scores = vectors @ model.encode_query(sys.argv[3], normalize_embeddings=True)
    for number in np.argsort(-scores)[:10]:
        print(f"{scores[number]:.3f}  {number}")


if __name__ == "__main__":
    main()
