"""The site of the docs, built once by `python -m docgen.site` where its packages are installed (make site)."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def python_of_the_site() -> str | None:
    """The interpreter that has the packages: of make site's environment, or this one."""
    for place in ("bin/python", "Scripts/python.exe"):
        if (ROOT / ".site" / place).is_file() and (ROOT / ".site" / "setup.stamp").is_file():
            return str(ROOT / ".site" / place)
    packages = ("sphinx", "myst_parser", "furo")
    return sys.executable if all(map(importlib.util.find_spec, packages)) else None


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the site."""
    python = python_of_the_site()
    if python is None:
        pytest.skip("the packages of the site are not installed: make site")
    place = tmp_path_factory.mktemp("site") / "site"
    done = subprocess.run(
        [python, "-m", "docgen.site", str(place)],
        env={**os.environ, "PYTHONPATH": str(ROOT / "cli")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return place
