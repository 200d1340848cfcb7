"""The digital PDFs, made with reportlab: an annual report of six pages with a text layer, and a workshop's invoice.

`invariant` makes reportlab write no time stamp, so that two runs give the same bytes.
"""

from __future__ import annotations

from pathlib import Path

from reportlab.graphics.charts.barcharts import VerticalBarChart
from reportlab.graphics.shapes import Drawing, String
from reportlab.lib import colors
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle, getSampleStyleSheet
from reportlab.lib.units import cm
from reportlab.platypus import Flowable, PageBreak, Paragraph, SimpleDocTemplate, Spacer, Table, TableStyle

INK = colors.HexColor("#1f4e79")
STYLES = getSampleStyleSheet()
BODY = ParagraphStyle("body", parent=STYLES["BodyText"], fontSize=11, leading=16, spaceAfter=8)
HEADING = ParagraphStyle("heading", parent=STYLES["Heading1"], fontSize=20, leading=26, textColor=INK, spaceAfter=12)
TITLE = ParagraphStyle("title", parent=STYLES["Title"], fontSize=32, leading=40, textColor=INK, alignment=0)
RULES = TableStyle(
    [
        ("FONT", (0, 0), (-1, -1), "Helvetica", 10),
        ("FONT", (0, 0), (-1, 0), "Helvetica-Bold", 10),
        ("LINEBELOW", (0, 0), (-1, 0), 1, INK),
        ("LINEBELOW", (0, 1), (-1, -1), 0.3, colors.lightgrey),
        ("ALIGN", (1, 0), (-1, -1), "RIGHT"),
        ("BOTTOMPADDING", (0, 0), (-1, -1), 6),
    ]
)

LETTER = (
    "Dear members, this was the thirty-seventh year of our cooperative, and the first in which we carried more "
    "bicycles than cars. The summer was long and calm; the autumn was not, and we thank the crews who kept the winter "
    "timetable alive through eleven gales.",
    "Two decisions will shape the coming years: the connection to shore power, which is finished, and the order of a "
    "new ship, which you approved with a large majority. This report tells what they cost and what we expect of them.",
    "On the board, Maren Quistdal took over the treasury from Odo Farrant, who retired after nineteen years of "
    "careful bookkeeping. The board thanks him warmly.",
)
SHORE_POWER = (
    "Since 3 April both ferries draw their electricity from a socket on the quay while they lie at Port Aldern "
    "overnight. The auxiliary engines, which used to run for nine hours every night, are silent, and the neighbours "
    "in Quay Street have written to say that they sleep with open windows again.",
    "The installation consists of a transformer of 400 kilovolt-amperes, two cable reels on pier 1 and a changeover "
    "panel on each ship. Plugging in takes four minutes. During the first month the plug on MV Guillemot overheated "
    "twice; the maker replaced the contacts under warranty.",
    "The connection cost 212,000 euro, of which a grant from the regional climate fund paid sixty per cent. We expect "
    "to save about 48,000 litres of diesel a year.",
)
EMISSIONS = (
    "Our ships emitted 1,870 tonnes of carbon dioxide in 2024, nineteen per cent less than in the year before and "
    "less than in any year since we began to count in 2016. About half of the fall is owed to shore power, the rest "
    "to slower crossings after nine in the evening and to a clean hull on MV Razorbill.",
    "By the decision of the members, the target for 2030 is 900 tonnes. It cannot be met with the present ships.",
)
SAFETY = (
    "The crews held twenty-four fire drills, twelve abandon-ship drills and six exercises for a person overboard, the "
    "last of them together with the lifeboat station on Morrow Island. The average time from the alarm to the rescue "
    "boat in the water fell from five minutes to three and a half.",
    "All deckhands renewed their first-aid certificates. A defibrillator now hangs beside the saloon door of each "
    "ship; it was needed once, on 19 July, and the passenger recovered.",
)
OUTLOOK = (
    "On 14 May the general assembly voted, by 611 votes to 74, to order a hybrid ferry from the yard at Norrholt. She "
    "will be named Petrel, carry 220 passengers and 36 cars, and cross to Morrow Island on batteries alone. Delivery "
    "is planned for the autumn of 2026.",
    "The ship costs 9.8 million euro. A third comes from savings, a third from member loans at two per cent, and a "
    "third from a bank. Members who wish to subscribe to a loan can do so at the ticket office from January.",
    "With the Petrel in service, MV Razorbill will become the reserve ship and the training ship of our apprentices.",
)
CHART_TITLE = "Tonnes of carbon dioxide per year, both ships"


def paragraphs(texts: tuple[str, ...]) -> list[Flowable]:
    """Body text."""
    return [Paragraph(text, BODY) for text in texts]


def ruled(rows: list[list[str]], widths: list[float]) -> Flowable:
    """A table with a bold head and figures to the right."""
    return Table(rows, [width * cm for width in widths], style=RULES, hAlign="LEFT", spaceBefore=8, spaceAfter=14)


