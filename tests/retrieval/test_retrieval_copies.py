"""Copies of a query's file: found first and shown, whatever was done to them, and nothing else is called one."""

import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from made_media import encoded, invoice, melody, page, photo
from PIL import Image, ImageOps
from small_image_encoder import use_random_encoder
from small_index import WordModel, run, use_word_model, write
from test_dupes_groups import write_sound

from mmsearch.cli.program import run as mmsearch
from mmsearch.index import Index
from mmsearch.indexing import run_models
from mmsearch.models.images import builtin_images
from mmsearch.query import COPIES, Filter, Match, Part, Query

Picture = Image.Image
ALTERED: dict[str, Callable[[Picture], Picture]] = {
    "a third": lambda image: image.resize((image.width // 3, image.height // 3), Image.Resampling.LANCZOS),
    "cropped": lambda image: ImageOps.crop(
        image, (image.width // 12, image.height // 12, image.width // 12, image.height // 12)
    ),
    "jpeg": lambda image: encoded(image, "JPEG", quality=55),
    "grey": lambda image: image.convert("L").convert("RGB"),
    "darker": lambda image: Image.eval(image, lambda level: int(level * 0.6)),
    "turned": lambda image: image.rotate(3, Image.Resampling.BICUBIC),
    "mirrored": ImageOps.mirror,
}
TALE = [f"On day {n} the keeper of the lighthouse counted {n * n} ships and {n + 7} gulls." for n in range(60)]


@pytest.fixture(scope="module")
def encoders() -> Iterator[None]:
    """The text model is one of words, the image encoder has random weights, and no words of pictures are read."""
    with pytest.MonkeyPatch.context() as patch:
        load = run_models.load_embedder
        use_word_model(patch.setattr)
        model = lambda row, *how: WordModel() if row.name == "builtin" else load(row, *how)  # noqa: E731
        patch.setattr(run_models, "load_embedder", model)
        patch.setattr("mmsearch.retrieval.query_encoding.load_embedder", model)
        use_random_encoder(patch.setattr)
        patch.setattr(
            "mmsearch.retrieval.queries.ad_hoc_files._read", lambda extracted: ""
        )  # OCR takes long, and is not needed
        yield
        builtin_images.shared_encoder.cache_clear()


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory, encoders: None) -> Path:
    """An index beside the folder `media` of photos, forms, texts, sounds and films."""
    top = tmp_path_factory.mktemp("copies")
    media = top / "media"
    media.mkdir()
    for seed in range(10):
        photo(seed).save(media / f"p{seed}.png")
    shutil.copy(media / "p0.png", media / "p0 again.png")
    photo(0).save(media / "p0.jpg", quality=50)
    for number in range(4):
        invoice(f"47{number}1", f"{number}12.40").save(media / f"invoice{number}.png")
    letter = page(*(f"Line {n} of a letter to the harbour office" for n in range(16)))
    letter.save(media / "letter.png")
    page("A cover", "of three pages").save(
        media / "report.pdf", resolution=120, save_all=True, append_images=[letter, page("The end", "of it")]
    )
    write(media / "tale.txt", "\n".join(TALE))
    write(media / "tale.html", f"<html><body><p>{'</p><p>'.join(TALE)}</p></body></html>")
    write(media / "edited.txt", "\n".join(TALE).replace("counted 9 ships", "saw nine ships"))
    write(media / "sequel.txt", "\n".join(line.replace("keeper", "owner").replace("gulls", "rats") for line in TALE))
    write_sound(media / "song.wav", melody(1))
    write_sound(media / "other.wav", melody(2))
    ffmpeg("-i", media / "song.wav", "-c:a", "libvorbis", "-q:a", "1", media / "song.ogg")
    for name, source in (("film", "testsrc2"), ("bars", "smptebars")):
        ffmpeg("-f", "lavfi", "-i", f"{source}=s=160x120:r=5:d=4", "-pix_fmt", "yuv420p", media / f"{name}.mp4")
    ffmpeg("-i", media / "film.mp4", "-vf", "scale=128:96", "-c:v", "libvpx", "-b:v", "150k", media / "film.webm")
    assert run(top / "index", media, models=("senses",)).failed == 0
    return top / "index"


def ffmpeg(*arguments: str | Path) -> None:
    subprocess.run(["ffmpeg", "-nostdin", "-v", "error", "-y", *arguments], check=True)


def similar(index: Path, name: str, k: int = 30) -> list[tuple[str, float, Match | None]]:
    """The hits for a file of the index: name, score, match."""
    hits = Index.open(index).similar(bytes(index.parent / "media" / name), Query(k=k, min_score=0.0)).hits
    return [(os.path.basename(hit.path).decode(), hit.score, hit.match) for hit in hits]


def copies(index: Path, file: Path) -> dict[str, Match]:
    """The copies of a file outside the index, by name."""
    hits = Index.open(index).search(Query(images=(bytes(file),), k=30, min_score=0.0)).hits
    return {
        os.path.basename(hit.path).decode(): hit.match for hit in hits if hit.match in (Match.SAME_BYTES, Match.COPY)
    }


def test_the_same_bytes_come_first_and_are_shown_then_copies_then_the_rest(index: Path) -> None:
    found = similar(index, "p0.png")
    assert found[0] == ("p0 again.png", 1.0, Match.SAME_BYTES)
    assert found[1][0] == "p0.jpg" and found[1][2] is Match.COPY and 0.9 <= found[1][1] < 1.0
    assert "p0.png" not in [name for name, _, _ in found]
    assert all(match not in COPIES and score < 0.9 for _, score, match in found[2:])


def test_a_file_of_the_index_under_another_name_is_first_with_1(index: Path, tmp_path: Path) -> None:
    other = tmp_path / "elsewhere.png"
    shutil.copy(index.parent / "media" / "p3.png", other)
    with Index.open(index) as opened:
        for query in (Query(images=(other,)), Query(like=(Part(file=other),))):
            hit = opened.search(query).hits[0]
            assert (os.path.basename(hit.path), hit.score, hit.match) == (b"p3.png", 1.0, Match.SAME_BYTES)


@pytest.mark.parametrize("how", ALTERED)
def test_an_altered_photo_finds_its_original_and_calls_nothing_else_a_copy(
    index: Path, tmp_path: Path, how: str
) -> None:
    ALTERED[how](photo(4)).save(tmp_path / "altered.png")
    assert copies(index, tmp_path / "altered.png") == {"p4.png": Match.COPY}


@pytest.mark.parametrize(
    "pair", [("cropped", "turned"), ("darker", "turned"), ("a third", "jpeg"), ("grey", "cropped")]
)
def test_a_photo_that_was_altered_twice_is_found(index: Path, tmp_path: Path, pair: tuple[str, str]) -> None:
    ALTERED[pair[1]](ALTERED[pair[0]](photo(6))).save(tmp_path / "altered.png")
    assert copies(index, tmp_path / "altered.png") == {"p6.png": Match.COPY}


def test_another_photo_has_no_copies(index: Path, tmp_path: Path) -> None:
    photo(77).save(tmp_path / "new.png")
    assert copies(index, tmp_path / "new.png") == {}


@pytest.mark.parametrize("how", ["a third", "jpeg", "darker", "cropped", "turned"])
def test_a_form_finds_its_copy_and_not_the_others_of_its_series(index: Path, tmp_path: Path, how: str) -> None:
    ALTERED[how](invoice("4721", "212.40")).save(tmp_path / "altered.png")
    assert copies(index, tmp_path / "altered.png") == {"invoice2.png": Match.COPY}


def test_the_forms_of_one_series_are_no_copies_of_each_other(index: Path) -> None:
    assert not [name for name, _, match in similar(index, "invoice1.png") if match is not Match.LIKENESS]


def test_a_page_and_its_picture_are_copies_at_the_place_of_the_page(index: Path) -> None:
    hits = Index.open(index).similar(index.parent / "media" / "letter.png").hits
    assert hits[0].path.endswith(b"report.pdf") and hits[0].match is Match.COPY and hits[0].locator.page == 2
    back = Index.open(index).similar(f"{index.parent}/media/report.pdf#page=2").hits
    assert back[0].path.endswith(b"letter.png") and back[0].match is Match.COPY


def test_the_same_words_in_another_format_are_a_copy_and_so_are_nearly_the_same(index: Path) -> None:
    found = similar(index, "tale.txt")
    assert {name for name, _, match in found if match is Match.COPY} == {"tale.html", "edited.txt"}
    assert found[0][0] == "tale.html"
    assert next(score for name, score, _ in found if name == "sequel.txt") < 0.9


def test_a_text_outside_the_index_finds_its_copies(index: Path, tmp_path: Path) -> None:
    write(tmp_path / "mail.txt", "  ".join(TALE))
    with Index.open(index) as opened:
        hits = opened.similar(tmp_path / "mail.txt").hits
    found = {os.path.basename(hit.path): hit.match for hit in hits if hit.score >= 0.9}
    assert found == dict.fromkeys((b"tale.txt", b"tale.html", b"edited.txt"), Match.COPY)


def test_sound_and_film_are_known_in_other_formats(index: Path, tmp_path: Path) -> None:
    for name, copy, other in (("song.wav", "song.ogg", "other.wav"), ("film.mp4", "film.webm", "bars.mp4")):
        found = {each: (score, match) for each, score, match in similar(index, name)}
        assert found[copy][1] is Match.COPY and found[copy][0] >= 0.9
        assert found.get(other, (0.0, None))[0] < 0.9
    ffmpeg("-i", index.parent / "media" / "song.wav", "-ar", "16000", "-b:a", "40k", tmp_path / "song.m4a")
    with Index.open(index) as opened:
        hits = opened.search(Query(audios=(tmp_path / "song.m4a",))).hits
    assert {os.path.basename(hit.path) for hit in hits if hit.match is Match.COPY} == {b"song.wav", b"song.ogg"}


def test_a_weak_rest_is_not_shown_but_on_demand(index: Path) -> None:
    shown = Index.open(index).similar(index.parent / "media" / "p0.png").hits
    everything = similar(index, "p0.png", k=50)
    assert 2 <= len(shown) < len(everything)


def test_words_with_a_file_or_against_one_make_another_query(index: Path) -> None:
    part = Part(file=index.parent / "media" / "p0.png")
    with Index.open(index) as opened:
        for query in (Query("lighthouse", like=(part,)), Query(like=(part,), minus=(Part("lighthouse"),))):
            hits = opened.search(query).hits
            assert all(hit.match is None for hit in hits)
            assert b"p0.png" not in {os.path.basename(hit.path) for hit in hits}


def test_a_filter_holds_for_copies_too(index: Path) -> None:
    target = index.parent / "media" / "letter.png"
    hits = Index.open(index).similar(target, Query(where=Filter(kinds=("pdf",)))).hits
    assert {hit.kind for hit in hits} == {"pdf"} and hits[0].match is Match.COPY


def test_every_format_says_which_are_copies(index: Path, capfd: pytest.CaptureFixture[str]) -> None:
    target = str(index.parent / "media" / "p0.png")
    assert mmsearch(["similar", target, "--index", str(index), "--format", "jsonl"]) == 0
    told = [json.loads(line) for line in capfd.readouterr().out.splitlines()]
    assert [one["match"] for one in told[:2]] == ["same bytes", "copy"] and told[0]["score"] == 1.0
    assert mmsearch(["similar", target, "--index", str(index), "--explain"]) == 0
    table = capfd.readouterr().out
    assert "1.00" in table.splitlines()[0] and "same bytes" in table.splitlines()[0] and "  copy  raw 1.000" in table


def test_copies_need_no_model_that_takes_the_file(tmp_path: Path, encoders: None) -> None:
    media = tmp_path / "media"
    media.mkdir()
    write_sound(media / "song.wav", melody(1))
    write_sound(media / "other.wav", melody(2))
    ffmpeg("-i", media / "song.wav", "-c:a", "flac", media / "song.flac")
    run(tmp_path / "index", media, models=("builtin:text",))
    with Index.open(tmp_path / "index") as opened:
        answer = opened.similar(media / "song.wav")
    assert [os.path.basename(hit.path) for hit in answer.hits] == [b"song.flac"]
    assert answer.notes == ("Only copies of song.wav are looked for: builtin can't take it.",)


def test_damaged_fingerprints_are_no_copies(tmp_path: Path, encoders: None) -> None:
    from small_index import change

    for name in ("a", "b"):
        (tmp_path / "media").mkdir(exist_ok=True)
        photo(3).save(tmp_path / "media" / f"{name}.png", compress_level=1 if name == "a" else 9)
    run(tmp_path / "index", tmp_path / "media", models=("senses",))
    assert [match for _, _, match in similar(tmp_path / "index", "a.png")] == [Match.COPY]
    change(tmp_path / "index", "UPDATE fingerprints SET body = x'00'")
    assert [match for _, _, match in similar(tmp_path / "index", "a.png")] == [Match.LIKENESS]
