"""The HTTP client for endpoints, against a server that plays scripts: keys, redirects, proxies, failures, stops."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from mull.control import TurnControl
from mull.endpoints import connect, http
from mull.endpoints.errors import ServerError
from mull.endpoints.http import Client
from mull.endpoints.lines import LineSplitter
from mull.endpoints.url import ServerUrl
from mull.errors import Interrupted, MullError
from tests.endpoints.scripted_server import End, Reply, Server, as_json, serve, split_every
from tests.models.proxies import http_proxy, socks5
from tests.waiting import wait_for

KEY = "sk-secret-0123456789"
SELF_SIGNED = Path(__file__).parents[1] / "models" / "self_signed.pem"
CERTIFICATES = ("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY")


@pytest.fixture(autouse=True)
def no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*PROXIES, *map(str.lower, PROXIES)):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("OFFICE_KEY", KEY)


@pytest.fixture
def server() -> Iterator[Server]:
    with serve() as running:
        yield running


def office(url: str, **others: bool) -> Client:
    """An endpoint with a key."""
    return Client(url, name="office", key_env="OFFICE_KEY", **others)


def fails(client: Client, path: str = "/x", code: str = "") -> ServerError:
    """The error of a POST; it never shows the key."""
    with pytest.raises(ServerError) as caught, client.request("POST", path, {}) as response:
        response.body()
    assert code in {"", caught.value.code}
    assert KEY not in f"{caught.value.message}{caught.value.hint}"
    assert caught.value.hint
    return caught.value


def test_a_request_carries_its_body_and_the_key(server: Server) -> None:
    server.on("POST", "/v1/x", as_json({"said": "naïve"}))
    assert office(server.url).post_json("/v1/x", {"q": "é"}) == {"said": "naïve"}
    (request,) = server.requests
    assert (request.json, request.key) == ({"q": "é"}, KEY)
    server.on("GET", "/v1/x", as_json([1]))
    assert Client(server.url).get_json("/v1/x") == [1]
    assert server.requests[-1].key is None


def test_ipv6_and_names_of_this_machine_are_reached() -> None:
    with serve(host="::1") as server:
        server.on("GET", "/x", as_json(6))
        assert office(server.url).get_json("/x") == 6
        assert server.requests[0].headers["host"] == f"[::1]:{server.port}"
    with serve() as server:
        server.on("GET", "/x", as_json(4))
        assert Client(f"http://localhost:{server.port}").get_json("/x") == 4


def test_a_unix_socket_is_reached(tmp_path: Path, server: Server) -> None:
    del server
    path = str(tmp_path / "s")
    with serve(unix=path) as listening:
        listening.on("GET", "/x", as_json(1))
        assert office(f"unix:{path}").get_json("/x") == 1
    error = fails(Client(f"unix:{tmp_path}/none"), code="connection_failed")
    assert "no such socket" in error.message
    assert fails(Client(f"unix:/{'x' * 200}"), code="connection_failed")


@pytest.mark.parametrize("framing", ["chunked", "length", "close"])
def test_lines_arrive_whatever_their_pieces_and_ends(server: Server, framing: str) -> None:
    data = b"one\r\ntwo\n\nthree\rfour"
    server.on("POST", "/x", Reply(split_every(data, 1), framing=framing))
    with Client(server.url).request("POST", "/x", {}) as response:
        assert list(response.lines()) == [b"one", b"two", b"", b"three", b"four"]


def test_lines_do_not_depend_on_the_pieces() -> None:
    data = b"a\r\nb\rc\n\r\n\nd"
    for size in range(1, len(data) + 1):
        splitter = LineSplitter(100)
        found = [line for piece in split_every(data, size) for line in splitter.feed(piece)]
        assert found + splitter.finish() == [b"a", b"b", b"c", b"", b"", b"d"]


def test_long_lines_and_bodies_are_refused(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    server.on("POST", "/x", Reply([b"x" * 100_000] * 200))
    monkeypatch.setattr(http, "LINE_BYTES", 1 << 20)
    with pytest.raises(ServerError, match="line"), Client(server.url).request("POST", "/x", {}) as response:
        list(response.lines())
    assert "16 MB" in fails(Client(server.url), code="endpoint_answer").message
    wait_for(server.requests[0].left.is_set, "the server to notice")


@pytest.mark.parametrize("end", [End.CUT, End.RESET])
def test_a_connection_that_ends_early_is_lost(server: Server, end: End) -> None:
    server.on("POST", "/x", Reply([b"data: 1\n", end]))
    assert fails(Client(server.url), code="connection_lost").transient
    server.on("POST", "/x", Reply([end], raw=True))
    assert fails(Client(server.url), code="connection_lost").transient


def test_a_body_shorter_than_promised_is_lost(server: Server) -> None:
    server.on("POST", "/x", Reply([b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nab"], raw=True))
    fails(Client(server.url), code="connection_lost")


@pytest.mark.parametrize(
    "raw", [b"\0\1\2 no HTTP\r\n\r\n", b"HTTP/1.1 200 OK\r\n" + b"A: 1\r\n" * 200 + b"\r\n", b"x" * 100_000]
)
def test_what_is_no_http_is_refused(server: Server, raw: bytes) -> None:
    server.on("POST", "/x", Reply([raw], raw=True))
    fails(Client(server.url), code="endpoint_answer")


def test_what_is_no_json_is_refused(server: Server) -> None:
    for body in ("<html>", "[" * 10_000, '{"a": NaN}', ""):
        server.on("GET", "/x", as_json(body))
        with pytest.raises(ServerError, match="not JSON"):
            Client(server.url).get_json("/x")


def test_nobody_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    error = fails(Client(f"http://127.0.0.1:{port}"), code="connection_failed")
    assert error.transient
    assert "nothing listens" in error.message
    fails(Client("http://no-such-host.invalid"), code="host_not_found")
    with serve() as plain:
        fails(Client(plain.url.replace("http:", "https:")), code="connection_failed")


def test_a_silent_server_is_left_after_the_limit(server: Server) -> None:
    server.on("POST", "/x", Reply([b"data: 1\n", End.HOLD]))
    with Client(server.url).request("POST", "/x", {}, seconds=0.1) as response:
        lines = response.lines()
        assert next(lines) == b"data: 1"
        with pytest.raises(ServerError) as caught:
            next(lines)
    assert caught.value.code == "connection_timeout"
    server.on("POST", "/x", Reply([step for _ in range(500) for step in (b"data: 1\n", 0.01)]))
    with (
        Client(server.url).request("POST", "/x", {}, seconds=0.2) as response,
        pytest.raises(ServerError) as caught,
    ):
        list(response.lines())  # whatever it sends, unless that renews the limit
    assert caught.value.code == "connection_timeout"
    server.deaf = True
    with pytest.raises(ServerError) as caught:
        Client(server.url).request("POST", "/x", {}, seconds=0.1)
    assert caught.value.code == "connection_timeout"


@pytest.mark.parametrize("raw", [True, False])
def test_a_server_that_sends_a_byte_now_and_then_is_left_after_the_limit(
    server: Server, *, raw: bool
) -> None:
    """In its headers, and in a line of its stream."""
    trickle = [step for _ in range(500) for step in (b"x", 0.01)]
    server.on("POST", "/x", Reply([b"HTTP/1.1 200 OK\r\nA: ", *trickle] if raw else trickle, raw=raw))
    with (
        pytest.raises(ServerError) as caught,
        Client(server.url).request("POST", "/x", {}, seconds=0.2) as response,
    ):
        list(response.lines())
    assert caught.value.code == "connection_timeout"


# Keys.


def test_a_key_that_is_missing_or_none_is_named_by_its_variable(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    for value in ("", "  ", "a\nX-Evil: 1", "schlüssel"):
        monkeypatch.setenv("OFFICE_KEY", value)
        assert "OFFICE_KEY" in fails(office(server.url), code="endpoint_key").message
    assert server.requests == []


def test_a_redirect_within_the_server_is_followed(server: Server) -> None:
    server.on("POST", "/x", Reply(status=308, headers={"Location": "/v2/y"}))
    server.on("POST", "/v2/y", as_json(["here"]))
    assert office(server.url).post_json("/x", {"q": 1}) == ["here"]
    assert server.requests[-1].json == {"q": 1}
    server.on("POST", "/x", Reply(status=307, headers={"Location": "/x"}))
    assert "without end" in fails(office(server.url)).message


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_nothing_follows_a_redirect_to_another_host(server: Server, status: int) -> None:
    with serve() as other:
        other.on("POST", "/x", as_json(1))
        other.on("GET", "/x", as_json(1))
        for host in ("localhost", "127.0.0.1"):  # another name, and another port of the same host
            away = f"http://{host}:{other.port}/x"
            server.on("POST", "/x", Reply(status=status, headers={"Location": away}))
            assert fails(office(server.url)).code in {"endpoint_moved", "endpoint_answer"}
        assert other.requests == []


def test_a_key_is_not_sent_in_the_clear_to_a_public_address() -> None:
    assert "8.8.8.8" in fails(office("http://8.8.8.8:9"), code="insecure_endpoint").message
    with serve(host="0.0.0.0") as server:
        server.on("POST", "/x", as_json(1))
        elsewhere = f"http://0.0.0.0:{server.port}"
        fails(office(elsewhere), code="insecure_endpoint")
        assert server.requests == []
        assert office(elsewhere, insecure=True).post_json("/x", {}) == 1
        assert Client(elsewhere).post_json("/x", {}) == 1  # no key


@pytest.mark.parametrize(
    ("address", "private"),
    [
        ("127.9.9.9", True),
        ("10.1.2.3", True),
        ("172.31.0.1", True),
        ("172.32.0.1", False),
        ("192.168.1.1", True),
        ("169.254.1.1", True),
        ("::1", True),
        ("fe80::1%eth0", True),
        ("fd00::1", True),
        ("::ffff:192.168.0.1", True),
        ("::ffff:8.8.8.8", False),
        ("2001:db8::1", False),
        ("203.0.113.9", False),
    ],
)
def test_private_addresses(address: str, private: bool) -> None:
    assert connect.is_private(address) is private


def test_a_key_that_a_server_repeats_is_not_shown(server: Server) -> None:
    server.on("POST", "/x", as_json({"error": {"message": f"Wrong key: {KEY}\x1b[2J"}}, 401))
    error = fails(office(server.url), code="endpoint_key")
    assert "Wrong key" in error.message
    assert error.message.isprintable()


@pytest.mark.parametrize(
    ("status", "body", "headers", "code", "transient", "wait"),
    [
        (429, {"error": {"message": "slow"}}, {"Retry-After": "7"}, "endpoint_busy", True, 7.0),
        (429, "slow", {}, "endpoint_busy", True, None),
        (503, {"detail": "Loading"}, {}, "endpoint_failed", True, None),
        (502, "<html><body>Bad gateway", {"Retry-After": "soon"}, "endpoint_failed", True, None),
        (500, {"object": "error", "message": "x"}, {}, "endpoint_failed", True, None),
        (402, {"error": {"message": "pay"}}, {}, "endpoint_credit", False, None),
        (404, {"error": "model 'x' not found"}, {}, "endpoint_not_found", False, None),
        (422, {"detail": [{"msg": "no field"}]}, {}, "endpoint_refused", False, None),
        (403, {}, {}, "endpoint_key", False, None),
    ],
)
def test_a_refusal_has_its_code_and_its_words(
    server: Server,
    status: int,
    body: object,
    headers: dict[str, str],
    code: str,
    transient: bool,
    wait: float | None,
) -> None:
    server.on("POST", "/x", as_json(body, status, headers))
    error = fails(Client(server.url, name="office"), code=code)
    assert (error.status, error.transient, error.retry_after) == (status, transient, wait)
    assert error.message.startswith("office ")
    assert "html" not in error.message


def test_a_retry_date_counts_from_now(server: Server) -> None:
    later = {"Retry-After": "Fri, 31 Dec 2100 23:59:59 GMT"}
    server.on("POST", "/x", as_json({}, 429, later))
    wait = fails(Client(server.url)).retry_after
    assert wait is not None
    assert wait > 1e8


# Proxies.


@pytest.mark.parametrize("scheme", ["http", "socks5"])
def test_a_proxy_is_used_with_its_login(monkeypatch: pytest.MonkeyPatch, scheme: str) -> None:
    kind = http_proxy if scheme == "http" else socks5
    with serve(host="0.0.0.0") as server, kind(("user", "pa:ss")) as proxy:
        server.on("GET", "/x", as_json(1))
        address = f"0.0.0.0:{server.port}"
        monkeypatch.setenv("http_proxy", f"{scheme}://user:pa%3Ass@127.0.0.1:{proxy.port}")
        assert Client(f"http://{address}").get_json("/x") == 1
        assert proxy.through == [address]
        assert Client(f"http://127.0.0.1:{server.port}").get_json("/x") == 1  # this machine needs none
        monkeypatch.setenv("NO_PROXY", "10.0.0.0/8, 0.0.0.0/8")
        assert Client(f"http://{address}").get_json("/x") == 1
        assert proxy.through == [address]
        monkeypatch.delenv("NO_PROXY")
        monkeypatch.setenv("http_proxy", f"{scheme}://user:wrong@127.0.0.1:{proxy.port}")
        error = fails(Client(f"http://{address}"))
        assert "wrong" not in f"{error.message}{error.hint}"
        assert error.code in ("endpoint_failed", "proxy_refused", "endpoint_refused")


@pytest.mark.parametrize("scheme", ["http", "socks5"])
def test_https_goes_through_a_tunnel(monkeypatch: pytest.MonkeyPatch, scheme: str) -> None:
    kind = http_proxy if scheme == "http" else socks5
    with serve(host="0.0.0.0") as server, kind() as proxy:
        monkeypatch.setenv("https_proxy", f"{scheme}://127.0.0.1:{proxy.port}")
        fails(Client(f"https://0.0.0.0:{server.port}"), code="connection_failed")  # it knows no TLS
        assert proxy.through == [f"0.0.0.0:{server.port}"]


@pytest.mark.parametrize("value", ["ftp://host:1", "http://", "http://host:99999"])
def test_a_faulty_proxy_variable_is_named(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("http_proxy", value)
    assert "http_proxy" in fails(Client("http://0.0.0.0:9"), code="invalid_environment").message


# Certificates.


@contextmanager
def secure() -> Iterator[str]:
    """The address of an https server that signed its own certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(SELF_SIGNED)
    with serve() as server, socket.create_server(("127.0.0.1", 0)) as listener:
        server.on("GET", "/x", as_json(1))

        def answer(client: socket.socket) -> None:
            with (
                suppress(OSError),
                client,
                context.wrap_socket(client, server_side=True) as wrapped,
                socket.create_connection(("127.0.0.1", server.port)) as plain,
            ):
                plain.sendall(wrapped.recv(65536))
                while data := plain.recv(65536):
                    wrapped.sendall(data)

        def accept() -> None:
            with suppress(OSError):
                while True:
                    threading.Thread(target=answer, args=(listener.accept()[0],), daemon=True).start()

        threading.Thread(target=accept, daemon=True).start()
        yield f"https://127.0.0.1:{listener.getsockname()[1]}"
        listener.shutdown(socket.SHUT_RDWR)


