"""`mmsearch text`: what the index knows of a file in words."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from mmsearch.cli import exit_codes, locations, options
from mmsearch.errors import UsageError
from mmsearch.output import records, streams, text_formats
from mmsearch.output.formatting import display_path, escaped

EXAMPLES = exit_codes.epilog(
    "mmsearch text interview.mp3",
    "mmsearch text interview.mp3 --format srt > interview.srt",
    "mmsearch text scan.pdf --format jsonl",
)


class TextFormat(StrEnum):
    """The output format of a file's words."""

    TXT = "txt"
    SRT = "srt"
    VTT = "vtt"
    JSONL = "jsonl"


def text(
    file: Annotated[str, typer.Argument(metavar="FILE", help="A file of the index.")],
    format: Annotated[
        TextFormat, typer.Option("--format", help="txt: by place; srt, vtt: as subtitles; jsonl: for programs.")
    ] = TextFormat.TXT,
    index: options.Index = None,
    quiet: options.Quiet = False,
    debug: options.Debug = False,
) -> int:
    """Write the words that the index holds of a file, by place.

    Its own text, captions, what OCR read in it, and the transcript of its speech. Exit code 1: there are none, and a
    sentence says why.
    """
    from mmsearch.index import Index

    path = locations.absolute(file)
    with Index.open(locations.index_folder(index)) as opened:
        if not quiet:
            for doubt in opened.doubts():
                streams.write_note(doubt)
        found = opened.text(path)
        why = "" if found or quiet else opened.why_no_text(path)
    if format in (TextFormat.SRT, TextFormat.VTT):
        if found and not text_formats.timed(found):
            raise UsageError(
                f"The words of {file!r} have no times: {format} is for recordings.", "Use --format txt or jsonl."
            )
        lines = text_formats.srt_lines(found) if format is TextFormat.SRT else text_formats.vtt_lines(found)
        streams.write_lines(lines)
    elif format is TextFormat.JSONL:
        records.write_jsonl([records.text_record(one) for one in found])
    else:
        streams.write_lines(text_formats.text_lines(found))
    if not found and not quiet:
        sentence = f"The index holds no words of {display_path(path)}"
        streams.write_message(f"{sentence}: {escaped(why)}" if why else f"{sentence}.")
    return exit_codes.DONE if found else exit_codes.NOTHING_FOUND
