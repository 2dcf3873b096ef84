"""Many requests in one KV cache: shared prefixes are computed once; a full cache costs time, never an answer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from mull.engine.engine import Engine, Generation, Piece, Prefill, Request
from tests.engine.conftest import GREEDY, run
from tests.model_files.random_model import TINY, write_random
from tests.model_files.recurrent import write_recurrent

Start = Callable[..., Engine]

SYSTEM = list(range(10, 110))
PROMPTS = [[*SYSTEM, 120 + i, 7, 130 + i] for i in range(4)]


def ask(engine: Engine, prompt: Sequence[int], max_tokens: int = 12) -> Generation:
    return engine.generate(Request(prompt, GREEDY, max_tokens=max_tokens))


def read_all(generations: Sequence[Generation], engine: Engine) -> list[list[int]]:
    """Read all events, then step the engine, until all have ended."""
    said: list[list[int]] = [[] for _ in generations]
    while any(generation.ended is None for generation in generations):
        for generation, tokens in zip(generations, said, strict=True):
            while (event := generation.poll()) is not None:
                if isinstance(event, Piece):
                    tokens.append(event.token)
            if generation.ended is not None:
                generation.close()
        engine.step()
    return said


def alone(start: Start, path: Path, prompts: Sequence[Sequence[int]], max_tokens: int) -> list[list[int]]:
    return [run(start(path), prompt, max_tokens=max_tokens).tokens for prompt in prompts]


def first_and_others(engine: Engine, max_tokens: int = 12) -> tuple[list[Generation], list[int]]:
    """One request computes the shared prefix; the others start when that is done."""
    first = ask(engine, PROMPTS[0], max_tokens)
    assert engine.prefix_in_progress(PROMPTS[1])
    assert not engine.prefix_in_progress([5, 6, 7])
    event = next(first)
    while engine.prefix_in_progress(PROMPTS[1]):
        event = next(first)
    assert isinstance(event, Prefill | Piece)
    others = [ask(engine, prompt, max_tokens) for prompt in PROMPTS[1:]]
    return [first, *others], [generation.cached for generation in others]


def test_a_shared_prefix_is_copied_from_a_live_sequence(start: Start, tiny_path: Path) -> None:
    engine = start(tiny_path, n_parallel=4)
    generations, cached = first_and_others(engine)
    assert cached == [len(SYSTEM)] * 3
    expected = alone(start, tiny_path, PROMPTS, 12)
    heard = read_all(generations, engine)
    assert heard[1:] == expected[1:]
    assert expected[0][-len(heard[0]) :] == heard[0]


def test_copied_tokens_need_no_cells(start: Start, tiny_path: Path) -> None:
    engine = start(tiny_path, n_parallel=4)
    engine.reserve(250)
    generations, _ = first_and_others(engine)
    read_all(generations, engine)
    assert engine.n_ctx == 256


def test_the_copy_outlives_the_one_it_was_made_from(start: Start, tiny_path: Path) -> None:
    engine = start(tiny_path, n_parallel=2)
    engine.reserve(400)
    first, second = ask(engine, PROMPTS[0], 40), None
    while engine.prefix_in_progress(PROMPTS[1]):
        next(first)
    second = ask(engine, PROMPTS[1], 40)
    first.close()
    third = ask(engine, [9, 8, 7], 40)  # takes the first one's sequence, and with it its cells
    assert read_all([second, third], engine) == alone(start, tiny_path, [PROMPTS[1], [9, 8, 7]], 40)


@pytest.mark.parametrize("window", [16, 64, 512])
def test_a_sliding_window_shares_what_it_still_has(start: Start, tmp_path: Path, window: int) -> None:
    path = write_random(
        tmp_path / "swa.gguf", TINY, architecture="gemma3", **{"attention.sliding_window": window}
    )
    engine = start(path, n_parallel=4)
    engine.reserve(500)  # as little as they need alone: a larger context would not use flash attention
    generations, cached = first_and_others(engine)
    assert all(count in {0, len(SYSTEM)} for count in cached)
    assert read_all(generations, engine)[1:] == alone(start, path, PROMPTS[1:], 12)


def test_a_recurrent_memory_computes_for_itself(start: Start, tmp_path: Path) -> None:
    path = write_recurrent(tmp_path / "mamba.gguf")
    engine = start(path, n_parallel=4)
    assert not engine.prefix_in_progress(PROMPTS[0])
    generations = [ask(engine, prompt) for prompt in PROMPTS]
    assert [generation.cached for generation in generations] == [0] * 4
    assert read_all(generations, engine) == alone(start, path, PROMPTS, 12)


def test_a_full_cache_preempts_the_youngest_and_loses_nothing(scripted: Start) -> None:
    script = [f" word{i}" for i in range(200)]
    engine = scripted(script, n_parallel=4, ctx=512, n_ctx_total=768)
    prompts = [engine.model.tokenize(letter * 100, special=True) for letter in "abcd"]
    generations = [ask(engine, prompt, 300) for prompt in prompts]
    waited = 0
    heard: list[bytes] = [b""] * 4
    while any(generation.ended is None for generation in generations):
        for i, generation in enumerate(generations):
            while (event := generation.poll()) is not None:
                heard[i] += event.data if isinstance(event, Piece) else b""
            if generation.ended is not None:
                generation.close()
        waited += engine.has_preempted
        engine.step()
    assert waited > 50
    assert not engine.has_preempted
    assert engine.n_ctx <= 768
    assert [generation.ended for generation in generations] == ["eog"] * 4
    assert heard == ["".join(script).encode()] * 4


def test_a_resumed_sequence_copies_a_prefix_that_is_still_cached(start: Start, tiny_path: Path) -> None:
    engine = start(tiny_path, n_parallel=4, ctx=256, n_ctx_total=256)
    generations, _ = first_and_others(engine, 60)
    assert read_all(generations, engine)[1:] == alone(start, tiny_path, PROMPTS[1:], 60)
    assert [generation.generated for generation in generations] == [60] * 4
    assert engine.n_ctx == 256


def test_a_resumed_sequence_continues_where_it_was(start: Start, tiny_path: Path) -> None:
    engine = start(tiny_path, n_parallel=4, ctx=512, n_ctx_total=512)
    prompts = [[60 + i] * 100 for i in range(4)]
    assert read_all([ask(engine, prompt, 100) for prompt in prompts], engine) == alone(
        start, tiny_path, prompts, 100
    )


def ask_and_read(engine: Engine, prompt: Sequence[int], max_tokens: int = 12) -> Generation:
    generation = ask(engine, prompt, max_tokens)
    list(generation)
    return generation


def test_conversations_that_alternate_continue_where_they_were(start: Start, tiny_path: Path) -> None:
    """As in a server: one at a time, each in a slot that holds it."""
    engine = start(tiny_path, n_parallel=4)
    engine.reserve(600)
    first, second = list(range(10, 110)), list(range(110, 210))
    for prompt in (first, second):
        assert ask_and_read(engine, prompt).cached == 0
    for prompt in (first, second, first):
        assert ask_and_read(engine, [*prompt, 7, 8, 9]).cached >= len(prompt)


def test_reserving_evicts_nothing_that_the_next_prompt_continues(start: Start, tiny_path: Path) -> None:
    engine = start(tiny_path, n_parallel=4, ctx=256, n_ctx_total=256)
    prompt = list(range(10, 110))
    ask_and_read(engine, prompt, 60)
    other = [*prompt[:90], *range(200, 240)]
    engine.reserve(len(other) - engine.cached(other) + 60, [other])
    assert ask_and_read(engine, other, 60).cached == 90
    assert engine.n_ctx == 256


def test_idle_slots_are_evicted_in_the_order_in_which_they_were_released(
    start: Start, tiny_path: Path
) -> None:
    engine = start(tiny_path, n_parallel=4, ctx=256, n_ctx_total=256)
    prompts = [list(range(at, at + 100)) for at in (10, 110)]
    for prompt in prompts:
        ask_and_read(engine, prompt, 5)
    ask_and_read(engine, list(range(210, 240)), 30)  # there is room for this only without the first
    assert [engine.cached(prompt) for prompt in prompts] == [0, 100]
