"""The library's surroundings: its log, its devices, its threads, and the cheap import."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
from pathlib import Path

import pytest

from mull.engine import threads
from mull.engine.native import devices, library
from mull.engine.native.heap import state_buffer
from mull.engine.native.log import Log
from tests.model_files.scripted import write_scripted


def python(code: str, *arguments: object, **environment: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)],
        capture_output=True,
        check=False,
        env={**os.environ, **environment},
    )


ASK = """
import sys
from pathlib import Path
from mull.engine.engine import Engine, Piece, Request
from mull.engine.model import load
from mull.settings import EngineSettings, Sampling
from mull.errors import MullError
settings = EngineSettings(threads=1)
try:
    with load(Path(sys.argv[1]), settings, state_dir=Path(sys.argv[2])) as model, Engine(model, settings) as engine:
        for event in engine.generate(Request(model.tokenize("hi", special=True))):
            if isinstance(event, Piece):
                sys.stdout.buffer.write(event.data)
except MullError as error:
    print(error.message)
"""


def test_the_log_goes_to_a_file_and_never_to_the_screen(tmp_path: Path) -> None:
    path = write_scripted(tmp_path / "m.gguf", ["Hello", " there"])
    done = python(ASK, path, tmp_path / "state")
    assert (done.stdout, done.stderr, done.returncode) == (b"Hello there", b"", 0)
    log = (tmp_path / "state" / "llama.log").read_text(encoding="utf-8")
    assert "n_ctx" in log  # of the context; what is logged while the model loads costs time and is dropped
    assert "general.architecture" not in log


def test_debugging_logs_the_load_too(tmp_path: Path) -> None:
    path = write_scripted(tmp_path / "m.gguf", ["Hello", " there"])
    done = python(ASK, path, tmp_path / "state", MULL_DEBUG="1")
    assert (done.stdout, done.stderr, done.returncode) == (b"Hello there", b"", 0)
    log = (tmp_path / "state" / "llama.log").read_text(encoding="utf-8")
    assert "general.architecture" in log


def test_a_failed_load_is_quiet_and_gives_the_reason(tmp_path: Path) -> None:
    path = write_scripted(tmp_path / "m.gguf", ["Hello"])
    path.write_bytes(path.read_bytes().replace(b"llama", b"lxxma"))
    done = python(ASK, path, tmp_path / "state")
    assert done.stderr == b""
    assert b"cannot be loaded: " in done.stdout
    assert b"unknown model architecture: 'lxxma'" in done.stdout


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full")
def test_a_full_disk_costs_only_the_log(tmp_path: Path) -> None:
    path = write_scripted(tmp_path / "m.gguf", ["Hello", " there"])
    (tmp_path / "state").mkdir()
    (tmp_path / "state" / "llama.log").symlink_to("/dev/full")
    done = python(ASK, path, tmp_path / "state")
    assert (done.stdout, done.stderr) == (b"Hello there", b"")


def test_a_state_folder_that_cannot_be_created_costs_only_the_log(tmp_path: Path) -> None:
    path = write_scripted(tmp_path / "m.gguf", ["Hello", " there"])
    (tmp_path / "file").touch()
    done = python(ASK, path, tmp_path / "file" / "state")
    assert (done.stdout, done.stderr) == (b"Hello there", b"")


def test_the_log_stays_small(tmp_path: Path) -> None:
    log = Log(tmp_path / "llama.log", limit=1000)
    for number in range(200):
        log(2, f"line {number}\n".encode())
    data = (tmp_path / "llama.log").read_bytes()
    assert len(data) <= 1000
    assert data.endswith(b"line 199\n")


@pytest.mark.parametrize("debug", [False, True])
def test_lines_of_level_debug_are_written_on_request_only(tmp_path: Path, debug: bool) -> None:
    log = Log(tmp_path / "llama.log", debug=debug)
    log(1, b"a detail, ")
    log(5, b"continued\n")
    log(2, b"a fact, ")
    log(5, b"continued too\n")
    lines = (tmp_path / "llama.log").read_text().splitlines()[1:]
    assert lines == ["a detail, continued", "a fact, continued too"][not debug :]


def test_the_reason_of_a_failure(tmp_path: Path) -> None:
    log = Log(tmp_path / "llama.log")
    assert log.reason() is None
    log(2, b"some_function: all is well\n")
    assert log.reason() is None
    log(4, b"done_getting: something smaller\n")
    log(4, b"llama_model_load: error loading model: missing ")
    log(5, b"tensor 'x'\n")
    log(4, b"llama_model_load_from_file_impl: failed to load model\n")
    assert log.reason() == "missing tensor 'x'"
    log.forget()
    assert log.reason() is None
    log(4, b"f: \xff broken\n")
    assert log.reason() == "� broken"
    log(4, None)


# the bindings


def test_only_the_bindings_are_imported_and_the_package_stays_importable() -> None:
    done = python(
        "import sys\nfrom mull.engine.native import library\nlow = library.bindings()\n"
        "assert 'numpy' not in sys.modules and 'jinja2' not in sys.modules\n"
        "assert 'llama_cpp' not in sys.modules\n"
        "import llama_cpp\nassert llama_cpp.Llama and llama_cpp.llama_cpp is low\n"
    )
    assert (done.returncode, done.stderr) == (0, b"")


def test_an_imported_package_is_used_as_it_is() -> None:
    done = python(
        "import llama_cpp\nfrom mull.engine.native import library\nassert library.bindings() is llama_cpp.llama_cpp\n"
    )
    assert (done.returncode, done.stderr) == (0, b"")


def test_the_library_is_not_loaded_just_to_know_its_files(tmp_path: Path) -> None:
    done = python(
        "import sys\nfrom mull.engine.native import library, selfcheck\nfrom pathlib import Path\n"
        "assert library.library_files()\n"
        "selfcheck.check_library(Path(sys.argv[1]), command=lambda _: [sys.executable, '-c', 'print({})'])\n"
        "assert not any('llama_cpp' in name for name in sys.modules)\n",
        tmp_path,
    )
    assert (done.returncode, done.stderr) == (0, b"")


def test_a_missing_library_is_an_error_with_a_hint(tmp_path: Path) -> None:
    done = python(
        "import os, sys\nos.environ['LLAMA_CPP_LIB_PATH'] = sys.argv[1]\n"
        "from mull.engine.native import library\nfrom mull.errors import EngineError\n"
        "try:\n    library.bindings()\nexcept EngineError as error:\n    print(error.code, bool(error.hint))\n",
        tmp_path,
    )
    assert done.stdout.split() == [b"native_missing", b"True"]


def test_devices_have_names_and_memory(state_dir: Path) -> None:
    library.prepare(state_dir)
    found = devices.devices()
    cpus = [device for device in found if device.kind == "cpu"]
    assert cpus
    assert all(device.backend and device.memory_total > 0 for device in cpus)
    assert all(device.name and device.memory_total >= device.memory_free >= 0 for device in found)


def test_system_info_and_version(state_dir: Path) -> None:
    library.prepare(state_dir)
    assert "CPU" in library.system_info()
    assert library.version()
    assert any("llama" in path.name for path in library.library_files())


# threads


@pytest.mark.parametrize(
    ("text", "cpus"),
    [("0-3,8", {0, 1, 2, 3, 8}), ("5\n", {5}), ("", set()), ("junk", set()), ("0-1,4-5", {0, 1, 4, 5})],
)
def test_cpu_lists(text: str, cpus: set[int]) -> None:
    assert threads.parse_cpu_list(text) == cpus


def test_threads_are_at_most_the_cpus_this_process_may_use() -> None:
    import psutil

    assert 1 <= threads.default_threads() <= (psutil.cpu_count() or 1)


@pytest.mark.skipif(sys.platform != "linux", reason="cgroups")
@pytest.mark.parametrize(
    ("quota", "count"), [("max 100000", 0), ("150000 100000", 2), ("10000 100000", 1), ("", 0)]
)
def test_container_quotas(quota: str, count: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "cpu.max").write_text(quota, encoding="ascii")
    monkeypatch.setattr(threads, "_QUOTA", tmp_path / "cpu.max")
    assert threads._quota() == count


@pytest.mark.parametrize("size", [0, 1000, (2 << 20) - 1, 2 << 20, (4 << 20) + 5])
def test_the_memory_of_a_state_is_as_long_as_asked_for_and_stays(size: int) -> None:
    first, second = state_buffer(size), state_buffer(size)
    assert (len(first), not any(bytes(first))) == (size, True)
    first[:] = bytes([7]) * size
    gc.collect()
    assert bytes(first) == bytes([7]) * size
    assert not any(bytes(second))
