"""Small indexes for tests: the real write path with its workers, and a model of words that costs nothing."""

import hashlib
import os
import re
import sqlite3
import wave
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from mmsearch.config import Settings
from mmsearch.encoding import encoders
from mmsearch.encoding.extract import ExtractStage, Task
from mmsearch.errors import ModelUnavailable
from mmsearch.index import Index
from mmsearch.indexing import model_selection, run_models
from mmsearch.models import builtin, query_encoder, registry
from mmsearch.models.device import Precision
from mmsearch.models.embedder import Throughput
from mmsearch.models.texts import e5
from mmsearch.query import Query
from mmsearch.run_record import Event, Finished, RunRecord
from mmsearch.store import sums
from mmsearch.store.layout import IndexFolder
from mmsearch.store.spaces import SpaceRow
from mmsearch.types import View

Vectors = npt.NDArray[np.float32]
Patch = Callable[[Any, str, Any], None]  # `monkeypatch.setattr`, or one that undoes nothing


def embedded(text: str) -> Vectors:
    """A unit vector, float32 (384,): the sum of a fixed random direction for each word."""
    total = np.full(builtin.DIMENSION, 1e-3, np.float32)
    for word in re.findall(r"\w+", text.lower()):
        seed = int.from_bytes(hashlib.blake2b(word.encode("utf-8", "replace"), digest_size=4).digest(), "big")
        total += np.random.default_rng(seed).standard_normal(builtin.DIMENSION).astype(np.float32)
    return total / np.linalg.norm(total)


class WordModel:
    """An embedder with the built-in model's identity."""

    name = "builtin"
    views = frozenset({View.TEXT})
    dimension = builtin.DIMENSION
    max_tokens = 256
    embeds_pairs = False
    takes_instruction = False
    model = None
    precision = Precision("cpu", "float32", "plain arithmetic")
    throughput = Throughput()

    def fingerprint(self) -> dict[str, Any]:
        return builtin.fingerprint()

    def describe_precision(self) -> str:
        return "plain arithmetic"

    def split_text(self, text: str) -> list[str]:
        return [text[i : i + 1000] for i in range(0, len(text), 1000)] if text.strip() else []

    def embed(
        self, view: View, items: Sequence[str], role: str = "document", instruction: str | None = None
    ) -> Vectors:
        return np.stack([embedded(item) for item in items])


class WordEncoder:
    """The same for queries."""

    def __init__(self) -> None:
        self.fingerprint = builtin.fingerprint()["text"]
        self.single_characters = self.takes_instruction = False

    def embed(self, texts: Sequence[str]) -> Vectors:
        return np.stack([embedded(text) for text in texts])

    def tokenize(self, texts: Sequence[str]) -> list[query_encoder.Tokens]:
        words = [list(re.finditer(r"\w+", text)) for text in texts]
        return [
            query_encoder.Tokens([7] * len(found), [one[0] for one in found], 0, [one.span() for one in found])
            for found in words
        ]


def opened_word_encoder(row: SpaceRow) -> WordEncoder:
    """The encoder of the model of words; no other model has one."""
    if row.fingerprint != builtin.fingerprint():
        raise ModelUnavailable("Only the model of words has a query encoder here.")
    return WordEncoder()


def use_word_model(patch: Patch) -> None:
    """Put it where runs and queries take their model from; `patch` sets attributes (`monkeypatch.setattr`). The text
    encoder for a hundred languages, which a rebuild would take in its place, is not there."""
    patch(e5, "available", lambda: False)
    patch(e5, "find", lambda: Path(e5.FILE))
    patch(model_selection, "DEFAULT", ("builtin",))
    patch(run_models, "load_embedder", lambda row, grant, settings: WordModel())
    patch(run_models.Models, "_export", lambda self, row: None)
    patch(encoders, "opened", opened_word_encoder)
    patch(encoders, "problem", lambda place, deep=False: "")


def load_word_model(patch: Patch) -> None:
    """Put it where commands without an index load the built-in model; others are loaded as they are."""
    load, word = registry.load, WordModel()
    patch(registry, "load", lambda spec, options=None: word if spec.name == "builtin" else load(spec, options))


def count_tasks(patch: Patch) -> list[tuple[bytes, int | None]]:
    """A list that grows by (path, span) with each task that goes to a worker; a span of None opens a file."""
    tasks: list[tuple[bytes, int | None]] = []
    before = ExtractStage._submit

    def submit(self: ExtractStage, task: Task) -> None:
        tasks.append((task[0].source.path, task[2]))
        before(self, task)

    patch(ExtractStage, "_submit", submit)
    return tasks


def events(
    index: Path,
    *targets: Path | bytes,
    listed: bool = False,
    stop: Callable[[], str | None] = lambda: None,
    **settings: Any,
) -> list[Event]:
    """All events of a run over targets; without any, over all roots."""
    chosen: dict[str, Any] = {"ocr": "never", "workers": 1} | settings
    named = [os.fsencode(target) for target in targets] or None
    return list(Index.update(index, named, Settings(**chosen), listed=listed, stop=stop))


def record_of(happened: Sequence[Event]) -> RunRecord:
    """The record that ends the events of a run."""
    last = happened[-1]
    assert isinstance(last, Finished)
    return last.record


