"""The address of a server: `http(s)://HOST:PORT/v1`, or `unix:PATH` for a Unix socket.

In: what a user wrote. Out: a `ServerUrl`. Raises UsageError (endpoint_address). An address holds no password: a key
comes from an environment variable.
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

from mull.errors import UsageError

UNIX = "unix:"
API = "/v1"  # the path of the API where an address has none
PORTS = {"http": 80, "https": 443}
_HINT = "An address looks like http://localhost:8080/v1 or https://host/v1."
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
    """The address in a text. Without a path, the API is at `/v1`."""
    text = text.strip()
    if text.startswith(UNIX):
        path = text.removeprefix(UNIX)
        path = path.removeprefix("//")
        if not path.startswith("/") or not path.isprintable():
            raise _invalid(
                text, "which names no socket by its full path", "Write unix:/full/path/of/the/socket."
            )
        return ServerUrl("http", "", 80, socket=path)
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        raise _invalid(text, "which is not the address of a server", _HINT) from None
    if parts.scheme.lower() not in PORTS or not parts.hostname:
        raise _invalid(text, "which is not an http or https address", _HINT)
    if "@" in parts.netloc:
        raise UsageError(
            "endpoint_address",
            f"The address of {parts.hostname} holds a user name or a password.",
            "Leave it out, and name an environment variable that holds the key (key_env).",
        )
    if parts.query or parts.fragment:
        raise _invalid(text, "with something after ? or #", _HINT)
    scheme = parts.scheme.lower()
    return ServerUrl(scheme, _host(parts, text), PORTS[scheme] if port is None else port, _path(parts, text))


def _host(parts: SplitResult, text: str) -> str:
    host = parts.hostname or ""
    try:
        name = host if ":" in host or host.isascii() else host.encode("idna").decode("ascii")
    except UnicodeError:
        raise _invalid(text, "whose host cannot be a name", _HINT) from None
    if not re.fullmatch(r"[\w.:%~-]+", name, re.ASCII) or parts.port == 0:
        raise _invalid(text, "which is not the address of a server", _HINT)
    return name


def _path(parts: SplitResult, text: str) -> str:
    path = parts.path.rstrip("/")
    if not re.fullmatch(r"[!-~]*", path):
        raise _invalid(text, "whose path has characters that no address has", "Write them as %XX.")
    return path or API


def _invalid(text: str, what: str, hint: str) -> UsageError:
    shown = "".join(letter if letter.isprintable() else "�" for letter in text)
    shown = re.sub(r"//[^/]*@", "//", shown)[:120]
    return UsageError("endpoint_address", f'The endpoint is "{shown}", {what}.', hint)
