"""The memory of workers: a host that several workers report is counted once, and this machine's is shared."""

from __future__ import annotations

import pytest

from mull.backends.rpc import hosts as module
from mull.engine.native.devices import Device
from mull.models.memory.hosts import THIS_MACHINE, once_per_host
from mull.models.memory.machine import BUSY, GIB, Gpu, Machine


def worker(address: str, *, free: int = 0) -> Device:
    return Device("RPC0", address, "gpu", free, 16 * GIB, "RPC")


def test_a_cpu_is_known_by_its_address_and_a_gpu_has_its_own_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_own_addresses", lambda: {"10.0.0.9"})
    found = [
        worker("127.0.0.1:1"),
        worker("10.0.0.9:1"),
        worker("10.0.0.7:1"),
        worker("10.0.0.7:2"),
        worker("10.0.0.7:3", free=GIB),
        Device("CUDA0", "a card", "gpu", 0, 8 * GIB, "CUDA"),
    ]
    assert module.hosts(found) == [THIS_MACHINE, THIS_MACHINE, "10.0.0.7", "10.0.0.7", None, None]


def test_two_workers_of_a_host_share_its_memory_once() -> None:
    machine = Machine(32 * GIB, 24 * GIB, tuple(Gpu("", 16 * GIB, 16 * GIB) for _ in range(3)))
    found = once_per_host(machine, ["10.0.0.7", "10.0.0.7", "10.0.0.8"])
    first, second, third = (gpu.free for gpu in found.devices)
    assert first + second == third == 16 * GIB - BUSY
    assert found.ram_free == 24 * GIB


def test_workers_on_this_machine_share_its_free_memory_with_it() -> None:
    machine = Machine(32 * GIB, 24 * GIB, tuple(Gpu("", 32 * GIB, 32 * GIB) for _ in range(2)))
    found = once_per_host(machine, [THIS_MACHINE, THIS_MACHINE])
    assert [gpu.free for gpu in found.devices] == [8 * GIB, 8 * GIB]
    assert found.ram_free == 8 * GIB


def test_a_card_keeps_its_memory() -> None:
    card = Gpu("a card", 8 * GIB, 7 * GIB)
    machine = Machine(32 * GIB, 24 * GIB, (card, Gpu("", 16 * GIB, 16 * GIB)))
    assert once_per_host(machine, [None, "10.0.0.7"]).devices[0] == card
