"""Which devices a model uses: llama.cpp's choice, and the user's by name. The lists are values: no GPU is needed."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mull.engine.native.devices import Device, chosen, named, offloads, used_by_default
from mull.errors import MullError
from mull.models.memory.machine import GIB, measure
from mull.settings import EngineSettings

CPU = Device("CPU", "a processor", "cpu", 0, 16 * GIB, "CPU")
CARD = Device("CUDA0", "GeForce RTX 4060 Laptop GPU", "gpu", 7 * GIB, 8 * GIB, "CUDA", "0000:01:00.0")
SAME_CARD = replace(CARD, name="Vulkan0", backend="Vulkan", memory_free=7 * GIB + 1)
SECOND = Device("CUDA1", "GeForce RTX 3090", "gpu", 20 * GIB, 24 * GIB, "CUDA", "0000:02:00.0")
INTEGRATED = Device("Vulkan1", "Iris Xe", "igpu", 6 * GIB, 12 * GIB, "Vulkan", "0000:00:02.0")
INTEGRATED_AGAIN = replace(INTEGRATED, name="SYCL0", backend="SYCL")
SECOND_INTEGRATED = replace(INTEGRATED, name="Vulkan2", id="0000:00:03.0")
REMOTE = Device("RPC0", "192.0.2.1:50052", "gpu", GIB, GIB, "RPC")
NO_ADDRESS = Device("Metal", "Apple M4", "gpu", GIB, GIB, "MTL")


@pytest.mark.parametrize(
    ("found", "used"),
    [
        ([CPU], []),
        ([CARD, CPU], [CARD]),
        ([INTEGRATED, CARD, CPU], [CARD]),  # integrated ones are left out where there is a card
        ([INTEGRATED, CPU], [INTEGRATED]),
        ([CARD, SAME_CARD, INTEGRATED, CPU], [CARD]),  # one card, seen by two backends
        ([CARD, SECOND, CPU], [CARD, SECOND]),
        ([INTEGRATED, INTEGRATED_AGAIN], [INTEGRATED]),  # of one backend
        ([INTEGRATED, SECOND_INTEGRATED], [INTEGRATED, SECOND_INTEGRATED]),
        ([CARD, REMOTE], [REMOTE, CARD]),
        ([INTEGRATED, REMOTE], [REMOTE, INTEGRATED]),  # another machine's GPU does not replace this one's
        ([NO_ADDRESS, replace(NO_ADDRESS, name="other")], [NO_ADDRESS, replace(NO_ADDRESS, name="other")]),
    ],
)
def test_the_default_devices_are_those_of_llama_cpp(found: list[Device], used: list[Device]) -> None:
    assert used_by_default(found) == used


def test_a_laptop_counts_the_memory_of_its_card_only() -> None:
    machine = measure(used_by_default([INTEGRATED, CARD, SAME_CARD, CPU]), speed=False)
    assert [(gpu.name, gpu.total, gpu.free) for gpu in machine.devices] == [
        ("GeForce RTX 4060 Laptop GPU", 8 * GIB, 7 * GIB)
    ]


def test_devices_are_named_without_regard_to_case_in_the_order_given() -> None:
    found = [CARD, SECOND, INTEGRATED, CPU]
    assert named("cuda1, CUDA0,cuda1", found) == [SECOND, CARD]
    assert named("vulkan1", found) == [INTEGRATED]


@pytest.mark.parametrize(
    ("name", "hint"),
    [("CUDA2", "CUDA"), ("vulcan1", "Vulkan1?"), ("zz", "CUDA0, CUDA1, Vulkan1"), ("CPU", "none"), ("", "none"),
     ("CUDA0,", "none")],
)  # fmt: skip
def test_an_unknown_name_is_an_error_that_names_the_devices(name: str, hint: str) -> None:
    with pytest.raises(MullError) as raised:
        named(name, [CARD, SECOND, INTEGRATED, CPU])
    assert raised.value.code == "unknown_device"
    assert hint in raised.value.hint


def test_without_layers_or_with_none_no_device_is_used() -> None:
    for settings in (EngineSettings(gpu_layers=0), EngineSettings(device="none"),
                     EngineSettings(device="none", gpu_layers=5)):  # fmt: skip
        assert chosen(settings) == []
        assert not offloads(settings)


def test_a_device_of_a_build_without_any_is_unknown() -> None:
    with pytest.raises(MullError, match='"Vulkan7"'):
        chosen(EngineSettings(device="Vulkan7", gpu_layers=0))
