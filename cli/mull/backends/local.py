"""`LocalBackend`: a model that llama.cpp runs in this process, loaded in the background.

In: a resolved model and engine settings. Out: a `ChatBackend`. A load that failed is reported to the next caller that
needs the model, and tried again after that. Modules that only turns need are imported with the first turn: llama.cpp
has been reading the file for a while by then.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from mull.backends.background_job import BackgroundJob
from mull.backends.base import LOCAL_CAPABILITIES, Capabilities, KeyedEvent, OfFile, TokenCount, TurnSource
from mull.backends.loading import load
from mull.control import TurnControl
from mull.errors import ContextOverflow, Interrupted, MullError
from mull.events import Done, Event, Loading, Notice
from mull.messages import Message
from mull.models.builtin import NAMES_A_MODEL
from mull.models.resolved import Resolved
from mull.settings import (
    DEFAULT_SAMPLING,
    EngineSettings,
    ParallelSettings,
    PromptCacheSettings,
    Sampling,
    TurnSettings,
    over,
)

if TYPE_CHECKING:
    from mull.engine.engine import Engine
    from mull.turn.loaded_model import LoadedModel

STEPS = 50  # progress reports per load
POLL_SECONDS = 0.05  # how soon a finished load, or a stop, is noticed


class LocalBackend(OfFile):
    """One model, loading or loaded. `parallel`: for how many turns at a time `stream_many` is prepared (None: one)."""

    def __init__(
        self,
        resolved: Resolved,
        engine: EngineSettings,
        *,
        prompt_cache: PromptCacheSettings | None = None,
        parallel: ParallelSettings | None = None,
    ) -> None:
        self.resolved = resolved
        self._settings = engine
        self._prompt_cache = prompt_cache
        self._parallel = parallel
        self._job: BackgroundJob[LoadedModel] | None = None
        self._abort = TurnControl()
        self._fraction = 0.0
        self._reading = threading.Event()
        self._notices: list[Notice] = []
        self._on_progress: Callable[[], None] = lambda: None
        self._persist: Callable[[], None] | None = None  # writes the last turn's prompt cache
        self._owns_weights = True
        self._constrained = False  # whether the first answer has a format
        self._identity: Mapping[str, Any] | None = None

    @property
    def capabilities(self) -> Capabilities:
        return LOCAL_CAPABILITIES

    @property
    def context_tokens(self) -> int:
        return self._loaded.engine.n_ctx_max

    @property
    def can_think(self) -> bool | None:
        return self._loaded.profile.reasons if self.ready else self.resolved.can_think

    # Loading.

    @property
    def ready(self) -> bool:
        return self._job is not None and self._job.succeeded

    @property
    def progress(self) -> float | None:
        return None if self._job is None or self._job.done else self._fraction

    def start(self, on_progress: Callable[[], None] | None = None) -> None:
        self._on_progress = on_progress or self._on_progress
        if self._job is None:
            self._abort = TurnControl()
            self._fraction = 0.0
            self._reading.clear()
            self._job = BackgroundJob("load", partial(self._load, self._abort), self._progressed)

    def head_start(self, *, constrained: bool = False) -> None:
        self._constrained = constrained
        self.start()
        self._reading.wait()

    def load(self, control: TurnControl) -> Iterator[Event]:
        if self.ready:  # perhaps since `start`, so that its notices were not read yet
            yield from self._unread()
            return
        self.start()
        job = self._job
        assert job is not None
        yield Loading(self.name, self._fraction)
        while not job.wait(POLL_SECONDS):
            if control.stopped:
                raise Interrupted
            yield Loading(self.name, self._fraction)
        yield from self._unread()
        if not job.succeeded:
            self._job = None  # the next call tries again
        job.result()

    def _unread(self) -> Iterator[Notice]:
        while self._notices:
            yield self._notices.pop(0)

    def _load(self, abort: TurnControl) -> LoadedModel:
        """The background job."""
        resolved, state_store = self.resolved, None
        if self._prompt_cache is not None:
            from mull.engine.kv.state_store import StateStore

            state_store = StateStore(self._prompt_cache.folder, self._prompt_cache.limit)
        try:
            loaded = load(
                resolved.name,
                resolved.path,
                self._settings,
                trusted=resolved.trusted,
                vouched=resolved.vouched,
                state_store=state_store,
                parallel=self._parallel,
                constrained=self._constrained,
                report=partial(self._report, abort),
                stopped=lambda: abort.stopped,
            )
        finally:
            self._reading.set()
        return replace(loaded, stops=NAMES_A_MODEL) if resolved.source == "builtin" else loaded

    def _progressed(self) -> None:
        self._on_progress()

    def _report(self, abort: TurnControl, event: Loading | Notice) -> None:
        if abort.stopped:  # a load of before `close`
            return
        if isinstance(event, Notice):
            self._notices.append(event)
            return
        self._reading.set()
        if int(event.fraction * STEPS) != int(self._fraction * STEPS):
            self._fraction = event.fraction
            self._progressed()

    # Turns.

    def sampling_advice(self, thinking: bool | None) -> Sampling:
        return over(self.resolved.sampling(thinking), DEFAULT_SAMPLING)

    def count_tokens(self, messages: Sequence[Message], settings: TurnSettings) -> TokenCount:
        from mull.turn.prepare import prepare

        try:
            return TokenCount(len(prepare(self._loaded, messages, settings).tokens))
        except ContextOverflow as overflow:  # too long to be worth tokenizing
            return TokenCount(overflow.prompt_tokens, exact=False)

    @property
    def vocabulary_size(self) -> int:
        return self._loaded.engine.model.n_vocab

    def tokenize(self, text: str, *, special: bool, bos: bool) -> list[int]:
        return self._loaded.engine.model.tokenize(text, special=special, bos=bos)

    def piece(self, token: int) -> bytes:
        return self._loaded.engine.model.piece(token)

    def stream(
        self, messages: Sequence[Message], settings: TurnSettings, control: TurnControl
    ) -> Iterator[Event]:
        from mull.engine.native.heap import release_freed_memory
        from mull.turn.save_prompt_cache import save_prompt_cache
        from mull.turn.turn import run

        for event in run(self._loaded, messages, settings, control):
            if isinstance(event, Done):
                self._persist = partial(save_prompt_cache, self._loaded, messages, settings, event)
            yield event
        release_freed_memory()

    def stream_many(
        self, turns: TurnSource, control: TurnControl
    ) -> Generator[KeyedEvent | None, None, None]:
        from mull.turn.parallel import run_many

        # The load counts for no turn: it happened once, before all of them.
        return run_many(replace(self._loaded, load_seconds=0.0), turns, control)

    @property
    def _loaded(self) -> LoadedModel:
        if self._job is None or not self._job.succeeded:
            raise MullError("model_not_loaded", f"{self.name} is not loaded yet.", "Wait a moment.")
        return self._job.result()

    def identity(self) -> Mapping[str, Any]:
        from mull.backends.identity import local_identity

        if self._identity is None:
            self._identity = local_identity(self.resolved, self.reference, self._loaded)
        return self._identity

    # The end.

    def persist(self) -> None:
        if self._persist is not None:
            self._persist()
            self._persist = None

    def close(self) -> None:
        self._abort.stop()
        if self._job is not None and self._job.succeeded:
            loaded = self._job.result()
            loaded.engine.close()
            if self._owns_weights:
                loaded.engine.model.close()
        self._job, self._persist, self._identity = None, None, None

    # Only for `mull bench`, which measures the decode loop itself.

    @property
    def engine(self) -> Engine:
        """The decode loop: for `mull bench` alone, whose figures leave out templates and the splitting of thinking."""
        return self._loaded.engine

    @property
    def load_seconds(self) -> float:
        return self._loaded.load_seconds

    def with_settings(self, settings: EngineSettings) -> LocalBackend | None:
        """Another backend over the same loaded weights, for `mull bench --vs`.

        None where these settings place the weights otherwise, so that they have to be loaded again. Close it before
        this one.
        """
        from mull.backends.load_plan import planned
        from mull.engine.engine import Engine

        best, _ = planned(self.resolved.path, settings, trusted=self.resolved.trusted)
        old = self._loaded.engine.settings
        placed = (old.gpu_layers, old.cpu_experts, old.device, old.lora)
        if placed != (best.gpu_layers, best.cpu_experts, best.device, best.lora):
            return None
        other = LocalBackend(self.resolved, settings)
        loaded = replace(self._loaded, engine=Engine(self._loaded.engine.model, best))
        other._owns_weights = False
        other._job = BackgroundJob("load", lambda: loaded)
        other._job.result()
        return other
