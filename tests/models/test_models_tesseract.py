"""OCR by Tesseract of what the built-in OCR can't read, by a stand-in on PATH that records its calls, and by the real
program where it is installed."""

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont
from tesseract_program import OSD, StandIn, tsv

from mmsearch.errors import UsageError
from mmsearch.models.recognition import ocr, tesseract

REAL = tesseract.installed()
PICTURE = np.full((40, 60, 3), 200, np.uint8)


@pytest.fixture
def stand_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> StandIn:
    program = StandIn(tmp_path / "programs")
    monkeypatch.setenv("PATH", f"{program.folder}{os.pathsep}{os.environ['PATH']}")
    return program


def recognizes(monkeypatch: pytest.MonkeyPatch, confidence: float | None, text: str = "MocT") -> None:
    """Put a result in place of the built-in engine's."""
    box = np.array([(0, 0), (9, 0), (9, 9), (0, 9)], np.float32)
    words = [ocr.Word(box, text, 0.9)] if text else []
    monkeypatch.setattr(ocr, "_recognize", lambda picture, threads: (words, confidence))


def page(languages: str | None = "") -> dict[str, Any]:
    request = {} if languages is None else {"languages": languages}
    answer, _ = ocr.handle(request, [PICTURE])
    (only,) = answer["pages"]
    return dict(only)


