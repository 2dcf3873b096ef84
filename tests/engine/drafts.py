"""What tests of speculative decoding share: a drafter that knows the answer, and the text without drafts."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence

from mull.engine.engine import Engine, Generation, Piece, Request
from mull.engine.speculative.base import MAX_DRAFT
from tests.engine.conftest import GREEDY

PROMPT = list(range(50, 110))
ROUNDING = 0.01  # of logits, where several rows are computed by other kernels than one, attention with half precision


class Hinted:
    """A drafter that knows the answer and is wrong at every few tokens. It always drafts."""

    def __init__(self, answer: Sequence[int], *, wrong: float, seed: int = 1) -> None:
        self._answer = list(answer)
        self._said = 0
        self._wrong = wrong
        self._random = random.Random(seed)

    def observe(self, _token: int) -> None:
        self._said += 1

    def propose(self, most: int) -> list[int]:
        draft = self._answer[self._said : self._said + min(most, self._random.randint(1, MAX_DRAFT))]
        return [9 if self._random.random() < self._wrong else token for token in draft]


def begin(engine: Engine, prompt: Sequence[int] = PROMPT, **request: object) -> Generation:
    return engine.generate(Request(prompt, **{"sampling": GREEDY, **request}))  # type: ignore[arg-type]


def tokens(generation: Iterator[object]) -> list[int]:
    return [event.token for event in generation if isinstance(event, Piece)]


def plain(engine: Engine, prompt: Sequence[int] = PROMPT, **request: object) -> list[int]:
    """What the model generates without drafts, up to the first token whose logit is so close to the next one that the
    rounding of another batch size might decide."""
    generation = begin(engine, prompt, **request)
    generation.top_logprobs = 2
    said = []
    for event in generation:
        if isinstance(event, Piece) and event.logprobs is not None:
            (_, best), (_, second) = event.logprobs.top
            if best - second < ROUNDING:
                break
            said.append(event.token)
    generation.close()
    return said
