"""The pace of reading Word documents and workbooks on one core: `python -m benchmarks.office_pace [--docx DIR]`.

Reads the documents of the questions (LibreOffice writes them), or those of a folder, and a workbook of 100,000 cells.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
import zipfile
from collections.abc import Sequence
from pathlib import Path

from benchmarks.office_files import make
from mmsearch.errors import ExtractionError
from mmsearch.extraction.documents import document
from mmsearch.types import Kind, Needs, Source

TURNS = 5
ROWS, COLUMNS = 10_000, 10


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.office_pace", description=__doc__)
    parser.add_argument("--docx", type=Path, help="a folder of documents instead of those of the questions")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if options.docx is None:
            make(folder / "files")
        paths = sorted((options.docx or folder / "files").glob("*.docx"))
        report("docx", paths)
        book = folder / "cells.xlsx"
        write_workbook(book)
        report("xlsx of 100,000 cells", [book])


def report(what: str, paths: Sequence[Path]) -> None:
    """Print the processor time of reading the files, the median of some turns, and that of the slowest."""
    seconds = {path: statistics.median(seconds_of(path) for _ in range(TURNS)) for path in paths}
    slowest = max(seconds, key=lambda path: seconds[path])
    pace = len(paths) / sum(seconds.values())
    print(f"{what}: {len(paths)} files, {pace:.1f} a second; {slowest.name} {seconds[slowest]:.3f} s")


def seconds_of(path: Path) -> float:
    """The processor time in which a file is read to its end, without what reads pictures."""
    began = time.process_time()
    stat = path.stat()
    format_ = path.suffix[1:]
    source = Source(str(path).encode(), Kind.DOCUMENT, format_, (stat.st_size, stat.st_mtime_ns, stat.st_ino))
    document._load.cache_clear()
    try:
        probe = document.probe(source, Needs(ocr="never"))
        for number in range(len(probe.spans)):
            for _ in document.extract(source, probe, number, Needs(ocr="never")):
                pass
    except ExtractionError:  # a document that is damaged
        pass
    return time.process_time() - began


def write_workbook(path: Path) -> None:
    """A workbook of words and numbers, with shared strings, as other programs write it."""
    strings = "".join(f"<si><t>ferry {number} to the island</t></si>" for number in range(ROWS))
    rows = "".join(
        f'<row r="{row}"><c r="A{row}" t="s"><v>{row - 1}</v></c>'
        + "".join(f'<c r="{column}{row}"><v>{row * 7}.5</v></c>' for column in "BCDEFGHIJ"[: COLUMNS - 1])
        + "</row>"
        for row in range(1, ROWS + 1)
    )
    main = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    relation = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    package = "http://schemas.openxmlformats.org/package/2006"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as made:
        made.writestr(
            "[Content_Types].xml",
            f'<Types xmlns="{package}/content-types"><Override PartName="/xl/workbook.xml" ContentType='
            '"application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml"/></Types>',
        )
        made.writestr(
            "_rels/.rels",
            f'<Relationships xmlns="{package}/relationships"><Relationship Id="a" Type="{relation}/officeDocument"'
            ' Target="xl/workbook.xml"/></Relationships>',
        )
        made.writestr(
            "xl/workbook.xml",
            f'<workbook xmlns="{main}" xmlns:r="{relation}"><sheets><sheet name="Fares" sheetId="1" r:id="a"/></sheets>'
            "</workbook>",
        )
        made.writestr(
            "xl/_rels/workbook.xml.rels",
            f'<Relationships xmlns="{package}/relationships"><Relationship Id="a" Type="{relation}/worksheet"'
            f' Target="worksheets/sheet1.xml"/><Relationship Id="b" Type="{relation}/sharedStrings"'
            ' Target="sharedStrings.xml"/></Relationships>',
        )
        made.writestr("xl/sharedStrings.xml", f'<sst xmlns="{main}">{strings}</sst>')
        made.writestr(
            "xl/worksheets/sheet1.xml", f'<worksheet xmlns="{main}"><sheetData>{rows}</sheetData></worksheet>'
        )


if __name__ == "__main__":
    main()
