"""What BACKEND chooses, and what it asks for before anything is compiled."""

from __future__ import annotations

import json
import os
import platform
import subprocess
from pathlib import Path

import pytest

from llama_build.backends import BACKENDS
from llama_build.packages import PACKAGES, how_to_install
from tests.llama_build.fake import Place
from tests.llama_build.test_faults import said

pytestmark = pytest.mark.skipif(platform.system() != "Linux", reason="the SDKs are sought as on Linux")
NVCC = """#!/bin/sh
case "$*" in
  --version) echo 'Cuda compilation tools, release 13.0, V13.0.88' ;;
  *dryrun*) echo '#$ TOP={top}' >&2 ;;
esac
"""


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """A machine with compilers and nothing else: the PATH has no SDK."""
    made = Place(tmp_path / "a folder")
    tools = tmp_path / "tools"
    tools.mkdir()
    for name in ("c++", "cc", "as", "ld", "sh", "env"):
        found = next(
            (Path(part, name) for part in os.environ["PATH"].split(":") if Path(part, name).exists()), None
        )
        if found:
            (tools / name).symlink_to(found)
    made.environment["PATH"] = str(tools)
    return made


@pytest.mark.parametrize(
    ("name", "meant"), [("cude", "Did you mean cuda? "), ("CPU", "Did you mean cpu? "), ("x", "")]
)
def test_an_unknown_backend(place: Place, name: str, meant: str) -> None:
    sentence, hint = said(place.run("--backend", name), 2)
    assert sentence == f"There is no BACKEND={name}."
    assert hint == f"{meant}Choose one of: cpu, cuda, vulkan, metal, hip, sycl."


@pytest.mark.parametrize(
    ("name", "variables", "installed"),
    [
        ("cuda", {"CUDACXX": "nvcc-from-nowhere"}, ""),
        ("hip", {}, "/opt/rocm"),
        ("sycl", {}, "/opt/intel"),
        ("metal", {}, ""),
    ],
)
def test_a_backend_without_its_sdk(
    place: Place, name: str, variables: dict[str, str], installed: str
) -> None:
    if installed and Path(installed).exists():
        pytest.skip(f"{installed} is installed here")
    sentence, hint = said(place.run("--backend", name, **variables))
    assert sentence.startswith(f"BACKEND={name} needs ")
    assert hint
    assert place.steps() == []


def test_cuda_without_cublas(place: Place) -> None:
    top = place.folder / "toolkit"
    top.mkdir()
    place.program("nvcc", NVCC.format(top=top))
    if list(Path("/usr/include").glob("cublas_v2.h")):
        pytest.skip("cuBLAS of the system is found")
    sentence, _ = said(place.run("--backend", "cuda"))
    assert "cuBLAS is missing (the header cublas_v2.h)" in sentence


def test_cuda_is_built_and_kept(place: Place) -> None:
    """Nothing is compiled here: what is checked is that a later run without BACKEND stays with CUDA."""
    top = place.folder / "toolkit"
    for file in ("include/cublas_v2.h", "lib64/libcublas.so"):
        (top / file).parent.mkdir(parents=True)
        (top / file).touch()
    place.program("nvcc", NVCC.format(top=top))
    done = place.run("--backend", "cuda")
    assert done.returncode == 0, done.stderr
    assert "No NVIDIA card answers here" in done.stderr
    remembered = json.loads((place.python.parents[1] / "llama-build.json").read_text())
    assert remembered["backend"] == "cuda"
    steps = place.steps()
    assert place.run().returncode == 0
    assert place.steps() == steps, "the CUDA build is still the one that is wanted"
    (place.folder / "programs" / "nvcc").unlink()
    assert place.run(CUDACXX="").returncode == 0, "installed; the toolkit was removed since"
    assert place.run("--backend", "cpu").returncode == 0
    assert json.loads((place.python.parents[1] / "llama-build.json").read_text())["backend"] == "cpu"


def test_cuda_compiles_for_the_cards_in_the_machine(place: Place) -> None:
    place.program("nvidia-smi", "#!/bin/sh\nprintf '8.9\\n8.6\\n8.9\\n'\n")
    from llama_build import cuda

    assert cuda._cards(place.environment) == ["86-real", "89-real"]
    place.program(
        "nvidia-smi", "#!/bin/sh\necho 'NVIDIA-SMI has failed because it could not find the driver'\nexit 9\n"
    )
    assert cuda._cards(place.environment) == []


def test_vulkan_with_old_headers_or_none(place: Place) -> None:
    include = place.folder / "sdk" / "include" / "vulkan"
    include.mkdir(parents=True)
    (include / "vulkan.hpp").touch()
    (include / "vulkan_core.h").write_text("#define VK_HEADER_VERSION 204\n")
    (include.parent / "spirv" / "unified1").mkdir(parents=True)
    (include.parent / "spirv" / "unified1" / "spirv.hpp").touch()
    sdk = {"VULKAN_SDK": str(place.folder / "sdk")}
    sentence, hint = said(place.run("--backend", "vulkan", **sdk))
    assert "glslc" in sentence
    assert "headers" not in sentence
    assert hint
    place.program("glslc", "#!/bin/sh\necho shaderc\n")
    library = place.folder / "sdk" / "lib"
    library.mkdir()
    subprocess.run(
        ["c++", "-shared", "-x", "c++", os.devnull, "-o", str(library / "libvulkan.so")], check=True
    )
    sentence, _ = said(place.run("--backend", "vulkan", **sdk))
    assert sentence == "The Vulkan headers here are too old: 1.3.204; 1.3.239 or newer is needed."
    (include / "vulkan_core.h").write_text("#define VK_HEADER_VERSION 239\n")
    assert place.run("--backend", "vulkan", **sdk).returncode == 0


@pytest.mark.parametrize(
    ("os_release", "command"),
    [
        ("ID=debian\n", "apt-get install g++"),
        ('NAME="Pop!_OS"\nID=pop\nID_LIKE="ubuntu debian"\n', "apt-get install g++"),
        ("ID=fedora\n", "dnf install gcc-c++"),
        ('ID="rocky"\nID_LIKE="rhel centos fedora"\n', "dnf install gcc-c++"),
        ('ID="opensuse-tumbleweed"\nID_LIKE="opensuse suse"\n', "zypper install gcc-c++"),
        ("ID=alpine\n", "apk add g++ linux-headers"),
        ("ID=plan9\n", "apt-get install g++, dnf install gcc-c++, pacman -S gcc, "),
        ("", "apt-get install g++, "),
    ],
)
def test_the_command_is_the_distributions(os_release: str, command: str) -> None:
    assert command in how_to_install("compiler", os_release)


def test_every_sdk_has_a_hint_everywhere() -> None:
    for what in PACKAGES:
        for name in ("debian", "fedora", "arch", "suse", "alpine", "plan9"):
            assert how_to_install(what, f"ID={name}\n").startswith(("Install it: ", "Get it from https://"))
    assert set(PACKAGES) - {"compiler"} == set(BACKENDS) - {"cpu", "metal"}
