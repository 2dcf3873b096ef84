"""Run a program and measure what it takes: its processor time and its largest resident size.

A process counts the size of the one that it was forked from, so a small one starts it.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

STARTER = """
import json, os, sys
child = os.posix_spawn(sys.argv[1], sys.argv[1:], os.environ, setpgroup=0)
_, status, used = os.wait4(child, 0)
unit = 1 << 20 if sys.platform == "darwin" else 1 << 10
figures = os.waitstatus_to_exitcode(status), used.ru_utime + used.ru_stime, used.ru_maxrss / unit
print("\\n" + json.dumps(figures), file=sys.stderr)
"""


@dataclass(frozen=True)
class Measured:
    """`cpu` in seconds, `memory` in MB."""

    returncode: int
    stdout: bytes
    stderr: bytes
    cpu: float
    memory: float


def run_measured(command: Sequence[str], env: Mapping[str, str]) -> Measured:
    """Run the command to its end, without input. Not on Windows."""
    done = subprocess.run(
        [sys.executable, "-S", "-c", STARTER, *command],
        input=b"",
        capture_output=True,
        env=env,
        timeout=60,
        check=True,
    )
    stderr, _, figures = done.stderr.rstrip(b"\n").rpartition(b"\n")
    code, cpu, memory = json.loads(figures)
    return Measured(code, done.stdout, stderr, cpu, memory)
