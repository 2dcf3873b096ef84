"""The addresses of workers: HOST:PORT, with commas between them.

In: what --rpc was given. Out: addresses as llama.cpp reads them, which knows IPv4 only. Raises UsageError: a spelling
that is none, one twice, too many, or an address in the open internet.
"""

from __future__ import annotations

import ipaddress
import re

from mull.dataclass import dataclass
from mull.errors import UsageError

MOST = 16  # ggml-rpc.h, GGML_RPC_MAX_SERVERS
PORT = 50052
"""The port of llama.cpp's own RPC server."""

_ADDRESS = re.compile(r"([A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?)(?::([0-9]{1,5}))?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Workers:
    """`patience`: seconds without a sign of life of a computation, until a worker is taken for stopped."""

    addresses: tuple[str, ...]
    patience: float


def workers(text: str) -> tuple[str, ...]:
    """Parse "HOST:PORT,HOST:PORT"; the port may be left out."""
    found = tuple(_address(one.strip()) for one in text.split(","))
    if len(found) > MOST:
        raise UsageError("bad_worker", f"--rpc takes at most {MOST} workers, not {len(found)}.")
    if twice := next((one for one in found if found.count(one) > 1), None):
        raise UsageError("bad_worker", f"--rpc names {twice} twice.", "Name each worker once.")
    return found


def split(address: str) -> tuple[str, int]:
    """Host and port of an address that `workers` returned."""
    host, _, port = address.rpartition(":")
    return host, int(port)


def require_private(address: str, ip: str) -> None:
    """Raises UsageError for a public address: the protocol has no encryption and no authentication."""
    if ipaddress.ip_address(ip).is_global:
        raise UsageError(
            "worker_public",
            f"The worker {address} is on a public address, and RPC has no encryption and no authentication.",
            "Reach it through a VPN or an SSH tunnel.",
        )


def _address(text: str) -> str:
    match = _ADDRESS.fullmatch(text)
    if match is None or not 0 < int(match.group(2) or PORT) <= 65535:
        raise UsageError(
            "bad_worker",
            f'"{text}" is not the address of a worker.',
            f"Give HOST:PORT, for instance 192.168.1.20:{PORT}; IPv6 is not supported by llama.cpp.",
        )
    return f"{match.group(1).lower()}:{int(match.group(2) or PORT)}"
