"""`make try`: two answers, one by the built-in pebble, one by a small general model that comes as a Python package.

In: a checkout whose environment is ready. Out: the answers, and what to type next. Without a network, or with a package
that is not the pinned one, a line says so, and pebble has answered alone.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from mull.models.disk.packaged import installed_name

REQUIREMENTS = Path(__file__).parent / "requirements.txt"
PEBBLE_QUESTION = "How many r's are in strawberry?"
GENERAL_QUESTION = "What is photosynthesis? Answer in one sentence."  # sensible with each of six seeds
NOT_PUBLISHED = "What came is not the published package (its SHA-256 differs), so it was not installed."
NOT_REACHED = "It could not be downloaded; make try gets it when there is a network."


def main() -> int:
    """The exit code: pebble's, with or without the general model."""
    mull = os.path.relpath(Path(sys.executable).parent / "mull")
    code = _ask(mull, PEBBLE_QUESTION, "--thinking", "show")
    general = _general_model()
    if general is not None:
        _ask(mull, GENERAL_QUESTION, "-m", general)
    print(f"\nNext: {mull}{f' -m {general}' if general else ''}", flush=True)
    return code


def run_pip(
    requirements: Path, *options: str, python: Sequence[str] = ()
) -> subprocess.CompletedProcess[str]:
    """Install the package alone: llm and llama-cpp-python, on which it depends, are not needed for the model."""
    quiet = ("-q", "--disable-pip-version-check", "--no-input", "--retries", "1", "--timeout", "15")
    exactly = ("--no-deps", "--require-hashes", "--only-binary", ":all:", "-r", str(requirements))
    command = [sys.executable, "-m", "pip", *python, "install", *quiet, *options, *exactly]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def problem(done: subprocess.CompletedProcess[str]) -> str | None:
    """Why the package was not installed, in a sentence; None if it was."""
    if done.returncode == 0:
        return None
    return NOT_PUBLISHED if "DO NOT MATCH THE HASHES" in done.stderr else NOT_REACHED


def _ask(mull: str, question: str, *flags: str) -> int:
    print(f'\n$ {" ".join((mull, *flags))} "{question}"', flush=True)
    command = [sys.executable, "-m", "mull", "ask", "--no-save", *flags, question]
    return subprocess.run(command, check=False).returncode


def _general_model() -> str | None:
    """The name of the general model, installed now if it was not; None without it."""
    if name := installed_name():
        return name
    print("\nGetting SmolLM2-135M-Instruct, a small general model (98 MB, Apache-2.0) …", flush=True)
    if why := problem(run_pip(REQUIREMENTS)):
        print(why, flush=True)
    return installed_name()


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
