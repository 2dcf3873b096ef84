"""Fewer layers where a GPU has no memory for all, and a notice where layers are asked for in vain."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from mull.backends.gpu_layers import ignored, load_within_memory
from mull.engine.file_check import DEVICE_MEMORY
from mull.errors import EngineError
from mull.events import Notice
from mull.settings import EngineSettings
from tests.conftest import Run
from tests.model_files.scripted import write_scripted
from tests.reasoning.templates import PLAIN

LAYERS = 30


class Device:
    """A device that has memory for so many layers; it keeps the numbers that were tried."""

    def __init__(self, room: int) -> None:
        self.room = room
        self.tried: list[int | None] = []
        self.notices: list[Notice] = []

    def load(self, settings: EngineSettings) -> Any:
        self.tried.append(settings.gpu_layers)
        count = settings.gpu_layers
        if (LAYERS + 1 if count is None or count < 0 else count) > self.room:
            raise EngineError(DEVICE_MEMORY, "It does not fit.")
        return "loaded"

    def run(self, wanted: EngineSettings, layers: int | None = LAYERS) -> EngineSettings:
        model, used = load_within_memory("m", self.load, wanted, layers, self.notices.append)
        assert model == "loaded"
        return used


@pytest.mark.parametrize("room", [0, 1, 2, 7, 15, 29, 30])
@pytest.mark.parametrize("wanted", [None, -1])
def test_layers_are_taken_off_until_it_fits(room: int, wanted: int | None) -> None:
    device = Device(room)
    used = device.run(EngineSettings(gpu_layers=wanted, ctx=4096)).gpu_layers
    assert used is not None
    assert room / 2 < used <= room or used == room
    assert len(device.tried) <= 12
    assert [notice.code for notice in device.notices] == ["fewer_gpu_layers"]
    assert ("the CPU computes it" if used == 0 else f"{used} of its 31 layers") in device.notices[0].text


def test_nothing_is_said_where_it_fits() -> None:
    device = Device(31)
    assert device.run(EngineSettings(gpu_layers=-1)).gpu_layers == -1
    assert not device.notices


def test_a_number_that_the_user_chose_is_kept() -> None:
    device = Device(10)
    with pytest.raises(EngineError):
        device.run(EngineSettings(gpu_layers=20), None)
    assert device.tried == [20]


def test_another_failure_is_not_tried_again() -> None:
    def load(_: EngineSettings) -> Any:
        raise EngineError("native_missing", "No library.")

    with pytest.raises(EngineError, match="No library"):
        load_within_memory("m", load, EngineSettings(), LAYERS, lambda _: None)


def test_layers_that_stay_on_the_cpu_are_mentioned() -> None:
    assert ignored(EngineSettings()) is None
    assert ignored(EngineSettings(gpu_layers=0)) is None
    assert ignored(EngineSettings(device="none")) is None
    for settings in (EngineSettings(gpu_layers=10), EngineSettings(gpu_layers=-1, device="none")):
        notice = ignored(settings)
        assert notice is not None
        assert f"--gpu-layers {settings.gpu_layers} has no effect" in notice.text


def test_a_build_without_gpus_says_so_in_one_line(mull: Run, tmp_path: Path) -> None:
    path = write_scripted(tmp_path / "m.gguf", ["Hello", " there"], template=PLAIN)
    done = mull("ask", "-m", path, "--gpu-layers", "10", "hi")
    assert (done.returncode, done.stdout) == (0, b"Hello there\n")
    assert done.stderr.count(b"\n") == 1
    assert b"--gpu-layers 10 has no effect" in done.stderr
    events = [
        json.loads(line)
        for line in mull("ask", "-m", path, "--gpu-layers", "10", "--jsonl", "hi").stdout.splitlines()
    ]
    assert [event["code"] for event in events if event.get("event") == "notice"] == ["gpu_layers_ignored"]


def test_a_device_that_does_not_exist(mull: Run, tmp_path: Path) -> None:
    path = write_scripted(tmp_path / "m.gguf", ["Hello", " there"], template=PLAIN)
    done = mull("ask", "-m", path, "--device", "CUDA7", "hi")
    assert (done.returncode, done.stdout) == (1, b"")
    assert b'There is no device "CUDA7".' in done.stderr
    assert mull("ask", "-m", path, "--device", "none", "hi").stdout == b"Hello there\n"
    assert mull("config", "set", "device", "none").returncode == 0
    assert mull("ask", "-m", path, "hi").stdout == b"Hello there\n"
