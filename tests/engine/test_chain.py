"""Sampling settings reach llama.cpp and do what they are for."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from mull.engine.engine import Engine, Piece, Request
from mull.engine.sampling.chain import Chain
from mull.errors import UsageError
from mull.settings import Sampling
from tests.engine.conftest import GREEDY, Run, run
from tests.model_files.random_model import TINY, write_random

WILD = Sampling(temperature=2.0, top_k=0, top_p=1.0, min_p=0.0)


def answer(engine: Engine, sampling: Sampling, n: int = 30) -> Run:
    return run(engine, [20, 30, 40], sampling=sampling, max_tokens=n)


def wild(**changed: object) -> Sampling:
    return Sampling(**{"temperature": 2.0, "top_k": 0, "top_p": 1.0, "min_p": 0.0, "seed": 1, **changed})  # type: ignore[arg-type]


def test_greedy_is_deterministic(tiny: Engine) -> None:
    assert answer(tiny, GREEDY).tokens == answer(tiny, GREEDY).tokens


def test_the_same_seed_says_the_same_another_something_else(tiny: Engine) -> None:
    assert answer(tiny, wild()).tokens == answer(tiny, wild()).tokens
    assert answer(tiny, wild()).tokens != answer(tiny, wild(seed=2)).tokens


def test_without_a_seed_every_answer_differs(tiny: Engine) -> None:
    assert answer(tiny, WILD).tokens != answer(tiny, WILD).tokens


@pytest.mark.parametrize("seed", [0, 2**32 - 1, 2**32, -1])
def test_every_integer_is_a_reproducible_seed(tiny: Engine, seed: int) -> None:
    assert answer(tiny, wild(seed=seed)).tokens == answer(tiny, wild(seed=seed)).tokens


@pytest.mark.parametrize("narrow", [{"top_k": 1}, {"top_p": 1e-6}, {"min_p": 1.0}, {"temperature": 1e-4}])
def test_the_narrowest_choice_is_greedy(tiny: Engine, narrow: dict[str, float]) -> None:
    assert answer(tiny, wild(**narrow)).tokens == answer(tiny, GREEDY).tokens


def test_unset_fields_take_the_defaults(tiny: Engine) -> None:
    assert (
        answer(tiny, Sampling(seed=5)).tokens
        == answer(tiny, Sampling(seed=5, temperature=0.8, top_k=40)).tokens
    )


@pytest.mark.parametrize(
    "penalty",
    [
        {"repeat_penalty": 1.5},
        {"presence_penalty": 5.0},
        {"frequency_penalty": 5.0},
        {"dry_multiplier": 5.0, "dry_allowed_length": 1},
    ],
)
def test_penalties_end_repetition_at_temperature_zero_too(tiny: Engine, penalty: dict[str, float]) -> None:
    def repetition(sampling: Sampling) -> int:
        tokens = answer(tiny, sampling, 150).tokens
        return Counter(itertools.pairwise(tokens)).most_common(1)[0][1]

    assert repetition(Sampling(temperature=0.0, **penalty)) < repetition(GREEDY)  # type: ignore[arg-type]


def test_penalties_see_the_prompt(tiny: Engine) -> None:
    first = answer(tiny, GREEDY, 1).tokens[0]
    prompt = [first, 20, 30, 40]
    plain = run(tiny, prompt, sampling=GREEDY, max_tokens=1).tokens[0]
    assert (
        plain
        not in run(
            tiny, [plain, *prompt], sampling=Sampling(temperature=0.0, presence_penalty=100.0), max_tokens=5
        ).tokens
    )


@pytest.mark.parametrize(
    "nonsense",
    [
        {"temperature": float("nan")},
        {"temperature": float("inf")},
        {"top_p": float("nan")},
        {"repeat_penalty": -1.0},
        {"repeat_penalty": 1e-40},
        {"presence_penalty": float("-inf")},
        {"dry_base": 1e300},
    ],
)
def test_values_that_would_abort_the_process_are_refused(tiny: Engine, nonsense: dict[str, float]) -> None:
    with pytest.raises(UsageError):
        answer(tiny, wild(**nonsense))
    assert len(answer(tiny, GREEDY).tokens) == 30  # the sequence was given back


@pytest.mark.parametrize(
    "extreme",
    [
        {"temperature": 1e6},
        {"temperature": 1e-300},
        {"repeat_penalty": 1e6},
        {"repeat_penalty": 1e-6},
        {"presence_penalty": 1e6, "frequency_penalty": -1e6},
        {"dry_multiplier": 1e6, "dry_base": 1e6, "dry_allowed_length": 1},
        {"top_k": 10**6, "top_p": 0.0, "min_p": 1.0, "repeat_last_n": -1},
    ],
)
def test_extreme_values_do_no_harm(tiny: Engine, extreme: dict[str, float]) -> None:
    assert len(answer(tiny, wild(**extreme)).tokens) == 30


def test_injected_tokens_count_as_sampled_ones(tiny: Engine) -> None:
    """Injecting what the model would have said anyway changes nothing, with penalties that depend on all of it."""
    never_again = Sampling(temperature=0.0, presence_penalty=1000.0)
    expected = answer(tiny, never_again, 40).tokens
    assert len(set(expected)) == 40
    said = []
    generation = tiny.generate(Request([20, 30, 40], never_again, max_tokens=40))
    for event in generation:
        if isinstance(event, Piece):
            said.append(event.token)
            if len(said) == 5:
                generation.inject(expected[5:15])
    assert said == expected


def test_a_chain_is_freed_once(tiny: Engine) -> None:
    with Chain(tiny.model, GREEDY) as chain:
        assert chain.handle is not None
    assert chain.handle is None
    chain.free()


def test_the_largest_logit_of_a_large_vocabulary_is_the_librarys_choice(
    start: Callable[..., Engine], tmp_path: Path
) -> None:
    shape = replace(TINY, name="wide", n_vocab=9000)
    engine = start(write_random(tmp_path / "wide.gguf", shape))
    greedy = run(engine, [5, 6, 7], max_tokens=20)
    barely_random = run(
        engine, [5, 6, 7], sampling=Sampling(temperature=1e-5, top_k=1, seed=1), max_tokens=20
    )
    assert greedy.tokens == barely_random.tokens
    assert len(set(greedy.tokens)) > 1
