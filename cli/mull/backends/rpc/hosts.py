"""Whose memory a worker's device is: that of the host that its address leads to.

In: llama.cpp's devices. Out: for each the host, or None for a device with memory of its own. A host with two addresses
counts as two.
"""

from __future__ import annotations

import socket
from collections.abc import Sequence

from mull.backends.rpc.addresses import split
from mull.engine.native.devices import Device
from mull.models.memory.hosts import THIS_MACHINE


def hosts(devices: Sequence[Device]) -> list[str | None]:
    """The host of each device."""
    return [_host(device) for device in devices]


def _host(device: Device) -> str | None:
    if not device.remote or device.memory_free:  # a CPU's free memory is not reported
        return None
    name, _ = split(device.description)
    try:
        ip = socket.gethostbyname(name)
    except OSError:
        return name
    return THIS_MACHINE if ip.startswith("127.") or ip in _own_addresses() else ip


def _own_addresses() -> set[str]:
    import psutil

    return {address.address for card in psutil.net_if_addrs().values() for address in card}
