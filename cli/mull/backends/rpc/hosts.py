"""Whose memory a worker's device is: that of the host that its address leads to.

In: llama.cpp's devices, and the memory of this machine as its CPU device reports it. Out: for each device the host, or
None for one with memory of its own. A host with two addresses counts as two. An address of this machine may be the end
of a tunnel: a worker here reports this machine's memory, to the byte.
"""

from __future__ import annotations

import socket
from collections.abc import Sequence

from mull.backends.rpc.addresses import split
from mull.engine.native.devices import Device
from mull.models.memory.hosts import THIS_MACHINE


def hosts(devices: Sequence[Device], memory: int) -> list[str | None]:
    """The host of each device. `memory`: bytes of this machine."""
    return [_host(device, memory) for device in devices]


def _host(device: Device, memory: int) -> str | None:
    if not device.remote or device.memory_free:  # a CPU's free memory is not reported
        return None
    name, _ = split(device.description)
    try:
        ip = socket.gethostbyname(name)
    except OSError:
        return name
    if not ip.startswith("127.") and ip not in _own_addresses():
        return ip
    return THIS_MACHINE if device.memory_total == memory else device.description


def _own_addresses() -> set[str]:
    import psutil

    return {address.address for card in psutil.net_if_addrs().values() for address in card}
