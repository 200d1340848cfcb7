"""The user's record of trust: what it says of an index, and that nothing else can say it."""

import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from mmsearch import trust
from mmsearch.config import data_home
from mmsearch.errors import UsageError
from mmsearch.trust import Grant, State

PRINT = {"text": {"model": "owner/name", "weights": "sha256:1", "dimension": 8}}
ID, OTHER = "0" * 32, "1" * 32


@pytest.fixture(autouse=True)
def homes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's folders, empty."""
    for name in ("data", "config", "cache"):
        monkeypatch.setenv(f"XDG_{name.upper()}_HOME", str(tmp_path / name))
    return tmp_path


def grant(source: str = "owner/name", **other: object) -> Grant:
    return Grant(source, trust.digest(PRINT), {"dim": 8}, **other)  # type: ignore[arg-type]


def test_an_index_is_own_where_path_and_id_are_those_of_the_record(tmp_path: Path) -> None:
    trust.register(tmp_path / "here", ID)
    assert trust.standing(tmp_path / "here", ID).state is State.OWN
    assert trust.standing(tmp_path / "here", OTHER).state is State.FOREIGN
    assert trust.standing(tmp_path / "here", None).state is State.FOREIGN
    moved = trust.standing(tmp_path / "there", ID)
    assert (moved.state, moved.moved_from) == (State.MOVED, tmp_path / "here")
    assert trust.standing(tmp_path / "there", OTHER).state is State.FOREIGN
    assert trust.standing(tmp_path / "there", None).state is State.FOREIGN


