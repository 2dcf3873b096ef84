"""The model of a chat: it loads in the background while the prompt is already there.

In: a resolved name. Out:
what a conversation needs of a model (`ChatBackend`), and `Loading` events for as long as it is
not ready. A load that failed is reported to whoever asks for the model next, and tried again after that.
What a turn needs is imported when there is one: by then the library has been reading the model for a while.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING

from mull.backends.loading import Interrupted, load
from mull.control import TurnControl
from mull.errors import ContextOverflow, MullError
from mull.events import Done, Event, Loading, Notice
from mull.messages import Message
from mull.models.resolve import Resolved
from mull.settings import EngineSettings, Sampling, TurnSettings

if TYPE_CHECKING:
    from mull.engine.kv.state_store import StateStore
    from mull.turn.loaded_model import LoadedModel

STEPS = 50  # of a load that are reported
POLL_SECONDS = 0.05  # how soon a finished load, or the wish to stop waiting for it, is seen


class LocalBackend:
    """One model, loading or loaded. Its methods but `start` and `close` belong to the chat's thread."""

    def __init__(
        self, resolved: Resolved, engine: EngineSettings, state_store: StateStore | None = None
    ) -> None:
        self.resolved = resolved
        self.state_store = state_store
        self._engine = engine
        self._fraction = 0.0
        self._notices: list[Notice] = []
        self._speaker: LoadedModel | None = None
        self._error: Exception | None = None
        self._settled = threading.Event()
        self._reading = threading.Event()
        self._unwanted = TurnControl()
        self._thread: threading.Thread | None = None
        self._changed: Callable[[], None] = lambda: None
        self._keep: Callable[[], None] | None = None  # the last turn, to be kept for other processes

    @property
    def name(self) -> str:
        return self.resolved.name

    @property
    def reference(self) -> str:
        """What to ask for to get this model again."""
        return str(self.resolved.path.absolute()) if self.resolved.source == "file" else self.resolved.name

    @property
    def ready(self) -> bool:
        return self._speaker is not None

    @property
    def progress(self) -> float | None:
        """How much of it is loaded, from 0.0 to 1.0; None when it does not load (any more)."""
        return None if self._thread is None or self._settled.is_set() else self._fraction

    def start(self, changed: Callable[[], None] | None = None) -> None:
        """Begin to load, unless that has begun. `changed` is called in another thread when `progress` has moved."""
        self._changed = changed or self._changed
        if self._thread is None:
            self._settled.clear()
            self._error = None
            self._thread = threading.Thread(target=self._load, name="mull-loader", daemon=True)
            self._thread.start()

    def head_start(self) -> None:
        """Begin to load, and come back once the library reads by itself: Python runs one thread at a time."""
        self.start()
        self._reading.wait()

    def loading(self, control: TurnControl) -> Iterator[Event]:
        """Progress until it is loaded. Raises what loading raised, and Interrupted when the user does not wait."""
        if self.ready:
            return
        self.start()
        yield Loading(self.name, self._fraction)
        while not self._settled.wait(POLL_SECONDS):
            if control.stopped:
                raise Interrupted  # it goes on loading: the next question finds it further on
            yield Loading(self.name, self._fraction)
        yield from self._notices
        self._notices.clear()
        if self._error is not None:
            self._thread = None  # the next one who asks tries again
            raise self._error

    def keep(self) -> None:
        """Let another process find what was computed for the last turn, if that is worth its while.

        It may take as long as writing hundreds of megabytes does: only once the answer has been shown.
        """
        if self._keep is not None:
            self._keep()
            self._keep = None

    def close(self) -> None:
        """Give its memory back; a load that still runs ends at its next report."""
        self._unwanted.stop()
        if self._settled.is_set() and self._speaker is not None:
            self._speaker.engine.close()
            self._speaker.engine.model.close()
            self._speaker = None

    # What a conversation asks.

    @property
    def context_tokens(self) -> int:
        return self._loaded.engine.n_ctx_max

    def advice(self, on: bool | None) -> Sampling:
        return self.resolved.sampling(on)

    def count(self, messages: Sequence[Message], settings: TurnSettings) -> int:
        from mull.turn.prepare import prepare

        try:
            return len(prepare(self._loaded, messages, settings).tokens)
        except ContextOverflow as hopeless:
            return hopeless.prompt_tokens

    def answer(
        self, messages: Sequence[Message], settings: TurnSettings, control: TurnControl
    ) -> Iterator[Event]:
        from mull.turn.turn import run, save_prompt_cache

        for event in run(self._loaded, messages, settings, control):
            if isinstance(event, Done):
                self._keep = partial(save_prompt_cache, self._loaded, messages, settings, event)
            yield event

    @property
    def _loaded(self) -> LoadedModel:
        if self._speaker is None:
            raise MullError("model_not_loaded", f"{self.name} is not loaded yet.", "Wait a moment.")
        return self._speaker

    def _load(self) -> None:
        resolved = self.resolved
        events = load(
            resolved.name,
            resolved.path,
            self._engine,
            self._unwanted,
            trusted=resolved.trusted,
            state_store=self.state_store,
        )
        try:
            while True:
                event = next(events)
                if isinstance(event, Notice):
                    self._notices.append(event)
                    continue
                self._reading.set()
                if int(event.fraction * STEPS) != int(self._fraction * STEPS):
                    self._fraction = event.fraction
                    self._changed()
        except StopIteration as end:
            self._speaker = end.value
        except Exception as error:  # noqa: BLE001 - carried to the thread that asks for the model
            self._error = error
        finally:
            self._reading.set()
            self._settled.set()
            self._changed()
