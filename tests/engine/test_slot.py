"""The KV cache between requests and across growth: the same tokens as from scratch, with less to compute."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from mull.engine import engine as loop
from mull.engine.compute_params import FLASH_CONTEXT
from mull.engine.engine import Engine
from mull.engine.kv.slot import common_prefix
from tests.engine.conftest import run
from tests.model_files.random_model import TINY, write_random
from tests.model_files.recurrent import write_recurrent

Start = Callable[..., Engine]

PROMPT = list(range(10, 110))


def test_common_prefix() -> None:
    assert common_prefix([], [1]) == 0
    assert common_prefix([1, 2, 3], [1, 2, 4]) == 2
    assert common_prefix([1, 2], [1, 2, 3]) == common_prefix([1, 2, 3], [1, 2]) == 2


def test_the_next_turn_computes_only_what_is_new(start: Start, tiny_path: Path) -> None:
    engine = start(tiny_path)
    first = run(engine, PROMPT, max_tokens=10)
    assert first.cached == 0
    longer = [*PROMPT, *first.tokens, 5, 6, 7]
    second = run(engine, longer, max_tokens=10)
    assert second.cached == len(PROMPT) + 9  # the last token was sampled but never decoded
    assert second.tokens == run(start(tiny_path), longer, max_tokens=10).tokens


def test_a_turn_that_branches_off_earlier_reuses_what_it_shares(start: Start, tiny_path: Path) -> None:
    engine = start(tiny_path)
    run(engine, PROMPT, max_tokens=10)
    branch = [*PROMPT[:60], 1, 2, 3]
    again = run(engine, branch, max_tokens=10)
    assert again.cached == 60
    assert again.tokens == run(start(tiny_path), branch, max_tokens=10).tokens


def test_the_same_prompt_again_computes_its_last_token(start: Start, tiny_path: Path) -> None:
    engine = start(tiny_path)
    first = run(engine, PROMPT, max_tokens=10)
    again = run(engine, PROMPT, max_tokens=10)
    assert again.cached == len(PROMPT) - 1
    assert again.tokens == first.tokens


def test_nothing_shared_nothing_reused(start: Start, tiny_path: Path) -> None:
    engine = start(tiny_path)
    run(engine, PROMPT, max_tokens=3)
    assert run(engine, [9, *PROMPT], max_tokens=3).cached == 0


def test_a_sliding_window_model_answers_as_if_from_scratch(start: Start, tmp_path: Path) -> None:
    path = write_random(
        tmp_path / "swa.gguf", TINY, architecture="gemma3", **{"attention.sliding_window": 16}
    )
    engine = start(path)
    run(engine, PROMPT, max_tokens=40)
    branch = [*PROMPT[:60], 1, 2, 3]
    assert run(engine, branch, max_tokens=10).tokens == run(start(path), branch, max_tokens=10).tokens


def test_a_recurrent_model_answers_as_if_from_scratch(start: Start, tmp_path: Path) -> None:
    path = write_recurrent(tmp_path / "mamba.gguf")
    engine = start(path)
    first = run(engine, PROMPT, max_tokens=10)
    branch = [*PROMPT[:60], 1, 2, 3]
    again = run(engine, branch, max_tokens=10)
    assert again.cached == 0  # its state cannot be rolled back
    assert again.tokens == run(start(path), branch, max_tokens=10).tokens
    continued = [*branch, *again.tokens, 5]
    last = run(engine, continued, max_tokens=10)
    assert last.cached == len(branch) + 9  # but it can be continued
    assert last.tokens == run(start(path), continued, max_tokens=10).tokens
    assert len(first.tokens) == 10


# the context's size


def test_the_context_is_as_big_as_needed(start: Start, tiny_path: Path) -> None:
    engine = start(tiny_path)
    run(engine, [1, 2, 3], max_tokens=5)
    assert engine.n_ctx == 256
    assert engine.n_ctx_max == TINY.n_ctx


@pytest.mark.parametrize("kv_type", [None, "q8_0", "q4_0"])
def test_growing_in_the_middle_of_an_answer_changes_nothing(
    start: Start, tiny_path: Path, kv_type: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    roomy = run(start(tiny_path, kv_type=kv_type), PROMPT, max_tokens=200)
    monkeypatch.setattr(loop, "ANSWER_RESERVE", 10)
    engine = start(tiny_path, kv_type=kv_type)
    small = run(engine, PROMPT, max_tokens=200)
    assert engine.n_ctx == 512  # from 256, doubled
    assert small.tokens == roomy.tokens
    assert len(small.prefills) <= 3  # moving the cache is not prompt processing


def test_growing_keeps_the_cache_for_the_next_turn(start: Start, tiny_path: Path) -> None:
    engine = start(tiny_path)
    first = run(engine, PROMPT, max_tokens=50)
    longer = [*PROMPT, *first.tokens, *range(5, 305)]
    second = run(engine, longer, max_tokens=50)
    assert second.cached == len(PROMPT) + 49
    assert second.tokens == run(start(tiny_path), longer, max_tokens=50).tokens


def test_growing_beyond_flash_attention_keeps_the_tokens(start: Start, tiny_path: Path) -> None:
    engine = start(tiny_path)
    first = run(engine, PROMPT, max_tokens=50)
    longer = [*PROMPT, *first.tokens, *range(5, 305), *range(5, 205)]
    second = run(engine, longer, max_tokens=50)
    assert engine.n_ctx > FLASH_CONTEXT
    assert second.tokens == run(start(tiny_path), longer, max_tokens=50).tokens
    third = run(engine, [*longer, *second.tokens, 7], max_tokens=5)
    assert third.cached == len(longer) + 49


def test_a_recurrent_model_grows_too(start: Start, tmp_path: Path) -> None:
    path = write_recurrent(tmp_path / "mamba.gguf")
    engine = start(path)
    run(engine, [1, 2], max_tokens=2)
    grown = run(engine, PROMPT, max_tokens=200)
    assert engine.n_ctx > 256
    assert grown.tokens == run(start(path), PROMPT, max_tokens=200).tokens


def test_the_context_never_exceeds_what_was_asked(start: Start, tiny_path: Path) -> None:
    engine = start(tiny_path, ctx=512)
    assert run(engine, PROMPT).ended == "context"
    assert engine.n_ctx == 512


def test_closing_frees_the_cache_and_a_new_request_starts_over(start: Start, tiny_path: Path) -> None:
    engine = start(tiny_path)
    run(engine, PROMPT, max_tokens=3)
    engine.close()
    assert engine.n_ctx == 0
    assert run(engine, PROMPT, max_tokens=3).cached == 0
