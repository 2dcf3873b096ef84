"""LoRA adapters: the same answers as with merged weights, and files that are no adapters of a model."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mull.engine.adapters import attach
from mull.engine.engine import Engine
from mull.engine.kv.cache_key import family
from mull.engine.model import load
from mull.errors import ModelFileError
from tests.engine.conftest import ONE_THREAD, run
from tests.model_files.lora import write_lora, write_merged
from tests.model_files.random_model import TINY, cached

PROMPT = [20, 30, 40]


def answer(path: Path, state: Path, *adapters: str) -> list[int]:
    with load(path, ONE_THREAD, state_dir=state, trusted=True) as model:
        attach(model, adapters)
        with Engine(model, ONE_THREAD) as engine:
            return run(engine, PROMPT, max_tokens=40).tokens


@pytest.fixture
def style(tmp_path: Path) -> Path:
    return write_lora(tmp_path / "style.gguf", cached(TINY))


def test_an_adapter_is_what_it_would_be_merged(tmp_path: Path, state_dir: Path, style: Path) -> None:
    base, other = cached(TINY), write_lora(tmp_path / "other.gguf", cached(TINY), seed=8)
    plain = answer(base, state_dir)
    whole = answer(write_merged(tmp_path / "1.gguf", base, {style: 1.0}), state_dir)
    assert answer(base, state_dir, str(style)) == whole != plain
    half = answer(write_merged(tmp_path / "2.gguf", base, {style: 0.5, other: -0.25}), state_dir)
    assert answer(base, state_dir, f"{style}=0.5", f"{other}=-0.25") == half
    assert half not in (whole, plain)
    assert answer(base, state_dir, f"{style}=0") == plain


def test_adapters_and_scales_are_part_of_the_prompt_caches_key(state_dir: Path, style: Path) -> None:
    keys = set()
    with load(cached(TINY), ONE_THREAD, state_dir=state_dir, trusted=True) as model:
        for adapters in ((), (str(style),), (f"{style}=0.5",)):
            attach(model, adapters)
            keys.add(family(model, ONE_THREAD, long=False, flash=None))
    assert len(keys) == 3


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        ({"architecture": "llama"}, "architecture llama, not qwen3"),
        ({"weights": ("blk.9.attn_q.weight",)}, "does not exist in base model"),
        ({"weights": ()}, "no tensors"),
        ({"header": {"general.type": "model"}}, "no LoRA adapter"),
        ({"header": {"general.type": 7}}, "no LoRA adapter"),
        ({"header": {"adapter.lora.alpha": "8"}}, "alpha"),
        ({"header": {"adapter.alora.invocation_tokens": 1}}, "activated"),
        ({"kind": np.int32}, "type or a shape"),
    ],
)
def test_what_is_no_adapter_of_the_model_is_refused(
    tmp_path: Path, state_dir: Path, wrong: dict[str, Any], reason: str
) -> None:
    path = write_lora(tmp_path / "wrong.gguf", cached(TINY), **wrong)
    with pytest.raises(ModelFileError, match=reason):
        answer(cached(TINY), state_dir, str(path))
    assert len(answer(cached(TINY), state_dir)) == 40


def test_a_model_of_another_size_is_refused(tmp_path: Path, state_dir: Path) -> None:
    from dataclasses import replace

    from tests.model_files.random_model import write_random

    wide = write_random(tmp_path / "wide.gguf", replace(TINY, width=128))
    path = write_lora(tmp_path / "wide-style.gguf", wide)
    with pytest.raises(ModelFileError, match="incorrect shape"):
        answer(cached(TINY), state_dir, str(path))


@pytest.mark.parametrize("size", [0, 3, 40, 300])
def test_a_damaged_file_is_refused(tmp_path: Path, state_dir: Path, style: Path, size: int) -> None:
    cut = tmp_path / "cut.gguf"
    cut.write_bytes(style.read_bytes()[:size])
    with pytest.raises(ModelFileError):
        answer(cached(TINY), state_dir, str(cut))


def test_a_file_whose_numbers_are_missing_is_refused(tmp_path: Path, state_dir: Path, style: Path) -> None:
    cut = tmp_path / "cut.gguf"
    cut.write_bytes(style.read_bytes()[:-100])
    with pytest.raises(ModelFileError):
        answer(cached(TINY), state_dir, str(cut))
