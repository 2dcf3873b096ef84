"""A small server with the Hub's protocol that can inject faults; tests reach it through HF_ENDPOINT.

It knows model info, tree and search, `resolve` with its redirect to another address (as to the CDN), ETags, ranges,
gated and missing repositories, and tokens. `Fault`s bend single answers: cut, slow, wrong, refused, replaced.
Run alone it serves files: `python tests/models/hub_server.py PORT FOLDER`.
"""

from __future__ import annotations

import hashlib
import json
import re
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlparse

STEP = 1 << 16  # bytes per write
TOKEN = "hf_goodtoken"


@dataclass
class Fault:
    """A fault in `times` requests whose path matches `where`."""

    where: str = r"/cdn/"
    times: int = 1
    status: int | None = None  # answer this instead
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes | None = None  # answer 200 with this instead
    content_type: str = "text/html; charset=utf-8"
    cut_at: int | None = None  # close the connection at this offset of the file
    length_error: int = 0  # added to Content-Length
    ignore_range: bool = False
    shift_range: int = 0  # bytes that a range starts too early
    corrupt_at: int | None = None  # flip the byte at this offset
    bytes_per_second: float | None = None
    hang: float = 0.0  # seconds before the first byte
    before: Callable[[], None] | None = None  # called when the request comes


@dataclass
class RemoteModel:
    """A repository at one commit: file name → content."""

    files: dict[str, bytes | Path]
    gated: bool = False
    private: bool = False
    commit: str = ""
    revisions: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.commit = self.commit or hashlib.sha1(repr(sorted(self.files)).encode()).hexdigest()


