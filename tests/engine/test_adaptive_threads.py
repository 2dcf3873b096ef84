"""Adaptive threads: on a simulated machine whose load changes, and that their number changes no bit of the real one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from mull.engine.adaptive_threads import PREFILL_ROWS, AdaptiveThreads, ladder
from mull.engine.context import Context
from mull.engine.model import load
from mull.settings import EngineSettings
from tests.model_files.random_model import SLOW, TINY, cached


@dataclass
class Machine:
    """Two cores. `other`: cores that another program uses. Steps take as long as measured with SmolLM2."""

    other: int = 0
    now: float = 0.0
    used: float = 0.0
    unused: float = 0.0
    counts_idle: bool = True

    def threads(self, **arguments: bool) -> AdaptiveThreads:
        return AdaptiveThreads(
            2,
            clock=lambda: self.now,
            processor=lambda: self.used,
            idle=lambda: self.unused if self.counts_idle else None,
            **arguments,
        )

    def seconds(self, threads: int) -> float:
        return {(0, 2): 0.010, (0, 1): 0.014}.get((self.other, threads), 0.034 if threads == 2 else 0.015)

    def step(self, threads: AdaptiveThreads, rows: int = 1) -> int:
        count = threads.begin(rows)
        took = self.seconds(count)
        obtained = count if self.other + count <= 2 else 2 - self.other
        self.now += took
        self.used += took * obtained
        self.unused += took * max(0, 2 - self.other - obtained)
        threads.end(rows, count)
        return count

    def prompt(self, threads: AdaptiveThreads, rows: int, *, obtained: float, seconds: float = 0.2) -> int:
        """A batch of a prompt, whose threads get so much of the time that they could use."""
        count = threads.begin(rows)
        self.now += seconds
        self.used += seconds * count * obtained
        threads.end(rows, count)
        return count

    def run(self, threads: AdaptiveThreads, steps: int) -> float:
        """The steps' seconds."""
        began = self.now
        for _ in range(steps):
            self.step(threads)
        return self.now - began


def test_an_idle_machine_is_used_as_planned() -> None:
    machine = Machine()
    threads = machine.threads()
    assert {machine.step(threads) for _ in range(1000)} == {2}


def test_fewer_threads_while_another_program_has_a_core() -> None:
    machine = Machine(other=1)
    threads = machine.threads()
    best = 300 * machine.seconds(1)
    assert machine.run(threads, 300) < best / 0.92


@pytest.mark.parametrize(("counts_idle", "share"), [(True, 0.85), (False, 0.8)])
def test_it_follows_a_load_that_comes_and_goes(counts_idle: bool, share: float) -> None:
    machine = Machine(counts_idle=counts_idle)
    threads = machine.threads()
    machine.run(threads, 20)
    taken = best = 0.0
    for other in (1, 0, 1, 0):
        machine.other = other
        taken += machine.run(threads, 200)
        best += 200 * min(machine.seconds(1), machine.seconds(2))
    assert taken < best / share


def test_a_trial_that_fails_is_repeated_ever_more_rarely() -> None:
    machine = Machine(other=1)
    threads = machine.threads()
    machine.run(threads, 100)
    counts = [machine.step(threads) for _ in range(4000)]  # a minute
    assert counts.count(2) < 40
    assert counts[-100:].count(2) < counts[:200].count(2)


def test_where_more_threads_get_more_of_a_full_machine_they_stay() -> None:
    machine = Machine(other=1)
    machine.seconds = lambda threads: 0.1 / threads  # type: ignore[method-assign]
    threads = machine.threads()
    machine.run(threads, 50)
    counts = [machine.step(threads) for _ in range(500)]
    assert counts.count(2) > 0.97 * len(counts)


@pytest.mark.parametrize("rows", [26, 500])
def test_an_answer_begins_with_fewer_threads_where_those_of_its_prompt_lacked_cores(rows: int) -> None:
    machine = Machine(other=1)
    threads = machine.threads()
    assert machine.prompt(threads, rows, obtained=0.5) == 2
    assert {machine.step(threads) for _ in range(16)} == {1}


@pytest.mark.parametrize(
    ("obtained", "seconds"),
    [(0.95, 0.2), (0.1, 0.2), (0.5, 0.01)],
    ids=["they got them", "a full machine, where more threads get more", "too short to tell"],
)
def test_an_answer_begins_as_planned_after_any_other_prompt(obtained: float, seconds: float) -> None:
    machine = Machine()
    threads = machine.threads()
    machine.prompt(threads, 26, obtained=obtained, seconds=seconds)
    assert {machine.step(threads) for _ in range(16)} == {2}


