"""Office documents made of their XML, for the tests of their readers."""

import os
import struct
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from io import BytesIO
from pathlib import Path

from mmsearch.errors import ExtractionError
from mmsearch.extraction.documents import document
from mmsearch.sniff import HEAD_BYTES, sniff
from mmsearch.types import Extracted, Kind, Needs, Probe, Source

RELATIONS = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
W = 'xmlns:w="w" xmlns:r="r" xmlns:a="a" xmlns:wp="wp" xmlns:mc="mc" xmlns:wps="wps"'
P = 'xmlns:p="p" xmlns:a="a" xmlns:r="r"'
MAIN_TYPES = {
    "word/document.xml": "application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml",
    "ppt/presentation.xml": "application/vnd.openxmlformats-officedocument.presentationml.presentation.main+xml",
    "xl/workbook.xml": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml",
    "xl/workbook.bin": "application/vnd.ms-excel.sheet.binary.macroEnabled.main",
}
TEXT_ONLY = Needs(ocr="never")

Members = Mapping[str, str | bytes]


def packed(members: Members, path: Path) -> Path:
    """A zip of these members, in their order."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as made:
        for name, content in members.items():
            made.writestr(name, content)
    return path


def relations(*found: tuple[str, str]) -> str:
    """Relationships, (type, target) each, with the ids rId1, rId2, ..."""
    rows = "".join(
        f'<Relationship Id="rId{number}" Type="{RELATIONS}/{kind}" Target="{target}"/>'
        for number, (kind, target) in enumerate(found, 1)
    )
    return f"<Relationships>{rows}</Relationships>"


def open_xml(main: str, members: Members, path: Path, properties: str = "") -> Path:
    """A file of Office Open XML whose main part is one of `members`."""
    type_ = f'<Override PartName="/{main}" ContentType="{MAIN_TYPES[main]}"/>'
    whole: dict[str, str | bytes] = {
        "[Content_Types].xml": f"<Types>{type_}</Types>",
        "_rels/.rels": relations(("officeDocument", main), ("core-properties", "docProps/core.xml")),
        **members,
    }
    if properties:
        whole["docProps/core.xml"] = f'<cp:coreProperties xmlns:cp="c" xmlns:dc="d">{properties}</cp:coreProperties>'
    return packed(whole, path)


def word(body: str, path: Path, further: Members | None = None, properties: str = "") -> Path:
    """A Word document with this body."""
    members = {"word/document.xml": f"<w:document {W}><w:body>{body}</w:body></w:document>", **(further or {})}
    return open_xml("word/document.xml", members, path, properties)


def paragraph(text: str, style: str = "") -> str:
    """A paragraph of a Word document."""
    named = f'<w:pPr><w:pStyle w:val="{style}"/></w:pPr>' if style else ""
    return f"<w:p>{named}<w:r><w:t>{text}</w:t></w:r></w:p>"


def shape(*paragraphs: str, kind: str = "") -> str:
    """A shape of a slide; `kind` is that of its placeholder."""
    placeholder = f'<p:nvSpPr><p:nvPr><p:ph type="{kind}"/></p:nvPr></p:nvSpPr>' if kind else ""
    text = "".join(f"<a:p><a:r><a:t>{one}</a:t></a:r></a:p>" for one in paragraphs)
    return f"<p:sp>{placeholder}<p:txBody>{text}</p:txBody></p:sp>"


def presentation(slides: Sequence[str], path: Path, order: Sequence[int] = (), further: Members | None = None) -> Path:
    """A presentation of these slides (what stands in them), shown in this order of their numbers from 1."""
    shown = order or range(1, len(slides) + 1)
    ids = "".join(f'<p:sldId id="{255 + number}" r:id="rId{number}"/>' for number in shown)
    members: dict[str, str | bytes] = {
        "ppt/presentation.xml": f"<p:presentation {P}><p:sldIdLst>{ids}</p:sldIdLst></p:presentation>",
        "ppt/_rels/presentation.xml.rels": relations(
            *(("slide", f"slides/slide{number}.xml") for number in range(1, len(slides) + 1))
        ),
    }
    for number, content in enumerate(slides, 1):
        members[f"ppt/slides/slide{number}.xml"] = f"<p:sld {P}><p:cSld><p:spTree>{content}</p:spTree></p:cSld></p:sld>"
    return open_xml("ppt/presentation.xml", {**members, **(further or {})}, path)


def workbook(sheets: Mapping[str, str], path: Path, further: Members | None = None, settings: str = "") -> Path:
    """A workbook of sheets, by name what stands in `sheetData`."""
    names = "".join(f'<sheet name="{name}" sheetId="{n}" r:id="rId{n}"/>' for n, name in enumerate(sheets, 1))
    kinds = [("worksheet", f"worksheets/sheet{number}.xml") for number in range(1, len(sheets) + 1)]
    members: dict[str, str | bytes] = {
        "xl/workbook.xml": f'<workbook xmlns:r="r">{settings}<sheets>{names}</sheets></workbook>',
        "xl/_rels/workbook.xml.rels": relations(
            *kinds, ("sharedStrings", "sharedStrings.xml"), ("styles", "styles.xml")
        ),
    }
    for number, rows in enumerate(sheets.values(), 1):
        members[f"xl/worksheets/sheet{number}.xml"] = f"<worksheet><sheetData>{rows}</sheetData></worksheet>"
    return open_xml("xl/workbook.xml", {**members, **(further or {})}, path)


def row(number: int, *cells: str | float) -> str:
    """A row of a worksheet: texts as inline strings, numbers as they are."""
    said = "".join(
        f"<c t='inlineStr'><is><t>{cell}</t></is></c>" if isinstance(cell, str) else f"<c><v>{cell}</v></c>"
        for cell in cells
    )
    return f'<row r="{number}">{said}</row>'


def source_of(path: Path) -> Source:
    """A document as the source of an extraction, of the format by its content and name."""
    facts = path.stat()
    kind, format_ = sniff(path.read_bytes()[:HEAD_BYTES], os.fsencode(path.name))
    assert kind is Kind.DOCUMENT, (kind, format_)
    return Source(os.fsencode(path), kind, format_, (facts.st_size, facts.st_mtime_ns, facts.st_ino))


def read(path: Path, needs: Needs = TEXT_ONLY) -> tuple[Probe, list[Extracted]]:
    """The plan of a document and its segments. Raises what its reader raises."""
    source = source_of(path)
    probe = document.probe(source, needs)
    spans = range(len(probe.spans))
    return probe, [one for number in spans for one in document.extract(source, probe, number, needs)]


def places(path: Path) -> list[tuple[str | None, str]]:
    """The section and the text of each segment of a document."""
    return [(one.segment.locator.section, one.segment.text) for one in read(path)[1]]


def kept(path: Path) -> tuple[list[str], str]:
    """The texts that a damaged document yields, and the sentence that says what is wrong with it."""
    source = source_of(path)
    texts: list[str] = []
    try:
        probe = document.probe(source, TEXT_ONLY)
        for number in range(len(probe.spans)):
            for one in document.extract(source, probe, number, TEXT_ONLY):
                texts.append(one.segment.text)
    except ExtractionError as error:
        return texts, error.sentence
    return texts, ""


def png(width: int = 80, height: int = 60) -> bytes:
    """A picture with something in it."""
    from PIL import Image

    buffer = BytesIO()
    picture = Image.new("RGB", (width, height), "white")
    picture.paste((20, 40, 160), (width // 4, height // 4, width // 2, height // 2))
    picture.save(buffer, "PNG")
    return buffer.getvalue()


def zip_that_claims(size: int, content: bytes, name: str, path: Path) -> Path:
    """A zip of one member whose headers claim another size than its bytes have."""
    data = zlib.compress(content)[2:-4]
    encoded = name.encode()
    facts = struct.pack("<5H3L2H", 20, 0, 8, 0, 0, zlib.crc32(content), len(data), size, len(encoded), 0)
    local = b"PK\x03\x04" + facts + encoded + data
    central = b"PK\x01\x02" + struct.pack("<H", 20) + facts + struct.pack("<3H2L", 0, 0, 0, 0, 0) + encoded
    end = b"PK\x05\x06" + struct.pack("<4H2LH", 0, 0, 1, 1, len(central), len(local), 0)
    path.write_bytes(local + central + end)
    return path


ODF = 'xmlns:office="o" xmlns:text="t" xmlns:table="b" xmlns:draw="d" xmlns:svg="s" xmlns:xlink="x" xmlns:dc="c"'


def open_document(body: str, path: Path, further: Members | None = None, properties: str = "") -> Path:
    """A packed OpenDocument file; `body` is what stands in `office:body`."""
    media = {".ods": "spreadsheet", ".odp": "presentation"}.get(path.suffix, "text")
    members = {
        "mimetype": f"application/vnd.oasis.opendocument.{media}",
        "content.xml": f"<office:document-content {ODF}><office:body>{body}</office:body></office:document-content>",
        "meta.xml": f"<office:document-meta {ODF}><office:meta>{properties}</office:meta></office:document-meta>",
        **(further or {}),
    }
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as made:
        for name, content in members.items():
            made.writestr(name, content, zipfile.ZIP_STORED if name == "mimetype" else None)
    return path


def book(chapters: Mapping[str, str], contents: str, path: Path, further: Members | None = None) -> Path:
    """An EPUB of these files (name and what stands in `body`); `contents` stands in the `nav` of its contents."""
    items = "".join(f'<item id="{name}" href="{name}" media-type="application/xhtml+xml"/>' for name in chapters)
    spine = "".join(f'<itemref idref="{name}"/>' for name in chapters)
    members: dict[str, str | bytes] = {
        "mimetype": "application/epub+zip",
        "META-INF/container.xml": '<container><rootfiles><rootfile full-path="OEBPS/a.opf"/></rootfiles></container>',
        "OEBPS/a.opf": '<package xmlns:dc="d"><metadata><dc:title>Whales</dc:title></metadata><manifest>'
        f'<item id="n" href="nav.xhtml" properties="nav"/>{items}</manifest><spine>{spine}</spine></package>',
        "OEBPS/nav.xhtml": f'<html xmlns:epub="e"><body><nav epub:type="toc">{contents}</nav></body></html>',
        **{
            f"OEBPS/{name}": f"<html><head><title>t</title></head><body>{text}</body></html>"
            for name, text in chapters.items()
        },
        **(further or {}),
    }
    return packed(members, path)
