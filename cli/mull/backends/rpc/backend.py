"""`RpcBackend`: a model whose layers other machines compute, in a child process that may die of any of them.

In: a resolved model, engine settings, the addresses of workers. Out: a `ChatBackend` that survives the child. A turn
that has begun to answer ends with an error that names the lost worker; one that has not is asked again, once. The model
is loaded again after pauses that grow, and at once for a request.
"""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from mull.backends.base import (
    LOCAL_CAPABILITIES,
    Capabilities,
    KeyedEvent,
    OfFile,
    TokenCount,
    TurnRequest,
    TurnSource,
)
from mull.backends.local import POLL_SECONDS
from mull.backends.rpc.messages import Count, Counted, Order, Produced, Ready
from mull.backends.rpc.process import Child
from mull.backends.rpc.running_turn import RunningTurn
from mull.backends.rpc.supervisor import PATIENCE, Supervisor
from mull.control import TurnControl
from mull.errors import Interrupted, MullError
from mull.events import Done, Event, Loading
from mull.messages import Message
from mull.models.resolved import Resolved
from mull.settings import EngineSettings, ParallelSettings, Sampling, TurnSettings

_WAIT = 0.02  # seconds for a message; other models of the server may have work


class RpcBackend(OfFile):
    """One model over `workers`, loading or loaded. `patience`: see PATIENCE."""

    def __init__(
        self,
        resolved: Resolved,
        engine: EngineSettings,
        workers: Sequence[str],
        *,
        parallel: ParallelSettings | None = None,
        patience: float = PATIENCE,
    ) -> None:
        self.resolved = resolved
        self.workers = tuple(workers)
        self._supervisor = Supervisor(Order(resolved, engine, parallel, self.workers), patience)
        self._unread: deque[Any] = deque()  # messages that came while a count was waited for
        self._unsettled = 0  # turns that run, or whose end is still to be reported
        self._numbers = itertools.count()  # of turns, for the child

    @property
    def capabilities(self) -> Capabilities:
        return replace(
            LOCAL_CAPABILITIES, prompt_cache=False
        )  # the child may die at any time, and writes nothing

    @property
    def context_tokens(self) -> int:
        return self._loaded.context_tokens

    @property
    def can_think(self) -> bool | None:
        facts = self._supervisor.facts
        return self.resolved.can_think if facts is None else facts.can_think

    # Loading.

    @property
    def ready(self) -> bool:
        """The model is loaded; or its process has died, and turns that ran there still have to be reported."""
        return self._supervisor.alive is not None or self._unsettled > 0

    @property
    def trouble(self) -> str | None:
        """Why the model has to be loaded again; None while it is loaded, and before the first time."""
        return self._supervisor.trouble

    @property
    def progress(self) -> float | None:
        job = self._supervisor.job
        return None if job is None or job.done else self._supervisor.fraction

    def start(self, on_progress: Callable[[], None] | None = None) -> None:
        self._supervisor.on_progress = on_progress or self._supervisor.on_progress
        self._supervisor.start()

    def head_start(self, *, constrained: bool = False) -> None:  # noqa: ARG002 - nothing to prepare here
        self.start()

    def load(self, control: TurnControl) -> Iterator[Event]:
        if self._supervisor.alive is None:
            self.start()
            job = self._supervisor.job
            assert job is not None
            yield Loading(self.name, self._supervisor.fraction)
            while not job.wait(POLL_SECONDS):
                if control.stopped:
                    raise Interrupted
                yield Loading(self.name, self._supervisor.fraction)
            job.result()
        while self._supervisor.notices:
            yield self._supervisor.notices.popleft()

    @property
    def _loaded(self) -> Ready:
        facts = self._supervisor.facts
        if facts is None:
            raise MullError("model_not_loaded", f"{self.name} is not loaded yet.", "Wait a moment.")
        return facts

    # Turns.

    def sampling_advice(self, thinking: bool | None) -> Sampling:
        return self.resolved.sampling(thinking)

    def count_tokens(self, messages: Sequence[Message], settings: TurnSettings) -> TokenCount:
        _ = self._loaded
        child = self._supervisor.child
        assert child is not None
        child.begin_work()
        child.send(Count(tuple(messages), settings))
        try:
            while True:
                child.watch(self._supervisor.patience)
                message = child.receive(POLL_SECONDS)
                if isinstance(message, Counted):
                    break
                if message is not None:
                    self._unread.append(message)
        except EOFError:
            raise self._supervisor.explain(child).result() from None
        if isinstance(message.count, MullError):
            raise message.count
        return message.count

    def stream(
        self, messages: Sequence[Message], settings: TurnSettings, control: TurnControl
    ) -> Iterator[Event]:
        for item in self.stream_many(_One(TurnRequest(0, messages, settings, control)), TurnControl()):
            if item is None:
                continue
            _, event = item
            if isinstance(event, MullError):
                raise event
            yield event

    def stream_many(
        self, turns: TurnSource, control: TurnControl
    ) -> Generator[KeyedEvent | None, None, None]:
        running: dict[int, RunningTurn] = {}
        child = None
        try:
            while not control.stopped:
                if (alive := self._supervisor.alive) is not None:
                    child = alive
                    self._take(turns, running, child)
                    yield from self._obey(child, running)
                    yield from self._read(child, running)
                elif running and child is not None:
                    yield from self._recover(child, running, control)
                else:
                    _ = self._loaded
                    raise self._supervisor.explain(child or self._supervisor.child).result()  # type: ignore[arg-type]
                self._unsettled = len(running)
                if turns.ended and not running:
                    return
                yield None
        finally:
            self._unsettled = 0
            if child is not None:
                child.send(*(turn.stop() for turn in running.values()))

    def _take(self, turns: TurnSource, running: dict[int, RunningTurn], child: Child) -> None:
        width = self._loaded.width
        while len(running) < width and (request := turns.take(wait=not running)) is not None:
            if not running:
                child.begin_work()
            number = next(self._numbers)
            running[number] = RunningTurn(number, request)
            child.send(running[number].ask())

    def _obey(self, child: Child, running: dict[int, RunningTurn]) -> Iterator[KeyedEvent]:
        """Pass on what the turns' controls say. One that is stopped has its end here: the child may be ahead."""
        for number, turn in list(running.items()):
            if turn.stopped:
                del running[number]
                child.send(turn.stop())
                yield turn.request.key, turn.interrupted(self.name)
            elif turn.has_to_answer():
                child.send(turn.answer_now())

    def _read(self, child: Child, running: dict[int, RunningTurn]) -> Iterator[KeyedEvent]:
        """The events that have come by now; waits a little for the first one."""
        if not running:
            return
        child.watch(self._supervisor.patience)
        wait = _WAIT
        try:
            while (message := self._unread.popleft() if self._unread else child.receive(wait)) is not None:
                wait = 0.0
                if isinstance(message, Produced) and message.key in running:
                    yield self._passed_on(message.key, message.event, running)
                    yield from self._obey(child, running)
        except EOFError:
            return

    def _passed_on(
        self, number: int, event: Event | MullError, running: dict[int, RunningTurn]
    ) -> KeyedEvent:
        turn = running[number]
        if isinstance(event, Done | MullError):
            del running[number]
            self._supervisor.failures = 0
        else:
            turn.see(event)
        return turn.request.key, event

    def _recover(
        self, child: Child, running: dict[int, RunningTurn], control: TurnControl
    ) -> Iterator[KeyedEvent | None]:
        """The child has died: end the turns that have text, ask the others again once the model is loaded again."""
        yield from self._read(child, running)  # what it sent before
        self._unread.clear()
        explanation = self._supervisor.explain(child)
        while not explanation.wait(POLL_SECONDS):
            yield None
        error = explanation.result()
        for number, turn in list(running.items()):
            if turn.has_text or turn.asked_again:
                del running[number]
                yield turn.request.key, turn.broken_off(self.name, error)
        if not running:
            return
        self.start()
        job = self._supervisor.job
        while job is not None and not job.wait(POLL_SECONDS) and not control.stopped:
            yield None
        alive = self._supervisor.alive
        for number, turn in list(running.items()):
            if alive is not None:
                turn.asked_again = True
                alive.begin_work()
                alive.send(turn.ask())
            elif not control.stopped:
                del running[number]
                yield turn.request.key, error

    def identity(self) -> Mapping[str, Any]:
        return {**self._loaded.identity, "workers": list(self.workers)}

    # The end.

    def persist(self) -> None:
        """Nothing is stored on disk."""

    def close(self) -> None:
        self._supervisor.close()


class _One:
    """A source of one turn."""

    def __init__(self, request: TurnRequest) -> None:
        self._request: TurnRequest | None = request

    @property
    def ended(self) -> bool:
        return self._request is None

    def take(self, *, wait: bool) -> TurnRequest | None:  # noqa: ARG002
        request, self._request = self._request, None
        return request
