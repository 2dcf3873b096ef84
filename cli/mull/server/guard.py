"""Who may ask: the key, the name by which a local server is called, and how large a request is.

In: `Rules`. Out: an ASGI middleware that answers refused requests itself. A web page in a browser on this machine must
not reach a local server: its Host (DNS rebinding) or its Origin gives it away. There is no CORS.
"""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import urlsplit

from mull.dataclass import dataclass
from mull.errors import MullError
from mull.server.bodies import failure
from mull.server.limits import MOST_BODY

_OPEN = {"/health"}  # needs no key
_LOCAL = {"localhost", "localhost."}


@dataclass(frozen=True, slots=True)
class Rules:
    """`key`: what clients must send, None: nothing. `local`: bound to loopback, where only local names are served.

    `host`: the address as it was given, which is a right name too.
    """

    key: str | None = None
    local: bool = True
    host: str = ""


class Guard:
    """ASGI middleware."""

    def __init__(self, app: Callable[..., Awaitable[None]], rules: Rules) -> None:
        self._app = app
        self._rules = rules
        self._key = _digest(rules.key.encode()) if rules.key is not None else None

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        if scope["type"] == "http" and (error := self._refusal(scope)) is not None:
            # The connection is closed: what else the client sends is not read.
            response = failure(error, {"connection": "close", **_challenge(error)})
            await response(scope, receive, send)
            return
        await self._app(scope, receive, send)

    def _refusal(self, scope: dict[str, Any]) -> MullError | None:
        headers = dict(reversed(scope["headers"]))  # the first of several counts
        if self._rules.local and not self._is_local(headers):
            return MullError(
                "wrong_host",
                "This server answers on its local address alone.",
                "Call it by 127.0.0.1 or localhost.",
            )
        if self._key is not None and scope["path"] not in _OPEN and not self._has_key(headers):
            return MullError("invalid_key", "The API key is missing or wrong.", "Send it as a Bearer token.")
        length = headers.get(b"content-length", b"0")
        if length.isdigit() and int(length[:20]) > MOST_BODY:
            return MullError("request_too_large", f"A request may have {MOST_BODY:,} bytes.")
        return None

    def _has_key(self, headers: dict[bytes, bytes]) -> bool:
        kind, _, given = headers.get(b"authorization", b"").partition(b" ")
        right = hmac.compare_digest(_digest(given.strip()), self._key or b"")
        return right and kind.lower() == b"bearer"

    def _is_local(self, headers: dict[bytes, bytes]) -> bool:
        names = [_host(headers.get(b"host", b"").decode("latin-1"))]
        if (origin := headers.get(b"origin")) is not None:
            names.append(_origin_host(origin.decode("latin-1")))
        return all(name in {"", self._rules.host} or _is_loopback(name) for name in names)


def _digest(key: bytes) -> bytes:
    """Of equal length for all keys, so that comparing them takes equally long."""
    return hashlib.sha256(key).digest()


def _challenge(error: MullError) -> dict[str, str]:
    return {"www-authenticate": "Bearer"} if error.code == "invalid_key" else {}


def _host(value: str) -> str:
    """The name in a Host header, without its port."""
    if value.startswith("["):
        return value[1:].partition("]")[0]
    return value.partition(":")[0].lower()


def _origin_host(origin: str) -> str:
    """The host of an Origin; `null`, which a page without an address sends, is no host of ours."""
    try:
        return urlsplit(origin).hostname or "null"
    except ValueError:
        return "null"


def _is_loopback(name: str) -> bool:
    if name in _LOCAL:
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False
