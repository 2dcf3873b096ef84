"""Drafts: guesses at the next tokens, which the model checks in one batch instead of computing one by one.

In: the tokens of a text as they are said, and what steps cost. Out: a few tokens that may come next, as many as pay.
A draft never changes what is said. It is a fixed guess, made before anything is drawn: the logits of a row depend only
on the tokens before it, the sequence's own chain draws from the rows in order, and a row is looked at only when every
drafted token before it is the one that was drawn. So each token is drawn from the very distribution (and with one seed,
by the very draw) that it would have been drawn from alone; the draft decides how many rows are computed together, no
more. What remains is rounding: llama.cpp computes several rows by other kernels than a single one, as it does when it
reads a prompt (measured with Q4_K_M on AVX-512: up to 3 rows give the same bits as one, 4 and more give others).
So where an answer should come out again (a seed, or greedy), a draft's length follows from the text alone; where the
draw is random anyway, it may follow from how long steps take.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

MOST = 31
"""Tokens of a draft. With the token before them that makes 32 rows of logits, 19 MB at a vocabulary of 150,000."""

_LENGTHS = frozenset({1, 3, 7, 15, MOST})  # of drafts: kernels take 4, 8 or 16 rows at a time
_GAIN = 1.05  # by how much a draft must promise to be quicker: estimates err
_HOPELESS = 0.01  # a draft is not continued beyond this chance of getting there
_BURST = 2.0  # seconds that a step with a draft may take, so that text keeps flowing
_PROMPT = 64  # rows of a step from which the marginal cost of a row can be told
_MARGINAL = 0.25  # of a single step: what another row costs, before any prompt was timed
_RATE = 0.2  # weight of a new measurement
_USUAL = {1: 1.0, 2: 1.8, 4: 2.6, 8: 4.0, 16: 6.5, 32: 12.0}
"""Rows: single steps. Near what a processor takes that computes rather than waits for its memory (measured on Zen 4,
one thread, Q4_K_M, 0.5B shape, 1,000 tokens deep: 1.6, 2.7, 4.3, 7.4, 12.6); others are quicker at many rows."""
_FORGET = 512  # steps after which a measurement counts no longer, and the size is tried again
_GRAMS = (3, 2)  # tokens that must agree for a continuation to be guessed; the longer ones first
_PRIOR = (0.3, 0.6, 0.85, 0.95)  # chance of a guess after 2 to 3, 4 to 7, 8 to 15, more tokens that agreed
_WEIGHT = 8  # guesses that the prior is worth
_MEMORY = 256  # guesses after which older ones count half


class Drafter(Protocol):
    """Guesses how one text goes on. It is told every token that is said, in order."""

    def told(self, token: int) -> None: ...

    def propose(self, most: int) -> list[int]:
        """At most so many tokens that may come next; none where a draft would not pay."""


class Costs:
    """How long a step takes by its rows, in seconds: as measured lately, else what the others let expect."""

    def __init__(self) -> None:
        self._steps = 0
        self._measured: dict[int, tuple[float, int]] = {}  # rows: seconds, and when
        self._marginal = 0.0  # seconds of one more row in a big batch

    def took(self, rows: int, seconds: float, *, prompt: bool) -> None:
        """A step of one sequence was timed. `prompt`: only its last row's logits were wanted."""
        self._steps += 1
        if prompt and rows >= _PROMPT:
            self._marginal = seconds / rows
        elif not prompt:
            before = self._measured.get(rows, (seconds, 0))[0]
            # The machine may have been busy for a moment: one slow step must not decide.
            self._measured[rows] = (before + _RATE * (min(seconds, 2 * before) - before), self._steps)

    def seconds(self, rows: int) -> float:
        """What a step of so many rows will take; 0.0 as long as no single one was timed."""
        single = self._measured.get(1, (0.0, 0))[0]
        seconds, when = self._measured.get(rows, (0.0, -_FORGET))
        if rows > 1 and self._steps - when >= _FORGET:
            seconds = single + (rows - 1) * min(self._marginal or _MARGINAL * single, single)
        return seconds if rows == 1 or seconds <= _BURST else math.inf

    @property
    def timed(self) -> bool:
        """Whether these are this machine's own."""
        return True


