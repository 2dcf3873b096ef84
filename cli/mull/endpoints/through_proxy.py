"""Connections through a proxy: HTTP's CONNECT for https, whole addresses for http, SOCKS5 for both.

In: the server's address and the proxy's. Out: a socket that leads to the server, whether requests to it name the whole
address, and the headers that the proxy wants. Raises ServerError (proxy_refused, invalid_environment).
"""

from __future__ import annotations

import base64
import http.client
import re
import socket
from typing import Any
from urllib.parse import SplitResult, unquote, urlsplit

from mull.endpoints.errors import ServerError
from mull.endpoints.url import ServerUrl
from mull.fs.cleanup import closed_on_failure
from mull.network.proxies import Proxy

_PORTS = {"http": 80, "socks5": 1080, "socks5h": 1080}


def tunnel(url: ServerUrl, address: str, proxy: Proxy) -> tuple[socket.socket, bool, dict[str, str]]:
    """The connection, as the fields of a `Connection`."""
    parts = _parts(address, proxy)
    try:
        if parts.scheme != "http":
            return _socks(url, parts, proxy), False, {}
        login = _login(parts)
        if url.scheme == "http":
            return _to(parts), True, login
        through = http.client.HTTPConnection(parts.hostname or "", parts.port or 80, timeout=10)
        through.set_tunnel(url.host, url.port, login)
        try:
            through.connect()
        except http.client.HTTPException as error:
            raise OSError(f"Tunnel connection failed: {error}") from error
        reached: socket.socket = through.sock
    except OSError as error:
        raise _refused(str(error), proxy) from error
    return reached, False, {}


def _parts(address: str, proxy: Proxy) -> SplitResult:
    hint = "Set it to an address like http://host:8080 or socks5://host:1080, or unset it."
    try:
        parts = urlsplit(address if "://" in address else f"http://{address}")
        valid = bool(parts.hostname) and parts.port != 0
    except ValueError:
        valid = False
    if not valid or parts.scheme not in _PORTS:
        what = "mull reaches no endpoint through a proxy of this kind" if valid else "this is not an address"
        raise ServerError(
            "invalid_environment", f'{proxy.variable} names the proxy "{proxy.address}"; {what}.', hint
        )
    return parts


def _to(parts: SplitResult) -> socket.socket:
    made = socket.create_connection((parts.hostname or "", parts.port or _PORTS[parts.scheme]), timeout=10)
    made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return made


def _login(parts: SplitResult) -> dict[str, str]:
    if parts.username is None:
        return {}
    words = f"{unquote(parts.username)}:{unquote(parts.password or '')}".encode()
    return {"Proxy-Authorization": f"Basic {base64.b64encode(words).decode('ascii')}"}


def _socks(url: ServerUrl, parts: SplitResult, proxy: Proxy) -> socket.socket:
    """A connection through a SOCKS5 proxy, which resolves the host's name."""
    from socksio import ProtocolError, socks5

    made = _to(parts)
    dialogue = socks5.SOCKS5Connection()
    named = parts.username is not None
    method = socks5.SOCKS5AuthMethod.USERNAME_PASSWORD if named else socks5.SOCKS5AuthMethod.NO_AUTH_REQUIRED

    def say(request: Any) -> Any:
        dialogue.send(request)
        made.sendall(dialogue.data_to_send())
        if not (answer := made.recv(4096)):
            raise ProtocolError("it closed the connection")
        return dialogue.receive_data(answer)

    with closed_on_failure(made):
        try:
            if say(socks5.SOCKS5AuthMethodsRequest([method])).method != method:
                raise _wants_login(proxy)
            if named:
                words = (unquote(word or "").encode() for word in (parts.username, parts.password))
                if not say(socks5.SOCKS5UsernamePasswordRequest(*words)).success:
                    raise _wants_login(proxy)
            where = (url.host, url.port)
            request = socks5.SOCKS5CommandRequest.from_address(socks5.SOCKS5Command.CONNECT, where)
            reply = say(request).reply_code
            if reply != socks5.SOCKS5ReplyCode.SUCCEEDED:
                raise _refused(reply.name.lower().replace("_", " "), proxy)
        except ProtocolError as error:
            raise _refused(str(error), proxy) from error
    return made


def _wants_login(proxy: Proxy) -> ServerError:
    return ServerError(
        "proxy_refused",
        f"T{str(proxy)[1:]} asks for a user name and a password that it knows.",
        f"Put user name and password into {proxy.variable}: scheme://USER:PASSWORD@HOST:PORT.",
    )


def _refused(why: str, proxy: Proxy) -> ServerError:
    if "407" in why:
        return _wants_login(proxy)
    said = re.sub(r"^\[Errno \d+\] ", "", why.rstrip("."))
    reason = "".join(letter if letter.isprintable() else " " for letter in said)[:120]
    return ServerError(
        "proxy_refused",
        f"T{str(proxy)[1:]} does not connect to the server: {reason}.",
        f"Correct or unset {proxy.variable}, or name the server's host in NO_PROXY.",
        transient=True,
    )
