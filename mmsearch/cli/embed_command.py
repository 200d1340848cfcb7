"""`mmsearch embed`: files and texts as vectors, without an index."""

from __future__ import annotations

import io
import sys
from enum import StrEnum
from typing import Annotated, Any

import typer

from mmsearch.cli import exit_codes, input_arguments, options
from mmsearch.errors import UsageError
from mmsearch.output import records, streams
from mmsearch.output.formatting import counted

EXAMPLES = exit_codes.epilog(
    "mmsearch embed *.jpg --model clip > images.npy",
    "mmsearch embed 'revenue chart' --role query --format jsonl",
    "mmsearch embed report.pdf --format jsonl | jq -c '[.page, .vector[0]]'",
    "cut -f2 titles.tsv | mmsearch embed - --lines --text > titles.npy",
)


class Role(StrEnum):
    """The role of the text that is embedded."""

    QUERY = "query"
    DOCUMENT = "document"


class Format(StrEnum):
    """The output format of vectors."""

    NPY = "npy"
    JSONL = "jsonl"


def embed(
    inputs: Annotated[list[str], typer.Argument(metavar="FILE|TEXT...", help="What to embed; - is standard input.")],
    model: Annotated[str, typer.Option("--model", metavar="MODEL[:VIEW,VIEW]", help="Which model.")] = "builtin",
    role: Annotated[
        Role, typer.Option("--role", help="Many models encode queries and documents differently.")
    ] = Role.DOCUMENT,
    format: Annotated[
        Format,
        typer.Option("--format", help="npy: a float32 matrix, one row per vector; jsonl: vectors with their places."),
    ] = Format.NPY,
    text: input_arguments.AsText = False,
    file: input_arguments.AsFile = False,
    lines: input_arguments.Lines = False,
    no_ocr: input_arguments.NoOcr = False,
    instruct: input_arguments.Instruct = "",
    dim: Annotated[
        int | None,
        typer.Option("--dim", metavar="N", min=1, help="Cut vectors to N dimensions, where the model allows it."),
    ] = None,
    max_pixels: input_arguments.MaxPixels = None,
    frames: input_arguments.Frames = None,
    revision: input_arguments.Revision = None,
    device: options.Device = "auto",
    dtype: options.Dtype = "auto",
    trust_remote_code: options.TrustCode = None,
    allow_download: options.AllowDownload = False,
    quiet: options.Quiet = False,
    debug: options.Debug = False,
) -> int:
    """Embed files and texts into vectors, as an index does.

    There is a vector for each passage, page, picture, sound or scene, in order. Exit code 4: one of them has no
    vector.
    """
    if format is Format.NPY and streams.is_terminal(sys.stdout):
        raise UsageError(
            "npy is binary, and stdout is a terminal.", "Write it to a file (> vectors.npy), or: --format jsonl"
        )
    if instruct and role is Role.DOCUMENT:
        raise UsageError("--instruct is for queries.", "Add --role query.")
    chosen = input_arguments.model_options(
        model,
        trust_remote_code,
        device=device,
        dtype=dtype,
        dim=dim,
        max_pixels=max_pixels,
        frames=frames,
        revision=revision,
        allow_download=allow_download,
    )
    with input_arguments.parsed_inputs(inputs, text, file, lines, quiet) as named:
        return _embed(named, model, role, instruct, "never" if no_ocr else "auto", format, chosen, quiet)


def _embed(
    inputs: list[Any], name: str, role: Role, instruct: str, ocr: str, format: Format, chosen: Any, quiet: bool
) -> int:
    from mmsearch.models.model_files import is_late, is_reranker
    from mmsearch.models.registry import load, resolve
    from mmsearch.retrieval.ad_hoc.ad_hoc_embedding import Embedded, Embedding
    from mmsearch.retrieval.queries.ad_hoc_files import Files

    spec = resolve(name)
    if is_reranker(spec, chosen):
        late = is_late(spec, chosen)
        what = (
            "a late-interaction model: it makes many vectors of one input"
            if late
            else "a reranker: it makes no vectors"
        )
        raise UsageError(f"{name} is {what}.", f"mmsearch rank QUERY FILE... --model {name}")
    embedder = load(spec, chosen)
    found, skipped = [], []
    with Files() as files:
        for one in Embedding(embedder, spec.limited_to, ocr).embed(files, inputs, role.value, instruct or None):
            if isinstance(one, Embedded):
                found.append(one)
            else:
                skipped.append(one)
    if format is Format.JSONL:
        records.write_jsonl(_record(one, inputs, name) for one in found)
    else:
        import numpy as np

        buffer = io.BytesIO()
        vectors = [one.vector for one in found]
        np.save(buffer, np.stack(vectors) if vectors else np.empty((0, embedder.dimension), np.float32))
        streams.write_stdout(buffer.getvalue())
    if not quiet and len(found) != len(inputs):
        streams.write_note(f"{counted(len(found), 'vector')} of {counted(len(inputs), 'input')}, in order.")
    input_arguments.report(skipped)
    return exit_codes.SOME_FAILED if skipped else exit_codes.DONE


def _record(one: Any, inputs: list[Any], model: str) -> dict[str, Any]:
    """One vector, schema `mmsearch.vector/1`."""
    return {
        "schema": "mmsearch.vector/1",
        "input": one.input_index + 1,
        **input_arguments.named(inputs[one.input_index]),
        "kind": str(one.kind),
        "view": str(one.view),
        "part": one.part,
        **records.place_record(one.locator),
        "model": model,
        "vector": [round(float(number), 7) for number in one.vector],
    }
