"""Unrelated sequences have a KV cache each while that takes little memory; every answer stays what it was.

The script says " and" again and again, and the model has to attend to what was said before to know which word comes
next: a cell that was lost, or another sequence's, gives another word.
"""

from __future__ import annotations

import platform
import random
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from mull.engine.context import Context
from mull.engine.engine import Engine, Generation, Piece
from mull.engine.kv.attention_cost import Layout
from mull.engine.kv.state_layout import with_streams
from mull.engine.model import Model
from mull.settings import EngineSettings
from tests.engine.conftest import ONE_THREAD
from tests.engine.test_scheduler import ask, read_all
from tests.model_files.random_model import TINY, write_random
from tests.model_files.recurrent import write_recurrent

Start = Callable[..., Engine]
Open = Callable[[Path], Model]

on_x86 = pytest.mark.skipif(platform.machine().lower() not in {"x86_64", "amd64"}, reason="a rule for x86")
COUNT = 8
LENGTH = 100
SCRIPT = [" and" if number % 9 == 8 else f" word{number}" for number in range(540)]


def prompts_of(engine: Engine, letters: str = "abcdefgh", length: int = LENGTH) -> list[list[int]]:
    return [engine.model.tokenize(letter * length, special=False) for letter in letters]


def start_all(engine: Engine, max_tokens: int = 120) -> list[Generation]:
    prompts = prompts_of(engine)
    engine.reserve(COUNT * (LENGTH + max_tokens), prompts)
    return [ask(engine, prompt, max_tokens) for prompt in prompts]


def step_until(
    engine: Engine, generations: Sequence[Generation], said: list[list[int]], *, unified: bool
) -> None:
    """Read and step until the sequences share one KV cache, or until each has its own."""
    while engine.unified is not unified:
        assert any(one.ended is None for one in generations)
        read(generations, said)
        engine.step()


def read(generations: Sequence[Generation], said: list[list[int]]) -> None:
    for generation, tokens in zip(generations, said, strict=True):
        while (event := generation.poll()) is not None:
            if isinstance(event, Piece):
                tokens.append(event.token)


def text(engine: Engine, tokens: Sequence[int]) -> str:
    return b"".join(map(engine.model.piece, tokens)).decode()


def scripted_text(tokens: int) -> str:
    return "".join(SCRIPT[:tokens])


@pytest.fixture
def engine(scripted: Start) -> Engine:
    return scripted(SCRIPT, n_parallel=COUNT, n_ctx=4096)


@on_x86
def test_unrelated_sequences_get_a_cache_each_and_say_the_same(engine: Engine) -> None:
    generations = start_all(engine)
    said: list[list[int]] = [[] for _ in generations]
    step_until(engine, generations, said, unified=False)
    rest = read_all(generations, engine)
    assert [text(engine, a + b) for a, b in zip(said, rest, strict=True)] == [scripted_text(120)] * COUNT


@on_x86
@pytest.mark.parametrize(
    "ready", [0, COUNT * (LENGTH + 120)], ids=["no context yet", "one that they would fit in"]
)
def test_unrelated_prompts_find_a_cache_each(engine: Engine, ready: int) -> None:
    prompts = prompts_of(engine)
    if ready:
        engine.reserve(ready, prompts[:1])
        assert engine.unified
    engine.reserve(COUNT * (LENGTH + 120), prompts)
    assert not engine.unified


@on_x86
def test_their_caches_grow_together(engine: Engine) -> None:
    generations = start_all(engine, 500)
    said: list[list[int]] = [[] for _ in generations]
    step_until(engine, generations, said, unified=False)
    size = engine.n_ctx
    rest = read_all(generations, engine)
    assert engine.n_ctx > size
    assert not engine.unified
    assert [text(engine, a + b) for a, b in zip(said, rest, strict=True)] == [scripted_text(500)] * COUNT


@on_x86
def test_one_that_is_much_longer_moves_all_to_one_cache(scripted: Start) -> None:
    engine = scripted(SCRIPT, n_parallel=COUNT, ctx=4000)
    generations = start_all(engine)
    said: list[list[int]] = [[] for _ in generations]
    step_until(engine, generations, said, unified=False)
    generations[0].close()
    del generations[0], said[0]
    long = ask(engine, prompts_of(engine, "z", 3000)[0], 100)
    assert engine.unified
    rest = read_all([*generations, long], engine)
    assert text(engine, rest.pop()) == scripted_text(100)
    assert [text(engine, a + b) for a, b in zip(said, rest, strict=True)] == [scripted_text(120)] * (
        COUNT - 1
    )


