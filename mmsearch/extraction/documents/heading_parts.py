"""A story as parts, each with what follows a heading."""

from __future__ import annotations

from mmsearch.extraction.documents.document_parts import DocumentPart, Picture, section_name
from mmsearch.extraction.documents.text_lines import TextLines
from mmsearch.extraction.pages.passages import short

TITLE_LEVEL = -1  # of a document's title, within which all headings stand
BODY_LEVEL = 9  # of a paragraph that is no heading; headings have 0 to 8


class HeadingParts:
    """Collects the paragraphs, tables and pictures of a story. Headings without anything below them stand together with
    the next one."""

    def __init__(self) -> None:
        self.parts: list[DocumentPart] = []
        self.lines = TextLines()
        self._pictures: list[Picture] = []
        self._headings: list[tuple[int, str]] = []  # the open ones, outermost first
        self._has_body = False

    def add(self, line: str, level: int = BODY_LEVEL) -> None:
        """Add a paragraph. A heading in a table is none."""
        is_heading = level < BODY_LEVEL and not self.lines.in_cell and bool(line.strip())
        if is_heading:
            if self._has_body:
                self.finish()
            while self._headings and self._headings[-1][0] >= level:
                self._headings.pop()
            self._headings.append((level, short(line)))
        self.lines.add(line)
        self._has_body = self._has_body or (not is_heading and bool(line.strip()))

    def add_picture(self, picture: Picture) -> None:
        """Add a picture."""
        self._pictures.append(picture)
        self._has_body = True

    def finish(self) -> list[DocumentPart]:
        """End the open part. Returns all parts."""
        lines = self.lines.finish()
        if lines or self._pictures:
            section = section_name(self._headings[-1][1]) if self._headings else ""
            title = short(" › ".join(words for _, words in self._headings))
            self.parts.append(DocumentPart(section, title, "\n".join(lines), pictures=self._pictures))
        self.lines, self._pictures, self._has_body = TextLines(), [], False
        return self.parts
