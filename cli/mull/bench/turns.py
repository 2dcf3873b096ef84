"""Measure the speed of a model by whole turns, alone and with many at a time: what its user gets, wherever it runs.

In: loaded backends, what to measure, how often. Out: seconds and tokens per second, sample by sample. Other than
`measure.py` this includes the chat template, the network and the server's queue, and it works with any `ChatBackend`.
Every prompt has other words, so that no prompt cache has it. Raises what a turn that fails raises.
"""

from __future__ import annotations

import random
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass

from mull.backends.base import ChatBackend
from mull.bench.measure import GREEDY, QUESTION, Trial
from mull.control import TurnControl
from mull.errors import Interrupted, MullError
from mull.events import AnswerDelta, Done, Event, ThinkingDelta
from mull.messages import Message
from mull.settings import TurnSettings
from mull.turn.request import TurnRequest

WORDS = (
    "time",
    "water",
    "house",
    "light",
    "night",
    "world",
    "paper",
    "green",
    "river",
    "stone",
    "music",
    "table",
)
TASK = "Tell a long story with these words:"
FEW = 16  # tokens that are generated where only the first one is measured
TURNS_EACH = 2  # turns for each of those that run at a time

Sample = tuple[int, Trial, float | None]


def turn_trials(
    context: int | None, *, prompt: int, tokens: int, depths: Iterable[int], parallel: int | None
) -> list[Trial]:
    """What to measure in a context of that size (None: unknown). `depths` come before the generation alone."""
    room = context or max(prompt, *depths) + max(tokens, FEW) + QUESTION
    every = [Trial("first", QUESTION)]
    if 0 < prompt < room - FEW:
        every.append(Trial("read", prompt))
    every += [Trial("write", tokens, depth) for depth in depths if tokens > 1 and depth + tokens < room]
    if parallel is not None and tokens > 1:
        every += [Trial("first", QUESTION, parallel=parallel), Trial("write", tokens, parallel=parallel)]
    return every


def turn_rounds(
    backends: Sequence[ChatBackend], every: Sequence[Trial], count: int, control: TurnControl
) -> Iterator[Sample]:
    """Yield every backend's samples of every trial, as `measure.rounds` does. Raises Interrupted."""
    for backend in backends:  # a warm-up: the first turn imports modules, and a server may load the model
        _alone(backend, Trial("first", QUESTION), control)
    for number in range(count):
        order = list(range(len(backends)))
        for trial in every:
            if trial.parallel is not None and trial.kind == "first":
                continue  # measured with the generation
            for index in order if number % 2 == 0 else reversed(order):
                yield index, trial, None
                if trial.parallel is None:
                    value = _alone(backends[index], trial, control)
                    yield from [(index, trial, value)] if value is not None else []
                else:
                    yield from ((index, *sample) for sample in _together(backends[index], trial, control))


@dataclass(slots=True)
class _Timed:
    """One turn: when it began, when its first and its last text came, the tokens at both, and its end."""

    began: float
    first: float | None = None
    last: float = 0.0
    first_tokens: int = 0
    last_tokens: int = 0
    done: Done | None = None

    def take(self, event: Event | MullError) -> None:
        if isinstance(event, MullError):
            raise event
        if isinstance(event, ThinkingDelta | AnswerDelta):
            self.last = time.perf_counter()
            self.last_tokens = event.tokens
            if isinstance(event, AnswerDelta):
                self.last_tokens += event.thinking_tokens
            if self.first is None:
                self.first, self.first_tokens = self.last, self.last_tokens
        elif isinstance(event, Done):
            self.done = event
            if event.error is not None:
                raise event.error

    @property
    def tokens(self) -> int:
        return self.done.usage.thinking + self.done.usage.answer if self.done else 0

    @property
    def rate(self) -> float | None:
        """Tokens per second from the first text to the last; None where there is too little to measure.

        While they come, tokens may be counted by pieces of text; the end has their number.
        """
        counted = self.last_tokens - self.first_tokens
        seconds = self.last - (self.first or 0.0)
        if counted <= 0 or seconds <= 0:
            return None
        return counted * self.tokens / self.last_tokens / seconds


def _alone(backend: ChatBackend, trial: Trial, control: TurnControl) -> float | None:
    """The value of one turn; None where the model said too little to measure it."""
    request = _request(0, trial)
    timed = _Timed(time.perf_counter())
    for event in backend.stream(request.messages, request.settings, control):
        timed.take(event)
    if control.stopped:
        raise Interrupted
    if timed.first is None or timed.done is None:
        return None
    waited = timed.first - timed.began
    if trial.kind == "first":
        return waited
    if trial.kind == "read":
        read = timed.done.usage.prompt - timed.done.usage.cached
        return read / waited if read else None
    return timed.rate


def _together(backend: ChatBackend, trial: Trial, control: TurnControl) -> Iterator[tuple[Trial, float]]:
    """The first token of every turn, and the tokens per second of all together."""
    assert trial.parallel is not None
    source = _Turns(trial, trial.parallel * TURNS_EACH)
    began = time.perf_counter()
    with closing(backend.stream_many(source, control)) as items:
        for item in items:
            if item is not None:
                source.started[item[0]].take(item[1])
    if control.stopped:
        raise Interrupted
    seconds = time.perf_counter() - began
    first = Trial("first", QUESTION, parallel=trial.parallel)
    yield from ((first, timed.first - timed.began) for timed in source.started if timed.first)
    if tokens := sum(timed.tokens for timed in source.started):
        yield trial, tokens / seconds


class _Turns:
    """A `TurnSource` of `count` turns that remembers when each was started."""

    def __init__(self, trial: Trial, count: int) -> None:
        self._trial = trial
        self._count = count
        self.started: list[_Timed] = []

    @property
    def ended(self) -> bool:
        return len(self.started) >= self._count

    def take(self, *, wait: bool) -> TurnRequest | None:  # noqa: ARG002 - nothing is waited for
        if self.ended:
            return None
        self.started.append(_Timed(time.perf_counter()))
        return _request(len(self.started) - 1, self._trial)


def _request(key: int, trial: Trial) -> TurnRequest:
    count = trial.tokens if trial.kind == "read" else trial.depth or QUESTION
    words = " ".join(random.choices(WORDS, k=max(1, count - len(TASK.split()))))
    most = trial.tokens if trial.kind == "write" else FEW
    settings = TurnSettings(sampling=GREEDY, max_tokens=most, loop_guard=False)
    return TurnRequest(key, [Message("user", f"{TASK} {words}.")], settings)
