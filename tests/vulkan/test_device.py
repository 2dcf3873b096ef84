"""Layers on a real Vulkan device: the same text, the plan's verdicts, stops, a lack of memory, a device that fails."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from mull.backends.load_plan import this_machine
from mull.engine.engine import Engine, Request
from mull.engine.model import load
from mull.engine.native.devices import Device
from mull.models.memory.plan_file import plan_file
from mull.settings import EngineSettings
from tests.conftest import Run
from tests.engine.conftest import GREEDY
from tests.model_files.random_model import RandomShape, write_random
from tests.model_files.scripted import write_scripted

SCRIPT = [f" word{number}" for number in range(40)]
SMALL = RandomShape("small", 2048, 256, 12, 4, 2, 64, 512, quantized=False, n_ctx=4096)


@pytest.fixture(scope="session")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("vulkan") / "small.gguf"
    write_random(path, SMALL)
    return path


@pytest.mark.parametrize("layers", ["0", "1", "-1"])
def test_a_script_is_the_same_with_any_number_of_layers(
    layers: str, mull: Run, tmp_path: Path, device: Device
) -> None:
    path = write_scripted(tmp_path / "m.gguf", SCRIPT)
    done = mull("-m", path, "--temp", "0", "--gpu-layers", layers, "--json", "hi", timeout=300)
    found = json.loads(done.stdout)
    assert (done.returncode, found["answer"].strip(), done.stderr) == (0, "".join(SCRIPT).strip(), b"")
    placed = found["placement"]
    assert placed["devices"] == ([] if layers == "0" else [device.name])
    assert placed["gpu_layers"] == (placed["layers"] if layers == "-1" else int(layers))
    assert placed["why"] == "as set"


def test_none_and_no_layers_leave_the_device_alone(
    mull: Run, home: dict[str, str], small: Path, device: Device
) -> None:
    log = Path(home["MULL_STATE_DIR"]) / "llama.log"
    long = "word " * 10  # llama.cpp would compute such a prompt on the device, without any layer there
    for flags in (("--gpu-layers", "0"), ("--device", "none")):
        log.unlink(missing_ok=True)
        assert mull("-m", small, *flags, "--max-tokens", "2", long, timeout=300).returncode == 0
        assert device.name not in log.read_text().partition("load_tensors")[2]
    log.unlink()
    mull("-m", small, "--device", device.name, "--max-tokens", "2", long, timeout=300)
    assert f"{device.name} compute buffer" in log.read_text()


def test_doctor_and_plan_know_the_device(mull: Run, small: Path, device: Device) -> None:
    found = json.loads(mull("doctor", "--json", timeout=120).stdout)
    assert device.name in [one["name"] for one in found["devices"]]
    assert plan_file(small, this_machine(speed=False), EngineSettings()).verdict == "gpu"
    without = EngineSettings(device="none")
    assert plan_file(small, this_machine(without, speed=False), without).verdict == "memory"


def test_an_unknown_device_names_this_one(mull: Run, small: Path, device: Device) -> None:
    done = mull("-m", small, "--device", device.name + "0", "hi", timeout=120)
    assert done.stdout == b""
    assert device.name.encode() in done.stderr


def test_too_little_device_memory_leaves_layers_on_the_cpu(mull: Run, small: Path, device: Device) -> None:
    tight = {"GGML_VK_FORCE_MAX_BUFFER_SIZE": str(small.stat().st_size // 2)}
    done = mull("-m", small, "--max-tokens", "2", "hi", env=tight, timeout=300)
    assert done.returncode == 0
    assert done.stderr.count(b"The GPU has no memory for") == 1
    done = mull("-m", small, "--max-tokens", "2", "--gpu-layers", "13", "hi", env=tight, timeout=300)
    assert done.returncode == 1
    assert b"--gpu-layers" in done.stderr
    assert b"ggml" not in done.stderr
    assert b"download" not in done.stderr


def test_a_context_that_does_not_fit_beside_the_weights_leaves_layers_on_the_cpu(
    mull: Run, tmp_path: Path, device: Device
) -> None:
    path = tmp_path / "long.gguf"
    write_random(path, replace(SMALL, n_ctx=32768))
    # Each buffer may have as much as the weights; the KV cache of 32,768 tokens needs 200 MB.
    tight = {"GGML_VK_FORCE_MAX_BUFFER_SIZE": str(path.stat().st_size)}
    flags = ("-m", path, "--ctx", "32768", "--max-tokens", "2")
    done = mull(*flags, "hi", env=tight, timeout=300)
    assert done.returncode == 0, done.stderr
    assert b"The GPU has no memory for" in done.stderr
    placed = json.loads(mull(*flags, "--json", "hi", env=tight, timeout=300).stdout)["placement"]
    assert placed["gpu_layers"] < placed["layers"] == 13
    assert placed["why"].startswith("the GPU has no memory for")
    done = mull(*flags, "--gpu-layers", "13", "--json", "hi", env=tight, timeout=300)
    assert (done.returncode, json.loads(done.stdout)["error"]["code"]) == (1, "device_memory")


def test_a_stop_waits_for_one_part_of_the_prompt(small: Path, device: Device, checked_state: Path) -> None:
    settings = EngineSettings(threads=1, gpu_layers=-1)
    with (
        load(small, settings, state_dir=checked_state, trusted=True) as model,
        Engine(model, settings) as engine,
    ):
        prompt = [3 + number % 1000 for number in range(3000)]
        for _ in engine.generate(Request(prompt[:64], GREEDY, max_tokens=1)):  # compiles the shaders
            pass
        stop_at = time.perf_counter() + 0.5
        for _ in engine.generate(
            Request(prompt, GREEDY, max_tokens=1), lambda: time.perf_counter() > stop_at
        ):
            pass
        late = time.perf_counter() - stop_at
        rate = 32 / max(engine._chunk.tokens, 32)
        assert late <= 0.2 or rate == 1


LOST = """
import ctypes, sys
from mull.engine.native import library
from mull.__main__ import main
llama = library.bindings()
base = ctypes.CDLL(str(next(path for path in library.library_files() if path.name.startswith("libggml-base."))))
decode, count = llama.llama_decode, 0
def failing(context, batch):
    global count
    count += 1
    if count > 12:
        base.ggml_abort(b"device.cpp", 1, b"the device is lost")
    return decode(context, batch)
