"""`mull show MODEL@ENDPOINT`: what a server reports on a model, and what can be asked of it.

In: an address. Out: a card or JSON; a card sanitizes a server's words. Raises ServerError where it does not answer.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import asdict
from typing import Any

from mull.backends.base import Capabilities
from mull.backends.openai.backend import OpenAIBackend
from mull.backends.openai.facts import Remote
from mull.backends.openai.reasoning import how_to_ask
from mull.commands._endpoints import THINKS
from mull.control import TurnControl, stop_on_interrupt
from mull.endpoints.address import Address
from mull.endpoints.http import Client
from mull.endpoints.known_models import known_models
from mull.events import Notice
from mull.messages import Message
from mull.reasoning.control import ReasoningDecision
from mull.settings import ReasoningAsk, TurnSettings
from mull.suggest import did_you_mean, nearest
from mull.terminal.console.streams import Streams

LIST_SECONDS = 2.0
CAN = {
    "json_schema": "answers after a JSON Schema",
    "grammar": "grammars",
    "logprobs": "log probabilities",
    "answer_now": "ending the thinking early",
    "prompt_progress": "progress of the prompt",
    "exact_token_count": "exact token counts",
    "parallel": "several requests at a time",
}
MODES = {
    "off": ReasoningAsk(on=False),
    "on": ReasoningAsk(on=True),
    "low": ReasoningAsk(on=True, effort="low"),
    "high": ReasoningAsk(on=True, effort="high"),
}


def show(streams: Streams, address: Address, *, json: bool) -> None:
    """Ask the server, and print what it tells."""
    client = Client.of(address.endpoint)
    control = TurnControl()
    with closing(OpenAIBackend(client, address.model)) as backend, stop_on_interrupt(control):
        remote = backend.remote(control)
        able = backend.capabilities
    for notice in remote.notices or _not_listed(address, remote):
        streams.note(notice.text)
    modes = {name: _decision(remote, ask, client.name) for name, ask in MODES.items()}
    if json:
        from mull.terminal.views.json_output import write_object

        write_object(streams, _object(address, remote, able, modes))
        return
    from mull.terminal.console.tables import card

    card(streams, _rows(address, remote, able, modes), f"{remote.model}@{address.endpoint.name}")


def _not_listed(address: Address, remote: Remote) -> tuple[Notice, ...]:
    """A notice where the server does not list the model."""
    listed = known_models([address.endpoint], wait=LIST_SECONDS)[address.endpoint.name]
    if not listed or remote.model in listed:
        return ()
    near = did_you_mean([f"{one}@{address.endpoint.name}" for one in nearest(remote.model, listed)])
    return (
        Notice("another_model", f"{address.endpoint.name} does not list {remote.model}. {near}".rstrip()),
    )


def _decision(remote: Remote, ask: ReasoningAsk, name: str) -> ReasoningDecision:
    return how_to_ask(remote, [Message("user", "Hello")], TurnSettings(reasoning=ask), name).decision


def _rows(
    address: Address, remote: Remote, able: Capabilities, modes: dict[str, ReasoningDecision]
) -> Iterator[tuple[str, str]]:
    facts = remote.facts
    yield "Model", remote.model
    yield (
        "Server",
        f"{'of an unknown kind' if remote.kind == 'other' else remote.kind}, {address.endpoint.url}",
    )
    yield "Context", f"{facts.context:,} tokens" if facts.context else "the server does not tell"
    yield "Thinks", THINKS[facts.thinks] or "the server does not tell"
    if facts.extended:
        yield "Thinking", "controlled by the mull there, as on this machine"
    elif facts.thinks is not False:
        yield "Off", _words(modes["off"])
        yield "On", _words(modes["on"])
        yield "Effort", _words(modes["low"])
    can = [words for name, words in CAN.items() if getattr(able, name)]
    cannot = [words for name, words in CAN.items() if not getattr(able, name)]
    yield "Can", ", ".join(can)
    if cannot:
        yield "Cannot", ", ".join(cannot)


def _words(decision: ReasoningDecision) -> str:
    return decision.notice or decision.how


def _object(
    address: Address, remote: Remote, able: Capabilities, modes: dict[str, ReasoningDecision]
) -> dict[str, Any]:
    endpoint = address.endpoint
    asked = {
        name: {"applied": decision.applied, "how": decision.how, "notice": decision.notice}
        for name, decision in modes.items()
    }
    return {
        "v": 1,
        "model": remote.model,
        "endpoint": {"name": endpoint.name, "url": endpoint.url, "key_env": endpoint.key_env},
        "kind": remote.kind,
        "context": remote.facts.context,
        "thinks": remote.facts.thinks,
        "reasoning": None if remote.facts.extended else asked,
        "capabilities": asdict(able),
        "notices": [notice.text for notice in remote.notices],
        "error": None,
    }
