"""The `ChatBackend` protocol: anything that turns messages and settings into the event stream of a turn.

`LocalBackend` (local.py) runs llama.cpp in this process; `open.py` makes a backend from a resolved model. To add one:
implement the protocol, add it to `open.py` and to the parameters of `tests/backends/test_contract.py`.
Importing this module loads neither the engine nor a network library.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from mull.control import TurnControl
from mull.dataclass import dataclass
from mull.errors import MullError, UsageError
from mull.events import Event, Notice, ThinkingDelta
from mull.messages import Message
from mull.settings import FormatKind, Sampling, TurnSettings
from mull.turn.request import TurnRequest, TurnSource

if TYPE_CHECKING:
    from mull.models.resolved import Resolved

__all__ = [
    "LOCAL_CAPABILITIES",
    "Capabilities",
    "ChatBackend",
    "Identified",
    "KeyedEvent",
    "OfFile",
    "Restarted",
    "TokenCount",
    "TurnRequest",
    "TurnSource",
    "check_supported",
    "noticed",
    "one_by_one",
]

KeyedEvent = tuple[int, Event | MullError]
"""The key of a turn, and one of its events, or the error that ended it before its first token."""


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a backend can do. A request for anything else is refused or answered with a notice, never ignored.

    The callers see to that, with `check_supported` and `noticed`: a backend only has to declare what is true.
    """

    exact_token_count: bool = False
    prompt_cache: bool = False  # prompts are cached across turns, and across processes by `persist`
    prompt_progress: bool = False  # `PromptProgress` events report on the prefill
    json_schema: bool = False  # the answer is constrained to JSON, of a schema or of any kind
    regex: bool = False  # to what a regular expression matches
    choice: bool = False  # to one of some texts
    grammar: bool = False  # to a grammar in llama.cpp's notation
    lark: bool = False  # to one in Lark's
    logprobs: bool = False
    answer_now: bool = False  # `TurnControl.answer_now` ends the thinking of a running turn
    context_size: bool = False  # --ctx sets the size of the context
    parallel: bool = False  # `stream_many` runs more than one turn at a time
    continues: bool = False  # the last message may be the beginning of the answer
    drawn_seed: bool = False  # `TurnSettings.drawn_seed` is the seed where none is set


LOCAL_CAPABILITIES = Capabilities(
    exact_token_count=True,
    prompt_cache=True,
    prompt_progress=True,
    json_schema=True,
    regex=True,
    choice=True,
    grammar=True,
    lark=True,
    logprobs=True,
    answer_now=True,
    context_size=True,
    parallel=True,
    continues=True,
    drawn_seed=True,
)
"""What the engine of this mull can do, in this process or in one that keeps the model loaded."""


_NEEDED: Mapping[FormatKind, tuple[str, str]] = {
    "json": ("json_schema", "JSON"),
    "schema": ("json_schema", "a schema"),
    "regex": ("regex", "a regular expression"),
    "choice": ("choice", "one of some choices"),
    "gbnf": ("grammar", "a grammar"),
    "lark": ("lark", "a grammar in Lark's notation"),
}
"""The capability that a format needs, and what the answer is then constrained to."""


def check_supported(backend: ChatBackend, settings: TurnSettings, *, parallel: int | None = None) -> None:
    """Refuse what the backend does not declare: raises UsageError (not_supported) that names it.

    `parallel`: how many turns at a time the user wants; None: the backend decides.
    """
    able, wanted = backend.capabilities, settings.answer_format
    if wanted is not None and not getattr(able, _NEEDED[wanted.kind][0]):
        what, hint = f"constrain its answer to {_NEEDED[wanted.kind][1]}", "Ask for it in words"
    elif settings.logprobs is not None and not able.logprobs:
        what, hint = "report log probabilities", "Leave out --logprobs"
    elif parallel is not None and parallel > 1 and not able.parallel:
        what, hint = f"answer {parallel} at a time", "Leave out --parallel"
    elif settings.continue_answer and not able.continues:
        what, hint = "continue an answer that was begun", "Ask again"
    else:
        return
    raise UsageError(
        "not_supported", f"{backend.name} cannot {what}.", f"{hint}, or choose another model with -m."
    )


def noticed(events: Iterable[Event], backend: ChatBackend, control: TurnControl) -> Iterator[Event]:
    """The events of a turn, with one notice where the user requests the answer of a backend that cannot do that."""
    said = backend.capabilities.answer_now
    for event in events:
        if not said and control.wants_answer and isinstance(event, ThinkingDelta):
            said = True
            yield Notice("not_supported", f"{backend.name} cannot end its thinking early.")
        yield event


def one_by_one(
    backend: ChatBackend, turns: TurnSource, control: TurnControl
) -> Generator[KeyedEvent | None, None, None]:
    """`ChatBackend.stream_many` for a backend that runs one turn at a time, by its `stream`."""
    while not (turns.ended or control.stopped):
        request = turns.take(wait=True)
        yield None
        if request is not None:
            yield from _keyed(backend, request, control)