class UsualCosts(Costs):
    """What steps usually cost, in single steps: always the same."""

    def seconds(self, rows: int) -> float:
        below = max(known for known in _USUAL if known <= rows)
        above = min((known for known in _USUAL if known >= rows), default=below)
        if above == below:
            return _USUAL[below] * rows / below
        part = (rows - below) / (above - below)
        return _USUAL[below] + part * (_USUAL[above] - _USUAL[below])

    @property
    def timed(self) -> bool:
        return False


def length(chance: Callable[[int], float], seconds: Callable[[int], float], most: int) -> int:
    """The length of a draft that gives the most tokens per second; 0 where none is better than no draft.

    `chance(i)`: that the draft's token i is right when those before it are; `seconds(n)`: what n rows take.
    """
    single = seconds(1)
    if not single:
        return 0
    best, best_rate = 0, _GAIN / single
    reached = tokens = 1.0
    for count in range(1, most + 1):
        reached *= chance(count - 1)
        if reached < _HOPELESS:
            break
        tokens += reached  # a draft of which n tokens are right gives n + 1: the last row's own is one more
        if count in _LENGTHS or count == most:
            needed = seconds(count + 1)
            if tokens / needed > best_rate:
                best, best_rate = count, tokens / needed
    return best


@dataclass(slots=True)
class AcceptanceRate:
    """How often guesses of one kind were right, of late."""

    prior: float
    right: float = 0.0
    tried: float = 0.0

    def count(self, right: bool) -> None:
        self.right += right
        self.tried += 1
        if self.tried > _MEMORY:
            self.right, self.tried = self.right / 2, self.tried / 2

    @property
    def chance(self) -> float:
        return (self.right + self.prior * _WEIGHT) / (self.tried + _WEIGHT)


class PromptLookup:
    """Guesses that what followed the last tokens earlier in the text follows them again. O(1) per token.

    It keeps reading on at the place that it found as long as that place goes on as the text does, and judges itself
    also where nothing is drafted: guessing costs nothing, so bad odds end the drafts and good ones bring them back.
    """

    def __init__(self, prompt: Sequence[int], costs: Costs) -> None:
        self._text = list(prompt)
        self._costs = costs
        self._latest: dict[tuple[int, ...], int] | None = (
            None  # where the text last went on after these tokens
        )
        self._source = 0  # where in the text the next token is guessed from, 0: nowhere
        self._run = 0  # tokens that agreed before it
        self._odds = [AcceptanceRate(prior) for prior in _PRIOR]

    def told(self, token: int) -> None:
        text = self._text
        if self._latest is None:
            self._latest = _index(text)
        if self._source:
            right = text[self._source] == token
            self._of(self._run).count(right)
            self._source = self._source + 1 if right else 0
            self._run += 1
        # What ends at the token before is entered only now: the text's very end must not be found as its own past.
        end = len(text)
        for size in _GRAMS:
            if end >= size:
                self._latest[tuple(text[end - size :])] = end
        text.append(token)
        if not self._source:
            for size in _GRAMS:
                if source := self._latest.get(tuple(text[-size:])):
                    self._source, self._run = source, size
                    break

    def propose(self, most: int) -> list[int]:
        if not self._source:
            return []
        count = length(lambda i: self._of(self._run + i).chance, self._costs.seconds, most)
        draft = self._text[self._source : self._source + count]
        while (
            draft and len(draft) < count
        ):  # the place is near the text's end: what lies between repeats itself
            draft += draft[: count - len(draft)]
        return draft

    def _of(self, run: int) -> AcceptanceRate:
        return self._odds[min(run.bit_length(), len(_PRIOR) + 1) - 2]


def _index(text: Sequence[int]) -> dict[tuple[int, ...], int]:
    """Where each short run of tokens was last followed by another token."""
    latest: dict[tuple[int, ...], int] = {}
    for size in _GRAMS:
        shifted = [text[offset:-1] for offset in range(size)]
        latest.update(zip(zip(*shifted, strict=False), range(size, len(text)), strict=False))
    return latest
