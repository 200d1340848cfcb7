"""Tags of recordings (ID3, Vorbis comments, MP4, ASF, RIFF), read by tinytag; container tags from ffprobe."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, BinaryIO

from mmsearch.extraction.boilerplate import is_sound_boilerplate

TAG_CHARACTERS = 4000  # of one tag; lyrics get ten times as much
# In the order in which they stand in a segment's text.
WORDS = (
    "title",
    "artist",
    "album_artist",
    "composer",
    "album",
    "track",
    "genre",
    "year",
    "comment",
    "lyrics",
)
COMMENTS = ("comment", "_comment", "description")


def read_tags(handle: BinaryIO) -> dict[str, str]:
    """The tags of `WORDS` as far as the file has them, boilerplate left out; `track` with that word before its number.
    A file without tags, or with damaged ones, yields the tags before the damage, perhaps none."""
    from tinytag import TinyTag, TinyTagException

    handle.seek(0)
    try:
        tag = TinyTag.get(file_obj=handle, duration=False)
    except (TinyTagException, OSError, ValueError, OverflowError, RecursionError):
        return {}
    lyrics = tag.other.get("lyrics") or []
    names = ("title", "artist", "albumartist", "composer", "album", "genre", "year")
    found: dict[str, Any] = {name: getattr(tag, name) for name in names}
    for name in names[:-1]:  # FFmpeg and others write some as user-defined fields
        found[name] = found[name] or next(iter(tag.other.get(f"_{name}") or []), None)
    found["album_artist"] = found.pop("albumartist") or next(iter(tag.other.get("_album_artist") or []), None)
    found["track"] = _track(tag.track)
    comments = [tag.comment, *(words for name in COMMENTS for words in tag.other.get(name) or [])]
    found["comment"] = "\n".join(dict.fromkeys(filter(None, comments)))
    return {**_cleaned(found, TAG_CHARACTERS), **_cleaned({"lyrics": "\n".join(lyrics)}, 10 * TAG_CHARACTERS)}


def container_tags(facts: Mapping[str, Any] | None) -> dict[str, str]:
    """The same names from the tags of `containers.container_facts`; a description counts as a comment."""
    raw = (facts or {}).get("format", {}).get("tags", {})
    tags = {str(name).lower(): value for name, value in raw.items()}
    comment = "\n".join(
        dict.fromkeys(str(tags[name]) for name in ("comment", "description", "synopsis") if name in tags)
    )
    found = {name: tags.get(name) for name in ("title", "artist", "album_artist", "composer", "album", "genre")}
    further = {"comment": comment, "year": tags.get("date"), "track": _track(str(tags.get("track", "")).split("/")[0])}
    return _cleaned({**found, **further}, TAG_CHARACTERS)


def _track(number: Any) -> str:
    """The number of a track with that word, so that it is one to be looked for."""
    return f"Track {number}" if str(number or "").isdecimal() and int(number) > 0 else ""


def _cleaned(found: Mapping[str, Any], limit: int) -> dict[str, str]:
    clean = {name: str(value).replace("\0", " ").strip()[:limit] for name, value in found.items() if value}
    return {name: value for name, value in clean.items() if not is_sound_boilerplate(value)}


def tag_text(tags: Mapping[str, str]) -> str:
    """The tags of `WORDS`, each on lines of its own, for the first segment."""
    return "\n".join(dict.fromkeys(tags[name] for name in WORDS if tags.get(name)))
