"""One turn on a mull of the same version: its very events, through the `mull` extension of the API."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import Any

from mull.api.events import EventReader
from mull.api.request import request_body
from mull.backends.openai import failures
from mull.backends.openai.facts import Remote
from mull.backends.openai.sse import DONE, data_of
from mull.control import TurnControl
from mull.endpoints.errors import ServerError
from mull.endpoints.http import Client, Response
from mull.errors import Interrupted, MullError
from mull.events import AnswerDelta, Done, Event, ReasoningReport, ThinkingDelta, Timing, Usage
from mull.fs.json_text import parse_json
from mull.messages import Message
from mull.settings import TurnSettings


def run_exact(
    client: Client, remote: Remote, messages: Sequence[Message], settings: TurnSettings, control: TurnControl
) -> Iterator[Event]:
    """Run one turn. Raises what the server's own turn raises, and ServerError, before the first token only."""
    request = request_body(remote.model, messages, settings, extended=True)
    reader = EventReader()
    counts = {ThinkingDelta: 0, AnswerDelta: 0}
    failure: MullError | None = None
    try:
        with client.request(
            "POST", f"{client.url.api}/chat/completions", request, control=control
        ) as response:
            for event in _events(client, response, reader, control):
                if isinstance(event, ThinkingDelta | AnswerDelta):
                    counts[type(event)] = event.tokens
                yield event
                if isinstance(event, Done):
                    return
            failure = failures.broken_off(client.name)
    except Interrupted:
        if not control.stopped:
            raise
    except MullError as error:
        failure = error
    if failure is not None and not (reader.thinking or reader.answer):
        raise failure
    yield Done(
        model=remote.model,
        answer=reader.answer,
        thinking=reader.thinking,
        reasoning=ReasoningReport(settings.reasoning.asked, "default", "the turn did not end"),
        finish="interrupted" if failure is None else "error",
        usage=Usage(thinking=counts[ThinkingDelta], answer=counts[AnswerDelta]),
        timing=Timing(),
        error=failure,
    )


def _events(client: Client, response: Response, reader: EventReader, control: TurnControl) -> Iterator[Event]:
    """The events of the stream; asks for the answer as soon as the user does."""
    asked = False
    for data in data_of(response.lines()):
        if data == DONE:
            return
        chunk = _object(data, client.name)
        if chunk.get("error") and "mull" not in chunk:
            raise failures.in_stream(chunk["error"], client.name, None)
        try:
            event = reader.feed(chunk)
        except (KeyError, TypeError, ValueError, IndexError) as error:
            raise _invalid(client.name) from error
        if event is not None:
            yield event
        if control.wants_answer and not asked and isinstance(event, ThinkingDelta):
            asked = True
            with suppress(ServerError):
                path = f"{client.url.api}/chat/completions/control"
                client.post_json(path, {"id": chunk.get("id"), "action": "reasoning_end"}, seconds=5.0)


def _object(data: bytes, name: str) -> dict[str, Any]:
    try:
        found = parse_json(data, lenient=True)
    except ValueError as error:
        raise _invalid(name) from error
    if not isinstance(found, dict):
        raise _invalid(name)
    return found


def _invalid(name: str) -> ServerError:
    return ServerError(
        "endpoint_answer",
        f"{name} sends no valid answer: an event of it is malformed.",
        "Look at the server's log, and ask again.",
    )
