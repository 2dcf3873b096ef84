"""`mull doctor`: what it finds on this machine, and the words it makes of what llama.cpp says."""

from __future__ import annotations

import json

from mull.engine import diagnostics
from tests.conftest import Run


def test_it_reports_the_machine(mull: Run) -> None:
    done = mull("doctor", "--json")
    found = json.loads(done.stdout)
    assert done.returncode == 0
    assert found["v"] == 1
    assert found["healthy"] is True
    assert found["threads"] >= 1
    assert any(device["kind"] == "cpu" and device["memory_total"] > 0 for device in found["devices"])
    assert "llama.cpp log" in found["places"]


def test_for_people_it_is_text(mull: Run) -> None:
    told = mull("doctor").stdout.decode()
    assert "Self-check" in told
    assert "passed" in told
    assert "\x1b" not in told


def test_features_are_those_that_llama_cpp_knows() -> None:
    assert diagnostics.cpu_features("flags : fpu avx avx2 amx_int8 sse") == ("AVX", "AVX2", "AMX_INT8")
    assert diagnostics.compiled_features("CPU : AVX = 1 | AVX2 = 0 | FMA = 1 |") == ("AVX", "FMA")


def test_the_fix_is_a_command_that_avoids_the_cached_wheel() -> None:
    assert "--no-cache-dir" in diagnostics.rebuild_command()
    assert "--no-binary llama-cpp-python" in diagnostics.rebuild_command()