def test_a_picture_in_doubt_is_read_in_the_languages_of_its_script(
    stand_in: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    stand_in.answers(tsv("Мост", "закрыт", "весна"))
    recognizes(monkeypatch, 0.3)
    found = page()
    assert (found["text"], found["engine"]) == ("Мост закрыт\nвесна", "tesseract 5.9.1 rus+ukr+eng")
    assert found["words"][0] == {
        "text": "Мост", "score": 0.965, "box": [10.0, 20.0, 50.0, 20.0, 50.0, 32.0, 10.0, 32.0],
    }  # fmt: skip
    assert stand_in.calls() == [
        "--version 1 b''",
        "--list-langs 1 b''",
        "stdin stdout --psm 0 -l osd 1 b'P6 60 40 255\\n\\xc8\\xc8'",
        "stdin stdout -l rus+ukr+eng tsv 1 b'P6 60 40 255\\n\\xc8\\xc8'",
    ]


@pytest.mark.parametrize("confidence", [ocr.DOUBTFUL, 1.0, None])
def test_it_is_not_started_where_the_built_in_engine_can_read_or_finds_no_line(
    stand_in: StandIn, monkeypatch: pytest.MonkeyPatch, confidence: float | None
) -> None:
    recognizes(monkeypatch, confidence)
    assert page()["text"] == "MocT" and stand_in.calls() == []


def test_it_is_not_started_for_real_pages_in_scripts_that_the_built_in_engine_knows(stand_in: StandIn) -> None:
    picture = Image.new("RGB", (700, 200), "white")
    ImageDraw.Draw(picture).text((30, 60), "Garden chair 19.95", fill="black", font=ImageFont.load_default(40))
    answer, _ = ocr.handle({"languages": ""}, [np.asarray(picture), np.full((90, 90, 3), 255, np.uint8)])
    assert [(one["text"], "engine" in one) for one in answer["pages"]] == [("Garden chair 19.95", False), ("", False)]
    assert stand_in.calls() == []


def test_without_languages_in_the_request_it_is_never_started(
    stand_in: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    recognizes(monkeypatch, 0.1)
    assert page(None)["text"] == "MocT" and stand_in.calls() == []


def test_named_languages_read_every_picture_with_lines(stand_in: StandIn, monkeypatch: pytest.MonkeyPatch) -> None:
    recognizes(monkeypatch, 0.99)
    assert page("deu+ara")["engine"] == "tesseract 5.9.1 deu+ara"
    recognizes(monkeypatch, None, "")
    assert page("deu+ara")["text"] == ""
    assert stand_in.languages() == ["deu+ara"]


@pytest.mark.parametrize("said", ["", "Too few characters. Skipping this page\n", OSD.format("Latin", "0.4")])
def test_an_unknown_script_is_tried_with_one_language_of_each_first_then_with_its_own(
    stand_in: StandIn, monkeypatch: pytest.MonkeyPatch, said: str
) -> None:
    stand_in.detects(said)
    recognizes(monkeypatch, 0.0, "")
    assert page()["text"] == "Мост закрыт"
    assert stand_in.languages() == ["rus+ara+ukr+eng", "rus+ukr+eng"]


def test_a_little_of_each_script_is_nonsense(stand_in: StandIn, monkeypatch: pytest.MonkeyPatch) -> None:
    stand_in.detects("")
    stand_in.answers(tsv("DANN", "ту", "1206", "फ्राशा"))
    recognizes(monkeypatch, 0.3)
    assert page()["text"] == "MocT" and len(stand_in.languages()) == 1


def test_a_script_that_the_built_in_engine_knows_stays_with_it(
    stand_in: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    stand_in.detects(OSD.format("Latin", "3.0"))
    recognizes(monkeypatch, 0.3)
    assert page()["text"] == "MocT" and stand_in.languages() == []


def test_without_a_further_language_nothing_is_read_with_it(stand_in: StandIn, monkeypatch: pytest.MonkeyPatch) -> None:
    stand_in.has("eng", "osd", "deu")
    recognizes(monkeypatch, 0.3)
    assert page()["text"] == "MocT"
    assert [call.split()[0] for call in stand_in.calls()] == ["--version", "--list-langs"]


@pytest.mark.parametrize(
    "code",
    [
        "os.kill(os.getpid(), 11)",
        "print('Мост'); sys.exit(1)",
        "time.sleep(600)",
        "sys.stdout.buffer.write(bytes(range(256)) * 999)",
        "pass",
        f"sys.stdout.write({tsv('Мост', score=31)!r})",
        f"sys.stdout.write({tsv('-- ~', score=99)!r})",
        f"sys.stdout.write({tsv('Мост', score=900)!r})",
        f"sys.stdout.write({tsv('Мост').replace('40', 'x')!r})",
        f"sys.stdout.write({tsv('Мост', score=float('nan'))!r})",
    ],
    ids=["crash", "error", "hang", "bytes", "nothing", "doubt", "no letters", "score", "box", "nan"],
)
@pytest.mark.parametrize("languages", ["", "rus"])
def test_the_built_in_result_stays_whatever_goes_wrong(
    stand_in: StandIn, monkeypatch: pytest.MonkeyPatch, code: str, languages: str
) -> None:
    monkeypatch.setattr(tesseract, "PAGE_S", 1.0)
    stand_in.does(code)
    recognizes(monkeypatch, 0.3)
    found = page(languages)
    assert (found["text"], "engine" in found, stand_in.languages() != []) == ("MocT", False, True)


def test_the_better_of_two_doubtful_results_is_kept(stand_in: StandIn, monkeypatch: pytest.MonkeyPatch) -> None:
    stand_in.answers(tsv("Мост", score=65))
    recognizes(monkeypatch, 0.69)
    assert page()["text"] == "MocT"
    recognizes(monkeypatch, 0.6)
    assert page()["text"] == "Мост"


def test_korean_syllables_of_a_word_are_joined(stand_in: StandIn, monkeypatch: pytest.MonkeyPatch) -> None:
    places = [(43, 30, "다"), (78, 27, "리"), (105, 18, "는"), (141, 24, "봄")]
    rows = [f"5\t1\t1\t1\t1\t{n}\t{x}\t50\t{width}\t30\t93.2\t{text}" for n, (x, width, text) in enumerate(places)]
    stand_in.answers("\n".join(rows))
    recognizes(monkeypatch, 0.1)
    assert page("rus")["text"] == "다리는 봄"


def test_a_language_that_is_not_there_is_one_sentence(stand_in: StandIn, monkeypatch: pytest.MonkeyPatch) -> None:
    tesseract.check("rus+ara")
    for named, code in (("rus+kor", "kor"), ("osd", "osd"), ("", ""), ("rus+", ""), ("rus,ara", "rus,ara")):
        with pytest.raises(UsageError) as caught:
            tesseract.check(named)
        assert caught.value.sentence == f"--ocr-lang: Tesseract has no language {code!r} here."
        assert caught.value.hint.startswith("Installed: ara, deu, eng, rus, ukr. ")
    monkeypatch.setenv("PATH", str(stand_in.folder / "none"))
    with pytest.raises(UsageError, match="needs the program tesseract, which is not installed"):
        tesseract.check("rus")


def test_what_it_adds_is_said_or_how_to_add_it(stand_in: StandIn, monkeypatch: pytest.MonkeyPatch) -> None:
    assert tesseract.describe() == "Tesseract 5.9.1 adds Russian, Ukrainian, Arabic"
    tesseract._facts.cache_clear()
    stand_in.has("eng", "script/Thai")
    assert tesseract.describe() == "Tesseract 5.9.1 adds script/Thai"
    tesseract._facts.cache_clear()
    stand_in.has("eng")
    assert tesseract.describe().startswith("Tesseract 5.9.1 has no language to add; for Russian: apt-get install ")
    monkeypatch.setenv("PATH", str(stand_in.folder / "none"))
    assert tesseract.describe().startswith("Tesseract is not installed; for Russian: apt-get install ")


def cyrillic_font() -> str:
    for folder in ("/usr/share/fonts", "/usr/local/share/fonts", "/Library/Fonts"):
        for place in Path(folder).rglob("DejaVuSans.ttf"):
            return str(place)
    return ""


@pytest.mark.skipif(REAL is None or "rus" not in REAL.languages, reason="no tesseract with Russian")
@pytest.mark.skipif(not cyrillic_font(), reason="no DejaVu font")
@pytest.mark.parametrize("languages", ["", "rus"])
def test_the_real_program_reads_russian(languages: str) -> None:
    lines = ["Договор аренды помещения", "Мост закрыт на ремонт до весны", "Счёт за электричество"]
    picture = Image.new("RGB", (900, 300), "white")
    font = ImageFont.truetype(cyrillic_font(), 32)
    for n, line in enumerate(lines):
        ImageDraw.Draw(picture).text((40, 40 + 80 * n), line, fill="black", font=font)
    answer, _ = ocr.handle({"languages": languages}, [np.asarray(picture)])
    assert answer["pages"][0]["text"].lower() == "\n".join(lines).lower()
    assert answer["pages"][0]["engine"].startswith("tesseract ")