llama.llama_decode = failing
sys.argv = ["mull", *sys.argv[1:]]
main()
"""


def test_a_device_that_fails_ends_the_answer_with_an_error(
    home: dict[str, str], tmp_path: Path, device: Device
) -> None:
    path = write_scripted(tmp_path / "m.gguf", SCRIPT)
    done = subprocess.run(
        [sys.executable, "-c", LOST, "ask", "-m", path, "--temp", "0", "--json", "hi"],
        capture_output=True, env=home, cwd=tmp_path, timeout=300, check=False,
    )  # fmt: skip
    found = json.loads(done.stdout)
    assert (done.returncode, found["finish"], found["error"]["code"]) == (1, "error", "device_lost")
    assert found["usage"]["answer"] > 8
    assert done.stderr == b""
    text = subprocess.run(
        [sys.executable, "-c", LOST, "ask", "-m", path, "--temp", "0", "hi"],
        capture_output=True, env=home, cwd=tmp_path, timeout=300, check=False,
    )  # fmt: skip
    assert (text.returncode, text.stdout[:13]) == (1, b" word0 word1 ")
    assert text.stderr.startswith(b"Error: The GPU failed: device.cpp:1: the device is lost.")


def test_bench_compares_the_device_with_the_cpu(mull: Run, small: Path, device: Device) -> None:
    done = mull("bench", "-m", small, "--prompt", "64", "--tokens", "8", "--depth", "0", "--rounds", "1",
                "--vs", "device=none", "--json", timeout=600)  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["v"] == 1
