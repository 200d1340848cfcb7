"""Passages of text through MiniLM: indexing files against `SentenceTransformer.encode` of a list."""

from __future__ import annotations

import json
import random
import sqlite3
from contextlib import closing
from pathlib import Path

from benchmarks import corpus, measure, ours
from benchmarks.measure import Setting
from benchmarks.table import Row, rates

FILES = 160
PARAGRAPHS = 15  # of a file, each long enough to be a passage of its own
SHORTEST, LONGEST = 60, 180  # words; more would be more than MiniLM reads at once
EVERY = 4  # the plain way, being slow, gets one passage of so many


def rows(setting: Setting) -> list[Row]:
    """The pace of both over the same passages, without their start."""
    from mmsearch.models.builtin import locate

    folder = setting.folder / f"texts-{FILES}"
    _make(folder)
    place = setting.folder / "index-passages"
    listed = setting.folder / "passages.json"
    mine, plain = [], []
    for _ in range(setting.turns):
        mine.append(ours.index(place, [folder], setting.env, "--no-ocr"))
        listed.write_text(json.dumps(_passages(place)[::EVERY]), "utf-8")
        plain.append(measure.told("benchmarks.plain_encode", setting.env, "passages", str(locate()), str(listed)))
    seconds, steady = ours.median(mine)
    whole, plainly = measure.medians(plain)
    record = mine[0].record
    steady *= record["segments"] / record["embeddings"]  # what MiniLM can't read at once has several
    note = (
        f"{record['segments']:,} passages of about {SHORTEST} to {LONGEST} words, {record['embeddings']:,} embeddings; "
        f"plain: every {EVERY}th of them; whole commands {seconds:.1f} s and {whole:.1f} s; {mine[0].stages()}; "
        f"{ours.work(mine, plain)}; {setting.turns} turns"
    )
    return [
        rates("text passages, MiniLM", steady, plainly, "passages", 1.5 if measure.bfloat16() else 1.1, note),
    ]


def _make(folder: Path) -> None:
    """Text files of paragraphs on the same topics; made once."""
    ready = folder.with_suffix(".ready")
    if ready.is_file():
        return
    chance = random.Random(5)
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(FILES):
        paragraphs = [corpus.paragraph(chance, chance.randint(SHORTEST, LONGEST)) for _ in range(PARAGRAPHS)]
        (folder / f"report {number:03d}.txt").write_text("\n\n".join(paragraphs) + "\n", "utf-8")
    ready.touch()


def _passages(place: Path) -> list[str]:
    """What ours has embedded, passage by passage."""
    with closing(sqlite3.connect(f"{(place / 'catalogue.db').as_uri()}?mode=ro", uri=True)) as connection:
        return [text for (text,) in connection.execute("SELECT text FROM segments ORDER BY id")]
