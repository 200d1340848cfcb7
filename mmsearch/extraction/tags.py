"""Tags of recordings (ID3, Vorbis comments, MP4, ASF, RIFF), read by tinytag; container tags from ffprobe."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, BinaryIO

from mmsearch.extraction.boilerplate import is_sound_boilerplate

TAG_CHARACTERS = 4000  # of one tag; lyrics get ten times as much
WORDS = ("title", "artist", "album", "comment", "lyrics")  # in the order in which they stand in a segment's text
COMMENTS = ("comment", "_comment", "description")


def read_tags(handle: BinaryIO) -> dict[str, str]:
    """`title`, `artist`, `album`, `comment`, `genre`, `year`, `lyrics` as far as the file has them, noise left out.
    A file without tags, or with damaged ones, yields the tags before the damage, perhaps none."""
    from tinytag import TinyTag, TinyTagException

    handle.seek(0)
    try:
        tag = TinyTag.get(file_obj=handle, duration=False)
    except (TinyTagException, OSError, ValueError, OverflowError, RecursionError):
        return {}
    lyrics = tag.other.get("lyrics") or []
    found: dict[str, Any] = {name: getattr(tag, name) for name in ("title", "artist", "album", "genre", "year")}
    for name in ("title", "artist", "album", "genre"):  # FFmpeg and others write some as user-defined fields
        found[name] = found[name] or next(iter(tag.other.get(f"_{name}") or []), None)
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
    found = {name: tags.get(name) for name in ("title", "artist", "album", "genre")}
    return _cleaned({**found, "comment": comment, "year": tags.get("date")}, TAG_CHARACTERS)


def _cleaned(found: Mapping[str, Any], limit: int) -> dict[str, str]:
    clean = {name: str(value).replace("\0", " ").strip()[:limit] for name, value in found.items() if value}
    return {name: value for name, value in clean.items() if not is_sound_boilerplate(value)}


def tag_text(tags: Mapping[str, str]) -> str:
    """Title, artist, album, comment and lyrics without times, each on lines of its own, for the first segment."""
    return "\n".join(dict.fromkeys(tags[name] for name in WORDS if tags.get(name)))
