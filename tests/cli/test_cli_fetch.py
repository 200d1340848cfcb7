"""URLs and standard input as queries: fetched when typed, of a sane size and time, from the web and nowhere else."""

import io
import os
import re
import socket
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from mmsearch.cli import query_parts
from mmsearch.errors import UsageError

CONTENT = b"\x89PNG and so on" * 1000


class Server(ThreadingHTTPServer):
    """Notes what it was asked for: the path and the headers of each request."""

    asked: list[tuple[str, dict[str, str]]]
    stopped: threading.Event
    url: str


class Pages(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        self.server.asked.append((self.path, dict(self.headers)))
        path, _, target = self.path.partition("?to=")
        target = path if path == "/loop" else target
        if path.startswith("/gone"):
            self.send_error(404)
            return
        self.send_response(302 if target else 200)
        if target:
            self.send_header("Location", target)
        if path == "/large":
            self.send_header("Content-Length", "300000000")
        self.end_headers()
        if path == "/drip":
            for _ in range(100):
                self.wfile.write(b"x")
                self.wfile.flush()
                if self.server.stopped.wait(0.05):
                    return
        elif path != "/empty":
            self.wfile.write(CONTENT)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    server = Server(("127.0.0.1", 0), Pages)
    server.asked, server.stopped = [], threading.Event()
    server.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield server
    server.stopped.set()
    server.shutdown()
    thread.join()
    server.server_close()


def refused(url: str, folder: Path) -> str:
    with pytest.raises(UsageError) as raised:
        query_parts.fetch(url, folder)
    assert raised.value.hint
    return raised.value.sentence


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/photos/a%20bridge.png", "a_bridge.png"),
        ("/photo.png?size=large#top", "photo.png"),
        ("/", "download"),
        ("/..%2F..%2Fetc%2Fpasswd", "_.._etc_passwd"),
        ("/.bashrc", "bashrc"),
        ("/brücke.png", "brücke.png"),
        ("/" + "a" * 300 + ".png", "a" * 76 + ".png"),
    ],
)
def test_a_url_becomes_a_file_of_that_name_in_the_folder(server: Server, tmp_path: Path, path: str, name: str) -> None:
    found = query_parts.fetch(server.url + path, tmp_path)
    assert found == os.fsencode(tmp_path / name) and (tmp_path / name).read_bytes() == CONTENT
    assert [one.name for one in tmp_path.iterdir()] == [name]
    assert server.asked[0][1]["User-Agent"] == "mmsearch"


def test_redirects_are_followed_on_the_web_and_nowhere_else(server: Server, tmp_path: Path) -> None:
    assert query_parts.fetch(f"{server.url}/a.png?to=/b.png", tmp_path) == os.fsencode(tmp_path / "a.png")
    assert (tmp_path / "a.png").read_bytes() == CONTENT
    for target in ("file:///etc/passwd", "ftp://127.0.0.1/x", "data:text/plain,x", "javascript:x"):
        assert re.search("not on the web|not allowed", refused(f"{server.url}/c.png?to={target}", tmp_path)), target
    assert [one.name for one in tmp_path.iterdir()] == ["a.png"]
    assert "can't be fetched" in refused(f"{server.url}/loop", tmp_path)
    assert [path for path, _ in server.asked].count("/loop") <= query_parts.REDIRECTS + 1


@pytest.mark.parametrize("url", ["http://", "http://[::1", "http://a b/", "https://host:port/", "http://x.invalid/"])
def test_what_is_no_url_or_leads_nowhere_is_one_sentence(
    tmp_path: Path, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY"):
        monkeypatch.delenv(name, raising=False)
    assert "\n" not in refused(url, tmp_path)


def test_names_and_passwords_are_not_sent(server: Server, tmp_path: Path) -> None:
    sentence = refused(server.url.replace("//", "//me:secret@"), tmp_path)
    assert "secret" not in sentence and not server.asked


def test_the_reason_of_a_failure_is_told(server: Server, tmp_path: Path) -> None:
    gone = f"{server.url}/gone.png"
    assert refused(gone, tmp_path) == f"{gone} can't be fetched: the server answered 404 Not Found."
    with socket.create_server(("127.0.0.1", 0)) as closed:
        url = f"http://127.0.0.1:{closed.getsockname()[1]}/x"
    assert refused(url, tmp_path) == f"{url} can't be fetched: Connection refused."


def test_too_much_is_refused_before_or_while_it_comes(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert refused(f"{server.url}/large", tmp_path) == "It is larger than 200 MB."
    monkeypatch.setattr(query_parts, "LARGEST", 5_000)
    assert "larger" in refused(f"{server.url}/unstated", tmp_path)
    with pytest.raises(UsageError, match="larger"):
        query_parts.received(io.BufferedReader(io.BytesIO(CONTENT)), tmp_path)


def test_a_server_that_trickles_is_left_in_time(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(query_parts, "TIME_S", 0.3)
    began = time.monotonic()
    assert "took longer" in refused(f"{server.url}/drip", tmp_path)
    assert time.monotonic() - began < 2


def test_standard_input_is_read_once_and_must_hold_something(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Input:
        buffer = io.BufferedReader(io.BytesIO(CONTENT))

        def isatty(self) -> bool:
            return False

    monkeypatch.setattr("sys.stdin", Input())
    with query_parts.QueryFiles() as query_files:
        (path,) = query_files.paths(["-"], "--image")
        with open(path, "rb") as file:
            assert file.read() == CONTENT
        with pytest.raises(UsageError, match="--audio -: standard input was read already"):
            query_files.paths(["-"], "--audio")
    assert not os.path.exists(path)
    with query_parts.QueryFiles() as query_files, pytest.raises(UsageError, match="Nothing came"):
        query_files.paths(["-"], "--image")


def test_files_are_taken_as_they_are_and_need_no_folder(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(CONTENT)
    with query_parts.QueryFiles() as query_files:
        assert query_files.paths([str(tmp_path / "a.png")], "--image") == (os.fsencode(tmp_path / "a.png"),)
        for typed in ("file:///etc/passwd", "ftp://host/a.png", "data:image/png;base64,AAAA", str(tmp_path)):
            with pytest.raises(UsageError, match="--image: "):
                query_files.paths([typed], "--image")
