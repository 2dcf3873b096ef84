"""What each sampler does to the distribution of the next token, by its formula: 800 first tokens through the engine."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from mull.engine.engine import Engine, Piece, Request
from mull.errors import UsageError
from mull.settings import Sampling
from tests.engine.conftest import GREEDY, run

PROMPT = [20, 30, 40]
DRAWS = 800
PLAIN = Sampling(temperature=1.0, top_k=0, top_p=1.0, min_p=0.0)

Row = np.ndarray


def logits(engine: Engine) -> Row:
    """The logits of the first token, up to a constant: its log probabilities, in double precision."""
    generation = engine.generate(Request(PROMPT, GREEDY, max_tokens=1))
    generation.top_logprobs = engine.model.n_vocab
    (piece,) = [event for event in generation if isinstance(event, Piece)]
    assert piece.logprobs is not None
    row = np.zeros(engine.model.n_vocab)
    for token, value in piece.logprobs.top:
        row[token] = value
    return row


def softmax(row: Row) -> Row:
    weights = np.exp(row - row.max())
    return weights / weights.sum()


def keeping(row: Row, kept: Row) -> Row:
    return softmax(np.where(kept, row, -np.inf))


def drawn(engine: Engine, sampling: Sampling) -> Counter[int]:
    """How often each token came; the end of the text is a token like the others."""
    runs = (run(engine, PROMPT, sampling=replace(sampling, seed=seed), max_tokens=1) for seed in range(DRAWS))
    return Counter(one.tokens[0] if one.tokens else engine.model.end_token for one in runs)


def assert_drawn_from(counts: Counter[int], expected: Row) -> None:
    """No token without probability, and a chi-square within five deviations of its mean."""
    assert all(expected[token] > 0 for token in counts)
    large = [token for token in range(len(expected)) if expected[token] * DRAWS >= 5]
    rest = 1 - expected[large].sum()
    bins = [(counts[token], expected[token] * DRAWS) for token in large]
    bins += [(DRAWS - sum(counts[token] for token in large), rest * DRAWS)] if rest * DRAWS > 1 else []
    square = sum((found - wanted) ** 2 / wanted for found, wanted in bins)
    freedom = max(len(bins) - 1, 1)
    assert square < freedom + 5 * (2 * freedom) ** 0.5


def typical(row: Row) -> Row:
    p = softmax(row)
    order = np.argsort(np.abs(-np.log(p) + (p * np.log(p)).sum()), kind="stable")
    last = int(np.argmax(np.cumsum(p[order]) > 0.6))
    return keeping(row, np.isin(np.arange(len(row)), order[: last + 1]))


def xtc(row: Row) -> Row:
    """At each draw, with a probability of one half: without the tokens of at least 5% but the least likely of them."""
    p = softmax(row)
    above = np.flatnonzero(p >= 0.05)
    assert len(above) > 1
    least = above[np.argmin(p[above])]
    dropped = np.isin(np.arange(len(row)), above[above != least])
    return 0.5 * p + 0.5 * keeping(row, ~dropped)


def dynamic(row: Row) -> Row:
    p = softmax(row)
    share = -(p * np.log(p)).sum() / np.log(len(row))
    return softmax(row / (0.5 + (1.5 - 0.5) * share**2))


def adaptive(row: Row) -> Row:
    distance = np.abs(softmax(row) - 0.2) / 0.3
    return softmax(5 - 10 * distance**2 / (1 + distance))


SAMPLERS: dict[str, tuple[dict[str, object], Callable[[Row], Row]]] = {
    "none": ({}, softmax),
    "typical": ({"typical_p": 0.6}, typical),
    "top-n-sigma": ({"top_n_sigma": 0.9}, lambda row: keeping(row, row >= row.max() - 0.9 * row.std())),
    "XTC": ({"xtc_probability": 0.5, "xtc_threshold": 0.05}, xtc),
    "dynamic temperature": ({"dynatemp_range": 0.5, "dynatemp_exponent": 2.0}, dynamic),
    "Mirostat 2": (
        {"mirostat": 2, "mirostat_tau": 1.5},
        lambda row: keeping(row, -np.log2(softmax(row)) <= 3.0),
    ),
    "adaptive-p": ({"adaptive_target": 0.2}, adaptive),
}


@pytest.mark.parametrize("name", SAMPLERS)
def test_the_distribution_is_the_formulas(tiny: Engine, name: str) -> None:
    settings, formula = SAMPLERS[name]
    row = logits(tiny)
    expected = formula(row)
    assert_drawn_from(drawn(tiny, replace(PLAIN, **settings)), expected)  # type: ignore[arg-type]
    if name != "none":  # the same draws would not pass for plain sampling
        assert np.abs(expected - softmax(row)).sum() > 0.1


def test_a_bias_is_added_to_the_logits(tiny: Engine) -> None:
    row = logits(tiny)
    best, _, third = np.argsort(-row)[:3]
    biased = row.copy()
    biased[[best, third]] += [-np.inf, 1.5]
    sampling = replace(PLAIN, logit_bias=(f"{best}=-inf", f"{third}=1.5"))
    assert_drawn_from(drawn(tiny, sampling), softmax(biased))


@pytest.mark.parametrize(
    "off",
    [
        {"typical_p": 1.0},
        {"top_n_sigma": -1.0},
        {"xtc_probability": 0.0},
        {"dynatemp_range": 0.0},
        {"mirostat": 0},
        {"adaptive_target": -1.0},
        {"logit_bias": ()},
    ],
)
def test_what_is_off_changes_nothing(tiny: Engine, off: dict[str, object]) -> None:
    seeded = replace(PLAIN, seed=1)
    changed = replace(seeded, **off)  # type: ignore[arg-type]
    assert run(tiny, PROMPT, sampling=changed, max_tokens=20).tokens == (
        run(tiny, PROMPT, sampling=seeded, max_tokens=20).tokens
    )


@pytest.mark.parametrize("version", [1, 2])
def test_mirostat_seeks_its_entropy(tiny: Engine, version: int) -> None:
    """The mean surprise of the tokens follows the target."""

    def surprise(tau: float) -> float:
        sampling = replace(PLAIN, seed=3, mirostat=version, mirostat_tau=tau, mirostat_eta=0.5)
        generation = tiny.generate(Request(PROMPT, sampling, max_tokens=150))
        generation.top_logprobs = 0
        pieces = [event for event in generation if isinstance(event, Piece) and event.logprobs is not None]
        return -float(np.mean([piece.logprobs.chosen for piece in pieces if piece.logprobs]))

    assert surprise(0.3) < surprise(2.5)


def test_a_ban_holds_at_temperature_zero_too(tiny: Engine) -> None:
    best = run(tiny, PROMPT, max_tokens=1).tokens[0]
    banned = Sampling(temperature=0.0, logit_bias=(f"{best}=-inf",))
    assert best not in run(tiny, PROMPT, sampling=banned, max_tokens=40).tokens


def test_a_text_stands_for_its_tokens(tiny: Engine) -> None:
    (token,) = tiny.model.tokenize("z", special=False)
    wanted = Sampling(temperature=0.0, logit_bias=("z=100",))
    assert run(tiny, PROMPT, sampling=wanted, max_tokens=3).tokens == [token] * 3


def test_an_unknown_token_is_refused(tiny: Engine) -> None:
    with pytest.raises(UsageError, match="no token 999,999"):
        run(tiny, PROMPT, sampling=Sampling(logit_bias=("999999=1",)), max_tokens=1)
    assert len(run(tiny, PROMPT, max_tokens=5).tokens) == 5  # the slot was given back


@pytest.mark.parametrize(
    "extreme",
    [
        {"typical_p": 0.0, "logit_bias": tuple(f"{token}=-inf" for token in range(300))},
        {"top_n_sigma": 1e6},
        {"top_n_sigma": 1e-6},
        {"xtc_probability": 1.0, "xtc_threshold": 0.0},
        {"dynatemp_range": 1e6, "dynatemp_exponent": 1e6},
        {"dynatemp_range": 1.0, "dynatemp_exponent": 0.0},
        {"mirostat": 1, "mirostat_tau": 1e6, "mirostat_eta": 1.0},
        {"mirostat": 2, "mirostat_tau": 0.0, "mirostat_eta": 1.0},
        {"adaptive_target": 1.0, "adaptive_decay": 0.99},
        {"adaptive_target": 0.0, "adaptive_decay": 0.0},
        {"logit_bias": ("1=1000000", "2=-1000000")},
    ],
)
def test_extreme_values_do_no_harm(tiny: Engine, extreme: dict[str, object]) -> None:
    found = run(tiny, PROMPT, sampling=replace(PLAIN, seed=1, **extreme), max_tokens=20)  # type: ignore[arg-type]
    assert len(found.tokens) == 20 or found.ended == "eog"
