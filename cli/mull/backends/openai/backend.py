"""`OpenAIBackend`: a model behind an OpenAI-compatible API.

In: a client for the server, and the model's name (None: its only or first one). Out: a `ChatBackend`. Loading is
looking: which server answers, which models it has, what the model can do. Name and capabilities need that too, and look
where nobody has before: they raise ServerError where the server does not answer.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from mull import __version__
from mull.backends.base import (
    LOCAL_CAPABILITIES,
    Capabilities,
    KeyedEvent,
    TokenCount,
    TurnRequest,
    TurnSource,
)
from mull.backends.openai.facts import ONE_MODEL, Remote, facts
from mull.backends.openai.names import same_model
from mull.control import TurnControl
from mull.endpoints.errors import ServerError
from mull.endpoints.http import Client
from mull.endpoints.kind import ServedModel, Server, ServerKind, look
from mull.errors import ContextOverflow, Interrupted, MullError
from mull.events import Done, Event, Notice, Waiting
from mull.messages import Message
from mull.settings import Sampling, TurnSettings

if TYPE_CHECKING:
    from mull.backends.openai.counting import Estimate

POLL_SECONDS = 0.05
_MULL = replace(LOCAL_CAPABILITIES, context_size=False)
_STRUCTURED = Capabilities(
    json_schema=True,
    regex=True,
    choice=True,
    grammar=True,
    logprobs=True,
    parallel=True,
    continues=True,
)
CAPABILITIES: dict[ServerKind, Capabilities] = {
    "mull": _MULL,
    "llama-server": replace(_MULL, regex=False, lark=False),
    # A new request cuts the one that runs.
    "llama_cpp.server": Capabilities(json_schema=True, choice=True, grammar=True),
    "vLLM": replace(_STRUCTURED, lark=True),
    "SGLang": _STRUCTURED,
    "Ollama": Capabilities(json_schema=True, parallel=True),
    "LM Studio": Capabilities(json_schema=True, parallel=True),
    "OpenRouter": Capabilities(json_schema=True, logprobs=True, parallel=True),
    "other": Capabilities(json_schema=True, logprobs=True, parallel=True),
}
"""What each kind of server can do. None lets a request set the size of the context."""


LOADS_LATE: tuple[ServerKind, ...] = ("mull", "llama-server", "Ollama")
"""Kinds of servers that may load a model when it is asked, and tell its context from then on."""


class OpenAIBackend:
    """One model of one server. `width`: requests at a time in `stream_many`.

    `context`: the tokens of its context, for a server that does not tell them or lets requests choose them.
    """

    def __init__(
        self,
        client: Client,
        model: str | None = None,
        *,
        width: int | None = None,
        context: int | None = None,
    ) -> None:
        self.client = client
        self._wanted = model  # once the server was asked, the model that it has chosen
        self._width = width
        self._context = context
        self._remote: Remote | None = None
        self._failure: BaseException | None = None
        self._looking: threading.Thread | None = None
        self._abort = TurnControl()
        self._lock = threading.Lock()
        self._loaded = False
        self._knows = False  # what the server tells of a loaded model

    @property
    def name(self) -> str:
        return self._wanted or self.remote().model

    @property
    def reference(self) -> str:
        return f"{self._wanted or ''}@{self.client.name}"

    @property
    def location(self) -> str:
        return str(self.client.url)

    @property
    def capabilities(self) -> Capabilities:
        return CAPABILITIES[self.remote().kind]

    @property
    def context_tokens(self) -> int | None:
        if not self.ready:
            raise MullError("model_not_loaded", f"{self.name} is not loaded yet.", "Wait a moment.")
        return self.remote().facts.context

    @property
    def can_think(self) -> bool | None:
        return self._remote.facts.thinks if self._remote is not None else None

    # Loading.

    def remote(self, control: TurnControl | None = None) -> Remote:
        """What looking finds, once. Raises ServerError, and Interrupted."""
        with self._lock:
            if self._remote is None:
                self._remote = self._look(control)
            return self._remote

    def _look(self, control: TurnControl | None) -> Remote:
        server = look(self.client, control)
        model, notices = self._model(server)
        self._wanted = model.name
        known = facts(self.client, server, model, control)
        if self._context is not None:
            known = replace(known, context=self._context)
        listed = tuple(one.name for one in server.models)
        return Remote(server.kind, model.name, known, notices, listed, self._context)

    def _model(self, server: Server) -> tuple[ServedModel, tuple[Notice, ...]]:
        """The model to ask, with a notice where the server ignores the name that the user gave."""
        wanted, models = self._wanted, server.models
        if wanted is None:
            if not models:
                raise ServerError(
                    "endpoint_not_found",
                    f"{self.client.name} lists no model.",
                    "Load one there, or name one: -m MODEL@ENDPOINT.",
                )
            return models[0], ()
        named = next((one for one in models if one.name == wanted), None)
        if named is not None:
            return named, ()
        if len(models) != 1 or server.kind not in ONE_MODEL:
            return ServedModel(wanted), ()
        model = replace(models[0], name=wanted)
        if same_model(wanted, models[0].name):
            return model, ()
        text = f"{self.client.name} has no model {wanted}: {models[0].name} answers."
        return model, (Notice("another_model", text),)

    @property
    def ready(self) -> bool:
        return self._loaded

    @property
    def progress(self) -> float | None:
        return 0.0 if self._looking is not None and self._looking.is_alive() else None

    def start(self, on_progress: Callable[[], None] | None = None) -> None:
        if self._loaded or self._looking is not None:
            return
        abort = self._abort = TurnControl()

        def look_around() -> None:
            try:
                self.remote(abort)
            except BaseException as failure:  # noqa: BLE001 - raised again by `load`
                self._failure = failure
            if on_progress is not None:
                on_progress()

        self._looking = threading.Thread(target=look_around, name="load", daemon=True)
        self._looking.start()

    def head_start(self, *, constrained: bool = False) -> None:  # noqa: ARG002 - nothing to prepare here
        self.start()

    def load(self, control: TurnControl) -> Iterator[Event]:
        if self._loaded:
            return
        self.start()
        thread = self._looking
        assert thread is not None
        yield Waiting(self.client.name)
        while thread.is_alive():
            thread.join(POLL_SECONDS)
            if control.stopped:
                raise Interrupted
        self._looking = None
        failure, self._failure = self._failure, None
        if failure is not None:
            raise failure
        self._loaded = True
        yield from self.remote().notices

    # Turns.

    def sampling_advice(self, thinking: bool | None) -> Sampling:  # noqa: ARG002 - the server has its own
        return Sampling()

    def count_tokens(self, messages: Sequence[Message], settings: TurnSettings) -> TokenCount:
        from mull.backends.openai.counting import count

        remote = self.remote()
        return count(self.client, remote, _sent(messages, settings, remote), settings, self._guess)

    @cached_property
    def _guess(self) -> Estimate:
        from mull.backends.openai.counting import Estimate

        return Estimate()

    def stream(
        self, messages: Sequence[Message], settings: TurnSettings, control: TurnControl
    ) -> Iterator[Event]:
        from mull.backends.openai.turn import run

        remote = self.remote(control)
        messages = _sent(messages, settings, remote)
        try:
            with closing(run(self.client, remote, messages, settings, control)) as events:
                for event in events:
                    if isinstance(event, Done):
                        self._guess.learn(messages, event.usage.prompt)
                        self._look_again(control)
                    yield event
        except ContextOverflow as error:
            if not error.at_least:
                self._guess.learn(messages, error.prompt_tokens)
            if remote.facts.context is None:  # known from now on, so that a chat can make room
                self._remote = replace(remote, facts=replace(remote.facts, context=error.context_tokens))
            raise

    def _look_again(self, control: TurnControl) -> None:
        """Once, after a turn: a server that loads a model when it is asked knows its context only then."""
        remote = self.remote()
        if (
            self._knows
            or control.stopped
            or remote.facts.context is not None
            or remote.kind not in LOADS_LATE
        ):
            return
        self._knows = True
        server = Server(remote.kind, tuple(map(ServedModel, remote.listed)))
        with suppress(ServerError, Interrupted):
            self._remote = replace(
                remote, facts=facts(self.client, server, ServedModel(remote.model), control)
            )

    def stream_many(
        self, turns: TurnSource, control: TurnControl
    ) -> Generator[KeyedEvent | None, None, None]:
        from mull.backends.openai.parallel import DEFAULT_WIDTH, ParallelStreams

        width = self._width or DEFAULT_WIDTH if self.capabilities.parallel else 1

        def stream(request: TurnRequest, either: TurnControl) -> Iterator[Event]:
            return self.stream(request.messages, request.settings, either)

        return ParallelStreams(stream, width, turns, control).run()

    def identity(self) -> Mapping[str, Any]:
        found = self.remote()
        return {
            "reference": self.reference,
            "endpoint": {"name": self.client.name, "server": found.kind, "model": found.model},
            "versions": {"mull": __version__},
        }

    # The end.

    def persist(self) -> None:
        """The server has its own prompt cache."""

    def close(self) -> None:
        self._abort.stop()
        self._looking, self._remote, self._failure, self._loaded = None, None, None, False
        self._knows = False


def _sent(messages: Sequence[Message], settings: TurnSettings, remote: Remote) -> Sequence[Message]:
    """The messages with what the model is told of its answer's format; a mull of this version adds that itself."""
    from mull.structured.prompt import told

    return messages if remote.facts.extended else told(messages, settings, n_params=None)
