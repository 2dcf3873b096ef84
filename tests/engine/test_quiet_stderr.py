"""What native code writes to descriptor 2 goes to the log; what Python writes to stderr still arrives."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = """
import os, subprocess, sys
from pathlib import Path
from mull.engine.native.quiet_stderr import divert
log = Path(sys.argv[1])
stderr = sys.stderr
print("before", file=sys.stderr)
divert(log)
divert(log)
os.write(2, b"native\\n")
print("after", file=stderr)
subprocess.run([sys.executable, "-c", "print(1 / 0)"], stderr=sys.stderr)
assert sys.stderr is stderr and stderr.fileno() != 2
"""


@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize("name", ["llama.log", "missing/llama.log"])
def test_only_python_reaches_the_screen(tmp_path: Path, name: str, unbuffered: str) -> None:
    log = tmp_path / name
    environment = {**os.environ, "PYTHONUNBUFFERED": unbuffered}
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, log],
        capture_output=True,
        text=True,
        env=environment,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0
    assert done.stderr.startswith("before\nafter\n")
    assert "ZeroDivisionError" in done.stderr
    assert "native" not in done.stderr
    assert not log.parent.exists() or log.read_text() == "native\n"
