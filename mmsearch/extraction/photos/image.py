"""Pictures: one segment each, one a page of a multi-page TIFF, one a frame that differs of an animation."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple, TypeVar

from mmsearch.errors import ExtractionError, FailureCode
from mmsearch.extraction.fingerprints import image_fingerprint
from mmsearch.extraction.photos import pixels
from mmsearch.extraction.photos.animation import distinct_frames
from mmsearch.extraction.photos.captions import read_captions
from mmsearch.extraction.photos.raw_preview import open_preview
from mmsearch.extraction.source import open_source, ordinal
from mmsearch.types import Extracted, Locator, Needs, Probe, Segment, Source, Span

if TYPE_CHECKING:
    from PIL import Image

Result = TypeVar("Result")

# Pillow's plugins that decode by themselves. Those of EPS and WMF run other programs and are never used.
_DECODERS = (
    "AVIF BLP BMP CUR DCX DDS DIB FITS FLI GIF HEIF ICNS ICO IM JPEG JPEG2000 MSP PCX PNG PPM PSD QOI SGI SUN TGA TIFF"
    " WEBP XBM XPM"
)
PLUGINS = {name.lower(): name for name in _DECODERS.split()}
ALSO = {"PPM": ["XVTHUMB"]}  # begins like a PPM
PIXELS = 180_000_000  # decoded: 0.7 GB
PIXELS_SHRUNK = 300_000_000  # JPEG, which is decoded at an eighth of its size at once
PAGES = 10_000
SPAN_PAGES, LONG_SPAN_PAGES = 4, 16  # the latter with all pictures make some 300 MB
RAW = "raw"  # the format of RAW photos of all cameras
ANIMATED = frozenset({"GIF", "WEBP", "PNG", "AVIF"})
DECODED_SHARE = 0.5
ORIENTATION = 0x0112


def probe(source: Source, needs: Needs) -> Probe:
    """The plan of a picture: one span, or spans of pages for a TIFF that has several.

    Raises `ExtractionError`: `too-large` for more pixels than can be decoded safely, `decode-error` for damage and
    for formats that only other programs could show.
    """
    with open_source(source) as file:
        (details, pages), _ = attempt(source, file, lambda picture: facts(picture, source))
    notes = (f"Only the first {PAGES:,} pages were read.",) if pages > PAGES else ()
    pages = min(pages, PAGES)
    if pages > 1:
        details["pages"] = pages
    # Reaching a page means walking all before it: a long file gets longer spans, not quadratic time.
    step = max(SPAN_PAGES, min(pages // 250, LONG_SPAN_PAGES))
    return Probe(tuple(Span(at, min(at + step, pages)) for at in range(0, pages, step)), details, notes)


def extract(source: Source, probe: Probe, number: int, needs: Needs) -> Iterator[Extracted]:
    """The pictures of span `number`. `Segment.details["note"]` reports a part of one that is missing."""
    span = probe.spans[number]
    several = probe.details.get("pages", 1) > 1
    for place, page in enumerate(read_pages(source, range(int(span.start), int(span.stop)), needs)):
        details = {"title": probe.details.get("title"), "note": page.note}
        if number == 0 and place == 0:
            details["capture"] = probe.details.get("capture")
        segment = Segment(
            ordinal(number, place),
            Locator(page=int(span.start) + place + 1) if several else Locator(start_s=page.start_s, end_s=page.end_s),
            page.text,
            details={key: value for key, value in details.items() if value},
        )
        if page.image is None:
            yield Extracted(segment)
        else:
            fingerprint = None if page.moves else image_fingerprint(page.image, int(span.start) + place + 1.0)
            media = pixels.view_image(page.image, needs), pixels.ocr_image(page.image, needs)
            yield Extracted(segment, *media, fingerprints=(fingerprint,) if fingerprint else ())


class PicturePage(NamedTuple):
    """A decoded page as RGB, if it could be read; the captions; a sentence about what is missing; whether it is a frame
    of an animation, and when that is shown, if several are."""

    image: Image.Image | None
    text: str = ""
    note: str = ""
    moves: bool = False
    start_s: float | None = None
    end_s: float | None = None


def read_pages(source: Source, wanted: range, needs: Needs) -> list[PicturePage]:
    """Pages of a picture, decoded together, or one by one where one of several is damaged."""

    def read(picture: Image.Image) -> list[PicturePage]:
        text = read_captions(picture, source).text() if 0 in wanted else ""
        if picture.format in ANIMATED and getattr(picture, "is_animated", False):
            return frames_of(picture, text, needs)
        return [PicturePage(frame(picture, page, needs), "" if page else text) for page in wanted]

    with open_source(source) as file:
        try:
            pages, whole = attempt(source, file, read)
        except ExtractionError as error:
            if len(wanted) == 1 or error.code not in (FailureCode.DECODE_ERROR, FailureCode.TOO_LARGE):
                raise
            return [page for at in wanted for page in read_single(source, at, needs)]
    if whole:
        return pages
    if len(wanted) > 1:
        return [page for at in wanted for page in read_single(source, at, needs)]
    return [checked(pages[0]), *pages[1:]]


def frames_of(picture: Image.Image, text: str, needs: Needs) -> list[PicturePage]:
    """The frames of an animation that differ; the captions and the note come with the first one."""
    found, note = distinct_frames(picture, lambda current: decode_frame(current, needs))
    if len(found) == 1:
        return [PicturePage(found[0].image, text, note, moves=True)]
    times = [(round(one.start_s, 3), round(one.end_s, 3)) for one in found]
    pages = [PicturePage(one.image, "", "", True, *time) for one, time in zip(found, times, strict=True)]
    return [pages[0]._replace(text=text, note=note), *pages[1:]]


def read_single(source: Source, page: int, needs: Needs) -> list[PicturePage]:
    """One of several pages. Damage becomes a note, since it does not concern the other pages."""
    try:
        return read_pages(source, range(page, page + 1), needs)
    except ExtractionError as error:
        if error.code not in (FailureCode.DECODE_ERROR, FailureCode.TOO_LARGE):
            raise
        return [PicturePage(None, "", error.sentence)]


def checked(page: PicturePage) -> PicturePage:
    """A damaged page, if at least half of its rows are there: half a photo usually shows its subject, a strip of
    sky does not. Raises `ExtractionError` otherwise."""
    if page.image is None or pixels.filled_share(page.image) < DECODED_SHARE:
        raise ExtractionError(
            FailureCode.DECODE_ERROR, "The picture is damaged; less than half of it could be decoded."
        )
    return page._replace(note="The picture is damaged; a part of it may be missing.")


def facts(picture: Image.Image, source: Source) -> tuple[dict[str, Any], int]:
    """The `Probe.details` of a picture, and its number of pages, counted no further than one past the limit."""
    details = {"width": picture.width, "height": picture.height} | read_captions(picture, source).details()
    pages = 1
    if picture.format == "TIFF":
        while pages <= PAGES:
            try:
                picture.seek(pages)
            except Exception:  # EOFError, or damage in a later page's directory: what comes before can be read
                break
            pages += 1
    return details, pages


def frame(picture: Image.Image, page: int, needs: Needs) -> Image.Image:
    """A page, decoded as small as will do, upright, as RGB."""
    if page:
        picture.seek(page)
    return decode_frame(picture, needs)


def decode_frame(picture: Image.Image, needs: Needs) -> Image.Image:
    """The current frame."""
    from PIL import Image

    scale = pixels.scale_for(picture.width, picture.height, needs)
    width, height = math.ceil(picture.width * scale), math.ceil(picture.height * scale)
    picture.draft(None, pixels.draft_size(picture.width, picture.height, needs))
    if picture.width * picture.height > PIXELS:
        raise ExtractionError(FailureCode.TOO_LARGE, f"The picture has {picture.width:,} × {picture.height:,} pixels.")
    picture.load()
    image = pixels.rgb(picture, width, height)
    # Some decoders turn the picture themselves and drop the tag while they load it.
    turn = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_270,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_90,
    }.get(orientation(picture))
    return image if turn is None else image.transpose(turn)


def orientation(picture: Image.Image) -> int:
    """The EXIF orientation, 1 to 8; 1 where there is none that can be read."""
    try:
        return int(picture.getexif().get(ORIENTATION, 1))
    except Exception:  # damaged metadata is no reason to lose the picture
        return 1


def _opened(file: BinaryIO, plugin: str, format: str) -> Image.Image:
    from PIL import Image

    return open_preview(file) if format == RAW else Image.open(file, formats=[plugin, *ALSO.get(plugin, [])])


def attempt(source: Source, file: BinaryIO, work: Callable[[Image.Image], Result]) -> tuple[Result, bool]:
    """The result of `work` on the opened picture, and whether the picture was whole. For a damaged one `work` is tried
    again with missing data accepted."""
    try:
        with open_picture(source, file) as picture:
            return work(picture), True
    except ExtractionError as error:
        if error.code != FailureCode.DECODE_ERROR or source.format not in (*PLUGINS, RAW):
            raise
    with open_picture(source, file, accept_truncated=True) as picture:
        return work(picture), False


@contextmanager
def open_picture(source: Source, file: BinaryIO, accept_truncated: bool = False) -> Iterator[Image.Image]:
    """The picture, opened by the plugin of its format only. Every error inside the block becomes an
    `ExtractionError`."""
    from PIL import Image, ImageFile

    plugin = PLUGINS.get(source.format) or ("JPEG" if source.format == RAW else None)
    if plugin is None:
        raise ExtractionError(
            FailureCode.DECODE_ERROR, "Pictures of this format are not decoded: that takes other programs."
        )
    if plugin == "HEIF":
        import pi_heif

        pi_heif.register_heif_opener()
    limit = PIXELS_SHRUNK if plugin == "JPEG" else PIXELS
    Image.MAX_IMAGE_PIXELS = limit // 2  # Pillow refuses at twice this, in pictures within icons too
    ImageFile.LOAD_TRUNCATED_IMAGES = accept_truncated
    file.seek(0)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with _opened(file, plugin, source.format) as picture:
                yield picture
    except ExtractionError:
        raise
    except Image.DecompressionBombError as error:
        raise ExtractionError(
            FailureCode.TOO_LARGE, f"The picture has more than {limit // 1_000_000} megapixels."
        ) from error
    except MemoryError as error:
        raise ExtractionError(FailureCode.MEMORY, "The picture takes more memory than it may.") from error
    except Exception as error:  # Pillow's plugins raise a dozen types on damage, down to AttributeError
        raise ExtractionError(FailureCode.DECODE_ERROR, "The picture is damaged and can't be decoded.") from error
    finally:
        ImageFile.LOAD_TRUNCATED_IMAGES = False