class Hub:
    """The server's state. `requests`: (method, path, range) of every request."""

    def __init__(self) -> None:
        self.models: dict[str, RemoteModel] = {}
        self.faults: list[Fault] = []
        self.requests: list[tuple[str, str, str]] = []
        self.sent = 0  # bytes of files
        self.lock = threading.Lock()
        self.url = ""
        self.cdn = ""  # another host name, as the Hub's CDN is
        self.tokens_at_cdn = 0
        self.names_only = False  # model info without sizes and hashes, as some mirrors answer
        self.trees = True  # without them, and with names only, HEAD is all that tells of a file
        self.page = 1000  # entries of a tree per answer
        self._digests: dict[int, tuple[str, int]] = {}
        self.blobs: dict[str, bytes | Path] = {}

    def add(self, repo: str, files: dict[str, bytes | Path], **more: Any) -> RemoteModel:
        """Publish a repository, or replace it."""
        model = RemoteModel(dict(files), **more)
        self.models[repo] = model
        for content in model.files.values():
            self.digest(content)
        return model

    def fault(self, **more: Any) -> Fault:
        fault = Fault(**more)
        self.faults.append(fault)
        return fault

    def take_fault(self, path: str) -> Fault:
        with self.lock:
            for fault in self.faults:
                if fault.times > 0 and re.search(fault.where, path):
                    fault.times -= 1
                    return fault
        return Fault(times=0)

    def digest(self, content: bytes | Path) -> tuple[str, int]:
        """(SHA-256, size); remembered, so that a big file is read once."""
        known = self._digests.get(id(content))
        if known is None:
            if isinstance(content, bytes):
                known = hashlib.sha256(content).hexdigest(), len(content)
            else:
                with content.open("rb") as file:
                    known = hashlib.file_digest(file, "sha256").hexdigest(), content.stat().st_size
            self._digests[id(content)] = known
            self.blobs[known[0]] = content
        return known

    def know(self, content: Path, sha256: str, size: int) -> None:
        """The digest of a file that is too big to be read for it."""
        self._digests[id(content)] = sha256, size
        self.blobs[sha256] = content

    def downloads(self) -> list[str]:
        """The ranges of the requests for bytes, in order ("" for a whole file)."""
        return [span for method, path, span in self.requests if method == "GET" and "/cdn/" in path]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    hub: Hub

    def log_message(self, *_args: object) -> None:
        pass

    def do_HEAD(self) -> None:
        self._answer(body=False)

    def do_GET(self) -> None:
        self._answer(body=True)

    def _answer(self, *, body: bool) -> None:
        hub, parsed = self.hub, urlparse(self.path)
        path = unquote(parsed.path)
        with hub.lock:
            hub.requests.append((self.command, path, self.headers.get("Range", "")))
        fault = hub.take_fault(path)
        if fault.before:
            fault.before()
        if fault.hang:
            time.sleep(fault.hang)
        try:
            if fault.status is not None:
                self._error(fault.status, "", fault.body or b"fault", fault.headers)
            elif fault.body is not None:
                self._send(200, fault.body, fault.content_type, fault.headers)
            elif path.startswith("/api/models"):
                self._api(path, parse_qs(parsed.query))
            elif match := re.fullmatch(r"/([^/]+/[^/]+)/resolve/([^/]+)/(.+)", path):
                self._resolve(*match.groups())
            elif path.startswith("/cdn/"):
                self._file(path.removeprefix("/cdn/"), fault, body=body)
            else:
                self._error(404, "", b"Not Found")
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True

    def _api(self, path: str, query: dict[str, list[str]]) -> None:
        if path == "/api/models":
            words = query.get("search", [""])[0].lower()
            self._json([{"id": repo, "tags": ["gguf"]} for repo in self.hub.models if words in repo.lower()])
            return
        match = re.fullmatch(r"/api/models/([^/]+/[^/]+)(?:/(revision|tree)/([^/]+))?(?:/.*)?", path)
        repo, kind, revision = match.groups() if match else ("", None, None)
        model = self._model(repo)
        if model is None or not self._revision(model, revision or "main"):
            return
        if kind == "tree":
            self._tree(model, path, int(query.get("cursor", ["0"])[0]))
            return
        siblings = []
        for name, content in model.files.items():
            facts = self._facts(content)
            if self.hub.names_only:
                siblings.append({"rfilename": name})
                continue
            sibling = {"rfilename": name, "size": facts["size"], "blobId": facts["oid"]}
            if "lfs" in facts:
                lfs = facts["lfs"]
                sibling["lfs"] = {"sha256": lfs["oid"], "size": lfs["size"], "pointerSize": 135}
            siblings.append(sibling)
        self._json(
            {"id": repo, "sha": model.commit, "gated": model.gated, "private": False, "siblings": siblings}
        )

    def _tree(self, model: RemoteModel, path: str, start: int) -> None:
        if not self.hub.trees:
            self._error(404, "", b"Not Found")
            return
        end = start + self.hub.page
        names = [*model.files]
        folders = {name.rpartition("/")[0] for name in names} - {""}
        entries = [{"type": "directory", "path": folder, "size": 0, "oid": "d" * 40} for folder in folders]
        entries += [{"type": "file", "path": name, **self._facts(model.files[name])} for name in names]
        more = {"Link": f'<{self.hub.url}{path}?cursor={end}>; rel="next"'} if end < len(entries) else {}
        self._send(200, json.dumps(entries[start:end]).encode(), "application/json", more)

    def _facts(self, content: bytes | Path) -> dict[str, Any]:
        """Small text lives in git, everything that starts like a GGUF (or is a path) in LFS."""
        sha256, size = self.hub.digest(content)
        if isinstance(content, bytes) and not content.startswith(b"GGUF"):
            return {"size": size, "oid": git_oid(content)}
        return {"size": size, "oid": "0" * 40, "lfs": {"oid": sha256, "size": size, "pointerSize": 135}}

    def _resolve(self, repo: str, revision: str, name: str) -> None:
        model = self._model(repo)
        if model is None or not self._revision(model, revision):
            return
        if model.gated and self.headers.get("Authorization") != f"Bearer {TOKEN}":
            self._error(401, "GatedRepo", b"Access is restricted")
            return
        content = model.files.get(name)
        if content is None:
            self._error(404, "EntryNotFound", b"Entry not found")
            return
        facts = self._facts(content)
        headers = {"X-Repo-Commit": model.commit, "Accept-Ranges": "bytes"}
        if "lfs" not in facts:
            headers["ETag"] = f'"{facts["oid"]}"'
            assert isinstance(content, bytes)
            self._send(200, content, "text/plain", headers)
            return
        sha256 = facts["lfs"]["oid"]
        headers |= {"X-Linked-Size": str(facts["size"]), "X-Linked-ETag": f'"{sha256}"'}
        headers["Location"] = f"{self.hub.cdn}/cdn/{sha256}"
        self._send(302, b"Found", "text/plain", headers)

    def _file(self, digest: str, fault: Fault, *, body: bool) -> None:
        self.hub.tokens_at_cdn += "Authorization" in self.headers
        content = self.hub.blobs.get(digest)
        if content is None:
            self._error(404, "", b"gone")
            return
        size = self.hub.digest(content)[1]
        match = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        ranged = match is not None and not fault.ignore_range
        start = int(match[1]) - fault.shift_range if match and ranged else 0
        end = min(size, int(match[2]) + 1) if match and ranged and match[2] else size
        if start >= size:
            self._error(416, "", b"", {"Content-Range": f"bytes */{size}"})
            return
        self.send_response(206 if ranged else 200)
        self.send_header("Content-Type", "application/octet-stream")
        self.send_header("ETag", f'"cdn-{digest[:8]}"')
        self.send_header("Content-Length", str(end - start + fault.length_error))
        if ranged:
            self.send_header("Content-Range", f"bytes {start}-{end - 1}/{size}")
        for name, value in fault.headers.items():
            self.send_header(name, value)
        self.end_headers()
        if body:
            self._pour(content, start, end, fault)

    def _pour(self, content: bytes | Path, start: int, end: int, fault: Fault) -> None:
        stop = end if fault.cut_at is None else min(end, fault.cut_at)
        began, position = time.monotonic(), start
        step = STEP if fault.bytes_per_second is None else 4096
        file = content.open("rb") if isinstance(content, Path) else None
        try:
            if file is not None and fault.bytes_per_second is None and fault.corrupt_at is None:
                while position < stop:
                    position += self.connection.sendfile(file, position, min(stop - position, 1 << 24))
                self.hub.sent += position - start
                position = stop
            while position < stop:
                size = min(step, stop - position)
                if file is not None:
                    file.seek(position)
                    piece = file.read(size)
                else:
                    assert isinstance(content, bytes)
                    piece = content[position : position + size]
                if fault.corrupt_at is not None and position <= fault.corrupt_at < position + size:
                    at = fault.corrupt_at - position
                    piece = piece[:at] + bytes([piece[at] ^ 1]) + piece[at + 1 :]
                self.wfile.write(piece)
                position += size
                with self.hub.lock:
                    self.hub.sent += size
                if fault.bytes_per_second:
                    time.sleep(
                        max(0.0, (position - start) / fault.bytes_per_second - (time.monotonic() - began))
                    )
        finally:
            if file is not None:
                file.close()
        self.wfile.flush()
        if stop < end or fault.length_error:
            self.close_connection = True

    def _model(self, repo: str) -> RemoteModel | None:
        model = self.hub.models.get(repo)
        token = self.headers.get("Authorization")
        if token is not None and token != f"Bearer {TOKEN}":
            self._error(401, "", b"", {"X-Error-Message": "Invalid credentials in Authorization header"})
            return None
        if model is None or (model.private and token is None):
            self._error(401 if token is None else 404, "RepoNotFound", b"Repository not found")
            return None
        return model

    def _revision(self, model: RemoteModel, revision: str) -> bool:
        if revision in {"main", model.commit, *model.revisions}:
            return True
        self._error(404, "RevisionNotFound", b"Invalid rev id")
        return False

    def _json(self, value: object) -> None:
        self._send(200, json.dumps(value).encode(), "application/json")

    def _error(self, status: int, code: str, body: bytes, headers: dict[str, str] | None = None) -> None:
        self._send(
            status, body, "text/plain", {**({"X-Error-Code": code} if code else {}), **(headers or {})}
        )

    def _send(self, status: int, content: bytes, kind: str, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)


class _Server(ThreadingHTTPServer):
    def handle_error(self, *_arguments: Any) -> None:
        """A client that went away is no news."""


def git_oid(content: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


def gguf(size: int, seed: int = 0) -> bytes:
    """Bytes that start like a GGUF and never repeat, so that a misplaced chunk is noticed."""
    words = b"".join(hashlib.sha256(b"%d %d" % (seed, n)).digest() for n in range(size // 32 + 1))
    return (b"GGUF\x03\x00\x00\x00" + words)[:size]


@contextmanager
def serve(port: int = 0) -> Iterator[Hub]:
    """Run the server on a free port until the block ends."""
    hub = Hub()
    handler = type("Handler", (_Handler,), {"hub": hub})
    server = _Server(("127.0.0.1", port), handler)
    server.daemon_threads = True
    hub.url = f"http://127.0.0.1:{server.server_address[1]}"
    hub.cdn = f"http://localhost:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


if __name__ == "__main__":
    with serve(int(sys.argv[1])) as running:
        folder = Path(sys.argv[2])
        running.add("owner/big-GGUF", {path.name: path for path in sorted(folder.glob("*.gguf"))})
        print(running.url, flush=True)
        threading.Event().wait()
