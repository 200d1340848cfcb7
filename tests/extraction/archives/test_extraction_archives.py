"""Walks through archives: names, limits, damage. Nothing here starts a process."""

import io
import struct
import zipfile
from pathlib import Path

import pytest
from packed_files import tarred, zipped

from mmsearch.archive_paths import is_plain_name, outermost, plain_name
from mmsearch.errors import ExtractionError
from mmsearch.extraction.archives import archive_member, listing, member_bytes, walking
from mmsearch.extraction.archives.archive_member import ArchiveMember, UnpackBudget
from mmsearch.extraction.archives.listing import ListedMember
from mmsearch.filestat import stat_values
from mmsearch.types import Kind, Source


def walk(data: bytes, name: bytes = b"a.zip") -> list[ArchiveMember]:
    return list(walking.walked(io.BytesIO(data), name, UnpackBudget(len(data))))


def paths(data: bytes, name: bytes = b"a.zip") -> list[bytes]:
    return [one.path for one in walk(data, name)]


def listed(path: Path) -> tuple[list[ListedMember], str]:
    """All that a worker would reply about an archive, and the code of its failure."""
    stat = stat_values(path.stat())[:3]
    members: list[ListedMember] = []
    more, code = True, ""
    while more:
        reply, _ = listing.handle(listing.request(bytes(path), stat, len(members)), [])
        found, more, failure = listing.parse_reply(reply)
        members += found
        code = "" if failure is None else failure.code
    return members, code


@pytest.mark.parametrize(
    ("name", "plain"),
    [
        (b"b/c.txt", b"b/c.txt"),
        (b"../../etc/passwd", b"etc/passwd"),
        (b"/etc/passwd", b"etc/passwd"),
        (b"C:/Users/x.txt", b"Users/x.txt"),
        (b"a/./b//c", b"a/b/c"),
        (b"..", b"unnamed"),
        (b"b.zip!/c.txt", b"b.zip!!/c.txt"),
    ],
)
def test_a_member_gets_a_path_that_stays_in_its_archive(name: bytes, plain: bytes) -> None:
    assert plain_name(name) == plain and is_plain_name(plain)


def test_the_archive_of_a_path_is_the_outermost_one() -> None:
    assert outermost(b"/d/a.zip!/b.tar.gz!/c.txt") == b"/d/a.zip"
    assert outermost(b"/d/odd!/a.zip!/c.txt") == b"/d/odd!/a.zip"
    assert outermost(b"/d/odd!/c.txt") == b""


def test_files_of_archives_in_archives_come_before_these() -> None:
    inner = tarred({"c.txt": "deep", "d/e.txt": "deeper"}, "w:gz")
    assert paths(zipped({"a.txt": "flat", "b.tgz": inner})) == [b"a.txt", b"b.tgz!/c.txt", b"b.tgz!/d/e.txt", b"b.tgz"]


@pytest.mark.parametrize(("ending", "mode"), [("tar", "w"), ("tar.gz", "w:gz"), ("tbz2", "w:bz2"), ("tar.xz", "w:xz")])
def test_every_packing_of_tar_is_read(ending: str, mode: str) -> None:
    data = tarred({"b/c.txt": "otter", "d.txt": "heron"}, mode)
    found = walking.walked(io.BytesIO(data), b"a." + ending.encode(), UnpackBudget(len(data)))
    assert {one.path: walking.whole(one) for one in found} == {b"b/c.txt": b"otter", b"d.txt": b"heron"}


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_each_file_of_a_name_is_kept_under_a_name_of_its_own() -> None:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        for name in ("a.txt", "a (2).txt", "a.txt", "../a.txt"):
            archive.writestr(name, "x")
    assert paths(target.getvalue()) == [b"a.txt", b"a (2).txt", b"a (3).txt", b"a (4).txt"]


def test_names_that_say_they_are_not_utf8_are_read_as_what_they_are() -> None:
    marked = zipped({"größe.txt": "x"})
    flags = marked.index(b"PK\x01\x02") + 8
    unmarked = marked.replace(struct.pack("<H", 0x800), struct.pack("<H", 0)) if marked[flags + 1] == 8 else marked
    old = unmarked.replace("größe.txt".encode(), "gr\x94\xe1e.txt".encode("latin-1") + b"..")
    assert paths(marked) == paths(unmarked) == ["größe.txt".encode()]
    assert paths(old) == ["größe.txt..".encode()]


def test_folders_of_windows_are_folders() -> None:
    data = bytearray(zipped({"b\\c.txt": "x"}))
    data[data.index(b"PK\x01\x02") + 5] = 0  # made on FAT
    assert paths(bytes(data)) == [b"b/c.txt"]


def test_links_are_told_apart_and_not_read() -> None:
    found = walk(tarred({"a.txt": "x"}, links={"l": "/etc/passwd"}), b"a.tar")
    assert [(one.path, one.left_out) for one in found] == [(b"a.txt", ""), (b"l", "link")]
    info = zipfile.ZipInfo("l")
    info.external_attr = 0o120777 << 16
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        archive.writestr(info, "/etc/passwd")
    assert [one.left_out for one in walk(target.getvalue())] == ["link"]


