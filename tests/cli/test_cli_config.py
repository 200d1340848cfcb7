"""Settings from the environment and the config file: a bad one is told with its variable, or with file and line."""

import os
import tomllib
from collections.abc import Callable
from pathlib import Path

import fake_index
import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_cli_errors import index  # noqa: F401 (a fixture)

from mmsearch.cli import program, run_update
from mmsearch.cli.config_file import line_of
from mmsearch.cli.program import run
from mmsearch.config import torch_cache

COMMANDS = {name: program._options(command) for name, command in program._program(program._COMMANDS).commands.items()}
CALLS = {
    "index": ["index", "."],
    "query": ["query", "x"],
    "similar": ["similar", "x"],
    "forget": ["forget", "x"],
    "merge": ["merge", "x", "--into", "y"],
    "completion": ["completion", "bash"],
    "eval": ["eval", "q.jsonl"],
    "embed": ["embed", "x"],
    "rank": ["rank", "x", "y"],
    "text": ["text", "x"],
}
# Every option that does not take any text, with a value that it can't take.
TYPED = [
    (command, name)
    for command, options in COMMANDS.items()
    for name, parameter in options.items()
    if program._type(parameter).name != "text" or hasattr(parameter.type, "choices")
]
CHECKED = [
    ("index", "ocr", "maybe"), ("index", "dtype", "int4"), ("index", "device", "gpu"), ("index", "attn", "magic"),
    ("index", "max_size", "big"), ("index", "time_budget", "long"), ("index", "frames", "1"),
    ("query", "since", "2024-13-01"), ("query", "before", "soon"), ("query", "kind", "jar"), ("query", "size", "5..1"),
    ("query", "pages", "some"), ("query", "min_duration", "long"), ("query", "min_score", "nan"),
    ("query", "query_encoder", "jax"), ("query", "rerank_seconds", "x"), ("query", "image", "no.jpg"),
    ("query", "queries_from", "no.txt"), ("query", "index", " "), ("query", "minus", "x@0"), ("query", "k", "0"),
    ("similar", "since", "soon"), ("similar", "k", "10001"), ("status", "index", " "), ("failed", "format", "xml"),
    ("embed", "model", "no-such-model"), ("embed", "device", "gpu"), ("rank", "model", "no-such-model"),
]  # fmt: skip


