"""The command that builds llama.cpp again, for each way to install mull, judged by made-up environments."""

from __future__ import annotations

import shlex
import subprocess
from pathlib import Path

import pytest

from mull.engine.diagnostics.repair import MULL, Environment, rebuild_command


def environment(
    prefix: Path, *, pip: bool = True, uv: bool = True, source: Path | None = None
) -> Environment:
    prefix.mkdir(parents=True, exist_ok=True)
    return Environment(
        prefix=prefix,
        python=str(prefix / "bin" / "python"),
        source=source or prefix / "lib" / "mull",
        has_pip=lambda: pip,
        which=lambda name: name if uv else None,
        system="Linux x86_64",
    )


def words(command: str) -> list[str]:
    return shlex.split(command)


def test_a_clone_is_set_up_again(tmp_path: Path) -> None:
    (tmp_path / "Makefile").touch()
    clone = environment(tmp_path / ".venv", source=tmp_path / "cli" / "mull")
    assert clone.installer == "clone"
    assert words(rebuild_command("vulkan", clone)) == [
        "make",
        "-B",
        "-C",
        str(tmp_path),
        "setup",
        "BACKEND=vulkan",
    ]
    assert words(rebuild_command(where=clone)) == ["make", "-B", "-C", str(tmp_path), "setup"]


def test_an_editable_install_elsewhere_is_not_the_clones(tmp_path: Path) -> None:
    (tmp_path / "Makefile").touch()
    elsewhere = environment(tmp_path / "other", source=tmp_path / "cli" / "mull")
    assert elsewhere.installer == "pip"


def test_uv_tool_has_no_pip_in_its_environment(tmp_path: Path) -> None:
    where = environment(tmp_path / "tools" / "mull", pip=False)
    (where.prefix / "uv-receipt.toml").touch()
    command = words(rebuild_command("cuda", where))
    assert command[:2] == ["CMAKE_ARGS=-DGGML_CUDA=on", f"CXXFLAGS=-include {MULL / 'data' / 'amx_tiles.h'}"]
    assert command[2:5] == ["uv", "pip", "install"]
    assert command[command.index("--python") + 1] == where.python
    assert "--no-cache" in command
    assert "pip" not in command[5:]


def test_pipx_is_asked_by_the_name_of_its_environment(tmp_path: Path) -> None:
    where = environment(tmp_path / "venvs" / "mull-chat")
    (where.prefix / "pipx_metadata.json").touch()
    command = words(rebuild_command("hip", where))
    assert command[0] == "CMAKE_ARGS=-DGGML_HIP=on"
    assert command[2:5] == ["pipx", "runpip", "mull-chat"]


def test_pip_builds_without_its_cache_and_at_the_installed_version(tmp_path: Path) -> None:
    where = environment(tmp_path / "with a space")
    command = words(rebuild_command(where=where))
    assert command[1:5] == [where.python, "-m", "pip", "install"]
    assert {"--no-cache-dir", "--no-binary", "--no-deps"} <= set(command)
    assert command[-1].startswith("llama-cpp-python==")


@pytest.mark.parametrize(("uv", "installer"), [(True, "uv"), (False, "unknown")])
def test_an_environment_without_pip(tmp_path: Path, uv: bool, installer: str) -> None:
    where = environment(tmp_path / "e", pip=False, uv=uv)
    assert where.installer == installer
    command = rebuild_command("vulkan", where)
    assert ("uv pip install" in command) is uv
    assert ("-m ensurepip && CMAKE_ARGS=" in command) is not uv


def test_every_command_is_one_that_a_shell_can_parse(tmp_path: Path) -> None:
    for backend in ("cpu", "cuda", "vulkan", "metal", "hip", "sycl"):
        command = rebuild_command(backend, environment(tmp_path / "it's here"))
        assert subprocess.run(["sh", "-n", "-c", command], check=False).returncode == 0
