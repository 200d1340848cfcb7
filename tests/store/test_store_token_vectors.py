"""Token vectors in the catalogue: packed exactly enough, gone with their embedding, and damage in them is told."""

import json
import shutil
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from small_index import broken, change, rows, seal

from mmsearch.store.catalogue import BadRow, open_writer
from mmsearch.store.files import clear_asset
from mmsearch.store.layout import IndexFolder
from mmsearch.store.token_vectors import packed, unpacked

WIDTH = 384
CHECK = "Token vectors are as they were written"


def unit_rows(count: int, width: int = WIDTH, seed: int = 0) -> npt.NDArray[np.float32]:
    found = np.random.default_rng(seed).standard_normal((count, width)).astype(np.float32)
    return np.asarray(found / np.linalg.norm(found, axis=1, keepdims=True), np.float32)


@pytest.fixture
def late_index(notes: Path, tmp_path: Path) -> Path:
    """The index of the notes as one whose space is of late interaction."""
    index = Path(shutil.copytree(notes / "index", tmp_path / "index"))
    (fingerprint,) = rows(index, "SELECT fingerprint FROM spaces")[0]
    facts = {view: {**one, "late": {}} for view, one in json.loads(fingerprint).items()}
    change(index, f"UPDATE spaces SET fingerprint = '{json.dumps(facts)}'")
    for (number,) in rows(index, "SELECT id FROM embeddings"):
        blob = packed(unit_rows(7, seed=number)).hex()
        change(index, f"INSERT INTO token_vectors VALUES ({number}, x'{blob}')")
    seal(index)
    return index


def test_int8_keeps_cosines_to_thousandths_in_the_bytes_it_promises() -> None:
    vectors, queries = unit_rows(300, 128), unit_rows(40, 128, seed=1)
    blob = packed(vectors)
    assert len(blob) == 300 * (128 + 2) + 4
    values, scales = unpacked(blob, 128)
    assert np.abs(queries @ (values * scales[:, None]).T - queries @ vectors.T).max() < 4e-3
    assert np.abs(values).max(axis=1).tolist() == [127] * 300


def test_one_bit_or_one_byte_less_of_a_blob_is_damage() -> None:
    blob = packed(unit_rows(3, 8))
    for wrong in (blob[:-1], blob[:-10], blob[:20] + bytes([blob[20] ^ 1]) + blob[21:], b"", b"\0\0\0\0"):
        with pytest.raises(BadRow):
            unpacked(wrong, 8)
    with pytest.raises(ValueError, match="no numbers"):
        packed(np.full((2, 8), np.nan, np.float32))


def test_token_vectors_go_with_their_embedding(late_index: Path) -> None:
    assert CHECK not in broken(late_index, deep=True)
    folder = IndexFolder(late_index)
    writer = open_writer(folder)
    held = writer.execute("SELECT count(*) FROM token_vectors").fetchone()[0]
    clear_asset(writer, 3)
    assert writer.execute("SELECT count(*) FROM token_vectors").fetchone()[0] == held - 1
    assert writer.execute("PRAGMA foreign_key_check").fetchall() == []
    writer.close()


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE token_vectors SET vectors = substr(vectors, 1, length(vectors) - 1) WHERE embedding_id = 4",
        "UPDATE token_vectors SET vectors = CAST(substr(vectors, 1, 99) || x'07' || substr(vectors, 101) AS BLOB)"
        " WHERE embedding_id = 4",
        "DELETE FROM token_vectors WHERE embedding_id = 4",
    ],
)
def test_a_deep_check_tells_of_damaged_and_missing_token_vectors(late_index: Path, damage: str) -> None:
    change(late_index, damage)
    seal(late_index)
    assert broken(late_index, deep=True)[CHECK] == "broken"
    assert CHECK not in broken(late_index)
