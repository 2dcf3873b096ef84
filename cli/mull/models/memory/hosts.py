"""Devices that are the main memory of a machine: each machine's memory is counted once.

In: a `Machine`, and whose memory each of its devices is. Out: the same machine, with shares. llama.cpp's workers report
all memory of their host as free, each of them, also on this machine.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from mull.models.memory.machine import BUSY, Gpu, Machine

THIS_MACHINE = "this machine"


def once_per_host(machine: Machine, hosts: Sequence[str | None]) -> Machine:
    """`hosts`: for each device the host whose main memory it is; None: it has memory of its own.

    What others use there is not reported: BUSY is left to them. This machine's free memory is known, and is shared by
    its workers and by mull itself.
    """
    shares = Counter(hosts)
    own = machine.ram_free // (shares[THIS_MACHINE] + 1)

    def counted(gpu: Gpu, host: str | None) -> Gpu:
        if host is None:
            return gpu
        free = own if host == THIS_MACHINE else (gpu.total - min(BUSY, gpu.total // 2)) // shares[host]
        return replace(gpu, free=free, bandwidth=machine.bandwidth)

    devices = tuple(counted(gpu, host) for gpu, host in zip(machine.devices, hosts, strict=True))
    return replace(machine, ram_free=own, devices=devices)
