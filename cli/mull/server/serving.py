"""The server's state on the event loop: its models, the turns that run, and when it may take another.

In: requests that were read. Out: pending turns, or a MullError that says why not. One object per server; everything
is called on the event loop.
"""

from __future__ import annotations

import asyncio
import itertools
import math
import re
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from contextlib import suppress
from functools import partial
from types import MappingProxyType
from typing import TypeVar

from mull.api.request import ChatRequest
from mull.backends.base import ChatBackend, check_supported
from mull.control import TurnControl
from mull.errors import MullError
from mull.events import Done
from mull.server.decode_thread import DecodeThread
from mull.server.handover import Handover
from mull.server.limits import MOST_WAITING
from mull.server.metrics import Metrics
from mull.server.pending_turn import STOPPING, PendingTurn
from mull.server.served_model import Job, Outbox, ServedModel
from mull.settings import Sampling, TurnSettings

T = TypeVar("T")
_LONGEST_NAME, _MOST_NAMES = 40, 12
_UNPRINTABLE = re.compile(r"[^A-Za-z0-9_.\[\]-]")
_LONGEST_RETRY = 60  # seconds that Retry-After says at most


class Serving:
    """`models`: the backends and the names that requests may give them; the first answers where none is named.

    `log` gets a line for each completion. `defaults`: sampling of requests that set none, by the backend's name.
    `stopping`: no new completion begins.
    """

    def __init__(
        self,
        models: Sequence[tuple[ChatBackend, frozenset[str]]],
        *,
        log: Callable[[str], None] = lambda _: None,
        note: Callable[[str], None] = lambda _: None,
        defaults: Mapping[str, Sampling] = MappingProxyType({}),
    ) -> None:
        self.metrics = Metrics()
        self.started = time.time()
        self.last_used = time.monotonic()
        self.stopping = False
        self.failure: MullError | None = None  # the only model cannot be loaded
        self.changed = asyncio.Event()  # set whenever a turn ends, or `failure` is set
        self.turns: dict[str, PendingTurn] = {}  # by the completion's id
        self._log = log
        self._keys = itertools.count()
        self._loop = asyncio.get_running_loop()
        self._handover = Handover(self._loop, _deliver)
        self._thread = DecodeThread(self._handover.put)
        self.models = [
            ServedModel(
                backend,
                names,
                self._thread.control,
                self._thread.wake,
                note,
                defaults.get(backend.name, Sampling()),
            )
            for backend, names in models
        ]

    def start(self) -> None:
        """Start to decode. The only model is loaded at once, one of several with its first request."""
        self._thread.start(self.models)
        if len(self.models) == 1:
            self.models[0].want(lambda failure: self._on_loop(partial(self._first_loaded, failure)))

    async def stop(self) -> bool:
        """Free the models; False where llama.cpp hangs."""
        ended = await asyncio.to_thread(self._thread.stop)
        if ended:
            self._handover.close()
        return ended

    def model(self, name: str) -> ServedModel:
        """The model of that name; the first one without a name. Raises MullError (not_served)."""
        found = next((model for model in self.models if not name or name in model.names), None)
        if found is None:
            served = ", ".join(model.name for model in self.models)
            raise MullError("not_served", f'This server has no model "{name}".', f"It serves {served}.")
        return found

    def begin(self, id_: str, model: ServedModel, request: ChatRequest) -> PendingTurn:
        """Put a request into the queue of its model. Raises MullError where it cannot be answered now, or never."""
        if self.stopping:
            raise STOPPING
        if sum(each.waiting for each in self.models) >= MOST_WAITING:
            raise MullError("server_busy", f"{MOST_WAITING} requests are waiting.", "Ask again in a moment.")
        settings = request.turn_settings(model.sampling_advice)
        check_supported(model.backend, settings)
        turn = PendingTurn(model)
        control = TurnControl(self._thread.control)
        turn.job = Job(next(self._keys), request.messages, settings, control, turn.put)
        self.turns[id_] = turn
        self.last_used = time.monotonic()
        model.submit(turn.job)
        return turn

    def end(self, id_: str, *, ignored: Sequence[str] = ()) -> None:
        """The client of a completion has its answer, or has gone."""
        turn = self.turns.pop(id_)
        turn.stop()
        self.last_used = time.monotonic()
        seconds, end = time.perf_counter() - turn.began, turn.end
        done = end if isinstance(end, Done) else None
        how = "gone" if end is None else end.finish if isinstance(end, Done) else end.code
        self.metrics.ended(how, seconds, done)
        self._log(_line(turn, how, seconds, ignored))
        self.changed.set()

    async def count_tokens(self, model: ServedModel, request: ChatRequest) -> tuple[int, bool]:
        """The tokens of the prompt, and whether the number is exact. Raises what loading and templates raise."""
        await self.load(model)
        settings: TurnSettings = request.turn_settings(model.sampling_advice)
        count = await self.between_steps(partial(model.backend.count_tokens, request.messages, settings))
        return count.value, count.exact

    async def between_steps(self, function: Callable[[], T]) -> T:
        """Call a function in the decode thread, between two steps. Raises what it raises."""
        return await asyncio.wrap_future(self._thread.call(function))

    async def load(self, model: ServedModel) -> None:
        """Wait until the model is loaded. Raises what loading raises."""
        loaded: Future[None] = Future()
        model.want(lambda failure: loaded.set_exception(failure) if failure else loaded.set_result(None))
        await asyncio.wrap_future(loaded)

    def retry_after(self) -> int:
        """Seconds until a slot is likely to be free."""
        mean = self.metrics.mean_seconds or 1.0
        return max(1, min(_LONGEST_RETRY, math.ceil(mean)))

    @property
    def busy(self) -> bool:
        """Whether a completion runs or waits, or a model is loaded."""
        return bool(self.turns) or any(model.state == "loading" for model in self.models)

    def stop_turns(self) -> None:
        """End every completion; its client gets the reason."""
        for turn in list(self.turns.values()):
            turn.stop(STOPPING)

    def _on_loop(self, function: Callable[[], None]) -> None:
        with suppress(RuntimeError):  # the server ends, and its loop is closed
            self._loop.call_soon_threadsafe(function)

    def _first_loaded(self, failure: MullError | None) -> None:
        self.failure = failure
        self.last_used = time.monotonic()
        self.changed.set()


def _deliver(outbox: Outbox) -> None:
    for job, event in outbox:
        job.deliver(event)


def _line(turn: PendingTurn, how: str, seconds: float, ignored: Sequence[str]) -> str:
    """What the log has of a completion: nothing of its texts."""
    parts = [turn.model.name, how, f"{seconds:.2f} s"]
    if isinstance(turn.end, Done):
        usage = turn.end.usage
        parts.append(f"{usage.prompt:,} tokens of prompt, {usage.cached:,} cached")
        parts.append(f"{usage.thinking + usage.answer:,} generated")
    if ignored:
        parts.append(f"ignored: {named(ignored)}")
    return " · ".join(parts)


def named(fields: Sequence[str]) -> str:
    """Names of a request's fields, for the log and for a header: a client chose them."""
    shown = [_UNPRINTABLE.sub("?", name[:_LONGEST_NAME]) for name in fields[:_MOST_NAMES]]
    return ", ".join(shown) + (f" and {len(fields) - _MOST_NAMES} more" if len(fields) > _MOST_NAMES else "")
