"""A scripted server, and a backend for it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from mull.backends.openai.backend import OpenAIBackend
from mull.control import TurnControl
from mull.endpoints.http import Client
from mull.events import Done, Event
from mull.messages import Message
from mull.settings import ReasoningAsk, Sampling, TurnSettings
from tests.endpoints.dialects import Dialect, read_dialect
from tests.endpoints.scripted_server import Reply, Server, Step, serve
from tests.streams import check_stream


class Office:
    """An endpoint called "office": a server that plays a dialect, and its backend, loaded."""

    def __init__(
        self,
        server: Server,
        dialect: Dialect,
        model: str | None = None,
        timeout: float = 600.0,
        limit: int | None = None,
    ) -> None:
        self.server = server
        self.dialect = dialect
        dialect.play_on(server)
        self.backend = OpenAIBackend(Client(server.url, name="office", timeout=timeout), model, context=limit)
        self.loading = list(self.backend.load(TurnControl()))

    def plays(self, *steps: Step, **others: Any) -> None:
        """Answer chats with these steps."""
        self.server.on("POST", self.dialect.chat, Reply(steps, **others))

    def events(self, control: TurnControl | None = None, **settings: Any) -> list[Event]:
        return list(self.stream(control, **settings))

    def stream(self, control: TurnControl | None = None, **settings: Any) -> Iterator[Event]:
        asked = TurnSettings(**{"sampling": Sampling(), **settings})
        return self.backend.stream([Message("user", "Hi")], asked, control or TurnControl())

    def ask(self, **settings: Any) -> Done:
        return check_stream(self.events(**settings))

    def reasons(self, on: bool | None = None, **others: Any) -> Done:
        return self.ask(reasoning=ReasoningAsk(on=on, **others))

    @property
    def asked(self) -> Any:
        """The body of the last chat request."""
        return self.server.sent_to(self.dialect.chat)[-1].json


Open = Callable[..., Office]


@pytest.fixture
def office() -> Iterator[Open]:
    """Open an office of a dialect; `model`: the model to ask for; `timeout`: the client's, in seconds; `limit`: the
    context that the config names."""
    opened: list[Any] = []

    def open_office(
        name: str = "vllm",
        *,
        model: str | None = None,
        timeout: float = 600.0,
        limit: int | None = None,
        **changes: Any,
    ) -> Office:
        running = serve()
        opened.append(running)
        return Office(running.__enter__(), read_dialect(name, **changes), model, timeout, limit)

    yield open_office
    for running in opened:
        running.__exit__(None, None, None)
