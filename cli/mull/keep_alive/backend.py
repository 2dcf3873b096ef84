"""`KeptBackend`: a model that another process keeps loaded, and that answers like `LocalBackend`.

In: a resolved model, the spec of its server, and how to make a backend in this process. Out: a `ChatBackend`. Where no
server can be used, the model is loaded in this process, and one notice says why. A server that has ended since the last
turn is replaced; one that ends within a turn leaves its text so far and an error.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import replace
from functools import partial
from typing import Any

from mull.backends.background_job import BackgroundJob
from mull.backends.base import (
    LOCAL_CAPABILITIES,
    Capabilities,
    ChatBackend,
    Identified,
    KeyedEvent,
    OfFile,
    TokenCount,
    TurnSource,
    one_by_one,
)
from mull.backends.partial_turn import PartialTurn
from mull.control import TurnControl
from mull.errors import Interrupted, MullError
from mull.events import Done, Event, Loading, Notice
from mull.keep_alive.client import Gone, Silent
from mull.keep_alive.reaching import Reached, Unavailable, reach
from mull.keep_alive.spec import ServerSpec
from mull.messages import Message
from mull.models.resolved import Resolved
from mull.settings import Sampling, TurnSettings

POLL_SECONDS = 0.02  # how soon a server that has loaded, or a stop, is noticed
FRESH = 0.5  # seconds for which a server that has answered is taken to be there still


class KeptBackend(OfFile):
    """One model. `in_process` makes the backend to use where no server can be used.

    `persists`: the prompt cache on disk may get these conversations.
    """

    capabilities: Capabilities = replace(LOCAL_CAPABILITIES, parallel=False)

    def __init__(
        self,
        resolved: Resolved,
        spec: ServerSpec,
        in_process: Callable[[], ChatBackend],
        *,
        persists: bool = True,
    ) -> None:
        self.resolved = resolved
        self._spec = spec
        self._in_process = in_process
        self._local: ChatBackend | None = None
        self._job: BackgroundJob[Reached] | None = None
        self._abort = TurnControl()
        self._fraction = 0.0
        self._notices: list[Notice] = []
        self._on_progress: Callable[[], None] = lambda: None
        self._began = self._seen = 0.0
        self._load_seconds = 0.0
        self._persists = persists and spec.prompt_cache is not None
        self._persist = False  # there is a finished turn to write

    @property
    def context_tokens(self) -> int | None:
        return self._local.context_tokens if self._local is not None else self._reached.status.context_tokens

    @property
    def can_think(self) -> bool | None:
        if self._local is not None:
            return self._local.can_think
        return self._reached.status.can_think if self.ready else self.resolved.can_think

    # Loading.

    @property
    def ready(self) -> bool:
        if self._local is not None:
            return self._local.ready
        return self._job is not None and self._job.succeeded

    @property
    def progress(self) -> float | None:
        if self._local is not None:
            return self._local.progress
        return None if self._job is None or self._job.done else self._fraction

    def start(self, on_progress: Callable[[], None] | None = None) -> None:
        self._on_progress = on_progress or self._on_progress
        if self._local is not None:
            self._local.start(self._on_progress)
        elif self._job is None:
            self._abort = TurnControl()
            self._fraction = 0.0
            self._began = time.monotonic()
            self._job = BackgroundJob("load", partial(self._reach, self._abort), self._on_progress)

    def head_start(self, *, constrained: bool = False) -> None:  # noqa: ARG002 - nothing to prepare here
        self.start()

    def load(self, control: TurnControl) -> Iterator[Event]:
        if self._local is None and self.ready and not self._is_there():
            self._job = None
        if self._local is None and not self.ready:
            yield from self._wait(control)
        yield from self._unread()
        if self._local is not None:
            yield from self._local.load(control)

    def _wait(self, control: TurnControl) -> Iterator[Event]:
        self.start()
        job = self._job
        assert job is not None
        while not job.wait(POLL_SECONDS):
            if control.stopped:
                raise Interrupted
            yield Loading(self.name, self._fraction)
        try:
            job.result()
        except Unavailable as why:
            self._fall_back(f"The model is not kept loaded: {why}. It was loaded for this call alone.")
        except MullError as error:
            self._job = None  # the next call tries again
            if error.code != "keep_alive_unsafe":
                raise
            self._fall_back(f"{error.message} {error.hint}")

    def _fall_back(self, why: str) -> None:
        self._notices.append(Notice("not_kept", why))
        self._local = self._in_process()

    def _unread(self) -> Iterator[Notice]:
        while self._notices:
            yield self._notices.pop(0)

    def _reach(self, abort: TurnControl) -> Reached:
        """The background job."""
        found = reach(self._spec, self._report, abort)
        self._seen = time.monotonic()
        self._load_seconds = self._seen - self._began
        self._notices += found.status.notices
        return found

    def _report(self, fraction: float) -> None:
        self._fraction = fraction
        self._on_progress()

    def _is_there(self) -> bool:
        """Whether the server that was reached still answers: it may have left while the user typed."""
        if time.monotonic() - self._seen < FRESH:
            return True
        try:
            ready = self._reached.client.status().ready
        except (Gone, Silent, MullError, KeyError, TypeError, ValueError):
            return False
        self._seen = time.monotonic()
        return ready

    @property
    def _reached(self) -> Reached:
        if self._job is None or not self._job.succeeded:
            raise MullError("model_not_loaded", f"{self.name} is not loaded yet.", "Wait a moment.")
        return self._job.result()

    # Turns.

    def sampling_advice(self, thinking: bool | None) -> Sampling:
        return self.resolved.sampling(thinking)

    def count_tokens(self, messages: Sequence[Message], settings: TurnSettings) -> TokenCount:
        if self._local is not None:
            return self._local.count_tokens(messages, settings)
        try:
            return TokenCount(*self._reached.client.count_tokens(self.name, messages, settings))
        except (Gone, Silent) as error:
            self._job = None
            raise self._ended(error) from error

    def stream(
        self, messages: Sequence[Message], settings: TurnSettings, control: TurnControl
    ) -> Iterator[Event]:
        for attempt in (1, 2):
            if self._local is not None:
                yield from self._local.stream(messages, settings, control)
                return
            so_far = PartialTurn()
            try:
                yield from self._stream(messages, settings, control, so_far)
            except Interrupted:
                if not so_far.tokens:
                    raise
                yield so_far.done(self.name, settings.reasoning, "interrupted")
            except (Gone, Silent) as error:
                self._job = None
                if so_far.tokens:
                    yield so_far.done(self.name, settings.reasoning, "error", self._ended(error))
                elif attempt == 2:
                    raise self._ended(error) from error
                else:  # it left before it had answered anything: another takes its place
                    yield from self.load(control)
                    continue
            return

    def _stream(
        self,
        messages: Sequence[Message],
        settings: TurnSettings,
        control: TurnControl,
        so_far: PartialTurn,
    ) -> Iterator[Event]:
        events = self._reached.client.stream(self.name, messages, settings, control, self._spec.keep_alive)
        with closing(events):
            for event in events:
                if isinstance(event, Done):
                    end = self._ending(event, control, so_far)
                    self._persist = self._persists
                    yield self._timed(end)
                elif not (control.stopped and so_far.tokens):  # else the server is ahead of what was shown
                    so_far.add(event)
                    yield event
        self._seen = time.monotonic()

    def _ending(self, done: Done, control: TurnControl, so_far: PartialTurn) -> Done:
        """The end of the turn as this call sees it: it knows of a stop before the server does, or the server alone."""
        if control.stopped and so_far.tokens:
            return so_far.cut(done)
        if done.finish == "interrupted" and not control.stopped:  # by `mull stop`
            return replace(done, finish="error", error=self._ended(Gone()))
        return done

    def _timed(self, done: Done) -> Done:
        """With this process's own time of loading, which is short where the model was loaded already."""
        timing = done.timing
        first = timing.first_token - timing.load + self._load_seconds
        return replace(done, timing=replace(timing, load=self._load_seconds, first_token=first))

    def _ended(self, why: Gone | Silent) -> MullError:
        what = "has ended" if isinstance(why, Gone) else "does not respond any more"
        return MullError(
            "kept_model_ended",
            f"The process that kept {self.name} loaded {what}.",
            "Ask again: the model is loaded again. If it ends again, the machine may be short of memory.",
        )

    def stream_many(
        self, turns: TurnSource, control: TurnControl
    ) -> Generator[KeyedEvent | None, None, None]:
        return one_by_one(self, turns, control)

    def identity(self) -> Mapping[str, Any]:
        if self._local is not None:
            return self._local.identity() if isinstance(self._local, Identified) else {}
        return self._reached.status.identity if self.ready else {}

    # The end.

    def persist(self) -> None:
        if self._local is not None:
            self._local.persist()
        elif self._persist and self.ready:
            self._persist = False
            with suppress(Gone, Silent, MullError):
                self._reached.client.persist()

    def close(self) -> None:
        self._abort.stop()
        self._job = None
        if self._local is not None:
            self._local.close()
            self._local = None
