"""Sequences in one KV cache: flash attention where each has a small part of it, whatever they were before."""

from __future__ import annotations

import platform
from collections.abc import Callable
from pathlib import Path

import pytest

from mull.engine.compute_params import FLASH_CONTEXT
from mull.engine.engine import Engine
from mull.engine.kv.attention_cost import Layout, LayoutCost, cost, further_passes
from tests.engine.conftest import run
from tests.engine.test_scheduler import ask, read_all

Start = Callable[..., Engine]

pytestmark = pytest.mark.skipif(
    platform.machine().lower() not in {"x86_64", "amd64"}, reason="a rule for x86"
)
LENGTH, COUNT = 200, 8


def unrelated(number: int, length: int = LENGTH) -> list[int]:
    return [5 + (number * 31 + i * (7 + number)) % 250 for i in range(length)]


PROMPTS = [unrelated(number) for number in range(COUNT)]


def test_unrelated_sequences_use_flash_attention_and_one_does_not(start: Start, tiny_path: Path) -> None:
    engine = start(tiny_path, n_parallel=COUNT)
    engine.reserve(COUNT * (LENGTH + 16), PROMPTS)
    assert engine.n_ctx > FLASH_CONTEXT
    assert engine.uses_flash is None
    lone = start(tiny_path, n_parallel=COUNT)
    lone.reserve(3 * LENGTH, [unrelated(0, 3 * LENGTH)])
    assert lone.uses_flash is False


def test_sequences_with_a_long_common_prefix_do_without(start: Start, tiny_path: Path) -> None:
    engine = start(tiny_path, n_parallel=COUNT)
    prompts = [[*unrelated(0, 3 * LENGTH), 5 + number] for number in range(COUNT)]
    engine.reserve(3 * LENGTH + COUNT * 17, prompts)
    assert engine.uses_flash is False


def test_what_the_user_set_stays(start: Start, tiny_path: Path) -> None:
    engine = start(tiny_path, n_parallel=COUNT, flash_attention=False)
    engine.reserve(COUNT * (LENGTH + 16), PROMPTS)
    assert engine.uses_flash is False


def test_one_sequence_becomes_many_and_one_again(scripted: Start) -> None:
    """The context changes in mid-answer, in both directions, and each sequence continues its script."""
    words = [f" word{i}" for i in range(700)]
    engine = scripted(words, n_parallel=COUNT, n_ctx=4096)
    first = engine.model.tokenize("a" * LENGTH, special=False)
    engine.reserve(COUNT * (LENGTH + 300), [first])  # so that nothing has to grow
    size = engine.n_ctx
    assert engine.uses_flash is False
    prompts = [engine.model.tokenize(letter * LENGTH, special=False) for letter in "abcdefgh"]
    said = read_all([ask(engine, prompt, 250) for prompt in prompts], engine)
    assert [text(engine, one) for one in said] == ["".join(words[:250])] * COUNT
    assert engine.uses_flash is None
    assert engine.n_ctx == size
    lone = run(engine, "z" * 2000)
    assert lone.data.decode() == "".join(words)
    assert engine.uses_flash is False


def text(engine: Engine, tokens: list[int]) -> str:
    return b"".join(map(engine.model.piece, tokens)).decode()


def test_a_change_waits_until_more_was_lost_than_it_costs() -> None:
    rows, cells = [(1, 100)] * 16, 1600
    costs, steps = LayoutCost(), 0
    assert cost(Layout.FLASH, rows, cells) < cost(Layout.PLAIN, rows, cells)
    assert cost(Layout.PLAIN, [(1, 1600)], cells) < cost(Layout.FLASH, [(1, 1600)], cells)
    while Layout.FLASH not in costs.better(cells):
        costs.record(Layout.PLAIN, rows, cells)
        steps += 1
    assert 2 < steps < 100
    for _ in range(steps):
        costs.record(Layout.FLASH, rows, cells)  # what is gained now counts against it
    assert Layout.PLAIN not in costs.better(cells)


@pytest.mark.parametrize(
    ("rows", "passes"),
    [
        ([(3, 1)], 0),
        ([(0, 1), (1, 1), (2, 1)], 0),
        ([(0, 1), (2, 1)], 1),  # a gap
        ([(0, 1), (1, 100)], 1),  # both one row, then the other 99
        ([(0, 1), (1, 1), (2, 5), (4, 3)], 2),
    ],
)
def test_sequences_that_are_not_neighbours_or_not_equal_take_further_passes(
    rows: list[tuple[int, int]], passes: int
) -> None:
    assert further_passes(rows) == passes