def test_the_bytes_that_an_archive_unpacks_to_are_bounded(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(archive_member, "FREE_BYTES", 100_000)
    monkeypatch.setattr(archive_member, "RATIO", 2)
    files = {f"{number}.txt": "a" * 60_000 for number in range(9)}
    for name, data in (("a.zip", zipped(files)), ("a.tar.gz", tarred(files, "w:gz"))):
        (tmp_path / name).write_bytes(data)
        members, code = listed(tmp_path / name)
        assert 0 < len(members) < 3 and code == "too-large"


def test_a_bomb_of_nested_archives_ends_early(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(archive_member, "FREE_BYTES", 200_000)
    monkeypatch.setattr(archive_member, "RATIO", 0)
    data = zipped({"0.txt": "a" * 50_000})
    for _ in range(3):
        data = zipped({f"{number}.zip": data for number in range(8)})
    (tmp_path / "bomb.zip").write_bytes(data)
    members, code = listed(tmp_path / "bomb.zip")
    assert len(members) < 10 and code == "too-large"


def test_archives_too_deep_in_each_other_are_not_opened() -> None:
    data = zipped({"bottom.txt": "x"})
    for number in range(6):
        data = zipped({f"{number}.zip": data})
    found = walk(data)
    assert [one.failure.code for one in found if one.failure is not None] == ["too-large"]
    assert not any(one.path.endswith(b"bottom.txt") for one in found)


def test_a_count_of_files_beyond_the_limit_ends_the_list(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(archive_member, "MEMBERS", 5)
    (tmp_path / "a.zip").write_bytes(zipped({f"{number}.txt": "x" for number in range(9)}))
    members, code = listed(tmp_path / "a.zip")
    assert (len(members), code) == (5, "too-large")


def test_a_file_that_is_too_large_is_told_and_the_rest_is_read(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for module in (walking, listing):
        monkeypatch.setattr(module, "MEMBER_BYTES", 1000)
    (tmp_path / "a.zip").write_bytes(zipped({"big.txt": "a" * 5000, "small.txt": "b"}))
    members, code = listed(tmp_path / "a.zip")
    assert [one.failure.code if one.failure else "" for one in members] == ["too-large", ""] and not code


def damaged(files: dict[str, bytes | str], signature: bytes, offset: int, value: bytes) -> bytes:
    """A zip archive with other bytes at an offset behind the first signature."""
    data = bytearray(zipped(files, zipfile.ZIP_STORED))
    at = data.index(signature) + offset
    data[at : at + len(value)] = value
    return bytes(data)


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (damaged({"a.txt": "otter"}, b"otter", 0, b"badly"), "decode-error"),  # its checksum is another
        (damaged({"a.txt": "otter"}, b"PK\x01\x02", 24, struct.pack("<L", 2)), "decode-error"),
        (damaged({"a.txt": "otter"}, b"PK\x01\x02", 8, b"\x01"), "encrypted"),
        (damaged({"a.txt": "otter"}, b"PK\x01\x02", 10, b"\x63"), "decode-error"),  # a method of no program
    ],
    ids=["checksum", "size", "encrypted", "method"],
)
def test_a_file_that_lies_is_told_with_its_code(data: bytes, code: str, tmp_path: Path) -> None:
    (tmp_path / "a.zip").write_bytes(data)
    members, whole = listed(tmp_path / "a.zip")
    assert [one.failure.code if one.failure else "" for one in members] == [code] and not whole


@pytest.mark.parametrize("name", ["a.tar", "a.tar.gz", "a.zip"])
def test_an_archive_that_is_cut_off_is_told_and_read_so_far(name: str, tmp_path: Path) -> None:
    files = {f"{number}.txt": bytes(range(65, 91)) * (number + 40) for number in range(20)}
    data = zipped(files) if name == "a.zip" else tarred(files, "w:gz" if name.endswith("gz") else "w")
    (tmp_path / name).write_bytes(data[: len(data) * 2 // 3])
    members, code = listed(tmp_path / name)
    assert code == "decode-error"
    assert (len(members) > 3) == (name != "a.zip")  # the list of a zip is at its end


def test_a_wrong_checksum_at_the_end_of_an_archive_is_told(tmp_path: Path) -> None:
    data = bytearray(tarred({"a.txt": "otter"}, "w:gz"))
    data[-8] ^= 1
    (tmp_path / "a.tar.gz").write_bytes(data)
    members, code = listed(tmp_path / "a.tar.gz")
    assert [one.path for one in members] == [b"a.txt"] and code == "decode-error"


def test_a_file_without_a_name_gets_one() -> None:
    data = zipped({"a": "otter", "b": "heron"}).replace(b"PK\x01\x02", b"PK\x01\x02", 1)
    assert paths(data.replace(b"a", b"/").replace(b"b", b"\0")) == [b"unnamed"]


def test_one_file_is_read_again_and_in_any_order(tmp_path: Path) -> None:
    inner = zipped({"c.txt": "walrus"})
    (tmp_path / "a.tar.gz").write_bytes(tarred({"a.txt": "otter", "b.zip": inner, "d.txt": "heron"}, "w:gz"))
    archive, stat = bytes(tmp_path / "a.tar.gz"), stat_values((tmp_path / "a.tar.gz").stat())[:3]

    def read(name: str) -> bytes:
        path = archive + b"!/" + name.encode()
        return member_bytes.bytes_of_member(Source(path, Kind.TEXT, "text", (5, 0, 0), (), archive, stat))

    assert [read(name) for name in ("d.txt", "a.txt", "a.txt", "b.zip!/c.txt")] == [
        *(b"heron", b"otter", b"otter", b"walrus")
    ]
    with pytest.raises(ExtractionError) as gone:
        read("nothing.txt")
    assert gone.value.code == "vanished"
