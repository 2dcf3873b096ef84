"""Many turns over one engine: parallel decoding of independent conversations.

In: a loaded model with several sequences, a source of turns. Out: the events of all turns, interleaved, each with its
turn's key. A sequence that ends makes its slot available to the next turn at once; between two engine steps all
decoded tokens are read, so that each step decodes one token of every sequence. What fails in one turn is the error of
that turn alone.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass

from mull.control import TurnControl
from mull.engine.engine import Engine
from mull.engine.kv.prefill import TILE
from mull.engine.kv.slot import common_prefix
from mull.errors import Interrupted, MullError
from mull.events import Done, Event
from mull.turn.loaded_model import LoadedModel
from mull.turn.prepare import RenderedPrompt, prepare
from mull.turn.request import TurnRequest, TurnSource
from mull.turn.turn import Turn, begin

ANSWER = 512
"""Tokens reserved per answer where no smaller limit is set; a longer answer makes the context grow."""

KeyedEvent = tuple[int, Event | MullError]


def run_many(
    loaded: LoadedModel, source: TurnSource, control: TurnControl
) -> Generator[KeyedEvent | None, None, None]:
    """Run the source's turns until it has ended; see `ChatBackend.stream_many` for what is yielded."""
    return _ParallelTurns(loaded, source, control).run()


@dataclass(slots=True)
class _Waiting:
    """A turn with its prompt, waiting for a slot. `began`: a `perf_counter` reading."""

    request: TurnRequest
    prompt: RenderedPrompt
    began: float

    @property
    def stopped(self) -> bool:
        """Whether this turn alone was stopped."""
        return self.request.control is not None and self.request.control.stopped


@dataclass(slots=True)
class _Running:
    key: int
    turn: Turn


class _ParallelTurns:
    def __init__(self, loaded: LoadedModel, source: TurnSource, control: TurnControl) -> None:
        self._loaded = loaded
        self._engine = loaded.engine
        self._source = source
        self._control = control
        self._waiting: deque[_Waiting] = deque()
        self._running: list[_Running] = []

    def run(self) -> Generator[KeyedEvent | None, None, None]:
        try:
            while not self._control.stopped:
                yield from self._take()
                yield from self._begin()
                if self._running:
                    yield from self._step()
                elif self._source.ended and not self._waiting:
                    return
                yield None
        finally:
            for running in self._running:
                running.turn.generation.close()

    def _take(self) -> Iterator[KeyedEvent]:
        """Render prompts for the free slots, and reserve context for them."""
        new: list[_Waiting] = []
        while not self._control.stopped and len(self._running) + len(self._waiting) < self._engine.n_parallel:
            # Waits while nothing runs, so that context for all turns that arrive together is reserved once.
            request = self._source.take(wait=not self._running)
            if request is None:
                break
            began, control = time.perf_counter(), request.control or self._control
            try:
                prompt = prepare(self._loaded, request.messages, request.settings, _stopped_by(control))
                if len(prompt.tokens) >= self._engine.n_ctx_max:  # before context is reserved for it
                    raise self._engine.overflow(len(prompt.tokens))
            except MullError as error:
                if isinstance(error, Interrupted) and _stopped_by(self._control)():
                    return
                yield request.key, error
            else:
                new.append(_Waiting(request, prompt, began))
                self._waiting.append(new[-1])
        if new:
            prompts = [each.prompt.tokens for each in new]
            self._engine.reserve(_context_needed(new, self._engine), prompts)

    def _begin(self) -> Iterator[KeyedEvent]:
        """Start what waits, except a prompt whose prefix is being computed for another turn: it will be copied."""
        for waiting in [each for each in self._waiting if each.stopped]:
            self._waiting.remove(waiting)
            yield waiting.request.key, Interrupted()
        while self._waiting and not self._engine.has_preempted:
            waiting = self._waiting[0]
            if self._engine.prefix_in_progress(waiting.prompt.tokens):
                return
            self._waiting.popleft()
            request = waiting.request
            key, control = request.key, request.control or self._control
            try:
                turn = begin(self._loaded, waiting.prompt, request.settings, control, waiting.began)
            except MullError as error:
                yield key, error
                continue
            self._running.append(_Running(key, turn))
            for event in turn.opening():
                yield key, event
            yield from self._read(self._running[-1], None)  # so that the sequence takes part in the next step

    def _step(self) -> Iterator[KeyedEvent]:
        """Compute one token for every sequence, then yield what that adds to each turn."""
        failure: MullError | None = None
        try:
            self._engine.step()
        except MullError as error:  # the engine cannot tell which sequence caused it
            failure = error
        for running in list(self._running):
            yield from self._read(running, failure)

    def _read(self, running: _Running, failure: MullError | None) -> Iterator[KeyedEvent]:
        turn = running.turn
        try:
            for event in _available(turn):
                yield running.key, event
        except MullError as error:
            failure = failure or error
        if not (turn.over or turn.generation.ended or failure):
            return
        turn.generation.close()
        ending = list(turn.end(failure))
        if self._control.stopped and isinstance(ending[-1], Done) and ending[-1].finish == "interrupted":
            return  # dropped by `run`
        self._running.remove(running)
        for event in ending:
            yield running.key, event


def _stopped_by(control: TurnControl) -> Callable[[], bool]:
    return lambda: control.stopped


def _available(turn: Turn) -> Iterator[Event]:
    """The events of everything that the turn's sequence has decoded by now."""
    while not turn.over and (item := turn.generation.poll()) is not None:
        yield from turn.take(item)


def _context_needed(turns: Sequence[_Waiting], engine: Engine) -> int:
    """Tokens that these prompts and their answers will probably occupy beside what is cached; a prefix shared with the
    first counts once.

    A shared prefix is copied as far as it has been computed by then, so each turn may compute about a tile more of it.
    Too small a reservation is expensive: when a context grows, its sequences lose the cells that they share.
    """
    first = turns[0].prompt.tokens
    answers = sum(min(one.request.settings.max_tokens or ANSWER, ANSWER) for one in turns)
    needed = len(first) - engine.cached(first) + answers
    for turn in turns[1:]:
        tokens = turn.prompt.tokens
        needed += len(tokens) - max(common_prefix(first, tokens) - TILE, engine.cached(tokens))
    return needed
