"""The token goes to the Hub's origin only, whatever a listing or a redirect names: two servers, one is a stranger."""

from __future__ import annotations

import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mull.errors import MullError
from mull.models.hub import client, endpoint, remote_header
from mull.models.hub.listing import look_up
from tests.models.conftest import Puller
from tests.models.hub_server import TOKEN, Hub, gguf

REPO = "owner/tiny-GGUF"
FILE = "tiny-Q4_K_M.gguf"


class Stranger:
    """A server that is not the Hub. `seen`: path and token of every request; `redirect`: where it sends them on."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.seen: list[tuple[str, str | None]] = []
        self.redirect = ""

    @property
    def tokens(self) -> list[str | None]:
        return [token for _path, token in self.seen if token is not None]


@pytest.fixture
def stranger() -> Iterator[Stranger]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            at.seen.append((self.path, self.headers.get("Authorization")))
            body = b"[]"
            self.send_response(302 if at.redirect else 200)
            if at.redirect:
                self.send_header("Location", at.redirect)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(body)

        def do_HEAD(self) -> None:
            self.do_GET()

        def log_message(self, *_args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    at = Stranger(server.server_port)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    yield at
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def gated(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> Hub:
    """A Hub with a gated repository, asked with a token."""
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    hub.add(REPO, {FILE: gguf(20_000), "README.md": b"# Tiny"}, gated=True)
    return hub


def page_with(hub: Hub, link: str) -> None:
    """The first page of the tree is empty and says that the next one is there."""
    hub.names_only = True
    hub.fault(
        where="/tree/", body=b"[]", content_type="application/json", headers={"Link": f'<{link}>; rel="next"'}
    )


@pytest.mark.parametrize(
    "link",
    [
        "{hub}@localhost:{port}/next",  # begins like the Hub's address
        "http://localhost:{port}/next",
        "HTTP://LOCALHOST:{port}/next",
        "//localhost:{port}/next",
        "http://127.0.0.1:{port}/next",  # another port
        "http://user:word@localhost:{port}/next",
        "http://[::1/next",
        "http://127.0.0.1.:{port}/next",
        "file:///etc/passwd",
        "http://127.0.0.1:{port}\\@{host}/next",
    ],
)
def test_a_next_page_elsewhere_is_not_asked(gated: Hub, stranger: Stranger, link: str) -> None:
    host = gated.url.removeprefix("http://")
    page_with(gated, link.format(hub=gated.url, port=stranger.port, host=host))
    found = look_up(REPO)
    assert stranger.seen == []
    assert found.file(FILE) is not None  # the file's own headers were asked instead


@pytest.mark.parametrize("link", ["{path}?cursor=0", "{hub}{path}?cursor=0", "?cursor=0"])
@pytest.mark.parametrize("upper", [False, True])
def test_a_next_page_on_the_hub_is_asked(
    gated: Hub, monkeypatch: pytest.MonkeyPatch, link: str, upper: bool
) -> None:
    home = gated.url.replace("127.0.0.1", "localhost")
    monkeypatch.setenv("HF_ENDPOINT", home.upper() if upper else home + "/")
    path = f"/api/models/{REPO}/tree/{gated.models[REPO].commit}"
    page_with(gated, link.format(path=path, hub=home))
    assert look_up(REPO).file(FILE) is not None
    assert [method for method, _, _ in gated.requests] == ["GET"] * 3


def test_a_chain_of_redirects_away_and_back_leaves_the_token_behind(
    gated: Hub, stranger: Stranger, fetch: Puller
) -> None:
    sha256 = gated.digest(gated.models[REPO].files[FILE])[0]
    stranger.redirect = f"{gated.url}/cdn/{sha256}"  # the Hub's own host, but not by the Hub's choice
    gated.cdn = f"http://localhost:{stranger.port}"
    assert fetch(REPO).verified
    assert stranger.seen
    assert stranger.tokens == []
    assert gated.tokens_at_cdn == 0


def test_ranges_after_a_redirect_go_without_the_token(gated: Hub, stranger: Stranger) -> None:
    gated.cdn = f"{gated.url}@localhost:{stranger.port}"
    source = remote_header.open_remote(REPO, FILE)
    source.read(1)
    source.read(remote_header.STEPS[0])
    assert stranger.seen
    assert stranger.tokens == []


def test_the_headers_of_a_file_elsewhere_are_asked_without_the_token(gated: Hub, stranger: Stranger) -> None:
    gated.names_only, gated.trees = True, False
    gated.fault(where="/resolve/", status=302, headers={"Location": f"http://localhost:{stranger.port}/x"})
    look_up(REPO)
    assert stranger.tokens == []


def test_a_password_in_the_endpoint_is_not_shown(
    user: Path, stranger: Stranger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_ENDPOINT", f"http://me:geheim@127.0.0.1:{stranger.port}")
    with pytest.raises(MullError) as caught:
        look_up(REPO)
    assert caught.value.code == "unexpected_response"
    assert "geheim" not in json.dumps([caught.value.message, caught.value.hint])
    monkeypatch.setenv("HF_ENDPOINT", "ftp://me:geheim@host")
    with pytest.raises(MullError) as caught:
        look_up(REPO)
    assert "geheim" not in caught.value.message


@pytest.mark.parametrize("address", ["https://host?x=", "https://host#", "https://host\\@evil"])
def test_an_endpoint_with_more_than_a_path_is_refused(
    user: Path, monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    monkeypatch.setenv("HF_ENDPOINT", address)
    with pytest.raises(MullError) as caught:
        look_up(REPO)
    assert caught.value.code == "invalid_endpoint"


HOSTS = [
    "127.0.0.1",
    "localhost",
    "hub.example",
    "hub.example.",
    "hub.example.evil.example",
    "xn--hb-xka.example",
]


@given(
    scheme=st.sampled_from(["http", "HTTP", "https"]),
    person=st.sampled_from(["", "hub.example@", "hub.example:80@", "a:b@"]),
    host=st.sampled_from([*HOSTS, "HUB.Example", "hüb.example"]),
    port=st.sampled_from(["", ":80", ":443", ":8080"]),
    rest=st.sampled_from(["", "/", "/hub.example", "/@hub.example", "?hub.example", "#@hub.example"]),
)
def test_only_the_same_scheme_host_and_port_is_the_hub(
    scheme: str, person: str, host: str, port: str, rest: str
) -> None:
    url = type(client.session().base_url)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HF_ENDPOINT", "http://Hub.example/prefix")
        secure = scheme == "https"
        number = int(port[1:] or 0) or (443 if secure else 80)
        same = host.lower() == "hub.example" and number == (443 if secure else 80)  # https: an upgrade
        assert endpoint.is_hub(url(f"{scheme}://{person}{host}{port}{rest}")) is same