@pytest.fixture
def config(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    path = tmp_path / "c.toml"
    monkeypatch.setenv("MMSEARCH_CONFIG", str(path))
    return path


def told(capfd: pytest.CaptureFixture[str]) -> str:
    out, err = capfd.readouterr()
    assert out == "" and "\n\nhint: " in err
    return err.partition("\n\nhint: ")[0]


@pytest.mark.parametrize(("command", "name"), TYPED)
def test_a_variable_that_does_not_fit_its_option_is_named(
    command: str, name: str, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    variable = f"MMSEARCH_{command}_{name}".upper()
    monkeypatch.setenv(variable, "zzz")
    assert run(CALLS.get(command, [command])) == 2
    assert told(capfd).startswith(f"{variable}: invalid value for '-")


@pytest.mark.parametrize(("command", "name"), TYPED)
def test_a_value_of_a_wrong_type_is_told_with_its_line(
    command: str, name: str, config: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    config.write_text(f"# settings\n[{command}]\n\n{name.replace('_', '-')} = {{a = 1}}\n")
    assert run(CALLS.get(command, [command])) == 2
    assert told(capfd).startswith(f"{config}, line 4: {name.replace('_', '-')} can't be ")


@pytest.mark.parametrize(("command", "name", "value"), CHECKED)
def test_a_value_that_can_not_be_meant_is_blamed_on_its_variable(
    command: str, name: str, value: str, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    variable = f"MMSEARCH_{command}_{name}".upper()
    monkeypatch.setenv(variable, value.replace(" ", "\t"))
    call = ["query"] if name == "queries_from" else CALLS.get(command, [command])
    assert run(call) == 2
    assert told(capfd).startswith(f"{variable}: ")


@pytest.mark.parametrize(("command", "name", "value"), CHECKED)
def test_a_value_that_can_not_be_meant_is_blamed_on_its_line(
    command: str, name: str, value: str, config: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    kind = program._type(COMMANDS[command][name]).name
    config.write_text(f"{command}.{name} = {value if kind in ('integer', 'float') else repr(value)}\n")
    call = ["query"] if name == "queries_from" else CALLS.get(command, [command])
    assert run(call) == 2
    assert told(capfd).startswith(f"{config}, line 1: ")


def test_what_was_typed_is_blamed_on_nothing_else(
    config: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    config.write_text('[query]\nsize = "5..1"\n')
    monkeypatch.setenv("MMSEARCH_QUERY_SIZE", "bad")
    assert run(["query", "x", "--size", "big"]) == 2
    assert told(capfd) == "--size can't be 'big'."


@pytest.mark.parametrize(
    ("variables", "settings", "typed", "made"),
    [
        ({"INDEX": "{top}/work/"}, "", ["--here"], "files/.mmsearch"),
        ({"INDEX_HERE": "1"}, "", ["--index", "{top}/work/"], "work"),
        ({"INDEX": "{top}/work/"}, "[index]\nhere = true\n", [], "work"),
        ({"INDEX_HERE": "1"}, '[index]\nindex = "{top}/work/"\n', [], "files/.mmsearch"),
    ],
)
def test_of_here_and_index_the_one_nearer_to_the_user_wins(
    variables: dict[str, str],
    settings: str,
    typed: list[str],
    made: str,
    config: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "files").mkdir()
    monkeypatch.chdir(tmp_path / "files")
    config.write_text(settings.format(top=tmp_path))
    for name, value in variables.items():
        monkeypatch.setenv(f"MMSEARCH_{name}", value.format(top=tmp_path))
    named: list[Path] = []
    monkeypatch.setattr(run_update, "update", lambda folder, *_, **__: named.append(folder) or 0)  # type: ignore[func-returns-value]
    assert run(["index", ".", *[word.format(top=tmp_path) for word in typed]]) == 0
    assert named == [tmp_path / made]


def test_here_and_index_from_the_same_place_contradict_each_other(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    assert run(["index", "--here", "--index", "work"]) == 2
    assert told(capfd) == "--here and --index name two different folders."
    monkeypatch.setenv("MMSEARCH_INDEX", "work")
    monkeypatch.setenv("MMSEARCH_INDEX_HERE", "1")
    assert run(["index"]) == 2
    assert told(capfd) == "MMSEARCH_INDEX_HERE, MMSEARCH_INDEX: --here and --index name two different folders."


def test_an_index_that_is_not_there_is_told_with_the_variable_that_names_it(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MMSEARCH_INDEX", "/nowhere/")
    assert run(["query", "x"]) == 3
    assert told(capfd) == "MMSEARCH_INDEX: There is no index at /nowhere."


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("[query]\nfold = 1\n", "{}, line 2: query has no option 'fold'."),
        ("\n[queries]\nk = 1\n", "{}, line 2: 'queries' is not the name of a command."),
        ("k = 1\n[query]\n", "{}, line 1: 'k' is not the name of a command."),
        ("query = 3\n", "{}, line 1: 'query' is not the name of a command."),
        ("[query]\nno-fold = true\nno_fold = true\n", "{}, line 3: 'no_fold' is set twice, with - and with _."),
        ("[query]\nk = true\n", "{}, line 2: k can't be true."),
        ("[query]\nk = 1.5\n", "{}, line 2: k can't be 1.5."),
        ('[query]\nk = "3"\n', "{}, line 2: k can't be '3'."),
        ('[query]\nkind = [\n  "text",\n  [1],\n]\n', "{}, line 2: kind can't be [1]."),
        ("k = \n", "The config file {} is not valid TOML: Invalid value (at line 1, column 5)."),
    ],
)
def test_a_bad_config_file_is_told_with_the_line(
    config: Path, capfd: pytest.CaptureFixture[str], text: str, sentence: str
) -> None:
    config.write_text(text)
    assert run(["query", "x"]) == 2
    assert told(capfd) == sentence.format(config)


def test_dates_numbers_and_single_values_are_taken_as_options_take_them(config: Path) -> None:
    config.write_text('[query]\nsince = 2024-05-01\nsize = 5000\nin = "/a"\nmin-score = 0\n')
    assert run(["query", "x"]) == 0
    where = fake_index.Index.calls[-1][1].where
    assert (where.min_bytes, where.max_bytes, where.within) == (5000, 5000, ("/a",)) and where.since is not None


@pytest.mark.parametrize("make", [lambda path: None, lambda path: path.mkdir(), lambda path: path.write_bytes(b"\xff")])
def test_a_named_config_file_must_be_readable(
    config: Path, capfd: pytest.CaptureFixture[str], make: Callable[[Path], object]
) -> None:
    make(config)
    assert run(["query", "x"]) == 2
    assert told(capfd).startswith(f"MMSEARCH_CONFIG names {config}, which can't be read: ")


@pytest.mark.parametrize("name", ["/dev/null", ""])
def test_an_empty_config_file_means_no_settings(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv("MMSEARCH_CONFIG", name)
    assert run(["query", "x"]) == 0


def test_a_config_file_without_end_is_refused(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MMSEARCH_CONFIG", "/dev/zero")
    assert run(["query", "x"]) == 2
    assert told(capfd) == "The config file /dev/zero is larger than 1 MB."


def test_a_default_config_file_may_be_missing_but_not_unreadable(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "home"))
    assert run(["query", "x"]) == 0
    capfd.readouterr()
    (tmp_path / "home" / "mmsearch" / "config.toml").mkdir(parents=True)
    assert run(["query", "x"]) == 2
    assert told(capfd).startswith(f"The config file {tmp_path}/home/mmsearch/config.toml can't be read: ")


@pytest.mark.parametrize(
    ("name", "nearest"),
    [
        ("MMSEARCH_DEVCIE", "MMSEARCH_QUERY_DEVICE"),
        ("MMSEARCH_QUERY_DEVCIE", "MMSEARCH_QUERY_DEVICE"),
        ("MMSEARCH_INDX", "MMSEARCH_INDEX"),
        ("MMSEARCH_CONFG", "MMSEARCH_CONFIG"),
        ("MMSEARCH_K", "MMSEARCH_QUERY_K"),
        ("MMSEARCH_INDEX_NO_ORC", "MMSEARCH_INDEX_NO_OCR"),
        ("MMSEARCH_NO_OCR", "MMSEARCH_INDEX_NO_OCR"),
        ("MMSEARCH_ZZZZZZZ", ""),
    ],
)
def test_a_misspelt_variable_is_refused_with_the_nearest_name(
    name: str, nearest: str, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(name, "1")
    assert run(["query", "x"]) == 2
    tail = "MMSEARCH_QUERY_K sets `query -k`, and so on for every option."
    first = f"Did you mean {nearest}?" if nearest else "Unset it."
    assert capfd.readouterr() == ("", f"{name} is not the variable of an option.\n\nhint: {first} {tail}\n")


@pytest.mark.parametrize(
    "name",
    [
        *(
            f"MMSEARCH_{command}_{option}".upper()
            for command, option in (
                ("index", "no_ocr"),
                ("similar", "k"),
                ("embed", "device"),
                ("query", "in"),
                ("forget", "wait"),
            )
        ),
        "MMSEARCH_QUIET",
    ],
)
def test_a_variable_of_another_command_is_no_misspelt_one(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, "1")
    assert run(["query", "x"]) == 0


def test_a_variable_for_all_commands_is_known_to_one_without_the_option(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MMSEARCH_INDEX", "photos")
    assert run(["rank", "x"]) == 2  # for another reason
    assert "variable" not in capfd.readouterr().err


def test_an_empty_variable_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MMSEARCH_DEVCIE", "")
    assert run(["query", "x"]) == 0


# --- lines ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("a.b = 1\n", 1),
        ('[a]\n"b" = 1\n', 2),
        ('x = """\n[a]\nb = 1\n"""\n[a]\nb = 2\n', 6),
        ("[c]\nb = 1\n[a]\nb = 1\n", 4),
        ("x = 1\na = {c = 1, b = 2}\n", 2),
        ("[a]\nc = [\n 1,\n]\nb = [ # b = 3\n  1,\n]\n", 5),
        ("[a]\r\n\r\nb = 1\r\n", 3),
        ("[a]\nc = 1\n", None),
        ("", None),
    ],
)
def test_the_line_of_a_value_is_where_its_statement_begins(text: str, line: int | None) -> None:
    assert line_of(text, ["a", "b"]) == line


names = st.sampled_from(["k", "in", "size", "b-c", "d_e"])
plain = st.sampled_from(["1", "true", '"x"', "[1, 2]", '"""k = 1\nin = 2"""', "[\n  1,\n]", "{k = 1}"])


@given(st.dictionaries(st.sampled_from(["a", "b"]), st.dictionaries(names, plain, min_size=1), min_size=1), st.data())
def test_lines_are_found_for_any_layout(tables: dict[str, dict[str, str]], data: st.DataObject) -> None:
    text = ""
    lines = {}
    for table, options in tables.items():
        text += data.draw(st.sampled_from(["", "\n", "# k = 1\n"])) + f"[{table}]\n"
        for name, value in options.items():
            text += data.draw(st.sampled_from(["", "\n", "# in = 2\n"]))
            lines[table, name] = text.count("\n") + 1
            text += f"{name} = {value}\n"
    assert tomllib.loads(text).keys() == tables.keys()
    assert {where: line_of(text, list(where)) for where in lines} == lines


def test_a_config_file_with_a_number_of_thousands_of_digits_is_refused(
    config: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    config.write_text(f"[query]\nk = {'1' * 5000}\n")
    assert run(["query", "x"]) == 2
    assert told(capfd).startswith(f"The config file {config} is not valid TOML: ")


def test_a_named_pipe_is_no_config_file(config: Path, capfd: pytest.CaptureFixture[str]) -> None:
    os.mkfifo(config)
    assert run(["status"]) == 2
    assert told(capfd) == f"MMSEARCH_CONFIG names {config}, which can't be read: it is no file."


@pytest.mark.parametrize("how", ["folder", "file", "below a file", "set"])
def test_torch_is_given_a_cache_folder_only_where_there_can_be_one(
    how: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    places = {"file": tmp_path / "file", "below a file": tmp_path / "file" / "cache"}
    monkeypatch.setenv("XDG_CACHE_HOME", str(places.get(how, tmp_path / "cache")))
    monkeypatch.delenv("TORCHINDUCTOR_CACHE_DIR", raising=False)
    if how == "set":
        monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", "/elsewhere")
    folder = tmp_path / "cache" / "mmsearch" / "torchinductor"
    assert torch_cache() == ({"TORCHINDUCTOR_CACHE_DIR": str(folder)} if how == "folder" else {})
    assert folder.is_dir() == (how == "folder")
