"""`mmsearch models`: the table, and pulling from a hub that is a local server: nothing here reaches a network."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from fake_hub import Hub

from mmsearch.cli.program import run
from mmsearch.models import machine, model_facts
from mmsearch.models.machine import Machine

CHILD = """
import contextlib, io, json, sys
from mmsearch.cli.program import run
from mmsearch.models import downloads
told = json.loads(sys.argv[2])
if told:
    downloads.check_loads = lambda *_: told
for command in json.loads(sys.argv[1]):
    out, err = io.TextIOWrapper(io.BytesIO(), "utf-8"), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = run(command)
    out.flush()
    print(json.dumps([code, out.buffer.getvalue().decode(), err.getvalue()]), flush=True)
"""
LOADS = {"loads": True, "reason": "", "dimension": 32, "views": ["text"], "versions": {"torch": "2"}}


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """The files of a model, weights and what must not be fetched, without anything that could be loaded."""
    folder = tmp_path / "model"
    for name, data in {
        "config.json": b"{}",
        "modules.json": b"[]",
        "model.safetensors": bytes(300_000),
        "1_Pooling/config.json": b"{}",
        "pytorch_model.bin": bytes(500_000),
        "onnx/model.onnx": bytes(9),
        "code.py": b"raise SystemExit",
        "model.fp32-00001-of-00002.safetensors": bytes(7),
        "tokenizer.json": b"{}",
        "README.md": b"x",
    }.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    return folder


def session(tmp_path: Path, url: str, *commands: str, told: dict[str, Any] | None = LOADS) -> list[tuple[Any, ...]]:
    """Codes, outputs and talk of commands in one process, with a hub at `url`; `told` stands for trying to load."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("HF_", "TRANSFORMERS_"))}
    homes = {"HF_HOME": "hf", "XDG_DATA_HOME": "data", "XDG_CACHE_HOME": "cache"}
    here = {name: str(tmp_path / folder) for name, folder in homes.items()}
    code = [sys.executable, "-c", CHILD, json.dumps([command.split() for command in commands]), json.dumps(told)]
    done = subprocess.run(code, env=kept | here | {"HF_ENDPOINT": url}, capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stderr
    return [tuple(json.loads(line)) for line in done.stdout.splitlines()]


def test_the_table_names_every_model_with_its_state(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(machine, "probe", lambda: Machine(4, 16 << 30))
    monkeypatch.setattr(machine, "measured_gflops", lambda cores: 100.0)
    assert run(["models"]) == 0
    out, err = capfd.readouterr()
    lines = {line.split()[0]: line for line in out.splitlines()}
    assert lines["name"].split() == ["name", "for", "takes", "dim", "weights", "licence", "state", "here"]
    assert (
        lines["qwen3-vl-2b"].split() == "qwen3-vl-2b index text image video 2048 4.3 GB Apache-2.0 replica only".split()
    )
    assert lines["jina-clip-v2"].rstrip().endswith("not with transformers 5")
    assert "needs remote code" in lines["jina-reranker-m0"] and " works " in lines["builtin"]
    told = err.splitlines()
    assert told[1].startswith("This machine: 4 cores, 16 GB of memory, no GPU that could be found; 100 GFLOP/s")
    assert told[2].startswith("This index: there is none here")
    assert told[4:6] == [
        "1. everything: embeddinggemma-2",
        "   mmsearch index --model everything --max-pixels 161280 --allow-download FOLDER",
    ]
    assert [line.split()[0] for line in told[6:9]] == ["adds", "costs", "why"]
    assert "about 1.1 s a passage, 4.4 s a picture, 13 s for 30 s of sound (computed from its operations" in told[7]
    assert run(["models", "--quiet"]) == 0
    assert capfd.readouterr().err == ""


def test_models_as_data(capfd: pytest.CaptureFixture[str]) -> None:
    assert run(["models", "--format", "json", "--quiet"]) == 0
    found = json.loads(capfd.readouterr().out)
    assert [one["name"] for one in found] == [one.name for one in model_facts.listing()]
    assert {one["schema"] for one in found} == {"mmsearch.model/1"}
    known = {one["name"]: one for one in found}
    assert known["qwen3-vl-8b"]["matryoshka"] == [64, 4096] and known["qwen3-vl-8b"]["memory_bytes"] == 20 << 30
    assert known["e5-small"]["prompts"] == {"query": "query: ", "document": "passage: "}
    assert known["bge-m3"]["commit"] is None  # not known, so not told
    assert run(["models", "show", "clip", "--format", "csv"]) == 0
    header, row = capfd.readouterr().out.splitlines()
    assert header.startswith("name,source,role") and row.startswith("clip,sentence-transformers/clip-ViT-B-32,embedder")
    assert run(["models", "--format", "jsonl", "-q"]) == 0
    assert len(capfd.readouterr().out.splitlines()) == len(found)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["get"], "models has no action 'get'."),
        (["show"], "models show needs a NAME."),
        (["list", "clip"], "models list takes no NAME."),
        (["show", "clop"], 'There is no model "clop".'),
        (["rm", "builtin"], "builtin was not pulled, so it stays."),
        (["rm", "clip"], "clip is not on this machine."),
        (["pull", "jina-clip-v2"], "jina-clip-v2 can't be loaded here (not with transformers 5)"),
        (["pull", "jina-reranker-m0"], "jina-reranker-m0 runs code of its own from the hub"),
        (["pull", "builtin"], "builtin is on this machine already."),
        (["list", "--revision", "x"], "--revision and --trust-remote-code go with pull."),
        (["--format", "paths"], "A list of models has no paths."),
    ],
)
def test_what_models_can_not_do_is_reported_in_a_sentence(
    capfd: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    sentence: str,
) -> None:
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    assert run(["models", *arguments]) == 2
    out, err = capfd.readouterr()
    assert out == "" and err.startswith(sentence) and "\n\nhint: " in err