@pytest.mark.parametrize(("counts_idle", "seconds"), [(True, 0.4), (False, 1.2)])
def test_a_prompt_that_waited_for_its_file_costs_a_moment(counts_idle: bool, seconds: float) -> None:
    machine = Machine(counts_idle=counts_idle)
    threads = machine.threads()
    machine.prompt(threads, 500, obtained=0.5)
    assert machine.step(threads) == 1
    began = machine.now
    while machine.step(threads) == 1:
        pass
    assert machine.now - began < seconds
    assert {machine.step(threads) for _ in range(500)} == {2}


def test_fewer_threads_than_a_prompt_that_lacked_cores_means_one_step_of_the_ladder() -> None:
    now = used = 0.0
    threads = AdaptiveThreads(8, clock=lambda: now, processor=lambda: used, idle=lambda: None)
    count = threads.begin(500)
    now, used = 0.2, 0.2 * 8 * 0.5
    threads.end(500, count)
    assert (count, threads.begin(1)) == (8, 7)


def test_prompts_and_fixed_numbers_are_left_alone() -> None:
    machine = Machine(other=1)
    assert {machine.step(machine.threads(fixed=True)) for _ in range(100)} == {2}
    threads = machine.threads()
    assert {machine.step(threads, rows=PREFILL_ROWS) for _ in range(100)} == {2}
    machine.run(threads, 50)
    assert threads.begin(1, fixed=True) == 2
    assert AdaptiveThreads(1).begin(1) == 1


def test_the_numbers_that_are_tried_end_with_the_plan() -> None:
    assert [ladder(most) for most in (1, 2, 3, 4, 8)] == [
        [1],
        [1, 2],
        [1, 2, 3],
        [1, 2, 3, 4],
        [1, 2, 4, 6, 7, 8],
    ]


@pytest.fixture
def rows(tmp_path: Path) -> Callable[..., list[bytes]]:
    def compute(shape: object, threads: list[int], *, flash: bool | None, depth: int) -> list[bytes]:
        """The logits of steps that are computed with these numbers of threads, after a prompt of `depth` tokens."""
        model = load(cached(shape), EngineSettings(), state_dir=tmp_path)  # type: ignore[arg-type]
        settings = EngineSettings(threads=max(threads), flash_attention=flash)
        context = Context(model, settings, 768, 1)
        try:
            context.batch.add([7 * i % 300 + 3 for i in range(depth)], 0, 0, logits=1)
            assert context.decode(lambda: False) == 0
            found = []
            for place, count in enumerate(threads):
                context._llama.llama_set_n_threads(context.handle, count, count)
                context.batch.clear()
                context.batch.add([place + 3], depth + place, 0, logits=1)
                assert context.decode(lambda: False) == 0
                found.append(np.array(context.logits(0, model.n_vocab)).tobytes())
            return found
        finally:
            context.close()
            model.close()

    return compute


def test_the_number_of_threads_changes_no_bit_of_an_answer(rows: Callable[..., list[bytes]]) -> None:
    alone = rows(SLOW, [1] * 6, flash=False, depth=300)
    assert rows(SLOW, [2, 1, 3, 2, 1, 2], flash=False, depth=300) == alone


def test_repeatable_answers_keep_the_planned_threads_where_bits_depend_on_them(tmp_path: Path) -> None:
    model = load(cached(TINY), EngineSettings(), state_dir=tmp_path)
    settings = EngineSettings(flash_attention=True)
    counts: dict[bool, set[int]] = {}
    for repeatable in (True, False):
        starved = AdaptiveThreads(2, processor=lambda: 0.0)  # as if the threads never got a core
        context = Context(model, settings, 512, 1, threads=starved)
        counts[repeatable] = set()
        context.batch.add([7 * i % 300 + 3 for i in range(256)], 0, 0, logits=1)
        assert context.decode(lambda: False) == 0
        for place in range(256, 268):
            context.batch.clear()
            context.batch.add([place - 200], place, 0, logits=1)
            assert context.decode(lambda: False, repeatable=repeatable) == 0
            counts[repeatable].add(context.threads)
        context.close()
    model.close()
    assert counts == {True: {2}, False: {1, 2}}
