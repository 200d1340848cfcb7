"""Word documents: the words below each heading, in the order in which people read them."""

from pathlib import Path

from office_files import Members, kept, paragraph, places, png, read, relations, word

from mmsearch.types import Needs

STYLES = (
    '<w:styles xmlns:w="w"><w:style w:styleId="berschrift1"><w:name w:val="heading 1"/></w:style>'
    '<w:style w:styleId="berschrift2"><w:name w:val="heading 2"/></w:style>'
    '<w:style w:styleId="Own"><w:name w:val="Chapter"/><w:basedOn w:val="berschrift2"/></w:style>'
    '<w:style w:styleId="A"><w:basedOn w:val="B"/></w:style><w:style w:styleId="B"><w:basedOn w:val="A"/></w:style>'
    '<w:style w:styleId="Titel"><w:name w:val="Title"/></w:style></w:styles>'
)
WITH_STYLES = {
    "word/_rels/document.xml.rels": relations(("styles", "styles.xml")),
    "word/styles.xml": STYLES,
}


def test_words_stand_below_their_heading(tmp_path: Path) -> None:
    body = (
        paragraph("Handbook", "Titel")
        + paragraph("Ferries", "berschrift1")
        + paragraph("Tickets", "berschrift2")
        + paragraph("A ticket costs four euro.")
        + paragraph("Dogs", "Own")
        + paragraph("Dogs travel free.", "A")
        + paragraph("Buses", "berschrift1")
        + paragraph("No bus on Sunday.")
    )
    found = read(word(body, tmp_path / "a.docx", WITH_STYLES))[1]
    assert [(one.segment.locator.section, one.segment.details.get("title"), one.segment.text) for one in found] == [
        ("Tickets", "Handbook › Ferries › Tickets", "Handbook\nFerries\nTickets\nA ticket costs four euro."),
        ("Dogs", "Handbook › Ferries › Dogs", "Dogs\nDogs travel free."),
        ("Buses", "Handbook › Buses", "Buses\nNo bus on Sunday."),
    ]


def test_an_outline_level_makes_a_heading(tmp_path: Path) -> None:
    level = '<w:p><w:pPr><w:outlineLvl w:val="0"/></w:pPr><w:r><w:t>Scope</w:t></w:r></w:p>'
    assert places(word(paragraph("Before.") + level + paragraph("After."), tmp_path / "a.docx")) == [
        (None, "Before."),
        ("Scope", "Scope\nAfter."),
    ]


def test_a_row_of_a_table_is_a_line(tmp_path: Path) -> None:
    def cell(*content: str) -> str:
        return f"<w:tc>{''.join(content)}</w:tc>"

    inner = f"<w:tbl><w:tr>{cell(paragraph('one'))}{cell(paragraph('two'))}</w:tr></w:tbl>"
    rows = (
        f"<w:tr>{cell(paragraph('Route'))}{cell(paragraph('Fare'))}</w:tr>"
        f"<w:tr>{cell(paragraph('North'), paragraph('pier'))}{cell(inner, paragraph(''))}</w:tr>"
        f"<w:tr>{cell(paragraph(''))}{cell(paragraph(''))}</w:tr>"
    )
    path = word(paragraph("Fares") + f"<w:tbl>{rows}</w:tbl>", tmp_path / "a.docx")
    assert places(path) == [(None, "Fares\nRoute | Fare\nNorth pier | one | two")]


def test_runs_are_joined_and_tabs_separate_words(tmp_path: Path) -> None:
    body = (
        "<w:p><w:r><w:t>immuno</w:t></w:r><w:r><w:softHyphen/><w:t>logy</w:t><w:tab/><w:t>12</w:t><w:br/>"
        "<w:t>well</w:t><w:noBreakHyphen/><w:t>kept</w:t></w:r></w:p>"
    )
    assert places(word(body, tmp_path / "a.docx")) == [(None, "immunology 12 well-kept")]


def test_insertions_count_and_deletions_do_not(tmp_path: Path) -> None:
    body = (
        "<w:p><w:r><w:t>The fare is </w:t></w:r>"
        "<w:del><w:r><w:delText>three</w:delText></w:r></w:del><w:ins><w:r><w:t>four</w:t></w:r></w:ins>"
        "<w:moveFrom><w:r><w:t> moved away</w:t></w:r></w:moveFrom>"
        "<w:r><w:instrText>PAGEREF</w:instrText><w:t> euro.</w:t></w:r></w:p>"
    )
    assert places(word(body, tmp_path / "a.docx")) == [(None, "The fare is four euro.")]


def test_a_text_box_counts_once(tmp_path: Path) -> None:
    box = f"<w:txbxContent>{paragraph('In the box.')}</w:txbxContent>"
    body = (
        f"<w:p><w:r><mc:AlternateContent><mc:Choice><wps:txbx>{box}</wps:txbx></mc:Choice>"
        f"<mc:Fallback>{box}</mc:Fallback></mc:AlternateContent><w:t>Around it.</w:t></w:r></w:p>"
    )
    assert places(word(body, tmp_path / "a.docx")) == [(None, "In the box.\nAround it.")]


