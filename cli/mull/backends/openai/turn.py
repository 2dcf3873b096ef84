"""One turn on a server: a request out, the events of its streamed reply back.

In: a client, what is known of the server, messages and settings. Out: the events of a turn. A failure before the first
token is raised; after it, `Done` carries what came and the error. A stop closes the connection, which ends the server's
work. A mull of this version sends its own events (the `mull` extension), every other server chunks.
"""

from __future__ import annotations

import time
from collections.abc import Generator, Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from mull.backends.openai import failures, ollama
from mull.backends.openai.chunks import Chunk, read_chunk
from mull.backends.openai.counting import estimate
from mull.backends.openai.facts import Remote
from mull.backends.openai.names import same_model
from mull.backends.openai.reasoning import ReasoningRequest, how_to_ask
from mull.backends.openai.reply import Reply
from mull.backends.openai.request import body, left_out
from mull.backends.openai.sse import DONE, EventData
from mull.backends.openai.thinking_in_content import splitter
from mull.control import TurnControl
from mull.endpoints.errors import ServerError
from mull.endpoints.failures import no_answer, said
from mull.endpoints.http import Client, Response
from mull.errors import Interrupted, MullError, UsageError
from mull.events import Event, Notice, Waiting
from mull.fs.json_text import parse_json
from mull.messages import Message
from mull.settings import ReasoningAsk, TurnSettings
from mull.turn.prefill import ask_for

_CONTROLLED = ("mull", "llama-server")
"""Kinds of servers that can be asked to end the thinking of a running reply."""
_CONTINUE_THINKING = ("mull", "llama-server")
"""Kinds of servers to which an answer can be sent that was cut within its thinking."""
AFTER_SECONDS = 5.0
"""What follows the finish reason has to come within this time; the answer is whole without it."""
_BROKEN = {"connection_lost", "connection_timeout"}


def run(
    client: Client, remote: Remote, messages: Sequence[Message], settings: TurnSettings, control: TurnControl
) -> Generator[Event, None, None]:
    """Run one turn. Raises ServerError, ContextOverflow and Interrupted, before the first token only."""
    yield Waiting(client.name, connected=True)
    if remote.facts.extended:
        from mull.backends.openai.exact import run_exact

        yield from run_exact(client, remote, messages, settings, control)
        return
    began = time.perf_counter()
    begun = messages[-1] if settings.continue_answer else None
    if begun is not None:
        settings = replace(
            settings, reasoning=_thinking_before(begun, settings.reasoning, remote, client.name)
        )
    asked = how_to_ask(remote, messages, settings, client.name)
    yield from _opening(client.name, remote, messages, settings, asked)
    path, request = _request(client, remote, messages, settings, asked)
    reply = Reply(
        remote.model,
        settings,
        asked.decision,
        partial(splitter, remote, asked.decision, messages),
        next((one.content for one in reversed(messages) if one.role == "user"), ""),
        began,
        remote.facts.context,
        thinks=bool(remote.facts.thinks) and asked.decision.applied not in ("off", "none"),
        begun=begun,
    )
    yield from reply.opening()
    try:
        with _posted(client, path, remote, request, control) as response:
            yield from _read(client, remote, response, reply, control)
    except Interrupted:
        if not control.stopped:
            raise
    yield from reply.end(interrupted=control.stopped and not reply.over)


def _thinking_before(begun: Message, ask: ReasoningAsk, remote: Remote, name: str) -> ReasoningAsk:
    """How to ask for thinking where the answer has begun. Raises UsageError where the server has no place for it."""
    if remote.kind in _CONTINUE_THINKING:
        return ask_for(ask, begun)
    if begun.thinking and not begun.content:
        raise UsageError(
            "not_supported", f"{name} cannot continue an answer within its thinking.", "Ask again."
        )
    return ReasoningAsk(on=False)


def _opening(
    name: str, remote: Remote, messages: Sequence[Message], settings: TurnSettings, asked: ReasoningRequest
) -> Iterator[Event]:
    """What has to be said before the request is sent."""
    if asked.decision.notice:
        yield Notice("reasoning", asked.decision.notice)
    if missing := left_out(remote, settings.sampling):
        yield Notice("not_supported", f"{name} does not take {', '.join(missing)}.")
    if _binds_thinking(remote, settings, asked):
        text = f"{name} constrains the thinking too, not only the answer; --no-reason avoids that."
        yield Notice("reasoning", text)
    context = remote.facts.context
    if remote.kind == "Ollama" and context is not None and (tokens := estimate(messages)) > context:
        text = f"{name} cuts prompts to its context of {context:,} tokens; this one has some {tokens:,}."
        yield Notice("prompt_cut", text)


def _binds_thinking(remote: Remote, settings: TurnSettings, asked: ReasoningRequest) -> bool:
    """Whether the server's constraint begins with the first token: as a raw grammar does, and a schema of some."""
    wanted = settings.answer_format
    thinks = remote.facts.thinks is not False and asked.decision.applied not in ("off", "none")
    return wanted is not None and thinks and (not wanted.is_json or remote.kind == "llama_cpp.server")


