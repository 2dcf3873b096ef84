"""A device for these tests, and what they share. Without a Vulkan build of llama.cpp all of them are left out."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from mull.engine.native import devices, library
from mull.engine.native.devices import Device

collect_ignore_glob = ["test_*.py"]  # they are no part of `make test`
if os.environ.get("MULL_TEST_VULKAN"):
    collect_ignore_glob = []
    # ggml uses a software driver only where it is named; a card is device 0 as well.
    os.environ.setdefault("GGML_VK_VISIBLE_DEVICES", "0")

MISSING = (
    "no Vulkan device: make setup BACKEND=vulkan, or LLAMA_CPP_LIB_PATH, and a driver (mesa-vulkan-drivers)"
)


def vulkan_device() -> Device | None:
    """The first Vulkan device of this build."""
    if not devices.has_gpu_backend():
        return None
    library.prepare(Path(os.environ.get("MULL_STATE_DIR", "/nonexistent")))
    return next((device for device in devices.devices() if device.backend == "Vulkan"), None)


@pytest.fixture(scope="session")
def device() -> Device:
    found = vulkan_device()
    if found is None:
        pytest.skip(MISSING)
    return found


@pytest.fixture
def home(home: dict[str, str], device: Device) -> dict[str, str]:
    passed_on = ("LLAMA_CPP_LIB_PATH", "GGML_VK_VISIBLE_DEVICES")
    return {**home, **{name: os.environ[name] for name in passed_on if name in os.environ}}
