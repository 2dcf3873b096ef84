"""Connect to a server: resolve its name, keep to private addresses where a key is not encrypted, proxies, TLS.

In: an address. Out: a connected socket. Raises OSError, ServerError and Interrupted. A thread connects, because the
system resolves names without a way to interrupt it; the caller waits where signals and stops are noticed.
"""

from __future__ import annotations

import ipaddress
import socket
import threading
from collections.abc import Callable, Mapping
from dataclasses import field, replace
from typing import Any, TypeVar
from urllib.parse import urlsplit

from mull.control import TurnControl
from mull.dataclass import dataclass
from mull.endpoints.errors import ServerError
from mull.endpoints.url import ServerUrl
from mull.endpoints.wire import POLL
from mull.errors import Interrupted
from mull.fs.cleanup import closed_on_failure

CONNECT_SECONDS = 10.0

PRIVATE = tuple(
    map(
        ipaddress.ip_network,
        [
            "127.0.0.0/8",
            "10.0.0.0/8",
            "172.16.0.0/12",
            "192.168.0.0/16",
            "169.254.0.0/16",
            "::1/128",
            "fc00::/7",
            "fe80::/10",
        ],
    )
)
"""Loopback, link-local and private networks (RFC 1918, RFC 4193): a key may be sent to these without encryption."""

T = TypeVar("T")


def is_private(address: str) -> bool:
    """Whether an IP address is one of `PRIVATE`."""
    number = ipaddress.ip_address(address.partition("%")[0])
    mapped = getattr(number, "ipv4_mapped", None)
    return any((mapped or number) in network for network in PRIVATE)


@dataclass(frozen=True, slots=True)
class Connection:
    """A connection to a server. `via`: a proxy in between wants whole addresses in requests, and these headers."""

    socket: socket.socket
    via: bool = False
    headers: Mapping[str, str] = field(default_factory=dict)

    def close(self) -> None:
        self.socket.close()


def connect(url: ServerUrl, control: TurnControl | None, *, private: bool) -> Connection:
    """A connection to the server. `private`: to private addresses alone, because a key is sent without encryption."""
    return interruptibly(lambda: _connect(url, private=private), control, Connection.close)


def _connect(url: ServerUrl, *, private: bool) -> Connection:
    if url.socket:
        return Connection(_to_socket(url.socket))
    reached = _proxied(url, private=private) or Connection(tcp(url.host, url.port, private=private))
    return replace(reached, socket=_encrypted(reached.socket, url.host)) if url.scheme == "https" else reached


def _to_socket(path: str) -> socket.socket:
    """A connection to a Unix socket. Raises OSError, also where the path is longer than an address may be."""
    made = socket.socket(socket.AF_UNIX)
    made.settimeout(CONNECT_SECONDS)
    with closed_on_failure(made):
        made.connect(path)
    return made


def refuse_public(host: str, port: int) -> list[tuple[Any, ...]]:
    """The addresses of a host, all of them private. Raises ServerError (insecure_endpoint) for others."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    if not all(is_private(str(where[0])) for *_, where in found):
        raise ServerError(
            "insecure_endpoint",
            f"{host} is not on a private network, and http would send it the key without encryption.",
            "Use its https address, or set insecure = true for this endpoint in the config.",
        )
    return found


def tcp(host: str, port: int, *, private: bool = False) -> socket.socket:
    """A connection to the first address of the host that answers."""
    failure: OSError = socket.gaierror(f"{host} has no address")
    found = refuse_public(host, port) if private else socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    for family, kind, protocol, _, where in found:
        made = socket.socket(family, kind, protocol)
        made.settimeout(CONNECT_SECONDS)
        try:
            made.connect(where)
            made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        except OSError as error:
            made.close()
            failure = error
        else:
            return made
    raise failure


def _proxied(url: ServerUrl, *, private: bool) -> Connection | None:
    if url.is_local:
        return None
    from mull.network.proxies import proxy_of

    found = proxy_of(url.scheme, url.host, url.port)
    if found is None:
        return None
    from mull.endpoints.through_proxy import tunnel

    if private:  # the proxy and everyone behind it see the key
        for host in (url.host, urlsplit(found[0]).hostname or ""):
            refuse_public(host, url.port)
    return Connection(*tunnel(url, *found))


def _encrypted(plain: socket.socket, host: str) -> socket.socket:
    from mull.endpoints import tls

    with closed_on_failure(plain):
        return tls.context().wrap_socket(plain, server_hostname=host)


def interruptibly(work: Callable[[], T], control: TurnControl | None, discard: Callable[[T], object]) -> T:
    """The result of a call that cannot be interrupted: it runs in a thread, which is left alone after a stop.

    `discard` gets a result that comes too late.
    """
    results: list[T] = []
    failures: list[BaseException] = []
    over = threading.Event()
    lock = threading.Lock()
    left = False

    def run() -> None:
        try:
            result = work()
        except BaseException as failure:  # noqa: BLE001 - raised again by the caller
            failures.append(failure)
        else:
            with lock:
                results.append(result)
                if left:
                    discard(result)
        over.set()

    threading.Thread(target=run, name="mull-connect", daemon=True).start()
    try:
        while not over.wait(POLL):
            if control is not None and control.stopped:
                raise Interrupted
    except BaseException:
        with lock:
            left = True
            for result in results:
                discard(result)
        raise
    if failures:
        raise failures[0]
    return results[0]
