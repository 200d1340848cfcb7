"""PowerPoint presentations: every slide by its number, with what belongs to it."""

from pathlib import Path

from office_files import Members, P, kept, places, png, presentation, read, relations, shape

from mmsearch.types import Needs


def test_slides_count_in_the_order_in_which_they_are_shown(tmp_path: Path) -> None:
    slides = [shape("Made first"), shape("Made second"), '<p:sp show="0"/>' + shape("Made third")]
    assert places(presentation(slides, tmp_path / "a.pptx", order=[3, 1, 2])) == [
        ("slide 1", "Made third"),
        ("slide 2", "Made first"),
        ("slide 3", "Made second"),
    ]


def test_an_empty_slide_keeps_its_number(tmp_path: Path) -> None:
    assert places(presentation([shape("One"), "", shape("Three")], tmp_path / "a.pptx")) == [
        ("slide 1", "One"),
        ("slide 3", "Three"),
    ]


def test_a_slide_has_its_title_tables_notes_and_comments(tmp_path: Path) -> None:
    table = (
        "<p:graphicFrame><a:tbl><a:tr><a:tc><a:txBody><a:p><a:r><a:t>Route</a:t></a:r></a:p></a:txBody></a:tc>"
        "<a:tc><a:txBody><a:p><a:r><a:t>Fare</a:t></a:r></a:p></a:txBody></a:tc></a:tr></a:tbl></p:graphicFrame>"
    )
    number = '<p:sp><p:txBody><a:p><a:fld type="slidenum"><a:t>7</a:t></a:fld></a:p></p:txBody></p:sp>'
    further = {
        "ppt/slides/_rels/slide1.xml.rels": relations(
            ("notesSlide", "../notesSlides/notes1.xml"), ("comments", "../comments/c1.xml")
        ),
        "ppt/notesSlides/notes1.xml": f"<p:notes {P}>{shape('Speak slowly.', kind='body')}{shape('7', kind='sldNum')}"
        "</p:notes>",
        "ppt/comments/c1.xml": f'<p:cmLst {P}><p:cm authorId="0"><p:text>Too long?</p:text></p:cm></p:cmLst>',
        "ppt/authors.xml": f'<p:cmAuthorLst {P}><p:cmAuthor id="0" name="Ada"/></p:cmAuthorLst>',
        "ppt/_rels/presentation.xml.rels": relations(("slide", "slides/slide1.xml"), ("commentAuthors", "authors.xml")),
    }
    slide = shape("Summer", "fares", kind="title") + table + number
    found = read(presentation([slide], tmp_path / "a.pptx", further=further))[1]
    assert [(one.segment.locator.section, one.segment.details, one.segment.text) for one in found] == [
        (
            "slide 1",
            {"title": "Summer fares"},
            "Summer\nfares\nRoute | Fare\nSpeak slowly.\nAda: Too long?",
        )
    ]


def test_the_words_of_charts_and_diagrams_belong_to_their_slide(tmp_path: Path) -> None:
    chart = (
        '<c:chartSpace xmlns:c="c" xmlns:a="a"><a:p><a:r><a:t>Guests a month</a:t></a:r></a:p><c:cat><c:strCache>'
        "<c:pt><c:v>May</c:v></c:pt><c:pt><c:v>June</c:v></c:pt></c:strCache></c:cat>"
        "<c:val><c:numCache><c:pt><c:v>12</c:v></c:pt></c:numCache></c:val></c:chartSpace>"
    )
    diagram = '<d:dataModel xmlns:d="d" xmlns:a="a"><a:p><a:r><a:t>Board, then sail</a:t></a:r></a:p></d:dataModel>'
    further = {
        "ppt/slides/_rels/slide1.xml.rels": relations(("chart", "../charts/c.xml"), ("diagramData", "../d/data1.xml")),
        "ppt/charts/c.xml": chart,
        "ppt/d/data1.xml": diagram,
    }
    assert places(presentation([shape("Numbers")], tmp_path / "a.pptx", further=further)) == [
        ("slide 1", "Numbers\nGuests a month\nMay | June\nBoard, then sail")
    ]


def test_pictures_belong_to_their_slide_and_a_logo_counts_once(tmp_path: Path) -> None:
    logo = '<p:pic><a:blip r:embed="rId1"/></p:pic>'
    photo = '<p:pic><p:nvPicPr><p:cNvPr descr="A ferry at dusk"/></p:nvPicPr><a:blip r:embed="rId2"/></p:pic>'
    of_slide = relations(("image", "../media/logo.png"), ("image", "../media/photo.png"), ("image", "../media/dot.png"))
    dot = '<p:pic><a:blip r:embed="rId3"/></p:pic>'
    further: Members = {
        **{f"ppt/slides/_rels/slide{number}.xml.rels": of_slide for number in (1, 2)},
        "ppt/media/logo.png": png(90, 70),
        "ppt/media/photo.png": png(200, 150),
        "ppt/media/dot.png": png(8, 8),
    }
    found = read(presentation([logo, logo + photo + dot], tmp_path / "a.pptx", further=further), Needs(40_000))[1]
    pictures = [(one.segment.locator.section, one.segment.text, one.image) for one in found]
    assert [(section, text, image.shape) for section, text, image in pictures if image is not None] == [
        ("slide 1", "", (70, 90, 3)),
        ("slide 2", "A ferry at dusk", (150, 200, 3)),
    ]
    assert len(pictures) == 2


def test_a_damaged_slide_is_named_and_the_others_are_read(tmp_path: Path) -> None:
    path = presentation([shape("One"), "<p:sp>" + shape("Two"), shape("Three")], tmp_path / "a.pptx")
    assert kept(path) == (["One", "Two", "Three"], "Slide 2 is damaged; what comes before the damage was read.")
