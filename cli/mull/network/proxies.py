"""The variables that name proxies, and the proxy of an address.

In: the environment (and the system's settings, on macOS and Windows). Out: a `Proxy`, or None for a direct connection.
Passwords in these variables are never shown.
"""

from __future__ import annotations

import ipaddress
import os
from contextlib import suppress

from mull.dataclass import dataclass

PROXY_SCHEMES = frozenset({"http", "https", "socks5", "socks5h"})


@dataclass(frozen=True, slots=True)
class Proxy:
    """`variable`: where it is set; `address`: host and port, without a password."""

    variable: str
    address: str

    def __str__(self) -> str:
        return f"the proxy {self.address} ({self.variable})"


def variable(name: str) -> tuple[str, str]:
    """(name as it is set, value) of a proxy variable: in lower case, which has priority, or in upper case.

    An empty value is none. Both are empty where no variable is set.
    """
    found = {one: os.environ[one] for one in os.environ if one.lower() == name}
    chosen = name if name in found else max(found, default="")
    value = found.get(chosen, "").strip()
    return (chosen, value) if value else ("", "")


def without_password(address: str) -> str:
    """The address for a message: user name and password in it are not shown."""
    front, slashes, rest = address.rpartition("//")
    return front + slashes + rest.rpartition("@")[2]


def named(scheme: str) -> Proxy:
    """The proxy for a scheme ("all": for all of them), for messages."""
    name, value = variable(f"{scheme}_proxy")
    if not name:
        from urllib.request import getproxies

        name, value = "the system's settings", getproxies().get(scheme, "")
    return Proxy(name, without_password(value).rpartition("//")[2].rstrip("/"))


def proxy_of(scheme: str, host: str, port: int) -> tuple[str, Proxy] | None:
    """The proxy for a server, as an address with its password, and for messages; None: connect directly."""
    from urllib.request import getproxies

    proxies = getproxies()
    key = scheme if proxies.get(scheme) else "all"
    if not proxies.get(key) or bypassed(host, port):
        return None
    return proxies[key], named(key)


def bypassed(host: str, port: int) -> bool:
    """Whether NO_PROXY, or the system's settings, name this server."""
    from urllib.request import proxy_bypass

    words = {word.strip() for word in variable("no_proxy")[1].split(",")}
    found = "*" in words or proxy_bypass(host) or proxy_bypass(f"{host}:{port}") or _in_no_proxy(host)
    return bool(found)


def _in_no_proxy(host: str) -> bool:
    """Whether NO_PROXY names a network that an IP address belongs to; names are left to urllib."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    for word in variable("no_proxy")[1].split(","):
        with suppress(ValueError):
            if address in ipaddress.ip_network(word.strip(), strict=False):
                return True
    return False
