"""The address of a server: `http(s)://HOST:PORT/v1`, or `unix:PATH` for a Unix socket.

In: what a user wrote. Out: a `ServerUrl`. Raises UsageError (endpoint_address). An address holds no password: a key
comes from an environment variable.
"""

from __future__ import annotations

import ipaddress
import re
from urllib.parse import SplitResult, urlsplit

from mull.dataclass import dataclass
from mull.errors import UsageError

UNIX = "unix:"
API = "/v1"  # the path of the API where an address has none
PORTS = {"http": 80, "https": 443}
_HINT = "An address looks like http://localhost:8080/v1 or https://host/v1."
_CALLS = ("/chat/completions", "/completions", "/models")  # paths below the API that people copy with it
_LOCAL_NAME = re.compile(r"(.*\.)?localhost\.?")


@dataclass(frozen=True, slots=True)
class ServerUrl:
    """Where a server is. `api`: the path in front of `/chat/completions`; `root`: the same without its `/v1`.

    `host` is a name or an IP address without brackets; with `socket`, the path of a Unix socket, it is empty.
    """

    scheme: str
    host: str
    port: int
    api: str = API
    socket: str = ""

    @property
    def root(self) -> str:
        return self.api.removesuffix("/v1")

    @property
    def netloc(self) -> str:
        """Host and port for a header or a message, the port only where it is not the scheme's; or the socket's path."""
        if self.socket:
            return self.socket
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == PORTS[self.scheme] else f"{host}:{self.port}"

    @property
    def is_local(self) -> bool:
        """The server is on this machine, by its name or number alone."""
        if self.socket or _LOCAL_NAME.fullmatch(self.host):
            return True
        try:
            return ipaddress.ip_address(self.host.partition("%")[0]).is_loopback
        except ValueError:
            return False

    def __str__(self) -> str:
        return f"{UNIX}{self.socket}" if self.socket else f"{self.scheme}://{self.netloc}{self.api}"


def parse(text: str) -> ServerUrl:
    """The address in a text, as people write it: without a path, the API is at `/v1`. Nothing of it is repeated in an
    error: it may hold a key.
    """
    try:
        return _parsed(text.strip())
    except ValueError as error:
        raise UsageError("endpoint_address", f"The address of the endpoint {error}.", _HINT) from None


def check(text: str) -> str:
    """The address in its usual form. Raises ValueError with a predicate."""
    return str(_parsed(text.strip()))


def is_url(text: str) -> bool:
    """Whether a text begins as an address does, and not as an endpoint's name."""
    return text.lower().startswith(("http://", "https://", UNIX))


def _parsed(text: str) -> ServerUrl:
    if not text.isprintable() or " " in text:
        raise ValueError("has a space or a control character")
    if text.startswith(UNIX):
        path = text.removeprefix(UNIX).removeprefix("//")
        if not path.startswith("/"):
            raise ValueError("names no socket by its full path: unix:/full/path/of/the/socket")
        return ServerUrl("http", "", 80, socket=path)
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        raise ValueError("is not valid: its host or its port is wrong") from None
    scheme = parts.scheme.lower()
    if scheme not in PORTS:
        raise ValueError("does not begin with http:// or https://")
    if "@" in parts.netloc:
        raise ValueError("holds a user name or a password; an environment variable (key_env) holds a key")
    if parts.query or parts.fragment:
        raise ValueError("has a ? or a #; only the base of the API is needed")
    return ServerUrl(scheme, _host(parts), PORTS[scheme] if port is None else port, _path(parts))


def _host(parts: SplitResult) -> str:
    host = parts.hostname or ""
    if not host:
        raise ValueError("names no host")
    try:
        name = host if ":" in host or host.isascii() else host.encode("idna").decode("ascii")
    except UnicodeError:
        raise ValueError("has a host that cannot be a name") from None
    if not re.fullmatch(r"[\w.:%~-]+", name, re.ASCII) or parts.port == 0:
        raise ValueError("is not valid: its host or its port is wrong")
    return name


def _path(parts: SplitResult) -> str:
    path = parts.path.rstrip("/")
    if not re.fullmatch(r"[!-~]*", path):
        raise ValueError("has characters in its path that no address has; write them as %XX")
    for call in _CALLS:
        path = path.removesuffix(call)
    return path or API
