"""The wheel and the source distribution, each installed into a clean environment; nothing is downloaded.

The dependencies come from the environment that runs the tests. The commands of docs/installing.md that need the network
are `uv tool install` and `pipx install`, which do the same in an environment that they make.
"""

from __future__ import annotations

import re
import site
import subprocess
import sys
import tarfile
import venv
import zipfile
from collections.abc import Mapping
from pathlib import Path

import pytest

from mull import __version__

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "installing.md"
SCRIPTS = "Scripts" if sys.platform == "win32" else "bin"
SHARED = (
    "share/man/man1/mull.1",
    "share/bash-completion/completions/mull",
    "share/zsh/site-functions/_mull",
    "share/fish/vendor_completions.d/mull.fish",
)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Path]:
    """Both distributions, by kind."""
    folder = tmp_path_factory.mktemp("dist")
    subprocess.run([sys.executable, "-m", "hatchling", "build", "-d", str(folder)], cwd=ROOT, check=True)
    return {"wheel": next(folder.glob("*.whl")), "sdist": next(folder.glob("*.tar.gz"))}


@pytest.mark.slow
def test_the_wheel_has_all_data_files_and_no_other_package(built: Mapping[str, Path]) -> None:
    names = zipfile.ZipFile(built["wheel"]).namelist()
    assert {"mull/app.py", "mull/models.toml", "mull/data/pebble.gguf", "mull/data/amx_tiles.h"} <= set(names)
    assert "mull/session.schema.json" in names
    suites = {path.name for path in (ROOT / "cli" / "mull" / "data" / "suites").glob("*.jsonl")}
    assert len(suites) >= 8
    assert {f"mull/data/suites/{name}" for name in suites} <= set(names)
    assert set(SHARED) <= {name.partition(".data/data/")[2] for name in names}
    inside = [name for name in names if ".dist-info" not in name and ".data/data/" not in name]
    assert {name.split("/")[0] for name in inside} == {"mull"}


@pytest.mark.slow
def test_the_source_distribution_can_be_set_up_like_a_clone(built: Mapping[str, Path]) -> None:
    with tarfile.open(built["sdist"]) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    needed = {"Makefile", "pyproject.toml", "requirements.lock", "cli/llama_build/requirements.lock"}
    assert needed <= names
    assert {"README.md", "LICENSE", "CHANGELOG.md", "docs/installing.md", "tests/conftest.py"} <= names
    assert not [name for name in names if "__pycache__" in name or name.startswith(".venv")]


def installs(python: str) -> dict[str, list[str]]:
    """The installers' commands, for an environment whose interpreter is `python`; the package comes last."""
    alone = ["--no-deps", "--no-build-isolation"]
    return {
        "pip": [sys.executable, "-m", "pip", "--python", python, "install", "-q", *alone],
        "uv": [sys.executable, "-m", "uv", "pip", "install", "-q", "--python", python, "--offline", *alone],
    }


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["wheel", "sdist"])
@pytest.mark.parametrize("installer", installs(""))
def test_an_installed_mull_answers(
    built: Mapping[str, Path], installer: str, kind: str, home: dict[str, str], tmp_path: Path
) -> None:
    place = tmp_path / "clean environment"
    venv.create(place, with_pip=False)
    python = str(place / SCRIPTS / "python")
    packages = next(place.rglob("site-packages"))
    # Python does not read the .pth files of a folder that a .pth names, so an editable mull there stays out.
    (packages / "dependencies.pth").write_text("\n".join(site.getsitepackages()))
    subprocess.run([*installs(python)[installer], str(built[kind])], check=True)
    environment = {name: value for name, value in home.items() if name != "PYTHONPATH"}

    def run(*command: str) -> str:
        done = subprocess.run(
            command,
            env=environment,
            cwd=tmp_path,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout

    mull = str(place / SCRIPTS / "mull")  # by its path, as with PATH unset
    assert run(mull, "--version") == f"mull {__version__}\n"
    assert str(place) in run(python, "-c", "import mull; print(mull.__file__)")
    named = "from importlib.metadata import version; print(version('mull-chat'))"
    assert run(python, "-c", named) == f"{__version__}\n"
    assert run(mull, "What is 5 + 7?") == "12\n"
    assert all((place / name).is_file() for name in SHARED)


@pytest.mark.slow
def test_an_old_python_is_refused_by_every_installer(built: Mapping[str, Path]) -> None:
    with zipfile.ZipFile(built["wheel"]) as archive:
        (name,) = [one for one in archive.namelist() if one.endswith(".dist-info/METADATA")]
        metadata = archive.read(name).decode()
    assert "\nName: mull-chat\n" in metadata
    assert "\nRequires-Python: >=3.11\n" in metadata


def test_the_page_says_what_pyproject_says() -> None:
    page, project = PAGE.read_text(encoding="utf-8"), (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    assert 'name = "mull-chat"' in project
    python = re.search(r'requires-python = ">=(.*)"', project)
    pinned = re.search(r'"(llama-cpp-python==.*?)"', project)
    assert python is not None
    assert pinned is not None
    assert f"Python {python[1]} or newer" in page
    assert pinned[1] in page
    assert not re.search(r"(pip|pipx|tool) install (-\S+ )*mull\b(?!-)", page)
