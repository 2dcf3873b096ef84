"""The wheel in a clean environment."""

from __future__ import annotations

import site
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

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
