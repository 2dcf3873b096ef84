"""Programs and files of the GPU vendors' SDKs."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path


def find(name: str, environment: Mapping[str, str], folders: Sequence[str | None] = ()) -> Path | None:
    """A program on the PATH or in one of these folders; None where there is none."""
    places = [environment.get("PATH", os.defpath), *(folder for folder in folders if folder)]
    found = next(filter(None, (shutil.which(name, path=place) for place in places)), None)
    return Path(found) if found else None


def ask(program: Path, *arguments: str, environment: Mapping[str, str]) -> str:
    """What a program prints to both streams; empty if it does not start or takes longer than 20 seconds."""
    try:
        done = subprocess.run(
            [str(program), *arguments],
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=20,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout + done.stderr


def first(folders: Sequence[Path], patterns: Sequence[str]) -> Path | None:
    """The first file below one of these folders that matches one of these patterns."""
    return next((path for folder in folders for pattern in patterns for path in folder.glob(pattern)), None)


def from_variables(environment: Mapping[str, str], names: Sequence[str], below: str = "bin") -> list[str]:
    """A folder below each of the folders that these variables name."""
    return [str(Path(environment[name], below)) for name in names if environment.get(name)]
