"""States converted from the flash-attention layout to the other one: the same memory, or nothing where the layout is
unknown."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from mull.engine.compute_params import FLASH_CONTEXT
from mull.engine.context import Context
from mull.engine.engine import Engine
from mull.engine.kv.state_store import StateStore
from mull.engine.kv.transpose_v import transpose_v
from mull.engine.model import Model
from mull.engine.request import Piece, Request
from mull.settings import EngineSettings, Sampling
from tests.engine.conftest import run
from tests.model_files.random_model import TINY, write_random

Start = Callable[..., Engine]
Open = Callable[[Path], Model]

PROMPT = list(range(10, 110))
GREEDY = Sampling(temperature=0.0)


@pytest.fixture
def context(open_model: Open) -> Iterator[Callable[..., Context]]:
    """Contexts of 256 tokens: `context(model, flash=...)`."""
    contexts: list[Context] = []

    def make(model: Model, *, flash: bool, kv_type: str | None = None) -> Context:
        settings = EngineSettings(threads=1, flash_attention=flash, kv_type=kv_type)
        contexts.append(Context(model, settings, 256, 1))
        return contexts[-1]

    yield make
    for one in contexts:
        one.close()


def computed(context: Context) -> Any:
    """The state after PROMPT."""
    context.batch.clear()
    context.batch.add(PROMPT, 0, 0, logits=True)
    assert context.decode(lambda: False) == 0
    state = context.save(0)
    assert state is not None
    return state


@pytest.mark.parametrize("window", [0, 16])
def test_a_converted_state_equals_that_of_the_other_context(
    context: Callable[..., Context], open_model: Open, tmp_path: Path, window: int
) -> None:
    more = {"architecture": "gemma3", "attention.sliding_window": window} if window else {}
    model = open_model(write_random(tmp_path / "model.gguf", TINY, **more))
    state = computed(context(model, flash=True))
    other = context(model, flash=False)
    assert not other.restore(0, state)
    other_way = transpose_v(state)
    assert other_way is not None
    assert other.restore(0, other_way)
    assert bytes(other.save(0) or b"") == bytes(other_way) != bytes(state)
    assert bytes(transpose_v(other_way, back=True) or b"") == bytes(state)


def test_an_unknown_layout_is_not_converted(
    context: Callable[..., Context], open_model: Open, tiny_path: Path
) -> None:
    model = open_model(tiny_path)
    state = computed(context(model, flash=True))
    for size in (0, 3, 8, 100, len(state) // 2, len(state) - 1):
        part = (ctypes.c_uint8 * size)(*state[:size])
        assert transpose_v(part) is None
        assert transpose_v(part, back=True) is None
    assert transpose_v(state, back=True) is None  # not transposed
    assert transpose_v(computed(context(model, flash=False))) is None  # transposed already
    assert transpose_v(computed(context(model, flash=True, kv_type="q8_0"))) is None


def test_an_answer_that_outgrows_its_context_continues_from_the_same_state(
    start: Start, tiny_path: Path
) -> None:
    engine = start(tiny_path)
    small = Request(PROMPT, GREEDY, max_tokens=600)
    said: list[Piece] = []
    with engine.generate(small) as generation:
        generation.top_logprobs = 3
        for event in generation:
            said += [event] if isinstance(event, Piece) else []
            if engine.n_ctx == FLASH_CONTEXT:
                before = len(said)
    assert len(said) == 600
    assert 300 < before < FLASH_CONTEXT
    prompt = [*PROMPT, *(piece.token for piece in said[: before + 5])]
    fresh = start(tiny_path)
    with fresh.generate(Request(prompt, GREEDY, max_tokens=600)) as generation:
        generation.top_logprobs = 3
        first = next(event for event in generation if isinstance(event, Piece))
    after = said[before + 5]
    assert after.logprobs is not None
    assert first.logprobs is not None
    assert dict(after.logprobs.top) == pytest.approx(dict(first.logprobs.top), abs=0.05)


def test_a_prompt_with_the_same_prefix_finds_the_state_of_the_small_context(
    start: Start, tiny_path: Path, tmp_path: Path
) -> None:
    state_store = StateStore(tmp_path / "prefixes", 1 << 30, min_seconds=0.0)
    engine = start(tiny_path, state_store=state_store)
    first = run(engine, [*PROMPT, *PROMPT, 5], max_tokens=600)
    assert engine.n_ctx > FLASH_CONTEXT
    engine.save_prompt_cache(lambda: [*PROMPT, *PROMPT, 5, *first.tokens])
    assert len(state_store.entries()) == 2
    again = run(start(tiny_path, state_store=state_store), [*PROMPT, *PROMPT, 6], max_tokens=20)
    plain = run(start(tiny_path), [*PROMPT, *PROMPT, 6], max_tokens=20)
    assert again.cached > 0 == plain.cached
    assert again.tokens == plain.tokens


def test_a_grown_conversation_continues_from_the_state_of_the_small_context(
    start: Start, tiny_path: Path, tmp_path: Path
) -> None:
    state_store = StateStore(tmp_path / "prefixes", 1 << 30, min_seconds=0.0)
    engine = start(tiny_path, state_store=state_store)
    first = run(engine, PROMPT, max_tokens=100)
    assert engine.n_ctx <= FLASH_CONTEXT
    said = [*PROMPT, *first.tokens[:-1]]
    engine.save_prompt_cache(lambda: said)
    longer = [*said, *(i % 250 + 5 for i in range(400))]
    again = run(start(tiny_path, state_store=state_store), longer, max_tokens=20)
    assert again.cached == len(said)
    other = [*said[:150], *(i % 250 + 5 for i in range(400))]  # parts from it earlier
    assert run(start(tiny_path, state_store=state_store), other, max_tokens=20).cached == 0
