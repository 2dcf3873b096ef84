"""The layout agrees with llama.cpp: weights, KV cache, recurrent state and compute buffers, for each architecture."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from mull.models.memory.layout import MemoryLayout, from_header
from tests.models import simulate

MODELS = json.loads((Path(__file__).parent / "architectures.json").read_text())


@pytest.fixture(scope="module")
def reported(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """llama.cpp's report on every model, from a child process: there is one log callback per process."""
    folder = tmp_path_factory.mktemp("shapes")
    done = subprocess.run(
        [sys.executable, simulate.__file__, str(folder)],
        capture_output=True,
        text=True,
        timeout=150,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def layout_of(model: dict[str, Any]) -> MemoryLayout:
    sizes = [(name, simulate.size_of(name, shape)) for name, shape in simulate.tensors(model)]
    return from_header(simulate.metadata(model), sizes)


@pytest.mark.parametrize("name", MODELS)
def test_the_layout_is_within_ten_percent_of_llama_cpps_report(name: str, reported: dict[str, Any]) -> None:
    layout, real = layout_of(MODELS[name]), reported[name]
    assert layout.weights == pytest.approx(real["weights"], rel=0.001)
    for ctx, kind in [*((ctx, "f16") for ctx in simulate.CONTEXTS), (4096, "q8_0")]:
        theirs = real[f"{ctx} {kind}"]
        assert layout.memory(ctx, kind) == pytest.approx(theirs["memory"], rel=0.02, abs=0.02 * 2**20), (
            ctx,
            kind,
        )
        mine = layout.weights + layout.memory(ctx, kind) + layout.compute(ctx)
        assert mine == pytest.approx(sum(theirs.values()) + real["weights"], rel=0.1), (ctx, kind)


@pytest.mark.parametrize("name", MODELS)
def test_the_compute_buffer_has_the_right_size(name: str, reported: dict[str, Any]) -> None:
    layout = layout_of(MODELS[name])
    for ctx in simulate.CONTEXTS:
        assert layout.compute(ctx) == pytest.approx(
            reported[name][f"{ctx} f16"]["compute"], rel=0.3, abs=16 * 2**20
        ), ctx
