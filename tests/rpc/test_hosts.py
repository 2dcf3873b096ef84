"""The memory of workers: a host that several workers report is counted once, and this machine's is shared."""

from __future__ import annotations

import pytest

from mull.backends import load_plan
from mull.backends.rpc import hosts as module
from mull.engine import placement
from mull.engine.native import devices
from mull.engine.native.devices import Device
from mull.models.memory.hosts import THIS_MACHINE, once_per_host
from mull.models.memory.machine import BUSY, GIB, Gpu, Machine
from mull.settings import EngineSettings


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
    assert module.hosts(found, 16 * GIB) == [THIS_MACHINE, THIS_MACHINE, "10.0.0.7", "10.0.0.7", None, None]


def test_a_worker_behind_a_tunnel_is_no_worker_of_this_machine() -> None:
    found = [worker("127.0.0.1:50061"), worker("127.0.0.1:50062")]
    assert module.hosts(found, 32 * GIB) == ["127.0.0.1:50061", "127.0.0.1:50062"]


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


CARD = Device("CUDA0", "a card", "gpu", 8 * GIB, 8 * GIB, "CUDA")


GPUS = (Gpu("", 16 * GIB, 16 * GIB),) * 3


@pytest.fixture
def found(monkeypatch: pytest.MonkeyPatch) -> list[Device]:
    """What llama.cpp's registry has, for a test to fill."""
    listed: list[Device] = []
    monkeypatch.setattr(devices, "has_gpu_backend", lambda: True)
    monkeypatch.setattr(devices, "devices", lambda: listed)
    return listed


def test_two_workers_of_a_host_get_the_layers_of_one(found: list[Device]) -> None:
    found += [worker("10.0.0.7:1"), worker("10.0.0.8:1"), worker("10.0.0.7:2")]
    shares = load_plan.tensor_split(EngineSettings(gpu_layers=-1))
    assert shares is not None
    first, other, second = shares
    assert first == second
    assert 0.47 < first + second < 0.5  # each of them leaves a reserve
    assert sum(shares) == pytest.approx(1)
    assert other == pytest.approx(1 - first - second)


def test_two_workers_on_this_machine_get_the_same_beside_another(
    found: list[Device], monkeypatch: pytest.MonkeyPatch
) -> None:
    """All three machines have 16 GiB; 12 GiB are free here, for the workers and mull itself."""
    found += [Device("CPU", "a processor", "cpu", 0, 16 * GIB, "CPU")]
    found += [worker("127.0.0.1:1"), worker("127.0.0.1:2"), worker("10.0.0.8:1")]
    monkeypatch.setattr(load_plan, "measure", lambda *_, **__: Machine(16 * GIB, 12 * GIB, GPUS))
    shares = load_plan.tensor_split(EngineSettings())
    assert shares == pytest.approx([4 / 21, 4 / 21, 13 / 21], abs=0.02)


def test_workers_with_cards_keep_what_they_report(found: list[Device]) -> None:
    found += [CARD, worker("10.0.0.7:1", free=8 * GIB), worker("10.0.0.7:2", free=8 * GIB)]
    assert load_plan.tensor_split(EngineSettings()) == pytest.approx((1 / 3, 1 / 3, 1 / 3))


def test_the_shares_follow_the_order_of_the_devices(found: list[Device]) -> None:
    """llama.cpp takes workers first, whatever the registry's order, unless devices are named."""
    found += [CARD, worker("10.0.0.7:1", free=2 * GIB)]
    default = load_plan.tensor_split(EngineSettings())
    assert default is not None
    assert load_plan.tensor_split(EngineSettings(device="CUDA0,RPC0")) == default[::-1]
    assert default[0] < default[1]


@pytest.mark.parametrize("settings", [EngineSettings(gpu_layers=0), EngineSettings(device="CUDA0")])
def test_without_a_worker_the_split_is_llama_cpps(found: list[Device], settings: EngineSettings) -> None:
    found += [CARD, worker("10.0.0.7:1")]
    assert load_plan.tensor_split(settings) is None


def test_a_device_without_memory_gets_no_layer(found: list[Device]) -> None:
    empty = Device("RPC1", "10.0.0.8:1", "gpu", 0, 0, "RPC")
    found += [empty, worker("10.0.0.7:1")]
    assert load_plan.tensor_split(EngineSettings()) == (0, 1)
    found[1] = empty
    assert load_plan.tensor_split(EngineSettings()) is None


def test_llama_cpp_gets_an_array_of_its_size() -> None:
    array = placement.split_array((0.25, 0.75), 16)
    assert list(array) == [0.25, 0.75, *[0] * 14]
    assert placement.split_array([1 / 17] * 17, 16) is None
    assert placement.split_array(None, 16) is None