def test_a_pull_fetches_what_a_model_is_loaded_from_and_no_more(tmp_path: Path, model: Path) -> None:
    hub = Hub({"owner/x": model})
    with hub.serving() as url:
        pulled, again = session(tmp_path, url, "models pull owner/x", "models pull owner/x")
    assert pulled[:2] == (0, "")
    assert pulled[2].splitlines()[-1] == (
        f"owner/x is here, commit {hub.commit('owner/x')}: it loads without a network."
    )
    assert "owner/x: 300 kB of 300 kB" in pulled[2]
    files = {path.split("/", 5)[-1] for path in hub.asked if "/resolve/" in path}
    assert files == {"config.json", "modules.json", "model.safetensors", "1_Pooling/config.json", "tokenizer.json"}
    assert again[0] == 0 and len([path for path in hub.asked if path.endswith("model.safetensors")]) == 2  # HEAD, GET


def test_what_a_pull_told_is_recorded_and_shown_and_removed_again(tmp_path: Path, model: Path) -> None:
    hub = Hub({"owner/x": model}, {"owner/x": ["v2"]})
    with hub.serving() as url:
        session(tmp_path, url, "models pull owner/x --revision v2 --quiet")
        asked = len(hub.asked)
        shown, listed, gone, after, again = session(
            tmp_path,
            url,
            "models show owner/x --format json",
            "models --format jsonl -q",
            "models rm owner/x",
            "models --format jsonl -q",
            "models rm owner/x",
        )
        assert len(hub.asked) == asked  # after a pull no command asks the hub
    (facts,) = json.loads(shown[1])
    assert facts["commit"] == hub.commit("owner/x") and facts["revision"] == "v2" and facts["loads"] is True
    assert (facts["dimension"], facts["takes"], facts["state"]) == (32, ["text"], "works")
    assert facts["weights_bytes"] == 300_008 and facts["bytes_here"] >= 300_008
    assert json.loads(listed[1].splitlines()[-1])["name"] == "owner/x"
    assert gone[0] == 0 and gone[2] == "owner/x was removed: 301 kB freed.\n"
    assert "owner/x" not in after[1] and again[0] == 2
    assert not list((tmp_path / "hf" / "hub").glob("models--*")) and not list((tmp_path / "data").rglob("*.json"))


def test_a_pull_that_can_not_be_reports_why_and_keeps_nothing_half(tmp_path: Path, model: Path) -> None:
    bare = tmp_path / "bare"
    bare.mkdir()
    (bare / "pytorch_model.bin").write_bytes(b"x")
    hub = Hub({"owner/x": model, "owner/bin": bare})
    with hub.serving() as url:
        none, revision, pickled, broken = session(
            tmp_path,
            url,
            "models pull owner/none",
            "models pull owner/x --revision v9",
            "models pull owner/bin",
            "models pull owner/x",
            told={"loads": False, "reason": "it is of no kind that is known"},
        )
    assert none[2].startswith("The hub has no model owner/none.") and none[0] == 2
    assert revision[2].startswith("owner/x has no revision v9.")
    assert pickled[2].startswith("owner/bin has no weights in safetensors")
    assert broken[0] == 2
    assert "owner/x was fetched, but does not load: it is of no kind that is known" in broken[2]
    (away,) = session(tmp_path, url, "models pull owner/x")  # the hub has gone
    assert away[0] == 2 and "owner/x can't be fetched" in away[2] and "network" in away[2]


def test_a_model_that_does_not_load_is_listed_as_such(tmp_path: Path, model: Path) -> None:
    with Hub({"owner/x": model}).serving() as url:
        _, shown = session(
            tmp_path,
            url,
            "models pull owner/x",
            "models show owner/x --format json",
            told={"loads": False, "reason": "it is of no kind that is known"},
        )
    (facts,) = json.loads(shown[1])
    assert (facts["state"], facts["reason"]) == ("does not load", "it is of no kind that is known")


def test_a_pulled_model_is_loaded_once_where_no_hub_can_be_asked(tmp_path: Path) -> None:
    from replicas import tiny_minilm

    hub = Hub({"owner/tiny": tiny_minilm(tmp_path / "tiny")})
    with hub.serving() as url:
        pulled, shown = session(
            tmp_path, url, "models pull owner/tiny", "models show owner/tiny --format json", told=None
        )
    (facts,) = json.loads(shown[1])
    assert pulled[0] == 0 and "it loads without a network" in pulled[2]
    assert (facts["dimension"], facts["takes"], facts["loads"]) == (32, ["text"], True)


def test_models_does_not_import_torch() -> None:
    code = "import sys\nfrom mmsearch.cli.program import run\nrun(['models', '-q'])\n"
    code += "print('torch' in sys.modules, 'huggingface_hub' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.splitlines()[-1] == "False False"