def test_only_trusted_certificates_count(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in CERTIFICATES:
        monkeypatch.delenv(name, raising=False)
    with secure() as url:
        error = fails(office(url), code="certificate_rejected")
        assert "SSL_CERT_FILE" in error.hint
        for name in ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"):
            with monkeypatch.context() as changed:
                changed.setenv(name, str(SELF_SIGNED))
                assert Client(url).get_json("/x") == 1
        empty = tmp_path / "empty.pem"
        empty.touch()
        for value in (empty, tmp_path / "none.pem"):
            monkeypatch.setenv("SSL_CERT_FILE", str(value))
            assert "SSL_CERT_FILE" in fails(Client(url), code="invalid_environment").message


# Stops.


def test_a_stop_ends_every_wait(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """While the server is silent before its headers, in mid-stream, and while a name is resolved."""
    server.deaf = True
    control = TurnControl()
    threading.Timer(0.1, control.stop).start()
    with pytest.raises(Interrupted):
        Client(server.url).request("POST", "/x", {}, control=control)

    server.deaf = False
    server.on("POST", "/x", Reply([b"data: 1\n", End.HOLD]))
    control = TurnControl()
    with Client(server.url).request("POST", "/x", {}, control=control) as response:
        lines = response.lines()
        next(lines)
        control.stop()
        with pytest.raises(Interrupted):
            next(lines)
    wait_for(server.sent_to("/x")[0].left.is_set, "the server to notice")

    gate = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_args, **_others: gate.wait())
    control = TurnControl()
    threading.Timer(0.1, control.stop).start()
    with pytest.raises(Interrupted):
        Client(server.url).request("POST", "/x", {}, control=control)
    gate.set()


def test_a_large_body_to_a_server_that_does_not_read_can_be_stopped(server: Server) -> None:
    server.deaf = True
    control = TurnControl()
    threading.Timer(0.1, control.stop).start()
    with pytest.raises(Interrupted):
        Client(server.url).request("POST", "/x", {"text": "x" * 20_000_000}, control=control)


# Addresses.


@pytest.mark.parametrize(
    ("text", "shown", "root"),
    [
        ("http://localhost:8080", "http://localhost:8080/v1", ""),
        ("HTTPS://Example.ORG/api/v1/", "https://example.org/api/v1", "/api"),
        ("http://[::1]:80/v1", "http://[::1]/v1", ""),
        ("https://h/v1beta/openai", "https://h/v1beta/openai", "/v1beta/openai"),
        ("http://bücher.example", "http://xn--bcher-kva.example/v1", ""),
        ("unix:///run/s", "unix:/run/s", ""),
    ],
)
def test_an_address_is_read(text: str, shown: str, root: str) -> None:
    url = Client(text).url
    assert (str(url), url.root) == (shown, root)
    assert isinstance(url, ServerUrl)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "host:80",
        "ftp://h/",
        "http://",
        "http://h:99999",
        "http://h:x",
        "http://[::1",
        "http://user:secret@host/v1",
        "http://h/v1?key=secret",
        "http://h/a b",
        "http://h\r\nX: 1/",
        "unix:relative",
        "http://a b/",
    ],
)
def test_an_address_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(MullError) as caught:
        Client(text)
    assert caught.value.code == "endpoint_address"
    assert "secret" not in caught.value.message + caught.value.hint
