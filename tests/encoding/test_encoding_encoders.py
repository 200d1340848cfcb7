"""Exported query encoders: once per user, in the cache, loaded as they were written or made again."""

import errno
import os
import shutil
import stat
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import traced_graphs
from replicas import tiny_minilm
from small_index import run

from mmsearch.encoding import encoders
from mmsearch.errors import ModelUnavailable
from mmsearch.index import Index
from mmsearch.models import encoder_cache, export
from mmsearch.query import Query, RunOptions

FILES = ["encoder.json", "text.bin", "text.onnx", "tokenizer.json"]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_minilm(tmp_path_factory.mktemp("models") / "tiny")


@pytest.fixture(scope="module")
def made_once(model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An index by a tiny model that is what it is, and its encoder in a cache of its own."""
    top = tmp_path_factory.mktemp("encoders")
    (top / "notes.txt").write_text("The ferry leaves at nine from the northern pier.")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(top / "cache"))
        run(top / "index", top / "notes.txt", models=(str(model),), device="cpu", dtype="float32")
    return top


@pytest.fixture
def made(made_once: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The same with a copy of the cache; `made / "cache"`."""
    subprocess.run(["cp", "-a", made_once / "cache", tmp_path / "cache"], check=True)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    (tmp_path / "index").symlink_to(made_once / "index")
    return tmp_path


def place(top: Path) -> Path:
    (found,) = (path for path in (top / "cache" / "mmsearch" / "encoders").iterdir() if path.name[0] != ".")
    return found


def notes(top: Path, text: str = "ferry", **options: object) -> tuple[str, ...]:
    with Index.open((top / "index").resolve()) as opened:
        answer = opened.search(Query(text=text), RunOptions(**options))  # type: ignore[arg-type]
    assert answer.hits
    return answer.notes


def test_it_lies_in_the_cache_for_the_user_alone_and_not_in_the_index(made: Path) -> None:
    assert sorted(path.name for path in place(made).iterdir()) == sorted([*FILES, "files.json"])
    assert not (made / "index" / "encoders").exists()
    assert {stat.S_IMODE(path.stat().st_mode) for path in place(made).iterdir()} == {0o600}
    assert {stat.S_IMODE(path.stat().st_mode) for path in (place(made), place(made).parent)} == {0o700}
    assert notes(made, query_encoder="onnx") == ()


def flip(file: Path) -> None:
    """Change a bit; all that betrays it is the change time."""
    data, facts = file.read_bytes(), file.stat()
    file.write_bytes(data[:100] + bytes([data[100] ^ 1]) + data[101:])
    os.utime(file, ns=(facts.st_atime_ns, facts.st_mtime_ns))


def link(path: Path, elsewhere: Path) -> None:
    """Move a file or folder away and put a link in its place."""
    path.rename(elsewhere)
    path.symlink_to(elsewhere)


BROKEN: dict[str, Callable[[Path], object]] = {
    "missing": shutil.rmtree,
    "a file is missing": lambda folder: (folder / "text.bin").unlink(),
    "flipped": lambda folder: flip(folder / "text.bin"),
    "truncated": lambda folder: os.truncate(folder / "text.bin", 1000),
    "a further file": lambda folder: (folder / "more.bin").write_bytes(b"x"),
    "a file is a link": lambda folder: link(folder / "text.bin", folder.parent.parent / "elsewhere.bin"),
    "the folder is a link": lambda folder: link(folder, folder.parent.parent / "elsewhere"),
    "another graph": lambda folder: (folder / "text.onnx").write_bytes(b"\x08\x0a"),
    "another note": lambda folder: (folder / "encoder.json").write_text("{}"),
    "no record": lambda folder: (folder / "files.json").unlink(),
    "a damaged record": lambda folder: (folder / "files.json").write_text('{"text.onnx": 1}'),
    "others can write there": lambda folder: folder.chmod(0o777),
}


@pytest.mark.parametrize("how", BROKEN)
def test_one_that_is_not_as_it_was_written_is_not_loaded_and_told(made: Path, how: str) -> None:
    index = (made / "index").resolve()
    BROKEN[how](place(made))
    with pytest.raises(ModelUnavailable, match="exported query encoder"), Index.open(index) as opened:
        opened.search(Query(text="ferry"), RunOptions(query_encoder="onnx"))
    told = [finding for finding in Index.verify(index) if "query encoders" in finding.invariant]
    assert [finding.state for finding in told] == ["derived"]
    assert "query encoder" in told[0].sentence
    with Index.open(index) as opened:
        assert any("exported query encoder" in note for note in opened.status().notes)


@pytest.mark.parametrize("how", ["missing", "flipped", "the folder is a link"])
def test_a_query_makes_it_again(made: Path, how: str) -> None:
    index, folder = (made / "index").resolve(), place(made)
    BROKEN[how](folder)
    (note,) = notes(made)
    assert "exported query encoder" in note
    assert note.endswith("tiny was loaded as a whole, and its query encoder made again: the next query is quick.")
    assert notes(made, query_encoder="onnx") == ()
    assert not folder.is_symlink() and sorted(path.name for path in folder.iterdir()) == sorted([*FILES, "files.json"])
    assert {finding.state for finding in Index.verify(index, deep=True)} == {"ok"}
    assert [path.name for path in folder.parent.iterdir() if path.name.startswith(".")] == []


def test_verify_makes_it_again(made: Path) -> None:
    flip(place(made) / "text.bin")
    states = {finding.invariant: finding.state for finding in Index.verify((made / "index").resolve(), repair=True)}
    assert states["The query encoders in the cache are as they were written"] == "repaired"
    assert notes(made, query_encoder="onnx") == ()


def test_bytes_that_stat_does_not_betray_are_seen_by_a_deep_look(made: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = place(made)
    assert encoders.problem(folder) == ""  # a copy: hashed, and recorded as it is here
    before = {path.name: encoder_cache.file_stat(path) for path in folder.iterdir()}
    flip(folder / "text.bin")
    monkeypatch.setattr(encoder_cache, "file_stat", lambda path: before[path.name])
    assert encoders.problem(folder) == ""
    assert encoders.problem(folder, deep=True) == "The exported query encoder is damaged."


def test_one_that_was_touched_only_is_hashed_once_and_kept(made: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert encoders.problem(place(made)) == ""
    os.utime(place(made) / "text.onnx")
    hashed: list[str] = []
    sha256 = encoder_cache._sha256
    monkeypatch.setattr(
        encoder_cache,
        "_sha256",
        lambda path: hashed.append(path.name) or sha256(path),  # type: ignore[func-returns-value]
    )
    assert encoders.problem(place(made)) == ""
    assert encoders.problem(place(made)) == ""
    assert hashed == ["text.onnx"]


def test_where_the_cache_can_not_be_written_the_whole_model_answers(
    made: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (made / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(made / "file"))
    (note,) = notes(made)
    assert note.startswith("There is no exported query encoder. tiny was loaded as a whole instead.")
    assert "can't hold a query encoder" in note and "XDG_CACHE_HOME" in note


@pytest.mark.parametrize("step", ["torch", "onnxruntime", "tokenizers"])
def test_a_full_disk_is_told_as_such_and_says_nothing_about_the_model(
    made: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    import onnxruntime
    import tokenizers
    import torch

    def full(*_: object, **__: object) -> None:
        if step == "torch":
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        raise RuntimeError("Fail" if step == "onnxruntime" else "No space left on device (os error 28)")

    shutil.rmtree(place(made))
    with monkeypatch.context() as patch:
        if step == "torch":
            patch.setattr(export, "_write_graph", traced_graphs.trace)
            patch.setattr(torch.onnx, "export", full)
        elif step == "onnxruntime":
            patch.setattr(onnxruntime, "InferenceSession", full)
            patch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=0))
        else:
            patch.setattr(tokenizers.Tokenizer, "save", full)
        (note,) = notes(made)
        where = made / "cache" / "mmsearch" / "encoders"
        assert note.endswith(
            f"Queries will load the whole model: The cache folder {where} can't hold a query encoder (no space left on"
            " its disk). Make room there, or set XDG_CACHE_HOME to a folder that has room."
        )
        assert list(where.iterdir()) == []
    (note,) = notes(made)
    assert note.endswith("its query encoder made again: the next query is quick.")
    assert notes(made) == ()


def test_a_link_in_the_place_of_the_encoders_is_not_followed(made: Path) -> None:
    folder = place(made).parent
    folder.rename(made / "elsewhere")
    folder.symlink_to(made / "elsewhere")
    before = sorted((made / "elsewhere").rglob("*"))
    (note,) = notes(made)
    assert "can't hold a query encoder" in note
    assert sorted((made / "elsewhere").rglob("*")) == before


def test_what_killed_exports_left_is_removed_at_the_next_export(made: Path) -> None:
    folder = place(made).parent
    kept = made / "kept"
    kept.mkdir()
    (kept / "file").touch()
    for name in (".0123abcd-old", ".0123abcd-new"):
        (folder / name / "encoder").mkdir(parents=True)
        (folder / name / "encoder" / "text.onnx").write_bytes(b"half")
    (folder / ".record-old").touch()
    (folder / ".0123abcd-link").symlink_to(kept)
    old = 0.0
    for path in (folder / ".0123abcd-old" / "encoder" / "text.onnx", folder / ".record-old"):
        os.utime(path, (old, old))
    for path in (folder / ".0123abcd-old" / "encoder", folder / ".0123abcd-old"):
        os.utime(path, (old, old))
    os.utime(folder / ".0123abcd-link", (old, old), follow_symlinks=False)
    os.utime(folder / ".0123abcd-new", (old, old))  # a file in it is new
    shutil.rmtree(place(made))
    notes(made)
    assert [path.name for path in folder.iterdir() if path.name.startswith(".")] == [".0123abcd-new"]
    assert (kept / "file").exists() and encoders.problem(place(made), deep=True) == ""


def test_an_encoder_that_no_query_has_used_for_90_days_goes_with_the_next_export(made: Path) -> None:
    mine, folder = place(made), place(made).parent
    days = {"a" * 32: 91, "b" * 32: 89, "c" * 32: 0, "not an encoder": 1000}
    for name, age in days.items():
        (folder / name).mkdir()
        (folder / name / "text.onnx").write_bytes(b"weights")
        os.utime(folder / name, (time.time() - age * 86400,) * 2)
    os.utime(mine, (time.time() - 1000 * 86400,) * 2)
    notes(made)  # a query is a use
    assert time.time() - mine.stat().st_mtime < 86400
    encoder_cache._remove_unused(folder / ("c" * 32))
    assert sorted(path.name for path in folder.iterdir()) == sorted({*days, mine.name} - {"a" * 32})
    os.utime(folder / ("b" * 32), (0, 0))
    shutil.rmtree(mine)
    notes(made)  # makes it again
    assert sorted(path.name for path in folder.iterdir()) == sorted({*days, mine.name} - {"a" * 32, "b" * 32})


def test_two_processes_that_make_it_at_once_leave_one_that_works(made: Path, traced_graphs_folder: Path) -> None:
    shutil.rmtree(place(made))
    code = (
        "import sys\nfrom pathlib import Path\nfrom mmsearch.index import Index\nfrom mmsearch.query import Query\n"
        "sys.path.append(sys.argv[2])\nfrom traced_graphs import traced_once\n"
        "with traced_once(Path(sys.argv[3])), Index.open(Path(sys.argv[1])) as one:\n"
        "    answer = one.search(Query(text='ferry'))\n"
        "assert answer.hits\nprint(*answer.notes)"
    )
    helpers = str(Path(traced_graphs.__file__).parent)
    command = [sys.executable, "-c", code, str((made / "index").resolve()), helpers, str(traced_graphs_folder)]
    runs = [subprocess.Popen(command, env=os.environ, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    told = [run.communicate(timeout=240)[0] for run in runs]
    assert [run.returncode for run in runs] == [0, 0]
    assert all("made again: the next query is quick." in text for text in told if text.strip())
    assert encoders.problem(place(made), deep=True) == ""
    assert [path.name for path in place(made).parent.iterdir() if path.name.startswith(".")] == []


def test_it_gives_the_vectors_of_the_model(made: Path) -> None:
    with Index.open((made / "index").resolve()) as opened:
        by_onnx, by_torch = (
            opened.search(Query(text="ferry"), RunOptions(query_encoder=way)).hits[0].score for way in ("onnx", "torch")
        )
    np.testing.assert_allclose(by_onnx, by_torch, atol=1e-4)
