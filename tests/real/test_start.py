"""What a plain question must not wait for, with a model large enough to be planned for."""

from __future__ import annotations

import subprocess
import sys

import pytest

pytestmark = [pytest.mark.real, pytest.mark.timeout(300)]

SLOW = {"numpy", "psutil", "huggingface_hub", "rich", "prompt_toolkit", "llguidance"}
PROGRAM = """
import atexit, sys
atexit.register(lambda: print(*sys.modules, file=sys.stderr))
from mull.__main__ import main
main()
"""


@pytest.mark.parametrize("sampling", [(), ("--temp", "0")])
@pytest.mark.usefixtures("path")
def test_no_slow_module_is_imported(home: dict[str, str], sampling: tuple[str, ...]) -> None:
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            PROGRAM,
            "-q",
            "-m",
            "smollm2",
            *sampling,
            "--max-tokens",
            "4",
            "Name a colour.",
        ],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        env={**home, "MULL_PACKAGES": "1"},
        check=True,
    )
    assert done.stdout.strip()
    assert "mull.turn.turn" in done.stderr.split()
    assert not SLOW & {*done.stderr.split()}
