"""Which files belong to another one and are read with it: subtitles and lyrics of recordings, metadata of pictures."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from mmsearch.filestat import stat_values
from mmsearch.language_tags import is_track_tag
from mmsearch.sniff import extension

FILMS = frozenset(".mp4 .m4v .mov .mkv .webm .avi .mpg .mpeg .wmv .flv .ogv .3gp .ts .m2ts".split())
TIMED = FILMS | frozenset(".mp3 .m4a .m4b .wav .flac .ogg .opus .aac .wma .aiff".split())
PICTURES = frozenset(
    ".jpg .jpeg .png .tif .tiff .webp .heic .heif .avif .gif .bmp .jp2 .psd "
    ".dng .cr2 .cr3 .nef .nrw .arw .raf .orf .rw2 .pef .srw".split()
)
SHORT_ENDINGS = frozenset(b".srt .vtt .ass .ssa .lrc .sub .xmp".split())  # of sidecars
LONG_ENDING = b".ttml"
SUBTITLE_FOLDERS = frozenset({b"subs", b"subtitles"})  # below the folder of a recording, in any case
TAGS = 3  # parts of a subtitle file's name that follow that of the recording: film.en.forced.srt
SIDES = 200  # sidecars of one file

Side = tuple[bytes, int, int, int]  # path relative to the owner's folder, size, mtime_ns, ctime_ns


@dataclass(slots=True)
class Belongings:
    """The sidecars of a folder's files: of each file what belongs to it, and of each sidecar the name of the file that
    it belongs to, by its path relative to the folder."""

    of: dict[bytes, list[Side]] = field(default_factory=dict)
    owners: dict[bytes, bytes] = field(default_factory=dict)

    def add(self, path: bytes, facts: os.stat_result, owners: Iterable[bytes]) -> None:
        """Assign a sidecar to its owners; one that has many takes no more."""
        size, mtime_ns, _, ctime_ns = stat_values(facts)
        for owner in owners:
            sides = self.of.setdefault(owner, [])
            if len(sides) < SIDES:
                self.owners[path] = owner
                sides.append((path, size, mtime_ns, ctime_ns))


def is_sidecar(name: bytes) -> bool:
    """Whether a file may belong to another one, by its name."""
    return name[-4:].lower() in SHORT_ENDINGS or name[-5:].lower() == LONG_ENDING


def is_subtitle_folder(name: bytes) -> bool:
    """Whether a folder's name says that it holds subtitles for the recordings beside it."""
    return name.lower() in SUBTITLE_FOLDERS


def owners_of(name: bytes, media: Iterable[bytes]) -> list[bytes]:
    """The files of the same folder that a sidecar belongs to: `talk.srt`, `talk.en.forced.srt` and `talk.mp4.srt` to
    `talk.mp4`, `a.xmp` and `a.jpg.xmp` to `a.jpg`."""
    wanted = PICTURES if extension(name) == ".xmp" else TIMED
    stem = os.path.splitext(name)[0]
    media = [one for one in media if extension(one) in wanted]
    if stem in media:
        return [stem]
    stems = [stem, os.path.splitext(stem)[0]]  # without one tag, which may be anything
    while len(stems) <= TAGS and is_track_tag(os.fsdecode(os.path.splitext(stems[-2])[1][1:])):
        stems.append(os.path.splitext(stems[-1])[0])
    return sorted(owner for owner in media if os.path.splitext(owner)[0] in set(stems) - {b""})


def subtitle_owners(path: bytes, media: Iterable[bytes]) -> list[bytes]:
    """The recordings that a file in a subtitle folder belongs to: those of its name, those whose name its own folder
    has (`Subs/Episode 1/2_English.srt`), or the only film that there is."""
    folder, name = os.path.split(path)
    if extension(name) == ".xmp":
        return []
    media = list(media)
    if folder:
        return [one for one in media if extension(one) in TIMED and os.path.splitext(one)[0] == folder]
    films = [one for one in media if extension(one) in FILMS]
    return owners_of(name, media) or (films if len(films) == 1 else [])


def belongings(names: Iterable[bytes], sides: Mapping[bytes, os.stat_result]) -> Belongings:
    """The sidecars of the files of a folder with these names. `sides` are the files that may be sidecars, by name;
    those of subtitle folders by the path relative to the folder: `Subs/2_English.srt`."""
    result = Belongings()
    media = [name for name in names if extension(name) in TIMED | PICTURES] if sides else []
    for path, facts in sides.items():
        folder, _, inside = path.partition(b"/")
        result.add(path, facts, subtitle_owners(inside, media) if inside else owners_of(folder, media))
    return result


def belongings_in(folder: bytes, stem: bytes = b"") -> Belongings:
    """The sidecars of the files of a folder on disk (of those in itself only such as begin with `stem`). Nothing is
    left out by rules. Raises `OSError` for a folder that can't be listed."""
    names: list[bytes] = []
    sides: dict[bytes, os.stat_result] = {}
    with os.scandir(folder) as listing:
        entries = sorted(listing, key=lambda entry: entry.name)
    for entry in entries:
        if entry.is_file(follow_symlinks=False):
            names.append(entry.name)
            if is_sidecar(entry.name) and entry.name.startswith(stem):
                sides[entry.name] = entry.stat(follow_symlinks=False)
        elif is_subtitle_folder(entry.name) and entry.is_dir(follow_symlinks=False):
            for deeper in _add_sides(sides, folder, entry.name):
                _add_sides(sides, folder, deeper)
    return belongings(names, sides)


def _add_sides(sides: dict[bytes, os.stat_result], folder: bytes, inner: bytes) -> list[bytes]:
    """Add what may be sidecars in a folder of a folder; the paths of the folders in it."""
    folders = []
    with os.scandir(os.path.join(folder, inner)) as listing:
        for entry in sorted(listing, key=lambda entry: entry.name):
            if entry.is_dir(follow_symlinks=False):
                folders.append(os.path.join(inner, entry.name))
            elif is_sidecar(entry.name) and entry.is_file(follow_symlinks=False):
                sides[os.path.join(inner, entry.name)] = entry.stat(follow_symlinks=False)
    return folders


def owner_above(root: bytes, path: bytes) -> bytes:
    """The file that one in a subtitle folder of the root belongs to, or nothing."""
    parts = path.split(b"/")
    for depth in (2, 3):
        if len(parts) >= depth and is_subtitle_folder(parts[-depth]):
            near = belongings_in(os.path.join(root, *parts[:-depth]))
            return near.owners.get(b"/".join(parts[-depth:]), b"")
    return b""
