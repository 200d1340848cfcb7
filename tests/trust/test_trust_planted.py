"""An index is data: one that somebody else prepared runs nothing, whatever its catalogue says and wherever it lies."""

import contextlib
import json
import os
import shutil
import sqlite3
import struct
from pathlib import Path

import pytest
from small_index import WordEncoder, load_word_model, run

from mmsearch import diagnostics, trust
from mmsearch.cli.program import run as command
from mmsearch.config import Settings, data_home
from mmsearch.encoding import encoders
from mmsearch.errors import ModelUnavailable, UntrustedModel
from mmsearch.index import Index
from mmsearch.indexing import model_selection, run_models
from mmsearch.query import Query, RunOptions
from mmsearch.run_record import Remark
from mmsearch.store import sums
from mmsearch.store.layout import IndexFolder

SETTINGS = ["--no-ocr", "--workers", "1", "--quiet"]


@pytest.fixture(autouse=True)
def homes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The user's folders, empty, and models of words in place of the text encoder in the box; others load as ever."""
    for name in ("data", "config", "cache"):
        monkeypatch.setenv(f"XDG_{name.upper()}_HOME", str(tmp_path / "home" / name))
    monkeypatch.setattr(model_selection, "DEFAULT", ("builtin",))
    load_word_model(monkeypatch.setattr)
    monkeypatch.setattr(run_models.Models, "_export", lambda self, row: None)
    monkeypatch.setattr(encoders, "opened", lambda row: WordEncoder())
    monkeypatch.setattr(encoders, "problem", lambda place, deep=False: "")


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A folder as it comes out of an archive, with notes and an index in it that this user did not make."""
    clone = tmp_path / "clone"
    clone.mkdir()
    (clone / "notes.txt").write_text("The ferry leaves at nine from the northern pier.")
    run(clone / ".mmsearch", clone)
    forgotten(clone / ".mmsearch")
    return clone


def forgotten(index: Path) -> None:
    """Take an index out of the record, as if another user had made it."""
    assert trust.forget(index)


def evil_model(folder: Path, canary: Path) -> Path:
    """A model folder whose code writes a file when it is imported."""
    folder.mkdir(parents=True)
    (folder / "canary.py").write_text(f"open({str(canary)!r}, 'w').close()\nclass Canary:\n    pass\n")
    (folder / "modules.json").write_text('[{"idx": 0, "name": "0", "path": "", "type": "canary.Canary"}]')
    (folder / "config.json").write_text('{"model_type": "bert", "auto_map": {"AutoModel": "canary.Canary"}}')
    header = b'{"a": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}'
    (folder / "model.safetensors").write_bytes(struct.pack("<Q", len(header)) + header + bytes(4))
    return folder


def plant(index: Path, model: str, name: str = "evil", **options: object) -> None:
    """Write a further space into a catalogue, full of embeddings, whose model is whatever the attacker likes."""
    (index / "catalogue.sums").unlink(missing_ok=True)  # else the change is told as damage
    with contextlib.closing(sqlite3.connect(index / "catalogue.db")) as one, one:
        fingerprint, dimension, views = one.execute("SELECT fingerprint, dimension, views FROM spaces").fetchone()
        recorded = {"model": model, "options": {"trust_remote_code": True, **options}, "query_views": ["text"]}
        facts = json.loads(fingerprint)
        facts["text"]["weights"] = "sha256:0"
        space = one.execute(
            "INSERT INTO spaces (name, fingerprint, recorded, dimension, views) VALUES (?, ?, ?, ?, ?)",
            (name, json.dumps(facts), json.dumps(recorded), dimension, views),
        ).lastrowid
        one.execute(
            "INSERT INTO embeddings (segment_id, space_id, view, part, sampling_hash, vector)"
            " SELECT segment_id, ?, view, part, sampling_hash, vector FROM embeddings",
            (space,),
        )
        one.execute(
            "INSERT INTO background (space_id, view, sampling_hash, embedding_id, vector)"
            " SELECT space_id, view, sampling_hash, id, vector FROM embeddings WHERE space_id = ?",
            (space,),
        )


def stored_texts(index: Path) -> set[str]:
    """The words of all segments."""
    with contextlib.closing(sqlite3.connect(index / "catalogue.db")) as one:
        return {text for (text,) in one.execute("SELECT text FROM segments")}


def said(capsys: pytest.CaptureFixture[str]) -> str:
    return " ".join(capsys.readouterr().err.split())


COMMANDS = [
    ["query", "ferry"],
    ["similar", "notes.txt"],
    ["dupes"],
    ["status"],
    ["failed"],
    ["failed", "--retry"],
    ["forget", "notes.txt"],
    ["verify"],
    ["verify", "--repair"],
    ["index"],
    ["index", "."],
    ["index", "--here", "."],
    ["index", "--dry-run"],
]


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_an_index_that_is_found_is_not_used_by_any_command(
    clone: Path, tmp_path: Path, words: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    evil = evil_model(clone / "model", tmp_path / "canary")
    plant(clone / ".mmsearch", str(evil))
    before = {path: path.read_bytes() for path in (clone / ".mmsearch").iterdir()}
    monkeypatch.chdir(clone)
    assert command(words) == 3
    told = said(capsys)
    assert f"The index {clone}/.mmsearch, which belongs to " in told
    assert "was not made here by your mmsearch, so it is not used unasked." in told
    assert f"It would load evil (the local folder {evil}, with code of its own)" in told
    assert f"--index {clone}/.mmsearch" in told and f"mmsearch trust {clone}/.mmsearch" in told
    assert not (tmp_path / "canary").exists()
    assert {path: path.read_bytes() for path in before} == before


def test_from_a_folder_below_it_is_found_and_refused_too(clone: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (clone / "deep" / "down").mkdir(parents=True)
    monkeypatch.chdir(clone / "deep" / "down")
    assert command(["query", "ferry"]) == 3


def test_an_index_that_was_moved_is_not_adopted_silently(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "old").mkdir()
    (tmp_path / "old" / "notes.txt").write_text("The ferry leaves at nine.")
    run(tmp_path / "old" / ".mmsearch", tmp_path / "old")
    (tmp_path / "old").rename(tmp_path / "new")
    monkeypatch.chdir(tmp_path / "new")
    assert command(["query", "ferry"]) == 3
    assert f"was moved or copied here from {tmp_path}/old/.mmsearch" in said(capsys)
    assert command(["trust", "."]) == 0
    assert [entry.folder for entry in trust.entries()] == [tmp_path / "new" / ".mmsearch"]
    assert command(["query", "ferry"]) == 0


def test_an_id_that_was_copied_from_the_users_own_index_helps_nothing(
    clone: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = tmp_path / "own" / ".mmsearch"
    own.parent.mkdir()
    (own.parent / "notes.txt").write_text("Mine.")
    run(own, own.parent)
    evil = evil_model(clone / "model", tmp_path / "canary")
    plant(clone / ".mmsearch", str(evil))
    number = trust.entries()[0].index_id
    (clone / ".mmsearch" / "catalogue.sums").unlink(missing_ok=True)  # else the change is told as damage
    with contextlib.closing(sqlite3.connect(clone / ".mmsearch" / "catalogue.db")) as one, one:
        one.execute("UPDATE meta SET value = ? WHERE key = 'id'", (number,))
    monkeypatch.chdir(clone)
    assert command(["query", "ferry"]) == 3
    assert command(["query", "ferry", "--index", "./.mmsearch"]) == 0  # as data
    assert not (tmp_path / "canary").exists()


@pytest.mark.parametrize(
    "how", ["link to a foreign one", "link to the user's own", "nothing in it", "no id", "no rows"]
)
def test_other_things_by_that_name_are_refused(
    clone: Path, tmp_path: Path, how: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    here = tmp_path / "here"
    here.mkdir()
    if how.startswith("link"):
        (here / ".mmsearch").symlink_to(clone / ".mmsearch")
        if "own" in how:
            assert command(["trust", str(clone)]) == 0
    elif how == "nothing in it":
        (here / ".mmsearch").mkdir()
    else:
        shutil.copytree(clone / ".mmsearch", here / ".mmsearch")
        (here / ".mmsearch" / "catalogue.sums").unlink(missing_ok=True)  # else the change is told as damage
        with contextlib.closing(sqlite3.connect(here / ".mmsearch" / "catalogue.db")) as one, one:
            one.execute("DELETE FROM meta" if how == "no rows" else "DELETE FROM meta WHERE key = 'id'")
    monkeypatch.chdir(here)
    for words in (["query", "ferry"], ["index", "."]):
        assert command(words) == 3
        assert str(here / ".mmsearch") in said(capsys)


@pytest.mark.parametrize("source", ["folder", "owner/name", "relative/model", "../model", "jinaai/jina-clip-v1"])
def test_named_it_is_searched_as_data_without_the_models_it_names(
    clone: Path,
    tmp_path: Path,
    source: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    no_network: None,
) -> None:
    evil = evil_model(clone / "relative" / "model", tmp_path / "canary")
    for name in ("owner/name", "jinaai/jina-clip-v1"):  # a hub id, and a folder of that name where the user stands
        evil_model(clone / name, tmp_path / "canary")
    plant(clone / ".mmsearch", str(evil) if source == "folder" else source)
    monkeypatch.chdir(clone)
    assert command(["query", "ferry", "--index", "./.mmsearch", "--format", "paths"]) == 0
    out = capsys.readouterr()
    assert out.out == f"{clone}/notes.txt\n"
    told = " ".join(out.err.split())
    assert "The model evil was left out: you never allowed it for this index (" in told
    assert f"mmsearch trust {clone}/.mmsearch --trust-remote-code " in told
    assert command(["similar", "notes.txt", "--index", "./.mmsearch", "--all-segments"]) in (0, 1)
    assert command(["query", "x", "--like", "relative/model/canary.py", "--index", "./.mmsearch"]) in (0, 1)
    for words in (["status"], ["dupes"], ["failed"], ["verify", "--deep"]):
        assert command([*words, "--index", "./.mmsearch"]) in (0, 1, 3)
    assert not (tmp_path / "canary").exists()


RUNS = [["index"], ["index", "."], ["index", "--rebuild"], ["failed", "--retry"], ["index", "--add-model", "./model"]]


@pytest.mark.parametrize("words", RUNS, ids=" ".join)
def test_a_run_over_a_foreign_index_loads_nothing_that_it_names(
    clone: Path, tmp_path: Path, words: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    evil = evil_model(clone / "model", tmp_path / "canary")
    if "--add-model" not in words:
        plant(clone / ".mmsearch", str(evil))
    monkeypatch.chdir(clone)
    assert command([*words, "--index", "./.mmsearch"]) == 3
    assert f"mmsearch trust {clone}/.mmsearch" in said(capsys)
    assert not (tmp_path / "canary").exists()


def test_a_run_over_a_foreign_index_takes_in_what_lies_beside_it_or_is_named(clone: Path, tmp_path: Path) -> None:
    private, named = tmp_path / "private", tmp_path / "named"
    for folder in (private, named):
        folder.mkdir()
        (folder / "secret.txt").write_text("The password of the safe.")
    (clone / "link").symlink_to(private)
    index = clone / ".mmsearch"
    (index / "catalogue.sums").unlink(missing_ok=True)  # made anew below, else the change is told as damage
    with contextlib.closing(sqlite3.connect(index / "catalogue.db")) as one, one:
        for target, relative in ((private, 0), ("link", 1)):  # one with `..` is refused as damage
            one.execute(
                "INSERT INTO roots (path, relative, walked, device) VALUES (?, ?, 1, 0)",
                (os.fsencode(target), relative),
            )
        single = one.execute(
            "INSERT INTO roots (path, relative, walked, device) VALUES (?, 1, 0, 0)", (b"./",)
        ).lastrowid
        for path in (b"link/secret.txt",):
            one.execute(
                "INSERT INTO files (root_id, path, size, mtime_ns, inode, format, sidecars)"
                " VALUES (?, ?, 1, 1, 1, 'text', '[]')",
                (single, path),
            )
    sums.seal(IndexFolder(index), None)
    (clone / "more.txt").write_text("The southern pier.")
    events = list(Index.update(index, None, Settings(ocr="never", workers=1)))
    with Index.open(index) as opened:
        assert opened.search(Query(text="southern pier")).hits
    assert stored_texts(index) == {"The ferry leaves at nine from the northern pier.", "The southern pier."}
    told = [event.sentence for event in events if isinstance(event, Remark)]
    assert any("is not yours, and names folders that lie elsewhere" in sentence for sentence in told)
    run(index, named)
    with Index.open(index) as opened:
        assert [hit.path for hit in opened.search(Query(text="password")).hits] == [os.fsencode(named / "secret.txt")]


def test_an_own_index_loads_nothing_that_its_catalogue_names_beyond_the_record(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    own = tmp_path / "own"
    own.mkdir()
    (own / "notes.txt").write_text("The ferry leaves at nine.")
    run(own / ".mmsearch", own)
    evil = evil_model(own / "model", tmp_path / "canary")
    plant(own / ".mmsearch", str(evil))
    assert command(["query", "ferry", "--index", f"{own}/.mmsearch"]) == 0
    assert "The model evil was left out" in said(capsys)
    (own / "more.txt").write_text("More.")
    assert command(["index", "--index", f"{own}/.mmsearch", *SETTINGS]) == 3
    assert "names a model that you never allowed for it" in said(capsys)
    assert not (tmp_path / "canary").exists()


def granted(index: Path) -> None:
    """Adopt an index with its models, without code of their own."""
    from mmsearch.indexing.adoption import adopt

    adopt(index)


def changed(index: Path, **facts: object) -> None:
    """Change what the catalogue says of the planted space."""
    (index / "catalogue.sums").unlink(missing_ok=True)  # else the change is told as damage
    with contextlib.closing(sqlite3.connect(index / "catalogue.db")) as one, one:
        for name, value in facts.items():
            one.execute(f"UPDATE spaces SET {name} = ? WHERE name = 'evil'", (json.dumps(value),))


@pytest.mark.parametrize("how", ["source", "fingerprint", "code", "nothing"])
def test_a_model_is_loaded_as_the_record_has_it(
    clone: Path, tmp_path: Path, how: str, capsys: pytest.CaptureFixture[str]
) -> None:
    evil = evil_model(clone / "model", tmp_path / "canary")
    other = evil_model(clone / "other", tmp_path / "canary")
    index = clone / ".mmsearch"
    plant(index, str(evil))
    granted(index)
    if how == "source":
        changed(index, recorded={"model": str(other), "options": {"trust_remote_code": True}})
    elif how == "fingerprint":
        changed(index, fingerprint={"text": {"weights": "sha256:1"}})
    elif how == "code":
        changed(index, recorded={"model": str(evil), "options": {"trust_remote_code": True, "revision": "main"}})
    asked = Query(text="ferry"), RunOptions(query_encoder="torch")
    if how in ("source", "fingerprint"):
        with Index.open(index) as opened:
            answer = opened.search(*asked)
        assert answer.hits and any("The model evil was left out" in note for note in answer.notes)
    else:  # allowed, but not with code of its own
        with Index.open(index) as opened, pytest.raises(ModelUnavailable) as error:
            opened.search(*asked)
        assert "runs code of its own, which mmsearch does not do unasked" in error.value.sentence
    assert not (tmp_path / "canary").exists()


def test_code_runs_where_the_user_has_allowed_it_and_not_after_it_has_changed(
    clone: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    evil = evil_model(clone / "model", tmp_path / "canary")
    index = clone / ".mmsearch"
    plant(index, str(evil))
    assert command(["trust", str(index), "--trust-remote-code", str(evil)]) == 0
    (evil / "canary.py").write_text((evil / "canary.py").read_text() + "# another\n")
    with Index.open(index) as opened, pytest.raises(UntrustedModel) as error:
        opened.search(Query(text="ferry"), RunOptions(query_encoder="torch"))
    assert "has changed since you allowed it" in error.value.sentence
    assert not (tmp_path / "canary").exists()
    assert command(["trust", str(index), "--trust-remote-code", str(evil)]) == 0
    with Index.open(index) as opened, pytest.raises(ModelUnavailable):
        opened.search(Query(text="ferry"), RunOptions(query_encoder="torch"))
    assert (tmp_path / "canary").exists()  # so the other tests would have seen it run


def test_the_trust_command_shows_adopts_lists_and_forgets(
    clone: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    evil = evil_model(clone / "model", tmp_path / "canary")
    plant(clone / ".mmsearch", str(evil))
    monkeypatch.chdir(clone)
    assert command(["trust"]) == 0
    assert capsys.readouterr().out == ""
    assert command(["trust", ".", "--trust-remote-code", "clip"]) == 2
    assert trust.entries() == []
    assert command(["trust", ".", "--format", "json"]) == 0
    whole = json.loads(capsys.readouterr().out)
    assert (whole["schema"], whole["path"], whole["state"]) == ("mmsearch.trust/1", f"{clone}/.mmsearch", "own")
    assert whole["models"][1] == {"name": "evil", "loads": f"the local folder {evil}, with code of its own"}
    assert command(["query", "ferry", "--query-encoder", "torch"]) == 2  # its model was allowed now, but not its code
    assert command(["trust", "--format", "json"]) == 0
    listed = json.loads(capsys.readouterr().out)
    assert [one["path"] for one in listed] == [f"{clone}/.mmsearch"]
    assert listed[0]["models"] == [{"source": str(evil), "options": {}, "remote_code": False}]
    assert command(["trust", ".", "--remove"]) == 0
    assert trust.entries() == []
    assert command(["query", "ferry"]) == 3
    assert command(["trust", "--remove"]) == 2
    assert command(["trust", str(tmp_path / "nowhere")]) == 3
    assert not (tmp_path / "canary").exists()


def test_an_index_of_an_older_version_in_the_data_folder_goes_on(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "notes.txt").write_text("The ferry leaves at nine.")
    for index in (data_home() / "default", tmp_path / ".mmsearch"):
        run(index, tmp_path / "notes.txt")
        forgotten(index)
        (index / "catalogue.sums").unlink(missing_ok=True)  # else the change is told as damage
        with contextlib.closing(sqlite3.connect(index / "catalogue.db")) as one, one:
            one.execute("DELETE FROM meta WHERE key = 'id'")
    assert command(["query", "ferry", "--index", "default"]) == 0
    assert command(["index", "--index", "default", *SETTINGS]) == 0
    assert [entry.folder for entry in trust.entries()] == [data_home() / "default"]
    old = tmp_path / ".mmsearch"
    with contextlib.chdir(tmp_path):
        capsys.readouterr()
        assert command(["index", *SETTINGS]) == 3
        assert "was made by an older mmsearch, or not by yours" in said(capsys)
        assert command(["trust", str(old), "--quiet"]) == 0
        assert command(["index", *SETTINGS]) == 0


def test_a_run_works_where_the_record_can_not_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "file"))
    (tmp_path / "notes.txt").write_text("The ferry leaves at nine.")
    with contextlib.chdir(tmp_path):
        assert command(["index", "--here", "notes.txt", "--no-ocr", "--workers", "1"]) == 0
        assert "Later runs and searches won't know this index as yours" in said(capsys)
        assert command(["query", "ferry"]) == 3
        assert command(["query", "ferry", "--index", "./.mmsearch"]) == 0


def test_a_damaged_record_is_told_and_trusts_nothing(
    clone: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    granted(clone / ".mmsearch")
    trust.record_file().write_text("{")
    monkeypatch.chdir(clone)
    for words in (["query", "ferry"], ["index"], ["trust"], ["trust", "."]):
        assert command(words) == 2
        assert "trust.json is damaged; nothing is trusted until that is mended." in said(capsys)
    assert trust.record_file().read_text() == "{"


def test_what_a_space_would_load_is_never_looked_for_in_the_working_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mmsearch.models.model_options import ModelOptions
    from mmsearch.models.registry import load, of_source, resolve

    evil_model(tmp_path / "sentence-transformers" / "clip-ViT-B-32", tmp_path / "canary")
    monkeypatch.chdir(tmp_path)
    for spec in (of_source("sentence-transformers/clip-ViT-B-32"), resolve("clip")):
        assert spec.name == "clip"
        with pytest.raises(ModelUnavailable) as error:
            load(spec, ModelOptions(trust_remote_code=True))
        assert "is not on this machine" in error.value.sentence
    assert not (tmp_path / "canary").exists()


def test_the_old_encoders_folder_goes_and_a_link_of_that_name_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("The ferry leaves at nine.")
    index, victim = tmp_path / "index", tmp_path / "victim"
    run(index, tmp_path / "notes.txt")
    (index / "encoders" / "1").mkdir(parents=True)
    (index / "encoders" / "1" / "text.onnx").write_bytes(b"x")
    run(index)
    assert not (index / "encoders").exists()
    victim.mkdir()
    (victim / "precious").touch()
    (index / "encoders").symlink_to(victim)
    run(index)
    assert not os.path.lexists(index / "encoders") and (victim / "precious").exists()


@pytest.mark.parametrize(
    "facts",
    [
        {"recorded": []},
        {"recorded": {"options": [1]}},
        {"recorded": {"model": 7}},
        {"fingerprint": [1]},
        {"fingerprint": {"text": 1}},
        {"views": {"text": 1}},
        {"views": ["smell"]},
        {"recorded": {"query_views": 3}},
    ],
    ids=json.dumps,
)
def test_a_space_that_makes_no_sense_is_damage_and_no_bug(
    clone: Path, facts: dict[str, object], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    plant(clone / ".mmsearch", "owner/name")
    changed(clone / ".mmsearch", **facts)
    monkeypatch.chdir(clone)
    for words in (["query", "ferry"], ["query", "ferry", "--index", "./.mmsearch"], ["trust", "."]):
        assert command(words) == 3
    message = said(capsys)
    assert "makes no sense" in message or "is damaged" in message


def test_a_planted_name_is_never_told_as_the_model_that_is_loaded(
    clone: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    index = clone / ".mmsearch"
    (index / "catalogue.sums").unlink(missing_ok=True)  # else the change is told as damage
    with contextlib.closing(sqlite3.connect(index / "catalogue.db")) as one, one:
        one.execute("UPDATE spaces SET name = ?", ("/tmp/evil\x1b[2J" + "x" * 9000,))
    monkeypatch.chdir(clone)
    (clone / "more.txt").write_text("The ferry is late.")
    assert command(["index", ".", "--index", "./.mmsearch", "--no-ocr", "--workers", "1"]) == 3
    assert command(["query", "ferry", "--index", "./.mmsearch"]) == 0
    out = capsys.readouterr()
    told = out.out + out.err
    assert "\x1b" not in told and "loading /tmp" not in told and "computes in" not in told
    assert "The model /tmp/evil\\x1b[2Jxxx" in told and "x" * 200 not in told
    assert command(["status", "--index", "./.mmsearch"]) == 0
    shown = capsys.readouterr().out
    assert "\x1b" not in shown and "x" * 200 not in shown


def test_doctor_says_why_an_index_that_it_finds_is_not_used_and_checks_it_as_data(
    clone: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    evil = evil_model(clone / "model", tmp_path / "canary")
    plant(clone / ".mmsearch", str(evil))
    monkeypatch.chdir(clone)
    monkeypatch.setattr(diagnostics, "_LIBRARY_CHECKS", ())
    assert command(["doctor", "--format", "json"]) == 3
    found = {check["name"]: check for check in json.loads(capsys.readouterr().out)}
    assert found["trust"]["state"] == "missing" and "was not made here by your mmsearch" in found["trust"]["found"]
    assert f"mmsearch trust {clone}/.mmsearch" in found["trust"]["remedy"]
    assert found["index"]["state"] in ("ok", "warn") and f"{clone}/.mmsearch" in found["disk"]["found"]
    assert not (tmp_path / "canary").exists()
