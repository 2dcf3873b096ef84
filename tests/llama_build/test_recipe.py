"""The key of a build: everything that decides about the wheel, and nothing else."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from llama_build import compiler
from llama_build.errors import BuildError
from llama_build.recipe import LOCK, TOOLS_LOCK, pinned_requirement, recipe

PINNED = "llama-cpp-python==1"
ENVIRONMENT = {"PATH": os.environ["PATH"]}


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
def test_only_gcc_on_x86_gets_flags(macros: str, wanted: bool) -> None:
    assert bool(compiler.flags(macros)) is wanted


def test_the_key_covers_version_backend_variables_and_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    def key(pinned: str = PINNED, **variables: str) -> str:
        return recipe(pinned, "cpu", {**ENVIRONMENT, **variables}).key

    plain = key()
    assert key() == plain
    assert key(CMAKE_BUILD_PARALLEL_LEVEL="7", SOMETHING="else", MAKEFLAGS="-j7") == plain
    different = [
        key("llama-cpp-python==2"),
        key(CMAKE_ARGS="-DGGML_BLAS=ON"),
        key(CXXFLAGS="-O1"),
        key(LDFLAGS="-s"),
        key(CMAKE_BUILD_TYPE="Debug"),
    ]
    monkeypatch.setattr(compiler, "target", lambda _environment: "another CPU")
    different.append(key())
    assert len({plain, *different}) == len(different) + 1


def test_the_compiler_names_this_cpu() -> None:
    """What -march=native means here is in the key: a wheel that was built elsewhere has another one."""
    native = compiler.target(ENVIRONMENT)
    assert len(native) > 200
    assert native != compiler.macros(ENVIRONMENT) or os.uname().machine not in {"x86_64", "aarch64"}


def test_every_build_is_lean_and_uses_the_header(tmp_path: Path) -> None:
    made = recipe(PINNED, "cpu", {**ENVIRONMENT, "CXXFLAGS": "-O2"})
    assert made.defines["LLAVA_BUILD"] == "OFF"
    assert Path(made.defines["CMAKE_PROJECT_llama.cpp_INCLUDE"]).is_file()
    assert made.environment.get("CXXFLAGS", "").startswith("-O2")


def test_the_lock_pins_the_native_library_with_its_hash() -> None:
    pinned = pinned_requirement(LOCK.read_text())
    assert pinned.startswith("llama-cpp-python==")
    assert "--hash=sha256:" in pinned
    assert pinned.count("==") == 1
    with pytest.raises(BuildError, match="does not pin"):
        pinned_requirement("numpy==2\n")


def test_the_tools_of_the_build_are_pinned_with_hashes() -> None:
    pins = re.split(r"^(?=\S)", TOOLS_LOCK.read_text(), flags=re.MULTILINE)[1:]
    assert {"scikit-build-core", "cmake", "ninja"} <= {pin.partition("==")[0] for pin in pins}
    assert all("--hash=sha256:" in pin for pin in pins)
