"""Which memory ran out, judged by what llama.cpp logs; and a load that really finds none."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from mull.engine.file_check import refused
from mull.engine.native.memory_errors import lacking
from mull.errors import EngineError, ModelFileError
from tests.model_files.random_model import TINY, write_random


@pytest.mark.parametrize(
    ("reason", "on_gpu", "memory"),
    [
        ("unable to allocate CUDA0 buffer", True, "device"),
        ("unable to allocate CPU_REPACK buffer", True, "main"),
        ("unable to allocate CPU buffer", False, "main"),
        ("unable to allocate Vulkan_Host buffer", True, "main"),
        ("failed to allocate Vulkan0 buffer of size 123", True, "device"),
        ("failed to allocate buffer for kv cache", True, "device"),
        ("failed to allocate buffer for kv cache", False, "main"),
        ("failed to allocate compute pp buffers", False, "main"),
        ("mmap failed: Cannot allocate memory", False, "main"),
        ("std::bad_alloc", False, "main"),
        ("vk::Device::allocateMemory: ErrorOutOfDeviceMemory", True, "device"),
        ("allocating 100.00 MiB on device 0: cudaMalloc failed: out of memory", True, "device"),
        ("missing tensor 'output_norm.weight'", True, None),
        ("unknown model architecture: 'memory'", False, None),
        (None, True, None),
    ],
)
def test_the_reason_tells_which_memory(reason: str | None, on_gpu: bool, memory: str | None) -> None:
    assert lacking(reason, on_gpu=on_gpu) == memory


def test_only_a_bad_file_is_to_be_downloaded_again() -> None:
    path = Path("m.gguf")
    device = refused(path, "unable to allocate CUDA0 buffer", on_gpu=True)
    main = refused(path, "unable to allocate CPU buffer")
    file = refused(path, "missing tensor 'x'")
    assert (type(device), type(main), type(file)) == (EngineError, EngineError, ModelFileError)
    assert "--gpu-layers" in device.hint
    assert "quantization" in main.hint
    assert ["download it again" in error.hint for error in (device, main, file)] == [False, False, True]


@pytest.mark.skipif(sys.platform != "linux", reason="limits of memory are Linux's")
def test_a_file_larger_than_the_memory_that_is_left(tmp_path: Path, state_dir: Path) -> None:
    path = tmp_path / "model.gguf"
    write_random(path, TINY)
    with path.open("r+b") as file:  # mapped as a whole, read never
        file.truncate(path.stat().st_size + (1 << 30))
    script = (
        "import resource, sys\nfrom pathlib import Path\nfrom mull.engine.model import load\n"
        "from mull.engine.native import library\nfrom mull.errors import MullError\n"
        "from mull.settings import EngineSettings\n"
        "library.prepare(Path(sys.argv[2]))\n"
        "used = int(Path('/proc/self/statm').read_text().split()[0]) * resource.getpagesize()\n"
        "resource.setrlimit(resource.RLIMIT_AS, (used + (512 << 20),) * 2)\n"
        "try:\n    load(Path(sys.argv[1]), EngineSettings(threads=1), state_dir=Path(sys.argv[2]), trusted=True)\n"
        "except MullError as error:\n    print(error.code, '|', error.message)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, path, state_dir],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.stderr == ""
    assert done.stdout.startswith("out_of_memory | model.gguf needs more memory")
