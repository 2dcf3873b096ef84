"""The socket that the server listens on: TCP, or a Unix socket that only this user can reach.

Out: a listening socket, bound before anything is loaded, so that an address in use is found at once. Raises MullError
in one sentence for every address that cannot be used.
"""

from __future__ import annotations

import errno
import ipaddress
import os
import socket
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from mull.errors import MullError, UsageError

DEFAULT_HOST, DEFAULT_PORT = "127.0.0.1", 8484
_BACKLOG = 128
_LONGEST_PATH = 103  # bytes of a Unix socket's path on macOS; Linux has 107


def is_local(host: str) -> bool:
    """Whether only this machine can reach the address. Raises UsageError (unknown_host)."""
    return ipaddress.ip_address(_resolve(host, 0)[1][0].partition("%")[0]).is_loopback


@contextmanager
def tcp(host: str, port: int) -> Iterator[socket.socket]:
    """Listen on a TCP port; 0 chooses a free one."""
    family, address = _resolve(host, port)
    # The protocol is named: asyncio switches Nagle's algorithm off for such sockets only (40 ms for each response).
    with socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP) as listening:
        if os.name == "posix":  # elsewhere it would let two servers share the port
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listening.bind(address)
            listening.listen(_BACKLOG)
        except (OSError, OverflowError) as failure:
            raise _unusable(host, port, failure) from failure
        yield listening


@contextmanager
def unix(path: Path) -> Iterator[socket.socket]:
    """Listen on a Unix socket, which is removed at the end. A stale one, which nothing answers on, is replaced."""
    if not hasattr(socket, "AF_UNIX"):
        raise UsageError("not_supported", "This system has no Unix sockets.", "Use --port instead.")
    if len(os.fsencode(path)) > _LONGEST_PATH:
        raise UsageError(
            "socket_unusable", f"{path} is too long for a socket.", f"At most {_LONGEST_PATH} bytes."
        )
    _remove_stale(path)
    with socket.socket(socket.AF_UNIX) as listening:
        try:
            mask = os.umask(0o177)
            try:
                listening.bind(str(path))
            finally:
                os.umask(mask)
            own = path.stat()
            listening.listen(_BACKLOG)
        except OSError as failure:
            raise _bad_socket(path, failure.strerror or str(failure)) from failure
        try:
            yield listening
        finally:
            with suppress(OSError):
                if os.path.samestat(path.stat(), own):
                    path.unlink()


def address_of(listening: socket.socket, host: str) -> str:
    """The base of the URLs by which a client reaches the socket."""
    port = listening.getsockname()[1]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _resolve(host: str, port: int) -> tuple[int, tuple[str, int]]:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (socket.gaierror, UnicodeError, ValueError, OverflowError) as failure:
        raise UsageError(
            "unknown_host", f"{host} does not belong to this machine.", "For example: --host 127.0.0.1"
        ) from failure
    family, _, _, _, address = min(found, key=lambda one: one[0] != socket.AF_INET)
    return family, address  # type: ignore[return-value]


def _unusable(host: str, port: int, failure: OSError | OverflowError) -> MullError:
    number = failure.errno if isinstance(failure, OSError) else None
    if number == errno.EADDRINUSE:
        return MullError(
            "address_in_use",
            f"Port {port} of {host} is in use.",
            "Choose another one with --port; 0 finds one.",
        )
    if number == errno.EADDRNOTAVAIL:
        return UsageError(
            "unknown_host", f"{host} does not belong to this machine.", "For example: --host 127.0.0.1"
        )
    reason = (failure.strerror if isinstance(failure, OSError) else "") or str(failure)
    return MullError(
        "address_unusable", f"Port {port} of {host} cannot be used: {reason}.", "Choose another --port."
    )


def _remove_stale(path: Path) -> None:
    try:
        mode = path.lstat().st_mode
    except FileNotFoundError:
        return
    except OSError as failure:
        raise _bad_socket(path, failure.strerror or str(failure)) from failure
    if not stat.S_ISSOCK(mode):
        raise _bad_socket(path, "it exists, and is no socket")
    with socket.socket(socket.AF_UNIX) as probe:
        probe.settimeout(1.0)
        try:
            probe.connect(str(path))
        except (ConnectionRefusedError, FileNotFoundError):
            with suppress(FileNotFoundError):
                path.unlink()
            return
        except OSError as failure:
            raise _bad_socket(path, failure.strerror or str(failure)) from failure
    raise MullError(
        "address_in_use", f"Another server answers on {path}.", "Choose another path with --socket."
    )


def _bad_socket(path: Path, reason: str) -> MullError:
    return MullError(
        "socket_unusable", f"{path} cannot be used as a socket: {reason}.", "Choose another --socket."
    )
