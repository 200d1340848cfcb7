"""Workbooks of Excel 2 to 2003 (.xls): every sheet by its rows, with the comments and texts on it."""

from __future__ import annotations

import io
import struct
from typing import TYPE_CHECKING, BinaryIO

from mmsearch.errors import ExtractionError, FailureCode
from mmsearch.extraction.document_parts import ReadDocument
from mmsearch.extraction.excel_records import BOF, ExcelSheet, read_globals
from mmsearch.extraction.sheet_rows import CUT, CellCount

if TYPE_CHECKING:
    import olefile

LIMIT = 256 << 20  # bytes of a file
SHEETS = 1000
_DAMAGED = "The file is damaged and can't be read."
_PROPERTIES = {"title": "title", "author": "author", "subject": "subject", "keywords": "keywords"}
_ENCODINGS = {65001: "utf-8", 10000: "mac_roman"}


def read_compound(file: BinaryIO) -> ReadDocument:
    """A workbook in an OLE2 container. Raises `ExtractionError`: `encrypted`, also for documents of other kinds, which
    stand in such a container then; `decode-error` where there is no workbook."""
    import olefile

    data = file.read(LIMIT + 1)
    if len(data) > LIMIT:
        raise ExtractionError(FailureCode.TOO_LARGE, f"The file has more than {LIMIT >> 20} MB.")
    try:
        with olefile.OleFileIO(io.BytesIO(data)) as container:
            if container.exists("EncryptedPackage"):
                raise ExtractionError(FailureCode.ENCRYPTED, "The document is protected by a password.")
            for name, kind in (("WordDocument", "Word"), ("PowerPoint Document", "PowerPoint")):
                if container.exists(name):
                    raise ExtractionError(FailureCode.DECODE_ERROR, f"The file is in the old {kind} format.")
            stream = next((name for name in ("Workbook", "Book") if container.exists(name)), "")
            if not stream:
                raise ExtractionError(FailureCode.DECODE_ERROR, "This is no office document.")
            properties = _properties(container)
            book = container.openstream(stream).read()
    except ExtractionError:
        raise
    except Exception as error:  # olefile raises a handful of types on damaged tables
        raise ExtractionError(FailureCode.DECODE_ERROR, _DAMAGED) from error
    document = read_workbook_stream(book)
    document.properties = properties
    return document


def read_workbook_stream(data: bytes) -> ReadDocument:
    """A workbook as a stream of records; before Excel 5 it is a file of its own, with one sheet."""
    if len(data) < 4 or data[0] != BOF:
        raise ExtractionError(FailureCode.DECODE_ERROR, _DAMAGED)
    found = read_globals(data)
    sheets = found.sheets if found.sheets or found.version >= 5 else [(0, "Sheet 1")]
    count, parts, damaged = CellCount(), [], ""
    notes = [f"Only the first {SHEETS:,} sheets were read."] if len(sheets) > SHEETS else []
    for start, name in sheets[:SHEETS]:
        reader = ExcelSheet(name, found, count)
        try:
            reader.read(data, start)
        except (struct.error, IndexError):
            damaged = f"The sheet {name} is damaged; what comes before the damage was read."
        if start >= len(data):
            damaged = f"The sheet {name} is missing: the file is cut off."
        parts.append(reader.sheet.part(line for line in reader.lines if line.strip()))
    if count.is_over:
        notes.append(CUT)
    return ReadDocument(parts, {}, notes, damaged)


def _properties(container: olefile.OleFileIO) -> dict[str, str]:
    """What the workbook says about itself; nothing where that is damaged."""
    try:
        facts = container.get_metadata()
        page = int(facts.codepage or 1252) & 0xFFFF
        encoding = _ENCODINGS.get(page, f"cp{page}")
        values = {name: getattr(facts, key) for name, key in _PROPERTIES.items()} | {"description": facts.comments}
        found = {
            name: value.decode(encoding, "replace") if isinstance(value, bytes) else str(value)
            for name, value in values.items()
            if value
        }
        if facts.last_saved_time:
            found["date"] = str(facts.last_saved_time)[:10]
        return found
    except Exception:  # of a damaged property stream; the workbook can be read without it
        return {}
