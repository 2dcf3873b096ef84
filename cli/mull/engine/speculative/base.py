"""Speculative decoding: what all drafters share. A draft is verified by the model in one batch.

In: what steps cost, and how often drafts were accepted. Out: the `Drafter` protocol, and the length of a draft that
pays.

A draft never changes the text. It is fixed before anything is sampled: the logits of a row depend only on the tokens
before it, the sequence's own chain samples the rows in order, and a row is sampled only when every drafted token before
it was the sampled one. So each token is sampled from the same distribution (and with a seed, by the same random number)
as without a draft; the draft only decides how many rows are computed together. What remains is rounding: llama.cpp
computes several rows by other kernels than a single one, as it does with prompts (measured with Q4_K_M on AVX-512: up
to 3 rows give the same bits as one, 4 and more give others). So where an answer should be reproducible (a seed, or
greedy sampling), a draft's length depends on the text alone; otherwise it may depend on how long steps take.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

MAX_DRAFT = 31
"""Tokens of a draft. With the token before them that makes 32 rows of logits, 19 MB at a vocabulary of 150,000."""

_LENGTHS = frozenset({1, 3, 7, 15, MAX_DRAFT})  # of drafts: kernels process 4, 8 or 16 rows at a time
_MIN_GAIN = 1.05  # by how much a draft must promise to be faster: estimates err
_MIN_PROBABILITY = 0.01  # a draft is not continued where fewer get so far
_MAX_STEP = 2.0  # seconds that a step with a draft may take, so that text keeps flowing
_PROMPT_ROWS = 64  # rows of a step from which the marginal cost of a row can be derived
_MARGINAL = 0.25  # of a single-row step: the cost of another row, before any prompt was timed
_NEW_WEIGHT = 0.2  # of a new measurement
_TYPICAL = {1: 1.0, 2: 1.8, 4: 2.6, 8: 4.0, 16: 6.5, 32: 12.0}
"""Rows: cost in single-row steps. Near those of a processor that is limited by computing rather than by its memory
(measured on Zen 4, one thread, Q4_K_M, 0.5B shape, 1,000 tokens deep: 1.6, 2.7, 4.3, 7.4, 12.6); others are faster at
many rows."""
CONTEXT_RESERVE = 1024
"""Tokens by which the context of what drafts is made larger than the text."""
_EXPIRES = 512  # steps after which a measurement is outdated, and that number of rows is tried again
_PRIOR_WEIGHT = 8  # drafted tokens that the prior counts as
_WINDOW = 256  # drafted tokens after which older ones count half


class Drafter(Protocol):
    """Drafts the continuation of one text."""

    def observe(self, token: int) -> None:
        """The text continues with this token. Called for every token, in order."""

    def propose(self, limit: int) -> list[int]:
        """At most `limit` tokens that may come next; none where a draft would not pay."""


class DraftingModel(Protocol):
    """Continues texts by computing. `cost`: of a drafted token in steps of the big model, before any was timed.

    `seconds`: of a drafted token, as measured; 0.0 before.
    """

    cost: float
    seconds: float

    def draft(self, text: Sequence[int], owner: object, count: int, stopped: Callable[[], bool]) -> list[int]:
        """At most `count` tokens that may come next. `owner`: whose text it is; a text only ever grows."""

    def close(self) -> None:
        """Free its context and what else it owns."""


class StepCosts:
    """How long a step takes by its rows, in seconds: measured lately, or else estimated from the other measurements."""

    def __init__(self) -> None:
        self._steps = 0
        self._measured: dict[int, tuple[float, int]] = {}  # rows: seconds, and in which step
        self._marginal = 0.0  # seconds of one more row in a big batch

    def record(self, rows: int, seconds: float, *, prompt: bool) -> None:
        """A step of one sequence was timed. `prompt`: only the logits of its last row were computed."""
        self._steps += 1
        if prompt and rows >= _PROMPT_ROWS:
            self._marginal = seconds / rows
        elif not prompt:
            before = self._measured.get(rows, (seconds, 0))[0]
            # The machine may have been busy for a moment: one slow step must not decide.
            self._measured[rows] = (averaged(before, min(seconds, 2 * before)), self._steps)

    def seconds(self, rows: int) -> float:
        """The expected seconds of a step of so many rows; 0.0 until a single-row step was timed."""
        single = self._measured.get(1, (0.0, 0))[0]
        seconds, when = self._measured.get(rows, (0.0, -_EXPIRES))
        if rows > 1 and self._steps - when >= _EXPIRES:
            seconds = single + (rows - 1) * min(self._marginal or _MARGINAL * single, single)
        return seconds if rows == 1 or seconds <= _MAX_STEP else math.inf

    @property
    def measured(self) -> bool:
        """Whether these are seconds measured on this machine."""
        return True


class TypicalCosts(StepCosts):
    """Fixed costs, in single-row steps: the same on every machine, so that drafts are reproducible."""

    def seconds(self, rows: int) -> float:
        below = max(known for known in _TYPICAL if known <= rows)
        above = min((known for known in _TYPICAL if known >= rows), default=below)
        if above == below:
            return _TYPICAL[below] * rows / below
        part = (rows - below) / (above - below)
        return _TYPICAL[below] + part * (_TYPICAL[above] - _TYPICAL[below])

    @property
    def measured(self) -> bool:
        return False


def averaged(before: float, measured: float) -> float:
    """The running average of a time after another measurement; 0.0: there was none before."""
    return before + _NEW_WEIGHT * (measured - before) if before else measured


def draft_length(probability: Callable[[int], float], seconds: Callable[[int], float], limit: int) -> int:
    """The length of a draft that gives the most tokens per second; 0 where none is better than no draft.

    `probability(i)`: that the draft's token i is accepted when those before it are; `seconds(n)`: what n rows take.
    """
    single = seconds(1)
    if not single:
        return 0
    best, best_rate = 0, _MIN_GAIN / single
    reached = tokens = 1.0
    for count in range(1, limit + 1):
        reached *= probability(count - 1)
        if reached < _MIN_PROBABILITY:
            break
        tokens += (
            reached  # a draft of which n tokens are accepted gives n + 1: the last row's own is one more
        )
        if count in _LENGTHS or count == limit:
            needed = seconds(count + 1)
            if tokens / needed > best_rate:
                best, best_rate = count, tokens / needed
    return best


@dataclass(slots=True)
class AcceptanceRate:
    """How many drafted tokens of one kind were accepted lately. `prior`: the expected share before any was verified."""

    prior: float
    accepted: float = 0.0
    verified: float = 0.0

    def count(self, accepted: bool) -> None:
        """One more token was verified."""
        self.accepted += accepted
        self.verified += 1
        if self.verified > _WINDOW:
            self.accepted, self.verified = self.accepted / 2, self.verified / 2

    @property
    def probability(self) -> float:
        """That the next token of this kind is accepted."""
        return (self.accepted + self.prior * _PRIOR_WEIGHT) / (self.verified + _PRIOR_WEIGHT)