def run(index: Path, *targets: Path | bytes, **options: Any) -> RunRecord:
    """A run's record; its counts must add up."""
    record = record_of(events(index, *targets, **options))
    assert record.seen == record.accounted(), record
    for outcome in ("skipped", "excluded", "failed", "known_failures"):
        assert getattr(record, outcome) == sum(getattr(record, f"{outcome}_by").values()), record
    return record


def counts(record: RunRecord) -> dict[str, int]:
    """The counts of entries of a record that are not zero."""
    names = ("seen", *RunRecord.OUTCOMES, "removed")
    return {name: getattr(record, name) for name in names if getattr(record, name)}


def found(index: Path, text: str, **query: Any) -> list[bytes]:
    """The paths that a query finds by content or name, best first."""
    query = {"min_score": 0.0} | query
    return [hit.path for hit in Index.open(index).search(Query(text, **query)).hits]


def holding(index: Path, word: str) -> list[str]:
    """The names of files whose content, as searches see it, holds a word."""
    sql = (
        "SELECT f.path FROM words_fts w JOIN segments s ON s.id = w.rowid JOIN files f ON f.asset_id = s.asset_id"
        " WHERE words_fts MATCH ? ORDER BY f.path"
    )
    return [os.fsdecode(row[0]) for row in rows(index, sql, word)]


def rows(index: Path, sql: str, *values: object) -> list[tuple[Any, ...]]:
    """Rows of the catalogue."""
    connection = sqlite3.connect(f"{IndexFolder(index).catalogue.as_uri()}?mode=ro", uri=True)
    try:
        return connection.execute(sql, values).fetchall()
    finally:
        connection.close()


def change(index: Path, *statements: str) -> None:
    """Damage the catalogue, past all rules and without its checksums."""
    IndexFolder(index).sums.unlink(missing_ok=True)
    connection = sqlite3.connect(IndexFolder(index).catalogue, isolation_level=None)
    connection.execute("PRAGMA foreign_keys = OFF")
    for statement in statements:
        connection.execute(statement)
    connection.close()


def seal(index: Path) -> None:
    """Checksums for the catalogue as it is now, as if a run had left it so."""
    sums.seal(IndexFolder(index), None)


def broken(index: Path, **options: Any) -> dict[str, str]:
    """The promises that do not hold: their state by name."""
    return {one.invariant: one.state for one in Index.verify(index, **options) if one.state not in ("ok", "unchecked")}


def contents(index: Path) -> list[tuple[Any, ...]]:
    """What an index holds, without ids and times: every file with its state, and every segment with its text and its
    vector's bytes."""
    files = rows(
        index,
        "SELECT f.path, f.size, f.kind, f.format, f.code, a.key, a.state, a.code, a.details, a.visible FROM files f"
        " LEFT JOIN assets a ON a.id = f.asset_id WHERE f.next_asset_id IS NULL ORDER BY f.path",
    )
    segments = rows(
        index,
        "SELECT a.key, s.ordinal, s.page, s.start_s, s.line_start, s.text, s.details, e.view, e.part, e.vector"
        " FROM segments s JOIN assets a ON a.id = s.asset_id LEFT JOIN embeddings e ON e.segment_id = s.id"
        " ORDER BY a.key, s.ordinal, e.space_id, e.view, e.part",
    )
    return [*files, *segments]


def write(path: Path, text: str) -> Path:
    """A text file in a folder that is made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf-8")
    return path


def write_png(path: Path, shade: int = 200) -> Path:
    """A small picture."""
    from PIL import Image

    Image.new("RGB", (48, 32), (shade, 90, 30)).save(path)
    return path


def write_wav(path: Path, seconds: float = 1.0, tone: float = 440.0) -> Path:
    """A tone."""
    times = np.arange(int(8000 * seconds)) / 8000
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes((np.sin(times * tone * 2 * np.pi) * 9000).astype("<i2").tobytes())
    return path


def write_pdf(path: Path, *pages: str) -> Path:
    """A PDF with a line of Latin text on each page."""
    kids = " ".join(f"{4 + 2 * n} 0 R" for n in range(len(pages)))
    objects = [
        "<</Type/Catalog/Pages 2 0 R>>",
        f"<</Type/Pages/Count {len(pages)}/Kids[{kids}]>>",
        "<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
    ]
    for number, text in enumerate(pages):
        stream = f"BT /F 12 Tf 20 150 Td ({text}) Tj ET"
        page = "/MediaBox[0 0 400 200]/Resources<</Font<</F 3 0 R>>>>"
        objects.append(f"<</Type/Page/Parent 2 0 R{page}/Contents {5 + 2 * number} 0 R>>")
        objects.append(f"<</Length {len(stream)}>>stream\n{stream}\nendstream")
    body, offsets = "%PDF-1.7\n", []
    for number, content in enumerate(objects, 1):
        offsets.append(len(body))
        body += f"{number} 0 obj\n{content}\nendobj\n"
    table = "".join(f"{offset:010} 00000 n \n" for offset in offsets)
    body += f"xref\n0 {len(objects) + 1}\n0000000000 65535 f \n{table}trailer<</Size {len(objects) + 1}/Root 1 0 R>>\n"
    path.write_bytes(f"{body}startxref\n{body.index('xref')}\n%%EOF".encode("latin-1"))
    return path