def test_the_path_is_the_real_one(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    trust.register(tmp_path / "link", ID)
    assert [entry.folder for entry in trust.entries()] == [tmp_path / "real"]
    assert trust.standing(tmp_path / "real", ID).is_own and trust.standing(tmp_path / "link", ID).is_own


def test_an_index_of_the_data_folder_is_own(tmp_path: Path) -> None:
    elsewhere = tmp_path / "clone" / ".mmsearch"
    elsewhere.mkdir(parents=True)
    (data_home() / "photos").mkdir(parents=True)
    (data_home() / "linked").symlink_to(elsewhere)
    assert trust.standing(data_home() / "photos", None).is_own
    assert trust.standing(data_home() / "new", ID).is_own
    assert trust.standing(data_home() / "linked", None).is_own  # the user made the link
    assert trust.in_data_home(data_home() / "photos") and not trust.in_data_home(data_home() / "linked")
    assert not trust.standing(data_home() / "photos" / "deeper", None).is_own


def test_a_model_is_allowed_for_one_index_with_one_fingerprint(tmp_path: Path) -> None:
    trust.allow_model(tmp_path / "here", ID, grant(remote_code=True, code="abc"))
    found = trust.allowed(tmp_path / "here", ID, "owner/name", PRINT)
    assert found == grant(remote_code=True, code="abc")
    for folder, index_id, source, fingerprint in (
        (tmp_path / "there", ID, "owner/name", PRINT),
        (tmp_path / "here", OTHER, "owner/name", PRINT),
        (tmp_path / "here", None, "owner/name", PRINT),
        (tmp_path / "here", ID, "owner/other", PRINT),
        (tmp_path / "here", ID, "owner/name", {"text": PRINT["text"] | {"dimension": 4}}),
    ):
        assert trust.allowed(folder, index_id, source, fingerprint) is None


def test_a_grant_replaces_the_one_of_the_same_model_and_goes_with_another_id(tmp_path: Path) -> None:
    trust.allow_model(tmp_path / "here", ID, grant(remote_code=True))
    trust.allow_model(tmp_path / "here", ID, grant("/models/mine"))
    trust.allow_model(tmp_path / "here", ID, grant())
    assert trust.entries()[0].models == (grant("/models/mine"), grant())
    trust.register(tmp_path / "here", ID)
    assert len(trust.entries()[0].models) == 2
    trust.register(tmp_path / "here", OTHER)
    assert trust.entries()[0].models == ()


def test_forgetting(tmp_path: Path) -> None:
    trust.register(tmp_path / "here", ID)
    assert trust.forget(tmp_path / "here")
    assert not trust.forget(tmp_path / "here")
    assert trust.entries() == [] and not trust.is_registered(tmp_path / "here")


def test_the_file_is_the_users_alone_and_not_moved_by_mmsearch_config(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MMSEARCH_CONFIG", str(tmp_path / "elsewhere" / "config.toml"))
    trust.register(tmp_path / "here", ID)
    path = tmp_path / "config" / "mmsearch" / "trust.json"
    assert trust.record_file() == path
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert sorted(one.name for one in path.parent.iterdir()) == ["trust.json", "trust.lock"]


def test_a_path_that_is_no_text_is_kept(tmp_path: Path) -> None:
    folder = Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff\xfe"))
    trust.register(folder, ID)
    assert trust.standing(folder, ID).is_own and trust.entries()[0].folder == folder


def _broken(path: Path, how: str) -> None:
    good = path.read_text()
    if how in ("link", "dangling"):
        path.rename(path.with_name("other.json"))
        path.symlink_to("other.json" if how == "link" else "nowhere.json")
    elif how == "fifo":
        path.unlink()
        os.mkfifo(path)
    elif how == "folder":
        path.unlink()
        path.mkdir()
    elif how == "writable":
        path.chmod(0o666)
    else:
        whole = json.loads(good)
        entry = next(iter(whole["indexes"].values()))
        texts = {
            "empty": "",
            "cut": good[:-20],
            "list": "[]",
            "version": json.dumps(whole | {"version": 2}),
            "deep": "[" * 100_000,
            "no id": json.dumps(whole | {"indexes": {"/x": {k: v for k, v in entry.items() if k != "id"}}}),
            "a flag that is text": json.dumps(
                whole | {"indexes": {"/x": entry | {"models": [entry["models"][0] | {"remote_code": "yes"}]}}}
            ),
            "bytes": "\x00\x01",
            **{
                f"since {value}": json.dumps(whole | {"indexes": {"/x": entry | {"since": 4242}}}).replace(
                    "4242", value
                )
                for value in SINCE
            },
            "a path with a zero byte": json.dumps(whole | {"indexes": {"/x\0y": entry}}),
            "a path that no name can be": json.dumps(whole | {"indexes": {"/\ud800": entry}}),
            "a relative path": json.dumps(whole | {"indexes": {"x": entry}}),
            "models that are a number": json.dumps(whole | {"indexes": {"/x": entry | {"models": 5}}}),
        }
        path.write_text(texts[how])


SINCE = ["1" + "0" * 400, "1e308", "1e999", "NaN", "-1e20", "true", '"7"', "null"]
HOW = [*(f"since {value}" for value in SINCE), "a path with a zero byte", "a path that no name can be",
       "a relative path", "models that are a number", "empty", "cut", "list", "version", "deep", "no id",
       "a flag that is text", "bytes", "link", "dangling", "fifo", "folder", "writable"]  # fmt: skip


@pytest.mark.parametrize("how", HOW)
def test_a_damaged_record_trusts_nothing_is_reported_and_is_not_overwritten(tmp_path: Path, how: str) -> None:
    trust.allow_model(tmp_path / "here", ID, grant())
    path = trust.record_file()
    _broken(path, how)
    before = os.lstat(path)
    for ask in (
        lambda: trust.standing(tmp_path / "here", ID),
        lambda: trust.allowed(tmp_path / "here", ID, "owner/name", PRINT),
        trust.entries,
        lambda: trust.register(tmp_path / "there", ID),
        lambda: trust.allow_model(tmp_path / "here", ID, grant()),
        lambda: trust.forget(tmp_path / "here"),
    ):
        with pytest.raises(UsageError) as error:
            ask()
        assert str(path) in error.value.sentence and "nothing is trusted" in error.value.sentence
        assert "mmsearch trust DIR" in error.value.hint
    after = os.lstat(path)
    assert (after.st_ino, after.st_mode, after.st_size) == (before.st_ino, before.st_mode, before.st_size)


def test_a_lock_file_that_is_a_link_is_not_followed(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    (tmp_path / "config" / "mmsearch").mkdir(parents=True)
    (tmp_path / "config" / "mmsearch" / "trust.lock").symlink_to(victim)
    with pytest.raises(trust.RecordUnwritable):
        trust.register(tmp_path / "here", ID)
    assert not victim.exists() and not trust.record_file().exists()


def test_a_configuration_folder_that_can_not_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "file" / "below"))
    assert trust.entries() == [] and trust.standing(tmp_path / "here", ID).state is State.FOREIGN
    with pytest.raises(trust.RecordUnwritable) as error:
        trust.register(tmp_path / "here", ID)
    assert "can't be written" in error.value.sentence and error.value.exit_code == 2


def test_a_write_that_fails_leaves_the_record_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    trust.register(tmp_path / "here", ID)
    before = trust.record_file().read_bytes()

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(trust.RecordUnwritable):
        trust.register(tmp_path / "there", ID)
    assert trust.record_file().read_bytes() == before
    assert sorted(one.name for one in trust.record_file().parent.iterdir()) == ["trust.json", "trust.lock"]


def test_two_processes_that_write_at_once_lose_nothing(tmp_path: Path) -> None:
    code = (
        "import sys\nfrom pathlib import Path\nfrom mmsearch import trust\n"
        "for number in range(20): trust.register(Path(sys.argv[1]) / str(number), f'{sys.argv[2]}{number}')"
    )
    runs = [
        subprocess.Popen([sys.executable, "-c", code, str(tmp_path / name), name], env=os.environ) for name in "abc"
    ]
    assert [run.wait(60) for run in runs] == [0, 0, 0]
    assert {(entry.folder.parent.name, entry.index_id) for entry in trust.entries()} == {
        (name, f"{name}{number}") for name in "abc" for number in range(20)
    }
