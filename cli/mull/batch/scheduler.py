"""Many turns at once: lines in, an answer or an error for each out, as they finish.

As many turns as the engine has sequences are kept going; between two steps everything that is there is read, so that
each step computes one token for every one of them. A line that ends makes room for the next at once. Nothing that
happens to one line touches another: what fails is that line's result. It never writes, and never reorders.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass

from mull.batch.lines import Line
from mull.batch.reader import Feed
from mull.control import TurnControl
from mull.engine.kv.prefill import TILE
from mull.engine.kv.slot import common_prefix
from mull.errors import ContextOverflow, MullError
from mull.events import Done
from mull.messages import Message
from mull.settings import TurnSettings
from mull.turn.loaded_model import LoadedModel
from mull.turn.prepare import RenderedPrompt, prepare
from mull.turn.turn import Turn, begin

Asked = tuple[list[Message], TurnSettings]

ANSWER = 512
"""Tokens that room is made for per line where no limit says less; a longer answer makes the context grow."""

AHEAD = 1024
"""Lines that may be begun after the oldest unfinished one, where answers have to be held until it is their turn."""


@dataclass(frozen=True, slots=True)
class Answered:
    """A line's result: the turn's end, or what was wrong before. `index` counts the lines that were asked, from 0."""

    index: int
    line: Line
    result: Done | MullError


@dataclass(slots=True)
class _Asked:
    """A line with its prompt, not begun yet."""

    index: int
    line: Line
    prompt: RenderedPrompt
    settings: TurnSettings
    began: float


@dataclass(slots=True)
class _Running:
    """A line that is being answered."""

    index: int
    line: Line
    turn: Turn


class Scheduler:
    """Answers the lines of a feed. `settle` says what a line asks and how; it may raise MullError.

    `run()` yields results, and None after every step: a moment to look at `tokens` and to draw.
    """

    def __init__(
        self,
        feed: Feed,
        loaded: LoadedModel,
        settle: Callable[[Line], Asked],
        control: TurnControl,
        *,
        ahead: int | None,
    ) -> None:
        self._feed = feed
        self._speaker = loaded
        self._engine = loaded.engine
        self._settle = settle
        self._steering = control
        self._ahead = ahead
        self._count = 0
        self._finished_tokens = 0
        self._prepared: deque[_Asked] = deque()
        self._live: list[_Running] = []

    @property
    def model(self) -> str:
        return self._speaker.name

    @property
    def tokens(self) -> int:
        """Generated so far, by all lines."""
        return self._finished_tokens + sum(running.turn.tokens for running in self._live)

    def run(self) -> Generator[Answered | None, None, None]:
        """Until the feed has ended and every line has its result, or until it is stopped: then what runs is dropped."""
        try:
            while not self._steering.stopped:
                yield from self._prepare()
                yield from self._begin()
                if self._live:
                    yield from self._step()
                elif self._feed.ended and not self._prepared:
                    return
                yield None
        finally:
            for running in self._live:
                running.turn.generation.close()

    def _prepare(self) -> Iterator[Answered]:
        """Have as many prompts at hand as there are free sequences, and room for them."""
        fresh: list[_Asked] = []
        while self._may_go_on():
            line = self._feed.take(wait=not self._live)  # room for all that come together is made once
            if line is None:
                break
            index, self._count = self._count, self._count + 1
            began = time.perf_counter()
            try:
                if line.error is not None:
                    raise line.error
                messages, settings = self._settle(line)
                prompt = prepare(self._speaker, messages, settings)
                if len(prompt.tokens) >= self._engine.n_ctx_max:  # no room is to be made for it
                    raise ContextOverflow(len(prompt.tokens), self._engine.n_ctx_max)
            except MullError as error:
                yield Answered(index, line, error)
            else:
                fresh.append(_Asked(index, line, prompt, settings, began))
                self._prepared.append(fresh[-1])
        if fresh:
            self._engine.reserve(_room(fresh))

    def _may_go_on(self) -> bool:
        """Whether there is a sequence for the next line, and it is not too far ahead of the oldest without a result."""
        busy = len(self._live) + len(self._prepared)
        if self._steering.stopped or busy >= self._engine.n_parallel:
            return False
        if self._ahead is None:
            return True
        waiting = (*(asked.index for asked in self._prepared), *(running.index for running in self._live))
        return self._count - min(waiting, default=self._count) < self._ahead

    def _begin(self) -> Iterator[Answered]:
        """Begin what is at hand, but a prompt whose beginning is just being computed for another: it will be copied."""
        while self._prepared and not self._engine.has_preempted:
            asked = self._prepared[0]
            if self._engine.prefix_in_progress(asked.prompt.tokens):
                return
            self._prepared.popleft()
            try:
                turn = begin(self._speaker, asked.prompt, asked.settings, self._steering, asked.began)
            except MullError as error:
                yield Answered(asked.index, asked.line, error)
            else:
                _read(turn, None)  # what it says before its first step, so that it takes part in the next one
                self._live.append(_Running(asked.index, asked.line, turn))

    def _step(self) -> Iterator[Answered]:
        """Read all that is there, then compute one token for all."""
        failure: MullError | None = None
        try:
            self._engine.step()
        except MullError as error:  # the library gave no way to tell whose fault it was
            failure = error
        for running in list(self._live):
            done = _read(running.turn, failure)
            if done is not None and done.finish != "interrupted":
                self._live.remove(running)
                self._finished_tokens += running.turn.tokens
                yield Answered(running.index, running.line, done)


def _room(asked: Sequence[_Asked]) -> int:
    """Tokens that these prompts and their answers will probably take, what they share with the first counted once.

    What is shared is copied as far as it has been computed by then, so each may compute about a tile more of it. Too
    little room is dear: a context that grows gives up what its sequences share.
    """
    first = asked[0].prompt.tokens
    prompts = sum(len(one.prompt.tokens) - common_prefix(first, one.prompt.tokens) + TILE for one in asked)
    return len(first) + prompts + sum(min(one.settings.max_tokens or ANSWER, ANSWER) for one in asked)


def _read(turn: Turn, failure: MullError | None) -> Done | None:
    """Take everything that a turn has to say by now; its `Done` when that was all."""
    generation = turn.generation
    try:
        while not turn.over and (item := generation.poll()) is not None:
            deque(turn.take(item), maxlen=0)
    except MullError as error:
        failure = failure or error
    if not (turn.over or generation.ended or failure):
        return None
    generation.close()
    *_, done = turn.end(failure)
    return done if isinstance(done, Done) else None
