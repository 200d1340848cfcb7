"""A hub on this machine: local folders served the way huggingface_hub asks for them. Notes every request."""

import contextlib
import hashlib
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urlsplit


class Hub:
    """`models` are folders by hub id, `refs` the revisions that each has beside main."""

    def __init__(self, models: dict[str, Path], refs: dict[str, list[str]] | None = None) -> None:
        self.models = models
        self.refs = refs or {}
        self.asked: list[str] = []

    def commit(self, name: str) -> str:
        return hashlib.sha1(name.encode()).hexdigest()

    def answer(self, path: str) -> tuple[int, dict[str, str], bytes]:
        self.asked.append(path)
        parts = unquote(urlsplit(path).path).strip("/").split("/")
        if parts[:2] == ["api", "models"]:
            if parts[4:5] == ["tree"]:
                return self._tree("/".join(parts[2:4]))
            return self._info("/".join(parts[2:4]), "/".join(parts[5:]) or "main")
        name, file = "/".join(parts[:2]), self.models.get("/".join(parts[:2]), Path("/none")) / "/".join(parts[4:])
        if name not in self.models or not file.is_file():
            return 404, {"X-Error-Code": "EntryNotFound"}, b""
        data = file.read_bytes()
        return 200, {"X-Repo-Commit": self.commit(name), "ETag": f'"{hashlib.sha1(data).hexdigest()}"'}, data

    def _files(self, name: str) -> dict[str, int]:
        folder = self.models[name]
        return {
            path.relative_to(folder).as_posix(): path.stat().st_size
            for path in sorted(folder.rglob("*"))
            if path.is_file()
        }

    def _tree(self, name: str) -> tuple[int, dict[str, str], bytes]:
        files = [
            {"type": "file", "oid": hashlib.sha1(path.encode()).hexdigest(), "size": size, "path": path}
            for path, size in self._files(name).items()
        ]
        return 200, {"Content-Type": "application/json"}, json.dumps(files).encode()

    def _info(self, name: str, revision: str) -> tuple[int, dict[str, str], bytes]:
        if name not in self.models:
            return 404, {"X-Error-Code": "RepoNotFound"}, b"{}"
        if revision not in ("main", self.commit(name), *self.refs.get(name, ())):
            return 404, {"X-Error-Code": "RevisionNotFound"}, b"{}"
        siblings = [{"rfilename": path, "size": size} for path, size in self._files(name).items()]
        told = {"id": name, "modelId": name, "sha": self.commit(name), "siblings": siblings, "private": False}
        return 200, {"Content-Type": "application/json"}, json.dumps(told).encode()

    @contextlib.contextmanager
    def serving(self) -> Iterator[str]:
        """Its address while it serves."""
        hub = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                status, headers, data = hub.answer(self.path)
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                if self.command == "GET":
                    self.wfile.write(data)

            do_HEAD = do_GET

            def log_message(self, *_: object) -> None:
                return

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            server.server_close()