def emissions_chart() -> Drawing:
    """Bars: tonnes of carbon dioxide a year."""
    drawing = Drawing(440, 230)
    bars = VerticalBarChart()
    bars.x, bars.y, bars.width, bars.height = 45, 30, 380, 160
    bars.data = [(2640, 2590, 2480, 2350, 2310, 1870)]
    bars.categoryAxis.categoryNames = ["2019", "2020", "2021", "2022", "2023", "2024"]
    bars.valueAxis.valueMin, bars.valueAxis.valueMax, bars.valueAxis.valueStep = 0, 3000, 500
    bars.bars[0].fillColor = INK
    bars.bars[0].strokeColor = None
    drawing.add(bars)
    drawing.add(String(45, 210, CHART_TITLE, fontName="Helvetica-Bold", fontSize=12))
    return drawing


def footer(canvas: object, document: SimpleDocTemplate) -> None:
    """The page number and whose report it is."""
    canvas.setFont("Helvetica", 9)  # type: ignore[attr-defined]
    canvas.drawString(2.5 * cm, 1.4 * cm, f"Ternsound Ferry Cooperative    {document.page}")  # type: ignore[attr-defined]


def annual_report(path: Path) -> None:
    """Six pages: letter, shore power, accounts, emissions, safety, outlook."""
    accounts = [
        ["Thousand euro", "2023", "2024"],
        ["Ticket sales", "1,802", "1,940"],
        ["Membership fees", "146", "151"],
        ["Subsidy for the winter timetable", "310", "325"],
        ["Wages and social insurance", "-1,214", "-1,268"],
        ["Fuel and electricity", "-498", "-402"],
        ["Docking and repairs", "-287", "-351"],
        ["Insurance and harbour dues", "-139", "-146"],
        ["Surplus", "120", "249"],
    ]
    incidents = [
        ["Incident", "2023", "2024"],
        ["Slips and falls", "9", "4"],
        ["Damaged vehicles", "6", "5"],
        ["Engine failures under way", "2", "0"],
        ["Rescue assistance to other boats", "3", "7"],
    ]
    story: list[Flowable] = [
        Spacer(1, 5 * cm),
        Paragraph("Annual report 2024", TITLE),
        Paragraph("Ternsound Ferry Cooperative", HEADING),
        *paragraphs(LETTER),
        PageBreak(),
        Paragraph("Shore power at Port Aldern", HEADING),
        *paragraphs(SHORE_POWER),
        PageBreak(),
        Paragraph("Accounts: income and expenditure", HEADING),
        *paragraphs(
            ("The year closed with a surplus of 249,000 euro, which the board proposes to save for the ship.",)
        ),
        ruled(accounts, [9, 3, 3]),
        *paragraphs(("The auditors, Brisk and Halvorsen-Mead, examined the books in February and had no objection.",)),
        PageBreak(),
        Paragraph("Emissions", HEADING),
        *paragraphs(EMISSIONS),
        emissions_chart(),
        PageBreak(),
        Paragraph("Safety and training", HEADING),
        *paragraphs(SAFETY),
        ruled(incidents, [9, 3, 3]),
        PageBreak(),
        Paragraph("Outlook: a hybrid ship", HEADING),
        *paragraphs(OUTLOOK),
    ]
    document = SimpleDocTemplate(
        str(path),
        pagesize=A4,
        leftMargin=2.5 * cm,
        rightMargin=2.5 * cm,
        invariant=1,
        title="Annual report 2024",
        author="Ternsound Ferry Cooperative",
    )
    document.build(story, onFirstPage=footer, onLaterPages=footer)


def engine_invoice(path: Path) -> None:
    """A workshop's invoice of one page."""
    lines = [
        ["Item", "Hours or pieces", "Price", "Sum"],
        ["Overhaul of injection pump, engine no. 2", "38", "92.00", "3,496.00"],
        ["Injector nozzles", "12", "214.00", "2,568.00"],
        ["Turbocharger cartridge", "1", "4,120.00", "4,120.00"],
        ["Travel to Port Aldern", "2", "160.00", "320.00"],
        ["Value added tax 20 %", "", "", "2,100.80"],
        ["Amount due in euro", "", "", "12,604.80"],
    ]
    story: list[Flowable] = [
        Paragraph("Norrholt Marine Engines", HEADING),
        *paragraphs(("Dockyard Road 3, Norrholt", "To: Ternsound Ferry Cooperative, Pier 1, Port Aldern")),
        Paragraph("Invoice NME-2024-0817", STYLES["Heading2"]),
        *paragraphs(("Date: 30 September 2024. Order of the chief engineer, Tomas Okarin, dated 2 September.",)),
        ruled(lines, [7.5, 3.5, 2.5, 2.5]),
        *paragraphs(
            (
                "Payment is due by 31 October 2024. We give twelve months of warranty on parts and labour, provided "
                "that the fuel filters are changed every 250 running hours.",
            )
        ),
    ]
    margins = {"leftMargin": 2.5 * cm, "rightMargin": 2 * cm}
    SimpleDocTemplate(str(path), pagesize=A4, invariant=1, title="Invoice", **margins).build(story)


def make(folder: Path) -> None:
    """Typeset both documents into this folder."""
    folder.mkdir(parents=True, exist_ok=True)
    annual_report(folder / "annual_report.pdf")
    engine_invoice(folder / "inv_0817.pdf")