def _request(
    client: Client,
    remote: Remote,
    messages: Sequence[Message],
    settings: TurnSettings,
    asked: ReasoningRequest,
) -> tuple[str, dict[str, Any]]:
    """The path and the body of the request."""
    if remote.facts.native:
        request = ollama.body(remote.model, messages, settings, asked, remote.asked_context)
        return f"{client.url.root}{ollama.PATH}", request
    return f"{client.url.api}/chat/completions", body(remote.kind, remote.model, messages, settings, asked)


def _posted(
    client: Client, path: str, remote: Remote, request: dict[str, Any], control: TurnControl
) -> Response:
    """The response; a server that does not know a field which only asks for counts is asked again without it."""
    if client.url.host.endswith("openai.com") and "max_tokens" in request:  # refused by its newer models
        request["max_completion_tokens"] = request.pop("max_tokens")
    try:
        return client.request("POST", path, request, control=control)
    except ServerError as error:
        if (
            error.status in (400, 422)
            and "stream_options" in error.message
            and request.pop("stream_options", None)
        ):
            return _posted(client, path, remote, request, control)
        raise failures.before_the_stream(error, remote.facts.context) from error


def _served(name: str, reply: Reply) -> Iterator[Event]:
    """A notice where another model answers than the one that was asked."""
    if not same_model(reply.model, reply.served):
        yield Notice("another_model", f"{name} answers with {reply.served}, not with {reply.model}.")


def _read(
    client: Client, remote: Remote, response: Response, reply: Reply, control: TurnControl
) -> Iterator[Event]:
    """The events of the stream; what goes wrong after the first text is the reply's error."""
    ended, asked_to_answer = False, remote.kind not in _CONTROLLED
    events = EventData(_lines(response))
    try:
        for data in events:
            if data == DONE:
                ended = True
                break
            chunk = Chunk({}, error=_reported(data)) if events.failed else _chunk(data, client.name)
            if chunk.error is not None:
                raise failures.in_stream(chunk.error, client.name, reply.context, response.key)
            for event in reply.take(chunk):
                yield event
                response.renew()
            if reply.chunks == 1 and not remote.notices:
                yield from _served(client.name, reply)
            _heed_reason(reply, response, client.name)
            if control.stopped or reply.over:
                return
            if control.wants_answer and not asked_to_answer and reply.is_thinking and reply.id:
                asked_to_answer = True
                yield from _answer_now(client, reply.id)
        if not reply.reason and not (ended and reply.first):
            raise _no_whole_answer(client.name, reply, events)
    except Interrupted:
        raise
    except MullError as error:
        if reply.reason and isinstance(error, ServerError) and error.code in _BROKEN:
            return
        if not reply.first:
            raise
        reply.error = error


def _heed_reason(reply: Reply, response: Response, name: str) -> None:
    """After a finish reason the answer is whole: counts and the end mark may follow, at once. Raises ServerError."""
    if reply.reason in failures.REASONS:
        raise failures.gave_up(reply.reason, name)
    if reply.reason in failures.TOOLS and not reply.answer_tokens:
        raise failures.called_a_tool(name)
    if reply.reason:
        response.hurry(AFTER_SECONDS)


def _no_whole_answer(name: str, reply: Reply, events: EventData) -> ServerError:
    """Why a stream that ends is no answer: it has neither a finish reason nor an end mark after some text."""
    if reply.chunks and events.last != DONE:
        return failures.broken_off(name)
    if events.foreign and not reply.chunks:
        return no_answer(name, "it is no stream of events")
    return failures.empty_stream(name, reply.context)


def _lines(response: Response) -> Iterator[bytes]:
    """The lines of a stream; a body that is one JSON object, whatever its lines, as one."""
    kind = response.headers.get("content-type", "").partition(";")[0].strip().lower()
    return iter((response.body().strip(),)) if kind == "application/json" else response.lines()


def _chunk(data: bytes, name: str) -> Chunk:
    try:
        return read_chunk(data)
    except ValueError as error:
        raise ServerError(
            "endpoint_answer",
            f"{name} sends no valid answer: {error}.",
            "Look at the server's log, and ask again.",
        ) from error


def _reported(data: bytes) -> Any:
    """What an event that is named `error` reports: its JSON where that has words, else its data as they are."""
    try:
        found = parse_json(data)
    except ValueError:
        found = None
    if isinstance(found, dict) and said(found):
        return found.get("error") or found
    return data.decode("utf-8", "replace")


def _answer_now(client: Client, id_: str) -> Iterator[Event]:
    """Ask the server to end the thinking of a running reply."""
    try:
        path = f"{client.url.api}/chat/completions/control"
        answer = client.post_json(path, {"id": id_, "action": "reasoning_end"}, seconds=5.0)
    except ServerError:
        answer = {}
    if not (isinstance(answer, dict) and answer.get("success")):
        yield Notice("not_supported", f"{client.name} cannot end its thinking early.")
