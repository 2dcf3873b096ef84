"""`mull models --refresh`: a new catalogue is validated before it replaces the old one."""

from __future__ import annotations

from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import pytest

from mull.errors import MullError
from mull.models.catalogue.catalogue import load_catalogue
from mull.models.catalogue.refresh import LARGEST, refresh

NEWER = b"""updated = "2999-01-01"
[[model]]
name = "future"
made_by = "Somebody"
licence = { spdx = "MIT", permissive = true }
reasoning = { kind = "none" }
"""
PAGES = {
    "/models.toml": NEWER,
    "/page": b"<!doctype html><title>Sign in</title>",
    "/big": b"#" * (LARGEST + 1),
}


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        if self.path == "/ftp":
            self.send_response(302)
            self.send_header("Location", "ftp://127.0.0.1:1/models.toml")
            self.end_headers()
            return
        body = PAGES.get(self.path)
        self.send_response(200 if body else 404)
        self.end_headers()
        self.wfile.write(body or b"")

    def log_message(self, *_args: object) -> None:
        pass


@pytest.fixture
def address() -> Iterator[str]:
    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


def test_from_a_url(address: str, tmp_path: Path) -> None:
    assert refresh(f"{address}/models.toml", tmp_path / "config") == (1, "2999-01-01")
    assert [one.name for one in load_catalogue(tmp_path / "config").entries] == ["future"]


def test_from_a_path(tmp_path: Path) -> None:
    (tmp_path / "new.toml").write_bytes(NEWER)
    assert refresh(str(tmp_path / "new.toml"), tmp_path) == (1, "2999-01-01")


@pytest.mark.parametrize(
    ("page", "says"), [("page", "page"), ("big", "too large"), ("missing", "cannot be fetched: Not Found")]
)
def test_an_invalid_catalogue_changes_nothing(address: str, tmp_path: Path, page: str, says: str) -> None:
    refresh(f"{address}/models.toml", tmp_path)
    with pytest.raises(MullError) as caught:
        refresh(f"{address}/{page}", tmp_path)
    assert says in caught.value.message
    assert [one.name for one in load_catalogue(tmp_path).entries] == ["future"]
    assert [path.name for path in tmp_path.iterdir()] == ["catalogue.toml"]


@pytest.mark.parametrize("source", ["http://127.0.0.1:9/models.toml", "/no/such/file", "ftp://127.0.0.1/x"])
def test_an_unreachable_source_is_reported(tmp_path: Path, source: str) -> None:
    with pytest.raises(MullError) as caught:
        refresh(source, tmp_path)
    assert source in caught.value.message


def test_a_catalogue_without_models_is_refused(tmp_path: Path) -> None:
    (tmp_path / "empty.toml").write_text('updated = "2999-01-01"')
    with pytest.raises(MullError, match="lists no model"):
        refresh(str(tmp_path / "empty.toml"), tmp_path)


@pytest.mark.parametrize(
    ("date", "says"), [("", "has no date"), ('updated = "2020-02-02"', "is dated 2020-02-02")]
)
def test_an_older_catalogue_is_refused_because_it_would_not_be_used(
    tmp_path: Path, date: str, says: str
) -> None:
    (tmp_path / "old.toml").write_text(f"{date}\n{NEWER.decode().partition(chr(10))[2]}")
    with pytest.raises(MullError, match=says):
        refresh(str(tmp_path / "old.toml"), tmp_path / "config")
    assert not (tmp_path / "config" / "catalogue.toml").exists()


def test_a_redirect_to_another_kind_of_address_is_not_followed(address: str, tmp_path: Path) -> None:
    with pytest.raises(MullError, match="it redirects to ftp, which is not secure"):
        refresh(f"{address}/ftp", tmp_path)
