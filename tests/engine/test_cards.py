"""Cards that this build of llama.cpp does not use, found below a made-up /sys and /dev."""

from __future__ import annotations

from pathlib import Path

import pytest

from mull.engine.diagnostics.cards import Card, find_cards, unused
from mull.engine.native.devices import Device

PCI_IDS = """# a comment
1002  Advanced Micro Devices, Inc. [AMD/ATI]
\t744c  Navi 31 [Radeon RX 7900 XT/7900 XTX]
10de  NVIDIA Corporation
\t28e0  AD107M [GeForce RTX 4060 Max-Q / Mobile]
\t\t1043 1234  a subsystem
8086  Intel Corporation
\t46a6  Alder Lake-P GT2 [Iris Xe Graphics]
"""
SUMMARY = """==========
VULKANINFO
==========
Devices:
========
GPU0:
\tapiVersion         = 1.3.239
\tvendorID           = 0x10de
\tdeviceType         = PHYSICAL_DEVICE_TYPE_DISCRETE_GPU
\tdeviceName         = NVIDIA GeForce RTX 4060
GPU1:
\tvendorID           = 0x10005
\tdeviceType         = PHYSICAL_DEVICE_TYPE_CPU
\tdeviceName         = llvmpipe (LLVM 15.0.6, 256 bits)
"""
NVIDIA = ("0000:01:00.0", 0x030000, 0x10DE, 0x28E0)
AMD = ("0000:03:00.0", 0x038000, 0x1002, 0x744C)
INTEL = ("0000:00:02.0", 0x030000, 0x8086, 0x46A6)
NETWORK = ("0000:04:00.0", 0x020000, 0x10DE, 0x0001)
VIRTUAL = ("0000:00:01.0", 0x030000, 0x1AF4, 0x1050)  # a virtual machine's display


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "sys/bus/pci/devices").mkdir(parents=True)
    (tmp_path / "dev/dri").mkdir(parents=True)
    (tmp_path / "usr/share/misc").mkdir(parents=True)
    (tmp_path / "usr/share/misc/pci.ids").write_text(PCI_IDS)
    return tmp_path


def plug(root: Path, *devices: tuple[str, int, int, int], nodes: str = "") -> None:
    for address, kind, vendor, device in devices:
        folder = root / "sys/bus/pci/devices" / address
        folder.mkdir()
        for name, value in (("class", kind), ("vendor", vendor), ("device", device)):
            (folder / name).write_text(f"{value:#06x}\n")
    for node in nodes.split():
        (root / "dev" / node).touch()


def find(root: Path, *, compilers: str = "", summary: str = "", opens: bool = True) -> list[Card]:
    return find_cards(
        root,
        summary=lambda: summary,
        which=lambda name: name if name in compilers.split() else None,
        may_open=lambda _: opens,
        system="Linux",
        machine="x86_64",
    )


def test_a_laptop_with_two_gpus(root: Path) -> None:
    plug(root, NVIDIA, INTEL, NETWORK, VIRTUAL, nodes="nvidia0 nvidiactl dri/renderD128")
    assert find(root) == [
        Card("Intel Iris Xe Graphics", "0000:00:02.0", ("sycl", "vulkan")),
        Card("NVIDIA GeForce RTX 4060 Max-Q / Mobile", "0000:01:00.0", ("cuda", "vulkan")),
    ]


def test_the_build_whose_compiler_is_installed_comes_first(root: Path) -> None:
    plug(root, NVIDIA, nodes="nvidia0")
    assert find(root, compilers="glslc")[0].builds == ("vulkan", "cuda")
    assert find(root, compilers="glslc nvcc")[0].builds == ("cuda", "vulkan")


def test_a_card_without_a_driver_or_without_permission_says_so(root: Path) -> None:
    plug(root, AMD)
    assert "driver" in find(root)[0].problem
    (root / "dev/kfd").touch()
    (root / "dev/dri/renderD128").touch()
    assert find(root)[0].problem == ""
    assert "group render" in find(root, opens=False)[0].problem


def test_a_container_shows_a_card_through_vulkan_or_its_node(root: Path) -> None:
    assert find(root, summary=SUMMARY) == [Card("NVIDIA GeForce RTX 4060", "", ("cuda", "vulkan"))]
    assert find(root) == []
    plug(root, nodes="nvidia1")
    assert find(root) == [Card("NVIDIA GPU", "", ("cuda", "vulkan"))]


def test_an_unknown_model_and_damaged_files_do_no_harm(root: Path) -> None:
    plug(root, ("0000:01:00.0", 0x030200, 0x10DE, 0xFFFF), nodes="nvidia0")
    (root / "sys/bus/pci/devices/0000:09:00.0").mkdir()
    broken = root / "sys/bus/pci/devices/0000:0a:00.0"
    broken.mkdir()
    (broken / "class").write_bytes(b"\xff\xfejunk")
    assert [card.name for card in find(root, summary="GPU0:\n\tvendorID = 0xzz\n")] == ["NVIDIA GPU"]
    assert find_cards(root / "missing", summary=lambda: "", system="Linux") == []


def test_apple_silicon_has_one_gpu(root: Path) -> None:
    assert find_cards(root, system="Darwin", machine="arm64") == [Card("Apple GPU", "", ("metal",))]
    assert find_cards(root, system="Darwin", machine="x86_64") == []


def test_a_card_is_unused_unless_a_device_is_it() -> None:
    card, other = Card("NVIDIA A", "0000:01:00.0", ("cuda",)), Card("Intel B", "0000:00:02.0", ("vulkan",))
    cpu = Device("CPU", "x", "cpu", 1, 2, "CPU")
    gpu = Device("CUDA0", "A", "gpu", 1, 2, "CUDA", "0000:01:00.0")
    metal = Device("MTL0", "Apple M4", "gpu", 1, 2, "MTL")
    assert unused([card, other], [cpu]) == [card, other]
    assert unused([card, other], [cpu, gpu]) == [other]
    assert unused([Card("Apple GPU", "", ("metal",))], [metal, cpu]) == []
    assert unused([Card("A", "", ("cuda",))], [gpu]) == []
