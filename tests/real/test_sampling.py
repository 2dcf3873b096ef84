"""The first token of an answer, drawn with thousands of seeds: distributed as the model's logits say."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from mull.engine.context import Context
from mull.engine.engine import Engine, Piece, Request
from mull.engine.model import Model, load
from mull.engine.sampling.chain import Chain
from mull.settings import DRAFT_OFF, EngineSettings, Sampling
from tests.real.test_equal_answers import PROMPT

pytestmark = [pytest.mark.real, pytest.mark.timeout(900)]

SETTINGS = EngineSettings(threads=1, draft=DRAFT_OFF)
DRAWS = 4000
QUESTION = PROMPT.format("Write a line of a poem.")
WHOLE = Sampling(temperature=1.0, top_k=0, top_p=1.0, min_p=0.0)


@pytest.fixture(scope="module")
def model(path: Path, checked_state: Path) -> Iterator[Model]:
    with load(path, SETTINGS, state_dir=checked_state, trusted=True) as loaded:
        yield loaded


@dataclass(frozen=True, slots=True)
class Row:
    """The logits of an answer's first token: a row of a context that holds the prompt."""

    model: Model
    context: Context
    number: int

    def chances(self, temperature: float) -> NDArray[np.float64]:
        """Their softmax, in double precision."""
        scaled = self.context.logits(self.number, self.model.n_vocab).astype(np.float64) / temperature
        powers = np.exp(scaled - scaled.max())
        return np.asarray(powers / powers.sum())

    def draw(self, sampling: Sampling, seed: int) -> int:
        """The token that is sampled with this seed."""
        with Chain(self.model, replace(sampling, seed=seed)) as chain:
            return chain.sample(self.context, self.number)


@pytest.fixture(scope="module")
def row(model: Model) -> Iterator[Row]:
    context = Context(model, SETTINGS, 256, 1)
    number = context.batch.add(model.tokenize(QUESTION, special=True), 0, 0, logits=1)
    assert context.decode(lambda: False) == 0
    yield Row(model, context, number)
    context.close()


@pytest.mark.parametrize(
    "sampling", [WHOLE, replace(WHOLE, temperature=0.6, top_k=5)], ids=["whole", "top-k"]
)
def test_tokens_are_drawn_as_often_as_their_probability_says(row: Row, sampling: Sampling) -> None:
    chances = row.chances(sampling.temperature or 0)
    if sampling.top_k:
        chances[np.argsort(chances)[: -sampling.top_k]] = 0
        chances /= chances.sum()
    counts = Counter(row.draw(sampling, seed) for seed in range(DRAWS))
    assert all(chances[token] > 0 for token in counts)
    statistic, freedom = chi_square(counts, chances * DRAWS)
    # Wilson and Hilferty's approximation of the 99.99th percentile.
    part = 2 / (9 * freedom)
    assert statistic < freedom * (1 - part + 3.72 * math.sqrt(part)) ** 3, (statistic, freedom)


def chi_square(counts: Counter[int], expected: NDArray[np.float64]) -> tuple[float, int]:
    """Pearson's statistic and its degrees of freedom; tokens that are expected fewer than 5 times count as one."""
    cells = [(counts[int(token)], float(expected[token])) for token in np.flatnonzero(expected >= 5)]
    rest = DRAWS - sum(drawn for drawn, _ in cells), DRAWS - sum(wanted for _, wanted in cells)
    cells += [rest] if rest[1] >= 5 else []
    return sum((drawn - wanted) ** 2 / wanted for drawn, wanted in cells), len(cells) - 1


def test_an_answer_begins_with_the_token_that_its_seed_draws(row: Row) -> None:
    tokens = row.model.tokenize(QUESTION, special=True)
    with Engine(row.model, SETTINGS) as engine:
        for seed in range(20):
            request = Request(
                tokens, replace(WHOLE, seed=seed), max_tokens=1, ignored_eog=range(row.model.n_vocab)
            )
            (token,) = [event.token for event in engine.generate(request) if isinstance(event, Piece)]
            assert token == row.draw(WHOLE, seed)
