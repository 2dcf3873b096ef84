"""What a server streams: the same events in any pieces, text that can be written, no whole answer without its end."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, ClassVar, Self

from mull.backends.openai.facts import ModelFacts, Remote
from mull.backends.openai.turn import run
from mull.control import TurnControl
from mull.endpoints.http import LINE_BYTES
from mull.endpoints.kind import ServerKind
from mull.endpoints.lines import LineSplitter
from mull.endpoints.url import parse
from mull.errors import MullError
from mull.events import Done, Event, Timing
from mull.messages import Message
from mull.settings import ReasoningAsk, TurnSettings
from mull.terminal.views.json_output import dumps, event_object, result_object
from tests.streams import check_stream

KINDS: tuple[ServerKind, ...] = ("llama-server", "llama_cpp.server", "vLLM", "Ollama", "other", "mull")
ENDS = (b"finish_reason", b"done", b"[DONE]", b'"finish"')


class PlayedClient:
    """A client whose every response is these bytes, in pieces of `size`; no network."""

    name = "office"
    url = parse("http://office.test/v1")

    def __init__(self, data: bytes, size: int) -> None:
        self._data, self._size = data, size

    def request(self, *_arguments: Any, **_more: Any) -> PlayedResponse:
        return PlayedResponse(self._data, self._size)

    def post_json(self, *_arguments: Any, **_more: Any) -> Any:
        return {}


class PlayedResponse:
    key = ""
    headers: ClassVar = {"content-type": "text/event-stream"}

    def __init__(self, data: bytes, size: int) -> None:
        self._data, self._size = data, size

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None: ...

    def hurry(self, seconds: float) -> None: ...
    def renew(self) -> None: ...

    def lines(self) -> Iterator[bytes]:
        splitter = LineSplitter(LINE_BYTES)
        for start in range(0, len(self._data), self._size):
            yield from splitter.feed(self._data[start : start + self._size])
        yield from splitter.finish()


def check(data: bytes) -> None:
    if len(data) < 2:
        return
    kind, off, body = KINDS[data[0] % len(KINDS)], data[0] >= 128, data[2:]
    whole = outcome(kind, body, len(body) + 1, off=off)
    for size in {1 + data[1] % 7, 1 + data[1] % 97}:
        assert outcome(kind, body, size, off=off) == whole
    if isinstance(whole, str):
        return
    done = check_stream(whole)
    assert done.exit_code != 0 or any(end in body or _escaped(body) for end in ENDS)
    for event in whole:
        if not isinstance(event, Done):
            json.loads(dumps(event_object(event)).encode())
    json.loads(dumps(result_object(done)).encode())
    (done.answer + done.thinking).encode()


def outcome(kind: ServerKind, body: bytes, size: int, *, off: bool) -> list[Event] | str:
    """The events, without measured times, or the failure before the first of them."""
    remote = Remote(kind, "thinker", ModelFacts(512, extended=kind == "mull"))
    settings = TurnSettings(ReasoningAsk(on=False if off else None))
    client: Any = PlayedClient(body, size)
    try:
        events = list(run(client, remote, [Message("user", "Hi")], settings, TurnControl()))
    except MullError as error:
        return f"{error.code}: {error.message}"
    return [_without_times(event) for event in events]


def _without_times(event: Event) -> Event:
    if not isinstance(event, Done):
        return event
    return replace(event, timing=Timing(), error=_Same(event.error) if event.error else None)


class _Same(MullError):
    """An error that equals one with the same words."""

    def __init__(self, error: MullError) -> None:
        super().__init__(error.code, error.message, error.hint)
        self.exit_code = error.exit_code

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and (self.code, self.message) == (other.code, other.message)

    __hash__ = MullError.__hash__


def _escaped(body: bytes) -> bool:
    """Names in JSON may be written with escapes."""
    return b"\\u" in body
