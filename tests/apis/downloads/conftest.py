"""A web server for downloads that go wrong: on this machine, in a thread."""

from __future__ import annotations

import hashlib
import io
import json
import re
import threading
import zipfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

import pytest

COMMIT = "c" * 40


class Handler(BaseHTTPRequestHandler):
    """Serves ``server.files``; asked for the rest of a file, it sends the rest."""

    protocol_version = "HTTP/1.1"

    def do_HEAD(self):
        self._answer(self.server.files.get(urlsplit(self.path).path), with_body=False)

    def do_GET(self):
        self._answer(self.server.files.get(urlsplit(self.path).path), with_body=True)

    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        action = self.headers["X-Amz-Target"].rpartition(".")[2]
        self._answer(json.dumps(self.server.actions[action]).encode(), with_body=True)

    def _answer(self, content, with_body):
        path = urlsplit(self.path).path
        asked = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        start = int(asked[1]) if asked else 0
        self.server.log.append((self.command, path, start))
        if path in self.server.refused or content is None:
            self._send(401 if path in self.server.refused else 404, {"Content-Length": "0"})
            return
        headers = {
            "ETag": f'"{hashlib.sha256(content).hexdigest()}"',
            "X-Repo-Commit": COMMIT,
            "Content-Length": str(len(content) - start),
        }
        if asked and start >= len(content):
            self._send(416, {"Content-Length": "0"})
            return
        if asked:
            headers["Content-Range"] = f"bytes {start}-{len(content) - 1}/{len(content)}"
        self._send(206 if asked else 200, headers)
        if with_body:
            self._write(content, start, path)

    def _write(self, content, start, path):
        breaks = self.server.breaks.get(path, [])
        end = breaks.pop(0) if breaks else self.server.last_byte.get(path, len(content))
        self.wfile.write(content[start:end])
        if end < len(content):
            self.close_connection = True

    def _send(self, status, headers):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()

    def log_message(self, *args):
        """Keep quiet."""


class Server(ThreadingHTTPServer):
    """A server and what it is to do.

    Attributes:
        files: Contents by path.
        breaks: Positions in a file at which the next connections break, by path.
        last_byte: Where a file always ends too early, by path.
        refused: Paths that need a login.
        actions: Answers to AWS, by the name of the action.
        log: What was asked for: method, path and first byte.
    """

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server_address[1]}"
        self.files, self.breaks, self.last_byte = {"/": b""}, {}, {}
        self.refused, self.actions, self.log = set(), {}, []

    def handle_error(self, request, client_address):
        """A client may hang up."""

    def add_hub_files(self, repository, files):
        """Serve files as the Hugging Face Hub does."""
        siblings = []
        for name, content in files.items():
            self.files[f"/datasets/{repository}/resolve/{COMMIT}/{name}"] = content
            checksum = hashlib.sha256(content).hexdigest()
            lfs = {"size": len(content), "sha256": checksum, "pointerSize": 130}
            siblings.append({"rfilename": name, "size": len(content), "lfs": lfs})
        info = {"id": repository, "sha": COMMIT, "siblings": siblings}
        info |= {"private": False, "downloads": 0, "likes": 0, "tags": []}
        self.files[f"/api/datasets/{repository}/revision/main"] = json.dumps(info).encode()

    def starts(self, ending):
        """The first bytes that were asked for of a file."""
        return [
            start for method, path, start in self.log if method == "GET" and path.endswith(ending)
        ]


def packed(files):
    """A zip archive of contents by name, not compressed."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for name, data in files.items():
            archive.writestr(zipfile.ZipInfo(name), data)
    return content.getvalue()


def contents(folder):
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


@pytest.fixture
def server(monkeypatch):
    server = Server()
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    # Neither waiting between attempts nor a way round the server.
    monkeypatch.setattr("random.uniform", lambda low, high: 0.0)
    monkeypatch.setattr("footmm.apis.downloads.hub.WAIT_S", 0.0)
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy"):
        monkeypatch.delenv(name, raising=False)
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def hub(server, monkeypatch):
    """The server as the Hugging Face Hub."""
    from huggingface_hub import constants

    template = f"{server.url}/{{repo_id}}/resolve/{{revision}}/{{filename}}"
    monkeypatch.setattr(constants, "ENDPOINT", server.url)
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
    # What is less than a piece is lost with a connection.
    monkeypatch.setattr(constants, "DOWNLOAD_CHUNK_SIZE", 100_000)
    monkeypatch.setattr("huggingface_hub.file_download.time.sleep", lambda seconds: None)
    for name in ("HF_TOKEN", "HF_HUB_OFFLINE"):
        monkeypatch.delenv(name, raising=False)
    return server


@pytest.fixture
def closed_port(monkeypatch):
    """An address at which nobody listens."""
    server = Server()
    server.server_close()
    return server.url


@pytest.fixture
def lines():
    """What was told to the user."""
    return []


@pytest.fixture
def tools():
    """Functions of this file, for the tests: they are no package."""
    return type("Tools", (), {"packed": staticmethod(packed), "contents": staticmethod(contents)})
