"""The graphics cards of this machine, whether or not this build of llama.cpp can use them.

In: the roots of `/sys` and `/dev`, and what `vulkaninfo --summary` prints, where it is installed. Out: a `Card` for
each, with the builds of llama.cpp that can use it. No card is opened: the kernel's list of PCI devices and the names of
device nodes are read. Raises nothing.
"""

from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from mull.dataclass import dataclass
from mull.engine.native.devices import Device

_VENDORS = {  # PCI vendor ids, and the builds for each, the fastest first
    0x10DE: ("NVIDIA", ("cuda", "vulkan")),
    0x1002: ("AMD", ("hip", "vulkan")),
    0x8086: ("Intel", ("sycl", "vulkan")),
}
_COMPILERS = {"cuda": "nvcc", "hip": "hipcc", "sycl": "icpx", "vulkan": "glslc"}
_DISPLAY = 0x03  # PCI class: VGA, 3D and other display controllers
_ACCELERATOR = 0x12  # PCI class: processing accelerators, such as AMD's Instinct
_NAMES = ("usr/share/misc/pci.ids", "usr/share/hwdata/pci.ids")
_TIMEOUT = 5.0  # seconds for vulkaninfo, which loads every driver
_LONGEST = 1 << 22  # bytes of pci.ids, and characters of a summary


@dataclass(frozen=True, slots=True)
class Card:
    """`builds`: the backends that can use it, best first. `id`: its PCI address, empty where unknown.

    `problem`: why no build can use it yet, as a sentence; empty otherwise.
    """

    name: str
    id: str
    builds: tuple[str, ...]
    problem: str = ""


def find_cards(
    root: Path = Path("/"),
    *,
    summary: Callable[[], str] | None = None,
    which: Callable[[str], str | None] = shutil.which,
    may_open: Callable[[Path], bool] = lambda node: os.access(node, os.R_OK | os.W_OK),
    system: str = platform.system(),
    machine: str = platform.machine(),
) -> list[Card]:
    """The cards below `root`. `summary` prints what `vulkaninfo --summary` does; `may_open` judges a device node."""
    if system == "Darwin":
        return [Card("Apple GPU", "", ("metal",))] if machine == "arm64" else []
    found = [
        Card(name, address, _by_compiler(builds, which), _problem(vendor, root / "dev", may_open))
        for vendor, name, address, builds in _on_pci(root)
    ]
    if not found:  # in a container or a virtual machine, cards may have a driver but no PCI address
        text = (summary or _vulkaninfo)()
        found = [Card(name, "", _by_compiler(builds, which)) for name, builds in _in_summary(text)]
    if not found and _nodes(root / "dev", "nvidia[0-9]*"):
        found = [Card("NVIDIA GPU", "", _by_compiler(_VENDORS[0x10DE][1], which))]
    return found


def unused(cards: Sequence[Card], devices: Sequence[Device]) -> list[Card]:
    """The cards that are none of llama.cpp's devices."""
    gpus = [device for device in devices if device.kind in {"gpu", "igpu"}]
    if any(not device.id for device in gpus) and len(gpus) >= len(cards):
        return []  # a backend that reports no addresses, Metal for instance
    addresses = {device.id for device in gpus}
    names = {device.description for device in gpus}
    return [card for card in cards if card.id not in addresses and card.name not in names]


def _on_pci(root: Path) -> Iterator[tuple[str, str, str, tuple[str, ...]]]:
    """Vendor, name, address and builds of every display controller of a known vendor."""
    with suppress(OSError):
        for device in sorted((root / "sys/bus/pci/devices").iterdir()):
            numbers = [_hexadecimal(device / name) for name in ("class", "vendor", "device")]
            kind, vendor_id, device_id = numbers
            known = _VENDORS.get(vendor_id)
            if known is None or kind >> 16 not in {_DISPLAY, _ACCELERATOR}:
                continue
            vendor, builds = known
            if vendor == "Intel" and kind >> 16 == _ACCELERATOR:
                continue  # a neural processor, not a GPU
            model = _model(root, vendor_id, device_id) or "GPU"
            yield vendor, f"{vendor} {model}", device.name.lower(), builds


def _hexadecimal(path: Path) -> int:
    with suppress(OSError, ValueError):
        return int(path.read_text(encoding="ascii", errors="replace")[:32], 16)
    return 0


def _model(root: Path, vendor: int, device: int) -> str:
    """The name in the system's list of PCI ids: "GeForce RTX 4060 Laptop GPU" from "AD107M [GeForce …]"."""
    for name in _NAMES:
        with suppress(OSError):
            with (root / name).open(encoding="utf-8", errors="replace") as file:
                text = file.read(_LONGEST)
            block = re.search(rf"^{vendor:04x} .*\n((?:[\t#].*\n|\n)*)", text, re.MULTILINE)
            line = block and re.search(rf"^\t{device:04x} +(.+)$", block.group(1), re.MULTILINE)
            if line:
                inner = re.search(r"\[(.+)\]\s*$", line.group(1))
                return inner.group(1) if inner else line.group(1).strip()
    return ""


def _problem(vendor: str, dev: Path, may_open: Callable[[Path], bool]) -> str:
    """What keeps programs from the card, judged by its driver's device nodes; empty when nothing does."""
    if vendor == "NVIDIA" and _nodes(dev, "nvidia[0-9]*"):
        return ""
    nodes = _nodes(dev / "dri", "renderD*")
    if vendor == "AMD":
        nodes += _nodes(dev, "kfd")
    if not nodes:
        return "its driver is not installed, or not visible from here"
    if not any(may_open(node) for node in nodes):
        return f"this user may not open {nodes[0]}: usually it takes membership in the group render"
    return ""


def _nodes(folder: Path, pattern: str) -> list[Path]:
    with suppress(OSError):
        return sorted(folder.glob(pattern))
    return []


def _by_compiler(builds: tuple[str, ...], which: Callable[[str], str | None]) -> tuple[str, ...]:
    """Builds whose compiler is installed come first."""
    return tuple(sorted(builds, key=lambda build: which(_COMPILERS[build]) is None))


def _in_summary(text: str) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Names and builds of the GPUs in what `vulkaninfo --summary` prints; software drivers are left out."""
    for block in re.split(r"^GPU\d+:\s*$", text[:_LONGEST], flags=re.MULTILINE)[1:]:
        facts = dict(re.findall(r"^\s+(\w+)\s*=\s*(.+?)\s*$", block, re.MULTILINE))
        if facts.get("deviceType") in {
            "PHYSICAL_DEVICE_TYPE_DISCRETE_GPU",
            "PHYSICAL_DEVICE_TYPE_INTEGRATED_GPU",
            "PHYSICAL_DEVICE_TYPE_VIRTUAL_GPU",
        }:
            vendor = facts.get("vendorID", "")
            known = _VENDORS.get(int(vendor, 16)) if re.fullmatch(r"0x[0-9a-fA-F]{1,8}", vendor) else None
            yield facts.get("deviceName", "GPU"), known[1] if known else ("vulkan",)


def _vulkaninfo() -> str:
    if shutil.which("vulkaninfo") is None:
        return ""
    try:
        done = subprocess.run(
            ["vulkaninfo", "--summary"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_TIMEOUT,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.decode("utf-8", "replace")