@on_x86
def test_a_prefix_is_copied_between_caches(engine: Engine) -> None:
    generations = start_all(engine)
    said: list[list[int]] = [[] for _ in generations]
    step_until(engine, generations, said, unified=False)
    while not said[5]:
        read(generations, said)
        engine.step()
    generations[3].close()
    del generations[3], said[3]
    again = ask(engine, [*prompts_of(engine)[5], *prompts_of(engine, "z", 5)[0]], 60)
    assert again.cached == LENGTH
    assert not engine.unified
    assert text(engine, read_all([*generations, again], engine)[-1]) == scripted_text(60)


@on_x86
def test_requests_of_any_length_in_any_order_get_their_answers(scripted: Start) -> None:
    engine = scripted(SCRIPT, n_parallel=5, ctx=1500, n_ctx_total=4000)
    chance = random.Random(7)
    live: dict[Generation, tuple[list[int], int]] = {}
    layouts, left = set(), 60
    while left or live:
        while left and len(live) < 5:
            left -= 1
            most = chance.choice([1, 10, 60, 300])
            prompt = prompts_of(engine, chance.choice("abcdefghij"), chance.choice([5, 40, 90, 90, 90, 600]))
            live[ask(engine, prompt[0], most)] = [], most
        engine.step()
        layouts.add(engine.unified)
        for generation, (tokens, most) in list(live.items()):
            read([generation], [tokens])
            if chance.random() < 0.002:  # its reader leaves
                generation.close()
                del live[generation]
            elif generation.ended is not None:
                assert text(engine, tokens) == scripted_text(most)
                generation.close()
                del live[generation]
    assert layouts == {True, False}


def test_a_recurrent_memory_stays_as_it_is(start: Start, tmp_path: Path) -> None:
    engine = start(write_recurrent(tmp_path / "mamba.gguf"), n_parallel=COUNT)
    generations = [ask(engine, [5 + number] * LENGTH, 60) for number in range(COUNT)]
    read_all(generations, engine)
    assert engine.unified


@pytest.mark.parametrize("window", [0, 16])
def test_a_state_is_the_same_from_either(open_model: Open, tmp_path: Path, window: int) -> None:
    more: dict[str, Any] = {"architecture": "gemma3", "attention.sliding_window": window} if window else {}
    model = open_model(write_random(tmp_path / "model.gguf", TINY, **more))
    one, each = (
        Context(model, ONE_THREAD, 1024, 4, layout=layout) for layout in (Layout.FLASH, Layout.SEPARATE)
    )
    try:
        states = [computed(context) for context in (one, each)]
        assert bytes(states[0]) == bytes(states[1])
        assert each.n_ctx_seq == 256
        assert one.restore(3, states[1])
        assert each.restore(3, states[0])
        assert next_logits(one) == next_logits(each)
    finally:
        one.close()
        each.close()


def computed(context: Context) -> Any:
    """The state of a sequence beside which there is another."""
    for seq, tokens in ((0, [9, 8, 7]), (2, list(range(10, 60)))):
        context.batch.clear()
        context.batch.add(tokens, 0, seq, logits=1)
        assert context.decode(lambda: False) == 0
    return context.save(2)


def next_logits(context: Context) -> list[float]:
    context.batch.clear()
    context.batch.add([77], 50, 3, logits=1)
    assert context.decode(lambda: False) == 0
    return context.logits(0, 50).tolist()


def test_bytes_of_an_unknown_layout_are_not_converted(open_model: Open, tiny_path: Path) -> None:
    context = Context(open_model(tiny_path), EngineSettings(threads=1), 1024, 4)
    try:
        state = bytes(computed(context))
        assert with_streams(bytearray(state), 4) is not None
        for size in (0, 3, 8, 100, len(state) // 2, len(state) - 1):
            assert with_streams(bytearray(state[:size]), 4) is None
        for at in range(4, 200, 3):
            damaged = bytearray(state)
            damaged[at : at + 4] = b"\xff\xff\xff\xff"
            with_streams(damaged, 4)  # any result, no other exception
    finally:
        context.close()
