"""The HTTP API of `mmsearch serve`: what it answers, and whom it refuses."""

import json
import os
import shutil
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from starlette.testclient import TestClient

from mmsearch.cli.program import run as run_program
from mmsearch.index import Index
from mmsearch.output.records import answer_record, to_json
from mmsearch.query import Query
from mmsearch.serving.answers import Answers
from mmsearch.serving.http_app import application

PORT, TOKEN = 8765, "the-token-of-this-start"
ROUTES = ("/", "/gallery.js", "/openapi.json", "/api/search?q=apple", "/api/status", "/api/places/1/media", "/none")


@pytest.fixture
def media(searched: Path, tmp_path: Path) -> Path:
    """The notes and their index, where the test may change them."""
    shutil.copytree(searched, tmp_path / "copy", symlinks=True)
    return tmp_path / "copy"


def opened(index: Path) -> Iterator[TestClient]:
    with Index.open(index) as opened_index, Answers(opened_index) as answers:
        yield TestClient(application(answers, PORT, TOKEN), base_url=f"http://127.0.0.1:{PORT}", follow_redirects=False)


@pytest.fixture
def stranger(searched: Path) -> Iterator[TestClient]:
    yield from opened(searched / "index")


@pytest.fixture
def client(stranger: TestClient) -> TestClient:
    assert stranger.get("/", params={"token": TOKEN}).status_code == 303
    return stranger


def first(client: TestClient, words: str = "apple dessert") -> dict[str, Any]:
    hit: dict[str, Any] = client.get("/api/search", params={"q": words}).json()["hits"][0]
    return hit


def test_a_search_answers_as_format_json_does_with_ids(client: TestClient, searched: Path) -> None:
    answer = client.get("/api/search", params={"q": "apple dessert", "k": "3"}).json()
    with Index.open(searched / "index") as index:
        plain = json.loads(to_json(answer_record(index.search(Query("apple dessert", k=3)))))
    ids = [hit.pop("id") for hit in answer["hits"]]
    assert answer["hits"] == plain["hits"]
    assert len(set(ids)) == len(ids) == len(plain["hits"]) > 0
    assert None not in ids


def test_a_place_has_its_whole_text_its_file_and_its_neighbours(client: TestClient) -> None:
    hit = first(client)
    place = client.get(f"/api/places/{hit['id']}").json()
    assert (place["path"], place["kind"]) == (hit["path"], "text")
    assert place["text"] == Path(hit["path"]).read_text()
    similar = client.get(f"/api/places/{hit['id']}/similar").json()["hits"]
    assert similar and hit["path"] not in [one["path"] for one in similar]
    assert client.get("/api/status").json()["schema"] == "mmsearch.status/1"


@pytest.mark.parametrize(
    ("wanted", "status", "part"),
    [
        ("bytes=0-4", 206, slice(0, 5)),
        ("bytes=6-", 206, slice(6, None)),
        ("bytes=-5", 206, slice(-5, None)),
        ("bytes=2-999999", 206, slice(2, None)),
        ("bytes=5-2", 416, None),
        ("bytes=999999-", 416, None),
        ("bytes=-0", 416, None),
        ("bytes=-", 200, slice(None)),
        ("bytes=a-b,c", 200, slice(None)),
        ("bytes=99999999999999999999-", 200, slice(None)),
    ],
)
def test_media_are_sent_by_range(client: TestClient, wanted: str, status: int, part: slice | None) -> None:
    hit = first(client)
    whole = Path(hit["path"]).read_bytes()
    got = client.get(f"/api/places/{hit['id']}/media", headers={"Range": wanted})
    assert got.status_code == status
    if part is not None:
        assert got.content == whole[part]
        assert got.headers["content-disposition"].startswith("attachment")


def test_a_file_that_changed_or_went_is_not_sent(searched: Path, tmp_path: Path) -> None:
    for client in opened(searched / "index"):
        client.headers["Authorization"] = f"Bearer {TOKEN}"
        hit = first(client)
        path, kept = Path(hit["path"]), tmp_path / "kept"
        os.rename(path, kept)
        try:
            assert client.get(f"/api/places/{hit['id']}/media").status_code == 404
            path.symlink_to("/etc/passwd")
            assert client.get(f"/api/places/{hit['id']}/media").status_code == 404
            path.unlink()
            path.write_text("another")
            assert client.get(f"/api/places/{hit['id']}/media").status_code == 404
        finally:
            os.replace(kept, path)
        assert client.get(f"/api/places/{hit['id']}/media").content == path.read_bytes()


