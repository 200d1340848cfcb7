"""Reading a file of mail as the program does: by its content and name, then span by span."""

import os
from collections.abc import Sequence
from pathlib import Path

from mmsearch.extraction.mail import mail
from mmsearch.filestat import stat_values
from mmsearch.sniff import HEAD_BYTES, sniff
from mmsearch.types import Extracted, Kind, Needs, Probe, Source

WORDS_ONLY = Needs(ocr="never")


def mail_source(path: Path, data: bytes) -> Source:
    """The source of a file with these bytes, which is to be taken for mail."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    kind, format_ = sniff(data[:HEAD_BYTES], path.name.encode())
    assert kind is Kind.MAIL, f"{path.name} is taken for {format_}"
    return Source(os.fsencode(path), kind, format_, stat_values(path.stat())[:3])


def read_mail(path: Path, data: bytes, needs: Needs = WORDS_ONLY) -> tuple[Probe, list[Extracted]]:
    """The plan of a file with these bytes, and its segments."""
    source = mail_source(path, data)
    probe = mail.probe(source, needs)
    found = [one for at in range(len(probe.spans)) for one in mail.extract(source, probe, at, needs)]
    ordinals = [one.segment.ordinal for one in found]
    assert ordinals == sorted(set(ordinals))
    return probe, found


def places(found: Sequence[Extracted]) -> list[tuple[str | None, str]]:
    """The section and the words of each segment."""
    return [(one.segment.locator.section, one.segment.text) for one in found]
