"""A text query in a fresh process, in the index of 100,000 embeddings of the search benchmark, against a plain script.

python -m benchmarks.cold INDEX VECTORS.npy MODEL     makes them ready
"""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

from benchmarks import measure, million
from benchmarks.measure import Setting
from benchmarks.table import Row, times

EMBEDDINGS = 100_000
QUERY = "who repaired the pump of the lighthouse"


def rows(setting: Setting) -> list[Row]:
    """Whole processes: as a multiple of the plain script's time, and in seconds."""
    index, vectors = setting.folder / f"passages-{EMBEDDINGS}", setting.folder / f"vectors-{EMBEDDINGS}.npy"
    model = setting.folder / "default-text-model"
    measure.run([sys.executable, "-m", "benchmarks.cold", str(index), str(vectors), str(model)], setting.env)
    ours = [sys.executable, "-m", "mmsearch", "query", "--index", str(index), QUERY]
    plain = [sys.executable, "-m", "benchmarks.plain_query", str(vectors), str(model), QUERY]
    medians = measure.alternate({"ours": ours, "plain": plain}, setting.repeats, setting.env)
    shares = [measure.import_share(command, setting.env) for command in (ours, plain)]
    note = f"imports {shares[0]:.0%} of ours, {shares[1]:.0%} of plain; median of {setting.repeats}"
    return [
        times(f"cold text query, {EMBEDDINGS:,} embeddings", medians["ours"], medians["plain"], 0.1, note),
        Row("the same, in seconds", f"{medians['ours']:.3f} s", "-", medians["ours"], None, 0.5, "on an idle machine"),
    ]


def ready(index: Path, vectors: Path, model: Path) -> None:
    """The index, as if it were of the text model that a new index takes, the query encoder in the cache that a run of
    the program makes for it, and for the plain script the vectors, float32 (n, dimension), and the model's folder."""
    import numpy as np

    from mmsearch.encoding import encoders
    from mmsearch.models import builtin
    from mmsearch.models.model_options import ModelOptions
    from mmsearch.models.registry import DEFAULT, load, resolve
    from mmsearch.models.texts import e5
    from mmsearch.store import spaces
    from mmsearch.store.catalogue import open_reader, transaction
    from mmsearch.store.layout import IndexFolder
    from mmsearch.store.writing import writing

    million.make(index, EMBEDDINGS)
    place, spec = IndexFolder(index), resolve(DEFAULT[0])
    facts = json.dumps(builtin.fingerprint(spec.name)), json.dumps({"model": spec.source})
    with writing(place, "benchmark") as writer, transaction(writer.connection, place):
        writer.connection.execute("UPDATE spaces SET name = ?, fingerprint = ?, recorded = ?", (spec.name, *facts))
    connection = open_reader(place)
    row = spaces.spaces(connection)[0]
    encoders.provide(row, load(spec), spec, ModelOptions())
    if not vectors.is_file():
        halves = b"".join(one for (one,) in connection.execute("SELECT vector FROM embeddings ORDER BY id"))
        np.save(vectors, np.frombuffer(halves, np.float16).reshape(-1, row.dimension).astype(np.float32))
    connection.close()
    shutil.rmtree(model, ignore_errors=True)
    if spec.name == builtin.LANGUAGES:
        e5.convert(e5.locate(), model, e5.projection())
    else:
        shutil.copytree(builtin.locate(), model)


if __name__ == "__main__":
    ready(*map(Path, sys.argv[1:4]))
