"""Connections that fail: no such host, no answer, a certificate, a proxy.

In: an exception of the HTTP client. Out: a HubError that names the host, and the proxy and its variable where one is in
between. A client that cannot be made at all has a faulty variable, which is named too.
"""

from __future__ import annotations

import os
import re
import socket
import ssl
from typing import Any

from mull.models.hub.endpoint import is_hub
from mull.models.hub.environment import TIMEOUTS, certificates
from mull.models.hub.errors import HubError
from mull.models.hub.proxy import proxy_of
from mull.network.proxies import Proxy, variable

AGAIN = "Check the network and run the same command again; a partial download is resumed."
UNREACHABLE = frozenset({"host_not_found", "connection_failed", "connection_timeout", "proxy_refused"})


def lost_connection(error: Exception, hub: str) -> HubError:
    """The HubError for a failure of the HTTP client without a response."""
    causes: list[BaseException] = [error]
    while (cause := causes[-1].__cause__ or causes[-1].__context__) is not None and cause not in causes:
        causes.append(cause)
    url = _url(error)
    host = _host(url, hub)
    via = proxy_of(url) if url is not None else None
    kind = type(error).__name__
    if kind == "ProxyError":
        return proxy_refused(hub, str(error), via)
    for one in causes:
        if isinstance(one, ssl.SSLError):
            return _no_tls(one, host)
    hint = AGAIN if via is None else f"Correct or unset {via.variable}, or name {_bare(host)} in NO_PROXY."
    if any(isinstance(cause, socket.gaierror) for cause in causes):
        what = f"The host {host} was" if via is None else f"The host of {via} was"
        return HubError("host_not_found", f"{what} not found (DNS).", hint, transient=True)
    through = "" if via is None else f" through {via}"
    if via is not None and kind in {"ConnectError", "ConnectTimeout"}:
        return HubError("connection_failed", f"Cannot connect to {via}.", hint, transient=True)
    if "Timeout" in kind:
        if names := [name for name in TIMEOUTS if os.environ.get(name)]:
            hint += f" {' and '.join(names)} set{'s' * (len(names) == 1)} how long mull waits."
        return HubError("connection_timeout", f"{host} does not respond{through}.", hint, transient=True)
    if kind in {"RemoteProtocolError", "ReadError", "WriteError"}:
        text = f"The connection to {host}{through} was lost."
        return HubError("connection_lost", text, hint, transient=True)
    return HubError("connection_failed", f"Cannot connect to {host}{through}.", hint, transient=True)


def proxy_refused(hub: str, why: str, via: Proxy | None = None) -> HubError:
    """The HubError for a proxy that does not let a request through; `why` in its words."""
    if via is None:
        name, value = next(
            (found for scheme in ("https", "http", "all") if (found := variable(f"{scheme}_proxy"))[0]),
            ("", ""),
        )
        via = Proxy(name, value.rpartition("@")[2].rpartition("//")[2]) if name else None
    if why.startswith("Requested USERNAME"):
        why = "it takes no user name and password"
    login = any(word in why for word in ("407", "Requested NO AUTH", "Invalid username"))
    where = "The proxy" if via is None else f"T{str(via)[1:]}"
    setting = "the proxy's variable" if via is None else via.variable
    if login:
        hint = f"Put user name and password into {setting}: scheme://USER:PASSWORD@HOST:PORT."
        return HubError("proxy_refused", f"{where} asks for a user name and a password that it knows.", hint)
    reason = " ".join(why.split()).rstrip(".")[:120]
    hint = f"Correct or unset {setting}, or name {_bare(_host(None, hub))} in NO_PROXY."
    return HubError("proxy_refused", f"{where} refuses the connection: {reason}.", hint, transient=True)


def no_client(error: Exception) -> HubError:
    """The HubError for an HTTP client that cannot be made: of certificates, or of proxies."""
    name, value = certificates()
    if isinstance(error, OSError) and name:
        why = "which holds no certificates" if isinstance(error, ssl.SSLError) else "which cannot be read"
        return HubError(
            "invalid_environment",
            f'{name} is "{value}", {why}.',
            "Set it to a file with certificates in the PEM format, or unset it.",
        )
    names = [found for word in ("http", "https", "all", "no") if (found := variable(f"{word}_proxy")[0])]
    return HubError(
        "invalid_environment",
        f"{' or '.join(names) or 'A variable for the network'} has a value that cannot be used ({error}).",
        "Correct or unset it.",
    )


def _no_tls(error: ssl.SSLError, host: str) -> HubError:
    if not isinstance(error, ssl.SSLCertVerificationError):
        reason = (error.reason or "no TLS").replace("_", " ").lower()
        return HubError(
            "connection_failed",
            f"{host} does not answer as an https server ({reason}).",
            "Check the network, the proxy variables and HF_ENDPOINT.",
            transient=True,
        )
    name, value = certificates()
    hint = "Where a company's proxy reads the traffic, set SSL_CERT_FILE to a file with its certificate."
    if name:
        hint = f'{name} is "{value}": add the certificate that signs for this host, or unset it.'
    why = error.verify_message or "unknown"
    return HubError("certificate_rejected", f"The certificate of {host} is not trusted: {why}.", hint)


def _url(error: Exception) -> Any:
    try:
        return error.request.url  # type: ignore[attr-defined] # of the HTTP client's own errors
    except (AttributeError, RuntimeError):  # no request, or none that the client noted
        return None


def _host(url: Any, hub: str) -> str:
    """The host for a message; where the user's HF_ENDPOINT names it, with the variable."""
    of_hub = url is None or is_hub(url)
    text = hub.rsplit("://", maxsplit=1)[-1].split("/", maxsplit=1)[0] if url is None else netloc(url)
    return f"{text} (HF_ENDPOINT)" if of_hub and os.environ.get("HF_ENDPOINT") else text


def netloc(url: Any) -> str:
    """Host and port of a URL of the HTTP client."""
    return str(url.netloc.decode("ascii", "replace"))


def _bare(host: str) -> str:
    """The host alone: NO_PROXY would compare a port too."""
    return re.sub(r":\d+$", "", host.partition(" ")[0])
