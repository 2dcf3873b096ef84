"""Real proxies on loopback: SOCKS5 (RFC 1928, RFC 1929) and HTTP, which tunnels (CONNECT) or forwards.

`through` lists where each connection went, so that a test sees whether the proxy was used.
"""

from __future__ import annotations

import base64
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from urllib.parse import urlsplit


@dataclass
class Proxy:
    """`login`: user and password that it wants; `refuse`: what it answers instead of connecting."""

    port: int = 0
    login: tuple[str, str] | None = None
    refuse: bytes = b""
    through: list[str] = field(default_factory=list)


@contextmanager
def socks5(login: tuple[str, str] | None = None, refuse: bytes = b"") -> Iterator[Proxy]:
    """`refuse`: the reply code, one byte (5: connection refused)."""
    with _serve(Proxy(login=login, refuse=refuse), _socks) as proxy:
        yield proxy


@contextmanager
def http_proxy(login: tuple[str, str] | None = None, refuse: bytes = b"") -> Iterator[Proxy]:
    """`refuse`: status and reason of the answer."""
    with _serve(Proxy(login=login, refuse=refuse), _http) as proxy:
        yield proxy


@contextmanager
def web_server() -> Iterator[Proxy]:
    """No proxy: it answers anything at once with an HTTP error."""

    def answer(_proxy: Proxy, client: socket.socket) -> None:
        client.recv(65536)
        client.sendall(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")

    with _serve(Proxy(), answer) as server:
        yield server


def _socks(proxy: Proxy, client: socket.socket) -> None:
    version, count = _exactly(client, 2)
    methods = _exactly(client, count)
    wanted = 2 if proxy.login else 0
    if version != 5 or wanted not in methods:
        client.sendall(b"\x05\xff")
        return
    client.sendall(bytes([5, wanted]))
    if proxy.login:
        _exactly(client, 1)
        user = _exactly(client, _exactly(client, 1)[0]).decode()
        word = _exactly(client, _exactly(client, 1)[0]).decode()
        client.sendall(b"\x01\x00" if (user, word) == proxy.login else b"\x01\x01")
        if (user, word) != proxy.login:
            return
    _, _, _, kind = _exactly(client, 4)
    host = (
        socket.inet_ntoa(_exactly(client, 4))
        if kind == 1
        else _exactly(client, _exactly(client, 1)[0]).decode()
    )
    port = int.from_bytes(_exactly(client, 2), "big")
    proxy.through.append(f"{host}:{port}")
    if proxy.refuse:
        client.sendall(b"\x05" + proxy.refuse + b"\x00\x01\x00\x00\x00\x00\x00\x00")
        return
    with socket.create_connection((host, port)) as server:
        client.sendall(b"\x05\x00\x00\x01\x00\x00\x00\x00\x00\x00")
        _join(client, server)


def _http(proxy: Proxy, client: socket.socket) -> None:
    head = b""
    while b"\r\n\r\n" not in head:
        head += client.recv(65536) or _closed()
    method, target, _ = head.split(b"\r\n", 1)[0].decode().split()
    if proxy.login:
        basic = b"basic " + base64.b64encode(":".join(proxy.login).encode())
        if basic.lower() not in head.lower():
            client.sendall(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n")
            return
    place = target if method == "CONNECT" else urlsplit(target).netloc
    proxy.through.append(place)
    if proxy.refuse:
        client.sendall(b"HTTP/1.1 " + proxy.refuse + b"\r\nContent-Length: 0\r\n\r\n")
        return
    host, _, port = place.partition(":")
    with socket.create_connection((host, int(port or 80))) as server:
        if method == "CONNECT":
            client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
        else:
            path = target.partition("//")[2].partition("/")[2]
            line, rest = head.split(b"\r\n", 1)
            server.sendall(
                line.replace(target.encode(), b"/" + path.encode()) + b"\r\nConnection: close\r\n" + rest
            )
        _join(client, server)


def _exactly(client: socket.socket, count: int) -> bytes:
    data = b""
    while len(data) < count:
        data += client.recv(count - len(data)) or _closed()
    return data


def _closed() -> bytes:
    raise ConnectionError("closed")


def _join(one: socket.socket, other: socket.socket) -> None:
    back = threading.Thread(target=_copy, args=(other, one), daemon=True)
    back.start()
    _copy(one, other)
    back.join()


def _copy(source: socket.socket, sink: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65536):
            sink.sendall(data)
    with suppress(OSError):
        sink.shutdown(socket.SHUT_WR)


@contextmanager
def _serve(proxy: Proxy, answer: Callable[[Proxy, socket.socket], None]) -> Iterator[Proxy]:
    def handle(client: socket.socket) -> None:
        with client, suppress(OSError):
            answer(proxy, client)

    def accept() -> None:
        with suppress(OSError):
            while True:
                threading.Thread(target=handle, args=(listener.accept()[0],), daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        proxy.port = listener.getsockname()[1]
        threading.Thread(target=accept, daemon=True).start()
        yield proxy
        with suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)  # wakes the thread that accepts
