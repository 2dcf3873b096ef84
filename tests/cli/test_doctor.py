"""`mull doctor`: the facts about this machine, and how the output of llama.cpp is parsed."""

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


def test_without_json_it_is_text(mull: Run) -> None:
    text = mull("doctor").stdout.decode()
    assert "Self-check\tpassed\n" in text
    assert "\x1b" not in text


def test_only_features_that_llama_cpp_has_kernels_for_are_listed() -> None:
    assert diagnostics.cpu_features("flags : fpu avx avx2 amx_int8 sse") == ("AVX", "AVX2", "AMX_INT8")
    assert diagnostics.compiled_features("CPU : AVX = 1 | AVX2 = 0 | FMA = 1 |") == ("AVX", "FMA")


def test_the_fix_is_a_command_that_avoids_the_cached_wheel() -> None:
    assert "--no-cache-dir" in diagnostics.rebuild_command()
    assert "--no-binary llama-cpp-python" in diagnostics.rebuild_command()
