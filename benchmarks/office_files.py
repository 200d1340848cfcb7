"""Office files, books and mail that other programs write: LibreOffice converts flat OpenDocument made here, Python's
`email` and `mailbox` write the mail. Every fact stands at one place of one file, between sentences about other things.
"""

from __future__ import annotations

import itertools
import mailbox
import random
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from email.message import EmailMessage
from pathlib import Path
from xml.sax.saxutils import escape

FACTS = Path(__file__).parent / "office_facts.txt"  # question|sentence
TEXTS = {"docx": 8, "odt": 4, "rtf": 3}
SLIDES = {"pptx": 6, "odp": 2}
SHEETS = {"xlsx": 5, "ods": 2, "xls": 1}
BOOKS, LETTERS, MAILBOXES = 4, 5, 2
MESSAGES = 8  # of a mailbox, half of which hold a fact

HEADINGS = ("Background", "State of the work", "Requests", "Remarks", "Plans", "Minutes", "Duties", "Reports")
SHEET_NAMES = ("Spring", "Summer", "Autumn", "Winter")
FILLER = """
The committee met in the small room and began on time.
Most of the letters of the past month have been answered.
Nobody objected to the list as it was sent around.
The weather was mild, and few people stayed away.
Further details are in the folder on the upper shelf.
A reminder will be sent before the end of the quarter.
The figures of last year were read out and approved.
Two members asked for a longer break at noon.
The next meeting takes place at the usual hour.
Thanks go to everyone who helped with the preparations.
The report was received with interest and filed.
A decision was put off until more is known.
The neighbours were told in good time.
All invoices up to the middle of the month are settled.
The plan was explained with the help of a drawing.
Several offers were compared, and the third one was chosen.
""".strip().splitlines()

OFFICE = (
    '<?xml version="1.0" encoding="UTF-8"?><office:document'
    ' xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0"'
    ' xmlns:text="urn:oasis:names:tc:opendocument:xmlns:text:1.0"'
    ' xmlns:table="urn:oasis:names:tc:opendocument:xmlns:table:1.0"'
    ' xmlns:draw="urn:oasis:names:tc:opendocument:xmlns:drawing:1.0"'
    ' xmlns:svg="urn:oasis:names:tc:opendocument:xmlns:svg-compatible:1.0"'
    ' xmlns:style="urn:oasis:names:tc:opendocument:xmlns:style:1.0"'
    ' xmlns:fo="urn:oasis:names:tc:opendocument:xmlns:xsl-fo-compatible:1.0"'
    ' office:version="1.2" office:mimetype="application/vnd.oasis.opendocument.{kind}">{styles}'
    "<office:body><office:{kind}>{body}</office:{kind}></office:body></office:document>"
)
PAGE = (
    '<office:automatic-styles><style:page-layout style:name="PL"><style:page-layout-properties'
    ' fo:page-width="28cm" fo:page-height="21cm"/></style:page-layout></office:automatic-styles>'
    '<office:master-styles><style:master-page style:name="M" style:page-layout-name="PL"/></office:master-styles>'
)


@dataclass(frozen=True, slots=True)
class Question:
    """A question with the one file that answers it, and what the place of the answer is to hold."""

    text: str
    file: str
    place: str


def make(folder: Path) -> list[Question]:
    """Write the set below `folder` and return its questions. Needs `soffice`."""
    facts = [line.partition("|")[::2] for line in FACTS.read_text("utf-8").splitlines()]
    chance = random.Random(17)
    chance.shuffle(facts)
    asked: list[Question] = []
    maker = SetMaker(folder, iter(facts), chance, asked)
    for ending, number in TEXTS.items():
        maker.texts(ending, number)
    for ending, number in SLIDES.items():
        maker.presentations(ending, number)
    for ending, number in SHEETS.items():
        maker.workbooks(ending, number)
    maker.books()
    maker.letters()
    maker.mailboxes()
    shutil.rmtree(folder / "source")
    return asked