def test_a_thumbnail_is_a_small_jpeg(tmp_path: Path, searched: Path) -> None:
    from small_index import run

    (tmp_path / "media").mkdir()
    Image.new("RGB", (900, 600), (200, 20, 20)).save(tmp_path / "media" / "sunset.png")
    assert run(tmp_path / "index", tmp_path / "media").indexed == 1
    for client in opened(tmp_path / "index"):
        client.headers["Authorization"] = f"Bearer {TOKEN}"
        hit = first(client, "kind:image")
        got = client.get(f"/api/places/{hit['id']}/thumbnail")
        assert (got.headers["content-type"], got.content[:3]) == ("image/jpeg", b"\xff\xd8\xff")
        assert client.get(f"/api/places/{hit['id']}/media").headers["content-type"] == "image/png"


@pytest.mark.parametrize("path", ROUTES)
def test_every_route_refuses_strangers(stranger: TestClient, path: str) -> None:
    bearer = {"Authorization": f"Bearer {TOKEN}"}
    refused = {
        "no token": (stranger.get(path), 401),
        "wrong token": (stranger.get(path, headers={"Authorization": "Bearer x"}), 401),
        "wrong cookie": (stranger.get(path, headers={"Cookie": f"mmsearch-{PORT}=x"}), 401),
        "host": (stranger.get(path, headers={**bearer, "Host": "evil.example"}), 421),
        "host of another port": (stranger.get(path, headers={**bearer, "Host": "127.0.0.1:1"}), 421),
        "origin": (stranger.get(path, headers={**bearer, "Origin": "http://evil.example"}), 403),
        "null origin": (stranger.get(path, headers={**bearer, "Origin": "null"}), 403),
        "body": (stranger.request("GET", path, headers=bearer, content=b"x" * 1000), 413),
    }
    for reason, (got, status) in refused.items():
        assert (reason, got.status_code) == (reason, status)
        assert got.headers["content-type"] == "application/problem+json"
        assert got.headers["x-content-type-options"] == "nosniff"
        assert not [name for name in got.headers if name.startswith("access-control")]


def test_the_token_becomes_a_cookie_and_leaves_the_address(stranger: TestClient) -> None:
    assert stranger.get("/?token=wrong").status_code == 401
    got = stranger.get(f"/?q=a%26b&token={TOKEN}")
    assert (got.status_code, got.headers["location"]) == (303, "/?q=a%26b")
    cookie = got.headers["set-cookie"]
    assert "HttpOnly" in cookie and "SameSite=strict" in cookie
    page = stranger.get("/")
    assert page.status_code == 200
    assert "unsafe" not in page.headers["content-security-policy"]


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/api/places/999999", 404),
        ("/api/places/0/media", 404),
        ("/api/places/99999999999999999999999/media", 404),
        ("/api/places/..%2f..%2fetc%2fpasswd/media", 404),
        ("/api/places/-1", 404),
        ("/api/search", 400),
        ("/api/search?q=a&k=0", 400),
        ("/api/search?q=a&k=x", 400),
        ("/api/search?q=a&sort=x", 400),
        ("/api/search?q=" + "a" * 40_000, 414),
    ],
)
def test_nonsense_gets_a_status_and_a_sentence(client: TestClient, path: str, status: int) -> None:
    got = client.get(path)
    assert got.status_code == status
    assert got.headers["content-type"] == "application/problem+json"
    assert got.json()["title"]
    assert "Traceback" not in got.text


def test_other_methods_are_refused(client: TestClient) -> None:
    assert client.post("/api/search").status_code == 405
    assert client.delete("/api/places/1").status_code == 405


def test_the_description_names_every_route(client: TestClient) -> None:
    for path in client.get("/openapi.json").json()["paths"]:
        assert client.get(path.format(id=first(client)["id"]), params={"q": "apple"}).status_code in (200, 404)


def test_an_index_that_goes_away_is_told(media: Path) -> None:
    for client in opened(media / "index"):
        client.headers["Authorization"] = f"Bearer {TOKEN}"
        shutil.rmtree(media / "index")
        got = client.get("/api/search?q=apple")
        assert (got.status_code, got.headers["content-type"]) == (503, "application/problem+json")


def test_a_port_in_use_is_told(searched: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert run_program(["serve", "--index", f"{searched}/index/", "--port", str(port)]) == 2
    assert capsys.readouterr().err.startswith(f"Port {port} can't be used: ")
