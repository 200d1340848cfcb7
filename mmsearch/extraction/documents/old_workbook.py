"""Workbooks of Excel 2 to 2003 (.xls): every sheet by its rows, with the comments and texts on it."""

from __future__ import annotations

import io
import struct
from datetime import date, timedelta
from typing import BinaryIO

from mmsearch.errors import ExtractionError, FailureCode
from mmsearch.extraction.documents.document_parts import ReadDocument
from mmsearch.extraction.documents.excel_records import BOF, ExcelSheet, codec, read_globals
from mmsearch.extraction.documents.old_word import read_old_word
from mmsearch.extraction.documents.sheet_rows import CUT, CellCount

LIMIT = 256 << 20  # bytes of a file
SHEETS = 1000
WORD, TABLES = "WordDocument", ("0Table", "1Table")  # streams of Word documents
_DAMAGED = "The file is damaged and can't be read."
# Numbers and types of properties, by [MS-OLEPS].
_PROPERTIES = {2: "title", 3: "subject", 4: "author", 5: "keywords", 6: "description"}
_LAST_SAVED, _BYTES, _WIDE, _FILE_TIME = 13, 30, 31, 64
MOST_PROPERTIES = 100


def read_compound(file: BinaryIO) -> ReadDocument:
    """A workbook or Word document in an OLE2 container. Raises `ExtractionError`: `encrypted`, also for documents of
    other kinds, which stand in such a container then; `decode-error` where there is neither."""
    import olefile

    data = file.read(LIMIT + 1)
    if len(data) > LIMIT:
        raise ExtractionError(FailureCode.TOO_LARGE, f"The file has more than {LIMIT >> 20} MB.")
    try:
        with olefile.OleFileIO(io.BytesIO(data)) as container:
            if container.exists("EncryptedPackage"):
                raise ExtractionError(FailureCode.ENCRYPTED, "The document is protected by a password.")
            if container.exists("PowerPoint Document"):
                raise ExtractionError(FailureCode.DECODE_ERROR, "The file is in the old PowerPoint format.")
            stream = next((name for name in ("WordDocument", "Workbook", "Book") if container.exists(name)), "")
            if not stream:
                raise ExtractionError(FailureCode.DECODE_ERROR, "This is no office document.")
            summary = "\x05SummaryInformation"
            properties = summary_properties(container.openstream(summary).read() if container.exists(summary) else b"")
            book = container.openstream(stream).read()
            tables = [container.openstream(name).read() if container.exists(name) else b"" for name in TABLES]
    except ExtractionError:
        raise
    except Exception as error:  # olefile raises a handful of types on damaged tables
        raise ExtractionError(FailureCode.DECODE_ERROR, _DAMAGED) from error
    document = read_old_word(book, *tables) if stream == WORD else read_workbook_stream(book)
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


def summary_properties(data: bytes) -> dict[str, str]:
    """What a stream of summary information says: strings and the date of the last change. A damaged one says less."""
    try:
        start = struct.unpack_from("<L", data, 44)[0]
        count = min(struct.unpack_from("<L", data, start + 4)[0], MOST_PROPERTIES)
        places = dict(struct.unpack_from("<2L", data, start + 8 + 8 * number) for number in range(count))
    except struct.error:
        return {}
    values: dict[int, bytes] = {number: data[start + place : start + place + 4096] for number, place in places.items()}
    page = int.from_bytes(values.get(1, b"")[4:6], "little")
    found: dict[str, str] = {}
    for number, value in values.items():
        kind, length = int.from_bytes(value[:4], "little"), int.from_bytes(value[4:8], "little")
        if number in _PROPERTIES and kind == _BYTES:
            found[_PROPERTIES[number]] = value[8 : 8 + length].decode(codec(page) or "cp1252", "replace").rstrip("\0 ")
        elif number in _PROPERTIES and kind == _WIDE:
            found[_PROPERTIES[number]] = value[8 : 8 + 2 * length].decode("utf-16-le", "replace").rstrip("\0 ")
        elif number == _LAST_SAVED and kind == _FILE_TIME:
            days = int.from_bytes(value[4:12], "little") // (10_000_000 * 86_400)
            if 0 < days < 800_000:
                found["date"] = (date(1601, 1, 1) + timedelta(days=days)).isoformat()
    return {name: text for name, text in found.items() if text}