def _keyed(backend: ChatBackend, request: TurnRequest, control: TurnControl) -> Iterator[KeyedEvent | None]:
    """The events of one turn, up to a stop of them all."""
    try:
        for event in backend.stream(request.messages, request.settings, request.control or control):
            if control.stopped:
                return
            yield request.key, event
            yield None
    except MullError as error:
        if not control.stopped:
            yield request.key, error


@dataclass(frozen=True, slots=True)
class TokenCount:
    """The tokens of a prompt; an estimate where `exact` is False."""

    value: int
    exact: bool = True


@runtime_checkable
class Restarted(Protocol):
    """A backend whose model may be lost and loaded again."""

    @property
    def trouble(self) -> str | None:
        """Why the model has to be loaded again; None while it is loaded, and before the first time."""


@runtime_checkable
class Identified(Protocol):
    """A backend that can say what answers, once it is loaded."""

    def identity(self) -> Mapping[str, Any]:
        """JSON values: the model's files, versions, how it is loaded; see `identity.py`. Raises no error."""


class OfFile:
    """What names a backend for a model file."""

    resolved: Resolved

    @property
    def name(self) -> str:
        return self.resolved.name

    @property
    def reference(self) -> str:
        return self.resolved.reference

    @property
    def location(self) -> str:
        return str(self.resolved.path)


class ChatBackend(Protocol):
    """A model that answers. One thread calls its methods; only `close` may be called from another."""

    @property
    def name(self) -> str:
        """The model's name, for people and for `Done.model`; known before the model is loaded."""

    @property
    def reference(self) -> str:
        """What `-m` takes to get this model again."""

    @property
    def location(self) -> str:
        """Where the model is: the path of its file, or a URL."""

    @property
    def capabilities(self) -> Capabilities:
        """What it can do; known before the model is loaded."""

    @property
    def context_tokens(self) -> int | None:
        """The size of the context; None if unknown. Raises MullError (model_not_loaded) before the model is loaded."""

    @property
    def can_think(self) -> bool | None:
        """Whether the model can think; None if that is not known before it is loaded."""

    # Loading.

    @property
    def ready(self) -> bool:
        """The model is loaded."""

    @property
    def progress(self) -> float | None:
        """The loaded fraction, 0.0 to 1.0; None while nothing is being loaded."""

    def start(self, on_progress: Callable[[], None] | None = None) -> None:
        """Start loading in the background. Another thread calls `on_progress` whenever `progress` changes."""

    def head_start(self, *, constrained: bool = False) -> None:
        """Start loading, and return as soon as loading no longer competes with the caller for the interpreter.

        `constrained`: the first answer has a format; what takes time to prepare for it may be prepared, too.
        """

    def load(self, control: TurnControl) -> Iterator[Event]:
        """Load the model, or wait for the background load: yields `Loading` and `Notice`, returns once it is ready.

        Raises what loading raises, and Interrupted as soon as `control` is stopped; the background load continues.
        """

    # Turns.

    def sampling_advice(self, thinking: bool | None) -> Sampling:
        """The sampling where the user sets none, with thinking on, off, or at its default (None): what the vendor
        recommends, and mull's defaults. A field that is None is left to the server.
        """

    def count_tokens(self, messages: Sequence[Message], settings: TurnSettings) -> TokenCount:
        """Count the tokens of the prompt that these messages make. Raises TemplateError."""

    def stream(
        self, messages: Sequence[Message], settings: TurnSettings, control: TurnControl
    ) -> Iterator[Event]:
        """Run one turn. Raises MullError before its first token; a later error is in its `Done`.

        Every field of `settings` counts: `max_tokens` limits thinking and answer together, no text from a stop string
        on is shown, and a thinking budget is kept or answered with a `ReasoningReport.notice`. The text of such a
        notice comes as a `Notice` event too. `control.stopped` is obeyed between any two events.
        """

    def stream_many(
        self, turns: TurnSource, control: TurnControl
    ) -> Generator[KeyedEvent | None, None, None]:
        """Run turns in parallel, as many at a time as the backend was opened for, until the source has ended.

        Each turn's events come in order and end with `Done` or a MullError; those of different turns are interleaved.
        None comes at least every 0.1 s, also while nothing happens: the caller may draw then. Once `control` is
        stopped, the iterator ends and the turns that still run are dropped.
        """

    # The end.

    def persist(self) -> None:
        """Write the prompt cache of the last turn to disk for other processes, if that saves them time.

        It may write hundreds of megabytes: call it once the answer has been shown. Does nothing without a cache.
        """

    def close(self) -> None:
        """Free the model's memory and abort a background load. `start` loads it again."""