def test_notes_and_comments_follow_their_paragraph(tmp_path: Path) -> None:
    body = (
        '<w:p><w:r><w:t>The pier burned.</w:t><w:footnoteReference w:id="2"/><w:endnoteReference w:id="1"/>'
        '<w:commentReference w:id="0"/></w:r></w:p>' + paragraph("It was built again.")
    )
    further = {
        "word/_rels/document.xml.rels": relations(
            ("footnotes", "footnotes.xml"), ("endnotes", "endnotes.xml"), ("comments", "comments.xml")
        ),
        "word/footnotes.xml": '<w:footnotes xmlns:w="w"><w:footnote w:type="separator" w:id="0"/>'
        f'<w:footnote w:id="2">{paragraph("In 1907.")}</w:footnote></w:footnotes>',
        "word/endnotes.xml": '<w:endnotes xmlns:w="w"><w:endnote w:id="1">'
        f"{paragraph('By night.')}</w:endnote></w:endnotes>",
        "word/comments.xml": '<w:comments xmlns:w="w"><w:comment w:id="0" w:author="Ada">'
        f"{paragraph('Says who?')}</w:comment></w:comments>",
    }
    assert places(word(body, tmp_path / "a.docx", further)) == [
        (None, "The pier burned.\nIn 1907.\nBy night.\nAda: Says who?\nIt was built again.")
    ]


def test_headers_and_footers_count_once(tmp_path: Path) -> None:
    header = f'<w:hdr xmlns:w="w">{paragraph("Harbour office")}</w:hdr>'
    further = {
        "word/_rels/document.xml.rels": relations(
            ("header", "header1.xml"), ("header", "header2.xml"), ("footer", "footer1.xml")
        ),
        "word/header1.xml": header,
        "word/header2.xml": header,
        "word/footer1.xml": f'<w:ftr xmlns:w="w">{paragraph("Page of ten")}</w:ftr>',
    }
    assert places(word(paragraph("Body."), tmp_path / "a.docx", further)) == [
        (None, "Body."),
        ("header", "Harbour office"),
        ("footer", "Page of ten"),
    ]


def test_properties_stand_below_the_first_passage(tmp_path: Path) -> None:
    properties = (
        "<dc:title>Fares</dc:title><dc:creator>Ada Example</dc:creator><cp:keywords>ferry, tariff</cp:keywords>"
        "<dc:description>generated by python-docx</dc:description><dcterms:modified xmlns:dcterms='t'>"
        "2024-05-06T07:08:09Z</dcterms:modified>"
    )
    probe, found = read(word(paragraph("All fares."), tmp_path / "a.docx", properties=properties))
    assert probe.details == {"title": "Fares", "artist": "Ada Example"}
    assert [one.segment.text for one in found] == [
        "All fares.\n\nTitle: Fares\nAuthor: Ada Example\nKeywords: ferry, tariff\nDate: 2024-05-06"
    ]


def test_a_picture_is_a_segment_of_its_heading(tmp_path: Path) -> None:
    level = '<w:p><w:pPr><w:outlineLvl w:val="0"/></w:pPr><w:r><w:t>Maps</w:t></w:r></w:p>'
    drawing = '<w:p><w:drawing><wp:docPr descr="The harbour from above"/><a:blip r:embed="rId1"/></w:drawing></w:p>'
    further: Members = {
        "word/_rels/document.xml.rels": relations(("image", "media/map.png")),
        "word/media/map.png": png(),
    }
    path = word(level + drawing + paragraph("See above."), tmp_path / "a.docx", further)
    text, picture = read(path, Needs(image_pixels=2000))[1]
    assert (text.segment.locator.section, text.image) == ("Maps", None)
    assert (picture.segment.locator.section, picture.segment.text) == ("Maps", "The harbour from above")
    assert picture.image is not None and picture.image.shape[2] == 3 and picture.ocr_image is not None
    assert picture.image.shape[0] * picture.image.shape[1] <= 2000


def test_files_inside_are_named(tmp_path: Path) -> None:
    further = {
        "word/_rels/document.xml.rels": relations(("oleObject", "embeddings/a.bin"), ("package", "embeddings/b.xlsx"))
    }
    probe, _ = read(word(paragraph("Body."), tmp_path / "a.docx", further))
    assert probe.notes == ("Files inside the document are not read: 2.",)


def test_what_comes_before_the_damage_is_kept(tmp_path: Path) -> None:
    path = word(paragraph("First.") + "<w:p><w:r><w:t>Second", tmp_path / "a.docx")
    texts, sentence = kept(path)
    assert texts == ["First."]
    assert sentence == "The document is damaged; what comes before the damage was read."


def test_forbidden_characters_are_left_out(tmp_path: Path) -> None:
    path = word(paragraph("a\x0bb &#11; &#x1F;c &#65;"), tmp_path / "a.docx")
    assert places(path) == [(None, "a b c A")]
