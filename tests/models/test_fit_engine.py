"""The engine can load what a plan says fits: context and KV cache type, for each architecture the tests can build."""

from __future__ import annotations

from pathlib import Path

import pytest

from mull.engine.context import Context
from mull.engine.model import load
from mull.models.memory.machine import GIB, Machine, measure
from mull.models.memory.plan_file import plan_file
from mull.settings import EngineSettings
from tests.model_files.architectures import ARCHITECTURES
from tests.model_files.random_model import TINY, write_random
from tests.model_files.recurrent import write_recurrent
from tests.model_files.scripted import write_scripted


def build(architecture: str, path: Path) -> Path:
    if architecture == "random":
        write_random(path, TINY)
        return path
    if architecture == "recurrent":
        return write_recurrent(path)
    return write_scripted(path, ["one", " two"], architecture=architecture)


@pytest.mark.parametrize("kv_type", ["f16", "q8_0"])
@pytest.mark.parametrize("architecture", [*ARCHITECTURES, "recurrent", "random"])
def test_the_engine_creates_the_planned_context(
    architecture: str, kv_type: str, tmp_path: Path, checked_state: Path
) -> None:
    path = build(architecture, tmp_path / "model.gguf")
    found = plan_file(path, measure(), EngineSettings(kv_type=kv_type))
    assert found.fits
    settings = EngineSettings(ctx=found.ctx, gpu_layers=found.gpu_layers, kv_type=found.kv_type, threads=1)
    with load(path, settings, state_dir=checked_state, trusted=True) as model:
        context = Context(model, settings, found.ctx, 1)
        try:
            assert context.n_ctx >= found.ctx
        finally:
            context.close()


def test_too_little_memory_is_reported_before_loading(tmp_path: Path) -> None:
    path = build("random", tmp_path / "model.gguf")
    found = plan_file(path, Machine(GIB, GIB // 8), EngineSettings())
    assert not found.fits
    assert found.reasons
