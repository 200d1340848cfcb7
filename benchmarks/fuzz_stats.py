"""Fuzzes stat results and names: no run fails over what a file system reports of its files."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path
from unittest.mock import patch

from hypothesis import strategies as st

from benchmarks.fuzz_targets import fuzzed, scratch, small_index
from mmsearch.discovery import walk
from mmsearch.filestat import HIGHEST, LOWEST, wrapped
from mmsearch.index import Index
from mmsearch.query import Filter, Query

NUMBERS = st.sampled_from(
    [
        0,
        1,
        -1,
        1 << 31,
        1 << 32,
        1 << 53,
        HIGHEST,
        HIGHEST + 1,
        (1 << 64) - 1,
        1 << 64,
        LOWEST,
        LOWEST - 1,
        10**40,
    ]
) | st.integers(-(1 << 70), 1 << 70)
PROPERTIES = st.tuples(*[NUMBERS] * 7)  # mode, inode, device, size, mtime_ns, ctime_ns, blocks
NAMES = st.binary(min_size=1, max_size=60).map(lambda raw: b"f" + raw.replace(b"/", b"s").replace(b"\0", b"n"))
ENDINGS = st.sampled_from([b".txt", b".dwg", b".srt", b".mp4", b".png", b""])
FILES = st.dictionaries(st.tuples(NAMES, ENDINGS).map(b"".join), PROPERTIES, min_size=1, max_size=6)
MOMENTS = st.floats(-1e13, 1e13)


def _result(given: tuple[int, ...]) -> os.stat_result:
    mode, inode, device, size, mtime_ns, ctime_ns, blocks = given
    more = {"st_mtime_ns": mtime_ns, "st_ctime_ns": ctime_ns, "st_blocks": blocks}
    return os.stat_result((mode, inode, device, 1, 0, 0, size, 0, 0, 0), more)


@fuzzed(FILES, st.lists(NUMBERS, min_size=2, max_size=2), MOMENTS)
def stat_results(files: dict[bytes, tuple[int, ...]], devices: list[int], moment: float) -> None:
    """Any stat results: every file is accounted for, an unchanged one is not inspected again, filters by date
    accept it, the guard takes roots on any device, and the index stays sound."""
    small_index.use_word_model(setattr)
    top = Path(tempfile.mkdtemp(dir=scratch()))
    docs, index = top / "docs", top / "index"
    docs.mkdir()
    for name in files:
        with open(os.path.join(os.fsencode(docs), name), "wb") as file:
            file.write(b"AC1032\0\1\2" * 3)
    runs = []
    for device in (*devices, devices[-1]):
        with (
            patch.object(walk, "stat_of", lambda entry: _result(files[entry.name])),
            patch.object(walk, "device_of", lambda path, device=device: wrapped(device)),
        ):
            runs.append(small_index.run(index, os.fsencode(docs)))
    assert all(record.seen == len(files) and record.outcome == "done" for record in runs)
    for name in files:
        os.unlink(os.path.join(os.fsencode(docs), name))
    with patch.object(walk, "device_of", lambda path: wrapped(devices[0])):
        assert small_index.run(index).outcome == "guard"
    for where in (Filter(since=moment), Filter(before=moment)):
        Index.open(index).search(Query(text="f", where=where))
    assert small_index.broken(index, deep=True) == {}
    shutil.rmtree(top)
