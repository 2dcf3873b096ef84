"""The network's environment variables: proxies are used, and a faulty or dead value names its variable."""

from __future__ import annotations

import gc
import os
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from mull.errors import MullError
from mull.models.hub.environment import offline
from tests.conftest import Run
from tests.models.conftest import Puller, environment
from tests.models.hub_server import Hub, gguf
from tests.models.proxies import http_proxy, socks5, web_server

REPO = "owner/tiny-GGUF"
VARIABLES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY")
CERTIFICATES = ("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
LOGIN = ("user", "pa:ss")
SELF_SIGNED = Path(__file__).with_name("self_signed.pem")  # key and certificate of 127.0.0.1, until 2126


@pytest.fixture(autouse=True)
def no_variables(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """None of the variables is set, and the HTTP client, which reads them once, is made again."""
    from huggingface_hub import close_session

    for name in (*VARIABLES, *map(str.lower, VARIABLES), *CERTIFICATES):
        monkeypatch.setenv(name, "")  # so that what is set meanwhile is undone
        monkeypatch.delenv(name)
    close_session()
    yield
    close_session()


@pytest.fixture
def tiny(hub: Hub) -> Hub:
    hub.cdn = hub.url
    hub.add(REPO, {"tiny-Q4_K_M.gguf": gguf(5000)})
    return hub


def fails(fetch: Puller, code: str) -> MullError:
    with pytest.raises(MullError) as caught:
        fetch(REPO)
    assert caught.value.code == code, caught.value.message
    return caught.value


@pytest.mark.parametrize("scheme", ["socks5", "socks5h"])
def test_a_socks_proxy_is_used(
    tiny: Hub, fetch: Puller, monkeypatch: pytest.MonkeyPatch, scheme: str
) -> None:
    with socks5() as proxy:
        monkeypatch.setenv("ALL_PROXY", f"{scheme}://127.0.0.1:{proxy.port}")
        assert fetch(REPO).verified
    assert set(proxy.through) == {tiny.url.removeprefix("http://")}


def test_a_proxy_gets_user_and_password(tiny: Hub, fetch: Puller, monkeypatch: pytest.MonkeyPatch) -> None:
    for serve, scheme in ((socks5, "socks5"), (http_proxy, "http")):
        from huggingface_hub import close_session

        close_session()
        with serve(LOGIN) as proxy:
            monkeypatch.setenv("http_proxy", f"{scheme}://user:pa%3Ass@127.0.0.1:{proxy.port}")
            assert fetch(REPO, again=True)
        assert proxy.through


@pytest.mark.parametrize(
    "listed", ["127.0.0.1", "*", "10.0.0.0/8, 127.0.0.0/8", "example.org,127.0.0.1", "127.0.0.1:PORT"]
)
def test_no_proxy_is_heeded(tiny: Hub, fetch: Puller, monkeypatch: pytest.MonkeyPatch, listed: str) -> None:
    with http_proxy(refuse=b"503 Down") as proxy:
        monkeypatch.setenv("ALL_PROXY", f"http://127.0.0.1:{proxy.port}")
        monkeypatch.setenv("NO_PROXY", listed.replace("PORT", tiny.url.rpartition(":")[2]))
        assert fetch(REPO).verified
    assert proxy.through == []


@pytest.mark.parametrize("name", ["HF_HOME", "HF_TOKEN_PATH"])
def test_a_place_without_a_token_is_named(mull: Run, tiny: Hub, name: str) -> None:
    done = mull("pull", REPO, env={"HF_ENDPOINT": tiny.url, "HF_HUB_OFFLINE": "0", name: "/dev/null/x"})
    assert done.returncode == 1
    assert done.stderr.startswith(f'Error: {name} is "/dev/null/x", where no token can be read: '.encode())


@pytest.mark.parametrize(
    "value", ["http://", "not a proxy", "http://proxy:port", "ftp://proxy:21", "socks4://p:1"]
)
@pytest.mark.parametrize("listed", ["127.0.0.1", "example.org, *"])
def test_a_faulty_proxy_that_does_not_apply_is_no_fault(
    tiny: Hub, fetch: Puller, monkeypatch: pytest.MonkeyPatch, value: str, listed: str
) -> None:
    monkeypatch.setenv("ALL_PROXY", value)
    monkeypatch.setenv("NO_PROXY", listed)
    assert fetch(REPO).verified


def test_a_name_with_a_dot_is_a_domain(tiny: Hub, fetch: Puller, monkeypatch: pytest.MonkeyPatch) -> None:
    tiny.url = tiny.url.replace("127.0.0.1", "localhost")
    monkeypatch.setenv("HF_ENDPOINT", tiny.url)
    with http_proxy() as proxy:
        monkeypatch.setenv("HTTP_PROXY", f"127.0.0.1:{proxy.port}")
        monkeypatch.setenv("NO_PROXY", ".example.org")
        assert fetch(REPO).verified
    assert proxy.through


@pytest.mark.parametrize(
    "value",
    [
        "socks4://127.0.0.1:1",
        "socks://127.0.0.1:1",
        "http://",
        "http://[::1",
        "127.0.0.1:port",
        "http://a b:1",
        "ftp://x",
    ],
)
def test_a_malformed_proxy_names_its_variable(
    tiny: Hub, fetch: Puller, monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", value)
    error = fails(fetch, "invalid_environment")
    assert error.message.startswith(f'HTTPS_PROXY is "{value}"')
    assert tiny.requests == []


@pytest.mark.parametrize("name", ["HTTP_PROXY", "http_proxy", "ALL_PROXY"])
@pytest.mark.parametrize("scheme", ["http", "socks5"])
def test_a_dead_proxy_names_its_variable(
    tiny: Hub, fetch: Puller, monkeypatch: pytest.MonkeyPatch, name: str, scheme: str
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    monkeypatch.setenv(name, f"{scheme}://me:secret@127.0.0.1:{port}")
    error = fails(fetch, "connection_failed")
    assert f"the proxy 127.0.0.1:{port} ({name})" in error.message
    assert "secret" not in error.message + error.hint


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # of the sockets, see below
def test_a_proxy_that_refuses(tiny: Hub, fetch: Puller, monkeypatch: pytest.MonkeyPatch) -> None:
    from huggingface_hub import close_session

    with (
        socks5(LOGIN) as strict,
        socks5(refuse=b"\x02") as closed,
        http_proxy(LOGIN) as other,
        web_server() as web,
    ):
        before = _sockets()
        for address, words in (
            (f"socks5://127.0.0.1:{strict.port}", "asks for a user name and a password"),
            (f"socks5://user:wrong@127.0.0.1:{strict.port}", "asks for a user name and a password"),
            (f"socks5://127.0.0.1:{closed.port}", "not allowed by ruleset"),
            (f"socks5://127.0.0.1:{web.port}", "does not answer like a SOCKS proxy"),
            (f"http://127.0.0.1:{other.port}", "asks for a user name and a password"),
        ):
            close_session()
            monkeypatch.setenv("ALL_PROXY", address)
            error = fails(fetch, "proxy_refused")
            assert words in error.message
            assert "(ALL_PROXY)" in error.message
        for one in _sockets() - before:  # the client leaves them open when a SOCKS proxy refuses
            one.close()


def _sockets() -> set[socket.socket]:
    return {one for one in gc.get_objects() if isinstance(one, socket.socket) and one.fileno() >= 0}


@pytest.mark.parametrize("name", ["HF_HUB_DOWNLOAD_TIMEOUT", "HF_HUB_ETAG_TIMEOUT"])
@pytest.mark.parametrize("value", ["abc", "1.5", "-1", "1" * 30])
def test_a_timeout_that_is_no_number(
    tiny: Hub, fetch: Puller, monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    assert f'{name} is "{value}"' in fails(fetch, "invalid_environment").message


def test_the_timeout_of_the_user_is_used(tiny: Hub, fetch: Puller, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_ETAG_TIMEOUT", "1")
    tiny.fault(where="/api/", hang=1.3, times=2)
    assert "HF_HUB_ETAG_TIMEOUT" in fails(fetch, "connection_timeout").hint


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("HF_HUB_ENABLE_HF_TRANSFER", "1", ""),
        ("HF_HUB_DOWNLOAD_TIMEOUT", "", ""),
        ("HF_HUB_DOWNLOAD_TIMEOUT", "abc", "HF_HUB_DOWNLOAD_TIMEOUT is"),
    ],
)
def test_what_is_read_at_the_import(tiny: Hub, user: Path, name: str, value: str, words: str) -> None:
    command = [sys.executable, "-m", "mull", "pull", "-q", REPO]
    done = subprocess.run(
        command, env=environment(user, tiny, **{name: value}), capture_output=True, text=True, check=False
    )
    assert done.returncode == bool(words)
    assert words in done.stderr if words else done.stderr == ""


@pytest.mark.parametrize("token", ["hf_tökén", "hf_a b", "hf_\x07"])
def test_a_token_that_can_be_none(
    tiny: Hub, fetch: Puller, monkeypatch: pytest.MonkeyPatch, token: str
) -> None:
    monkeypatch.setenv("HF_TOKEN", token)
    error = fails(fetch, "invalid_token")
    assert error.message.startswith("HF_TOKEN ")
    assert token not in error.message


@pytest.mark.parametrize("name", ["SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"])
@pytest.mark.parametrize("content", [None, b"no certificate"])
def test_a_certificate_file_that_holds_none(
    tiny: Hub,
    fetch: Puller,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    name: str,
    content: bytes | None,
) -> None:
    file = tmp_path / "company.pem"
    if content is not None:
        file.write_bytes(content)
    monkeypatch.setenv(name, str(file))
    assert fails(fetch, "invalid_environment").message.startswith(f'{name} is "{file}", which ')


@pytest.fixture
def secured(tiny: Hub, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """The Hub behind TLS, with a certificate that only `SELF_SIGNED` vouches for."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(SELF_SIGNED)
    place = tiny.url.removeprefix("http://").split(":")

    def accept() -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=relay, args=(client,), daemon=True).start()

    def relay(client: socket.socket) -> None:
        address = (place[0], int(place[1]))
        with (
            client,
            suppress(OSError),
            context.wrap_socket(client, server_side=True) as tls,
            socket.create_connection(address) as server,
        ):
            server.sendall(tls.recv(65536))
            server.settimeout(1)
            while data := server.recv(65536):
                tls.sendall(data)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=accept, daemon=True).start()
        monkeypatch.setenv("HF_ENDPOINT", f"https://127.0.0.1:{listener.getsockname()[1]}")
        yield tiny
        listener.shutdown(socket.SHUT_RDWR)


def test_an_unknown_certificate(secured: Hub, fetch: Puller, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "SSL_CERT_FILE" in fails(fetch, "certificate_rejected").hint


def test_a_bundle_of_requests_is_trusted(secured: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    from mull.models.hub.listing import look_up

    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(SELF_SIGNED))
    assert look_up(REPO).files


def test_a_proxy_tunnels_https(secured: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    from mull.models.hub.listing import look_up

    monkeypatch.setenv("SSL_CERT_FILE", str(SELF_SIGNED))
    with http_proxy(LOGIN) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", f"http://user:pa%3Ass@127.0.0.1:{proxy.port}")
        assert look_up(REPO).files
    assert proxy.through


@pytest.mark.parametrize("value", ["", "0", "1", "on", "Yes", "true", "off", "2"])
def test_offline_is_what_huggingface_hub_takes_for_it(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    from huggingface_hub import constants

    monkeypatch.setenv("HF_HUB_OFFLINE", value)
    monkeypatch.setenv("TRANSFORMERS_OFFLINE", "1")
    is_true = constants._is_true
    expected = is_true(os.environ.get("HF_HUB_OFFLINE") or os.environ.get("TRANSFORMERS_OFFLINE"))
    assert bool(offline()) == expected
    assert offline() in {"", "HF_HUB_OFFLINE" if value else "TRANSFORMERS_OFFLINE"}