class SetMaker:
    """Writes files, each with the next facts, and notes the questions."""

    def __init__(
        self, folder: Path, facts: Iterator[tuple[str, str]], chance: random.Random, asked: list[Question]
    ) -> None:
        self.folder, self.facts, self.chance, self.asked = folder, facts, chance, asked
        (folder / "source").mkdir(parents=True)

    def texts(self, ending: str, number: int) -> None:
        """Texts with four headings, under two of which a fact stands."""
        names = []
        for at in range(number):
            name = f"{ending}-{at + 1}"
            body = "".join(
                f'<text:h text:outline-level="1">{heading}</text:h>{self._paragraphs(f"{name}.{ending}", heading, n)}'
                for n, heading in enumerate(self.chance.sample(HEADINGS, 4))
            )
            names.append(self._source(name, "fodt", "text", body))
        self._convert(names, ending)

    def presentations(self, ending: str, number: int) -> None:
        """Presentations of six slides, two of which show a fact."""
        names = []
        for at in range(number):
            name = f"{ending}-{at + 1}"
            pages = []
            for slide, holds in enumerate(self._two_of(6), 1):
                lines = self._lines(f"{name}.{ending}", f"slide {slide}", holds)
                boxes = "".join(
                    f'<draw:frame svg:x="2cm" svg:y="{2 + 3 * row}cm" svg:width="22cm" svg:height="2cm">'
                    f"<draw:text-box><text:p>{escape(line)}</text:p></draw:text-box></draw:frame>"
                    for row, line in enumerate(lines)
                )
                pages.append(f'<draw:page draw:name="page{slide}" draw:master-page-name="M">{boxes}</draw:page>')
            names.append(self._source(name, "fodp", "presentation", "".join(pages), PAGE))
        self._convert(names, ending)

    def workbooks(self, ending: str, number: int) -> None:
        """Workbooks of four sheets of forty rows, two of which hold a fact."""
        names = []
        for at in range(number):
            name, sheets = f"{ending}-{at + 1}", []
            for sheet, holds in zip(SHEET_NAMES, self._two_of(4), strict=True):
                lines = list(itertools.chain.from_iterable(self._filler(4) for _ in range(10)))
                if holds:
                    lines[self.chance.randrange(40)] = self._fact(f"{name}.{ending}", f"sheet {sheet}")
                rows = "".join(
                    f'<table:table-row><table:table-cell office:value-type="float" office:value="{row}"/>'
                    f'<table:table-cell office:value-type="string"><text:p>{escape(line)}</text:p></table:table-cell>'
                    "</table:table-row>"
                    for row, line in enumerate(lines, 1)
                )
                sheets.append(f'<table:table table:name="{sheet}">{rows}</table:table>')
            names.append(self._source(name, "fods", "spreadsheet", "".join(sheets)))
        self._convert(names, ending)

    def books(self) -> None:
        """Books of five chapters, two of which tell a fact."""
        names = []
        for at in range(BOOKS):
            name = f"book-{at + 1}"
            body = "".join(
                f'<text:h text:outline-level="1">{heading}</text:h>{self._paragraphs(f"{name}.epub", heading, n)}'
                for n, heading in enumerate(self.chance.sample(HEADINGS, 5))
            )
            names.append(self._source(name, "fodt", "text", body))
        self._convert(names, "epub")

    def letters(self) -> None:
        """Messages of a Maildir: one fact in the text, one in an attachment that LibreOffice wrote."""
        box = mailbox.Maildir(self.folder / "Maildir")
        for at in range(LETTERS):
            name, ending = f"enclosed-{at + 1}", ("docx", "pdf", "xlsx", "odt", "rtf")[at]
            kind, flat = ("spreadsheet", "fods") if ending == "xlsx" else ("text", "fodt")
            first, second = next(self.facts), next(self.facts)
            text = escape(" ".join([*self._filler(2), second[1], *self._filler(2)]))
            cell = f'<table:table-cell office:value-type="string"><text:p>{text}</text:p></table:table-cell>'
            body = f"<text:p>{text}</text:p>"
            if kind == "spreadsheet":
                body = f'<table:table table:name="A"><table:table-row>{cell}</table:table-row></table:table>'
            self._convert([self._source(name, flat, kind, body)], ending)
            made = self.folder / f"{name}.{ending}"
            message = self._letter(f"Papers, part {at + 1}", [*self._filler(3), first[1], *self._filler(3)])
            message.add_attachment(made.read_bytes(), "application", "octet-stream", filename=made.name)
            made.unlink()
            key = box.add(message)
            file = f"Maildir/new/{key}"
            self.asked += [Question(first[0], file, ""), Question(second[0], file, made.name)]

    def mailboxes(self) -> None:
        """Mailboxes, every other message of which holds a fact."""
        for at in range(MAILBOXES):
            name = f"folder-{at + 1}.mbox"
            box = mailbox.mbox(self.folder / name)
            for number in range(1, MESSAGES + 1):
                lines = self._lines(name, f"message {number}", number % 2 == 0)
                box.add(self._letter(f"Note {number}", [*lines, *self._filler(3)]))
            box.close()

    def _letter(self, subject: str, lines: Sequence[str]) -> EmailMessage:
        message = EmailMessage()
        message["From"], message["To"] = "office@parish.example", "board@parish.example"
        message["Subject"], message["Date"] = subject, "Mon, 04 Mar 2024 10:00:00 +0000"
        message.set_content("\n".join(lines))
        return message

    def _two_of(self, number: int) -> list[bool]:
        chosen = self.chance.sample(range(number), 2)
        return [at in chosen for at in range(number)]

    def _filler(self, number: int) -> list[str]:
        return self.chance.sample(FILLER, number)

    def _fact(self, file: str, place: str) -> str:
        question, sentence = next(self.facts)
        self.asked.append(Question(question, file, place))
        return sentence

    def _lines(self, file: str, place: str, holds: bool) -> list[str]:
        return [*self._filler(2), *([self._fact(file, place)] if holds else []), *self._filler(1)]

    def _paragraphs(self, file: str, place: str, number: int) -> str:
        """Three paragraphs; the middle one of the first two sections holds a fact."""
        middle = [self._fact(file, place)] if number < 2 else []
        texts = [self._filler(5), [*self._filler(2), *middle, *self._filler(2)], self._filler(5)]
        return "".join(f"<text:p>{escape(' '.join(one))}</text:p>" for one in texts)

    def _source(self, name: str, ending: str, kind: str, body: str, styles: str = "") -> Path:
        path = self.folder / "source" / f"{name}.{ending}"
        path.write_text(OFFICE.format(kind=kind, body=body, styles=styles), "utf-8")
        return path

    def _convert(self, sources: Sequence[Path], ending: str) -> None:
        profile = f"-env:UserInstallation={(self.folder / 'source' / 'profile').absolute().as_uri()}"
        command = ["soffice", profile, "--headless", "--convert-to", ending, "--outdir", str(self.folder)]
        subprocess.run([*command, *map(str, sources)], check=True, capture_output=True, timeout=300)
        missing = [one.stem for one in sources if not (self.folder / f"{one.stem}.{ending}").exists()]
        if missing:
            raise RuntimeError(f"LibreOffice did not write {', '.join(missing)} as {ending}.")
