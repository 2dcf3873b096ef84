"""`mull doctor`: the facts about this machine, and how the output of llama.cpp is parsed."""

from __future__ import annotations

import json
from pathlib import Path

from mull.engine.diagnostics import diagnose
from tests.conftest import Run
from tests.endpoints.dialects import read_dialect
from tests.endpoints.scripted_server import serve


def test_it_reports_the_machine(mull: Run) -> None:
    done = mull("doctor", "--json")
    found = json.loads(done.stdout)
    assert done.returncode == 0
    assert found["v"] == 1
    assert found["healthy"] is True
    assert found["threads"] >= 1
    assert any(device["kind"] == "cpu" and device["memory_total"] > 0 for device in found["devices"])
    assert "llama.cpp log" in found["places"]
    assert Path(found["library"]).name.startswith(("libllama.", "llama."))
    cpu = next(device for device in found["devices"] if device["kind"] == "cpu")
    assert 0 < cpu["memory_free"] < cpu["memory_total"]


def test_without_json_it_is_text(mull: Run) -> None:
    text = mull("doctor").stdout.decode()
    assert "Self-check\tpassed\n" in text
    assert "\x1b" not in text


def test_only_features_that_llama_cpp_has_kernels_for_are_listed() -> None:
    assert diagnose.cpu_features("flags : fpu avx avx2 amx_int8 sse") == ("AVX", "AVX2", "AMX_INT8")
    assert diagnose.compiled_features("CPU : AVX = 1 | AVX2 = 0 | FMA = 1 |") == ("AVX", "FMA")


def test_endpoints_are_named_with_whether_they_answer(mull: Run, home: dict[str, str]) -> None:
    with serve() as server:
        read_dialect("vllm").play_on(server)
        (Path(home["MULL_CONFIG_DIR"]) / "config.toml").write_text(
            f'[endpoints.office]\nurl = "{server.url}/v1"\n[endpoints.away]\nurl = "http://127.0.0.1:9/v1"\n'
        )
        lines = mull("doctor").stdout.decode().splitlines()
        found = json.loads(mull("doctor", "--json").stdout)["endpoints"]
    assert f"Endpoint\toffice: vLLM answers, {server.url}/v1" in lines
    assert any(line.startswith("Endpoint\taway: Cannot connect") for line in lines)
    assert found == [{"name": "office", "answers": True}, {"name": "away", "answers": False}]
