"""What an endpoint costs the process that asks it: processor time for each token, memory, imports."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.backends.openai.conftest import Open

TOKENS = 1000
MOST_SECONDS = 0.5e-3
"""Of processor time for each token, on a machine however busy. Measured on a quiet one: 66 µs, connection included."""
MOST_MEMORY = 60  # MB; measured: 32

CHILD = """
import os, sys
from mull.__main__ import main

def leave(code, leave=os._exit):
    heavy = {"numpy", "llama_cpp", "jinja2", "httpx2", "rich", "prompt_toolkit", "jsonschema"}
    print(sorted(heavy & set(sys.modules)), file=sys.stderr)
    peak = next(line for line in open("/proc/self/status") if line.startswith("VmHWM"))
    print(peak.split()[1], file=sys.stderr, flush=True)
    leave(code)

os._exit = leave
try:
    main()
except SystemExit as error:
    leave(error.code or 0)
leave(0)
"""


def test_a_token_takes_little_processor_time(office: Open) -> None:
    here = office("llama_server")
    gap = 0.0005  # seconds: each token arrives alone
    chunks = here.dialect.chunks([], [f" word{number}" for number in range(TOKENS)])
    here.plays(*(step for chunk in chunks for step in (chunk, gap)))
    costs = []
    for _ in range(3):
        began = time.thread_time()
        assert here.ask().usage.answer >= TOKENS
        costs.append((time.thread_time() - began) / TOKENS)
    assert min(costs) < MOST_SECONDS


@pytest.mark.skipif(
    not Path("/proc/self/status").exists(), reason="the system does not tell the peak of memory"
)
def test_a_question_to_an_endpoint_loads_no_engine(office: Open, home: dict[str, str]) -> None:
    here = office("vllm")
    command = [sys.executable, "-c", CHILD, "-m", f"thinker@{here.server.url}", "--json", "Hi"]
    done = subprocess.run(command, env=home, capture_output=True, check=True)
    assert b"Forty-two." in done.stdout
    heavy, peak = done.stderr.decode().splitlines()[-2:]
    assert heavy == "[]"
    assert int(peak) / 1024 < MOST_MEMORY
