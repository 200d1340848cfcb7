"""The arguments of `embed` and `rank`: files, texts, and standard input."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mmsearch.cli import locations, run_update
from mmsearch.errors import UsageError
from mmsearch.output import streams
from mmsearch.output.formatting import counted, one_line
from mmsearch.temporary_folders import temporary_folder

if TYPE_CHECKING:
    from mmsearch.models.model_options import ModelOptions
    from mmsearch.retrieval.ad_hoc.ad_hoc_embedding import AdHocInput, SkippedFile

LONGEST_STDIN = 1 << 30  # bytes

AsText = Annotated[bool, typer.Option("--text", help="Every argument is text, even the name of a file.")]
AsFile = Annotated[bool, typer.Option("--file", help="Every argument is a file; anything else is an error.")]
Lines = Annotated[
    bool, typer.Option("--lines", help="Every line of standard input (`-`) is a file or text of its own.")
]
NoOcr = Annotated[bool, typer.Option("--no-ocr", help="Don't read words in pictures.")]
Instruct = Annotated[
    str, typer.Option("--instruct", metavar="TEXT", help="What the query is for, where a model heeds it.")
]
Revision = Annotated[
    str | None, typer.Option("--revision", metavar="REV", help="The model's commit, branch or tag on the hub.")
]
MaxPixels = Annotated[
    int | None, typer.Option("--max-pixels", metavar="N", min=1, help="Of a picture, or of a frame of a film.")
]
Frames = Annotated[
    int | None, typer.Option("--frames", metavar="N", min=2, help="Frames of a scene, for models of film.")
]


@contextlib.contextmanager
def parsed_inputs(
    typed: Sequence[str], as_text: bool, as_file: bool, lines: bool, quiet: bool
) -> Iterator[list[AdHocInput]]:
    """The inputs of the arguments: the name of an existing file is a file, anything else is text, `-` is stdin.

    Reports on stderr how many are files and texts. A file read from standard input exists until the context ends.
    Raises `UsageError`.
    """
    if as_text and as_file:
        raise UsageError("--text and --file exclude each other.", "Leave one of them out.")
    if list(typed).count("-") > 1:
        raise UsageError("Standard input can be read once.", "Name `-` once.")
    if lines and "-" not in typed:
        raise UsageError("--lines is for standard input, and `-` was not named.", "Add `-`.")
    with temporary_folder() as folder:
        result: list[AdHocInput] = []
        for word in typed:
            if word != "-":
                result.append(_typed(os.fsencode(word), as_text, as_file))
            elif lines:
                result += [_parsed(line, as_text, as_file) for line in run_update.read_list("-", False, "--lines")]
            else:
                result.append(_standard_input(str(folder), as_text))
        if not result:
            raise UsageError("There is nothing on standard input.", "Write a file or a text a line.")
        if not quiet and any(not item.path for item in result) and any(item.path for item in result):
            texts = [one_line(item.text) for item in result if item.path is None]
            files = counted(len(result) - len(texts), "file")
            first = texts[0] if len(texts[0]) <= 40 else texts[0][:39] + "…"
            streams.write_note(f"{files}, {counted(len(texts), 'text')} (“{first}” is not a file here).")
        yield result


def _typed(word: bytes, as_text: bool, as_file: bool) -> AdHocInput:
    """An argument as an input. Raises `UsageError` for a folder, which among the lines of a list is skipped."""
    item = _parsed(word, as_text, as_file)
    if item.path is not None and os.path.isdir(item.path):
        raise UsageError(f"{os.fsdecode(word)!r} is a folder.", "Name files, or index it: mmsearch index FOLDER")
    return item


def _parsed(word: bytes, as_text: bool, as_file: bool) -> AdHocInput:
    from mmsearch.retrieval.ad_hoc.ad_hoc_embedding import AdHocInput

    there = not as_text and word and b"\0" not in word and os.path.lexists(word)
    if there or as_file:
        return AdHocInput(path=locations.absolute(word))
    text = word.decode("utf-8", "replace").strip()
    if not text:
        raise UsageError("A text is empty.", "Write words, or the name of a file.")
    return AdHocInput(text)


def _standard_input(folder: str, as_text: bool) -> AdHocInput:
    """Standard input as a text if it is one, else as a file."""
    from mmsearch.retrieval.ad_hoc.ad_hoc_embedding import AdHocInput
    from mmsearch.sniff import HEAD_BYTES, sniff
    from mmsearch.types import Kind

    if sys.stdin is None:
        raise UsageError("- reads standard input, which is closed.", "Give a file instead.")
    data = sys.stdin.buffer.read(LONGEST_STDIN + 1)
    if len(data) > LONGEST_STDIN:
        raise UsageError("There is more than 1 GB on standard input.", "Write it to a file and name that.")
    if not data.strip():
        raise UsageError("There is nothing on standard input.", "Give a file or a text.")
    if as_text or sniff(data[:HEAD_BYTES], b"standard input")[0] is Kind.TEXT:
        return AdHocInput(data.decode("utf-8", "replace").strip())
    path = os.path.join(folder, "standard input")
    with open(path, "wb") as file:
        file.write(data)
    return AdHocInput(path=os.fsencode(path), alias=b"-")


def model_options(name: str, trusted: Sequence[str] | None, **given: Any) -> ModelOptions:
    """The options of a model; `auto` and None leave the choice to the model or machine. `trusted` are the models that
    may run the code that they come with. Raises `UsageError`."""
    from mmsearch.config import Settings
    from mmsearch.models.model_options import ModelOptions
    from mmsearch.models.registry import resolve

    Settings(device=given["device"], dtype=given["dtype"])  # it checks them
    sources = {resolve(one).source for one in trusted or ()}
    if sources - {resolve(name).source}:
        raise UsageError(f"--trust-remote-code names another model than {name}.", f"--trust-remote-code {name}")
    return ModelOptions.of(**given, trust_remote_code=bool(sources))


def report(skipped: Sequence[SkippedFile]) -> None:
    """Write a line for each input that was skipped."""
    for one in skipped:
        streams.write_note(one.sentence)


def named(item: AdHocInput) -> dict[str, Any]:
    """An input in JSON: its path, or its text."""
    from mmsearch.output.records import path_record

    return path_record(item.name) if item.path is not None else {"text": item.text}
