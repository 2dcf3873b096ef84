"""The wheel in a clean environment, and the build of the native library."""

from __future__ import annotations

import importlib.util
import platform
import re
import shutil
import site
import subprocess
import sys
import venv
import zipfile
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dist")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)], cwd=ROOT, check=True
    )
    return next(folder.glob("*.whl"))


@pytest.mark.slow
def test_wheel_has_all_data_files_and_no_other_package(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    assert {"mull/app.py", "mull/models.toml", "mull/data/pebble.gguf", "mull/data/amx_tiles.h"} <= set(names)
    assert "mull/session.schema.json" in names
    shared = {name.partition(".data/data/")[2] for name in names if ".data/data/" in name}
    assert {"share/man/man1/mull.1", "share/bash-completion/completions/mull"} <= shared
    assert {"share/zsh/site-functions/_mull", "share/fish/vendor_completions.d/mull.fish"} <= shared
    inside = [name for name in names if ".dist-info" not in name and ".data/data/" not in name]
    assert {name.split("/")[0] for name in inside} == {"mull"}


@pytest.mark.slow
def test_installed_wheel_answers(wheel: Path, home: dict[str, str], tmp_path: Path) -> None:
    place = tmp_path / "clean environment"
    venv.create(place, with_pip=False)
    subprocess.run(
        [sys.executable, "-m", "pip", "--python", str(place), "install", "-q", "--no-deps", str(wheel)],
        check=True,
    )
    scripts = place / ("Scripts" if sys.platform == "win32" else "bin")
    packages = next(place.rglob("site-packages"))
    # The dependencies come from this environment. Python does not read the .pth files of a folder that a .pth names,
    # so the editable mull of this environment stays out.
    (packages / "dependencies.pth").write_text("\n".join(site.getsitepackages()))
    environment = {name: value for name, value in home.items() if name != "PYTHONPATH"}

    def run(*arguments: str) -> str:
        command = [str(scripts / "mull"), *arguments]
        return subprocess.run(
            command,
            env=environment,
            cwd=tmp_path,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=True,
        ).stdout

    assert run("--version").startswith("mull ")
    where = [str(scripts / "python"), "-c", "import mull; print(mull.__file__)"]
    loaded = subprocess.run(
        where, env=environment, cwd=tmp_path, capture_output=True, text=True, check=True
    ).stdout
    assert str(place) in loaded
    assert "12" in run("What is 5 + 7?")


@pytest.fixture
def build() -> ModuleType:
    spec = importlib.util.spec_from_file_location("llama_build", ROOT / "cli" / "llama_build" / "__main__.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    ("macros", "wanted"),
    [
        ("#define __GNUC__ 12\n#define __x86_64__ 1\n", True),
        ("#define __GNUC__ 4\n#define __x86_64__ 1\n#define __clang__ 1\n", False),
        ("#define __GNUC__ 12\n#define __aarch64__ 1\n", False),
        ("", False),
    ],
    ids=["gcc-x86", "clang-x86", "gcc-arm", "msvc"],
)
def test_only_gcc_on_x86_gets_flags(build: ModuleType, macros: str, wanted: bool) -> None:
    assert bool(build.compiler_flags(macros)) is wanted


def test_build_key_depends_on_version_flags_and_environment(
    build: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = build.build_key("llama-cpp-python==1", "")
    assert build.build_key("llama-cpp-python==2", "") != plain
    assert build.build_key("llama-cpp-python==1", "-include x.h") != plain
    monkeypatch.setenv("CMAKE_ARGS", "-DGGML_CUDA=on")
    assert build.build_key("llama-cpp-python==1", "") != plain


def test_lock_file_pins_the_native_library_with_its_hash(build: ModuleType) -> None:
    pinned = build.pinned_requirement((ROOT / "requirements.lock").read_text())
    assert pinned.startswith("llama-cpp-python==")
    assert "--hash=sha256:" in pinned
    assert pinned.count("==") == 1


def test_the_build_requirements_are_pinned_with_hashes_and_nothing_else_is_installed(
    build: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    lock = build.BUILD_LOCK.read_text()
    pins = re.split(r"^(?=\S)", lock, flags=re.MULTILINE)[1:]
    assert {"scikit-build-core", "cmake", "ninja"} <= {pin.partition("==")[0] for pin in pins}
    assert all("--hash=sha256:" in pin for pin in pins)

    commands: list[list[str]] = []

    def run(command: Sequence[str | Path], _environment: dict[str, str] | None = None) -> None:
        commands.append([str(word) for word in command])
        if "wheel" in commands[-1]:
            Path(commands[-1][-1], "llama_cpp_python-1-py3-none-any.whl").touch()

    monkeypatch.setattr(build, "run", run)
    pinned = "llama-cpp-python==1 --hash=sha256:0"
    assert build.build(Path(sys.executable), pinned, "", tmp_path).parent == tmp_path
    environment, install, wheel = commands
    assert environment[:3] == [sys.executable, "-m", "venv"]
    assert install[0] == wheel[0]
    assert Path(install[0]).is_relative_to(environment[3])
    assert {"--require-hashes", "--only-binary", "--no-deps", str(build.BUILD_LOCK)} <= set(install)
    assert {"--require-hashes", "--no-build-isolation", "--no-deps"} <= set(wheel)


AMX = """
#include <immintrin.h>
void configure(unsigned short columns, unsigned char rows) {
    struct { unsigned char palette = 1, start = 0, reserved[14] = {0}; unsigned short columns[16] = {0};
             unsigned char rows[16] = {0}; } tiles;
    for (int i = 0; i < 8; i++) { tiles.columns[i] = columns; tiles.rows[i] = rows; }
    _tile_loadconfig(&tiles);
}
"""


@pytest.mark.skipif(platform.machine() != "x86_64" or not shutil.which("g++"), reason="needs GCC on x86-64")
def test_compiler_stores_the_whole_tile_configuration(tmp_path: Path) -> None:
    """Without the header GCC 12 drops the stores of columns and rows, and the arguments are never read."""
    source = tmp_path / "tiles.cpp"
    source.write_text(AMX)
    header = ROOT / "cli" / "mull" / "data" / "amx_tiles.h"
    command = ["g++", "-O3", "-mamx-tile", "-include", str(header), "-S", "-o", "-", str(source)]
    assembly = subprocess.run(command, capture_output=True, text=True, check=False)
    if assembly.returncode:
        pytest.skip(f"this g++ does not know AMX: {assembly.stderr.splitlines()[0]}")
    before, found, _ = assembly.stdout.partition("ldtilecfg")
    assert found
    assert "%edi" in before, "the columns"
    assert "%esi" in before or "%sil" in before, "the rows"
